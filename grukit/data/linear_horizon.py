"""The linear part of forecasts: affine maps to the whole horizon, relative to where a series is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from grukit.data.horizon import BLOCK, Rows
from grukit.data.lags import FEW
from grukit.data.layout import Layout
from grukit.data.sequences import RelativeTo, Sequences

FLOOR = 0.01  # of the typical deviation of windows, which is added to that of each so that constant ones stay finite


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
    normalize : {"last", "mean", "window", None}
        What values are relative to: the latest one, the mean of the window, that and in units of the window's deviation, or
        zero, the mean of the standardised series.
    layout : Layout
    maps : tuple of LagMap
        From the one of most lags to that of one. Each origin takes the first whose lags its history has: the beginning of a
        series would otherwise be forecast with lags that do not exist. None: the base alone.
    unit : float
        With ``normalize="window"``, the root mean square of the deviations of windows that train.
    """

    normalize: str | None
    layout: Layout
    maps: tuple[LagMap, ...] = ()
    unit: float = 1.0

    @property
    def n_lags(self) -> int:
        """Rows of the series, and of covariates not known ahead, that are read at most."""
        return self.maps[0].n_lags if self.maps else 0

    def base(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """What values are relative to, (n,)."""
        if self.normalize in ("mean", "window"):
            return rows.means(ends, self.layout.window)
        return rows.last_seen[ends] if self.normalize == "last" else np.zeros(len(ends))

    def spread(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """What values are in units of, (n,): with ``normalize="window"`` the window's deviation, never zero; otherwise one."""
        if self.normalize != "window":
            return np.ones(len(ends))
        return np.hypot(rows.deviations(ends, self.layout.window), FLOOR * self.unit)

    def factors(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """What the network's outputs are multiplied with, (n,)."""
        return self.spread(rows, ends) / self.unit

    def windows(self, rows: Rows, values: np.ndarray, ends: np.ndarray) -> Sequences:
        """The windows of ``values`` that end with these rows, of the (first) series, and what each is relative to."""
        sequences = rows.windows(values, ends, self.layout.window)
        if self.normalize != "window":
            return sequences
        M = self.layout.n_joint
        mean, scale = np.zeros((len(values), M)), np.ones((len(values), M))
        for part in np.split(ends, range(BLOCK, len(ends), BLOCK)):
            each = rows.of_each(part, self.layout)
            mean[part] = self.base(rows, each).reshape(-1, M)
            scale[part] = self.spread(rows, each).reshape(-1, M)
        return replace(sequences, relative=RelativeTo(mean, scale, self.unit))

    def regressors(self, rows: Rows, ends: np.ndarray, n_lags: int) -> np.ndarray:
        """Regressors (n, P) of windows that end with these rows.

        The last L = ``n_lags`` values, less the base, in units of the spread; of each covariate known up to the origin, the
        last L; of each known ahead, those from L - 1 rows before the origin to the end of the horizon; the calendar at the
        origin, and constants of the series, but no category that is embedded. What is missing counts as the mean, or of the
        series itself as its base.
        """
        layout, columns = self.layout, rows.covariates.T
        past = np.maximum(ends[:, None] - np.arange(n_lags), 0)
        n_past, n_known = layout.n_past, layout.n_known
        lags = rows.y[past]
        if self.normalize is not None:
            lags -= self.base(rows, ends)[:, None]
        if self.normalize == "window":
            lags /= self.spread(rows, ends)[:, None]
        found = [lags, *(column[past] for column in columns[:n_past])]
        if n_known:
            ahead = np.maximum(ends[:, None] + np.arange(layout.horizon, -n_lags, -1), 0)
            found += [column[ahead] for column in columns[n_past : n_past + n_known]]
        found += [column[ends, None] for column in columns[n_past + n_known :][: layout.n_calendar]]
        regressors = np.hstack(found)
        if rows.holds_nan:
            regressors[np.isnan(regressors)] = 0.0
        return regressors

    def predict(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """Values (n, H) ahead of these rows; those of a row have the same bits whatever the others are."""
        return self._predict(rows, ends, _in_order)

    def together(self, rows: Rows, ends: np.ndarray) -> np.ndarray:
        """The same by matrix products, which are fast and the same for the same rows together."""
        return self._predict(rows, ends, np.matmul)

    def from_last(self, y: np.ndarray, beside: np.ndarray) -> np.ndarray:
        """Values (S, H) ahead of series without other covariates, in microseconds: to the bit those of :meth:`predict`.

        Not with ``normalize="window"``.

        Parameters
        ----------
        y : ndarray of shape (n, S)
            Their last rows, one at least and no more than a window holds.
        beside : ndarray of shape (S, C)
            The calendar at the last row, and constants of the series, with numbers of categories that are not looked at.
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
                return out + (_in_order(np.hstack([lags, beside[:, : self.layout.n_calendar]]), coef) + intercept)
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
                ahead = product(self.regressors(rows, ends[taken], n_lags), coef) + intercept
                if self.normalize == "window":
                    ahead *= self.spread(rows, ends[taken])[:, None]
                out[taken] += ahead
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
