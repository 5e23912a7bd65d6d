"""Frames and panels of several columns, as other libraries hold series: rows that follow, and forecasts of single steps."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data.frames import series_of_rows
from grukit.data.steps import number_step


def _places(index: Any) -> tuple[np.ndarray, np.ndarray]:
    """Number of the series of each row, in the order in which they appear, and the rank of its time among all."""
    ranks = index.get_level_values(-1).factorize(sort=True)[0]
    return np.zeros(len(index), int) if index.nlevels == 1 else series_of_rows(index)[0], ranks


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each series together, by time."""
    series, ranks = _places(rows.index)
    return rows.iloc[np.lexsort((ranks, series))]


def last_rows(rows: pd.DataFrame, n: int) -> pd.DataFrame:
    """The last n rows of each series, which are in order."""
    if rows.index.nlevels == 1:
        return rows.iloc[-n:]
    return rows.groupby(level=list(range(rows.index.nlevels - 1)), sort=False, observed=True).tail(n)


def ends_of(index: pd.Index) -> list[pd.Index]:
    """The last time of each series, whose rows are in order, as an index of one entry."""
    times, series = index.get_level_values(-1), _places(index)[0]
    last = np.append(np.flatnonzero(np.diff(series)), len(series) - 1)
    return [times[row : row + 1] for row in last]


def rows_apart(index: pd.Index) -> int:
    """By how much the times of neighbouring rows differ where they are whole numbers; 1 of all else, and of single rows."""
    times = index.get_level_values(-1)
    return int(number_step(times) or 1) if times.dtype.kind in "iu" else 1


def with_rows(known: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The rows of both, in order; of two rows of one series and time, the new one."""
    return in_order(pd.concat([known[~known.index.isin(new.index)], new]))


def up_to_ends(rows: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """The rows of each series up to the last of its times in ``index``; of a series that is not there, all."""
    ranks, last = _beside_ends(rows, index)
    return rows[(ranks <= last) | (last < 0)]


def after_ends(rows: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """The rows of each series after the last of its times in ``index``; of a series that is not there, all."""
    ranks, last = _beside_ends(rows, index)
    return rows[ranks > last]


def _beside_ends(rows: pd.DataFrame, index: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """The rank of each row's time, and of the last one of its series that is in ``index``; -1 where none is."""
    series, ranks = _places(rows.index)
    given, last = rows.index.isin(index), np.full(series.max() + 1, -1)
    np.maximum.at(last, series[given], ranks[given])
    return ranks, last[series]


def has_all(rows: pd.DataFrame, known: pd.DataFrame) -> bool:
    """Whether all rows of ``known`` are there, with the same values, each frame in order."""
    same = rows[rows.index.isin(known.index)]
    return len(same) == len(known) and np.array_equal(same, known, equal_nan=True)


def is_wide_panel(y: pd.DataFrame) -> bool:
    """Whether series are a panel of several columns."""
    return y.index.nlevels > 1 and y.shape[1] > 1


def one_column(panel: pd.DataFrame) -> pd.Series:
    """A panel of several columns as a panel of more series, whose first level names the column."""
    columns = {name: panel[name] for name in panel.columns}
    return pd.concat(columns, names=["column", *panel.index.names]).rename(None)


def for_each_column(X: pd.DataFrame, columns: pd.Index) -> pd.DataFrame:
    """Covariates of a panel of these columns, for each series of :func:`one_column`."""
    return pd.concat(dict.fromkeys(columns, X), names=["column", *X.index.names])


def side_by_side(forecast: Any, n_columns: int, wide: pd.Index) -> pd.DataFrame:
    """Forecasts of the series of :func:`one_column` as a panel of columns again.

    Parameters
    ----------
    forecast : Series or DataFrame
        C numbers for each step of each series, those of a column one below the other.
    n_columns : int
        Columns that were stacked.
    wide : Index
        Labels of the result's columns, C for each of them.
    """
    values = forecast.to_numpy().reshape(n_columns, -1, len(wide) // n_columns)
    rows = values.transpose(1, 0, 2).reshape(-1, len(wide))
    return pd.DataFrame(rows, index=forecast.index[: len(rows)].droplevel(0), columns=wide)


def chosen_steps(forecast: pd.DataFrame, steps: list[np.ndarray]) -> pd.DataFrame:
    """The rows that are so many steps ahead, of forecasts of each series one below the other, all as far."""
    horizon = len(forecast) // len(steps)
    return forecast.iloc[np.concatenate([horizon * s + each - 1 for s, each in enumerate(steps)])]


def quantiles_of(
    point: pd.DataFrame, trained: Any, intervals: Any, levels: list[float], wide: pd.Index
) -> pd.DataFrame:
    """Quantiles that were trained; of any other level q a bound of the interval of coverage |2q - 1|, of 0.5 the forecast.

    Parameters
    ----------
    point : DataFrame of shape (n, C)
        Forecasts.
    trained : DataFrame or None
        Columns (name, level) for each column of ``point``.
    intervals : DataFrame or None
        Columns (name, coverage, "lower" or "upper") alike.
    levels : list of float
        Between 0 and 1.
    wide : Index
        Labels of the result's columns, a quantile of each level for each column.
    """

    def one(name: Any, level: float) -> pd.Series:
        if trained is not None and (name, level) in trained.columns:
            return trained[name, level]
        if level == 0.5:
            return point[name]
        return intervals[name, abs(2 * level - 1), "lower" if level < 0.5 else "upper"]

    taken = [one(name, level) for name in point.columns for level in levels]
    return pd.DataFrame(np.column_stack(taken), index=point.index, columns=wide)
