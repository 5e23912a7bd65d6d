"""Fitted estimators of weights that come from elsewhere."""

from typing import Any, NamedTuple

import numpy as np

from grukit.data import Classes, Features, LinearLags, Scaler, TargetForm
from grukit.estimators import GRUClassifier, GRURegressor
from grukit.estimators._checks import check_spec, check_state
from grukit.estimators._choices import Choices
from grukit.estimators._exclusions import check_parameters
from grukit.estimators.fitted import FittedState, TrainingState
from grukit.estimators.inputs import InputForm
from grukit.interchange._network import Network
from grukit.model import NetworkSpec

ELSEWHERE = "The weights come from elsewhere."


class Around(NamedTuple):
    """What a model has around its network; by default nothing."""

    classes: Classes | None = None
    link: str = "identity"  # see grukit.data.links
    x_scaler: Scaler | None = None
    y_scaler: Scaler | None = None
    missing: str = "error"
    differenced: np.ndarray | None = None  # (D,), bool
    linear: LinearLags | None = None


def fitted_model(network: Network, around: Around, window: int | None = 32) -> Any:
    """A fitted estimator of a network and what is around it.

    Parameters
    ----------
    network : Network
    around : Around
    window : int or None
        The parameter.

    Raises
    ------
    ValueError
        Where a parameter is none, or parts do not fit together.
    """
    spec, weights = network
    check_spec(spec)
    classes, per_step = around.classes, spec.per_step
    x_scaler = around.x_scaler or Scaler.identity(spec.n_inputs)
    D = len(x_scaler.mean)
    parameters = np.concatenate([weights[name].ravel() for name in spec.shapes])
    model = _unfitted(spec, around, window, parameters.dtype.name)
    # Without a window, rows of a table are sequences of one feature, which a network of several has no use for.
    kind = "sequences" if per_step or (window is None and D > 1) else None
    linear = around.linear
    asked = {name: getattr(model, name) for name in model._chosen_by}
    none = Choices.of(None, spec.n_outputs, around.differenced, asked)
    state = FittedState(
        InputForm(type(model).__name__, window, around.missing, kind, Features(D, None)),
        TargetForm(spec.n_outputs, per_step, spec.n_outputs == 1 and classes is None, None),
        None if classes is None else _form_of_labels(classes, per_step),
        classes,
        Scaler.identity(D),
        x_scaler,
        around.y_scaler or Scaler.identity(spec.n_outputs, around.link),
        Choices(linear, linear, none.anchors, none.alpha, none.differenced, asked),
        spec,
        parameters,
        _untrained(model, classes),
    )
    check_state(state)
    model._fitted = state
    return model


def _unfitted(spec: NetworkSpec, around: Around, window: int | None, dtype: str) -> Any:
    """The estimator with the parameters of such a model, checked as ``fit`` does."""
    differenced: Any = around.differenced
    if differenced is not None:
        differenced = True if differenced.all() else np.flatnonzero(differenced).tolist()
    settings: dict[str, Any] = {
        "hidden_layer_sizes": spec.hidden_layer_sizes,
        "window": window,
        "cell": spec.cell,
        "bidirectional": spec.bidirectional,
        "initial_state": "learned" if spec.learned_state else "zeros",
        "missing": around.missing,
        "standardize": False,
        "difference": False if differenced is None else differenced,
        "dtype": dtype,
    }
    n_lags = 0 if around.linear is None else len(around.linear.coef)
    model: Any
    if around.classes is not None:
        model = GRUClassifier(**settings, linear_lags=n_lags)
    else:
        loss = "poisson" if around.link == "log" else "squared_error"
        model = GRURegressor(**settings, anchor=None, linear_lags=n_lags, loss=loss)
    model._validate_params()
    check_parameters(model)
    return model


def _form_of_labels(classes: Classes, per_step: bool) -> TargetForm:
    if classes.multilabel:
        return TargetForm(len(classes.values), per_step, False, None, np.dtype(np.int64))
    return TargetForm(1, per_step, True, None, classes.values.dtype)


def _untrained(model: Any, classes: Classes | None) -> TrainingState:
    return TrainingState(
        model._objective(classes),
        np.random.RandomState(0),
        model.standardize,
        model.solver,
        {},
        stop_reason=ELSEWHERE,
        device="cpu",
        device_reason=ELSEWHERE,
    )
