"""Series to forecast, read from what users hold them in, and forecasts written in the same form."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.frames import FILL_OR_DROP, Table, check_columns, check_finite, read_table
from grukit.data.given import as_pandas, plain_name, remedy_for_missing
from grukit.data.grid import Grid
from grukit.data.long_arrays import joined_rows
from grukit.data.matching import rows_at
from grukit.data.order import check_times
from grukit.data.times import as_times


@dataclass(frozen=True)
class SeriesForm:
    """How series were written.

    Attributes
    ----------
    kind : {"series", "frame", "panel"}
        A Series; a DataFrame with a column a series; or a Series, or a DataFrame of one column, with a MultiIndex whose last
        level is the time.
    names : object
        Name of a Series, columns of a DataFrame.
    levels : list
        Names of the index' levels.
    framed : bool
        Whether a panel was a DataFrame.
    """

    kind: str
    names: Any
    levels: list[Any]
    framed: bool = False


@dataclass(frozen=True)
class SeriesSet:
    """Series on one grid, one after another.

    Attributes
    ----------
    values : ndarray of shape (N,), float64
        NaN where nothing is known.
    offsets : ndarray of shape (S + 1,)
        Series s is ``values[offsets[s] : offsets[s + 1]]``.
    keys : list of tuple
        The name of a Series, ``()`` of one without, the column of a frame, the levels before the time of a panel.
    times : list of pandas.Index
        Of each series, without gaps.
    grid : Grid
    form : SeriesForm
    """

    values: np.ndarray
    offsets: np.ndarray
    keys: list[tuple[Any, ...]]
    times: list[pd.Index]
    grid: Grid
    form: SeriesForm

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series (S,)."""
        return np.diff(self.offsets)

    @property
    def ends(self) -> list[Any]:
        """The last stamp of each series."""
        last = {id(times): times for times in self.times}
        found = {number: times[-1:].tolist()[0] for number, times in last.items()}
        return [found[id(times)] for times in self.times]

    @property
    def zone(self) -> Any:
        """The time zone of the stamps; None where they have none."""
        return getattr(self.times[0], "tz", None)

    def where(self, s: int) -> str:
        """Which series is meant, for messages."""
        return where_of(self.keys[s])

    def name_of(self, s: int) -> Any:
        """What a series is called in a long frame: "y" where it has no name, or a tuple of several levels."""
        return label_of(self.keys[s]) if self.keys[s] else "y"

    def pieces(self) -> Iterator[slice]:
        """The rows of each series."""
        return (slice(int(a), int(b)) for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True))

    def positions(self) -> np.ndarray:
        """The step in time (N,) that each row lies in, counted among all that hold a row of any series.

        Steps begin at the earliest stamp of all, so that series of one step but of other phases, such as every other day,
        are counted alike.
        """
        if all(times is self.times[0] for times in self.times):
            return np.tile(np.arange(len(self.times[0])), len(self))
        stamps = self.times[0].append(self.times[1:])
        each = stamps.unique().sort_values()
        steps = np.unique(self.grid.steps(each), return_inverse=True)[1]
        return np.asarray(steps[each.get_indexer(stamps)])

    def tail(self, n: int) -> tuple["SeriesSet", np.ndarray]:
        """The last n rows of each series, and their numbers."""
        lengths = np.minimum(self.lengths, n)
        rows = np.concatenate([np.arange(end - own, end) for end, own in zip(self.offsets[1:], lengths, strict=True)])
        cut = {id(times): times[-n:] for times in self.times}  # one index stays one
        kept = replace(
            self,
            values=self.values[rows],
            offsets=np.append(0, np.cumsum(lengths)),
            times=[cut[id(times)] for times in self.times],
        )
        return kept, rows


def label_of(key: tuple[Any, ...]) -> Any:
    """What a series is called: its name, a tuple of several levels, or None where it has none."""
    return None if not key else key[0] if len(key) == 1 else key


def where_of(key: tuple[Any, ...]) -> str:
    """Which series is meant, for messages."""
    return f" of series {'/'.join(str(part) for part in key)}" if key else ""


