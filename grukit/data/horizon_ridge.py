"""The linear part of forecasts is fitted: ridge regressions of the whole horizon in closed form."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grukit.data.horizon import BLOCK, Layout, Rows
from grukit.data.lags import Moments
from grukit.data.linear_horizon import LagMap, LinearHorizon
from grukit.data.stacking import Basis, Leading, Regression, Solver, add_up, stack

N_BLOCKS = 10  # in time; each of the second half judges what was fitted to all before it
MOST_REGRESSORS = 1024  # 0.3 s to solve
MOST_ORIGINS = 100_000  # that regressions are fitted to
# All lags of a window are many for a short series. Of 19 parts of series and generated ones, up to 600 rows, 1 and 6 ahead,
# the linear part had 1.10 times the absolute error of the best of three simple forecasts, regressions on the same lags among
# them, and at most 2.05 times; with these parts of the lags beside it 1.02 times, at most 1.92 times.
FEWER = (4, 12)
FEWEST_ORIGINS = 20  # that lags are fitted to, and
FEWEST_OF_ONE = 4  # that one lag is: a line goes through any two, with nothing left to judge it by


@dataclass(frozen=True)
class FittedHorizon:
    """The linear part as fitted to the origins that train the network, and to those that are watched, too."""

    linear: LinearHorizon
    final: LinearHorizon


def most_lags(layout: Layout, n_lags: int | str) -> int:
    """Rows that the linear part reads: as asked for, or as many of the window as make ``MOST_REGRESSORS``."""
    if not isinstance(n_lags, str):
        return min(int(n_lags), layout.window)
    left = MOST_REGRESSORS - layout.n_known * layout.horizon - layout.n_calendar
    return int(np.clip(left // (1 + layout.n_past + layout.n_known), 1, layout.window))


def fit_horizon(
    rows: Rows, layout: Layout, n_lags: int, normalize: str | None, training: np.ndarray, watched: np.ndarray
) -> FittedHorizon:
    """Fit the values ahead on the last rows.

    Ridge regressions on all regressors, on the lags of the series alone, and on fewer lags of it, are stacked, see
    :func:`grukit.data.ridge.fit_linear`; of ``n_lags``, of half as many, and so on, each to the origins that have them.

    Parameters
    ----------
    rows : Rows
    layout : Layout
    n_lags : int
        Rows that are read; 0: the base alone.
    normalize : {"auto", "last", "mean", "window", None}
        What values are relative to. "auto": what forecasts the later training blocks from those before better, of all but
        "window".
    training, watched : ndarray
        Origins that train and that are watched for early stopping, in the order of time, as rows of single series.
    """
    bases = ("last", "mean", None) if normalize == "auto" else (normalize,)
    unit = _typical(rows, training, layout.window) if normalize == "window" else 1.0
    tried = [LinearHorizon(base, layout, unit=unit) for base in bases]
    bare, found, lags = tried[0], [], n_lags
    if len(tried) > 1:
        bare = min(tried, key=lambda each: _error_of(each, rows, n_lags, training, watched))
    while lags:
        fitted = _fit_maps(bare, rows, lags, training, watched, FEWER)
        found += [] if fitted is None else [fitted[:2]]
        lags //= 2
    return FittedHorizon(*(replace(bare, maps=tuple(pair[which] for pair in found)) for which in (0, 1)))


def _typical(rows: Rows, training: np.ndarray, window: int) -> float:
    """Root mean square of the deviations of windows that end with these rows; 1 where all are constant."""
    chosen = training[:: -(-len(training) // BLOCK) or 1]
    return float(np.sqrt(np.mean(rows.deviations(chosen, window) ** 2))) or 1.0


def _error_of(bare: LinearHorizon, rows: Rows, n_lags: int, training: np.ndarray, watched: np.ndarray) -> float:
    """The error of regressions on most lags in later blocks, if they have enough origins, or that of the base alone."""
    fitted = _fit_maps(bare, rows, n_lags, training, watched) if n_lags else None
    if fitted is not None:
        return fitted[2]
    ahead = rows.ahead(_thinned(training), bare.layout.horizon) - bare.base(rows, _thinned(training))[:, None]
    return float(np.nanmean(ahead**2)) * bare.layout.horizon if (~np.isnan(ahead)).any() else 0.0


def _fit_maps(
    bare: LinearHorizon,
    rows: Rows,
    n_lags: int,
    training: np.ndarray,
    watched: np.ndarray,
    fewer: tuple[int, ...] = (),
) -> tuple[LagMap, LagMap, float] | None:
    """The map fitted to origins that train, and to all, and its error in later blocks; None of too few origins.

    Regressions on all lags, and on these over each of ``fewer``, are stacked.
    """
    own, every = (
        each[each - rows.begins_of(each) + 1 >= n_lags] for each in (training, np.concatenate([training, watched]))
    )
    if len(own) < (FEWEST_ORIGINS if n_lags > 1 else FEWEST_OF_ONE):
        return None
    blocks = [_moments(bare, rows, n_lags, part) for part in np.array_split(_thinned(own), N_BLOCKS)]
    kept = [block for block in blocks if block is not None]
    if not kept:  # no origin of which all values ahead are known
        return None
    P, H = len(kept[0].cross) - 1, bare.layout.horizon
    nothing, outputs = np.zeros((P + 1, H)), np.arange(H)
    forms = [Regression(nothing, Basis(-1, False), False)]
    if n_lags < P:
        forms.append(Regression(nothing, Leading(n_lags, P), False))
    forms += [Regression(nothing, Leading(n_lags // each, n_lags), False) for each in fewer if n_lags >= 2 * each]
    judges = [(Solver(Moments.sum(kept[:j]), 1), kept[j]) for j in range(max(1, len(kept) // 2), len(kept))]
    alphas, weights, errors = stack(judges, forms, outputs)
    own_moments = Moments.sum(kept)
    everything = _moments(bare, rows, n_lags, _thinned(every)) if len(watched) else own_moments
    assert everything is not None
    coefs = [add_up(Solver(moments, 1), forms, outputs, alphas, weights) for moments in (own_moments, everything)]
    linear, final = (LagMap(n_lags, coef[:-1].copy(), coef[-1].copy()) for coef in coefs)
    return linear, final, float((errors if judges else own_moments.targets).sum())


def _thinned(origins: np.ndarray) -> np.ndarray:
    """At most ``MOST_ORIGINS``, evenly."""
    return origins[:: -(-len(origins) // MOST_ORIGINS) or 1]


def _moments(bare: LinearHorizon, rows: Rows, n_lags: int, origins: np.ndarray) -> Moments | None:
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
