"""Keras: ``keras.layers.GRU``, alone or in ``Bidirectional``, and a ``Dense`` head, as the arrays of ``get_weights()``.

Keras multiplies from the left, x @ kernel, has the gates in the order z, r, candidate, and keeps two biases as one array
(2, 3H) where the reset gate acts after the product, one (3H,) where before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grukit.interchange._folded import network_of
from grukit.interchange._imported import imported
from grukit.interchange._network import Network, as_arrays, check_shapes, gate_blocks
from grukit.model import NetworkSpec

ORDER = "zrn"  # which swaps two gates, so that it is its own inverse
WITHOUT_BIAS = "Of layers with use_bias=False, give biases of zeros."


def from_keras(
    weights: Sequence[Any] | Mapping[str, Any], *, classes: Any = None, per_step: bool = False, window: int | None = 32
) -> Any:
    """Make a fitted estimator of the weights of Keras' GRU layers and of the ``Dense`` layer after them.

    Keras need not be installed. The estimator predicts what the layers give for the same numbers, with their default
    activations, and ``merge_mode="concat"`` of both directions: the head on the last states, or at every step. It scales
    nothing, and can go on training.

    Parameters
    ----------
    weights : sequence of array, or mapping of str to array
        As ``model.get_weights()`` gives them, for each layer, and of a ``Bidirectional`` for each direction, the kernel, the
        recurrent kernel and the bias; then the head's kernel and bias. Of a mapping the values count, in order.
        ``reset_after`` is told by the shape of the biases, so that layers with ``use_bias=False`` need biases of zeros.
    classes, per_step, window
        As in :func:`grukit.interchange.from_torch`.

    Returns
    -------
    GRURegressor, or GRUClassifier where there are classes
        Of float64 where all arrays are, else of float32.

    Raises
    ------
    ValueError
        Where ``weights`` are neither, arrays are missing or left over, shapes do not fit, or numbers are not finite, naming
        the array by its name or number.
    """
    if not isinstance(weights, Mapping | Sequence) or isinstance(weights, str):
        raise ValueError(
            f"weights must be a list of arrays, as model.get_weights() gives it, or a mapping; got {type(weights).__name__}."
        )
    given = weights if isinstance(weights, Mapping) else {f"weights[{i}]": array for i, array in enumerate(weights)}
    arrays = as_arrays(given)
    names, values = list(arrays), list(arrays.values())
    n_layers = (len(values) - 1) // 3
    if n_layers < 1 or len(values) % 3 == 0:
        raise ValueError(
            f"There are {len(values)} arrays; each GRU has three, kernel, recurrent kernel and bias, and the head one or two. "
            f"{WITHOUT_BIAS}"
        )
    triples = [values[3 * i : 3 * i + 3] for i in range(n_layers)]
    head = values[3 * n_layers :]
    for name, array in list(arrays.items())[2 : 3 * n_layers : 3]:
        if array.ndim != 1 and (array.ndim != 2 or len(array) != 2):
            raise ValueError(f"{name} has the shape {array.shape}, of no bias. {WITHOUT_BIAS}")
    for name, array, n_axes in zip(names, values, [2, 2, None] * n_layers + [2, 1], strict=False):
        if n_axes is not None and array.ndim != n_axes:
            raise ValueError(f"{name} has the shape {array.shape}; it must have {n_axes} axes.")
    both = _has_both_directions(triples, head[0])
    sizes = tuple(recurrent.shape[0] for _, recurrent, _ in triples[:: 1 + both])
    cell = "gru" if triples[0][2].ndim == 2 else "gru_reset_before"
    spec = NetworkSpec(cell, triples[0][0].shape[0], sizes, head[0].shape[1], per_step, both)
    found: dict[str, np.ndarray] = {}
    source: dict[str, str] = {}
    for i, (suffix, _, H) in enumerate(spec.layers):
        own, called = _layer(suffix, H, triples[i], names[3 * i : 3 * i + 3], cell)
        found |= own
        source |= called
    found["head.weight"] = head[0].T
    found["head.bias"] = head[1] if len(head) > 1 else np.zeros(spec.n_outputs, head[0].dtype)
    network = Network(spec, {name: np.ascontiguousarray(found[name]) for name in spec.shapes})
    check_shapes(network, {**source, "head.weight": f"{names[3 * n_layers]}, transposed,", "head.bias": names[-1]})
    return imported(network, classes, window)


def _has_both_directions(triples: list[list[np.ndarray]], head: np.ndarray) -> bool:
    """Whether layers come in pairs, which what they give to the next tells.

    Raises
    ------
    ValueError
        Where what layers give fits neither.
    """

    def fits(n_directions: int) -> bool:
        own = triples[::n_directions]
        units = [recurrent.shape[0] for _, recurrent, _ in own]
        taken = [kernel.shape[0] for kernel, _, _ in own[1:]] + [head.shape[0]]
        pairs = [triples[i : i + n_directions] for i in range(0, len(triples), n_directions)]
        alike = all(len({each[0].shape for each in pair}) == 1 and len(pair) == n_directions for pair in pairs)
        return alike and taken == [n_directions * H for H in units]

    for n_directions in (1, 2):
        if fits(n_directions):
            return n_directions == 2
    raise ValueError(
        f"The layers do not follow one another in one direction or in two: their kernels and recurrent kernels have the "
        f"shapes {[(kernel.shape, recurrent.shape) for kernel, recurrent, _ in triples]}, the head {head.shape}."
    )


def _layer(
    suffix: str, H: int, triple: list[np.ndarray], names: list[str], cell: str
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays of one direction of one layer by grukit's names, and what the user calls them."""
    kernel, recurrent, bias = triple
    shape = (2, 3 * H) if cell == "gru" else (3 * H,)
    if bias.shape != shape:
        raise ValueError(f"{names[2]} has the shape {bias.shape}; a bias of this layer has {shape}.")
    inner, outer = bias if cell == "gru" else (bias, np.zeros_like(bias))
    own = {"weight_ih": kernel.T, "weight_hh": recurrent.T, "bias_ih": inner, "bias_hh": outer}
    called = dict(zip(own, [*(f"{name}, transposed," for name in names[:2]), names[2], names[2]], strict=True))
    found = {f"{kind}_{suffix}": gate_blocks(called[kind], ORDER, array) for kind, array in own.items()}
    return found, {f"{kind}_{suffix}": name for kind, name in called.items()}


