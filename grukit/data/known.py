"""What is known of series: the rows that were kept, and those that are given later, with or without what came before."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.cutting import rows_between
from grukit.data.grid import Grid
from grukit.data.observed import Observed
from grukit.data.series import where_of


def rows_after(given: Observed, kept: Observed) -> Observed:
    """The rows that come after the ends of the series that are ``kept``, and all of series that are not among these."""
    ends = dict(zip(kept.series.keys, kept.series.ends, strict=True))
    first = np.zeros(len(given.series), dtype=int)
    for s, (key, times) in enumerate(zip(given.series.keys, given.series.times, strict=True)):
        first[s] = _count_up_to(times, ends[key], kept.series.grid) if key in ends else 0
    return rows_between(given, first, given.series.lengths)


def all_known(given: Observed, kept: Observed) -> Observed:
    """The rows that are given, after those of the ``kept`` ones that come before them.

    Raises
    ------
    ValueError
        Where rows that are in both differ, or those given end before the others, naming the first stamp.
    """
    own = dict(zip(given.series.keys, range(len(given.series)), strict=True))
    last = kept.series.lengths.copy()
    for s, key in enumerate(kept.series.keys):
        if key in own:
            last[s] = _before(given, own[key], kept, s)
    given = replace(given, series=replace(given.series, form=kept.series.form))
    before = rows_between(kept, np.zeros(len(last), dtype=int), last)
    return before.followed_by(given, int(last.max() + given.series.lengths.max())) if len(before.series) else given


def _before(given: Observed, g: int, kept: Observed, s: int) -> int:
    """Rows of series s of those kept that come before those given of the same, its number there being g."""
    series, grid, key = kept.series, kept.series.grid, kept.series.keys[s]
    times, values = series.times[s], series.values[series.offsets[s] : series.offsets[s + 1]]
    new, own = given.series.times[g], given.series.values[given.series.offsets[g] : given.series.offsets[g + 1]]
    end = times[-1:].tolist()[0]
    n_old = _count_up_to(new, end, grid)
    if n_old == 0:
        return len(times)
    if not grid.equal(new[n_old - 1 : n_old], times[-1:])[0]:
        raise ValueError(
            f"y ends at {new[n_old - 1]}{where_of(key)}, but the series at {end}: with its history y goes on to there at "
            "least."
        )
    both = min(n_old, len(times))
    was, now = values[len(times) - both :], own[n_old - both : n_old]
    differ = ~((was == now) | (np.isnan(was) & np.isnan(now)))
    if differ.any():
        at = int(np.argmax(differ))
        raise ValueError(
            f"y{where_of(key)} is {now[at]:g} at {new[n_old - both + at]}, but the model knows {was[at]:g} there. Give rows "
            "as they were, or those after them alone; to learn from other values, use fit with warm_start=True."
        )
    return len(times) - both


def _count_up_to(times: pd.Index, end: Any, grid: Grid) -> int:
    """Entries of an index in order that are not after ``end``."""
    return int(times.searchsorted(end + 0.5 * grid.step if isinstance(grid.step, float) else end, side="right"))
