"""The step of a time index that tells none itself."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from grukit.data.clock import inferred
from grukit.data.times import SECONDS

STRETCH = 8  # rows of which the step is inferred where the whole index has gaps: a week of days, and one more
MOST_STRETCHES = 200


def number_step(times: pd.Index) -> Any:
    """The step of numbers, as most of them or as the middle one has it; None of fewer than two."""
    if isinstance(times, pd.RangeIndex):
        return int(times.step)
    if len(times) < 2:
        return None
    numbers = times.to_numpy()
    if numbers.dtype.kind in "iu":
        return Counter(np.diff(numbers).tolist()).most_common(1)[0][0]
    numbers = numbers.astype(np.float64)
    span, usual = float(numbers[-1] - numbers[0]), float(np.median(np.diff(numbers)))
    return span / max(1, round(span / usual))  # as many steps as there are, so that rounding does not add up


def frequency(times: Any) -> Any:
    """The offset of an index of times: its own, or inferred from all of it, or from stretches of it."""
    if times.freq is not None or len(times) < 3:
        return times.freq
    found = inferred(times)
    if found is None:
        firsts = np.unique(np.linspace(0, max(len(times) - STRETCH, 0), MOST_STRETCHES).astype(int))
        each = [inferred(times[first : first + STRETCH]) for first in firsts]
        counts = Counter(step for step in each if step is not None)
        found = counts.most_common(1)[0][0] if counts else None
    if found is not None:
        return found
    gaps, n = np.unique(np.diff(times.asi8), return_counts=True)
    if n.max() < 2:
        return None
    return to_offset(pd.Timedelta(seconds=float(gaps[np.argmax(n)]) * SECONDS[times.unit]))
