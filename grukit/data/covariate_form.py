"""What covariates there are, in the order of their columns."""

from dataclasses import dataclass
from typing import Any

from grukit.data.static import StaticColumn


@dataclass(frozen=True)
class CovariateForm:
    """Columns of covariates known up to the origin and ahead, fields of the calendar, and what is known of each series."""

    past: list[Any]
    known: list[Any]
    calendar: tuple[str, ...]
    static: tuple[StaticColumn, ...] = ()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Columns of those known up to the origin, ahead, and at any row; a field has two of these, its sine and cosine.

        The last columns, of which each is :attr:`embedded`, are none of these.
        """
        return len(self.past), len(self.known), 2 * len(self.calendar) + self.n_static - len(self.embedded)

    @property
    def n_static(self) -> int:
        """Columns that are constants of each series, the last ones."""
        return sum(column.n_columns for column in self.static)

    @property
    def embedded(self) -> tuple[StaticColumn, ...]:
        """Those whose categories are numbers that the network learns; here each is a column of the categories' places."""
        return tuple(column for column in self.static if column.width)

    @property
    def columns(self) -> list[Any]:
        """Names of all."""
        return [
            *self.past,
            *self.known,
            *(f"{part} of {field}" for field in self.calendar for part in ("sine", "cosine")),
            *(name for column in self.static for name in column.names),
        ]
