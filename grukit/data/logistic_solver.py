"""Logistic regression on given directions: samples, the directions they vary in, and coefficients of least penalised loss."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from grukit.data.lag_table import lagged
from grukit.data.links import RAREST, outputs_of
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.stacking import Basis

LEAST_VARIANCE = 1e-12  # of a direction, as a share of the largest one's
CORRECTIONS, MOST_STEPS = 20, 300  # of L-BFGS
# Of Newton's method: coefficients, and numbers that are held at once.
FEW_UNKNOWNS, FEW_NUMBERS = 128, 1 << 20
MOST_NEWTON_STEPS, MOST_HALVINGS = 50, 30
ENOUGH = 1e-12  # of what is left, twice, as a share of the loss


class Lagged(NamedTuple):
    """Samples as logistic regression takes them."""

    lags: np.ndarray  # (n, P) standardised, lag by lag
    targets: np.ndarray  # (n, K) zeros and ones, one in a row under a softmax
    shares: np.ndarray  # (n,) of the weights, one in sum

    @classmethod
    def of(
        cls, samples: Samples, scaler: Scaler, n_lags: int, n_outputs: int, link: str, first_before: bool = False
    ) -> "Lagged":
        """All samples, or all of their steps; rows from before the first one count as that, or as the mean."""
        targets, weights = samples.targets_seen()
        if link == "softmax":
            targets = np.eye(n_outputs)[targets[:, 0].astype(np.int64)]
        return cls(lagged(samples, scaler, n_lags, first_before), targets, weights / weights.sum())

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

    See :func:`solve_each`; None begins at the shares of the classes.
    """
    begin = at_shares(given, link) if start is None else start
    return solve_each(given, given.shares[None], variances, alpha, link, begin[None])[0]


def solve_each(
    given: Lagged, shares: np.ndarray, variances: np.ndarray, alpha: float, link: str, starts: np.ndarray
) -> np.ndarray:
    """Coefficients (J, Q + 1, K) as of :func:`solve`, of the same samples weighted in J ways.

    By Newton's method, all at once, where there are few numbers, else by L-BFGS, one by one.

    Parameters
    ----------
    given : Lagged
        With coordinates (n, Q) in uncorrelated directions; its own shares do not count.
    shares : ndarray of shape (J, n)
        Weights of the samples, one in sum.
    variances : ndarray of shape (Q,)
        Of the coordinates.
    alpha : float
        The penalty; intercepts have none.
    link : str
        See :mod:`grukit.data.links`.
    starts : ndarray of shape (J, Q + 1, K)
        Where to begin.
    """
    (J, n), (_, Q1, K) = shares.shape, starts.shape
    if Q1 * K <= FEW_UNKNOWNS and J * n * Q1 * K <= FEW_NUMBERS:
        return _by_newton(given, shares, alpha, link, starts)
    rows = [np.flatnonzero(own) for own in shares]
    parts = [given._replace(shares=own).take(seen) for own, seen in zip(shares, rows, strict=True)]
    return np.array([_by_lbfgs(own, variances, alpha, link, begin) for own, begin in zip(parts, starts, strict=True)])


