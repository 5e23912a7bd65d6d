"""Logistic regression on given directions: samples, the directions they vary in, and coefficients of least penalised loss."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from grukit.data.lag_table import lagged
from grukit.data.links import RAREST, outputs_of
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.stacking import Basis

LEAST_VARIANCE = 1e-12  # of a direction, as a share of the largest one's
CORRECTIONS, MOST_STEPS = 20, 300  # of L-BFGS


class Lagged(NamedTuple):
    """Samples as logistic regression takes them."""

    lags: np.ndarray  # (n, P) standardised, lag by lag
    targets: np.ndarray  # (n, K) zeros and ones, one in a row under a softmax
    shares: np.ndarray  # (n,) of the weights, one in sum

    @classmethod
    def of(cls, samples: Samples, scaler: Scaler, n_lags: int, n_outputs: int, link: str) -> "Lagged":
        """All samples, or all of their steps."""
        targets, weights = samples.targets_seen()
        if link == "softmax":
            targets = np.eye(n_outputs)[targets[:, 0].astype(np.int64)]
        return cls(lagged(samples, scaler, n_lags), targets, weights / weights.sum())

    def take(self, rows: np.ndarray) -> "Lagged":
        """Some of the samples."""
        shares = self.shares[rows]
        return Lagged(self.lags[rows], self.targets[rows], shares / shares.sum())


class Form(NamedTuple):
    """Uncorrelated directions of lags, or of lags less the last row: what coefficients are penalised in."""

    basis: Basis
    mean: np.ndarray  # (P',) of the reduced lags
    vectors: np.ndarray  # (P', Q), orthonormal
    variances: np.ndarray  # (Q,)

    @classmethod
    def of(cls, given: Lagged, basis: Basis, D: int) -> "Form":
        """The directions in which samples vary."""
        reduced = basis.reduce(given.lags.T, D).T
        mean = given.shares @ reduced
        scaled = (reduced - mean) * np.sqrt(given.shares)[:, None]
        if len(scaled) <= scaled.shape[1]:
            _, sizes, rows = np.linalg.svd(scaled, full_matrices=False)
            variances, vectors = sizes**2, rows.T
        else:
            variances, vectors = np.linalg.eigh(scaled.T @ scaled)
        kept = variances > LEAST_VARIANCE * variances.max(initial=0.0)
        return cls(basis, mean, vectors[:, kept], variances[kept])

    def of_lags(self, given: Lagged, D: int) -> Lagged:
        """The samples, with coordinates (n, Q) in these directions instead of lags."""
        return given._replace(lags=(self.basis.reduce(given.lags.T, D).T - self.mean) @ self.vectors)

    def expand(self, coef: np.ndarray, P: int, D: int) -> np.ndarray:
        """Coefficients (P + 1, K) of standardised lags and of a one, of those (Q + 1, K) in these directions."""
        slopes = self.vectors @ coef[:-1]
        return np.vstack([self.basis.expand(slopes, P, D), coef[-1] - self.mean @ slopes])


def solve(given: Lagged, variances: np.ndarray, alpha: float, link: str, start: np.ndarray | None = None) -> np.ndarray:
    """Coefficients (Q + 1, K), the last the intercepts, of least mean loss plus ``alpha / 2`` times their squares.

    By L-BFGS, in coordinates in which the second derivatives are near one where classes are alike.

    Parameters
    ----------
    given : Lagged
        With coordinates (n, Q) in uncorrelated directions.
    variances : ndarray of shape (Q,)
        Theirs.
    alpha : float
        The penalty; intercepts have none.
    link : str
        See :mod:`grukit.data.links`.
    start : ndarray of shape (Q + 1, K), default=None
        Where to begin; None: at the shares of the classes.
    """
    Q, K = given.lags.shape[1], given.targets.shape[1]
    scale = np.append(1 / np.sqrt(variances / 4 + alpha), 2.0)[:, None]
    penalty = np.append(np.full(Q, alpha), 0.0)[:, None]
    begin = at_shares(given, link) if start is None else start

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coef = flat.reshape(Q + 1, K) * scale
        outputs = given.lags @ coef[:-1] + coef[-1]
        losses, means = _losses_and_means(outputs, given.targets, link)
        d_outputs = (means - given.targets) * given.shares[:, None]
        slope = np.vstack([given.lags.T @ d_outputs, d_outputs.sum(axis=0)]) + penalty * coef
        value = given.shares @ losses + (penalty * coef**2).sum() / 2
        return float(value), (slope * scale).ravel()

    options = {"maxiter": MOST_STEPS, "maxcor": CORRECTIONS, "ftol": 1e-10, "gtol": 1e-6}
    found = minimize(value_and_slope, (begin / scale).ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(Q + 1, K) * scale


def loss_of(given: Lagged, coef: np.ndarray, link: str) -> float:
    """Mean loss of coefficients (Q + 1, K)."""
    losses, _ = _losses_and_means(given.lags @ coef[:-1] + coef[-1], given.targets, link)
    return float(given.shares @ losses)


def _losses_and_means(outputs: np.ndarray, targets: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """Of outputs (n, K): cross entropies (n,), or sums of log losses over labels, and probabilities (n, K) of ones.

    ``scipy.special.logsumexp`` takes 0.1 ms a call, of a few hundred rows ten times what the rest of a step takes.
    """
    if link == "softmax":
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        powers = np.exp(shifted)
        total = powers.sum(axis=1, keepdims=True)
        return np.log(total[:, 0]) - (shifted * targets).sum(axis=1), powers / total
    return (np.logaddexp(0.0, outputs) - outputs * targets).sum(axis=1), expit(outputs)


def at_shares(given: Lagged, link: str) -> np.ndarray:
    """Coefficients (Q + 1, K) of the shares of the classes, or labels, alone."""
    coef = np.zeros((given.lags.shape[1] + 1, given.targets.shape[1]))
    coef[-1] = outputs_of(np.clip(given.shares @ given.targets, RAREST, 1 - RAREST), link)
    return coef
