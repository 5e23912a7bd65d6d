"""PyTorch: ``torch.nn.GRU`` and a linear head, as a ``state_dict``."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from grukit.interchange._folded import network_of
from grukit.interchange._imported import imported
from grukit.interchange._network import Network, as_arrays, check_shapes
from grukit.model import NetworkSpec

LAYER = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)(_reverse)?$")


def from_torch(
    state_dict: Mapping[str, Any],
    head: str = "head",
    *,
    classes: Any = None,
    per_step: bool = False,
    window: int | None = 32,
) -> Any:
    """Make a fitted estimator of the weights of a ``torch.nn.GRU`` and of the ``torch.nn.Linear`` after it.

    PyTorch need not be installed. The estimator predicts what the module gives for the same numbers: the head on the last
    states of all directions, or on the outputs of every step. It scales nothing, and can go on training.

    Parameters
    ----------
    state_dict : mapping of str to array or tensor
        As ``module.state_dict()`` gives it. Whatever stands before the names of the GRU is found; biases that are not there
        are zero.
    head : str, default="head"
        Name of the linear layer, of which ``head.weight`` and ``head.bias`` are there.
    classes : array of shape (n_classes,), default=None
        Of a classifier, the labels of the head's outputs, in order and sorted; with two, the head may have one output, the log
        odds of the second.
    per_step : bool, default=False
        The head is applied at every step.
    window : int or None, default=32
        Of the estimator: what a row of a table sees. Sequences are taken whole.

    Returns
    -------
    GRURegressor, or GRUClassifier where there are classes
        Of float64 where all arrays are, else of float32.

    Raises
    ------
    ValueError
        Where ``state_dict`` is no mapping, names are missing or unknown, shapes do not fit, or numbers are not finite, naming
        the entry.
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(
            "state_dict must be a mapping of names to arrays, as module.state_dict() gives it; got "
            f"{type(state_dict).__name__}."
        )
    arrays = as_arrays(state_dict)
    prefix, source = _prefix_of(arrays), {}
    for name in arrays:
        own = name.removeprefix(prefix) if name.startswith(prefix) else ""
        if LAYER.fullmatch(own):
            source[own] = name
    for kind in ("weight", "bias"):
        found = [name for name in arrays if name == f"{head}.{kind}" or name.endswith(f".{head}.{kind}")]
        if len(found) > 1 or (kind == "weight" and not found):
            raise ValueError(
                f"state_dict has {found or 'no'} {head}.{kind}; head must name one linear layer of {list(arrays)}."
            )
        source |= {f"head.{kind}": name for name in found}
    others = [name for name in arrays if name not in source.values()]
    if others:
        raise ValueError(f"state_dict has {others}, which are neither of one GRU nor of the layer {head!r} after it.")
    network = _network({own: arrays[name] for own, name in source.items()}, source, per_step)
    return imported(network, classes, window)


def _prefix_of(arrays: Mapping[str, Any]) -> str:
    found = [name.removesuffix("weight_ih_l0") for name in arrays if name.endswith("weight_ih_l0")]
    if len(found) != 1:
        raise ValueError(
            f"state_dict has {len(found)} entries that end in weight_ih_l0; one GRU has one: {list(arrays)}."
        )
    return found[0]


def _network(weights: dict[str, np.ndarray], source: Mapping[str, str], per_step: bool) -> Network:
    """The layers that the names tell of, with zeros for biases that are not there."""
    n_layers = 1 + max(int(match[2]) for name in weights if (match := LAYER.fullmatch(name)))
    both = "weight_ih_l0_reverse" in weights
    suffixes = [f"l{k}{end}" for k in range(n_layers) for end in ("", "_reverse")[: 1 + both]]
    dtype = weights["head.weight"].dtype
    for name in (f"{kind}_{suffix}" for suffix in suffixes for kind in ("weight_ih", "weight_hh")):
        if name not in weights or weights[name].ndim != 2:
            raise ValueError(f"state_dict has no {name} of two axes, which a GRU of {n_layers} layers has.")
    sizes = tuple(weights[f"weight_hh_l{k}"].shape[1] for k in range(n_layers))
    for suffix in suffixes:
        for kind in ("bias_ih", "bias_hh"):
            weights.setdefault(f"{kind}_{suffix}", np.zeros(len(weights[f"weight_hh_{suffix}"]), dtype))
    if weights["head.weight"].ndim != 2:
        raise ValueError(
            f"{source['head.weight']} has the shape {weights['head.weight'].shape}; it must have two axes."
        )
    K = len(weights["head.weight"])
    weights.setdefault("head.bias", np.zeros(K, dtype))
    spec = NetworkSpec("gru", weights["weight_ih_l0"].shape[1], sizes, K, per_step, both)
    unknown = sorted(set(weights) - set(spec.shapes))
    if unknown:
        raise ValueError(
            f"state_dict has {unknown}, which a GRU of {n_layers} layers in {1 + both} directions has not."
        )
    network = Network(spec, {name: weights[name] for name in spec.shapes})
    check_shapes(network, source)
    return network


def to_torch(model: Any) -> dict[str, np.ndarray]:
    """Give the weights of a fitted model for a ``torch.nn.GRU`` and a ``torch.nn.Linear`` after it.

    Scaling is folded into them, so that the modules take and give the user's own units; those of a classifier give log odds,
    of ``loss="poisson"`` logarithms of the means. The result was compared with the model.

    Parameters
    ----------
    model : fitted GRURegressor or GRUClassifier

    Returns
    -------
    dict of str to ndarray
        ``weight_ih_l0`` and the other names of ``torch.nn.GRU.state_dict()``, then ``head.weight``, ``head.bias``.

    Raises
    ------
    ValueError
        For what PyTorch's modules cannot say: a reset gate before the product, layers of unequal size, a linear part,
        differences, missing values, learned initial states; and where data lie so far from zero that folding the scaling
        would cost too many digits.
    """
    network = network_of(model, "PyTorch")
    if network.spec.cell != "gru":
        raise ValueError("torch.nn.GRU resets after the recurrent product; cell='gru_reset_before' has no place there.")
    if len(set(network.spec.hidden_layer_sizes)) > 1:
        raise ValueError(f"The layers of a torch.nn.GRU have one size; these have {network.spec.hidden_layer_sizes}.")
    return network.weights
