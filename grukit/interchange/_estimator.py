"""Fitted estimators of networks that were trained elsewhere."""

from dataclasses import replace
from typing import Any

import numpy as np

from grukit.data import Classes, Features, Scaler, TargetForm
from grukit.estimators import GRUClassifier, GRURegressor
from grukit.estimators._checks import check_spec, check_state
from grukit.estimators._choices import Choices
from grukit.estimators._exclusions import check_parameters
from grukit.estimators.fitted import FittedState, TrainingState
from grukit.estimators.inputs import InputForm
from grukit.estimators.targets import Objective
from grukit.interchange._network import Network, check_finite


def imported(network: Network, classes: Any, window: int | None) -> Any:
    """The estimator of a network that another library trained; with ``classes`` a classifier.

    Raises
    ------
    ValueError
        Where a weight is not finite, the window is none, or the classes are not as many as outputs.
    """
    check_finite(network)
    if classes is None:
        return fitted_model(network, window=window)
    network, known = classified(network, "softmax" if network.spec.n_outputs > 1 else "sigmoid", classes)
    return fitted_model(network, known, known.link, window)


def classified(network: Network, link: str, labels: Any) -> tuple[Network, Classes]:
    """The network of a classifier, and its classes: 0, 1, ... where there are no ``labels``.

    Of two classes one output is enough: the softmax of two is the logistic function of their difference.

    Parameters
    ----------
    network : Network
    link : {"softmax", "sigmoid"}
        What makes probabilities of its outputs. Several of a sigmoid are labels that may hold at once, but for two that are
        each other's opposite.
    labels : array of shape (n_classes,) or None

    Raises
    ------
    ValueError
        Where the labels are not sorted, or not as many as outputs.
    """
    spec, weights = network
    rows = np.column_stack([weights["head.weight"], weights["head.bias"]])
    opposite = spec.n_outputs == 2 and np.array_equal(rows[0], -rows[1])
    several = link == "sigmoid" and spec.n_outputs > 1 and not opposite
    n = max(2, spec.n_outputs)
    values = np.arange(n) if labels is None else np.asarray(labels)
    if not (_are_labels(values) if not several else values.ndim == 1):
        raise ValueError(
            f"classes must be labels, each once and sorted, as outputs come in that order; got {labels!r:.200}."
        )
    if len(values) != n:
        raise ValueError(f"There are {len(values)} classes; the head has {spec.n_outputs} outputs.")
    if spec.n_outputs == 2 and not several:
        rows = rows[1:] - rows[:1] if link == "softmax" else rows[1:]
        weights = {**weights, "head.weight": np.ascontiguousarray(rows[:, :-1]), "head.bias": rows[:, -1]}
        spec = replace(spec, n_outputs=1)
    return Network(spec, weights), Classes(values, several)


def _are_labels(values: np.ndarray) -> bool:
    """Whether these are labels in order, each once."""
    if values.ndim != 1:
        return False
    try:
        return np.array_equal(np.unique(values), values)
    except TypeError:  # of kinds that have no order
        return False


def fitted_model(
    network: Network,
    classes: Classes | None = None,
    link: str = "identity",
    window: int | None = 32,
    x_scaler: Scaler | None = None,
    y_mean: np.ndarray | None = None,
) -> Any:
    """A fitted estimator of layers and a head, which scales nothing but as it is told.

    Parameters
    ----------
    network : Network
    classes : Classes or None
        Of a classifier.
    link : str
        See :mod:`grukit.data.links`.
    window : int or None
        The parameter.
    x_scaler : Scaler or None
        What standardises the inputs.
    y_mean : ndarray of shape (K,) or None
        What is added to outputs.

    Raises
    ------
    ValueError
        Where a parameter is none, or parts do not fit together.
    """
    spec, weights = network
    check_spec(spec)
    model = _unfitted(network, classes, link, window)
    y_scaler = Scaler.identity(spec.n_outputs, link)
    if y_mean is not None:
        y_scaler = Scaler(y_mean, y_scaler.scale, link)
    # Without a window, rows of a table are sequences of one feature, which a network of several has no use for.
    kind = "sequences" if spec.per_step or (window is None and spec.n_inputs > 1) else None
    state = FittedState(
        InputForm(type(model).__name__, window, "error", kind, Features(spec.n_inputs, None)),
        TargetForm(spec.n_outputs, spec.per_step, spec.n_outputs == 1 and classes is None, None),
        None if classes is None else _form_of_labels(classes, spec.per_step),
        classes,
        Scaler.identity(spec.n_inputs),
        x_scaler or Scaler.identity(spec.n_inputs),
        y_scaler,
        Choices.of(None, spec.n_outputs, None, {name: getattr(model, name) for name in model._chosen_by}),
        spec,
        np.concatenate([weights[name].ravel() for name in spec.shapes]),
        _untrained(model, classes, link),
    )
    check_state(state)
    model._fitted = state
    return model


def _unfitted(network: Network, classes: Classes | None, link: str, window: int | None) -> Any:
    """An estimator with the parameters that make such a network, checked as ``fit`` does."""
    spec = network.spec
    settings: dict[str, Any] = {
        "hidden_layer_sizes": spec.hidden_layer_sizes,
        "window": window,
        "cell": spec.cell,
        "bidirectional": spec.bidirectional,
        "initial_state": "learned" if spec.learned_state else "zeros",
        "standardize": False,
        "difference": False,
        "dtype": network.weights["head.weight"].dtype.name,
    }
    if classes is None:
        settings |= {"anchor": None, "linear_lags": 0, "loss": "poisson" if link == "log" else "squared_error"}
    kind: Any = GRURegressor if classes is None else GRUClassifier
    model = kind(**settings)
    model._validate_params()
    check_parameters(model)
    return model


def _form_of_labels(classes: Classes, per_step: bool) -> TargetForm:
    if classes.multilabel:
        return TargetForm(len(classes.values), per_step, False, None, np.dtype(np.int64))
    return TargetForm(1, per_step, True, None, classes.values.dtype)


def _untrained(model: Any, classes: Classes | None, link: str) -> TrainingState:
    objective: Objective = model._objective(classes)
    assert objective.link == link
    return TrainingState(
        objective,
        np.random.RandomState(0),
        model.standardize,
        model.solver,
        {},
        stop_reason="The weights come from elsewhere.",
        device="cpu",
        device_reason="The weights come from elsewhere.",
    )
