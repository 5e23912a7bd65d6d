"""The file that tells ``python -m grukit forecast`` what is known of each series and never changes."""

import argparse
import re
from typing import Any

import numpy as np
import pandas as pd

from grukit.forecast_file import numbers_of, with_points
from grukit.forecast_table import Wrong, line_of, read_table


def read_static(arguments: argparse.Namespace, names: pd.Index) -> pd.DataFrame | None:
    """What is known of each series, or None: numbers, and texts that are categories.

    Parameters
    ----------
    arguments : Namespace
        Of the command, with ``series``. The column that names the series is the one of the name that this gives, or the first.
    names : Index
        The series; rows of others are not looked at.

    Raises
    ------
    Wrong
        For what is wrong with the file, naming line and column.
    """
    if arguments.static is None:
        return None
    try:
        return _of_series(read_table(arguments.static, arguments), arguments, names)
    except Wrong as error:
        raise Wrong(f"--static {arguments.static}: {error}") from error


def _of_series(frame: pd.DataFrame, arguments: argparse.Namespace, names: pd.Index) -> pd.DataFrame:
    """The rows of the series, by their names."""
    if not frame.columns.is_unique:
        raise Wrong(
            f"there are two columns {frame.columns[frame.columns.duplicated()][0]!r}. Give each a name of its own."
        )
    naming = arguments.series if arguments.series in frame.columns else frame.columns[0]
    if frame.shape[1] < 2:
        raise Wrong(
            f"beside the column {naming!r}, which names the series, a column of what is known of them is needed. Where "
            "columns are not separated by the character of --separator, it must be the same in both files."
        )
    labels, own = frame[naming].astype(str), {str(name): name for name in names}
    line = line_of(arguments.static, arguments)
    where = np.flatnonzero(labels.isin(own))
    twice = np.flatnonzero(labels.iloc[where].duplicated())
    if len(twice):
        row, label = int(where[twice[0]]), labels.iloc[where[twice[0]]]
        first = line(int(np.flatnonzero(labels == label)[0]))
        raise Wrong(f"{line(row)}, column {naming!r}: series {label!r} is there twice, in {first} too.")
    there = set(labels)
    lost = [name for name in own if name not in there]
    if lost:
        some = ", ".join(map(repr, labels.iloc[:3]))
        raise Wrong(
            f"there is no row of series {lost[0]!r}; its column {naming!r} names {some or 'none'}"
            f"{', ...' if len(labels) > 3 else ''}."
        )

    def line_there(row: int) -> str:
        return line(int(where[row]))

    known = {name: _column(frame[name].iloc[where], arguments, line_there) for name in frame.columns if name != naming}
    return pd.DataFrame(known).set_axis(pd.Index([own[labels.iloc[row]] for row in where], tupleize_cols=False))


def _column(values: pd.Series, arguments: argparse.Namespace, line: Any) -> Any:
    """Numbers, where all are; otherwise texts, or what a Parquet file holds."""
    empty = values.isna() | (values.astype(str).str.strip() == "")
    if empty.any():
        raise Wrong(
            f"{line(int(empty.argmax()))}, column {values.name!r}: the value is missing. Fill it in, or leave the "
            "column out; among categories, write a word for what is not known."
        )
    if not (values.dtype == object or isinstance(values.dtype, pd.StringDtype)):
        return values.to_numpy() if pd.api.types.is_numeric_dtype(values) else values.astype(object).to_numpy()
    text = values.astype(str).str.strip()
    is_number = np.isfinite(pd.to_numeric(with_points(text, arguments.decimal), errors="coerce")).to_numpy()
    if is_number.all():
        return numbers_of(text, arguments.decimal, line)
    other = [row for row, each in enumerate(text) if not is_number[row] and re.fullmatch(r"[-+]?\d[\d.,]*", each)]
    if is_number.any() or other:
        row = other[0] if other else int(np.argmin(is_number))
        raise Wrong(
            f"{line(row)}, column {values.name!r}: {text.iloc[row]!r} is no number with --decimal {arguments.decimal!r}, but "
            "the column looks like numbers. It is either: correct it, or write categories in words, such as 'type 7'."
        )
    return text.to_numpy(dtype=object)
