"""The file that ``python -m grukit forecast`` reads: every cell is looked at, so that what is wrong can be named."""

import argparse
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd

from grukit.forecast_table import Wrong, line_of, read_table

# What pandas reads as missing, in any case.
MISSING = ("", "nan", "-nan", "na", "n/a", "<na>", "#na", "#n/a", "#n/a n/a", "null", "none")


def _read(arguments: argparse.Namespace) -> pd.DataFrame:
    """The columns that are asked for, all text of a CSV."""
    names = [arguments.time, arguments.target, *arguments.known, *arguments.past]
    names += [arguments.series] if arguments.series else []
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Wrong(f"column {doubled[0]!r} is asked for twice.")
    frame = read_table(arguments.file, arguments)
    lost = [name for name in names if name not in frame.columns]
    if lost:
        only, other = str(frame.columns[0]), " Columns are separated by --separator."
        raise Wrong(
            f"there is no column {lost[0]!r}; there are {list(frame.columns)}."
            + (other if len(frame.columns) == 1 and re.search(r"[,;|\t]", only) else "")
        )
    twice = [name for name in names if (frame.columns == name).sum() > 1]
    if twice:
        raise Wrong(f"there are two columns {twice[0]!r}. Give each a name of its own.")
    if len(frame) == 0:
        raise Wrong("there are no rows.")
    return frame[names]


def read_file(arguments: argparse.Namespace) -> tuple[Any, Any, Any]:
    """The target up to its last value in each series, the columns known ahead, and those known up to there, or None.

    Raises
    ------
    Wrong
        For what is wrong with the file, naming line and column.
    """
    frame, line = _read(arguments), line_of(arguments.file, arguments)
    index: Any = _times(frame[arguments.time], line, arguments.time_format)
    numbers = {
        name: numbers_of(frame[name], arguments.decimal, line)
        for name in (arguments.target, *arguments.known, *arguments.past)
    }
    table, rows_in_file = pd.DataFrame(numbers).set_axis(index), np.arange(len(frame))
    if arguments.series:
        names = frame[arguments.series]
        empty = names.isna() | (names.astype(str) == "")
        if empty.any():
            raise Wrong(f"{line(int(empty.argmax()))}, column {arguments.series!r}: the series has no name.")
        table = table.set_index(pd.MultiIndex.from_arrays([names, index], names=[arguments.series, arguments.time]))
        rows_in_file = np.argsort(names.factorize(sort=True)[0], kind="stable")
        table = table.iloc[rows_in_file]
    target = table[arguments.target]
    kept: list[np.ndarray] = []
    for name, part in target.groupby(level=0, sort=False) if arguments.series else [(None, target)]:
        own, rows_in_file = rows_in_file[: len(part)], rows_in_file[len(part) :]
        of = "" if name is None else f" of series {name!r}"
        kept.append(_up_to_last_value(part, lambda row, own=own: line(int(own[row])), of, arguments))
    rows = np.concatenate(kept)
    return (
        target[rows],
        table[arguments.known] if arguments.known else None,
        table[arguments.past][rows] if arguments.past else None,
    )


def _up_to_last_value(part: pd.Series, line: Any, of: str, arguments: argparse.Namespace) -> np.ndarray:
    """Which rows of one series lie up to its last target; raises where their order or their targets are wrong."""
    times, target = part.index.get_level_values(-1), arguments.target
    wrong = np.flatnonzero(~(times[1:] > times[:-1]))
    if len(wrong):
        row = int(wrong[0]) + 1
        here, before = line(row), line(row - 1)
        what = (
            f"{times[row]}{of} is there twice, in {before} too."
            if times[row] == times[row - 1]
            else f"the times{of} are not sorted: {times[row]} comes after {times[row - 1]} in {before}. Sort the rows by time."
        )
        several = " Where they are several series, name the column that tells them apart, with --series."
        raise Wrong(f"{here}, column {arguments.time!r}: {what}{several if arguments.series is None else ''}")
    known = np.flatnonzero(part.notna())
    if len(known) == 0:
        raise Wrong(f"column {target!r} has no value{of}.")
    holes = np.flatnonzero(part.isna().to_numpy()[: known[-1]])
    if len(holes) and arguments.missing == "error":
        raise Wrong(
            f"{line(int(holes[0]))}, column {target!r}: the value at {times[holes[0]]}{of} is missing. Fill it in, or use "
            "--missing mask."
        )
    ahead = len(part) - 1 - int(known[-1])
    if arguments.known and ahead < arguments.horizon:
        raise Wrong(
            f"--known needs rows of {arguments.horizon} more steps after the last {target!r}{of}, at {times[known[-1]]}; "
            f"there are {ahead}."
        )
    return np.arange(len(part)) <= known[-1]


