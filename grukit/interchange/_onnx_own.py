"""Graphs that :func:`grukit.interchange.to_onnx` wrote: what is not a chain of layers, too.

What such a file says of itself is not believed: a model is made of its constants and properties, and its graph, written again,
must be the file's, to the byte.
"""

import json
from typing import Any

import numpy as np

from grukit.data import Classes, LinearLags, Scaler
from grukit.estimators._checks import check_spec
from grukit.files import Codec, parse
from grukit.interchange._fitted import Around, fitted_model
from grukit.interchange._imported import NO_CLASSES, check_labels
from grukit.interchange._network import Network, gate_blocks
from grukit.interchange._onnx_constants import array_of
from grukit.interchange._onnx_writer import graph_of
from grukit.model import NetworkSpec

PROPERTY = "grukit"
SPECS = Codec(NetworkSpec)


def property_of(state: Any) -> str:
    """What the graph alone does not tell, as JSON."""
    tree, _ = SPECS.encode(state.spec, "spec")
    several = state.classes is not None and state.classes.multilabel
    told = {"spec": tree, "missing": state.inputs.missing, "link": state.y_scaler.link, "several": several}
    linear = state.choices.final
    if linear is not None:
        told["first_before"] = linear.first_before
    return json.dumps(told)


def own_model(proto: Any, onnx: Any, classes: Any, window: Any) -> Any:
    """The model that ``to_onnx`` wrote; None where the graph is not what it would write.

    Raises
    ------
    ValueError
        Where ``classes`` are not as many as there are, or not sorted, or outputs are no probabilities.
    """
    properties = {each.key: each.value for each in proto.metadata_props}
    if proto.producer_name != "grukit" or PROPERTY not in properties:
        return None
    told = parse(properties[PROPERTY], "its property")
    spec = SPECS.decode(told["spec"], {}, "spec")
    check_spec(spec)
    constants = {each.name: array_of(each) for each in proto.graph.initializer}
    labels = parse(properties["classes"], "its classes")
    if classes is not None:
        if labels is None:
            raise ValueError(NO_CLASSES)
        labels = classes
    known = None if labels is None else Classes(np.asarray(labels), bool(told["several"]))
    if known is not None:
        check_labels(known.values, known.multilabel)
    window = parse(properties["window"], "its window") if isinstance(window, str) else window
    model = fitted_model(_network(spec, constants), _around(constants, told, known), window)
    again = graph_of(model._fitted, onnx)
    same = again.SerializeToString(deterministic=True) == proto.graph.SerializeToString(deterministic=True)
    return model if same else None


def _network(spec: NetworkSpec, constants: dict[str, np.ndarray]) -> Network:
    """Layers and head, from the arrays that the writer names."""
    weights = {"head.weight": constants["head_weight"].T, "head.bias": constants["head_bias"]}
    for row, (suffix, _, H) in enumerate(spec.layers):
        k, r = divmod(row, spec.n_directions)
        inner, outer = np.split(constants[f"B{k}"][r], 2)
        own = {
            "weight_ih": constants[f"W{k}"][r],
            "weight_hh": constants[f"R{k}"][r],
            "bias_ih": inner,
            "bias_hh": outer,
        }
        weights |= {f"{name}_{suffix}": gate_blocks(name, "zrn", array) for name, array in own.items()}
        if spec.learned_state:
            weights[f"initial_{suffix}"] = constants[f"initial{k}"][r].reshape(1, H)
    for name, shape in spec.shapes.items():
        if weights[name].shape != shape or weights[name].dtype != np.float32:
            raise ValueError(f"{name} has the shape {weights[name].shape}; the network's is {shape}.")
    return Network(spec, {name: np.ascontiguousarray(weights[name]) for name in spec.shapes})


def _around(constants: dict[str, np.ndarray], told: dict[str, Any], classes: Classes | None) -> Around:
    x_scaler = Scaler(constants["x_mean"], constants["x_scale"])
    y_scaler = Scaler(constants["y_mean"], constants["y_scale"], told["link"])
    linear = None
    if "linear_coef" in constants:
        D, K = len(x_scaler.mean), len(y_scaler.mean)
        coef = constants["linear_coef"].reshape(-1, D, K)[::-1]
        first_before = bool(told.get("first_before", False))  # older files have none
        linear = LinearLags(
            np.ascontiguousarray(coef), constants["linear_intercept"], constants["linear_mean"], first_before
        )
    return Around(classes, told["link"], x_scaler, y_scaler, told["missing"], constants.get("differenced"), linear)
