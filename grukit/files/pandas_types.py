"""Types of labels and columns, and time zones, by names of a closed list of forms."""

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd

ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}|UTC[+-]\d\d:\d\d(:\d\d)?")
_UNIT, _NUMBER = "(Y|M|W|D|h|m|s|ms|us|ns)", r"(bool|u?int(8|16|32|64)|float(16|32|64))"
_TIME = rf"(datetime64|timedelta64)\[{_UNIT}\]"
NAIVE = re.compile("|".join([
    _NUMBER, "object", "str", "boolean", r"U?Int(8|16|32|64)", r"Float(32|64)",  # NumPy's, and pandas' with missing values
    r"[<>][iuf][248]", r"[<>|][US]\d{1,5}", _TIME,
    r"string(\[(python|pyarrow)\])?", r"[a-z0-9]+(\[[a-z0-9]+\])?\[pyarrow\]",
    rf"Sparse\[{_NUMBER}, \w+(\.\w+)?\]", r"period\[\w+(-\w+)?\]",
]))  # fmt: skip
ZONED = re.compile(r"datetime64\[(s|ms|us|ns), (.{1,99})\]")
INTERVAL = re.compile(r"interval\[(.{1,120}), (left|right|both|neither)\]")


def zone_name(zone: Any) -> str | None:
    """The name of a time zone, one for all that are UTC; None for none."""
    return None if zone is None else "UTC" if str(zone) in ("UTC", "tzutc()") else str(zone)


def zone_of(name: Any) -> Any:
    """The zone of a name, of the system's data of zones.

    Raises
    ------
    ValueError
        Where it is the name of none.
    """
    if not isinstance(name, str) or len(name) > 64 or not ZONE.fullmatch(name) or name.startswith("dateutil"):
        raise ValueError(f"{name!r:.80} names no time zone")
    return pd.Timestamp(0, tz=datetime.UTC).tz_convert(name).tz


def type_name(dtype: Any) -> str:
    """The name of a type, NumPy's or pandas'."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"datetime64[{dtype.unit}, {zone_name(dtype.tz)}]"
    if isinstance(dtype, pd.IntervalDtype) and dtype.subtype is not None:
        return f"interval[{type_name(dtype.subtype)}, {dtype.closed}]"
    return f"string[{dtype.storage}]" if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA else str(dtype)


def type_of(name: Any) -> Any:
    """The type of a name.

    Raises
    ------
    ValueError
        Where it is the name of none that labels or columns have.
    """
    if isinstance(name, str) and NAIVE.fullmatch(name):
        found = pd.api.types.pandas_dtype(name)
        # pandas 3 has strings of its own under a name that is NumPy's for older versions, where they are objects.
        return np.dtype(object) if name == "str" and isinstance(found, np.dtype) else found
    if isinstance(name, str) and (match := ZONED.fullmatch(name)):
        return pd.DatetimeTZDtype(match[1], zone_of(match[2]))  # type: ignore[arg-type]
    if isinstance(name, str) and (match := INTERVAL.fullmatch(name)) and not INTERVAL.fullmatch(match[1]):
        return pd.IntervalDtype(type_of(match[1]), match[2])  # type: ignore[arg-type]
    raise ValueError(f"{name!r:.80} names no type of labels or columns")
