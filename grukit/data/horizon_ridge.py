"""The linear part of forecasts: ridge regressions of the whole horizon in closed form, relative to where a series is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from grukit.data.horizon import BLOCK, Layout, Rows
from grukit.data.lags import FEW, Moments
from grukit.data.stacking import Basis, Leading, Regression, Solver, add_up, stack

N_BLOCKS = 10  # in time; each of the second half judges what was fitted to all before it
MOST_REGRESSORS = 1024  # 0.3 s to solve
MOST_ORIGINS = 100_000  # that regressions are fitted to
FEWEST_ORIGINS = 20  # that lags are fitted to, and
FEWEST_OF_ONE = 4  # that one lag is: a line goes through any two, with nothing left to judge it by


class LagMap(NamedTuple):
    """An affine map of regressors, see :meth:`LinearHorizon.regressors`."""

    n_lags: int
    coef: np.ndarray  # (P, H)
    intercept: np.ndarray  # (H,)


@dataclass(frozen=True)
class LinearHorizon:
    """Values ahead as affine maps of the last rows, relative to where a series is.

    Attributes
    ----------
    normalize : {"last", "mean", None}
        What values are relative to: the latest one, the mean of the window, or zero, that of the standardised series.
    layout : Layout
    maps : tuple of LagMap
        From the one of most lags to that of one. Each origin takes the first whose lags its history has: the beginning of a
        series would otherwise be forecast with lags that do not exist. None: the base alone.
    """

    normalize: str | None
    layout: Layout
    maps: tuple[LagMap, ...] = ()

    @property
    def n_lags(self) -> int:
        """Rows of the series, and of covariates not known ahead, that are read at most."""
        return self.maps[0].n_lags if self.maps else 0

    def base(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """What values are relative to, (n,)."""
        if self.normalize == "mean":
            return rows.means(ends, self.layout.window)
        return rows.last_seen[ends] if self.normalize == "last" else np.zeros(len(ends))

    def regressors(self, rows: Rows, ends: np.ndarray, n_lags: int) -> np.ndarray:
        """Regressors (n, P) of windows that end with these rows.

        The last L = ``n_lags`` values, less the base; of each covariate known up to the origin, the last L; of each known
        ahead, those from L - 1 rows before the origin to the end of the horizon; the calendar at the origin. What is missing
        counts as the mean, or of the series itself as its base.
        """
        layout, columns = self.layout, rows.covariates.T
        past = np.maximum(ends[:, None] - np.arange(n_lags), 0)
        ahead = np.maximum(ends[:, None] + np.arange(layout.horizon, -n_lags, -1), 0)
        n_past, n_known = layout.n_past, layout.n_known
        found = [rows.y[past] - self.base(rows, ends)[:, None]]
        found += [column[past] for column in columns[:n_past]]
        found += [column[ahead] for column in columns[n_past : n_past + n_known]]
        found += [column[ends, None] for column in columns[n_past + n_known :]]
        regressors = np.hstack(found)
        regressors[np.isnan(regressors)] = 0.0
        return regressors

    def predict(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """Values (n, H) ahead of these rows; those of a row have the same bits whatever the others are."""
        return self._predict(rows, ends, _in_order)

    def together(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """The same by matrix products, which are fast and the same for the same rows together."""
        return self._predict(rows, ends, np.matmul)

    def from_last(self, y: np.ndarray, calendar: np.ndarray) -> np.ndarray:
        """Values (S, H) ahead of series without other covariates, in microseconds: to the bit those of :meth:`predict`.

        Parameters
        ----------
        y : ndarray of shape (n, S)
            Their last rows, one at least and no more than a window holds.
        calendar : ndarray of shape (S, C) or (1, C)
            The calendar at the last row.
        """
        latest, known = y[::-1].T, ~np.isnan(y[::-1].T)
        held = np.where(known, latest, 0.0)
        base = np.zeros(len(latest))
        if self.normalize == "mean":  # summed over a whole window, as those of many are
            whole = np.zeros((len(latest), self.layout.window))
            whole[:, : len(y)] = held
            base = whole.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        elif self.normalize == "last":
            base = held[np.arange(len(held)), known.argmax(axis=1)]
        out = np.repeat(base[:, None], self.layout.horizon, axis=1)
        for n_lags, coef, intercept in self.maps:
            if n_lags <= len(y):
                lags = np.where(known[:, :n_lags], latest[:, :n_lags] - base[:, None], 0.0)
                z = np.hstack([lags, np.repeat(calendar, len(lags) // len(calendar), axis=0)])
                return out + (_in_order(z, coef) + intercept)
        return out

    def _predict(
        self, rows: Rows, ends: np.ndarray, product: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        if len(ends) > BLOCK:  # of whose regressors no more are held at a time
            parts = np.split(ends, range(BLOCK, len(ends), BLOCK))
            return np.concatenate([self._predict(rows, part, product) for part in parts])
        out = np.repeat(self.base(rows, ends)[:, None], self.layout.horizon, axis=1)
        left = ends - rows.begins_of(ends) + 1  # rows of history; none where a map was taken
        for n_lags, coef, intercept in self.maps:
            taken = np.flatnonzero(left >= n_lags)
            if len(taken):
                out[taken] += product(self.regressors(rows, ends[taken], n_lags), coef) + intercept
                left[taken] = 0
        return out


def _in_order(z: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """The product of (n, P) and (P, H), summed in the order of P: a BLAS rounds a row by how many others there are."""
    if coef.size * len(z) <= FEW:  # the same sums at once
        return np.add.accumulate(coef[:, :, None] * z.T[:, None], axis=0)[-1].T
    out = np.zeros((coef.shape[1], len(z)))
    for p in range(len(coef)):
        out += coef[p, :, None] * z[:, p]
    return out.T


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

    Ridge regressions on all regressors, and on the lags of the series alone, are stacked, see
    :func:`grukit.data.ridge.fit_linear`; of ``n_lags``, of half as many, and so on, each to the origins that have them.

    Parameters
    ----------
    rows : Rows
    layout : Layout
    n_lags : int
        Rows that are read; 0: the base alone.
    normalize : {"auto", "last", "mean", None}
        What values are relative to. "auto": what forecasts the later training blocks from those before better.
    training, watched : ndarray
        Origins that train and that are watched for early stopping, in the order of time, as rows of single series.
    """
    bases = ("last", "mean", None) if normalize == "auto" else (normalize,)
    tried = [(base, *_fit_or_measure(LinearHorizon(base, layout), rows, n_lags, training, watched)) for base in bases]
    base, maps, _ = min(tried, key=lambda each: each[2])
    bare, found = LinearHorizon(base, layout), [] if maps is None else [maps]
    lags = n_lags // 2
    while lags:
        fitted = _fit_maps(bare, rows, lags, training, watched)
        found += [] if fitted is None else [fitted[:2]]
        lags //= 2
    return FittedHorizon(*(replace(bare, maps=tuple(pair[which] for pair in found)) for which in (0, 1)))


