"""Maps to the whole horizon are fitted: ridge regressions in closed form, stacked by what they forecast of blocks in time."""

from typing import Any

import numpy as np

from grukit.data.horizon import BLOCK, Rows
from grukit.data.lags import Moments
from grukit.data.layout import Layout
from grukit.data.linear_horizon import LagMap, LinearHorizon
from grukit.data.stacking import Basis, Changes, Leading, Regression, Solver, add_up, stack

N_BLOCKS = 10  # in time, see _judges
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
# Fewer origins are few: what a series is relative to must surely be better, only later blocks judge, and less is stacked.
# Of 280 tasks of real series that are not bundled, parts of bundled ones and generated ones, 1 to 96 ahead, the linear part
# had 1.06 times the error of the best of the seasonal naive forecast, ridge regression and that of changes, at most 10.7
# times; with these rules, lags by origins, the season and shared weights 1.00 times, at most 3.7 times. On 59 tasks of other
# real series, by which nothing was chosen, 1.13 and 10.5 times, and 1.01 and 1.6 times.
MANY_ORIGINS = 400


def of_a_lag(layout: Layout) -> int:
    """Regressors of a row."""
    return 1 + layout.n_past + layout.n_known


def known_ahead(layout: Layout) -> int:
    """Regressors that are known ahead."""
    return layout.n_known * layout.horizon + layout.n_calendar


def n_others(layout: Layout, n_lags: int) -> int:
    """Regressors beside the lags of a series, where so many are read."""
    return n_lags * (of_a_lag(layout) - 1) + known_ahead(layout)


def fit_maps(
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
    judges = _judges(kept, many, n_others(bare.layout, n_lags))
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


def _judges(blocks: list[Moments], many: bool, beside: int) -> list[tuple[Solver, Moments]]:
    """What is fitted, and the block that judges it.

    Each block of many is forecast from all others: a part of the time tells less of what holds at all of it. Beside the lags
    of a series and more than ``WIDE`` others, every other block is, the last among them. Where origins are few, those of the
    later half are, each from what lies before it, as the end of the series will be.
    """
    if many:
        judging = range(len(blocks) - 1, -1, -2 if beside > WIDE else -1)
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
