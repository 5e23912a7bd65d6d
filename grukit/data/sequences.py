"""Sequences inside one table of rows: windows of a time series, or sequences that stand alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from grukit.data.frames import Table, check_columns, check_finite, check_no_times, sum_is_finite
from grukit.data.long_arrays import blocks_of_rows, joined_rows, long_array, rows_of
from grukit.data.order import check_times
from grukit.data.times import as_times


class RelativeTo(NamedTuple):
    """What the first M columns of a sample are relative to, (x - mean) / scale, by the row that it ends with.

    The network's outputs are multiplied by scale / unit. Rows that no sample ends with have 0 and 1.
    """

    mean: np.ndarray  # (N, M)
    scale: np.ndarray  # (N, M)
    unit: float


@dataclass(frozen=True)
class Sequences:
    """Samples as pieces of one table; nothing is copied and windows overlap freely.

    Attributes
    ----------
    values : ndarray of shape (N, D)
        Rows of all sequences.
    starts, lengths : ndarray of shape (n,), int64
        Sample i is ``values[starts[i] : starts[i] + lengths[i]]``.
    exchangeable : bool
        Whether the samples stand alone, without an order in time.
    begins : ndarray of shape (n_series,), int64
        First rows of the series that the samples are pieces of, or of the sequences that stand alone.
    relative : RelativeTo or None
        Where each sample is read relative to a mean and scale of its own.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    exchangeable: bool
    begins: np.ndarray
    relative: RelativeTo | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, samples: np.ndarray) -> "Sequences":
        """The chosen samples, over the same rows."""
        return replace(self, starts=rows_of(self.starts, samples), lengths=rows_of(self.lengths, samples))

    @property
    def series(self) -> np.ndarray:
        """Number (n,) of the series that each sample is a piece of."""
        numbers = long_array(self.starts.shape, np.int64)
        for block in blocks_of_rows(numbers):
            numbers[block] = np.searchsorted(self.begins, self.starts[block], side="right") - 1
        return numbers

    def of_each(self, offsets: np.ndarray) -> Iterator["Sequences"]:
        """The samples of each series over its own rows alone; of series s those from ``offsets[s]`` to ``offsets[s + 1]``."""
        ends = pairwise([*self.begins, len(self.values)])
        for (first, last), (begin, end) in zip(pairwise(offsets), ends, strict=True):
            starts, lengths = self.starts[first:last] - begin, self.lengths[first:last]
            yield replace(
                self, values=self.values[begin:end], starts=starts, lengths=lengths, begins=np.zeros(1, np.int64)
            )

    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """The row of every step of every sample, and how many steps the sample has up to there."""
        within = np.arange(self.lengths.sum()) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        return np.repeat(self.starts, self.lengths) + within, within + 1

    def differenced(self, columns: np.ndarray) -> np.ndarray:
        """The values with differences to the row before in the chosen columns (D,); NaN in the first row of a series."""
        values, chosen = long_array(self.values.shape, np.float64), np.flatnonzero(columns)
        for block in blocks_of_rows(values):
            values[block] = self.values[block]
            first = max(block.start, 1)
            values[first : block.stop, chosen] -= self.values[first - 1 : block.stop - 1, chosen]
        values[np.ix_(self.begins, chosen)] = np.nan
        return values

    def without_first_rows(self) -> "Sequences":
        """Samples of more than one row without their first, of which a difference would look at a row before the sample."""
        more = (self.lengths > 1).astype(self.starts.dtype)
        return replace(self, starts=self.starts + more, lengths=self.lengths - more)


