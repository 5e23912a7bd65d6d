"""The linear part of forecasts is fitted: ridge regressions of the whole horizon in closed form."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from grukit.data.horizon import BLOCK, Rows
from grukit.data.lags import Moments
from grukit.data.layout import Layout
from grukit.data.linear_horizon import LagMap, LinearHorizon
from grukit.data.stacking import Basis, Changes, Leading, Regression, Solver, add_up, stack

N_BLOCKS = 10  # in time, see _judges
MOST_REGRESSORS = 1024  # 0.3 s to solve
# Regressors beside the lags of a series from which less is tried: they take 10 ms to solve, for each block that judges, each
# count of lags and each fold.
WIDE = 256
MOST_ORIGINS = 100_000  # that regressions are fitted to
# All lags of a window are many for a short series. Of 19 parts of series and generated ones, up to 600 rows, 1 and 6 ahead,
# the linear part had 1.10 times the absolute error of the best of three simple forecasts, regressions on the same lags among
# them, and at most 2.05 times; with these parts of the lags beside it 1.02 times, at most 1.92 times.
FEWER = (4, 12)
FEWEST_ORIGINS = 20  # that lags are fitted to, and
FEWEST_OF_ONE = 4  # that one lag is: a line goes through any two, with nothing left to judge it by
# That have all lags, by itself: a short series is not forecast from a window that few of its rows have.
ORIGINS_A_LAG = 2
# Fewer origins are few: what a series is relative to must surely be better, only later blocks judge, and less is stacked.
# Of 280 tasks of real series that are not bundled, parts of bundled ones and generated ones, 1 to 96 ahead, the linear part
# had 1.06 times the error of the best of the seasonal naive forecast, ridge regression and that of changes, at most 10.7
# times; with these rules, lags by origins, the season and shared weights 1.00 times, at most 3.7 times. On 59 tasks of other
# real series, by which nothing was chosen, 1.13 and 10.5 times, and 1.01 and 1.6 times.
MANY_ORIGINS = 400
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
    return int(np.clip((MOST_REGRESSORS - _beside_lags(layout)) // _of_a_lag(layout), 1, layout.window))


def _of_a_lag(layout: Layout) -> int:
    """Regressors of a row."""
    return 1 + layout.n_past + layout.n_known


def _beside_lags(layout: Layout) -> int:
    """Regressors that are known ahead."""
    return layout.n_known * layout.horizon + layout.n_calendar


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
    forecast are stacked, see :func:`_forms`; of ``n_lags``, of half as many, or a quarter where they are many, and so on, each
    fitted to the origins that have them.

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
    wide = n_lags * (_of_a_lag(layout) - 1) + _beside_lags(layout) > WIDE
    bare, lags = LinearHorizon(base, layout, unit=unit), [n_lags >> k for k in range(0, n_lags.bit_length(), 1 + wide)]
    fitted = (_fit_maps(bare, rows, each, season, training, (watched, judged), FEWER) for each in lags)
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
    fitted = _fit_maps(bare, rows, n_lags, season, training) if n_lags else None
    if fitted is not None:
        return fitted[1]
    found = []
    for ends in np.array_split(thinned(training), N_BLOCKS)[N_BLOCKS // 2 :]:
        ahead = rows.ahead(ends, bare.layout.horizon) - bare.base(rows, ends)[:, None]
        if (~np.isnan(ahead)).any():
            found.append(float(np.nanmean(ahead**2)))
    return np.array(found or [0.0])


def _fit_maps(
    bare: LinearHorizon,
    rows: Rows,
    n_lags: int,
    season: int,
    training: np.ndarray,
    others: tuple[np.ndarray, ...] = (),
    fewer: tuple[int, ...] = (),
) -> tuple[list[LagMap], np.ndarray] | None:
    """The map as fitted to origins that train, and to more and more others, and its errors in blocks. None of too few."""
    own, *more = (each[each - rows.begins_of(each) + 1 >= n_lags] for each in (training, *others))
    if len(own) < (FEWEST_ORIGINS if n_lags > 1 else FEWEST_OF_ONE):
        return None
    blocks = [moments_of(bare, rows, n_lags, part) for part in np.array_split(thinned(own), N_BLOCKS)]
    kept = [block for block in blocks if block is not None]
    if not kept:  # no origin of which all values ahead are known
        return None
    many = len(own) >= MANY_ORIGINS and len(kept) > 2
    forms, outputs = _forms(bare, n_lags, len(kept[0].cross) - 1, season, fewer, many), np.arange(bare.layout.horizon)
    judges = _judges(kept, many, len(kept[0].cross) - 1 - n_lags)
    alphas, weights, _ = stack(judges, forms, outputs, together=True)
    own_moments, maps = Moments.sum(kept), list[LagMap]()
    for n, part in enumerate((own, *more)):
        if n == 0 or len(part):
            every = thinned(np.concatenate([own, *more[:n]]))
            moments = moments_of(bare, rows, n_lags, every) if n else own_moments
            assert moments is not None  # of the origins that train
            coef = add_up(Solver(moments, 1), forms, outputs, alphas, weights)
        maps.append(LagMap(n_lags, coef[:-1].copy(), coef[-1].copy()))
    losses = [block.loss(add_up(solver, forms, outputs, alphas, weights)).mean() for solver, block in judges]
    return maps, np.array(losses or [own_moments.targets.mean()])


def _judges(blocks: list[Moments], many: bool, n_others: int) -> list[tuple[Solver, Moments]]:
    """What is fitted, and the block that judges it.

    Each block of many is forecast from all others: a part of the time tells less of what holds at all of it. Beside the lags
    of a series and more than ``WIDE`` others, every other block is, the last among them. Where origins are few, those of the
    later half are, each from what lies before it, as the end of the series will be.
    """
    if many:
        judging = range(len(blocks) - 1, -1, -2 if n_others > WIDE else -1)
        return [(Solver(Moments.sum(blocks[:j] + blocks[j + 1 :]), 1), blocks[j]) for j in sorted(judging)]
    return [(Solver(Moments.sum(blocks[:j]), 1), blocks[j]) for j in range(max(1, len(blocks) // 2), len(blocks))]


def _forms(
    bare: LinearHorizon, n_lags: int, P: int, season: int, fewer: tuple[int, ...], many: bool
) -> list[Regression]:
    """What is stacked, of P regressors: ridge regressions towards the base, on all, on lags alone, and on fewer of these.

    Then the seasonal naive forecast, and a regression towards it, where the lags hold a season. Of ``many`` origins also the
    base as it is and, of levels, a regression on changes towards the latest value.
    """
    H = bare.layout.horizon
    nothing, ahead, every = np.zeros((P + 1, H)), np.arange(H), Basis(-1, False)
    forms = [Regression(nothing, every, False)]
    if n_lags < P:
        forms.append(Regression(nothing, Leading(n_lags, P), False))
    forms += [Regression(nothing, Leading(n_lags // each, n_lags), False) for each in fewer if n_lags >= 2 * each]
    if 1 < season <= n_lags:
        before = nothing.copy()
        before[season - 1 - ahead % season, ahead] = 1.0
        forms += [Regression(before, every, False), Regression(before, every, False, fixed=True)]
    if many:
        forms.append(Regression(nothing, every, False, fixed=True))
        if bare.normalize is None and n_lags > 1:
            latest = nothing.copy()
            latest[0] = 1.0
            forms.append(Regression(latest, Changes(n_lags), True))
    return forms


def thinned(origins: np.ndarray) -> np.ndarray:
    """At most ``MOST_ORIGINS``, evenly."""
    return origins[:: -(-len(origins) // MOST_ORIGINS) or 1]


def moments_of(bare: LinearHorizon, rows: Rows, n_lags: int, origins: np.ndarray) -> Moments | None:
    """Second moments of regressors, a one and values ahead, in units of the spread and weighted by its square.

    So it is their errors that count. Origins of which a value ahead is missing are left out.
    """
    lags: Any = 0.0
    cross: Any = 0.0
    targets: Any = 0.0
    n, weight = 0, 0.0
    for first in range(0, len(origins), BLOCK):
        ends = origins[first : first + BLOCK]
        ahead = rows.ahead(ends, bare.layout.horizon)
        known = ~np.isnan(ahead).any(axis=1)
        ends, ahead = ends[known], ahead[known] - bare.base(rows, ends[known])[:, None]
        z = np.column_stack([bare.regressors(rows, ends, n_lags), np.ones(len(ends))])
        z *= bare.spread(rows, ends)[:, None]  # the values ahead are in units of the series
        lags, cross, targets = lags + z.T @ z, cross + z.T @ ahead, targets + (ahead**2).sum(axis=0)
        n, weight = n + len(ends), weight + float((z[:, -1] ** 2).sum())
    return Moments(weight, n, lags / weight, cross / weight, targets / weight) if n else None
