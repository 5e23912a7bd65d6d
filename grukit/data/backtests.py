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


def going_on(past: Any, origin: Any, series: SeriesSet) -> Any:
    """The rows of those series that have values after a stamp; all, where none does.

    Forecasts of the others are not judged, so that nothing need be known ahead of them.
    """
    ended = [series.name_of(s) for s, last in enumerate(series.ends) if last <= origin]
    if series.form.kind != "panel" or not ended:
        return past
    kept = past[~past.index.droplevel(-1).isin(ended)]
    return kept if len(kept) else past


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
    H = next(iter(forecasts.values())).shape[1]
    judged = _judged(keys, ends, origin, series, H)
    if not judged:
        return pd.DataFrame()
    rows, which, first, stamps = map(list, zip(*judged, strict=True))
    lengths = np.array([len(times) for times in stamps])
    known = np.arange(H) < lengths[:, None]
    truths = (series.offsets[which] + first)[:, None] + np.arange(H)
    labels, origins = [series.name_of(s) for s in which], [ends[row] for row in rows]
    head = {
        "series": pd.Index(labels, tupleize_cols=False).repeat(lengths),
        "origin": pd.Index(origins).repeat(lengths),
        "step": np.broadcast_to(np.arange(1, H + 1), known.shape)[known],
        "time": stamps[0].append(stamps[1:]),
        "truth": series.values[truths[known]],
    }
    return pd.DataFrame({**head, **{name: values[rows][known] for name, values in forecasts.items()}})


def _judged(
    keys: list[tuple[Any, ...]], ends: list[Any], origin: Any, series: SeriesSet, horizon: int
) -> list[tuple[int, int, int, pd.Index]]:
    """The number of each forecast that has a truth, that of its series, of the row there that follows, and the stamps."""
    number = {key: s for s, key in enumerate(series.keys)}
    found: dict[Any, tuple[int, pd.Index]] = {}
    judged = []
    for row, (key, end) in enumerate(zip(keys, ends, strict=True)):
        times = series.times[number[key]]
        if (id(times), end) not in found:  # series with one index share what is found
            first = int(rows_at(times, pd.Index([end]))[0]) + 1
            found[id(times), end] = first, times[first : first + horizon]
        first, stamps = found[id(times), end]
        if len(stamps) and stamps[0] > origin:  # else it ends there, or has no row in the step of the origin
            judged.append((row, number[key], first, stamps))
    return judged


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
