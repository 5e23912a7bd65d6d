"""pandas' values as JSON and back: times, offsets, intervals and indexes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from grukit.files.pandas_types import type_name, type_of, zone_name, zone_of

Part = Callable[[Any, str], Any]


def pandas_value(value: Any, write: Part) -> Any:
    """A value as an object of one entry; None where it is of no kind that is known.

    Parameters
    ----------
    value : object
        One of pandas' values, or a type of NumPy's.
    write : callable
        Writes a part of it, given with a name.
    """
    found = _told(value, write)
    return None if found is None or not _comes_back(value, *found) else {found[0]: found[1]}


def _told(value: Any, write: Part) -> tuple[str, Any] | None:
    """Kind and content."""
    match value:
        case pd.Timestamp():
            return "timestamp", [value.asm8.view("i8").item(), value.unit, zone_name(value.tz)]
        case pd.Timedelta():
            return "timedelta", [value.asm8.view("i8").item(), value.unit]
        case pd.Period():
            return "period", [value.ordinal, value.freqstr]
        case pd.offsets.BaseOffset() if type(value) is pd.DateOffset:
            return "date_offset", [value.n, dict(value.kwds)]
        case pd.offsets.CustomBusinessDay():
            holidays = np.array(value.holidays, "M8[D]").view(np.int64).tolist()
            return "custom_business_day", [value.n, value.weekmask, holidays]
        case pd.offsets.BaseOffset():
            return "offset", value.freqstr
        case pd.Interval():
            return "interval", [write(value.left, "left"), write(value.right, "right"), value.closed]
        case pd.MultiIndex():
            levels = [_listed(value.get_level_values(i)) for i in range(value.nlevels)]
            return "multi_index", [write(level, f"levels[{i}]") for i, level in enumerate(levels)]
        case pd.RangeIndex():
            return "range_index", [value.start, value.stop, value.step, write(value.name, "name")]
        case pd.Index():
            labels = write(value.tolist(), "labels")
            return "index", [labels, write(value.dtype, "dtype"), write(value.name, "name")]
        case pd.CategoricalDtype():
            return "categories", [write(_listed(value.categories), "categories"), bool(value.ordered)]
        case np.dtype() | pd.api.extensions.ExtensionDtype():
            return "type", type_name(value)
    return None


def _listed(index: pd.Index) -> pd.Index:
    """An index that holds its labels: of a range, a few numbers would tell of any number of them."""
    return pd.Index(np.asarray(index), name=index.name) if isinstance(index, pd.RangeIndex) else index


def _comes_back(value: Any, kind: str, content: Any) -> bool:
    """Whether reading gives what was written: not every zone and offset is told by its name."""
    if kind not in KINDS:
        return True  # it is made of parts that were asked
    try:
        again = KINDS[kind](content)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, ImportError):
        return False
    zones = [zone_name(getattr(each, "tz", None)) for each in (again, value)]
    return type(again) is type(value) and bool(again == value) and zones[0] == zones[1]


def pandas_reader(kind: str, read: Callable[[Any], Any]) -> Callable[[Any, str], Any] | None:
    """What reads the content of a kind; None where it is none of these. ``read`` reads a part."""
    if kind in KINDS:
        return lambda content, where: KINDS[kind](content)
    made_of_parts = {
        "interval": _interval,
        "multi_index": _multi_index,
        "range_index": _range_index,
        "index": _index,
        "categories": _categories,
    }
    if kind not in made_of_parts:
        return None
    return lambda content, where: made_of_parts[kind](content, read)


def _timestamp(content: Any) -> Any:
    number, unit, zone = content
    time = pd.Timestamp(np.datetime64(_whole(number), _unit(unit)))
    return time if zone is None else time.tz_localize("UTC").tz_convert(zone_of(zone))


def _timedelta(content: Any) -> Any:
    number, unit = content
    return pd.Timedelta(np.timedelta64(_whole(number), _unit(unit)))


def _period(content: Any) -> Any:
    ordinal, frequency = content
    return pd.Period(ordinal=_whole(ordinal), freq=_short(frequency))


def _date_offset(content: Any) -> Any:
    n, parts = content
    return pd.DateOffset(n=_whole(n), **{name: _whole(number) for name, number in parts.items()})  # type: ignore[arg-type]


def _custom_business_day(content: Any) -> Any:
    n, weekmask, holidays = content
    if not isinstance(weekmask, str):
        raise ValueError(f"{weekmask!r:.80} names no days of the week")
    days = [np.datetime64(_whole(day), "D") for day in holidays]
    return pd.offsets.CustomBusinessDay(_whole(n), weekmask=weekmask, holidays=days)


KINDS: dict[str, Callable[[Any], Any]] = {
    "timestamp": _timestamp,
    "timedelta": _timedelta,
    "period": _period,
    "custom_business_day": _custom_business_day,
    "date_offset": _date_offset,
    "offset": lambda name: to_offset(_short(name)),
    "type": type_of,
}


def _interval(content: Any, read: Callable[[Any], Any]) -> pd.Interval:
    left, right, closed = content
    return pd.Interval(read(left), read(right), closed)


def _multi_index(content: Any, read: Callable[[Any], Any]) -> pd.Index:
    levels = [_held(read(level)) for level in content]
    if not all(level.nlevels == 1 and len(level) == len(levels[0]) for level in levels):
        raise ValueError("its levels are of unequal length")
    return pd.MultiIndex.from_arrays(levels, names=[level.name for level in levels])


def _range_index(content: Any, read: Callable[[Any], Any]) -> pd.Index:
    start, stop, step, name = content
    return pd.RangeIndex(_whole(start), _whole(stop), _whole(step), name=read(name))


def _index(content: Any, read: Callable[[Any], Any]) -> pd.Index:
    labels, dtype, name = (read(part) for part in content)
    if not isinstance(labels, list) or (isinstance(dtype, np.dtype) and dtype.kind in "SUV"):
        raise ValueError("its labels are no list, or of a type that no index has")
    return pd.Index(labels, dtype=dtype, name=name, tupleize_cols=False)


def _categories(content: Any, read: Callable[[Any], Any]) -> Any:
    categories, ordered = content
    return pd.CategoricalDtype(_held(read(categories)), bool(ordered))


def _held(index: Any) -> pd.Index:
    """An index that the file holds, and does not only tell of by a range."""
    if not isinstance(index, pd.Index) or isinstance(index, pd.RangeIndex):
        raise ValueError("it is no index that holds its labels")
    return index


def _whole(number: Any) -> int:
    if type(number) is not int or not -(2**63) <= number < 2**63:
        raise ValueError(f"{number!r:.80} is no whole number of 64 bits")
    return number


def _unit(unit: Any) -> Any:
    if unit not in ("s", "ms", "us", "ns"):
        raise ValueError(f"{unit!r:.80} is no unit of time")
    return unit


def _short(name: Any) -> str:
    if not isinstance(name, str) or len(name) > 40:
        raise ValueError(f"{name!r:.80} is no frequency")
    return name
