"""What an index of rows in time order must be, and what it most likely is where it is not."""

import re
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.quiet import quiet

TIMES = (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)
TIME_NAMES = re.compile(r"(date|time|period|year|quarter|month|week|day|hour|timestamp|datetime|ds)s?", re.IGNORECASE)
LOOKED_AT = 1000  # strings whose order is checked
PARSE = "Strings sort as text; parse them first, for instance with X.index = pd.to_datetime(X.index)."


def check_times(times: pd.Index, series: str = "", what: str = "") -> None:
    """Raise where one series' time index is not strictly increasing.

    Raises
    ------
    ValueError
        Naming the first offending stamp, and what would be right.
    """
    where = (f" of {what}" if what else "") + (f" of series {series}" if series else "")
    missing = times.isna()
    if missing.any():
        raise ValueError(f"The time index{where} has a missing stamp at row {int(missing.argmax())}.")
    if times.is_monotonic_increasing and times.is_unique:
        return
    if not times.is_monotonic_increasing:
        try:
            row = int((times[1:] < times[:-1]).argmax()) + 1
        except TypeError as error:
            raise ValueError(f"The time index{where} mixes types that have no order.") from error
        raise ValueError(
            f"The time index{where} is not sorted: {times[row]} (row {row}) comes after {times[row - 1]}. Rows must be in "
            f"time order. {_remedy(times, series, what)}"
        )
    row = int(times.duplicated().argmax())
    raise ValueError(f"The time index{where} has duplicates: {times[row]} (row {row}) is there more than once.")


def _remedy(times: pd.Index, series: str, what: str) -> str:
    """What to do about times that are not in order."""
    if _is_text(times):
        return PARSE
    if not series and not times.is_unique:
        return (
            "Where they are several series, one below the other, name them in a MultiIndex, with "
            "X.set_index([id, time]).sort_index(); so for y."
        )
    return (
        f"Sort with {what or 'X'}.sort_index(){'' if what else ', and y alike'}; where a splitter or a search has shuffled "
        "them, use TimeSeriesSplit or shuffle=False."
    )


def check_text(times: pd.Index) -> None:
    """Raise where strings are in order as text, but not as the numbers or dates that they hold.

    Raises
    ------
    ValueError
        Naming two that are in the wrong order.
    """
    if not _is_text(times):
        return
    some = times[:LOOKED_AT]
    with quiet():
        dates = pd.to_datetime(some, errors="coerce", utc=True)  # of one format
    numbers = dates.hasnans or all(entry.isdigit() for entry in some)
    keys: list[Any] = [_natural(entry) for entry in some] if numbers else dates.tolist()
    for i, (before, after) in enumerate(pairwise(keys)):
        if some[i] <= some[i + 1] and _is_after(before, after):
            raise ValueError(f"The time index has {some[i]!r} (row {i}) before {some[i + 1]!r}. {PARSE}")


def _is_text(times: pd.Index) -> bool:
    return pd.api.types.infer_dtype(times, skipna=True) == "string"


def _natural(entry: str) -> list[Any]:
    """The parts of a string, its whole numbers as such."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", entry)]


def _is_after(before: Any, after: Any) -> bool:
    try:
        return bool(before > after)
    except TypeError:  # a number beside text
        return False


def check_each(times: pd.Index, offsets: np.ndarray, keys: list[tuple[Any, ...]], what: str = "") -> None:
    """Raise where the time index of a series of a panel is not strictly increasing, as :func:`check_times`.

    Parameters
    ----------
    times : Index
        Of all series, one after another.
    offsets : ndarray of shape (n_series + 1,)
        Series s is rows ``offsets[s]:offsets[s + 1]``.
    keys : list of tuple
        Their names.
    what : str, default=""
        Name of the panel, for messages.
    """
    counts = times.asi8 if isinstance(times, TIMES) else times.to_numpy()
    if counts.dtype.kind in "iuf" and not times.hasnans:  # all at once; what is wrong is found one by one
        follows = counts[1:] > counts[:-1]
        follows[offsets[1:-1] - 1] = True
        if follows.all():
            return
    for s, key in enumerate(keys):
        check_times(times[offsets[s] : offsets[s + 1]], "/".join(str(part) for part in key), what)


def check_names(index: pd.MultiIndex, times: pd.Index) -> None:
    """Raise where the levels before the last do not name series; warn where one has the name of a time.

    Raises
    ------
    ValueError
        Where a name is missing, or a level holds times, or numbers, and the last one does not.
    """
    for level, (values, codes) in enumerate(zip(index.levels[:-1], index.codes[:-1], strict=True)):
        missing = codes < 0
        if missing.any():
            raise ValueError(f"The series name is missing at row {int(missing.argmax())} of the index.")
        times_first = isinstance(values, TIMES) and not isinstance(times, TIMES)
        if times_first or (pd.api.types.is_numeric_dtype(values) and _is_text(times)):
            raise ValueError(
                f"Level {level} of the index holds {'times' if times_first else 'numbers'} and the last level does not. The "
                "last level must be the time and the levels before it name the series; see DataFrame.swaplevel."
            )
        if _is_time_name(values.name) and not isinstance(times, TIMES) and not _is_time_name(times.name):
            warnings.warn(
                f"Level {level} of the index is named {values.name!r} and the last level {times.name!r}. The last level must "
                "be the time, or windows run from series to series; see DataFrame.swaplevel.",
                stacklevel=2,
            )


def _is_time_name(name: Any) -> bool:
    return isinstance(name, str) and TIME_NAMES.fullmatch(name) is not None
