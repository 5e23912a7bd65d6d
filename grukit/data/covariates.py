"""Covariates of forecasts: read for the rows that are asked for, and sines and cosines of the calendar."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data.frames import check_columns, check_different_names, check_finite, read_table
from grukit.data.grid import DAY, YEAR, Grid
from grukit.data.matching import rows_at
from grukit.data.order import check_times
from grukit.data.times import WITH_ZONE, WITHOUT_ZONE, as_times, kind_of

# Steps of a field in one turn. An hour counts its minutes, so that half hours differ.
CALENDAR = {"minute": 60.0, "hour": 24.0, "dayofweek": 7.0, "dayofyear": 365.25, "month": 12.0, "quarter": 4.0}


def covariate_columns(X: Any, what: str) -> list[Any]:
    """The columns of covariates, a DataFrame or a Series; none where there are none.

    Raises
    ------
    TypeError
        Where X is neither.
    """
    if X is None:
        return []
    if not isinstance(X, pd.Series | pd.DataFrame):
        raise TypeError(
            f"{what} must be a DataFrame or a Series, whose index tells which row belongs to which time; got "
            f"{type(X).__name__}."
        )
    return [X.name] if isinstance(X, pd.Series) else list(X.columns)


def read_covariates(
    X: Any, columns: list[Any], keys: list[tuple[Any, ...]], times: list[pd.Index], what: str, allow_nan: bool = False
) -> list[np.ndarray]:
    """The rows of covariates at the times of each series.

    Parameters
    ----------
    X : DataFrame, Series or None
        On an index of times, for all series; or of (series, time).
    columns : list
        The columns that there must be, in this order.
    keys, times : list
        Name and stamps of each series.
    what : str
        Its name, for messages.
    allow_nan : bool, default=False
        Whether values, not rows, may be missing.

    Returns
    -------
    list of ndarray of shape (rows, C)
        One a series; series with one index share one.

    Raises
    ------
    ValueError
        Naming columns that differ, the first stamp that is not there, or the first value that is missing.
    """
    if not columns and X is None:
        return [np.empty((len(each), 0)) for each in times]
    given = covariate_columns(X, what)
    if given != columns and not columns:
        raise ValueError(f"{what} has the columns {given}, but fit had no {what}: leave it out, or fit with it.")
    if given != columns:
        raise ValueError(f"{what} must have the columns {columns}, as in fit; got {given or None}.")
    check_columns(X, what)
    check_different_names(X, what)
    frame = X.to_frame() if isinstance(X, pd.Series) else X
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    if frame.index.nlevels == 1:
        stamps = as_times(frame.index)
        check_times(stamps, what=what)
        found: dict[int, np.ndarray] = {}
        for each in times:
            if id(each) not in found:
                at = _positions(stamps, each, what, "")
                found[id(each)] = _rows(values, at, each, columns, what, allow_nan)
        return [found[id(each)] for each in times]
    table = read_table(values, frame, what)
    assert table.times is not None
    own = {key: slice(*table.offsets[s : s + 2]) for s, key in enumerate(table.keys)}
    rows, known = [], dict[int, tuple[pd.Index, np.ndarray]]()
    for key, each in zip(keys, times, strict=True):
        if key not in own:
            raise ValueError(f"{what} has no rows of series {'/'.join(map(str, key)) or 'y, which has no name'}.")
        stamps = table.times[own[key]]
        # Most series share theirs, and to compare them takes a tenth of a search.
        if id(each) not in known or not known[id(each)][0].equals(stamps):
            known[id(each)] = stamps, _positions(stamps, each, what, f" of series {'/'.join(map(str, key))}")
        rows.append(_rows(table.values[own[key]], known[id(each)][1], each, columns, what, allow_nan))
    return rows


def _positions(stamps: pd.Index, times: pd.Index, what: str, where: str) -> np.ndarray:
    """The rows of covariates that have these times."""
    if len(times) == 0:
        return np.empty(0, dtype=np.int64)
    positions = rows_at(stamps, times)
    if (positions < 0).any():
        lost, own, wanted = times[int(np.argmax(positions < 0))], kind_of(stamps), kind_of(times)
        if own != wanted:
            raise ValueError(
                f"The time index of {what}{where} holds {own}, that of the series {wanted}, and none are the same. Convert "
                f"it first{', with tz_localize' if {own, wanted} == {WITH_ZONE, WITHOUT_ZONE} else ''}."
            )
        raise ValueError(
            f"{what} has no row at {lost}{where}: it must have one at every step from {times[0]} to {times[-1]}. Its own are "
            f"from {stamps[0]} to {stamps[-1]}."
        )
    return positions


def _rows(
    values: np.ndarray, positions: np.ndarray, times: pd.Index, columns: list[Any], what: str, allow_nan: bool
) -> np.ndarray:
    together = len(positions) > 0 and positions[-1] - positions[0] == len(positions) - 1
    taken = values[positions[0] : positions[-1] + 1] if together else values[positions]
    check_finite(taken, what, columns, times, allow_nan)
    return taken


def calendar_fields(calendar: Any, grid: Grid, times: list[pd.Index]) -> tuple[str, ...]:
    """The fields of a calendar.

    Parameters
    ----------
    calendar : "auto", None or sequence of str
        "auto": what turns at least twice in the longest series: the hour where steps are shorter than a day, the day of the
        week where they are shorter than a week, the day of the year where they are shorter than a month, otherwise the
        month where they are shorter than a year.
    grid : Grid
        Of the series.
    times : list of Index
        Of each series.

    Raises
    ------
    ValueError
        For a field that is not known, or an index without a calendar.
    """
    seconds = grid.seconds
    if calendar is None or (isinstance(calendar, str) and seconds is None):
        return ()
    if isinstance(calendar, str):
        assert seconds is not None
        span = seconds * max(len(each) for each in times)
        turns = {"hour": DAY, "dayofweek": 7 * DAY, "dayofyear": YEAR, "month": YEAR}
        usual = {
            "hour": seconds < DAY,
            "dayofweek": seconds < 6 * DAY,
            "dayofyear": seconds < 27 * DAY,
            "month": 27 * DAY <= seconds < 0.9 * YEAR,
        }
        return tuple(field for field, turn in turns.items() if usual[field] and span >= 2 * turn)
    fields = tuple(calendar)
    unknown = [field for field in fields if field not in CALENDAR]
    if unknown:
        raise ValueError(f"calendar names fields of {list(CALENDAR)}; {unknown[0]!r} is none.")
    if seconds is None and fields:
        raise ValueError(f"calendar={fields} needs an index of times; that of y holds {grid.kind}.")
    return fields


def calendar_values(times: pd.Index, fields: tuple[str, ...]) -> np.ndarray:
    """Sines and cosines (n, 2 fields) of the calendar, in the index' own time zone."""
    if not fields:
        return np.empty((len(times), 0))
    return np.column_stack(_waves(times.to_timestamp() if isinstance(times, pd.PeriodIndex) else times, fields))


