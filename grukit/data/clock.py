"""Times that follow one another by the calendar, also where the clocks of their zone change."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from grukit.data.quiet import quiet


def after(stamp: Any, step: Any) -> Any:
    """The entry of an index one step after another; of a calendar's step in a time zone see :func:`stamps_from`."""
    of_calendar = isinstance(step, pd.offsets.BaseOffset) and by_calendar(step)
    if not isinstance(stamp, pd.Timestamp) or stamp.tz is None or not of_calendar:
        return stamp + step
    clock = stamp.tz_localize(None) + step
    return clock.tz_localize(stamp.tz, nonexistent="shift_forward", ambiguous=True)


def stamps_from(first: pd.Timestamp, n: int, step: Any) -> pd.DatetimeIndex:
    """The n times from ``first`` on.

    Where clocks are put forward, a time that is not there is the first one after it; where they are put back, a time that is
    there twice is the first of both.
    """
    if first.tz is None or not by_calendar(step):
        return pd.date_range(first, periods=n, freq=step)
    clock, midnight = first.tz_localize(None), first.tz_localize(None).normalize()
    if midnight.tz_localize(first.tz, nonexistent="shift_forward", ambiguous=True) == first:
        clock = midnight  # of a day that begins at one o'clock
    clocks = pd.date_range(clock, periods=n, freq=step)
    exact = clocks.tz_localize(first.tz, nonexistent="NaT", ambiguous="NaT")
    if not exact.hasnans:
        return pd.date_range(first, periods=n, freq=step)
    earlier = np.ones(n, dtype=bool)
    return clocks.tz_localize(first.tz, nonexistent="shift_forward", ambiguous=earlier)


def inferred(times: Any) -> Any:
    """The offset that pandas infers of three times or durations at least, or None.

    Durations have no day of the week, which pandas names where they are whole weeks apart: those are days.
    """
    # pandas 3.1 warns that this will return an offset, which to_offset takes as well.
    with quiet(".*infer_freq"):
        found = pd.infer_freq(times)
    step = None if found is None else to_offset(found)
    if isinstance(times, pd.TimedeltaIndex) and isinstance(step, pd.offsets.Week):
        return pd.offsets.Day(7 * step.n)
    return step


def by_calendar(step: Any) -> bool:
    """Whether a step is one of the calendar, as long as its days are; before pandas 3 a Day is a Tick, too."""
    return not isinstance(step, pd.offsets.Tick) or isinstance(step, pd.offsets.Day)
