"""The linear part of forecasts: how many rows it reads, and what windows are relative to, are chosen, and it is fitted."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from grukit.data.horizon import BLOCK, Rows
from grukit.data.horizon_maps import (
    FEWER,
    MANY_ORIGINS,
    N_BLOCKS,
    WIDE,
    fit_maps,
    known_ahead,
    n_others,
    of_a_lag,
    thinned,
)
from grukit.data.layout import Layout
from grukit.data.linear_horizon import LinearHorizon

MOST_REGRESSORS = 1024  # 0.3 s to solve
# That have all lags, by itself: a short series is not forecast from a window that few of its rows have.
ORIGINS_A_LAG = 2
# A series drifts whose means over windows vary more than this share of it. What its windows are relative to is the latest
# value, unless another has so much less error that it is no chance: neighbouring origins share most of their errors, and about
# as many are independent as horizons fit in. A random walk that happens to return in the later half is forecast best from its
# mean there. Of 201 tasks that no benchmark judges (parts of series and generated ones, 1 to 96 ahead), the linear part had
# 1.02 times the error of the better of two ridge regressions, of levels and of changes, in 25 of them above 1.1 times, at most
# 3.06 times, where the least error chose for all; so 0.99, 16 and 1.92 times.
DRIFTING = 0.3
MARGIN = 3.0  # times the share of one horizon, of the error, and
SURE = 2.0  # standard errors


class FittedHorizon(NamedTuple):
    """The linear part as fitted to the origins that train the network, to those that are watched, too, and to all."""

    linear: LinearHorizon
    final: LinearHorizon
    whole: LinearHorizon


def most_lags(layout: Layout, n_lags: int | str) -> int:
    """Rows that the linear part reads: as asked for, or as many of the window as make ``MOST_REGRESSORS``."""
    if not isinstance(n_lags, str):
        return min(int(n_lags), layout.window)
    return int(np.clip((MOST_REGRESSORS - known_ahead(layout)) // of_a_lag(layout), 1, layout.window))


def fit_horizon(
    rows: Rows,
    layout: Layout,
    n_lags: int | str,
    normalize: str | None,
    training: np.ndarray,
    watched: np.ndarray,
    judged: np.ndarray,
    season: int = 1,
) -> FittedHorizon:
    """Fit the values ahead on the last rows.

    Ridge regressions on all regressors, on the lags of the series alone, and on fewer lags of it, and the seasonal naive
    forecast are stacked, see :func:`grukit.data.horizon_maps.fit_maps`; of ``n_lags``, of half as many, or a quarter where
    regressors are many, and so on, each fitted to the origins that have them.

    Parameters
    ----------
    rows : Rows
    layout : Layout
    n_lags : int or "auto"
        Rows that are read; 0: the base alone. "auto": as :func:`most_lags`, but no more than half as many as there are origins
        that have them.
    normalize : {"auto", "last", "mean", "window", None}
        What values are relative to. "auto": what forecasts blocks of training better, of all but "window"; of a series that
        drifts, or has fewer than ``MANY_ORIGINS``, "last", unless another is surely better.
    training, watched, judged : ndarray
        Origins that train, that are watched for early stopping and that calibrate intervals, in the order of time, as rows
        of single series. What is stacked is chosen by those that train.
    season : int, default=1
        Rows in a season; 1: none is known.
    """
    most = most_lags(layout, n_lags)
    n_lags = min(most, _held(training - rows.begins_of(training) + 1)) if isinstance(n_lags, str) else most
    unit = _typical(rows, training, layout.window) if normalize == "window" else 1.0
    base = _base_by(rows, layout, n_lags, season, training) if normalize == "auto" else normalize
    wide = n_others(layout, n_lags) > WIDE
    bare, lags = LinearHorizon(base, layout, unit=unit), [n_lags >> k for k in range(0, n_lags.bit_length(), 1 + wide)]
    fitted = (fit_maps(bare, rows, each, season, training, (watched, judged), FEWER) for each in lags)
    found = [each[0] for each in fitted if each is not None]
    return FittedHorizon(*(replace(bare, maps=tuple(each[which] for each in found)) for which in range(3)))


def _held(history: np.ndarray) -> int:
    """The most lags of which ``ORIGINS_A_LAG`` as many origins, whose history (n,) this is, have all; one at least."""
    left = len(history) - np.searchsorted(np.sort(history), np.arange(1, len(history) + 1))
    return int(max(1, (left >= ORIGINS_A_LAG * np.arange(1, len(left) + 1)).sum()))


def _typical(rows: Rows, training: np.ndarray, window: int) -> float:
    """Root mean square of the deviations of windows that end with these rows; 1 where all are constant."""
    chosen = training[:: -(-len(training) // BLOCK) or 1]
    return float(np.sqrt(np.mean(rows.deviations(chosen, window) ** 2))) or 1.0


def _base_by(rows: Rows, layout: Layout, n_lags: int, season: int, training: np.ndarray) -> str | None:
    """What forecasts blocks with the least error; of a series that drifts, or has few origins, what surely does."""
    bases = ("last", "mean", None)
    tried = [_losses_of(LinearHorizon(base, layout), rows, n_lags, season, training) for base in bases]
    best = min(range(len(bases)), key=lambda k: float(tried[k].mean()))
    if best == 0 or not (len(training) < MANY_ORIGINS or _drifts(rows, training, layout.window)):
        return bases[best]
    horizons = len(training) / (2 * layout.horizon)  # that are judged
    error = np.sqrt(1 / min(len(tried[0]), max(horizons, 1.0)))
    sure = []
    for base, losses in zip(bases, tried, strict=True):
        gains = tried[0] - losses
        least = MARGIN / horizons * tried[0].mean(), SURE * error * gains.std(ddof=1) if len(gains) > 1 else np.inf
        sure += [(float(losses.mean()), base)] if gains.mean() > max(least) else []
    return min(sure, key=lambda each: each[0])[1] if sure else bases[0]


def _drifts(rows: Rows, training: np.ndarray, window: int) -> bool:
    """Whether means over windows, no longer than a third of the longest series, vary more than their share of the values."""
    left = training - rows.begins_of(training) + 1
    w = int(max(1, min(window, left.max() // 3)))
    ends = training[left >= w]
    ends = ends[:: -(-len(ends) // BLOCK) or 1]
    series, means, values = rows.series_of(ends), rows.means(ends, w), rows.last_seen[ends]
    counts = np.maximum(np.bincount(series), 1)
    means, values = (each - (np.bincount(series, each) / counts)[series] for each in (means, values))
    return float(np.mean(means**2)) > DRIFTING * float(np.mean(values**2))


def _losses_of(bare: LinearHorizon, rows: Rows, n_lags: int, season: int, training: np.ndarray) -> np.ndarray:
    """Errors of regressions on most lags in blocks, if they have enough origins, or those of the base alone."""
    fitted = fit_maps(bare, rows, n_lags, season, training) if n_lags else None
    if fitted is not None:
        return fitted[1]
    found = []
    for ends in np.array_split(thinned(training), N_BLOCKS)[N_BLOCKS // 2 :]:
        ahead = rows.ahead(ends, bare.layout.horizon) - bare.base(rows, ends)[:, None]
        if (~np.isnan(ahead)).any():
            found.append(float(np.nanmean(ahead**2)))
    return np.array(found or [0.0])
