"""Entries of time indexes that are the same, floats up to rounding."""

from typing import Any

import numpy as np
import pandas as pd


def equal_times(times: pd.Index, wanted: pd.Index, step: Any) -> np.ndarray:
    """Which entries are equal, floats up to rounding."""
    if isinstance(step, float):
        a, b = (each.to_numpy(dtype=np.float64) for each in (times, wanted))
        return np.asarray(np.abs(a - b) <= 1e-6 * abs(step) + _rounding(times) + _rounding(wanted))
    return np.asarray(times == wanted)


def rows_at(index: pd.Index, times: pd.Index) -> np.ndarray:
    """The rows of an index in order that hold these times, floats up to rounding; -1 where there is none."""
    if "f" not in (getattr(index.dtype, "kind", ""), getattr(times.dtype, "kind", "")) or len(index) == 0:
        return np.asarray(index.get_indexer(times))
    own, asked = (pd.Index(each.to_numpy(dtype=np.float64)) for each in (index, times))
    steps = np.diff(own.to_numpy())
    near = 1e-6 * float(steps.min()) if len(steps) else 0.0
    return np.asarray(own.get_indexer(asked, method="nearest", tolerance=near + _rounding(index) + _rounding(times)))


def _rounding(numbers: pd.Index) -> float:
    """How far numbers of a type, or sums of them, may be from what was meant."""
    if len(numbers) == 0 or numbers.dtype.kind != "f":
        return 0.0
    return (
        4.0
        * float(np.finfo(np.dtype(str(numbers.dtype).lower())).eps)
        * max(abs(float(numbers[0])), abs(float(numbers[-1])))
    )
