"""Standardising, with figures from the training part alone."""

from dataclasses import dataclass, replace

import numpy as np

from grukit.data.links import mean_of


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
        mean, scale = np.empty(values.shape[1]), np.empty(values.shape[1])
        for d in range(values.shape[1]):  # a column at a time: no float64 copy of the whole table
            # Numbers below 1, by a power of two so that nothing is rounded: squares of huge or tiny ones stay in range.
            column, counts = values[:, d].astype(np.float64), weights
            gone = np.isnan(column)
            if gone.any():
                column, counts = column[~gone], None if weights is None else weights[~gone]
            if len(column) == 0:
                mean[d], scale[d] = 0.0, 1.0
                continue
            power = np.frexp(np.abs(column).max())[1]
            column = np.ldexp(column, -power)
            center = np.average(column, weights=counts)
            variance = np.average((column - center) ** 2, weights=counts)
            # Rounding makes the spread of a constant column a little more than nothing.
            constant = variance <= (8 * np.finfo(float).eps * abs(center)) ** 2
            mean[d] = np.ldexp(center, power)
            scale[d] = 1.0 if constant else np.ldexp(np.sqrt(variance), power)
        return cls(mean, scale)

    def with_constants(self, targets: np.ndarray) -> "Scaler":
        """The same, but columns of ``targets`` (n, K) that never vary are predicted to be what they are.

        Whatever the network gives for them is multiplied by the scale 0.
        """
        mean, scale = self.mean.copy(), self.scale.copy()
        for k, column in enumerate(targets.T):
            low, high = np.nanmin(column), np.nanmax(column)
            if low == high and self.link in ("identity", "log"):
                with np.errstate(divide="ignore"):  # of the logarithm of 0, whose exponential is 0 again
                    mean[k], scale[k] = (np.log(low) if self.link == "log" else low), 0.0
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
        out = np.empty(values.shape, dtype)
        for d in range(values.shape[1]):
            out[:, d] = (values[:, d] - self.mean[d]) / (self.scale[d] or 1.0)
        return out

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """From the network's outputs (..., D) to the columns' own scale, or to probabilities; float64."""
        return mean_of(values * self.scale + self.mean, self.link)

    def derivative(self, values: np.ndarray) -> np.ndarray:
        """Derivative of :meth:`inverse` at the outputs (..., D); of log odds and logits, of themselves. Float64."""
        return self.inverse(values) * self.scale if self.link == "log" else np.full(values.shape, self.scale)
