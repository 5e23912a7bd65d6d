"""What an index tells of the time: read into pandas' own kinds, and how it advances."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.clock import after, inferred

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}  # of the units of pandas' times
WITH_ZONE, WITHOUT_ZONE = "times with a time zone", "times without a time zone"
OTHER = "values of dtype"
RECENT = 64  # rows whose step is that of a series
NEAR = 1.5  # typical steps up to which a row follows the one before in a regular series,
FEW = 4.0  # and in one whose step varies, where no longer gap is usual


def as_times(index: pd.Index) -> pd.Index:
    """The index as pandas' own kind of times, where it holds times of another: dates, Timestamps, Arrow's, cftime's.

    Categories count as what they hold, intervals as their left ends, a MultiIndex of one level as that. Whatever holds no
    times stays as it is.
    """
    if isinstance(index, pd.MultiIndex) and index.nlevels == 1:
        index = index.get_level_values(0)
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex | pd.RangeIndex) or _is_number(index):
        return index
    if isinstance(index, pd.CategoricalIndex):
        return index if index.hasnans else as_times(index.astype(index.categories.dtype))
    if isinstance(index, pd.IntervalIndex):
        return as_times(index.left)
    held = pd.api.types.infer_dtype(index, skipna=True)
    if held in ("datetime64", "datetime", "date"):
        try:
            return pd.DatetimeIndex(index)
        except ValueError:  # offsets from UTC that differ
            return pd.DatetimeIndex(pd.to_datetime(index, utc=True))
    if held in ("timedelta64", "timedelta"):
        return pd.TimedeltaIndex(index.to_numpy())
    if held == "period":
        return pd.PeriodIndex(index)
    return _since_2000(index) if held == "mixed" else index


def _since_2000(index: pd.Index) -> pd.Index:
    """Dates of another calendar, such as cftime's, as the time since the year 2000 of that calendar."""
    try:
        origin = index[0].replace(year=2000, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        since = [each - origin for each in index]
    except (AttributeError, TypeError, ValueError):  # no dates
        return index
    return pd.TimedeltaIndex(since) if isinstance(since[0], timedelta) else index


def kind_of(times: pd.Index) -> str:
    """What the entries are, in words; entries of one kind can be compared."""
    if isinstance(times, pd.DatetimeIndex):
        return WITHOUT_ZONE if times.tz is None else WITH_ZONE
    if isinstance(times, pd.PeriodIndex):
        return f"periods of freq {times.freqstr!r}"
    if isinstance(times, pd.TimedeltaIndex):
        return "time deltas"
    return "numbers" if _is_number(times) else f"{OTHER} {times.dtype}"


def time_kind(times: pd.Index | None) -> str | None:
    """What an index tells of the time: "time", "number", or None for nothing."""
    if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
        return "time"
    return "number" if times is not None and _is_number(times) else None


def _is_number(index: pd.Index) -> bool:
    return pd.api.types.is_any_real_numeric_dtype(index) and not pd.api.types.is_bool_dtype(index)


def time_since(times: pd.Index | None, n: int) -> np.ndarray:
    """Time from the row before to each of n rows, in seconds or as numbers; NaN where it is not known: of the first row."""
    since = np.full(n, np.nan)
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex):
        since[1:] = np.diff(times.asi8) * SECONDS[times.unit]
    elif times is not None and time_kind(times) == "number":
        since[1:] = np.diff(times.to_numpy(dtype=np.float64))
    return since


def time_between(last: Any, first: Any) -> float:
    """Time from one entry of an index to another, as :func:`time_since`."""
    return float(time_since(pd.Index([last, first]), 2)[1])


