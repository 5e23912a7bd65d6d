"""A linear map of the last rows of a sample: fitted in closed form, applied by index, without a table of lags."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grukit.data.lag_table import ends_of, fill, scaled_rows
from grukit.data.long_arrays import blocks_of_rows, long_array, rows_of
from grukit.data.parts_in_time import blocks_of
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.sequences import Sequences

FEW = 2**17  # terms of sums that are held at once: 256 lags of one window take 0.05 ms so, 1 ms one by one
BLOCK = 4096  # samples whose lags are held at a time


@dataclass(frozen=True)
class LinearLags:
    """y = intercept + the sum over lags k and columns d of coef[k, d] (x[t - k, d] - mean[d]).

    Missing values count as the mean.

    Attributes
    ----------
    coef : ndarray of shape (L, D, K), float64
        In the units of y and of x.
    intercept : ndarray of shape (K,), float64
    mean : ndarray of shape (D,), float64
    first_before : bool
        Rows from before the first one count as that, else as the mean.
    """

    coef: np.ndarray
    intercept: np.ndarray
    mean: np.ndarray
    first_before: bool = False

    def predict(self, sequences: Sequences, per_step: bool) -> np.ndarray:
        """Values (n, K) after the last row of each sample, or (N, K) after every step of all, float64."""
        L, D = self.coef.shape[:2]
        columns = long_array((D, len(sequences.values)), np.float64)
        for block in blocks_of_rows(sequences.values):
            centred = sequences.values[block, :D] - self.mean
            centred[np.isnan(centred)] = 0.0
            columns[:, block] = centred.T
        rows, history = ends_of(sequences, per_step)
        if len(rows) * self.coef.size <= FEW:
            return self._of_few(columns, rows, history)
        out = long_array((len(self.intercept), len(rows)), np.float64)
        out[:] = self.intercept[:, None]
        for first in range(0, len(rows), BLOCK):
            block = slice(first, first + BLOCK)
            for k in range(L if self.first_before else min(L, int(history[block].max(initial=0)))):
                lagged = self._lagged(columns, rows[block], history[block], k)
                # Not a matrix product: a BLAS rounds a row by how many others there are. A predictor sums in this order.
                for d in range(D):
                    out[:, block] += self.coef[k, d, :, None] * lagged[d]
        return np.ascontiguousarray(out.T)

    def _of_few(self, columns: np.ndarray, rows: np.ndarray, history: np.ndarray) -> np.ndarray:
        """The same sums, term by term in the same order, all at once."""
        L, D, K = self.coef.shape
        lagged = self._lagged(columns, rows, history, np.arange(L)[:, None])  # (D, L, n)
        terms = np.empty((1 + L * D, K, len(rows)))
        terms[0] = self.intercept[:, None]
        products = self.coef[:, :, :, None] * lagged.transpose(1, 0, 2)[:, :, None]
        terms[1:] = products.reshape(L * D, K, len(rows))
        return np.ascontiguousarray(np.add.accumulate(terms, axis=0)[-1].T)

    def _lagged(self, columns: np.ndarray, rows: np.ndarray, history: np.ndarray, k: Any) -> np.ndarray:
        """Rows of centred columns (D, N) that lie k before those given, each with so much history."""
        if self.first_before:
            return columns[:, rows - np.minimum(k, history - 1)]
        return columns[:, np.maximum(rows - k, 0)] * (history > k)


def left_by(linear: LinearLags | None, samples: Samples, link: str) -> Samples:
    """The samples with what a linear map leaves to the network.

    Where the outputs are the predictions, that is a part of the targets; under another link the targets stay what they are,
    and the map's values are the samples' offsets.
    """
    if linear is None:
        return samples
    predicted = linear.predict(samples.sequences, samples.per_step)
    if samples.per_step:
        at_steps = np.zeros((len(samples.targets), predicted.shape[1]))
        at_steps[ends_of(samples.sequences, True)[0]] = predicted
        predicted = at_steps
    if link == "identity":
        return replace(samples, targets=np.subtract(samples.targets, predicted, out=predicted))
    return replace(samples, offsets=predicted)


@dataclass(frozen=True)
class Moments:
    """Weighted second moments of lags and targets: all that least squares needs of the samples.

    Attributes
    ----------
    weight : float
        Sum of the weights.
    n : int
        Samples.
    lags : ndarray of shape (P + 1, P + 1)
        Of the P = L D standardised lags, lag by lag, and of a one.
    cross : ndarray of shape (P + 1, K)
        Of these with the targets.
    targets : ndarray of shape (K,)
        Mean squares of the targets. All three are means over the samples.
    """

    weight: float
    n: int
    lags: np.ndarray
    cross: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, samples: Samples, scaler: Scaler, center: np.ndarray, L: int, first_before: bool = False) -> "Moments":
        """Moments of all samples, see :meth:`of_blocks`."""
        return cls.of_blocks(samples, scaler, center, L, 1, first_before)[0]

    @classmethod
    def of_blocks(
        cls,
        samples: Samples,
        scaler: Scaler,
        center: np.ndarray,
        L: int,
        n_blocks: int,
        first_before: bool = False,
    ) -> list["Moments"]:
        """Moments of as many blocks of the samples, those of each series one after another in time.

        Parameters
        ----------
        samples : Samples
            A sample with a missing target is left out.
        scaler : Scaler
            Standardises the D columns.
        center : ndarray of shape (K,)
            What is subtracted from the targets.
        L : int
            Lags.
        n_blocks : int
            Blocks; those without a sample are left out.
        first_before : bool, default=False
            Whether rows from before the first one count as that, else as the mean.
        """
        scaled = scaled_rows(samples, scaler)
        rows, history = ends_of(samples.sequences, samples.per_step)
        targets, weights = samples.targets_seen()
        block_of = blocks_of(samples, n_blocks)
        kept = ~np.isnan(targets).any(axis=1) & (weights > 0)
        found = []
        for block in range(n_blocks):
            chosen = np.flatnonzero(kept & (block_of == block))
            if len(chosen):
                own = rows_of(rows, chosen), rows_of(history, chosen), rows_of(targets, chosen)
                found.append(cls._of_rows(scaled, *own, rows_of(weights, chosen), center, L, first_before))
        return found

    @classmethod
    def _of_rows(
        cls,
        scaled: np.ndarray,
        rows: np.ndarray,
        history: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        center: np.ndarray,
        L: int,
        first_before: bool,
    ) -> "Moments":
        targets -= center  # a copy, of those chosen
        D, K = scaled.shape[1], targets.shape[1]
        P = L * D
        lags, cross = np.zeros((P + 1, P + 1)), np.zeros((P + 1, K))
        for first in range(0, len(rows), BLOCK):
            block = slice(first, first + BLOCK)
            z = np.zeros((len(rows[block]), P + 1))
            z[:, P] = 1.0
            fill(z, scaled, rows[block], history[block], L, first_before)
            weighted = z * weights[block, None]
            lags += weighted.T @ z
            cross += weighted.T @ targets[block]
        total = float(weights.sum())
        targets *= targets
        return cls(total, len(rows), lags / total, cross / total, weights @ targets / total)

    @classmethod
    def sum(cls, parts: list["Moments"]) -> "Moments":
        """Moments of the samples of all parts."""
        total = sum(part.weight for part in parts)
        shares = [part.weight / total for part in parts]
        means = (
            sum(share * getattr(part, name) for share, part in zip(shares, parts, strict=True))
            for name in ("lags", "cross", "targets")
        )
        return cls(total, sum(part.n for part in parts), *means)

    def take(self, outputs: np.ndarray) -> "Moments":
        """Moments with the chosen targets alone."""
        return replace(self, cross=self.cross[:, outputs], targets=self.targets[outputs])

    def of_lags(self, chosen: np.ndarray) -> "Moments":
        """Moments with the chosen (P,) lags alone, and the one."""
        kept = np.flatnonzero(np.append(chosen, True))
        return replace(self, lags=self.lags[np.ix_(kept, kept)], cross=self.cross[kept])

    def products_of_errors(self, coefs: list[np.ndarray]) -> np.ndarray:
        """Means (K, F, F) of the products of the errors of F coefficients (P + 1, K)."""
        explained = [self.cross - self.lags @ coef for coef in coefs]
        own = [(coef * self.cross).sum(axis=0) for coef in coefs]
        rows = [
            [self.targets - own[f] - (coefs[g] * explained[f]).sum(axis=0) for g in range(len(coefs))]
            for f in range(len(coefs))
        ]
        return np.array(rows).transpose(2, 0, 1)

    def loss(self, coef: np.ndarray) -> np.ndarray:
        """Mean squared errors (..., K) of coefficients (..., P + 1, K)."""
        explained = (coef * (2 * self.cross - self.lags @ coef)).sum(axis=-2)
        return np.maximum(self.targets - explained, 0.0)

    def variance(self, coef: np.ndarray) -> np.ndarray:
        """Variances (K,) of the errors of coefficients (P + 1, K)."""
        return np.maximum(self.loss(coef) - (self.cross[-1] - self.lags[-1] @ coef) ** 2, 0.0)
