"""Ridge regressions of several forms from second moments, chosen and weighted by what they forecast (stacking)."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from grukit.data.lags import Moments
from grukit.data.scaling import Scaler

ALPHAS = np.append(np.logspace(-6, 2, 17), np.inf)  # penalties, of mean squares of standardised columns


class Regression(NamedTuple):
    """What coefficients (P + 1, K) of standardised lags and a one shrink towards, and by changes in which basis."""

    towards: np.ndarray
    basis: tuple[str, int]  # see :func:`_basis`
    anchored: bool


class Solved(NamedTuple):
    """Moments of the regressors in a basis, and their eigenvectors: all penalties at the cost of one."""

    moments: Moments
    basis: np.ndarray
    values: np.ndarray  # (Q,)
    vectors: np.ndarray  # (Q, Q)

    @classmethod
    def of(cls, moments: Moments, basis: np.ndarray) -> "Solved":
        """Solve."""
        one = moments.lags[-1, :-1] @ basis  # means of the regressors
        values, vectors = np.linalg.eigh(basis.T @ moments.lags[:-1, :-1] @ basis - np.outer(one, one))
        return cls(moments, basis, np.maximum(values, 0.0), vectors)

    def coefficients(self, towards: np.ndarray, alpha: Any, outputs: np.ndarray) -> np.ndarray:
        """Coefficients (P + 1, K) that minimise the mean square plus ``alpha``, (K,) or a number, times their squares.

        Of the chosen outputs. The intercept is free. An infinite penalty leaves those given, (P + 1, K), and the mean of
        their errors.
        """
        moments = self.moments
        left = moments.cross[:, outputs] - moments.lags @ towards
        cross = self.basis.T @ left[:-1] - np.outer(moments.lags[-1, :-1] @ self.basis, left[-1])
        slopes = self.basis @ (self.vectors @ ((self.vectors.T @ cross) / (self.values[:, None] + alpha)))
        coef = towards.copy()
        coef[:-1] += slopes
        coef[-1] += left[-1] - moments.lags[-1, :-1] @ slopes
        return coef


class Solver:
    """Moments, solved in every basis once: the outputs and their anchors share those of all lags."""

    def __init__(self, moments: Moments, n_columns: int):
        self.moments, self.n_columns = moments, n_columns
        self._solved: dict[tuple[str, int], Solved] = {}

    def __call__(self, basis: tuple[str, int]) -> Solved:
        """Moments solved in a basis."""
        if basis not in self._solved:
            P = len(self.moments.lags) - 1
            self._solved[basis] = Solved.of(self.moments, _basis(*basis, P // self.n_columns, self.n_columns))
        return self._solved[basis]


def _basis(name: str, column: int, L: int, D: int) -> np.ndarray:
    """The directions (L D, Q) in which coefficients change.

    "lags": of all columns, or one; "relative": of these less their last row.
    """
    P = L * D
    whole = np.eye(P) if name == "lags" else np.vstack([-np.tile(np.eye(D), (1, L - 1)), np.eye(P - D)])
    return whole if column < 0 else whole[:, column::D]


def forms_of(anchor: int, scaler: Scaler, center: np.ndarray, L: int) -> list[Regression]:
    """The regressions on L lags, of targets less their ``center``, whose anchor is a column, or none: -1."""
    D = len(scaler.mean)
    P = L * D
    mean, all_lags = np.zeros((P + 1, len(center))), ("lags", -1)
    forms = [Regression(mean, all_lags, False)]
    if anchor < 0:
        return forms
    last = last_value(anchor, scaler, center, P)
    bases = [all_lags, ("relative", -1)]
    if D > 1:
        bases += [("lags", anchor), ("relative", anchor)]
        forms.append(Regression(mean, ("lags", anchor), False))
    return forms + [Regression(last, basis, True) for basis in bases if L > 1 or basis[0] == "lags"]


def stack(
    judges: list[tuple[Solver, Moments]], forms: list[Regression], outputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Penalties and weights, (F, K) each, that forecast best from the blocks before each judge."""
    K = len(outputs)
    if not judges:  # one block: too few samples to judge by
        return np.full((len(forms), K), np.inf), np.eye(len(forms))[0][:, None] * np.ones(K)
    own = [(solver, block.take(outputs)) for solver, block in judges]
    alphas = np.empty((len(forms), K))
    for f, form in enumerate(forms):
        errors = np.zeros((len(ALPHAS), K))
        for solver, block in own:
            for a, alpha in enumerate(ALPHAS):
                errors[a] += block.weight * block.loss(solver(form.basis).coefficients(form.towards, alpha, outputs))
        alphas[f] = ALPHAS[np.argmin(errors, axis=0)]
    together = np.zeros((K, len(forms), len(forms)))
    for solver, block in own:
        coefs = [
            solver(form.basis).coefficients(form.towards, penalty, outputs)
            for form, penalty in zip(forms, alphas, strict=True)
        ]
        together += block.weight * block.products_of_errors(coefs)
    return alphas, simplex(together)


def simplex(errors: np.ndarray) -> np.ndarray:
    """Weights (F, K), not negative and one in sum, of the least w' E w for matrices E (K, F, F): the best of all subsets."""
    K, F = errors.shape[:2]
    best, weights = np.full(K, np.inf), np.zeros((K, F))
    tiny = 1e-12 * np.trace(errors, axis1=1, axis2=2)[:, None, None] + 1e-300
    for size in range(1, F + 1):
        for chosen in combinations(range(F), size):
            part = errors[:, chosen][:, :, chosen] + tiny * np.eye(size)
            w = np.linalg.solve(part, np.ones((K, size, 1)))[:, :, 0]
            w /= w.sum(axis=1, keepdims=True)
            value = np.einsum("ki,kij,kj->k", w, part, w)
            better = (w >= 0).all(axis=1) & (value < best * (1 - 1e-9))
            best[better] = value[better]
            weights[better] = 0.0
            weights[np.ix_(np.flatnonzero(better), np.array(chosen))] = w[better]
    return weights.T


def last_value(anchor: int, scaler: Scaler, center: np.ndarray, P: int) -> np.ndarray:
    """Coefficients (P + 1, K) of the anchor's last value, less the center of y."""
    coef = np.zeros((P + 1, len(center)))
    coef[anchor], coef[P] = scaler.scale[anchor], scaler.mean[anchor] - center
    return coef
