"""Windows and the values that follow them, as pieces of one table of rows: nothing of windows times horizon exists."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from grukit.data.embedded import widened
from grukit.data.layout import Layout
from grukit.data.long_arrays import long_array
from grukit.data.sequences import Sequences

if TYPE_CHECKING:
    from grukit.data.linear_horizon import LinearHorizon

BLOCK = 4096  # origins whose windows or values ahead are held at a time


@dataclass(frozen=True)
class Rows:
    """Standardised series, one after another, and their covariates.

    Attributes
    ----------
    y : ndarray of shape (N,)
        NaN where nothing is known.
    covariates : ndarray of shape (N, C)
        Those known up to the origin, those known ahead, those of the calendar, constants of the series, and places of
        categories that are embedded.
    offsets : ndarray of shape (S + 1,)
        Series s is the rows ``offsets[s]:offsets[s + 1]``.
    """

    y: np.ndarray
    covariates: np.ndarray
    offsets: np.ndarray

    def series_of(self, rows: np.ndarray) -> np.ndarray:
        """The number of the series of each of these rows."""
        return np.searchsorted(self.offsets, rows, side="right") - 1

    def begins_of(self, rows: np.ndarray) -> np.ndarray:
        """The first row of the series of each of these rows."""
        return self._begins[rows]

    @cached_property
    def _begins(self) -> np.ndarray:
        """That of all rows (N,), which batch after batch asks for."""
        return np.repeat(self.offsets[:-1], np.diff(self.offsets))

    def of_each(self, ends: np.ndarray, layout: Layout) -> np.ndarray:
        """Rows (n * n_joint,) of each series, of rows (n,) of the first of those that are read jointly."""
        return (ends[:, None] + self.offsets[: layout.n_joint]).ravel()

    @cached_property
    def last_seen(self) -> np.ndarray:
        """The latest value (N,) up to each row of its series; zero, the mean, before the first."""
        numbers = np.arange(len(self.y))
        seen = np.maximum.accumulate(np.where(np.isnan(self.y), -1, numbers))
        return np.where(seen >= self._begins, self.y[np.maximum(seen, 0)], 0.0)

    @cached_property
    def holds_nan(self) -> bool:
        """Whether a value or covariate of any row is missing."""
        return bool(np.isnan(self.y).any() or np.isnan(self.covariates).any())

    def means(self, rows: np.ndarray, window: int) -> np.ndarray:
        """The mean (n,) of what is known of the ``window`` rows up to each of these; zero, the mean, where nothing is."""
        return _mean(*self._within(rows, window))

    def deviations(self, rows: np.ndarray, window: int) -> np.ndarray:
        """The standard deviation (n,) of the same; zero where less than two values are known."""
        values, known = self._within(rows, window)
        return np.sqrt(_mean((values - _mean(values, known)[:, None]) ** 2, known))

    def _within(self, rows: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``window`` rows (n, window) up to each of these, the latest first, and which of them are known."""
        which = rows[:, None] - np.arange(window)
        values = self.y[np.maximum(which, 0)]
        return values, (which >= self.begins_of(rows)[:, None]) & ~np.isnan(values)

    def ahead(self, rows: np.ndarray, horizon: int) -> np.ndarray:
        """The values (n, H) after each of these rows, which must have as many after them."""
        return sliding_window_view(self.y, horizon)[rows + 1]

    def network_values(self, layout: Layout, tables: list[np.ndarray] | None = None) -> np.ndarray:
        """What windows are cut from.

        (N, D): the series, its covariates, and those known ahead at each lead, NaN where there are no such rows. Or, of
        series that are read jointly, (T, D), with all of them first. Of categories that are embedded, the numbers that they
        have in these ``tables``; for training, which has these itself, None: their places.
        """
        n, embedded = layout.n_joint, layout.embedded_columns
        N, ends = (len(self.y), self.offsets[1:]) if n == 1 else (int(self.offsets[1]), self.offsets[1:2])
        known = self.covariates[:N, layout.n_past : layout.n_past + layout.n_known]
        values = long_array((N, embedded.stop + len(layout.leads) * layout.n_known), np.float64)
        values[:, embedded.stop :] = np.nan
        values[:, :n] = self.y.reshape(n, N).T
        values[:, n : embedded.stop] = widened(self.covariates[:N], layout.embedded, tables)
        left_after = np.repeat(ends, np.diff(self.offsets[: len(ends) + 1])) - np.arange(N)
        at = embedded.stop
        for lead in layout.leads:
            there = np.flatnonzero(left_after > lead)
            values[there, at : at + layout.n_known] = known[there + lead]
            at += layout.n_known
        return values

    def cut(self, ends: np.ndarray, window: int, more: int) -> "Rows":
        """The last ``window`` rows up to each of these, as series of their own, and ``more`` rows, of covariates alone."""
        lengths = np.minimum(ends - self.begins_of(ends) + 1, window) + more
        offsets = np.append(0, np.cumsum(lengths))
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        which = np.repeat(ends + more + 1 - lengths, lengths) + within
        y = self.y[which]
        y[within >= np.repeat(lengths - more, lengths)] = np.nan
        return Rows(y, self.covariates[which], offsets)

    def windows(self, values: np.ndarray, rows: np.ndarray, window: int) -> Sequences:
        """The windows that end with each of these rows."""
        begins = self.begins_of(rows)
        starts = np.maximum(rows - window + 1, begins)
        own = self.offsets[self.offsets < len(values)]
        return Sequences(values, starts, rows - starts + 1, False, own)