@dataclass(frozen=True)
class Pace:
    """Where the index of a series ended, and how it advanced.

    Attributes
    ----------
    last : object
        Its last entry.
    kind : str
        See :func:`kind_of`.
    step : object or None
        What is added to an entry to have the next one: a number, an offset; None where the index is not regular.
    typical : float or None
        Median step of the last rows, in seconds, periods or numbers; None where the index does not tell it.
    longest : float
        Up to this, a later row follows the last one.
    """

    last: Any
    kind: str
    step: Any
    typical: float | None
    longest: float

    @classmethod
    def of(cls, times: pd.Index) -> "Pace":
        """The pace of one series' index, which is in order."""
        last, kind = times[-1:].tolist()[0], kind_of(times)
        gaps = _gaps(times)
        if gaps is None or len(gaps) == 0:
            return cls(last, kind, _step(times), None, 0.0)
        step, typical = _step(times), float(np.median(gaps[-RECENT:]))
        if step is not None or gaps.max() <= NEAR * typical:
            return cls(last, kind, step, typical, NEAR * typical)
        usual = np.partition(gaps, -2)[-2] if len(gaps) > 1 else 0.0  # twice there: no single hole in the data
        return cls(last, kind, step, typical, max(FEW * typical, float(usual)))

    @classmethod
    def of_each(cls, times: pd.Index, offsets: np.ndarray) -> list["Pace"]:
        """The pace of every series, see :attr:`grukit.data.frames.Table.offsets`.

        All at once where steps are alike, and once for equal times: asking pandas for the frequency takes 0.3 ms a series.
        """
        lasts, kind = times[offsets[1:] - 1].tolist(), kind_of(times)
        counts = times.asi8 if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex) else None
        if counts is None or len(lasts) == 1:
            return [cls.of(times[first:last]) for first, last in pairwise(offsets)]
        gaps, starts = np.zeros(len(counts), np.int64), offsets[:-1]
        np.subtract(counts[1:], counts[:-1], out=gaps[:-1])
        gaps[offsets[1:] - 1] = gaps[np.maximum(offsets[1:] - 2, starts)]  # the last row has none: as the one before
        shortest, longest = np.minimum.reduceat(gaps, starts), np.maximum.reduceat(gaps, starts)
        alike = (shortest == longest) & (np.diff(offsets) > 2)
        steps = _steps_of(times, shortest)
        unit = SECONDS[times.unit] if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex) else 1.0
        paces, known = [], {}
        for s, (first, last) in enumerate(pairwise(offsets)):
            if alike[s] and steps[s] is not None:
                typical = float(shortest[s] * unit)
                paces.append(cls(lasts[s], kind, steps[s], typical, NEAR * typical))
                continue
            own = counts[first:last].tobytes()
            if own not in known:
                known[own] = cls.of(times[first:last])
            paces.append(known[own])
        return paces

    def follows(self, times: list[Any]) -> bool:
        """Whether one or two entries are what comes next: exactly, or about there where the index is not exact itself."""
        wanted = [] if self.step is None else [after(self.last, self.step), after(times[0], self.step)]
        if wanted and all(_same(time, want, self.step) for time, want in zip(times, wanted, strict=False)):
            return True
        if self.typical is None or not 0 < _distance(self.last, times[0]) <= self.longest:
            return False
        if self.step is None or len(times) < 2:
            return True
        return abs(_distance(*times) - self.typical) < 0.5 * self.typical

    @property
    def unclear(self) -> str:
        """Why the index does not tell how it advances."""
        return f"an index that holds {self.kind}" if self.kind.startswith(OTHER) else "one row of training"

    def steps_to(self, time: Any) -> float:
        """Typical steps from the last entry to another; NaN where the index does not tell."""
        return _distance(self.last, time) / self.typical if self.typical else np.nan


def _gaps(times: pd.Index) -> np.ndarray | None:
    """Steps from each entry to the next; None where the index does not tell them."""
    if isinstance(times, pd.PeriodIndex):
        return np.diff(times.asi8).astype(np.float64)
    return None if time_kind(times) is None else time_since(times, len(times))[1:]


def _distance(first: Any, second: Any) -> float:
    """From one entry to another, in the unit of :func:`_gaps`."""
    if isinstance(first, pd.Period):
        return float(second.ordinal - first.ordinal)
    difference = second - first
    return difference.total_seconds() if isinstance(difference, timedelta) else float(difference)


def _step(times: pd.Index) -> Any:
    """Step of one series' index, or None where it is not regular; of a long series the last rows count."""
    if isinstance(times, pd.PeriodIndex):
        return 1
    if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex):
        if times.freq is not None or len(times) < 3:
            return _days(times.freq, times)
        return _days(inferred(times[-RECENT:]), times)
    if isinstance(times, pd.RangeIndex):
        return times.step
    if not _is_number(times) or len(times) < 2:
        return None
    before, last = times[-2:].tolist()  # Python's own numbers: they do not wrap around
    step = last - before
    if len(times) > 2 and not _same(before, times[-3:-2].tolist()[0] + step, step):
        return None
    return step


def _steps_of(times: pd.Index, gaps: np.ndarray) -> list[Any]:
    """What :func:`_step` says of series whose gaps are all of the given length; None where it must be asked.

    From 28 days on a step may be a month.
    """
    if not isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex):
        return [1] * len(gaps)  # periods
    known: dict[int, Any] = {}
    for gap in set(gaps.tolist()):
        step = pd.Timedelta(gap, times.unit)
        days = step == step.floor("D") and not isinstance(times, pd.TimedeltaIndex)
        if step < pd.Timedelta(days=28):
            known[gap] = pd.DateOffset(days=step.days) if days else step
    return [known.get(gap) for gap in gaps.tolist()]


def _days(step: Any, times: pd.Index) -> Any:
    """A step of whole days by the calendar, also where a clock changes; before pandas 3 a Day is 24 hours."""
    if not isinstance(step, pd.offsets.Day):
        return step
    return pd.Timedelta(days=step.n) if isinstance(times, pd.TimedeltaIndex) else pd.DateOffset(days=step.n)


def _same(a: Any, b: Any, step: Any) -> bool:
    """Whether two times are equal, floats up to rounding."""
    if isinstance(a, float) or isinstance(b, float):
        return bool(abs(a - b) <= 1e-6 * abs(step))
    return bool(a == b)
