"""The file that ``python -m grukit forecast`` reads: every cell is looked at, so that what is wrong can be named."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


class Wrong(ValueError):
    """What is wrong with the file or the arguments, in words."""


def _read(arguments: argparse.Namespace) -> pd.DataFrame:
    """The columns that are asked for, all text of a CSV."""
    names = [arguments.time, arguments.target, *arguments.known, *arguments.past]
    names += [arguments.series] if arguments.series else []
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Wrong(f"column {doubled[0]!r} is asked for twice.")
    if is_parquet(arguments.file):
        frame = pd.read_parquet(arguments.file)
    else:
        frame = pd.read_csv(arguments.file, sep=arguments.separator, dtype=str, keep_default_na=False)
    lost = [name for name in names if name not in frame.columns]
    if lost:
        raise Wrong(f"there is no column {lost[0]!r}; there are {list(frame.columns)}.")
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
    frame, line = _read(arguments), _line(arguments)
    index: Any = _times(frame[arguments.time], line)
    numbers = {
        name: _numbers(frame[name], arguments.decimal, line)
        for name in (arguments.target, *arguments.known, *arguments.past)
    }
    table = pd.DataFrame(numbers).set_axis(index)
    if arguments.series:
        names = frame[arguments.series]
        empty = names.isna() | (names.astype(str) == "")
        if empty.any():
            raise Wrong(f"{line(int(empty.argmax()))}, column {arguments.series!r}: the series has no name.")
        table = table.set_index(pd.MultiIndex.from_arrays([names, index], names=[arguments.series, arguments.time]))
        table = table.sort_index(level=0, sort_remaining=False, kind="stable")
    target = table[arguments.target]
    kept = []
    for name, part in target.groupby(level=0, sort=False) if arguments.series else [(None, target)]:
        known = np.flatnonzero(part.notna())
        if len(known) == 0:
            raise Wrong(f"column {arguments.target!r} has no value{'' if name is None else f' for series {name!r}'}.")
        ahead = len(part) - 1 - int(known[-1])
        if arguments.known and ahead < arguments.horizon:
            raise Wrong(
                f"--known needs rows of {arguments.horizon} more steps after the last {arguments.target!r}"
                f"{'' if name is None else f' of series {name!r}'}, at {part.index[known[-1]]}; there are {ahead}."
            )
        kept.append(np.arange(len(part)) <= known[-1])
    rows = np.concatenate(kept)
    return (
        target[rows],
        table[arguments.known] if arguments.known else None,
        table[arguments.past][rows] if arguments.past else None,
    )


def _times(column: pd.Series, line: Any) -> pd.Index:
    """Times, or whole numbers."""
    if pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return pd.Index(column, name=column.name)
    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.Series(column)
    else:
        text = column.astype(str).str.strip()
        if text.str.fullmatch(r"-?\d+").all():
            return pd.Index(text.astype(np.int64), name=column.name)
        empty = text == ""
        if empty.any():
            raise Wrong(f"{line(int(empty.argmax()))}, column {column.name!r}: the time is missing.")
        times = pd.to_datetime(text, errors="coerce", format=None)
        if times.dtype == object:  # offsets from UTC that differ
            times = pd.to_datetime(text, errors="coerce", utc=True)
        wrong = times.isna()
        if wrong.any():
            row = int(wrong.argmax())
            raise Wrong(f"{line(row)}, column {column.name!r}: {text.iloc[row]!r} is no time like {text.iloc[0]!r}.")
    return pd.DatetimeIndex(times, name=column.name)


def _numbers(column: pd.Series, decimal: str, line: Any) -> np.ndarray:
    """Numbers; empty entries are NaN."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    text = column.astype(str).str.strip()
    plain = text if decimal == "." else text.str.replace(decimal, ".", regex=False)
    empty = text.str.lower().isin(["", "nan", "na", "null", "none"])
    numbers = pd.to_numeric(plain.where(~empty), errors="coerce")
    wrong = numbers.isna() & ~empty
    if wrong.any():
        row = int(wrong.argmax())
        comma = text.iloc[row].count(",") == 1 and decimal == "."
        hint = " Where a comma is the decimal point, use --decimal ','." if comma else ""
        raise Wrong(f"{line(row)}, column {column.name!r}: {text.iloc[row]!r} is no number.{hint}")
    return numbers.to_numpy(dtype=np.float64)


def _line(arguments: argparse.Namespace) -> Any:
    """How a row is called: by its line in a CSV, whose first is the header."""
    return (lambda row: f"row {row}") if is_parquet(arguments.file) else (lambda row: f"line {row + 2}")


def is_parquet(path: Path) -> bool:
    """Whether a file is, or is to be, Parquet."""
    return path.suffix.lower() in (".parquet", ".pq")
