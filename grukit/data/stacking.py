"""Ridge regressions of several forms from second moments, chosen and weighted by what they forecast (stacking)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from grukit.data.lags import Moments
from grukit.data.scaling import Scaler

ALPHAS = np.append(np.logspace(-6, 2, 17), np.inf)  # penalties, of mean squares of standardised columns

# Of 39 short or drifting series and panels, parts of series and generated ones, errors were 3 % less so, and up to 1.29 times
# those of the last value or of ridge regression on the lags; without it, up to 1.57 times.
SURE = 1.5


class Basis(NamedTuple):
    """Directions in which the coefficients (P, K) of lags change: of all columns, or of one."""

    column: int  # -1: all
    relative: bool  # of lags less the last row

    def reduce(self, rows: np.ndarray, D: int) -> np.ndarray:
        """What the directions (Q, P) make of rows (P, ...), those of D columns lag by lag."""
        if self.relative:
            rows = (rows.reshape(-1, D, *rows.shape[1:])[1:] - rows[:D]).reshape(-1, *rows.shape[1:])
        return rows if self.column < 0 else rows[self.column :: D]

    def expand(self, rows: np.ndarray, P: int, D: int) -> np.ndarray:
        """Coefficients (P, ...) of those (Q, ...) in the directions."""
        out = np.zeros((P, *rows.shape[1:]))
        kept = out[D:] if self.relative else out
        kept[max(0, self.column) :: D if self.column >= 0 else 1] = rows
        if self.relative:
            out[:D] = -kept.reshape(-1, D, *rows.shape[1:]).sum(axis=0)
        return out


class Leading(NamedTuple):
    """The first n of the coefficients (P, K), and those from a later one on."""

    n: int
    later: int

    def reduce(self, rows: np.ndarray, D: int) -> np.ndarray:
        """Those of rows (P, ...)."""
        return np.concatenate([rows[: self.n], rows[self.later :]])

    def expand(self, rows: np.ndarray, P: int, D: int) -> np.ndarray:
        """Coefficients (P, ...) of those."""
        out = np.zeros((P, *rows.shape[1:]))
        out[: self.n], out[self.later :] = rows[: self.n], rows[self.n :]
        return out


class Changes(NamedTuple):
    """The first n of the coefficients (P, K), of lags less the last row, and all others."""

    n: int

    def reduce(self, rows: np.ndarray, D: int) -> np.ndarray:
        """Those of rows (P, ...)."""
        return np.concatenate([rows[1 : self.n] - rows[:1], rows[self.n :]])

    def expand(self, rows: np.ndarray, P: int, D: int) -> np.ndarray:
        """Coefficients (P, ...) of those."""
        return np.concatenate([-rows[: self.n - 1].sum(axis=0, keepdims=True), rows])


class Regression(NamedTuple):
    """What coefficients (P + 1, K) of standardised lags and a one shrink towards, and in which directions they change."""

    towards: np.ndarray
    basis: Basis | Leading | Changes
    anchored: bool
    weighing: int = 0  # which of several moments of the samples, weighted differently, it is solved from
    fixed: bool = False  # nothing changes, nor does the intercept


class Path(NamedTuple):
    """The coefficients of a regression for every penalty."""

    towards: np.ndarray  # (P + 1, K)
    directions: np.ndarray  # (P, Q), uncorrelated
    variances: np.ndarray  # (Q,)
    covariances: np.ndarray  # (Q, K) of what is left of the targets
    means: np.ndarray  # (P,) of the lags
    left: np.ndarray  # (K,) mean of what is left of the targets

    def coefficients(self, alpha: Any) -> np.ndarray:
        """Coefficients (P + 1, K) that minimise the mean square plus ``alpha``, (K,) or a number, times their squares.

        The intercept is free. An infinite penalty leaves those given, (P + 1, K), and the mean of their errors.
        """
        slopes = self.directions @ (self.covariances / (self.variances[:, None] + alpha))
        coef = self.towards.copy()
        coef[:-1] += slopes
        coef[-1] += self.left - self.means @ slopes
        return coef


class Solver:
    """Moments, solved in every basis once: all penalties, outputs and anchors share its eigenvectors."""

    def __init__(self, moments: Moments, n_columns: int):
        self.moments, self.n_columns = moments, n_columns
        self._solved: dict[Basis | Leading | Changes, tuple[np.ndarray, np.ndarray]] = {}

    def path(self, form: Regression, outputs: np.ndarray) -> Path:
        """The regression of the chosen outputs."""
        if form.fixed:
            P, K = len(self.moments.lags) - 1, len(outputs)
            return Path(form.towards, np.empty((P, 0)), np.empty(0), np.empty((0, K)), np.zeros(P), np.zeros(K))
        directions, variances = self._directions(form.basis)
        means = self.moments.lags[-1, :-1]
        left = self.moments.cross[:, outputs] - self.moments.lags @ form.towards
        covariances = directions.T @ (left[:-1] - np.outer(means, left[-1]))
        return Path(form.towards, directions, variances, covariances, means, left[-1])

    def _directions(self, basis: Basis | Leading | Changes) -> tuple[np.ndarray, np.ndarray]:
        """Uncorrelated directions (P, Q) in a basis, orthonormal there, and their variances (Q,)."""
        if basis not in self._solved:
            lags, D = self.moments.lags, self.n_columns
            covariance = lags[:-1, :-1] - np.outer(lags[-1, :-1], lags[-1, :-1])
            variances, vectors = np.linalg.eigh(basis.reduce(basis.reduce(covariance, D).T, D))
            self._solved[basis] = basis.expand(vectors, len(covariance), D), np.maximum(variances, 0.0)
        return self._solved[basis]


class Solvers:
    """Of moments of the same samples, weighted differently: a regression is solved from those of its weighing."""

    def __init__(self, moments: list[Moments], n_columns: int):
        self._each = [Solver(own, n_columns) for own in moments]

    def path(self, form: Regression, outputs: np.ndarray) -> Path:
        """The regression of the chosen outputs."""
        return self._each[form.weighing].path(form, outputs)


Judges = Sequence[tuple[Solver | Solvers, Moments]]  # what is fitted to, and the block that judges


def forms_of(anchor: int, scaler: Scaler, center: np.ndarray, L: int) -> list[Regression]:
    """The regressions on L lags, of targets less their ``center``, whose anchor is a column, or none: -1."""
    D = len(scaler.mean)
    P = L * D
    mean = np.zeros((P + 1, len(center)))
    forms = [Regression(mean, Basis(-1, False), False)]
    if anchor < 0:
        return forms
    columns = [-1, anchor] if D > 1 else [-1]
    if D > 1:
        forms.append(Regression(mean, Basis(anchor, False), False))
    last = last_value(anchor, scaler, center, P)
    relatives = [False, True] if L > 1 else [False]
    return forms + [Regression(last, Basis(column, relative), True) for column in columns for relative in relatives]


def stack(
    judges: Judges, forms: list[Regression], outputs: np.ndarray, shared: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Penalties and weights, (F, K) each, that forecast the blocks best; their mean squared errors (K,), NaN of no blocks.

    ``shared``: they are those of all outputs, of each of which errors count by their share of the least that it can have.
    """
    K = len(outputs)
    if not judges:  # too few samples to judge by
        return np.full((len(forms), K), np.inf), np.eye(len(forms))[0][:, None] * np.ones(K), np.full(K, np.nan)
    own = [([solver.path(form, outputs) for form in forms], block.take(outputs)) for solver, block in judges]
    alphas = np.empty((len(forms), K))
    for f in range(len(forms)):
        errors = np.zeros((len(ALPHAS), K))
        for paths, block in own:
            errors += block.weight * np.array([block.loss(paths[f].coefficients(alpha)) for alpha in ALPHAS])
        errors = (errors / _least(errors)).mean(axis=1, keepdims=True) if shared else errors
        alphas[f] = ALPHAS[np.argmin(errors, axis=0)]
    together = np.zeros((K, len(forms), len(forms)))
    for paths, block in own:
        coefs = [path.coefficients(penalty) for path, penalty in zip(paths, alphas, strict=True)]
        together += block.weight * block.products_of_errors(coefs)
    judged = sum(block.weight for _, block in own)
    if shared:
        least = _least(np.diagonal(together, axis1=1, axis2=2).T)[:, None, None]
        weights = np.repeat(simplex((together / least).mean(axis=0, keepdims=True)), K, axis=1)
    else:
        weights = simplex(together)
    return alphas, weights, np.einsum("fk,kfg,gk->k", weights, together, weights) / judged


