"""Backtests: origins in time, the part of a series up to one, and forecasts beside the truth in long form."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data.series import SeriesSet, as_pandas
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
    step = horizon if stride is None else stride
    first = len(stamps) - 1 - horizon - step * (n_splits - 1)
    if first < 0:
        raise ValueError(
            f"n_splits={n_splits} origins that are {step} steps apart, with horizon={horizon}, need "
            f"{horizon + step * (n_splits - 1) + 1} steps; y has {len(stamps)}."
        )
    return stamps[first : first + step * (n_splits - 1) + 1 : step].tolist()


def up_to(y: Any, stamp: Any, n_rows: int | None = None) -> Any:
    """The rows of series up to a stamp, in their own form; of each series the last ``n_rows``, if given."""
    y = as_pandas(y, "y")
    times = as_times(y.index.get_level_values(-1))
    part = y[np.asarray(times <= stamp)]
    if n_rows is None:
        return part
    if part.index.nlevels == 1:
        return part.iloc[-n_rows:]
    names = list(range(part.index.nlevels - 1))
    return part.groupby(level=names, sort=False).tail(n_rows)


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
        The stamp; series that end before it have no truth and are left out.
    series : SeriesSet
        All that is known.

    Returns
    -------
    DataFrame
        Columns series, origin, step, time, truth and those of ``forecasts``; rows whose time lies after a series' end are
        left out.
    """
    number = {key: s for s, key in enumerate(series.keys)}
    H, pieces = next(iter(forecasts.values())).shape[1], []
    for row, (key, end) in enumerate(zip(keys, ends, strict=True)):
        if end != origin:
            continue
        s = number[key]
        first = int(series.times[s].get_indexer(pd.Index([end]))[0]) + 1
        times = series.times[s][first : first + H]
        n = len(times)
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
