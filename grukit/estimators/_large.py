"""Large tables: measured and standardised in compiled passes, or not copied at all."""

from contextlib import suppress
from typing import Any

import numpy as np

from grukit.data import Scaler, long_array
from grukit.engines import select_engine

# Numbers from which a table is large: predictions then scale its numbers as they gather them, by a kernel of its own that
# takes seconds to be compiled, once.
MANY = 2**21
# From which compiled passes, a tenth of a second to be compiled, gain a millisecond and more. Of fewer columns NumPy adds up
# faster: 400,000 numbers in 1, 3 and 8 columns are measured in 2.3, 0.8 and 0.4 ms, and by NumPy in 0.7, 0.9 and 1.2.
SOME, FEW_COLUMNS = 2**18, 3
# Variances that squares of float64 hold; a column that never varies is left to Scaler.fit, which tells it from a tiny one.
LEAST, MOST = 1e-280, 1e280


def measure(values: np.ndarray, weights: np.ndarray | None) -> Scaler:
    """``Scaler.fit``, of 25 million numbers in 9 ms instead of 80 where none is missing and all count alike."""
    alike = weights is None or bool((weights == weights[0]).all())
    if not alike or values.size < SOME or values.shape[1] < FEW_COLUMNS:
        return Scaler.fit(values, weights)
    mean, variance = np.empty(values.shape[1]), np.empty(values.shape[1])
    select_engine("cpu").kernels.column_moments(as_taken(values), mean, variance)
    if not ((variance > LEAST) & (variance < MOST)).all():  # nor is it where a value is missing
        return Scaler.fit(values, weights)
    return Scaler(mean, np.sqrt(variance))


def standardize(values: np.ndarray, scaler: Scaler, dtype: str) -> np.ndarray:
    """``scaler.transform``, the same bits; of many numbers in less than half the time."""
    if values.size < SOME or values.shape[1] < FEW_COLUMNS or scaler.link != "identity":
        return scaler.transform(values, dtype)
    out = long_array(values.shape, dtype)
    select_engine("cpu").kernels.standardize(as_taken(values), scaling_of(scaler), out)
    return out


def scaling_of(scaler: Scaler) -> Any:
    """What kernels are given to standardise by."""
    return select_engine("cpu").kernels.Scaling(scaler.mean.copy(), np.where(scaler.scale == 0, 1.0, scaler.scale))


def as_taken(values: np.ndarray) -> np.ndarray:
    """The table in the layout that kernels take, which only read it; a copy where it has another.

    An array that is read-only, as that of a frame is, would be of another type, for which they would be compiled anew.
    """
    if not values.flags.c_contiguous:
        taken = long_array(values.shape, values.dtype)
        taken[:] = values
        return taken
    if not values.flags.writeable:
        values = values.view()
        with suppress(ValueError):  # of memory that nobody may write to, as of bytes: that is copied
            values.flags.writeable = True
    return np.require(values, requirements=["C", "A", "W"])
