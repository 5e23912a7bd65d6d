"""Errors of forecasts whose truth was no part of training."""

from typing import Any, NamedTuple

import numpy as np

from grukit.data import FEWEST_JUDGED, Observed, Rows
from grukit.estimators._adaptive import Online
from grukit.estimators._conformal import Scores, thinned
from grukit.estimators._forecast import ForecastState, fed_back, forecasts
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._quantiles import pairs_of, point_of

BLOCK = 1024  # origins whose windows are copied at a time


class Errors(NamedTuple):
    """Errors of forecasts, in the order of their series."""

    errors: np.ndarray  # (n, H, P)
    residuals: np.ndarray  # (n, H), truths less forecasts
    series: np.ndarray  # (n,), their numbers

    def of_each(self, n: int, scales: np.ndarray | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Errors and residuals of each of n series, times a scale (n,) of each."""
        at, both = np.searchsorted(self.series, np.arange(1, n)), (self.errors, self.residuals)
        if scales is not None:
            both = self.errors * scales[self.series, None, None], self.residuals * scales[self.series, None]
        return np.split(both[0], at), np.split(both[1], at)


def errors_of(model: SharedParameters, state: ForecastState, rows: Rows, ends: np.ndarray) -> Errors:
    """Errors of the forecasts from origins ``ends``, rows of the (first) series.

    They are how far truths lie outside of each of P pairs of quantiles, see :func:`pairs_of`, negative inside (Romano,
    Patterson and Candes 2019, Conformalized Quantile Regression); of one forecast, absolute errors. NaN where the truth is not
    known. In the order of the series, and of ``ends`` within.
    """
    layout, steps = state.layout, state.steps
    each = rows.of_each(ends, layout)
    if steps == layout.horizon:
        predicted = forecasts(model, state, rows, ends)
    else:
        parts = np.split(ends, range(BLOCK, len(ends), BLOCK))
        predicted = np.concatenate([_recursive(model, state, rows, part) for part in parts])[..., None]
    predicted, truth = predicted.reshape(len(each), steps, -1), rows.ahead(each, steps)
    pairs = [(predicted[..., low] - truth, truth - predicted[..., high]) for low, high in pairs_of(state.quantiles)]
    errors = np.stack([np.maximum(below, above) for below, above in pairs], axis=2)
    series = rows.series_of(each)
    order = np.argsort(series, kind="stable")
    return Errors(errors[order], (truth - point_of(state.quantiles, predicted))[order], series[order])


def calibrate(
    model: SharedParameters,
    state: ForecastState,
    rows: Rows,
    ends: np.ndarray,
    keys: list[tuple[Any, ...]],
    unseen: np.ndarray,
) -> Scores | None:
    """Errors of the forecasts from origins that were no part of training; None where no truth is known.

    Series that are ``unseen`` (S,) have none: their figures are of what is ahead, too.
    """
    layout = state.layout
    of_end = rows.series_of(ends)
    if layout.n_joint == 1:
        ends, of_end = ends[~unseen[of_end]], of_end[~unseen[of_end]]
    if len(ends) == 0:
        return None
    ends = ends[thinned(of_end, state.steps * layout.n_joint, FEWEST_JUDGED)]
    found = errors_of(model, state, rows, ends).of_each(len(keys), np.where(unseen, np.nan, 1.0))
    scores = Scores.of(keys, *found)
    return scores if scores.n else None


def followed(model: SharedParameters, state: ForecastState, later: Observed) -> Online | None:
    """The errors since training, once later rows of series are known; None where they are not kept.

    Forecasts are made from the latest origins again. Those that need covariates known ahead, which later rows alone do not
    have, are made once their whole horizon is known.
    """
    online, H = state.online, state.steps
    if online is None:
        return None
    trail = state.recent.followed_by(later, int(state.recent.series.lengths.max() + later.series.lengths.max()))
    ahead = 0 if state.columns.known else H
    whole = trail.with_future(ahead, None, True) if ahead else trail
    rows = whole.standardized(state.figures_of(trail), state.levels)
    new = dict(zip(later.series.keys, later.series.lengths.tolist(), strict=True))
    keys, ends = trail.series.keys, {}
    for s, key in enumerate(keys):
        if key in online.errors and key in new:
            last = int(rows.offsets[s + 1]) - 1 - ahead
            ends[s] = np.arange(max(int(rows.offsets[s]), last - new[key] - H + 1), last + 1)
    made = [own[own <= rows.offsets[s + 1] - 1 - H] for s, own in ends.items()]
    if state.layout.n_joint > 1:  # one window holds all series, by the rows of the first
        made = [own - rows.offsets[s] for s, own in zip(ends, made, strict=True)][:1]
    wanted = np.concatenate([*made, np.empty(0, int)])
    errors = errors_of(model, state, rows, wanted).of_each(len(keys))[0] if len(wanted) else None
    blocks = {}
    for s, own in ends.items():
        block = np.full((len(own), *online.errors[keys[s]].shape[1:]), np.nan)
        if errors is not None:  # of the first of the origins
            block[: len(errors[s])] = errors[s]
        blocks[keys[s]] = new[keys[s]], block
    return online.followed_by(blocks)


def _recursive(model: SharedParameters, state: ForecastState, rows: Rows, ends: np.ndarray) -> np.ndarray:
    """Forecasts (n, 1, steps), each origin from a series of its own that goes on with forecasts."""
    own = rows.cut(ends, state.layout.window, state.steps)
    return fed_back(model, state, own, own.offsets[1:] - state.steps - 1, state.steps)
