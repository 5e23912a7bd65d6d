"""History from before a table's first row: the training tail, or rows given with ``predict``."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.frames import Table


@dataclass(frozen=True)
class Tail:
    """The last rows of each training series and the time one step after them.

    Attributes
    ----------
    rows : dict of series key -> ndarray of shape (c, D)
    next_times : dict of series key -> (next time, step) or None
        None where the index has no regular step.
    """

    rows: dict[tuple[Any, ...], np.ndarray]
    next_times: dict[tuple[Any, ...], tuple[Any, Any] | None]


def _next_time(times: pd.Index) -> tuple[Any, Any] | None:
    """(time one step after the last, step), or None where the step is not regular."""
    last = times[-1]
    if isinstance(times, pd.PeriodIndex):
        return last + 1, 1
    if isinstance(times, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        # The last stamps are enough: what matters is how the series went on where it stopped.
        recent = times[-64:]
        frequency = times.freq
        if frequency is None and len(recent) > 2:
            name = pd.infer_freq(recent)
            frequency = None if name is None else pd.tseries.frequencies.to_offset(name)
        return None if frequency is None else (last + frequency, frequency)
    if not pd.api.types.is_numeric_dtype(times) or len(times) < 2:
        return None
    step = last - times[-2]
    return last + step, step


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
    next_times = {} if earlier is None else dict(earlier.next_times)
    for s, key in enumerate(table.keys):
        first, last = table.offsets[s], table.offsets[s + 1]
        kept = table.values[max(first, last - window + 1) : last]
        before = (context or {}).get(key)
        if before is not None:
            kept = np.concatenate([before, kept])[-(window - 1) :] if window > 1 else kept
        rows[key] = kept.copy()
        next_times[key] = _next_time(table.times[first:last])
    return Tail(rows, next_times)


def continuation(tail: Tail | None, table: Table) -> dict[tuple[Any, ...], np.ndarray]:
    """Context of the series that start one step after the training series of the same name ended, at the same step."""
    if tail is None or table.times is None:
        return {}
    context = {}
    for s, key in enumerate(table.keys):
        times = table.times[table.offsets[s] : table.offsets[s + 1]]
        expected = tail.next_times.get(key)
        if expected is None:
            continue
        following, step = expected
        if times[0] == following and (len(times) < 2 or times[1] == following + step):
            context[key] = tail.rows[key]
    return context


def given_context(history: Table, table: Table, window: int) -> dict[tuple[Any, ...], np.ndarray]:
    """Context of each series from a table of earlier rows.

    Raises
    ------
    ValueError
        Where a series' history does not end before the series starts, naming both stamps.
    """
    context = {}
    for s, key in enumerate(history.keys):
        first, last = history.offsets[s], history.offsets[s + 1]
        if key not in table.keys:
            continue
        if history.times is not None and table.times is not None:
            start = table.times[table.offsets[table.keys.index(key)]]
            if not history.times[last - 1] < start:
                raise ValueError(
                    f"context ends at {history.times[last - 1]}, which is not before X starts, at {start}"
                    f"{f' (series {key})' if key else ''}. context must hold earlier rows only."
                )
        context[key] = history.values[max(first, last - window + 1) : last]
    return context
