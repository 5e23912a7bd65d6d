"""Forecasters whose series went on: the origin moved, and trained further where that is asked for."""

from copy import copy
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

from grukit.cores import single_threaded_blas
from grukit.data import Observed, all_known, rows_after
from grukit.estimators._exclusions import check_parameters
from grukit.estimators._forecast import ForecastState
from grukit.estimators._forecast_errors import followed
from grukit.estimators._forecast_fit import learn_once

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


def check_epochs(refit: Any) -> None:
    """Raise for what is no number of epochs."""
    if refit is not None and (not isinstance(refit, Integral) or isinstance(refit, bool) or refit < 0):
        raise ValueError(f"refit is a number of epochs, or None; got {refit!r}.")


def updated(model: "GRUForecaster", state: ForecastState, given: Observed, refit: int | None) -> ForecastState:
    """The state once rows follow, after so many epochs of training on all that is known where there are any."""
    if not refit:
        return _moved(model, state, given)
    later, history = rows_after(given, state.recent), all_known(given, state.recent)
    moved = _moved(model, state, later) if len(later.series) else state
    return _trained(model, moved, history, int(refit))


def _moved(model: "GRUForecaster", state: ForecastState, later: Observed) -> ForecastState:
    """With the origin behind the later rows."""
    recent, online = state.recent.followed_by(later, state.n_recent), followed(model, state, later)
    figures = state.figures_with(later, recent.series.keys)
    return replace(state, recent=recent, figures=figures, online=online)


def _trained(model: "GRUForecaster", moved: ForecastState, history: Observed, n: int) -> ForecastState:
    """After n epochs on all of a history, which hold out nothing; intervals are as they were."""
    other = copy(model)
    other.set_params(
        max_iter=n,
        n_iter_no_change=max(n + 1, model.n_iter_no_change),
        warm_start=True,
        early_stopping=False,
        calibration="auto",
        checkpoint=None,
    )
    other._validate_params()
    check_parameters(other)
    with single_threaded_blas():  # for L-BFGS
        learned, _ = learn_once(other, history, before=moved, keeps_out=False, resume=False)
    return replace(learned, recent=moved.recent, scores=moved.scores, online=moved.online)
