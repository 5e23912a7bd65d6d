"""Standardising, with figures from the training part alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from grukit.data.links import mean_of
from grukit.data.long_arrays import blocks_of_rows, long_array

# Numbers of a table that are taken at a time, in float64 within the second cache. By columns instead, of a wide table every
# number reads a line of memory: 98 MB of 500 columns took 355 ms to scale, not 85.
BLOCK = 16384
WIDE = 64  # columns from which rows are long enough to be summed one to another
LONG = 512  # numbers of rows that are taken as one where none is added to another: of 8 columns in 0.55 of the time
LEAST_POWER = -1000  # its inverse is a number yet


@dataclass(frozen=True)
class Scaler:
    """Column-wise (x - mean) / scale.

    Attributes
    ----------
    mean, scale : ndarray of shape (D,), float64
        Mean and standard deviation (population form); a constant column has the scale 1, or 0 where it is a target that was
        never seen to vary, see :meth:`with_constants`.
    link : str
        For targets: what the network predicts of them, see :mod:`grukit.data.links`.
    """

    mean: np.ndarray
    scale: np.ndarray
    link: str = "identity"

    @classmethod
    def identity(cls, n_columns: int, link: str = "identity") -> "Scaler":
        """Change nothing but what the link asks for."""
        return cls(np.zeros(n_columns), np.ones(n_columns), link)

    @classmethod
    def fit(cls, values: np.ndarray, weights: np.ndarray | None = None) -> "Scaler":
        """Measure the columns of ``values`` (n, D), each row counted ``weights`` (n,) times; missing values not at all."""
        most = _magnitudes(values)
        # Numbers below 1, by powers of two so that nothing is rounded: squares of huge or tiny ones stay in range.
        power = np.maximum(np.frexp(np.where(np.isnan(most), 1.0, most))[1], LEAST_POWER)
        factor, gaps, D = np.ldexp(1.0, -power), bool(np.isnan(values.sum())), values.shape[1]
        total, sums, squares = np.zeros(D), np.zeros(D), np.zeros(D)
        for block, weight in _blocks(values, weights):
            if gaps:
                total += _weighted(~np.isnan(block), weight)
            block *= factor
            sums += _weighted(np.nan_to_num(block, copy=False) if gaps else block, weight)
        if not gaps:
            total[:] = len(values) if weights is None else weights.sum()
        center = np.divide(sums, total, out=np.zeros(D), where=total > 0)
        for block, weight in _blocks(values, weights):
            block *= factor
            block -= center
            block *= block
            squares += _weighted(np.nan_to_num(block, copy=False) if gaps else block, weight)
        variance = np.divide(squares, total, out=np.zeros(D), where=total > 0)
        # Rounding makes the spread of a constant column a little more than nothing.
        constant = variance <= (8 * np.finfo(float).eps * np.abs(center)) ** 2
        return cls(np.ldexp(center, power), np.where(constant, 1.0, np.ldexp(np.sqrt(variance), power)))

    def with_constants(self, targets: np.ndarray) -> "Scaler":
        """The same, but columns of ``targets`` (n, K) that never vary are predicted to be what they are.

        Whatever the network gives for them is multiplied by the scale 0.
        """
        if self.link not in ("identity", "log"):
            return self
        first, last = targets[0], targets[-1]
        alike = np.flatnonzero((first == last) | np.isnan(first) | np.isnan(last))  # no others can be constant
        low, high = np.fmin.reduce(targets[:, alike], axis=0), np.fmax.reduce(targets[:, alike], axis=0)
        constant = low == high
        with np.errstate(divide="ignore"):  # of the logarithm of 0, whose exponential is 0 again
            value = np.log(low[constant]) if self.link == "log" else low[constant]
        mean, scale = self.mean.copy(), self.scale.copy()
        mean[alike[constant]], scale[alike[constant]] = value, 0.0
        return replace(self, mean=mean, scale=scale)

    def without_constants(self, targets: np.ndarray) -> "Scaler":
        """The same, but columns that never varied before and do in ``targets`` (n, K) are predicted by the network again."""
        mean, scale = self.mean.copy(), self.scale.copy()
        for k, column in enumerate(targets.T):
            if scale[k] == 0 and not (mean_of(mean[k], self.link) == column[~np.isnan(column)]).all():
                mean[k], scale[k] = (0.0 if self.link == "log" else mean[k]), 1.0
        return replace(self, mean=mean, scale=scale)

    def transform(self, values: np.ndarray, dtype: str) -> np.ndarray:
        """Standardised copy (n, D) of type ``dtype``, C-contiguous; of targets with another link than the identity a copy."""
        if self.link != "identity":
            return np.array(values, dtype, order="C")
        (n, D), out, scale = values.shape, long_array(values.shape, dtype), np.where(self.scale == 0, 1.0, self.scale)
        together = max(1, LONG // D) if 1 < D < WIDE and values.flags.c_contiguous else 1
        whole = n // together * together if together > 1 else 0
        if whole:  # as fewer and longer rows, none of whose numbers moves
            shape = -1, together * D
            figures = np.tile(self.mean, together), np.tile(scale, together)
            _standardize(values[:whole].reshape(shape), *figures, out[:whole].reshape(shape))
        _standardize(values[whole:], self.mean, scale, out[whole:])
        return out

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """From the network's outputs (..., D), of any type, to the columns' own scale, or to probabilities; float64."""
        columns = np.empty(values.shape)
        rows, out = (each.reshape(-1, values.shape[-1]) for each in (values, columns))
        for block in blocks_of_rows(out):  # in the cache, and in place: of 1,024 x 700 outputs another array takes 2 ms
            own = out[block]
            own[...] = rows[block]
            own *= self.scale
            own += self.mean
        return mean_of(columns, self.link)

    def derivative(self, values: np.ndarray) -> np.ndarray:
        """Derivative of :meth:`inverse` at the outputs (..., D); of log odds and logits, of themselves. Float64."""
        return self.inverse(values) * self.scale if self.link == "log" else np.full(values.shape, self.scale)


def _standardize(values: np.ndarray, mean: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    first = 0
    for block, _ in _blocks(values):
        block -= mean
        block /= scale
        out[first : first + len(block)] = block
        first += len(block)


def _magnitudes(values: np.ndarray) -> np.ndarray:
    """The largest magnitude (D,), float64, of each column of ``values`` (n, D); NaN where a column has only missing values."""
    most = np.full(values.shape[1], np.nan)
    for block, _ in _blocks(values):
        most = np.fmax(most, np.fmax.reduce(np.abs(block, out=block), axis=0))
    return most


def _blocks(values: np.ndarray, weights: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Rows of values (n, D) in float64, a block at a time in the same memory, and their weights."""
    n, D = values.shape
    rows = max(1, BLOCK // max(D, 1))
    memory = np.empty((min(rows, n), D), order="F" if D < WIDE else "C")
    for first in range(0, n, rows):
        own = values[first : first + rows]
        block = memory[: len(own)]
        block[...] = own
        yield block, None if weights is None else weights[first : first + rows, None]


def _weighted(block: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Sums of the columns."""
    return (block if weight is None else block * weight).sum(axis=0)