def to_keras(model: Any) -> dict[str, np.ndarray]:
    """Give the weights of a fitted model for Keras' GRU layers and a ``Dense`` layer after them.

    Scaling is folded into them, so that the layers take and give the user's own units; those of a classifier give log odds, of
    ``loss="poisson"`` logarithms of the means. The result was compared with the model.

    Parameters
    ----------
    model : fitted GRURegressor or GRUClassifier
        ``cell="gru"`` is for ``reset_after=True``, Keras' default, ``cell="gru_reset_before"`` for ``reset_after=False``.

    Returns
    -------
    dict of str to ndarray
        In the order of ``get_weights()``, so that ``keras_model.set_weights(list(weights.values()))`` sets them:
        ``gru_0/kernel`` (D, 3H), ``gru_0/recurrent_kernel`` (H, 3H), ``gru_0/bias`` (2, 3H) or (3H,), of a second direction
        ``gru_0_reverse/kernel`` and so on; ``head/kernel`` (H, K), ``head/bias`` (K,).

    Raises
    ------
    ValueError
        For what these layers cannot say: a linear part, differences, missing values, learned initial states; and where data
        lie so far from zero that folding the scaling would cost too many digits.
    """
    spec, weights = network_of(model, "Keras")
    given: dict[str, np.ndarray] = {}
    for suffix, _, _ in spec.layers:
        own = [
            gate_blocks(suffix, ORDER, weights[f"{kind}_{suffix}"])
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        bias = np.stack(own[2:]) if spec.cell == "gru" else own[2] + own[3]
        name = f"gru_{suffix.removeprefix('l')}"
        given |= {f"{name}/kernel": own[0].T.copy(), f"{name}/recurrent_kernel": own[1].T.copy(), f"{name}/bias": bias}
    return {**given, "head/kernel": weights["head.weight"].T.copy(), "head/bias": weights["head.bias"]}