@dataclass(frozen=True)
class Horizons:
    """The targets of windows, gathered when they are asked for.

    Attributes
    ----------
    rows : Rows
    ends : ndarray of shape (n,)
        The last row of each window, in its (first) series.
    layout : Layout
    linear : LinearHorizon
        What is subtracted, and
    scale : float
        what the rest is divided by.
    dtype : str
    """

    rows: Rows
    ends: np.ndarray
    layout: Layout
    linear: "LinearHorizon"
    scale: float
    dtype: str

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def n_outputs(self) -> int:
        """K: the horizon of one series, or one after another those of all that are read jointly."""
        return self.layout.horizon * self.layout.n_joint

    @property
    def arrays(self) -> list[np.ndarray]:
        """All that the targets are made of."""
        rows, maps = self.rows, self.linear.maps
        own = [rows.y, rows.covariates, rows.offsets, self.ends, np.array(self.scale)]
        return own + [part for each in maps for part in (each.coef, each.intercept)]

    def rows_of(self, numbers: np.ndarray) -> np.ndarray:
        """The last rows of windows in each of their series, one after another."""
        return self.rows.of_each(self.ends[numbers], self.layout)

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """The targets (b, K) of these windows. A number has the same bits whenever the same numbers are asked for."""
        left = self._left_of(self.rows_of(numbers))
        return (left / self.scale).astype(self.dtype).reshape(len(numbers), self.n_outputs)

    def left(self, relative: bool = False) -> np.ndarray:
        """What is left of the targets, unscaled (b, K), of at most ``BLOCK`` windows spread evenly.

        ``relative``: divided by what the network's outputs for each window are multiplied with.
        """
        numbers = np.unique(np.linspace(0, len(self.ends) - 1, BLOCK).astype(np.int64))
        rows = self.rows_of(numbers)
        left = self._left_of(rows)
        if relative:
            left /= self.linear.factors(self.rows, rows)[:, None]
        return left.reshape(len(numbers), self.n_outputs)

    def _left_of(self, rows: np.ndarray) -> np.ndarray:
        """What the linear part leaves (n, H) of the values ahead of these rows."""
        return self.rows.ahead(rows, self.layout.horizon) - self.linear.together(self.rows, rows)

    def spread(self) -> float:
        """Root mean square of :meth:`left`; 1 of nothing."""
        left = self.left()
        mean = float(np.nanmean(left**2)) if (~np.isnan(left)).any() else 0.0
        return float(np.sqrt(mean)) or 1.0

    def quantiles(self, levels: tuple[float, ...]) -> np.ndarray:
        """Quantiles (K, M) of each column of what is left, as outputs; zero where nothing is known."""
        left, found = self.left(relative=True), np.zeros((self.n_outputs, len(levels)))
        known = ~np.isnan(left).all(axis=0)
        found[known] = np.nanquantile(left[:, known], levels, axis=0).T
        return found


def _mean(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean (n,) of the values (n, w) that are known; zero of none."""
    return np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