def read_series(
    y: Any, allow_nan: bool = False, grid: Grid | None = None, what: str = "y", zone: Any = None
) -> SeriesSet:
    """Check and read series.

    Parameters
    ----------
    y : Series, DataFrame or array
        A Series or one-dimensional array; a DataFrame or array with a column a series; a panel.
    allow_nan : bool, default=False
        Whether values, and rows of the grid, may be missing.
    grid : Grid, default=None
        The grid that they must lie on. None: that of the longest series.
    what : str, default="y"
        Its name, for messages.
    zone : tzinfo, default=None
        Time zone that times with one are brought to. None: their own.

    Raises
    ------
    TypeError
        Where it is none of these.
    ValueError
        Where there is nothing, or not numbers, in it; where the index is not sorted, has duplicates or gaps, or is not
        regular, naming the first stamp that is wrong.
    """
    y = as_pandas(y, what)
    check_columns(y, what)
    frame = y.to_frame() if isinstance(y, pd.Series) else y
    if len(frame) == 0:
        raise ValueError(f"{what} is empty: a series needs at least one value.")
    form = _form_of(y, what)
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    columns = list(frame.columns) if form.kind == "frame" else [None]
    check_finite(
        values, what, columns, frame.index, allow_nan, remedy_for_missing(values) if what == "y" else FILL_OR_DROP
    )
    if frame.index.nlevels == 1:
        check_times(as_times(frame.index), what=what)
    table = read_table(values, frame, what)
    keys, cut = _cut(table, form, frame.columns, zone, what)
    of_series = np.zeros(len(keys), dtype=int) if form.kind == "frame" else np.arange(len(keys))
    if grid is None:
        longest = int(np.argmax([len(times) for times in cut]))
        grid = Grid.of(cut[longest], where_of(keys[longest]) if form.kind == "panel" else "", what)
    whole = _on_grid(cut, grid, keys if form.kind == "panel" else [()], allow_nan, what)
    known = [table.values] if form.kind == "frame" else np.split(table.values[:, 0], table.offsets[1:-1])
    spread = [_spread(part, times, full) for part, times, full in zip(known, cut, whole, strict=True)]
    columns_of = list(spread[0].T) if form.kind == "frame" else spread
    for key, column in zip(keys, columns_of, strict=True):
        if np.isnan(column).all():
            raise ValueError(f"{what}{where_of(key)} has no value to learn from. Leave it out.")
    lengths = [len(column) for column in columns_of]
    return SeriesSet(
        joined_rows(columns_of),
        np.append(0, np.cumsum(lengths)),
        keys,
        [whole[s] for s in of_series],
        grid,
        form,
    )


def _cut(
    table: Table, form: SeriesForm, columns: pd.Index, zone: Any, what: str
) -> tuple[list[tuple[Any, ...]], list[pd.Index]]:
    """The name of each series, and its times; the columns of a frame have one index."""
    times = table.times
    assert times is not None
    if zone is not None and isinstance(times, pd.DatetimeIndex) and times.tz is not None:
        times = times.tz_convert(zone)
    if form.kind != "frame":
        name = plain_name(form.names) if form.kind == "series" else None
        keys = table.keys if name is None else [(name,)]
        return keys, [times[first:last] for first, last in pairwise(table.offsets)]
    keys = [(plain_name(column),) for column in columns]
    if len(set(keys)) < len(keys):
        raise ValueError(f"{what} has two columns of the same name; a column is a series, and needs a name of its own.")
    return keys, [times]


def _form_of(y: Any, what: str) -> SeriesForm:
    levels, framed = list(y.index.names), isinstance(y, pd.DataFrame)
    if y.index.nlevels == 1:
        return SeriesForm("frame", y.columns, levels) if framed else SeriesForm("series", y.name, levels)
    if not framed:
        return SeriesForm("panel", y.name, levels)
    if y.shape[1] > 1:
        raise ValueError(
            f"{what} is a panel of the columns {list(y.columns)}; a panel has one. Give y[[column]], and the others as "
            "past_X."
        )
    return SeriesForm("panel", y.columns, levels, framed=True)


def _on_grid(cut: list[pd.Index], grid: Grid, keys: list[tuple[Any, ...]], fill: bool, what: str) -> list[pd.Index]:
    """The whole grid of each series; series with equal indexes share one."""
    found: dict[Any, tuple[pd.Index, pd.Index]] = {}
    whole = []
    for key, times in zip(keys, cut, strict=True):
        mark = (times[0], times[-1], len(times))
        if mark not in found or not found[mark][0].equals(times):
            found[mark] = times, grid.on(times, where_of(key), fill, what)
        whole.append(found[mark][1])
    return whole


def _spread(values: np.ndarray, times: pd.Index, whole: pd.Index) -> np.ndarray:
    """Rows of ``times`` on the whole grid, NaN between."""
    if len(times) == len(whole):
        return values
    out = np.full((len(whole), *values.shape[1:]), np.nan)
    out[rows_at(whole, times)] = values
    return out
