"""A network alone: recurrent layers and a head in the user's own units, which is all that other libraries have."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grukit.data import Classes
from grukit.estimators.fitted import FittedState, fitted_state
from grukit.interchange._fitted import Around, Network, fitted_model
from grukit.model import NetworkSpec

# How far a network in the user's units may be from the model, as a share of the spread of predictions: of float32 what data a
# hundred standard deviations away from zero cost.
ROUNDING = {"float32": 1e-4, "float64": 1e-8}


def gate_blocks(name: str, order: str, array: np.ndarray) -> np.ndarray:
    """The blocks of ``array``, along its first axis in the order r, z, n, in another order of gates; or back.

    Parameters
    ----------
    name : str
        Of what it is, for the message.
    order : str
        For instance "zrn". Its own inverse where it swaps two gates.
    array : ndarray of shape (3H, ...)
    """
    if array.shape[0] % 3:
        raise ValueError(f"{name} has the shape {array.shape}, which are no three gates.")
    blocks = dict(zip("rzn", np.split(array, 3), strict=True))
    return np.concatenate([blocks[gate] for gate in order])


def network_of(model: Any, library: str) -> Network:
    """The layers and the head of a fitted model in the user's units, compared with it.

    Scaling is folded into the weights that it is next to: (x - m) / s into the first layer's, p s + m into the head's.

    Parameters
    ----------
    model : fitted estimator
    library : str
        For messages.

    Raises
    ------
    ValueError
        For what is no layer or head, and where folding would cost too many digits, saying why.
    """
    state = fitted_state(model)
    for reason in _more_than_layers(state):
        raise ValueError(f"{library} has no place for {reason}.")
    spec, dtype = state.spec, state.parameters.dtype
    weights = {name: view.astype(np.float64) for name, view in spec.views(state.parameters).items()}
    for suffix, _, _ in spec.layers[: spec.n_directions]:
        weights[f"bias_ih_{suffix}"] -= weights[f"weight_ih_{suffix}"] @ (state.x_scaler.mean / state.x_scaler.scale)
        weights[f"weight_ih_{suffix}"] /= state.x_scaler.scale
    weights["head.weight"] *= state.y_scaler.scale[:, None]
    weights["head.bias"] = weights["head.bias"] * state.y_scaler.scale + state.y_scaler.mean
    network = Network(spec, {name: array.astype(dtype) for name, array in weights.items()})
    _check_same(model, state, network, library)
    return network


def _more_than_layers(state: FittedState) -> Iterator[str]:
    """What a model has besides layers and a head, each with what to do about it."""
    spec = state.spec
    if spec.cell not in ("gru", "gru_reset_before"):
        yield f"the cell {spec.cell!r}"
    if state.choices.final is not None:
        yield "the linear part, which reads the last rows beside the network; fit with anchor=None, linear_lags=0"
    if state.choices.differenced is not None:
        yield "differences, which the network receives of some columns; fit with difference=False"
    if state.inputs.missing != "error":
        yield f"missing={state.inputs.missing!r}, which gives the network more than the columns of X"
    if spec.learned_state:
        yield "learned initial states; fit with initial_state='zeros'"
    if not np.isfinite(state.y_scaler.mean).all():
        yield "a target that is always 0, whose logarithm is infinite"


def _check_same(model: Any, state: FittedState, network: Network, library: str) -> None:
    """Raise where the network in the user's units is not the model: compared on sequences that look like its data."""
    rng = np.random.default_rng(0)
    x = state.x_scaler.mean + state.x_scaler.scale * rng.normal(size=(8, 10, state.n_features))
    alone = fitted_model(network, Around(state.classes, state.y_scaler.link), state.inputs.window)
    expected = model.predictor()(x)
    found = alone.predictor()(x).reshape(expected.shape)  # which y may have had with an axis of one output
    scale = (
        np.abs(state.y_scaler.scale).max() if state.y_scaler.link == "identity" else max(1.0, np.abs(expected).max())
    )
    error = float(np.abs(found - expected).max()) / (scale or 1.0)
    bound = ROUNDING[state.parameters.dtype.name]
    if not error <= bound:
        raise ValueError(
            f"For {library}, scaling is folded into the weights, which costs digits where data lie far from zero: "
            f"predictions would differ by {error:.1g} of their spread, more than {bound:g}. Fit with dtype='float64', or on "
            "columns that are scaled before, with standardize=False."
        )


def imported(network: Network, classes: Any, window: int | None) -> Any:
    """The estimator of a network that another library trained; with ``classes`` a classifier.

    Raises
    ------
    ValueError
        Where a weight is not finite, or the classes are not as many as outputs.
    """
    spec, weights = network
    check_finite(network)
    if classes is None:
        return fitted_model(network, Around(), window)
    values = np.asarray(classes)
    if values.ndim != 1 or len(np.unique(values)) < len(values) or not (np.sort(values) == values).all():
        raise ValueError(
            f"classes must be labels, each once and sorted, as outputs come in that order; got {classes!r}."
        )
    if len(values) == 2 and spec.n_outputs == 2:  # the softmax of two is the logistic function of their difference
        weights = {**weights, **{name: weights[name][1:] - weights[name][:1] for name in ("head.weight", "head.bias")}}
        spec = NetworkSpec(spec.cell, spec.n_inputs, spec.hidden_layer_sizes, 1, spec.per_step, spec.bidirectional)
    known = Classes(values, False)
    if len(values) < 2 or known.n_outputs != spec.n_outputs:
        raise ValueError(f"There are {len(values)} classes; the head has {spec.n_outputs} outputs.")
    return fitted_model(Network(spec, weights), Around(known, known.link), window)


def check_finite(network: Network) -> None:
    """Raise where a weight is NaN or infinite, naming it."""
    for name, array in network.weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity.")


def as_arrays(weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays or tensors by name as arrays of one floating type: float64 where all have it, else float32.

    Raises
    ------
    ValueError
        Naming what is no array of numbers.
    """
    arrays = {}
    for name, value in weights.items():
        try:
            arrays[name] = np.asarray(value)
        except (
            TypeError,
            RuntimeError,
            ValueError,
        ) as error:  # tensors of a GPU, or of a type that NumPy does not have
            raise ValueError(f"{name} cannot be made an array: {error}") from error
        if arrays[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} is an array of {arrays[name].dtype}, not of numbers.")
    wide = all(array.dtype == np.float64 for array in arrays.values())
    return {name: array.astype(np.float64 if wide else np.float32) for name, array in arrays.items()}


def check_shapes(network: Network, source: Mapping[str, str]) -> None:
    """Raise where an array has not the shape that the network's other arrays ask for.

    Parameters
    ----------
    network : Network
    source : mapping of str to str
        What the user calls them.
    """
    for name, shape in network.spec.shapes.items():
        found = network.weights[name].shape
        if found != shape:
            raise ValueError(f"{source.get(name, name)} has the shape {found}; the network's is {shape}.")
