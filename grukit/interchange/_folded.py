"""A model as a network in the user's own units, which is all that other libraries have."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from grukit.estimators.fitted import FittedState
from grukit.estimators.one_model import one_model
from grukit.interchange._fitted import Around, fitted_model
from grukit.interchange._network import Network, largest_share

# How far a network in the user's units may be from the model, as a share of the spread of predictions: of float32 what data a
# hundred standard deviations away from zero cost.
ROUNDING = {"float32": 1e-4, "float64": 1e-8}


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
    TypeError
        Where ``model`` is no estimator of X and y.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    ValueError
        For what is no layer or head, and where folding would cost too many digits, saying why.
    """
    state = one_model(model)
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
        yield "the linear part, which reads the last rows beside the network; fit with linear_lags=0, and anchor=None"
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
    spread = state.y_scaler.scale if state.y_scaler.link == "identity" else max(1.0, np.abs(expected).max())
    error = largest_share(expected, found, spread)
    bound = ROUNDING[state.parameters.dtype.name]
    if not error <= bound:
        raise ValueError(
            f"For {library}, scaling is folded into the weights, which costs digits where data lie far from zero: "
            f"predictions would differ by {error:.1g} of their spread, more than {bound:g}. Fit with dtype='float64', or on "
            "columns that are scaled before, with standardize=False."
        )
