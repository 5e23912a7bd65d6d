"""What is told by blocks in time, each forecast by a copy that was fitted to what lies before it.

Errors that calibrate intervals, and how much of the network's part is taken.

Neighbouring origins share most of their errors, so that the last tenth of a short series tells little, and nothing of other
times; and the model must do without it, where here it does without nothing but what early stopping watches.
benchmarks/accuracy/intervals.py, 12 origins of series that end before the blocks of the other benchmarks, default settings:
intervals of 90 % calibrated by the last tenth held 81 % (El Nino), 80 % (sunspots), 85 % (macrodata) and 86 % (an
autoregression), by folds 89, 87, 88 and 94 %, at 0.75, 0.98, 1.19 and 0.95 times the interval score and 1.03, 0.92, 0.98 and
0.95 times the error of the forecasts, for 5 to 6 times the seconds.
"""

from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grukit.data import FEWEST_JUDGED, Observed, Rows, SeriesSet, origins_of, up_to_position
from grukit.estimators._conformal import Scores, thinned
from grukit.estimators._forecast import ForecastState, varies
from grukit.estimators._forecast_errors import errors_of
from grukit.estimators._forecast_split import seen_by, split
from grukit.estimators._forecast_weight import block_of, weight_by
from grukit.estimators._learning_curve import exponent

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster

N_FOLDS = 5
MOST_ORIGINS = 2500  # of which folds are taken by themselves: a fit takes four to six times as long


