"""Errors of forecasts whose truth was no part of training."""

from typing import Any

import numpy as np

from grukit.data import FEWEST_JUDGED, Rows
from grukit.estimators._conformal import Scores, thinned
from grukit.estimators._forecast import ForecastState, fed_back, forecasts
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._quantiles import pairs_of

BLOCK = 1024  # origins whose windows are copied at a time


def calibrate(
    model: SharedParameters,
    state: ForecastState,
    rows: Rows,
    ends: np.ndarray,
    keys: list[tuple[Any, ...]],
    unseen: np.ndarray,
) -> Scores | None:
    """Errors of the forecasts from origins that were no part of training; None where no truth is known.

    They are how far truths lie outside of each of :func:`pairs_of` quantiles, negative inside (Romano, Patterson and Candes
    2019, Conformalized Quantile Regression); of one forecast, absolute errors. Series that are ``unseen`` (S,) have none:
    their figures are of what is ahead, too.
    """
    layout, steps = state.layout, state.steps
    of_end = np.searchsorted(rows.offsets, ends, side="right") - 1
    if layout.n_joint == 1:
        ends, of_end = ends[~unseen[of_end]], of_end[~unseen[of_end]]
    if len(ends) == 0:
        return None
    ends = ends[thinned(of_end, steps * layout.n_joint, FEWEST_JUDGED)]
    each = (ends[:, None] + rows.offsets[: layout.n_joint]).ravel()
    if steps == layout.horizon:
        predicted = forecasts(model, state, rows, ends)
    else:
        predicted = np.concatenate([_recursive(model, state, rows, part) for part in _parts(ends)])[..., None]
    predicted, truth = predicted.reshape(len(each), steps, -1), rows.ahead(each, steps)
    pairs = [(predicted[..., low] - truth, truth - predicted[..., high]) for low, high in pairs_of(state.quantiles)]
    errors = np.stack([np.maximum(below, above) for below, above in pairs], axis=2)
    series = np.searchsorted(rows.offsets, each, side="right") - 1
    errors[unseen[series]] = np.nan
    order = np.argsort(series, kind="stable")
    scores = Scores.of(keys, np.split(errors[order], np.searchsorted(series[order], np.arange(1, len(keys)))))
    return scores if scores.n else None


def _parts(ends: np.ndarray) -> list[np.ndarray]:
    return np.split(ends, range(BLOCK, len(ends), BLOCK))


def _recursive(model: SharedParameters, state: ForecastState, rows: Rows, ends: np.ndarray) -> np.ndarray:
    """Forecasts (n, 1, steps), each origin from a series of its own that goes on with forecasts."""
    own = rows.cut(ends, state.layout.window, state.steps)
    return fed_back(model, state, own, own.offsets[1:] - state.steps - 1, state.steps)
