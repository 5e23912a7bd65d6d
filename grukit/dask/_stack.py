"""Partitions one below another: numbers in a file that grows, so that they need no memory, and what else there is as it is."""

from contextlib import AbstractContextManager
from tempfile import gettempdir
from typing import Any

import dask.config
import numpy as np
import pandas as pd

from grukit.data.long_arrays import Growing, in_files

NUMBERS = "iuf"  # kinds of dtypes


def in_temporary_folder() -> AbstractContextManager[None]:
    """Long arrays that are made here lie in files of Dask's temporary folder, or the platform's where none is configured."""
    folder = dask.config.get("temporary-directory", None) or gettempdir()
    return in_files(folder, ', with dask.config.set({"temporary-directory": ...})')


class Stack:
    """Frames of the same columns, or Series, that come one after another."""

    def __init__(self) -> None:
        self._first: Any = None  # without rows, for its names
        self._numbers: Growing | None = None
        self._others: list[pd.DataFrame] = []  # from the first on that holds anything but numbers

    def append(self, part: Any) -> None:
        """Take a part."""
        if self._first is None:
            self._first = part.iloc[:0].copy()
        if len(part) == 0:
            return
        rows = part.to_frame() if isinstance(part, pd.Series) else part
        if isinstance(part, pd.DataFrame) and not part.columns.equals(self._first.columns):
            rows = part[self._first.columns]
        before = [] if self._numbers is None else [self._numbers.dtype]
        if self._others or not _in_file(rows, *before):
            self._others.append(rows)
            return
        values = rows.to_numpy()
        if self._numbers is None:
            self._numbers = Growing(values.shape[1:], values.dtype)
        self._numbers.append(values)

    def whole(self, index: pd.Index | None) -> Any:
        """All rows, on an index, as a frame or a Series."""
        first = self._first.to_frame() if isinstance(self._first, pd.Series) else self._first
        parts = self._others
        if self._numbers is not None:
            parts = [pd.DataFrame(self._numbers.close(), columns=first.columns, copy=False), *parts]
        rows = parts[0] if len(parts) == 1 else pd.concat(parts or [first])
        rows = rows if index is None else rows.set_axis(index, axis=0)
        if not isinstance(self._first, pd.Series):
            return rows
        column = rows.iloc[:, 0]
        column.name = self._first.name
        return column


class StackedIndex:
    """The index of series and time of frames that come one after another.

    Parameters
    ----------
    series : list
        Columns that name the series of each row.
    time : object
        The column of the time.
    """

    def __init__(self, series: list[Any], time: Any):
        self.names = [*series, time]
        self._levels: list[Any] = [None for _ in series]  # all names of a column
        self._codes = [Growing((), np.int32) for _ in series]  # the number of each row's
        self._times = Stack()

    def append(self, part: pd.DataFrame) -> None:
        """Take the rows of a part."""
        for k, name in enumerate(self.names[:-1]):
            own, found = pd.factorize(part[name])
            found, level = pd.Index(found), self._levels[k]
            if level is None:
                level = found
            self._levels[k] = level = level.append(found[level.get_indexer(found) < 0])
            numbers = np.append(level.get_indexer(found), -1)  # the last of what is missing
            self._codes[k].append(numbers[own].astype(np.int32))
        self._times.append(part[self.names[-1]])

    def whole(self) -> pd.Index:
        """Of all rows."""
        times = pd.Index(self._times.whole(None))
        if not self._codes:
            return times
        of_time, found = times.factorize()
        codes = [*(each.close() for each in self._codes), of_time]
        return pd.MultiIndex([*self._levels, found], codes, names=self.names, verify_integrity=False)


def _in_file(rows: pd.DataFrame, *more: np.dtype) -> bool:
    """Whether a frame has columns, and one dtype holds them, and ``more``: of numbers alone, or of times alone."""
    kinds = {each.kind if isinstance(each, np.dtype) else "O" for each in (*rows.dtypes, *more)}
    return rows.shape[1] > 0 and (kinds <= set(NUMBERS) or kinds in ({"m"}, {"M"}))