class Fold(NamedTuple):
    """A copy that learned of what lies before a block."""

    state: ForecastState
    n_rows: int  # of all series, that lie before the block
    ends: np.ndarray  # origins of the block
    own: np.ndarray  # (S, 2), mean and deviation that the copy has of each series
    scales: np.ndarray  # (S,), these deviations over those of the model; NaN of series that it knows nothing of

    def rows_of(self, observed: Observed) -> tuple[Rows, np.ndarray, np.ndarray]:
        """The series as the copy sees them, the origins, and what the errors of each series are times."""
        return observed.standardized(self.own, self.state.levels), self.ends, self.scales

    def errors(
        self, model: "GRUForecaster", weight: float | None, observed: Observed, ends: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Errors and residuals of each series, by the copy with a weight, from origins of its block, or of later ones."""
        rows, _, scales = self.rows_of(observed)
        return errors_of(model, self.state.weighted(weight), rows, ends).of_each(len(scales), scales)


def calibration_of(model: "GRUForecaster", series: SeriesSet) -> str | None:
    """Where the errors that calibrate come from: "split", "folds", or None."""
    lengths = series.lengths[:1] if model.channels == "joint" else series.lengths
    return _calibration_by(model, int((lengths - model.horizon).clip(0).sum()))


def _calibration_by(model: "GRUForecaster", n_origins: int) -> str | None:
    if model.calibration_fraction is None or model.calibration != "auto":
        return None if model.calibration_fraction is None else model.calibration
    return "folds" if n_origins <= MOST_ORIGINS and not model.warm_start else "split"


def rows_to_calibrate(model: "GRUForecaster", coverage: float, n_series: int, n_origins: int) -> int:
    """Rows without holes that series of one length must have for intervals of a coverage.

    Parameters
    ----------
    model : GRUForecaster
        With ``strategy="direct"`` and a ``calibration_fraction``, of whose origins less than half would be kept out.
    coverage : float
        Of the intervals: the ceil((n + 1) coverage)-th of the n errors of all series must be there.
    n_series, n_origins : int
        Series, and origins of all.
    """
    of_all, H = int(np.ceil(coverage / (1 - coverage) - 1e-9)), model.horizon
    n = max(FEWEST_JUDGED, -(-of_all // n_series))
    if _calibration_by(model, n_origins) == "folds":
        return 2 * n - 1 + H  # of whose origins the later half are n
    assert model.calibration_fraction is not None
    for m in count(n):  # origins of a series, see split
        kept_out = max(int(np.ceil(model.calibration_fraction * m)), FEWEST_JUDGED)
        if kept_out >= n and 2 * (m - kept_out - H + 1) >= m:
            break
    return m + H


def judge_by_folds(
    model: "GRUForecaster",
    observed: Observed,
    state: ForecastState,
    fit: Callable[[Any, Observed], tuple[ForecastState, bool]],
) -> ForecastState:
    """The state with the weight of its network, and with errors of copies that have it, too.

    They forecast from the later half of the origins. The state as it is where these are too few, or training of a copy was
    interrupted.

    Parameters
    ----------
    fit : callable
        Gives what a copy of the model learns of series, and whether it was interrupted.
    """
    series, positions = observed.series, observed.series.positions()
    far = origins_of(observed.as_they_are(), replace(state.layout, horizon=state.steps))
    at = positions[far]
    half = 0 if len(at) == 0 else (int(at.min()) + int(at.max()) + 1) // 2
    if len(at) == 0 or at.max() - half + 1 < FEWEST_JUDGED:
        return state
    folds: list[Fold] = []
    for block in np.array_split(np.arange(half, at.max() + 1), N_FOLDS):
        part, other = up_to_position(observed, positions, int(block[0])), _copy(model, state)
        ends = far[(at >= block[0]) & (at <= block[-1])]
        if len(ends) == 0 or not _teaches(other, part, state):
            continue
        learned, interrupted = fit(other, part)
        if interrupted:
            return state
        folds.append(_fold(learned, part, observed, ends, state))
    if not folds:
        return state
    weight = weight_by(state, (block_of(model, each.state, *each.rows_of(observed)) for each in folds))
    shares = _shares(model, folds, weight, observed)
    judged = [each._replace(scales=each.scales * share) for each, share in zip(folds, shares, strict=True)]
    found = [each.errors(model, weight, observed, each.ends) for each in judged]
    errors, residuals = (
        [np.concatenate(own) for own in zip(*blocks, strict=True)] for blocks in zip(*found, strict=True)
    )
    scores = Scores.of(series.keys, errors, residuals)
    return replace(state.weighted(weight), scores=scores if scores.n else None)


def _shares(model: "GRUForecaster", folds: list[Fold], weight: float | None, observed: Observed) -> np.ndarray:
    """By how much the model errs where each copy errs by one (F,), as the learning curve of the copies tells.

    One of quantiles: how far a truth lies outside of two says nothing of how wide apart those of the model will be.
    """
    if folds[0].state.quantiles:
        return np.ones(len(folds))
    sizes = np.array([each.n_rows for each in folds])
    blocks = (
        np.array([np.concatenate(each.errors(model, weight, observed, own.ends)[1]) for each in folds[: j + 1]])
        for j, own in enumerate(folds)
    )
    return (sizes / len(observed.series.values)) ** exponent(sizes, blocks)


def _copy(model: "GRUForecaster", state: ForecastState) -> "GRUForecaster":
    """One that is silent, writes no file, and leaves the random numbers of the other alone.

    It has the same parameters, and what the model chose its windows to be relative to: of eight known columns, 24 steps ahead,
    that choice takes half of what the linear part does.
    """
    other = copy(model)
    drawn = state.training.random_state if model.random_state is None else model.random_state
    early_stopping = "auto" if model.early_stopping is True else model.early_stopping  # there may be too few origins
    other.set_params(
        callbacks=None,
        verbose=False,
        checkpoint=None,
        random_state=deepcopy(drawn),
        early_stopping=early_stopping,
        normalize=state.linear.normalize,
    )
    return other


def _teaches(model: "GRUForecaster", part: Observed, state: ForecastState) -> bool:
    """Whether a copy can learn of what lies before a block: of an origin at least, and something of each covariate."""
    if len(origins_of(part.as_they_are(), state.layout)) == 0:
        return False
    positions = part.series.positions()
    seen = seen_by(split(model, part, state.layout, positions, False), positions, state.layout)
    return not np.isnan(part.covariates[seen]).all(axis=0).any()


def _fold(learned: ForecastState, part: Observed, observed: Observed, ends: np.ndarray, state: ForecastState) -> Fold:
    """What a copy learned of a part, and those of the origins ``ends`` whose errors are kept."""
    keys, layout = observed.series.keys, state.layout
    own = np.array([learned.figures.get(key, (0.0, 1.0)) for key in keys])
    of_end = observed.as_they_are().series_of(ends)
    ends = ends[thinned(of_end, state.steps * layout.n_joint, FEWEST_JUDGED, N_FOLDS)]
    scales = own[:, 1] / np.array([state.figures[key][1] for key in keys])
    scales[~_told(part, observed)] = np.nan
    return Fold(learned, len(part.series.values), ends, own, scales)


def _told(part: Observed, observed: Observed) -> np.ndarray:
    """Whether a part tells of the spread of each series (S,), or these have none."""
    early = {key: part.series.values[piece] for key, piece in zip(part.series.keys, part.series.pieces(), strict=True)}
    told = np.zeros(len(observed.series), dtype=bool)
    for s, (key, piece) in enumerate(zip(observed.series.keys, observed.series.pieces(), strict=True)):
        own, seen = observed.series.values[piece], early.get(key, np.empty(0))
        told[s] = varies(seen) or (not np.isnan(seen).all() and not varies(own))
    return told
