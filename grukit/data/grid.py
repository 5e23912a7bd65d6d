"""The grid that the time index of a series lies on: its step, what is missing on it, and the stamps ahead."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.clock import by_calendar, stamps_from
from grukit.data.matching import equal_times, rows_at
from grukit.data.steps import STRETCH, frequency, number_step
from grukit.data.times import kind_of, time_kind

DAY, YEAR = 86400.0, 365.25 * 86400.0  # seconds
MOST_HOLES = 20  # times as many rows as there are, up to which gaps are filled


@dataclass(frozen=True)
class Grid:
    """A regular grid of times, periods or numbers.

    Attributes
    ----------
    kind : str
        What the entries are, see :func:`grukit.data.times.kind_of`.
    step : object
        From an entry to the next: a pandas offset of times and durations, 1 of periods, a number of numbers.
    """

    kind: str
    step: Any

    @classmethod
    def of(cls, times: pd.Index, where: str = "", what: str = "y") -> "Grid":
        """The grid of an index that is in order.

        Raises
        ------
        ValueError
            Where the entries tell no time, or are too few or too irregular to tell a step.
        """
        if time_kind(times) is None:
            raise ValueError(
                f"The index of {what}{where} holds {kind_of(times)}; it must hold times, periods or numbers. Parse it "
                "first, for instance with pd.to_datetime."
            )
        if isinstance(times, pd.PeriodIndex):
            return cls(kind_of(times), 1)
        step = frequency(times) if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex) else number_step(times)
        if step is None:
            raise ValueError(
                f"The step of the time index of {what}{where} cannot be told from {len(times)} rows"
                f"{'' if len(times) < 3 else ', which have none in common'}. Give it a frequency, with {what}.asfreq(...)."
            )
        return cls(kind_of(times), step)

    @property
    def name(self) -> str:
        """The step in words."""
        periods = self.kind.startswith("periods")
        return self.kind.split("'")[1] if periods else getattr(self.step, "freqstr", None) or str(self.step)

    @property
    def seconds(self) -> float | None:
        """Typical length of a step in seconds; None where the grid is not of times."""
        origin = pd.Timestamp("2001-01-01")
        if self.kind.startswith("periods"):
            period = pd.Period(origin, self.name)
            return ((period + 1).start_time - period.start_time).total_seconds()
        if not isinstance(self.step, pd.offsets.BaseOffset) or self.kind == "time deltas":
            return None
        first = self.step.rollforward(origin)
        return (first + self.step - first).total_seconds()

    @property
    def season(self) -> int:
        """Steps in the shortest usual season: a day, a week, or a year; 1 where there is none, or no whole number of them.

        A year is no whole number of weeks or days, and is rounded.
        """
        if self.name in ("B", "C"):  # business days
            return 5
        seconds = self.seconds
        if seconds is None:
            return 1
        if seconds < 27 * DAY:
            if seconds >= 6 * DAY:
                return round(YEAR / seconds)
            steps = (DAY if seconds < DAY else 7 * DAY) / seconds
            return int(steps) if steps.is_integer() else 1
        months = round(12 * seconds / YEAR)
        return 12 // months if 12 % months == 0 else 1

    def equal(self, times: pd.Index, wanted: pd.Index) -> np.ndarray:
        """Which entries are equal, floats up to rounding."""
        return equal_times(times, wanted, self.step)

    def stamps(self, first: Any, n: int) -> pd.Index:
        """The n entries from ``first`` on."""
        if isinstance(first, pd.Period):
            return pd.period_range(first, periods=n, freq=first.freq)
        if isinstance(first, pd.Timestamp):
            return stamps_from(first, n, self.step).as_unit(first.unit)
        if isinstance(first, pd.Timedelta):
            return pd.timedelta_range(first, periods=n, freq=self.step).as_unit(first.unit)
        if isinstance(first, int) and isinstance(self.step, int):
            return pd.RangeIndex(first, first + n * self.step, self.step)
        return pd.Index(first + self.step * np.arange(n))

    def ahead(self, last: Any, n: int) -> pd.Index:
        """The n entries after ``last``."""
        return self.stamps(last, n + 1)[1:]

    def steps(self, times: pd.Index) -> np.ndarray:
        """The step of the grid that each entry of an index in order lies in; the first one lies in step 0."""
        if isinstance(times, pd.PeriodIndex):
            step: Any = times.freq
            return np.asarray((times.asi8 - times.asi8[0]) // step.n)
        if isinstance(times, pd.DatetimeIndex) and by_calendar(self.step):
            n = 2
            while (whole := self.stamps(times[0], n))[-1] < times[-1]:
                n *= 2
            return np.asarray(whole.searchsorted(times, side="right")) - 1
        if isinstance(times, pd.DatetimeIndex | pd.TimedeltaIndex):
            passed: Any = times - times[0]
            return np.asarray(passed // pd.Timedelta(self.step))
        since = times.to_numpy() - times.to_numpy()[0]
        return np.floor(since / self.step + 1e-6).astype(np.int64)

    def on(self, times: pd.Index, where: str, fill: bool, what: str = "y") -> pd.Index:
        """The whole grid from the first entry of an index in order to its last.

        Parameters
        ----------
        times : Index
            Entries.
        where : str
            Of which series, for messages.
        fill : bool
            Whether entries may be missing.
        what : str, default="y"
            Its name, for messages.

        Raises
        ------
        ValueError
            Naming the first entry that does not lie on the grid, or, unless they are filled, the first that is missing.
        """
        if kind_of(times) != self.kind:
            raise ValueError(
                f"The index of {what}{where} holds {kind_of(times)}; the model was fitted with {self.kind}."
            )
        first = times[:1].tolist()[0]
        wanted = self.stamps(first, len(times))
        same = equal_times(times, wanted, self.step)
        if same.all():
            return times if isinstance(self.step, float) else wanted  # floats as they are, not as they are added up
        if fill:
            return self._filled(times, wanted, where, what)
        row = int(np.argmin(same))
        if row and times[row] > wanted[row]:
            self._filled(times, wanted, where, what)  # says so where what comes later does not lie on the grid, either
            raise ValueError(
                f"The time index of {what}{where} has a gap: after {times[row - 1]} (row {row - 1}) comes {times[row]}; "
                f"{wanted[row]} is missing. {self._remedy(what)} Or use missing='mask'."
            )
        raise ValueError(self._irregular(times, row, where, what))

    def _remedy(self, what: str) -> str:
        if "time" in self.kind and "delta" not in self.kind:
            return f"Fill it first, for instance with {what}.asfreq({self.name!r}).interpolate()."
        return f"Fill it first, for instance with {what}.reindex(...).interpolate()."

    def _irregular(self, times: pd.Index, row: int, where: str, what: str) -> str:
        return (
            f"The time index of {what}{where} is not regular: {times[row]} (row {row}) does not lie on the grid of step "
            f"{self.name} that begins at {times[0]}. Bring it onto one first, for instance with "
            f"{what}.resample(...).mean() or {what}.asfreq(...)."
            + (f" If it has one value a month, with {what}.to_period('M')." if _on_one_day(times) else "")
        )

    def _filled(self, times: pd.Index, wanted: pd.Index, where: str, what: str) -> pd.Index:
        last, n = times[-1], len(times)
        while (
            wanted[-1] < last and not self.equal(wanted[-1:], times[-1:])[0]
        ):  # the grid is not of one length, so it is walked
            n *= 2
            if n > MOST_HOLES * (len(times) + STRETCH):
                raise ValueError(
                    f"The time index of {what}{where} has {len(times)} rows from {times[0]} to {last}, with steps of "
                    f"{self.name}: most of them are missing. Resample {what} to a longer step."
                )
            wanted = self.stamps(wanted[:1].tolist()[0], n)
        end = last + 0.5 * self.step if isinstance(self.step, float) else last
        whole = wanted[: int(wanted.searchsorted(end, side="right"))]
        found = rows_at(whole, times)
        if (found < 0).any():
            raise ValueError(self._irregular(times, int(np.argmax(found < 0)), where, what))
        if not isinstance(self.step, float):
            return whole
        exact = whole.to_numpy(dtype=np.float64, copy=True)
        exact[found] = times
        return pd.Index(exact, name=times.name)


def _on_one_day(times: pd.Index) -> bool:
    """Whether all are of one day of the month, as values of whole months may be."""
    return isinstance(times, pd.DatetimeIndex) and len(times) > 2 and bool((times.day == times.day[0]).all())
