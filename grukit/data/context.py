"""History from before a table's first row: the training tail, or rows given with ``predict``."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from grukit.data.frames import Table


@dataclass(frozen=True)
class Tail:
    """The last rows of each training series, their last time, and the step to the next.

    Attributes
    ----------
    rows : dict of series key -> ndarray of shape (c, D)
    times : dict of series key -> (last time, step)
        The step is None where the index is not regular.
    """

    rows: dict[tuple[Any, ...], np.ndarray]
    times: dict[tuple[Any, ...], tuple[Any, Any]]


def _step(times: pd.Index) -> Any:
    """Step of one series' index, or None where it is not regular; of a long series the last rows count."""
    if isinstance(times, pd.PeriodIndex):
        return 1
    if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex):
        if times.freq is not None or len(times) < 3:
            return _days(times.freq)
        with warnings.catch_warnings():
            # pandas 3.1 warns that this will return an offset, which to_offset takes as well.
            warnings.filterwarnings("ignore", message=".*infer_freq")
            frequency = pd.infer_freq(times[-64:])
        return None if frequency is None else _days(to_offset(frequency))
    if isinstance(times, pd.RangeIndex):
        return times.step
    if not pd.api.types.is_any_real_numeric_dtype(times) or pd.api.types.is_bool_dtype(times) or len(times) < 2:
        return None
    # Python's own numbers: they do not wrap around.
    before, last = times[-2:].tolist()
    step = last - before
    if len(times) > 2 and not _same(before, times[-3:-2].tolist()[0] + step, step):
        return None
    return step


def _days(step: Any) -> Any:
    """A step of whole days by the calendar, also where a clock changes; before pandas 3 a Day is 24 hours."""
    return pd.DateOffset(days=step.n) if isinstance(step, pd.offsets.Day) else step


def _same(a: Any, b: Any, step: Any) -> bool:
    """Whether two times are equal, floats up to rounding."""
    if isinstance(a, float) or isinstance(b, float):
        return bool(abs(a - b) <= 1e-6 * abs(step))
    return bool(a == b)


def tail_of(
    table: Table, window: int, context: dict[tuple[Any, ...], np.ndarray] | None = None, earlier: Tail | None = None
) -> Tail | None:
    """What ``predict`` needs to go on where a table ended; None for arrays, which never continue by themselves.

    Parameters
    ----------
    table : Table
        The rows trained on last.
    window : int
        Rows a sample sees.
    context : dict of series key -> ndarray of shape (c, D), default=None
        Rows before the table's, where it went on from earlier training.
    earlier : Tail or None
        Tails of series that the table may not hold.
    """
    if table.times is None:
        return None
    rows = {} if earlier is None else dict(earlier.rows)
    times = {} if earlier is None else dict(earlier.times)
    for s, key in enumerate(table.keys):
        first, last = table.offsets[s], table.offsets[s + 1]
        own = table.times[first:last]
        kept, step = table.values[max(first, last - window + 1) : last], _step(own)
        before = (context or {}).get(key)
        if before is not None:
            kept = np.concatenate([before, kept])[-(window - 1) :] if window > 1 else kept
            if earlier is not None:  # it went on at the step it had, which a short frame alone may not show
                step = earlier.times[key][1]
        rows[key] = kept.copy()
        times[key] = own[-1:].tolist()[0], step
    return Tail(rows, times)


def continuation(tail: Tail | None, table: Table) -> dict[tuple[Any, ...], np.ndarray]:
    """Context of the series that start one step after the training series of the same name ended, at the same step."""
    if tail is None or table.times is None:
        return {}
    context = {}
    for s, key in enumerate(table.keys):
        times = table.times[table.offsets[s] : table.offsets[s + 1]][:2].tolist()
        last, step = tail.times.get(key, (None, None))
        if step is None or not _comparable(times[0], last):
            continue
        if _same(times[0], last + step, step) and (len(times) < 2 or _same(times[1], times[0] + step, step)):
            context[key] = tail.rows[key]
    return context


def _comparable(a: Any, b: Any) -> bool:
    """Whether two times are of one kind, so that one may come after the other."""
    try:
        a < b  # noqa: B015 - whether this raises is the question
    except (TypeError, ValueError):
        return False
    return True


def given_context(history: Table, table: Table, window: int) -> dict[tuple[Any, ...], np.ndarray]:
    """Context of each series from a table of earlier rows.

    Raises
    ------
    ValueError
        Where a series' history does not end before the series starts, naming both stamps; where the indexes cannot be
        compared; where no series of X has any history.
    """
    context = {}
    if not set(history.keys) & set(table.keys):
        raise ValueError(f"context holds the series {history.keys[:5]}; X holds {table.keys[:5]}. None is in both.")
    for s, key in enumerate(history.keys):
        first, last = history.offsets[s], history.offsets[s + 1]
        if key not in table.keys:
            continue
        if history.times is not None and table.times is not None:
            start, end = table.times[table.offsets[table.keys.index(key)]], history.times[last - 1]
            if not _comparable(end, start):
                raise ValueError(
                    f"context has times like {end!r} and X has times like {start!r}; they cannot be compared."
                )
            if not end < start:
                raise ValueError(
                    f"context ends at {end}, which is not before X starts, at {start}"
                    f"{f' (series {key})' if key else ''}. context must hold earlier rows only."
                )
        context[key] = history.values[max(first, last - window + 1) : last]
    return context