def _times(column: pd.Series, line: Any, layout: str | None) -> pd.Index:
    """Times, or whole numbers; eight digits that are all dates, as 20240131, are dates."""
    absent = column.isna() | (column.astype(str).str.strip() == "")
    if absent.any():
        raise Wrong(f"{line(int(absent.argmax()))}, column {column.name!r}: the time is missing.")
    if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return pd.Index(column, name=column.name)
    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.Series(column)
    else:
        text = column.astype(str).str.strip()
        if layout is None and text.str.fullmatch(r"-?\d+").all():
            dates = text.str.fullmatch(r"(19|20)\d{6}").all() and _parsed(text, "%Y%m%d").notna().all()
            if not dates:
                return pd.Index(_steps(text, line), name=column.name)
            layout = "%Y%m%d"
        if layout is None and re.match(
            r"\d{1,2}([/.-])\d{1,2}\1\d{2}(\D|$)", text.iloc[0]
        ):  # pandas guesses each by itself
            raise Wrong(
                f"{line(0)}, column {column.name!r}: {text.iloc[0]!r} may mean several days.{_day_first(text.iloc[0])}"
            )
        if layout is None and (row := _of_one_month(text)):
            raise Wrong(
                f"{line(row)}, column {column.name!r}: {text.iloc[row]!r} may mean several days; where the month comes first, "
                f"all are of one month.{_day_first(text.iloc[row])}"
            )
        times = _parsed(text, layout)
        wrong = times.isna()
        if wrong.any():
            row = int(wrong.argmax())
            raise Wrong(
                f"{line(row)}, column {column.name!r}: {text.iloc[row]!r} is no time"
                + (f" like {layout or text.iloc[0]!r}." if layout or row else "; --time-format says how it is written.")
                + ("" if layout else _day_first(text.iloc[row]))
            )
    return pd.DatetimeIndex(times, name=column.name)


def _steps(text: pd.Series, line: Any) -> pd.Series:
    """Whole numbers."""
    try:
        return text.astype(np.int64)
    except OverflowError as error:
        row = int(np.argmax([abs(int(number)) for number in text]))
        raise Wrong(
            f"{line(row)}, column {text.name!r}: {text.iloc[row]} is too large for the number of a step."
        ) from error


def _parsed(text: pd.Series, layout: str | None) -> pd.Series:
    """Times, NaT where there are none; in UTC where offsets from it differ, as on both sides of a change of the clock.

    Where nothing says how they are written, the first tells it; with points, as 1.2.2024, the day comes first.
    """
    options: Any = {"format": layout}
    if layout is None:
        options = {"dayfirst": re.match(r"\d{1,2}\.\d{1,2}\.\d{2}", text.iloc[0]) is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how pandas guesses; entries that it cannot read are named
        try:
            times = pd.to_datetime(text, errors="coerce", **options)
        except ValueError:  # offsets that differ; pandas 2 gave objects
            times = None
        if times is None or times.dtype == object:
            times = pd.to_datetime(text, errors="coerce", utc=True, **options)
    return times


def _of_one_month(text: pd.Series) -> int:
    """The first row whose day may be the month, where all months would be one, as in 1/1/2024, 1/2/2024; else 0."""
    parts = text.str.extract(r"^(\d{1,2})([/-])(\d{1,2})\2\d{4}$")
    if parts.isna().any(axis=None):
        return 0
    first, second = parts[0].astype(int), parts[2].astype(int)
    return int((second != second.iloc[0]).argmax()) if first.eq(first.iloc[0]).all() and second.max() <= 12 else 0


def _day_first(text: str) -> str:
    """What to do where a date looks as if its day came first."""
    found = re.match(r"\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})(.?)", text)
    if not found:
        return ""
    mark, year, more = found.groups()
    layout = f"%d{mark}%m{mark}{'%Y' if len(year) == 4 else '%y'}{more and f'{more}%H:%M'}"
    return f" Where the day comes first, use --time-format '{layout}'."


def numbers_of(column: pd.Series, decimal: str, line: Any) -> np.ndarray:
    """Numbers; empty entries are NaN, and true and false, of a column that holds nothing else, one and zero."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    text = column.astype(str).str.strip()
    plain = with_points(text, decimal)
    empty = text.str.lower().isin(MISSING)
    truths = text.str.lower().map({"true": "1", "false": "0"})
    if (truths.notna() | empty).all():
        plain = truths
    numbers = pd.to_numeric(plain.where(~empty), errors="coerce")
    wrong = numbers.isna() & ~empty
    if wrong.any():
        row = int(wrong.argmax())
        raise Wrong(
            f"{line(row)}, column {column.name!r}: {text.iloc[row]!r} is no number.{_remedy(text.iloc[row], decimal)}"
        )
    return numbers.to_numpy(dtype=np.float64)


def with_points(text: pd.Series, decimal: str) -> pd.Series:
    """Numbers with decimal points; where commas are, a point makes none."""
    return text if decimal == "." else text.str.translate({ord(","): ".", ord("."): ","})


def _remedy(text: str, decimal: str) -> str:
    """What to do about a number with another decimal point, or with separators of thousands."""
    other = "." if decimal == "," else ","
    if not re.search(r"\d", text) or other not in text:
        return ""
    if decimal == "." and text.count(",") == 1 and "." not in text:
        return " Where a comma is the decimal point, use --decimal ','."
    return f" With --decimal '{decimal}', numbers must be written without {other!r}, between thousands, too."
