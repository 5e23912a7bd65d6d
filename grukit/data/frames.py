"""Tables whose rows are time steps: what their columns and index must be, and how a panel falls into series."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.times import as_times

_TIMES = (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)


@dataclass(frozen=True)
class Table:
    """A table of numbers, the rows of each series together and in time order.

    Attributes
    ----------
    values : ndarray of shape (n, D)
        Float64 or float32.
    offsets : ndarray of shape (n_series + 1,)
        Series s is rows ``offsets[s]:offsets[s + 1]``.
    keys : list of tuple
        The levels of a panel's index before the time, one tuple a series; ``[()]`` where there is one series.
    times : pandas.Index or None
        The time of each row; None for arrays.
    order : ndarray of shape (n,) or None
        Row of the user's table for each row here; None where they are the same.
    """

    values: np.ndarray
    offsets: np.ndarray
    keys: list[tuple[Any, ...]]
    times: pd.Index | None
    order: np.ndarray | None

    def to_user_order(self, rows: np.ndarray) -> np.ndarray:
        """Rows here -> rows in the order of the user's table."""
        if self.order is None:
            return rows
        back = np.empty_like(rows)
        back[self.order] = rows
        return back

    def from_user_order(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the order of the user's table -> rows here."""
        return rows if self.order is None else rows[self.order]


def _is_numbers(dtype: Any) -> bool:
    return pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)


def check_columns(X: Any, what: str = "X") -> None:
    """Raise where a DataFrame has no column, or a column of it or a Series is not numbers.

    Raises
    ------
    ValueError
        Naming the column and its dtype.
    """
    if isinstance(X, pd.Series) and not _is_numbers(X.dtype):
        raise ValueError(f"{what} must hold numbers; its dtype is {X.dtype}.")
    if not isinstance(X, pd.DataFrame):
        return
    if X.shape[1] == 0:
        raise ValueError(f"{what} has no columns: 0 feature(s) (shape={X.shape}) while a minimum of 1 is required.")
    for name, dtype in X.dtypes.items():
        if not _is_numbers(dtype):
            raise ValueError(
                f"{what}: column {name!r} has dtype {dtype}; every column must hold numbers. Encode it first, or drop it."
            )


def name_of_row(index: pd.Index | None, row: int) -> str:
    """Say which row is meant, by its label where there is one."""
    return f"row {row}" if index is None else f"{index[row]} (row {row})"


def sum_is_finite(values: np.ndarray) -> bool:
    """Whether no entry is NaN or infinite, for sure where it is true: a sum may overflow. It needs no array of that size."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum(dtype=np.float64)))


def check_finite(
    values: np.ndarray, what: str, columns: Any = None, index: pd.Index | None = None, allow_nan: bool = False
) -> None:
    """Raise where a two-dimensional array holds infinity or, unless it is allowed, NaN.

    Raises
    ------
    ValueError
        Naming the first offending column and row, or timestamp, and how many there are.
    """
    if sum_is_finite(values):
        return
    bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    if not bad.any():
        return
    row, column = (int(i) for i in np.unravel_index(np.argmax(bad), bad.shape))
    kind = "NaN" if np.isnan(values[row, column]) else "inf (infinity)"
    name = column if columns is None else repr(list(columns)[column])
    others, what_else = int(bad.sum()) - 1, "infinite" if allow_nan else "NaN or infinite"
    remedy = "" if allow_nan else " Fill or drop missing values first, or see the parameter 'missing'."
    raise ValueError(
        f"{what} contains {kind} in column {name} at {name_of_row(index, row)}"
        f"{f', and {others} more entries that are {what_else}' if others else ''}.{remedy}"
    )


def check_times(times: pd.Index, series: str = "") -> None:
    """Raise where one series' time index is not strictly increasing.

    Raises
    ------
    ValueError
        Naming the first offending stamp.
    """
    where = f" of series {series}" if series else ""
    missing = times.isna()
    if missing.any():
        raise ValueError(f"The time index{where} has a missing stamp at row {int(np.argmax(missing))}.")
    if times.is_monotonic_increasing and times.is_unique:
        return
    if not times.is_monotonic_increasing:
        try:
            row = int(np.argmax(np.asarray(times[1:] < times[:-1]))) + 1
        except TypeError as error:
            raise ValueError(f"The time index{where} mixes types that have no order.") from error
        raise ValueError(
            f"The time index{where} is not sorted: {times[row]} (row {row}) comes after {times[row - 1]}. "
            "Rows must be in time order; sort with X.sort_index()."
        )
    row = int(np.argmax(times.duplicated()))
    raise ValueError(f"The time index{where} has duplicates: {times[row]} (row {row}) is there more than once.")


def _check_names(names: pd.Index, times: pd.Index) -> None:
    """Raise where the levels before the last do not name series."""
    for level in range(names.nlevels):
        values = names.get_level_values(level)
        if values.isna().any():
            raise ValueError(f"The series name is missing at row {int(np.argmax(values.isna()))} of the index.")
        if isinstance(values, _TIMES) and not isinstance(times, _TIMES):
            raise ValueError(
                f"Level {level} of the index holds times and the last level does not. The last level must be the time and "
                "the levels before it name the series; see DataFrame.swaplevel."
            )


def read_table(values: np.ndarray, X: Any) -> Table:
    """Split a checked table into series.

    Parameters
    ----------
    values : ndarray of shape (n, D)
        The numbers of ``X``.
    X : DataFrame or array
        As the user gave it. The last level of a MultiIndex is the time, the levels before it name the series.

    Raises
    ------
    ValueError
        Where a series' time index is not sorted or has duplicates.
    """
    n = len(values)
    if not isinstance(X, pd.DataFrame):
        return Table(values, np.array([0, n]), [()], None, None)
    times = as_times(X.index.get_level_values(-1))
    if X.index.nlevels == 1:
        check_times(times)
        return Table(values, np.array([0, n]), [()], times, None)
    names = X.index.droplevel(-1)  # type: ignore[arg-type]  # the stubs know lists only
    _check_names(names, times)
    codes, uniques = pd.factorize(names)
    order = None
    if (np.diff(codes) < 0).any():
        order = np.argsort(codes, kind="stable")
        values, times, codes = values[order], times[order], codes[order]
    offsets = np.append(np.flatnonzero(np.diff(codes, prepend=-1)), n)
    keys = [key if isinstance(key, tuple) else (key,) for key in uniques]
    for s, key in enumerate(keys):
        check_times(times[offsets[s] : offsets[s + 1]], "/".join(str(part) for part in key))
    return Table(values, offsets, keys, times, order)
