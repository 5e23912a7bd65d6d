"""What a forecaster learned, and its forecasts."""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from grukit.data import CovariateForm, Grid, Layout, LinearHorizon, Observed, Rows, Scaler
from grukit.estimators._adaptive import Online
from grukit.estimators._conformal import Scores
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._predicting import network_outputs
from grukit.estimators._quantiles import in_order, point_of
from grukit.estimators.fitted import FittedState
from grukit.model import NetworkSpec, weights_of


@dataclass(frozen=True, kw_only=True)
class ForecastState(FittedState):
    """All that a forecaster learned. Built by ``fit``, replaced as a whole, changed by nobody.

    ``levels`` are of the covariates, ``x_scaler`` of what windows are cut from.

    Attributes
    ----------
    layout : Layout
        What rows hold, and how far they are looked at.
    columns : CovariateForm
        The covariates.
    grid : Grid
        Of the series' times.
    recent : Observed
        The last rows of each series, as many as :attr:`n_recent`.
    figures : mapping of series key to (float, float)
        Mean and standard deviation of each series.
    linear, final : LinearHorizon
        The linear part that the network was trained beside, and the one that is added to its outputs: the same, but fitted to
        what is watched for early stopping, too.
    steps : int
        Steps that are forecast; those of the network are the layout's.
    ends : mapping of series key to object
        The last stamp of each series that training or calibration saw.
    learned : mapping of series key to object
        That which anything but calibration saw: training, early stopping or the linear part.
    asked : mapping of str to object
        The parameters that the covariates and the linear part were chosen by.
    scores : Scores or None
        Errors that intervals are calibrated by.
    online : Online or None
        Errors since training, where coverage is held online.
    """

    layout: Layout
    columns: CovariateForm
    grid: Grid
    recent: Observed
    figures: Mapping[tuple[Any, ...], tuple[float, float]]
    linear: LinearHorizon
    final: LinearHorizon
    steps: int
    ends: Mapping[tuple[Any, ...], Any]
    learned: Mapping[tuple[Any, ...], Any]
    asked: Mapping[str, Any]
    scores: Scores | None = None
    online: Online | None = None

    @property
    def begins_at_linear(self) -> bool:
        """Always: where there are no lags, at what values are relative to."""
        return True

    @property
    def n_recent(self) -> int:
        """Rows of each series that are kept: a window's, and those of a horizon where their errors are still to be known."""
        return self.layout.window + (0 if self.online is None else self.steps)

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Levels of the quantiles that are forecast; none where there is one forecast of each step."""
        levels = self.training.objective.parameter
        return levels if isinstance(levels, tuple) else ()

    def figures_of(self, observed: Observed) -> np.ndarray:
        """Mean and standard deviation (S, 2) of each series: those of training, or of the series itself where it is new."""
        series, found, pooled = observed.series, [], typical_scale(self.figures.values())
        for key, piece in zip(series.keys, series.pieces(), strict=True):
            own = self.figures.get(key)
            found.append(measured(series.values[piece], self.training.standardize, pooled) if own is None else own)
        return np.array(found)

    def figures_with(self, later: Observed, keys: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[float, float]]:
        """The figures, and those of the series among ``keys`` that only ``later`` rows have, measured on all of these."""
        figures, taken_up = dict(self.figures), set(keys) - set(self.figures)
        for key, own in zip(later.series.keys, self.figures_of(later), strict=True):
            if key in taken_up:
                figures[key] = float(own[0]), float(own[1])
        return figures


def forecast_state(model: Any) -> ForecastState:
    """The record of a fitted forecaster.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    """
    check_is_fitted(model)
    state: ForecastState = model._fitted
    return state


def check_horizon(state: ForecastState, horizon: Any) -> None:
    """Raise for what is no number of steps, or cannot be reached; warn where it is beyond that of ``fit``."""
    if horizon is None:
        return
    if not isinstance(horizon, Integral) or isinstance(horizon, bool) or horizon < 1:
        raise ValueError(f"horizon must be a positive integer or None; got {horizon!r}.")
    if horizon <= state.steps:
        return
    if state.columns.past:
        raise ValueError(
            f"Beyond horizon={state.steps} of fit, forecasts go on from forecasts, and past_X, {state.columns.past}, is not "
            f"known there; got horizon={horizon}."
        )
    warnings.warn(
        f"The model was fitted with horizon={state.steps}; the steps up to horizon={horizon} are forecast from its own "
        "forecasts, as if these were known.",
        stacklevel=4,
    )


def read_context(state: ForecastState, context: Any, X: Any, past_X: Any) -> Observed:
    """The last rows of series to forecast from their ends, with the covariates there.

    Raises
    ------
    ValueError
        For bad input, naming it; for other columns than those of ``fit`` where one network reads all.
    """
    known, window = (state.grid, state.columns), state.layout.window
    allow_nan, zone = state.inputs.missing != "error", state.recent.series.zone
    observed = Observed.read(context, X, past_X, None, allow_nan, known, "context", window, zone)
    if state.layout.n_joint > 1 and observed.series.keys != state.recent.series.keys:
        wanted, given = (["/".join(map(str, key)) for key in each.series.keys] for each in (state.recent, observed))
        raise ValueError(f"With channels='joint', context has the columns of y in fit, {wanted}; got {given}.")
    return observed


def tables_of(spec: NetworkSpec, parameters: np.ndarray) -> list[np.ndarray]:
    """The numbers (n + 1, width) of the categories of each column that is embedded, and last of those that are not known."""
    views = spec.views(parameters) if spec.embeddings else {}
    return [views[weights_of(k)] for k in range(len(spec.embeddings))]


def measured(values: np.ndarray, standardize: bool, pooled: float) -> tuple[float, float]:
    """Mean and standard deviation of what is known of a series; 0 and 1 where it is to be left as it is.

    ``pooled`` stands in for the deviation where the values do not vary, see :func:`varies`.
    """
    if not standardize:
        return 0.0, 1.0
    if np.isnan(values).all():
        return 0.0, pooled
    if not varies(values):  # one of them: a mean is off by rounding, which is far from 0 where values are large
        return float(values[~np.isnan(values)][0]), pooled
    own = Scaler.fit(values[:, None])
    return float(own.mean[0]), float(own.scale[0])


def varies(values: np.ndarray) -> bool:
    """Whether two known values differ by more than rounding, so that there is a deviation to measure."""
    if np.isnan(values).all():
        return False
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return high - low > 1e-12 * max(abs(low), abs(high))


def typical_scale(figures: Collection[tuple[float, float]]) -> float:
    """The median deviation of series; 1 of none."""
    return float(np.median([scale for _, scale in figures])) if figures else 1.0


def forecasts(model: SharedParameters, state: ForecastState, rows: Rows, ends: np.ndarray) -> np.ndarray:
    """Standardised forecasts (n, n_joint, H, M) from the origins ``ends``, rows of the (first) series.

    M is one, or the number of quantiles, in ascending order.
    """
    layout, H, M = state.layout, state.layout.horizon, max(len(state.quantiles), 1)
    values = rows.network_values(layout, tables_of(state.spec, state.parameters))
    windows = state.final.windows(rows, values, ends)
    outputs = state.y_scaler.inverse(network_outputs(model, state, windows)).reshape(-1, H, M)
    each = rows.of_each(ends, layout)
    if windows.relative is not None:
        outputs *= state.final.factors(rows, each)[:, None, None]
    total = outputs + state.final.predict(rows, each)[:, :, None]
    return in_order(total).reshape(len(ends), layout.n_joint, H, M)


def fed_back(
    model: SharedParameters,
    state: ForecastState,
    rows: Rows,
    ends: np.ndarray,
    steps: int,
    noise: np.ndarray | None = None,
) -> np.ndarray:
    """Standardised forecasts (n, n_joint, steps), or medians, beyond the steps of the network from its own forecasts.

    ``rows`` have as many rows after each of the origins ``ends``, whose values are overwritten; no two origins share them.
    ``noise`` (n n_joint, steps) is added to each before it is fed back.
    """
    layout, each = state.layout, rows.of_each(ends, state.layout)
    H, y = layout.horizon, rows.y.copy()
    for first in sorted({*range(0, steps - H + 1, H), steps - H}):  # the last one ends with the last step
        ahead = forecasts(model, state, Rows(y, rows.covariates, rows.offsets), ends + first)
        ahead = point_of(state.quantiles, ahead).reshape(len(each), H)
        ahead = ahead if noise is None else ahead + noise[:, first : first + H]
        which = each[:, None] + first + np.arange(1, H + 1)
        new = np.isnan(y[which]) if first else np.full(which.shape, True)
        y[which[new]] = ahead[new]
    return y[each[:, None] + np.arange(1, steps + 1)].reshape(len(ends), layout.n_joint, steps)


def forecast_ahead(
    model: SharedParameters, state: ForecastState, observed: Observed, X: Any, steps: int | None = None
) -> np.ndarray:
    """Forecasts (S, steps, M) after the last row of each series, in its own units; M is 1 beyond the network's steps."""
    allow_nan = state.inputs.missing != "error"
    figures, steps = state.figures_of(observed), state.steps if steps is None else steps
    more = max(steps, state.layout.horizon)
    rows = observed.with_future(more, X, allow_nan).standardized(figures, state.levels)
    ends = rows.offsets[1:] - more - 1
    ends = ends if state.layout.n_joint == 1 else ends[:1]
    if more == state.layout.horizon:
        ahead = forecasts(model, state, rows, ends)
    else:
        ahead = fed_back(model, state, rows, ends, more)[..., None]
    ahead = ahead[:, :, :steps].reshape(len(observed.series), steps, -1)
    return ahead * figures[:, 1:, None] + figures[:, :1, None]
