"""History from before a table's first row: the training tail, or rows given with ``predict``."""

import warnings
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.frames import Table
from grukit.data.times import WITH_ZONE, WITHOUT_ZONE, Pace, kind_of


@dataclass(frozen=True)
class Tail:
    """The last rows of each training series, where its index ended and how it advanced.

    Attributes
    ----------
    rows : dict of series key -> ndarray of shape (c, D)
    paces : dict of series key -> Pace
    """

    rows: dict[tuple[Any, ...], np.ndarray]
    paces: dict[tuple[Any, ...], Pace]


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
    paces = {} if earlier is None else dict(earlier.paces)
    ends, own = pairwise(table.offsets), Pace.of_each(table.times, table.offsets)
    for key, pace, (first, last) in zip(table.keys, own, ends, strict=True):
        kept = table.values[max(first, last - window + 1) : last]
        before = (context or {}).get(key)
        if before is not None:
            kept = np.concatenate([before, kept])[-(window - 1) :] if window > 1 else kept
            if earlier is not None:  # it went on at the pace it had, which a short frame alone may not show
                pace = replace(earlier.paces[key], last=pace.last)
        rows[key], paces[key] = kept.copy(), pace
    return Tail(rows, paces)


def continuation(tail: Tail | None, table: Table, window: int) -> dict[tuple[Any, ...], np.ndarray]:
    """Context of the series that go on where the training series of the same name ended.

    Raises
    ------
    ValueError
        Where one of both indexes has a time zone and the other has none.

    Warns
    -----
    UserWarning
        Where a series of the same name starts so soon after training that windows would reach back there, but rows are
        missing between, or the index does not show that none are.
    """
    if tail is None or table.times is None or window == 1:
        return {}
    context, reasons = {}, []
    known, given = len(next(iter(tail.paces))), len(table.keys[0])
    if known != given and _any_goes_on(tail, table, window):
        reasons.append(
            f"its index has {_levels(given)} and that of fit had {_levels(known)}, so none of its series is known; keep the "
            "levels that name the series, as X.loc[[name]] does"
        )
    starts = _starts_of(table)
    for key, first_two in zip(table.keys, starts, strict=True):
        pace = tail.paces.get(key)
        if pace is None:
            continue
        found = _goes_on(pace, first_two, table.times, window)
        if found is True:
            context[key] = tail.rows[key]
        elif found:
            reasons.append(found + (f" (series {'/'.join(map(str, key))})" if key else ""))
    if reasons:
        others = f" {len(reasons) - 1} more series are like that." if len(reasons) > 1 else ""
        warnings.warn(
            f"The first rows of X have no history from before X: {reasons[0]}.{others} Give the earlier rows as context=, or "
            "context=None where there are none.",
            stacklevel=2,
        )
    return context


def _levels(n_names: int) -> str:
    return f"{n_names + 1} levels" if n_names else "1 level"


def _any_goes_on(tail: Tail, table: Table, window: int) -> bool:
    """Whether a series of X starts where windows would reach back to the end of a series of training, whatever its name."""
    assert table.times is not None
    ends = list({pace.last: pace for pace in tail.paces.values()}.values())
    return any(_goes_on(pace, first_two, table.times, window) for first_two in _starts_of(table) for pace in ends)


def _starts_of(table: Table) -> list[list[Any]]:
    """The first two times of each series, or its only one."""
    assert table.times is not None
    first, alone = table.offsets[:-1], np.diff(table.offsets) == 1
    second = np.minimum(first + 1, len(table.times) - 1)
    two = zip(table.times[first].tolist(), table.times[second].tolist(), alone.tolist(), strict=True)
    return [[a] if only else [a, b] for a, b, only in two]


def _goes_on(pace: Pace, first_two: list[Any], times: pd.Index, window: int) -> bool | str:
    """Whether a series goes on where training ended; a reason where it might, but is not taken to.

    Of a series' ``first_two`` entries, of ``times`` all are of one kind.
    """
    kind = kind_of(times)
    if {kind, pace.kind} == {WITH_ZONE, WITHOUT_ZONE}:
        raise ValueError(
            f"X's index holds {kind}, the first {first_two[0]}; that of fit held {pace.kind}, the last {pace.last}. Use "
            "tz_localize, so that both have a time zone, or none."
        )
    if kind != pace.kind:
        return f"its index holds {kind} and that of fit held {pace.kind}"
    first, *second = first_two
    if not (_comparable(first, pace.last) and first > pace.last):
        return False
    if pace.follows([first, *second]):
        return True
    between = f"X starts at {first} and training ended at {pace.last}"
    if pace.typical is None:
        return f"{between}, and it cannot be told whether that is the next step, from {pace.unclear}"
    steps = pace.steps_to(first)
    return f"{between}, {steps:.3g} steps before" if steps <= window else False


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
    context, starts = {}, dict(zip(table.keys, _entries(table.times, table.offsets[:-1]), strict=True))
    if not set(history.keys) & starts.keys():
        raise ValueError(f"context holds the series {history.keys[:5]}; X holds {table.keys[:5]}. None is in both.")
    ends = _entries(history.times, history.offsets[1:] - 1)
    for key, end, (first, last) in zip(history.keys, ends, pairwise(history.offsets), strict=True):
        if key not in starts:
            continue
        start = starts[key]
        if history.times is not None and table.times is not None:
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


def _entries(times: pd.Index | None, rows: np.ndarray) -> list[Any]:
    """The times of some rows; nothing where there is no index."""
    return [None] * len(rows) if times is None else times[rows].tolist()