def _fit_or_measure(
    bare: LinearHorizon, rows: Rows, n_lags: int, training: np.ndarray, watched: np.ndarray
) -> tuple[tuple[LagMap, LagMap] | None, float]:
    """The maps of most lags, if there are any, and their error, or that of the base alone."""
    fitted = _fit_maps(bare, rows, n_lags, training, watched) if n_lags else None
    if fitted is not None:
        return fitted[:2], fitted[2]
    ahead = rows.ahead(_thinned(training), bare.layout.horizon) - bare.base(rows, _thinned(training))[:, None]
    return None, float(np.nanmean(ahead**2)) * bare.layout.horizon if (~np.isnan(ahead)).any() else 0.0


def _fit_maps(
    bare: LinearHorizon, rows: Rows, n_lags: int, training: np.ndarray, watched: np.ndarray
) -> tuple[LagMap, LagMap, float] | None:
    """The map fitted to origins that train, and to all, and its error in later blocks; None of too few origins."""
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
        forms.append(Regression(nothing, Leading(n_lags), False))
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
    """Second moments of regressors, a one and values ahead; origins of which one of these is missing are left out."""
    lags: Any = 0.0
    cross: Any = 0.0
    targets: Any = 0.0
    n = 0
    for first in range(0, len(origins), BLOCK):
        ends = origins[first : first + BLOCK]
        ahead = rows.ahead(ends, bare.layout.horizon)
        known = ~np.isnan(ahead).any(axis=1)
        ends, ahead = ends[known], ahead[known] - bare.base(rows, ends[known])[:, None]
        z = np.column_stack([bare.regressors(rows, ends, n_lags), np.ones(len(ends))])
        lags, cross, targets = lags + z.T @ z, cross + z.T @ ahead, targets + (ahead**2).sum(axis=0)
        n += len(ends)
    return Moments(float(n), n, lags / n, cross / n, targets / n) if n else None