def _least(errors: np.ndarray) -> np.ndarray:
    """The least (K,) of errors (n, K) of each output; never zero."""
    return np.maximum(errors.min(axis=0), 1e-12 * errors.max(axis=0)) + 1e-300


def where_sure(
    judges: Judges,
    forms: list[Regression],
    outputs: np.ndarray,
    alphas: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Penalties and weights (F, K), but those of the anchor or the mean alone where the others may have gained by chance.

    That is where the mean of what they gain over it in the blocks is less than ``SURE`` of its standard errors.
    """
    if len(judges) < 2:
        return alphas, weights
    plain = next((f for f, form in enumerate(forms) if form.anchored), 0)
    gains = []
    for solver, block in judges:
        own, last = block.take(outputs), solver.path(forms[plain], outputs).coefficients(np.inf)
        gains.append(block.weight * (own.loss(last) - own.loss(add_up(solver, forms, outputs, alphas, weights))))
    mean, error = np.mean(gains, axis=0), np.std(gains, axis=0, ddof=1) / np.sqrt(len(gains))
    chance = mean < SURE * error
    alphas, weights = alphas.copy(), weights.copy()
    weights[:, chance], alphas[plain, chance] = 0.0, np.inf
    weights[plain, chance] = 1.0
    return alphas, weights


def add_up(
    solver: Solver | Solvers, forms: list[Regression], outputs: np.ndarray, alphas: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Coefficients (P + 1, K) of all forms together, with penalties and weights (F, K)."""
    return sum(
        weight * solver.path(form, outputs).coefficients(penalty)
        for weight, form, penalty in zip(weights, forms, alphas, strict=True)
    )


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
