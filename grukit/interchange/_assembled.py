"""The layers of a graph as one network: in one direction, or in both, of which some may be dead."""

from typing import Any

import numpy as np

from grukit.data import Classes, Scaler
from grukit.interchange._fitted import Network
from grukit.interchange._flow import Flow
from grukit.interchange._onnx_reader import Layer
from grukit.model import NetworkSpec


def assembled(layers: list[Layer], outputs: Flow) -> tuple[Network, Scaler]:
    """A network of all layers and a head, and what its input is scaled by.

    A layer in the direction reverse alone is one of both whose direction forward has no weights, so that its states are zero.

    Raises
    ------
    ValueError
        Where layers or outputs are not such as one network has.
    """
    if not layers or outputs.source != len(layers):
        raise ValueError("its output is not what its last GRU gives, or it has none.")
    if len({layer.cell for layer in layers}) > 1:
        raise ValueError("its GRUs differ in linear_before_reset.")
    if outputs.axes.replace("1", "") not in ("BH", "BRH", "RBH", "TBH", "BTH", "TRBH", "BTRH", "TBRH"):
        raise ValueError(f"its output has the axes {outputs.axes}: batch, time, R directions, H features.")
    per_step = outputs.of == "steps"
    both = any(1 in layer.directions for layer in layers)
    sizes = tuple(layer.weights[0]["weight_hh"].shape[1] for layer in layers)
    learned = any(own["initial"].any() for layer in layers for own in layer.weights)
    n_inputs, K = layers[0].takes.matrix.shape[1], len(outputs.offset)
    spec = NetworkSpec(layers[0].cell, n_inputs, sizes, K, per_step, both, learned)
    scaler = _scaler(layers[0].takes)
    weights: dict[str, np.ndarray] = {}
    rows = iter(spec.layers)
    below = np.arange(n_inputs)
    for k, layer in enumerate(layers):
        for direction in range(spec.n_directions):
            suffix, D, H = next(rows)
            own = layer.weights[layer.directions.index(direction)] if direction in layer.directions else None
            takes = layer.takes if k or scaler is None else None
            weights |= {f"{name}_{suffix}": array for name, array in _direction(own, takes, below, D, H).items()}
        below = _places(layer, both)
    if outputs.of == "step" and _reads(outputs, [i for i, place in enumerate(below) if place >= sizes[-1]]):
        raise ValueError("its head reads the last step of a direction that begins there; take the last states, Y_h.")
    head = np.zeros((K, spec.n_directions * sizes[-1]))
    head[:, below] = outputs.matrix.toarray()
    weights |= {"head.weight": head, "head.bias": outputs.offset}
    dtype = layers[0].weights[0]["weight_ih"].dtype
    ordered = {name: weights[name].astype(dtype) for name in spec.shapes if name != "head.bias"}
    return Network(spec, {**ordered, "head.bias": outputs.offset}), scaler or Scaler.identity(n_inputs)


def _scaler(takes: Flow) -> Scaler | None:
    """The first layer's input as columns that are scaled one by one, if it is no more: kept apart, for its digits."""
    n = takes.matrix.shape[1]
    diagonal = takes.matrix.diagonal()
    if takes.matrix.shape != (n, n) or takes.matrix.nnz != np.count_nonzero(diagonal) or not (diagonal > 0).all():
        return None
    return Scaler(-takes.offset / diagonal, 1 / diagonal)


def _places(layer: Layer, both: bool) -> np.ndarray:
    """Where the features of a layer are among those of the network, which may have a direction more."""
    H = layer.weights[0]["weight_hh"].shape[1]
    return np.concatenate([H * direction * both + np.arange(H) for direction in layer.directions])


def _direction(
    own: dict[str, np.ndarray] | None, takes: Flow | None, below: np.ndarray, D: int, H: int
) -> dict[str, np.ndarray]:
    """Weights of one direction, zeros where the layer has it not, with what is done to its input folded in."""
    found = {"weight_ih": np.zeros((3 * H, D)), "weight_hh": np.zeros((3 * H, H)), "bias_ih": np.zeros(3 * H)}
    found |= {"bias_hh": np.zeros(3 * H), "initial": np.zeros((1, H))}
    if own is None:
        return found
    matrix, bias = own["weight_ih"].astype(np.float64), own["bias_ih"].astype(np.float64)
    if takes is not None:
        bias = bias + matrix @ takes.offset
        matrix = matrix @ takes.matrix
    found["weight_ih"][:, below] = matrix
    return {
        **found,
        "weight_hh": own["weight_hh"],
        "bias_ih": bias,
        "bias_hh": own["bias_hh"],
        "initial": own["initial"],
    }


def _reads(flow: Flow, features: list[int]) -> bool:
    return bool(len(features) and flow.matrix[:, features].nnz)


def classes_of(network: Network, link: str, labels: Any) -> tuple[Network, Classes | None]:
    """The network of a classifier, and its classes: 0, 1, ... where there are no ``labels``.

    Of two classes one output is enough.

    Raises
    ------
    ValueError
        Where the labels are not as many as outputs.
    """
    spec, weights = network
    if link in ("identity", "exp"):
        if labels is not None:
            raise ValueError("its outputs are no probabilities; classes are for softmax and sigmoid.")
        return network, None
    rows = np.column_stack([weights["head.weight"], weights["head.bias"]])
    opposite = spec.n_outputs == 2 and np.array_equal(rows[0], -rows[1])
    several = link == "sigmoid" and spec.n_outputs > 1 and not opposite
    n = max(2, spec.n_outputs)
    values = np.arange(n) if labels is None else np.asarray(labels)
    if values.ndim != 1 or len(values) != n or (not several and not np.array_equal(np.unique(values), values)):
        raise ValueError(f"classes must be {n} labels, each once and sorted; got {labels!r:.80}.")
    if spec.n_outputs == 2 and not several:
        kept = weights["head.weight"][1:], weights["head.bias"][1:]
        if link == "softmax":
            kept = kept[0] - weights["head.weight"][:1], kept[1] - weights["head.bias"][:1]
        weights = {**weights, "head.weight": kept[0], "head.bias": kept[1]}
        spec = NetworkSpec(
            spec.cell, spec.n_inputs, spec.hidden_layer_sizes, 1, spec.per_step, spec.bidirectional, spec.learned_state
        )
    return Network(spec, weights), Classes(values, several)
