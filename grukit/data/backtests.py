"""Backtests: origins in time, the part of a series up to one, and forecasts beside the truth in long form."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data.given import as_pandas
from grukit.data.grid import Grid
from grukit.data.matching import rows_at
from grukit.data.series import SeriesSet
from grukit.data.times import as_times


def backtest_origins(series: SeriesSet, horizon: int, n_splits: int, stride: int | None) -> list[Any]:
    """The stamps that forecasts are made from: the last of which the whole horizon is known, and those before it.

    Parameters
    ----------
    series : SeriesSet
    horizon : int
        Steps ahead.
    n_splits : int
        Origins.
    stride : int or None
        Steps from one to the next; None: the horizon, so that no truth is used twice.

    Raises
    ------
    ValueError
        Where there are not as many.
    """
    stamps = series.times[0]
    if any(times is not stamps for times in series.times):
        stamps = stamps.append(series.times[1:]).unique().sort_values()
        steps = series.grid.steps(
            stamps
        )  # series whose stamps differ are forecast from the same step, each from its own
        stamps = stamps[np.append(steps[1:] != steps[:-1], True)]
    step = horizon if stride is None else stride
    first = len(stamps) - 1 - horizon - step * (n_splits - 1)
    if first < 0:
        raise ValueError(
            f"n_splits={n_splits} origins that are {step} steps apart, with horizon={horizon}, need "
            f"{horizon + step * (n_splits - 1) + 1} steps; y has {len(stamps)}."
        )
    return stamps[first : first + step * (n_splits - 1) + 1 : step].tolist()


def up_to(y: Any, stamp: Any, n_rows: int | None = None) -> Any:
    """The rows of series up to a stamp, in their own form; of each series the last ``n_rows``, if given.

    A series that has a gap at the stamp ends with a row of NaN there.
    """
    y = as_pandas(y, "y")
    times = as_times(y.index.get_level_values(-1))
    part = y[np.asarray(times <= stamp)]
    holes = _holes(y.index, times, stamp)
    if len(holes):
        part = part.reindex(part.index.append(holes))
    if n_rows is None:
        return part
    if part.index.nlevels == 1:
        return part.iloc[-n_rows:]
    names = list(range(part.index.nlevels - 1))
    return part.groupby(level=names, sort=False).tail(n_rows)


def _holes(index: Any, times: pd.Index, stamp: Any) -> pd.Index:
    """The entry that is missing at a stamp of each series that has rows before and after it."""
    before, at, after = (np.asarray(each) for each in (times < stamp, times == stamp, times > stamp))
    if index.nlevels == 1:
        is_gap = before.any() and after.any() and not at.any()
        return pd.Index([stamp] if is_gap else [], dtype=times.dtype, name=index.name)
    names = index.droplevel(-1)
    lost = names[before].unique().intersection(names[after], sort=False).difference(names[at], sort=False)
    if len(lost) == 0:
        return index[:0]
    grid = Grid.of(times[np.asarray(names == names.value_counts().index[0])])
    ends = pd.Series(times[before], index=names[before]).groupby(level=list(range(names.nlevels))).last()
    found = [key for key in lost if stamp in _between(grid, ends[key], stamp)]  # others have no row there, but no gap
    keys = [key if isinstance(key, tuple) else (key,) for key in found]
    return pd.MultiIndex.from_tuples([(*key, stamp) for key in keys], names=index.names) if keys else index[:0]


def _between(grid: Grid, first: Any, last: Any) -> pd.Index:
    """The entries of a grid from the first at least up to the last."""
    n = 2
    while (stamps := grid.stamps(first, n))[-1] < last:
        n *= 2
    return stamps


def beside_truth(
    forecasts: dict[str, np.ndarray], keys: list[tuple[Any, ...]], ends: list[Any], origin: Any, series: SeriesSet
) -> pd.DataFrame:
    """Forecasts from one origin in long form.

    Parameters
    ----------
    forecasts : dict of str to ndarray of shape (S, H)
        Columns.
    keys, ends : list
        Names of the series that were forecast, and their last stamps.
    origin : object
        The last stamp that is known; series that end before it have no truth and are left out.
    series : SeriesSet
        All that is known.

    Returns
    -------
    DataFrame
        Columns series, origin, which is the last stamp of each series, step, time, truth and those of ``forecasts``; rows
        whose time lies after a series' end are left out.
    """
    number = {key: s for s, key in enumerate(series.keys)}
    H, pieces = next(iter(forecasts.values())).shape[1], []
    for row, (key, end) in enumerate(zip(keys, ends, strict=True)):
        s = number[key]
        first = int(rows_at(series.times[s], pd.Index([end]))[0]) + 1
        times = series.times[s][first : first + H]
        n = len(times)
        if n == 0 or times[0] <= origin:  # it ends there, or has no row in the step of the origin
            continue
        truth = series.values[series.offsets[s] + first : series.offsets[s] + first + n]
        columns = {name: values[row, :n] for name, values in forecasts.items()}
        label = series.name_of(s)
        names = [label] * n if not isinstance(label, tuple) else pd.Index([label] * n, tupleize_cols=False)
        head = {"series": names, "origin": [end] * n, "step": np.arange(1, n + 1), "time": times}
        pieces.append(pd.DataFrame({**head, "truth": truth, **columns}))
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame()


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """The frames of all origins, one below the other.

    Raises
    ------
    ValueError
        Where no series has any truth.
    """
    kept = [frame for frame in frames if len(frame)]
    if not kept:
        raise ValueError("No series has a value after any of the origins.")
    return pd.concat(kept, ignore_index=True)
