"""Whether what a user gave is one fitted model, of the kind that is needed."""

from typing import Any

from sklearn.pipeline import Pipeline

from grukit.estimators._forecast_attributes import FittedForecaster
from grukit.estimators.attributes import FittedEstimator, FittedNetwork
from grukit.estimators.each import Each
from grukit.estimators.fitted import FittedState, fitted_state

NAMES: dict[type[FittedNetwork], str] = {
    FittedEstimator: "GRURegressor or GRUClassifier",
    FittedForecaster: "GRUForecaster",
    FittedNetwork: "GRURegressor, GRUClassifier or GRUForecaster",
}


def one_model(model: Any, kind: type[FittedNetwork] = FittedEstimator) -> FittedState:
    """The record of a fitted model of a kind.

    Raises
    ------
    TypeError
        Where it is no such model, saying what to give instead.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    """
    if not isinstance(model, kind):
        got = repr(model) if isinstance(model, Each) else type(model).__name__
        raise TypeError(f"Give a fitted {NAMES[kind]}; got {got}.{_instead_of(model)}")
    return fitted_state(model)


def _instead_of(model: Any) -> str:
    """What to give instead."""
    if isinstance(model, Pipeline):
        return " Of a pipeline, give the last step, and X as the steps before it make it."
    if isinstance(model, Each):
        return f" Give the model of one series, as models[{next(iter(model))!r}], and the data of that series."
    return ""