def windows(table: Table, window: int, context: dict[tuple[Any, ...], np.ndarray] | None = None) -> Sequences:
    """One sample for each row of a table: the row and up to ``window - 1`` rows before it, never of another series.

    The first rows of a series see the shorter history that exists.

    Parameters
    ----------
    table : Table
        n rows.
    window : int
        Rows a sample holds at most.
    context : dict of series key -> ndarray of shape (c, D), default=None
        Rows that come before a series' first; they are history, no samples.
    """
    offsets, lengths = table.offsets, np.diff(table.offsets)
    if context:
        before = [context.get(key) for key in table.keys]
        n_before = np.array([0 if rows is None else len(rows) for rows in before])
        own = (table.values[first:last] for first, last in pairwise(offsets))
        values = joined_rows([piece for pair in zip(before, own, strict=True) for piece in pair if piece is not None])
    else:
        n_before, values = np.zeros(len(lengths), np.int64), table.values
    begins = offsets[:-1] + np.cumsum(n_before) - n_before
    end = np.arange(1, offsets[-1] + 1)
    if context:
        end += np.repeat(np.cumsum(n_before), lengths)
    starts, n_rows = (long_array(end.shape, np.int64) for _ in range(2))
    np.maximum(np.subtract(end, window, out=starts), np.repeat(begins, lengths), out=starts)
    np.subtract(end, starts, out=n_rows)
    return Sequences(values, starts, n_rows, False, begins)


def independent_rows(values: np.ndarray) -> Sequences:
    """Each row of a table (n, T) as one univariate sequence of T steps."""
    n, T = values.shape
    return stand_alone(values.reshape(n * T, 1), np.full(n, T))


def stand_alone(values: np.ndarray, lengths: np.ndarray) -> Sequences:
    """Sequences of such lengths that stand alone, one after another."""
    starts = np.cumsum(lengths) - lengths
    return Sequences(values, starts, lengths, True, starts)


def is_sequences(X: Any) -> bool:
    """Whether X is a 3-D array or a list of two-dimensional tables, rather than one table."""
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and all(isinstance(x, (np.ndarray, pd.DataFrame)) and x.ndim == 2 for x in X)
    return isinstance(X, np.ndarray) and X.ndim == 3


def read_sequences(X: Any, allow_nan: bool = False) -> Sequences:
    """Sequences from a 3-D array (n_sequences, n_steps, n_features) or a list of two-dimensional tables.

    Raises
    ------
    ValueError
        Naming the sequence that is empty, not numeric, not finite, or of other columns than the first.
    """
    if isinstance(X, np.ndarray):
        if 0 in X.shape:
            raise ValueError(f"X is empty: its shape is {X.shape}; at least one sequence, step and feature is needed.")
        X, (n, T, D) = _as_float(X, "X"), X.shape
        if sum_is_finite(X):  # all at once; what is wrong is found one by one
            return stand_alone(X.reshape(n * T, D), np.full(n, T))
        X = [*X]
    first = X[0]
    columns = list(first.columns) if isinstance(first, pd.DataFrame) else None
    arrays = []
    for i, x in enumerate(X):
        what = f"X[{i}]"
        check_columns(x, what)
        index = x.index if isinstance(x, pd.DataFrame) else None
        if index is not None:
            check_times(as_times(index), what)
        if isinstance(x, pd.DataFrame) and columns is not None and list(x.columns) != columns:
            raise ValueError(f"{what} has the columns {list(x.columns)}; X[0] has {columns}.")
        array = _as_float(x, what)
        if 0 in array.shape:
            raise ValueError(f"{what} is empty: its shape is {array.shape}; a sequence needs at least one step.")
        if array.shape[1] != np.shape(first)[1]:
            raise ValueError(f"{what} has {array.shape[1]} features; X[0] has {np.shape(first)[1]}.")
        check_finite(array, what, columns, index, allow_nan)
        arrays.append(array)
    return stand_alone(joined_rows(arrays), np.array([len(array) for array in arrays]))


def _as_float(x: Any, what: str) -> np.ndarray:
    array = np.asarray(x)
    check_no_times(array, what)
    if array.dtype.kind == "c":
        raise ValueError(f"{what} holds complex numbers. Complex data not supported.")
    if isinstance(x, pd.DataFrame):  # where pandas' own missing value becomes NaN
        return x.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must hold numbers: {error}") from error
