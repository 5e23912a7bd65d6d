"""Forecasts written in the form of the series that they continue."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data.grid import Grid
from grukit.data.series import SeriesForm


def write_forecasts(
    values: np.ndarray, keys: list[tuple[Any, ...]], ends: list[Any], grid: Grid, form: SeriesForm, columns: Any = None
) -> Any:
    """Forecasts in the form that the series were written in.

    Parameters
    ----------
    values : ndarray of shape (S, H), or (S, H, C) with ``columns``
        Values ahead of each series.
    keys, ends : list
        Names and last stamps of the series.
    grid, form
        Of the series.
    columns : Index, default=None
        Of C values for each forecast.

    Returns
    -------
    Series or DataFrame
        With ``columns`` a DataFrame, whose columns are, for a frame, those of each of its own.
    """
    H = values.shape[1]
    ahead: dict[Any, pd.Index] = {}
    for end in ends:
        if end not in ahead:
            ahead[end] = grid.ahead(end, H)
    index: Any
    if form.kind == "panel":
        index = _panel_index(keys, [ahead[end] for end in ends], form.levels)
    else:
        index = ahead[ends[0]].rename(form.levels[-1])
    if columns is not None:
        if form.kind != "frame":
            return pd.DataFrame(values.reshape(-1, values.shape[2]), index=index, columns=columns)
        wide = values.transpose(1, 0, 2).reshape(H, -1)
        return pd.DataFrame(wide, index=index, columns=_behind(_labels(keys, form), columns))
    if form.kind == "frame":
        return pd.DataFrame(np.ascontiguousarray(values.T), index=index, columns=_labels(keys, form))
    if form.framed:
        return pd.DataFrame(values.reshape(-1, 1), index=index, columns=form.names)
    return pd.Series(values.ravel(), index=index, name=form.names)


def _labels(keys: list[tuple[Any, ...]], form: SeriesForm) -> pd.Index:
    """The columns of a frame as they were, of their type and with the names of their levels, and those that came later."""
    labels = [key[0] for key in keys]
    if labels == list(form.names):
        return form.names
    if form.names.nlevels > 1:
        return pd.MultiIndex.from_tuples(labels, names=form.names.names)
    return pd.Index(labels, name=form.names.name)


def _behind(labels: pd.Index, columns: pd.Index) -> pd.MultiIndex:
    """Each of the columns behind each of the labels; a label without a name is called series."""
    n = len(labels)
    own = [labels.get_level_values(i).repeat(len(columns)) for i in range(labels.nlevels)]
    each = [columns.get_level_values(i).append([columns.get_level_values(i)] * (n - 1)) for i in range(columns.nlevels)]
    first = labels.names if labels.nlevels > 1 else [labels.name or "series"]
    return pd.MultiIndex.from_arrays([*own, *each], names=[*first, *columns.names])


def _panel_index(keys: list[tuple[Any, ...]], ahead: list[pd.Index], levels: list[Any]) -> pd.MultiIndex:
    H = len(ahead[0])
    stamps = ahead[0].append(ahead[1:])
    names = [pd.Index([key[i] for key in keys]).repeat(H) for i in range(len(keys[0]))]
    return pd.MultiIndex.from_arrays([*names, stamps], names=levels)


def quantile_columns(levels: list[float]) -> pd.Index:
    """Columns of quantiles, by their levels."""
    return pd.Index(levels, dtype=float, name="quantile")


def sample_columns(n: int) -> pd.Index:
    """Columns of n paths."""
    return pd.RangeIndex(n, name="sample")


def interval_columns(coverages: list[float] | None) -> pd.Index:
    """Columns lower and upper, of several coverages with a level of them."""
    bounds = ["lower", "upper"]
    if coverages is None:
        return pd.Index(bounds, name="bound")
    return pd.MultiIndex.from_product([coverages, bounds], names=["coverage", "bound"])
