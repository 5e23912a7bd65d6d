"""Tables that ``python -m grukit forecast`` reads, as they are: CSV and Parquet."""

import argparse
import re
import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd


class Wrong(ValueError):
    """What is wrong with the file or the arguments, in words."""


def read_table(path: Path, arguments: argparse.Namespace) -> pd.DataFrame:
    """A file as it is: a Parquet file, or a CSV of texts, which the arguments say how to read."""
    return _parquet(path) if is_parquet(path) else _csv(path, arguments)


def _parquet(path: Path) -> pd.DataFrame:
    """All columns; an index that has a name is one, too."""
    frame = pd.read_parquet(path)
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(named) if named else frame


def _csv(path: Path, arguments: argparse.Namespace) -> pd.DataFrame:
    options: Any = {"sep": arguments.separator, "encoding": arguments.encoding, "dtype": str, "keep_default_na": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, index_col=False, **options)
            header = pd.read_csv(
                path, header=None, nrows=1, **options
            )  # as it is: pandas numbers names that are there twice
    except pd.errors.EmptyDataError as error:
        raise Wrong("the file is empty; a header and a row for each time are needed.") from error
    except UnicodeError as error:
        raise Wrong(
            f"the file is no text in {arguments.encoding}. Say which encoding it has, for instance with --encoding cp1252; "
            "a spreadsheet must be written as CSV first."
        ) from error
    except pd.errors.ParserWarning as error:
        raise Wrong(f"rows have more cells than the header has names. {_remedy(path, arguments)}") from error
    except pd.errors.ParserError as error:
        raise Wrong(_ragged(str(error), arguments.separator)) from error
    return frame.set_axis([text or own for text, own in zip(header.iloc[0], frame.columns, strict=True)], axis=1)


def _remedy(path: Path, arguments: argparse.Namespace) -> str:
    """What to do about a header of fewer names than rows have cells: of semicolons, say, above decimal commas."""
    with path.open(encoding=arguments.encoding) as file:
        header = next(text for text in file if text.strip())
    for other, written in ((";", "';'"), ("\t", "tab"), ("|", "'|'")):
        if other in header and arguments.separator not in header:
            return f"If its names are separated by {other!r}, say so with --separator {written}."
    return "Name each column, or end no row with a separator."


def _ragged(words: str, separator: str) -> str:
    """What to do about a row with more cells than others, out of pandas' words."""
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", words)
    if found is None:
        return f"the file is no table: {words.strip()}"
    wanted, row, n = found.groups()
    return f"line {row} has {n} cells, those before it {wanted}. A text or number that holds {separator!r} must be in quotes."


def line_of(path: Path, arguments: argparse.Namespace) -> Any:
    """How a row is called: by its line in a CSV, whose first that is not blank is the header."""
    if is_parquet(path):
        return lambda row: f"row {row}"
    blank = " \t\r\n".replace(arguments.separator, "")

    def line(row: int) -> str:
        with path.open(encoding=arguments.encoding) as file:
            numbers = (number for number, text in enumerate(file, 1) if text.strip(blank))
            return f"line {next(islice(numbers, row + 1, None))}"

    return line


def is_parquet(path: Path) -> bool:
    """Whether a file is, or is to be, Parquet."""
    return path.suffix.lower() in (".parquet", ".pq")