def calendar_at(stamp: Any, fields: tuple[str, ...], kind: str, zone: Any) -> np.ndarray:
    """The same (2 fields,) of one time or period, which takes microseconds.

    Parameters
    ----------
    stamp : Timestamp or Period
        In any time zone, if times have one.
    fields : tuple of str
        Of the calendar.
    kind : str
        What it must be, see :func:`grukit.data.times.kind_of`.
    zone : tzinfo or None
        Whose clock counts.

    Raises
    ------
    ValueError
        Where it is none of that kind.
    """
    found = ""
    if isinstance(stamp, pd.Period):
        found = f"periods of freq {stamp.freqstr!r}"
    elif isinstance(stamp, pd.Timestamp):
        found = WITHOUT_ZONE if stamp.tz is None else WITH_ZONE
    if found != kind:
        raise ValueError(
            f"time must be the stamp of the row, one of {kind}, as the model reads the calendar ({', '.join(fields)}); got "
            f"{stamp!r}."
        )
    if isinstance(stamp, pd.Period):
        return np.array(_waves(stamp.to_timestamp(), fields))
    return np.array(_waves(stamp if zone is None else stamp.tz_convert(zone), fields))


def _waves(stamps: Any, fields: tuple[str, ...]) -> list[Any]:
    """Sine and cosine of each field, of times or of one."""
    columns: list[Any] = []
    for field in fields:
        name = field.replace("dayof", "day_of_")  # as pandas has come to call them
        value = np.asarray(getattr(stamps, name), dtype=np.float64)
        if field == "hour":
            value = value + np.asarray(stamps.minute) / 60.0
        angle = 2.0 * np.pi * value / CALENDAR[field]
        columns += [np.sin(angle), np.cos(angle)]
    return columns
