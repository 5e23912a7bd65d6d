"""What lies before a forecast, what is known of it, and the intervals around it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from grukit.data import as_times, rows_at
from grukit.plotting._common import ALONE, axis_of, one_series, show_alone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE: dict[str, Any] = {"color": "0.45", "linestyle": "-", "linewidth": 1.0}
BAR = 6  # points: the width of the interval of a single step, a shade of which would have none
PALEST, DARKEST = 0.18, 0.42  # opacity of the widest and of the narrowest interval


def check_fan(history: Any, intervals: Any, index: pd.Index) -> None:
    """Raise where a history is no Series, or intervals are not on the index of the predictions or of no such columns."""
    if history is not None and not isinstance(history, pd.Series):
        raise TypeError(f"history must be a pandas Series; got {type(history).__name__}.")
    if intervals is None:
        return
    if list(getattr(intervals, "columns", pd.Index([])).names) != ["coverage", "bound"]:
        raise ValueError(
            "intervals must have the column levels coverage and bound, as predict_interval gives for a list."
        )
    if not intervals.index.equals(index):
        raise ValueError("intervals and predictions have different indexes.")


def series_of(data: Any, series: Any) -> pd.Series:
    """One series of a Series, a frame with a column a series, or a panel; of an array, whose rows are counted from 0."""
    if not isinstance(data, pd.Series | pd.DataFrame):
        data = pd.Series(data) if np.ndim(data) == 1 else pd.DataFrame(data)
    if isinstance(data, pd.DataFrame) and data.index.nlevels == 1:
        if series is None and data.shape[1] == 1:
            series = data.columns[0]
        if series is None or series not in data.columns:
            raise ValueError(f"series must name one of the columns {list(data.columns)}; got {series!r}.")
        return data[series]
    one = one_series(data, series)
    return one if isinstance(one, pd.Series) else one.iloc[:, 0]


def truth_of(truth: Any, series: Any, index: pd.Index) -> pd.Series:
    """What is known of one series at the steps ahead, on their index; NaN where nothing is.

    Raises
    ------
    ValueError
        For an array without a row of any of them.
    """
    known = pd.Series(np.nan, index=index) if truth is None else series_of(truth, series)
    has_index = isinstance(truth, pd.Series | pd.DataFrame | None)
    if not has_index and not index.isin(known.index).any():
        raise ValueError(
            f"truth is an array of {len(known)} rows, which are counted from the first one of y; none is a step ahead, "
            f"{index[0]} to {index[-1]}. Give a Series or a frame with that index."
        )
    known = known.set_axis(as_times(known.index)).sort_index()  # as the forecast's own are read
    at, values = rows_at(known.index, index), known.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(np.where(at < 0, np.nan, values[at]) if len(values) else np.nan, index=index, name=known.name)


def bands_of(intervals: pd.DataFrame, series: Any) -> Any:
    """The intervals of one series: columns (coverage, bound)."""
    if intervals.columns.nlevels > 2:  # of a frame: behind the levels of its columns
        own: Any = ["coverage", "bound"]
        first = intervals.columns.droplevel(own)[0]
        return intervals[first if series is None else series]
    return one_series(intervals, series)


def draw_bands(ax: "Axes", times: Any, intervals: pd.DataFrame | None) -> list[Any]:
    """Intervals as shades, the wider the paler; their coverage is in the legend."""
    if intervals is None:
        return []
    coverages = sorted(intervals.columns.unique("coverage"), reverse=True)
    bands = []
    for number, coverage in enumerate(coverages):
        opacity = PALEST + (DARKEST - PALEST) * number / max(len(coverages) - 1, 1)
        low, high = intervals[(coverage, "lower")], intervals[(coverage, "upper")]
        width = BAR if len(intervals) == 1 else 0
        style: dict[str, Any] = {"color": "#0072B2", "alpha": opacity, "linewidth": width, "joinstyle": "bevel"}
        bands.append(ax.fill_between(times, low, high, label=f"{coverage:.0%}", **style))
    return bands


def draw_history(ax: "Axes", history: pd.Series | None) -> Any:
    """What lies before, in grey; None where there is nothing."""
    if history is None:
        return None
    (line,) = ax.plot(axis_of(history.index)[0], history, label="history", **BEFORE)
    show_alone(line, ALONE)
    return line
