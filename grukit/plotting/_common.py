"""What all pictures share: matplotlib or an error, axes, styles of lines, one series out of many, an index as an axis."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers tell apart. Line styles differ as well, so that a black and white
# print can be read.
STYLES: list[dict[str, Any]] = [
    {"color": "black", "linestyle": "-"},
    {"color": "#0072B2", "linestyle": (0, (6, 1.5))},
    {"color": "#D55E00", "linestyle": (0, (1, 1))},
    {"color": "#009E73", "linestyle": (0, (6, 1.5, 1, 1.5))},
    {"color": "#CC79A7", "linestyle": (0, (12, 2))},
    {"color": "#E69F00", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
]
MARKERS = ["", "o", "s", "^", "D", "v"]
SOLID: dict[str, Any] = {"color": "black", "linestyle": "-", "linewidth": 1.0}
DASHED: dict[str, Any] = {"color": "#0072B2", "linestyle": (0, (6, 0.8)), "linewidth": 1.6}
SINGLE = 11  # size of a point that is a line, so that it is seen around a mark upon it
ALONE = 4  # size of a point that no stroke leads to
MARK: dict[str, Any] = {"color": "#D55E00", "linestyle": "", "marker": "o", "markersize": 7}


def require_matplotlib() -> None:
    """Raise where matplotlib cannot be imported.

    Raises
    ------
    ImportError
        Naming the extra of grukit that brings matplotlib.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError('Plots need matplotlib, which is not installed: pip install "grukit[plot]"') from error


def axes_or_new(ax: "Axes | None") -> "Axes":
    """The axes given, or those of a new figure."""
    require_matplotlib()
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def line_style(number: int) -> dict[str, Any]:
    """Style of line ``number``: six dashes and colours, then the same with markers."""
    marker = MARKERS[number // len(STYLES) % len(MARKERS)]
    return {**STYLES[number % len(STYLES)], "linewidth": 1.6, "marker": marker, "markersize": 4}


def whole_steps(ax: "Axes") -> None:
    """Ticks of x at whole numbers alone, where there is but one, too; and a mark for each line that is a single point."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for line in ax.get_lines():
        if np.size(line.get_xdata()) == 1 and line.get_linestyle() != "None":  # which nothing else would show
            line.set(marker="o", markersize=SINGLE)


def show_alone(line: Any, size: float) -> None:
    """Marks for the points of a line whose neighbours are not there, or not known: no stroke leads to them."""
    known = np.concatenate([[False], np.isfinite(line.get_ydata(orig=False)), [False]])
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if alone.any():
        line.set(marker="o", markersize=size, markevery=alone)


def log_scale_of_losses(ax: "Axes") -> None:
    """A logarithmic y axis for numbers that seldom span decades: 0.2 and 0.5 are labelled too, and as such."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def check_frame(frame: Any, function: str, columns: list[str]) -> None:
    """Raise where ``frame`` is not what a function of grukit.inspection gives, by the names of its columns' levels.

    Raises
    ------
    TypeError
    """
    if not isinstance(frame, pd.DataFrame) or list(frame.columns.names) != columns:
        raise TypeError(f"Give a DataFrame from grukit.inspection.{function}, with the column levels {columns}.")


def one_series(data: Any, series: Any) -> Any:
    """The rows of one series or sequence, on the index of its times or steps.

    Parameters
    ----------
    data : Series or DataFrame
        The last level of a MultiIndex is the time or step, the levels before it name the series.
    series : label or tuple
        Which; None where there is only one.

    Raises
    ------
    ValueError
        Where ``series`` is not there, or is needed and None.
    """
    if data.index.nlevels == 1:
        if series is not None:
            raise ValueError(f"series={series!r} chooses one series of several; here there is one. Leave it out.")
        return data
    codes, names = pd.factorize(data.index.droplevel(-1))
    if series is None and len(names) == 1:
        series = names[0]
    if series is None or series not in names:
        raise ValueError(f"series must name one of the {len(names)} series, such as {names[0]!r}; got {series!r}.")
    own = codes == names.get_loc(series)
    return data[own].set_axis(data.index.get_level_values(-1)[own])


def axis_of(index: pd.Index) -> tuple[Any, str]:
    """What matplotlib can draw along, and the axis' label. Periods are drawn at their starts, durations in seconds."""
    is_time = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    label = ("Time" if is_time else "Row") if index.name is None else str(index.name).capitalize()
    if isinstance(index, pd.PeriodIndex):
        return index.to_timestamp(), label
    if isinstance(index, pd.TimedeltaIndex):
        return index.total_seconds(), f"{label} (s)"
    return index, label


def concise_dates(ax: "Axes") -> None:
    """Where the x axis has dates: few ticks, and the year not at every one, so that labels do not run into each other."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = ax.xaxis.get_major_locator()
    if isinstance(locator, AutoDateLocator):
        locator = AutoDateLocator(locator.tz, minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=locator.tz))


def edges_around(centres: np.ndarray) -> np.ndarray:
    """Edges half way between sorted centres (n,), and as far beyond the outer ones, (n + 1,)."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
