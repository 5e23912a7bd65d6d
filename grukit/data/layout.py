"""What a forecaster's rows hold, and how far it looks."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Layout:
    """What a forecaster's rows hold and how far it looks.

    Attributes
    ----------
    window, horizon : int
        W rows that a window holds at most, and H steps ahead.
    n_past, n_known, n_calendar : int
        Covariates known up to the origin, known ahead, and of the calendar and of series, which are known at any row.
    n_joint : int
        Series that one window holds: one, or all.
    segment : int
        Rows that the network reads as one step.
    decodes : bool
        Whether a decoder reads what is known ahead.
    embedded : tuple of int
        Of each category that is embedded, a column after those of the calendar and of series: the numbers that it becomes.
    """

    window: int
    horizon: int
    n_past: int = 0
    n_known: int = 0
    n_calendar: int = 0
    n_joint: int = 1
    segment: int = 1
    decodes: bool = False
    embedded: tuple[int, ...] = ()

    @cached_property
    def leads(self) -> tuple[int, ...]:
        """Steps ahead at which a row of a window also holds what is known ahead.

        A window of W rows shows a column from W - 1 rows before its lead up to it. So the leads H, H - W, ... show the whole
        horizon. A decoder that takes a step after another reads it itself; of segments that are decoded at once, none reads
        what is known at another.
        """
        reads = self.decodes and self.segment == 1
        return tuple(range(self.horizon, 0, -self.window)) if self.n_known and not reads else ()

    @property
    def embedded_columns(self) -> slice:
        """Where the numbers of categories lie in what windows are cut from."""
        first = self.n_joint + self.n_past + self.n_known + self.n_calendar
        return slice(first, first + sum(self.embedded))