def _by_newton(given: Lagged, shares: np.ndarray, alpha: float, link: str, starts: np.ndarray) -> np.ndarray:
    """Newton's steps, halved as long as they do not lessen what is least in the end."""
    J, Q1, K = starts.shape
    z = np.column_stack([given.lags, np.ones(len(given.lags))])
    # The intercept of a class that no sample has would fall for ever.
    penalty = np.append(np.full(Q1 - 1, alpha), RAREST)[:, None]
    towards = np.array([at_shares(given._replace(shares=own), link) for own in shares])
    coef = starts.copy()

    def at(coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses, means = _losses_and_means(z @ coef, given.targets, link)
        return (shares * losses).sum(axis=1) + (penalty * (coef - towards) ** 2).sum(axis=(1, 2)) / 2, means

    value, means = at(coef)
    for _ in range(MOST_NEWTON_STEPS):
        slope = z.T @ ((means - given.targets) * shares[:, :, None]) + penalty * (coef - towards)
        flat = slope.transpose(0, 2, 1).reshape(J, K * Q1)
        down = np.linalg.solve(_curvature(z, shares, means, penalty, link), flat[:, :, None])[:, :, 0]
        if ((flat * down).sum(axis=1) <= ENOUGH * (1 + value)).all():
            break
        step = down.reshape(J, K, Q1).transpose(0, 2, 1)
        for _ in range(MOST_HALVINGS):
            tried, means = at(coef - step)
            worse = tried > value
            if not worse.any():
                break
            step[worse] /= 2
        else:
            step[worse], tried[worse] = 0.0, value[worse]
            _, means = at(coef - step)
        coef, value = coef - step, tried
    return coef


def _curvature(z: np.ndarray, shares: np.ndarray, means: np.ndarray, penalty: np.ndarray, link: str) -> np.ndarray:
    """Second derivatives (J, K Q1, K Q1), output by output, at probabilities (J, n, K) of samples (n, Q1) with a one each."""
    (J, _, K), Q1 = means.shape, z.shape[1]
    out = np.zeros((J, K, Q1, K, Q1))
    for k in range(K):
        for m in range(K):
            if k == m or link == "softmax":
                both = shares * means[:, :, k] * (float(k == m) - means[:, :, m])
                out[:, k, :, m] = z.T @ (both[:, :, None] * z)
        out[:, k, range(Q1), k, range(Q1)] += penalty[:, 0]
        # A number added to all intercepts changes nothing; nor does this, but that there is one solution.
        out[:, k, -1, :, -1] += link == "softmax"
    return out.reshape(J, K * Q1, K * Q1)


def _by_lbfgs(given: Lagged, variances: np.ndarray, alpha: float, link: str, begin: np.ndarray) -> np.ndarray:
    """In coordinates in which the second derivatives are near one where classes are alike."""
    Q, K = given.lags.shape[1], given.targets.shape[1]
    scale = np.append(1 / np.sqrt(variances / 4 + alpha), 2.0)[:, None]
    penalty = np.append(np.full(Q, alpha), 0.0)[:, None]

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


def losses_of(given: Lagged, shares: np.ndarray, coefs: np.ndarray, link: str) -> np.ndarray:
    """Mean losses (J,) of coefficients (J, Q + 1, K), each of samples weighted in its own way, (J, n)."""
    losses, _ = _losses_and_means(given.lags @ coefs[:, :-1] + coefs[:, -1:], given.targets, link)
    return (shares * losses).sum(axis=1)


def _losses_and_means(outputs: np.ndarray, targets: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """Of outputs (..., n, K): cross entropies (..., n), or sums of log losses over labels, and probabilities of ones.

    ``scipy.special.logsumexp`` takes 0.1 ms a call, of a few hundred rows ten times what the rest of a step takes;
    ``np.logaddexp`` and ``scipy.special.expit``, of thousands of rows, two to four times as long as one exponential for both.
    """
    if link == "softmax":
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        powers = np.exp(shifted)
        total = powers.sum(axis=-1, keepdims=True)
        return np.log(total[..., 0]) - (shifted * targets).sum(axis=-1), powers / total
    small = np.exp(-np.abs(outputs))
    losses = np.log1p(small) + np.maximum(outputs, 0.0) - outputs * targets
    return losses.sum(axis=-1), np.where(outputs >= 0, 1.0, small) / (1.0 + small)


def at_shares(given: Lagged, link: str) -> np.ndarray:
    """Coefficients (Q + 1, K) of the shares of the classes, or labels, alone."""
    coef = np.zeros((given.lags.shape[1] + 1, given.targets.shape[1]))
    coef[-1] = outputs_of(np.clip(given.shares @ given.targets, RAREST, 1 - RAREST), link)
    return coef
