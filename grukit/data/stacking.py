"""Ridge regressions of several forms from second moments, chosen and weighted by what they forecast (stacking)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from grukit.data.lags import Moments
from grukit.data.simplex import simplex

ALPHAS = np.append(np.logspace(-6, 2, 17), np.inf)  # penalties, of mean squares of standardised columns
AT_ONCE = 2**18  # coefficients of several penalties that are held


class Basis(NamedTuple):
    """Directions in which the coefficients (P, K) of lags change: of all columns, or of one, of all lags or of the first."""

    column: int  # -1: all
    relative: bool  # of lags less the last row
    n_lags: int | None = None  # None: all

    def reduce(self, rows: np.ndarray, D: int) -> np.ndarray:
        """What the directions (Q, P) make of rows (P, ...), those of D columns lag by lag."""
        rows = rows if self.n_lags is None else rows[: self.n_lags * D]
        if self.relative:
            rows = (rows.reshape(-1, D, *rows.shape[1:])[1:] - rows[:D]).reshape(-1, *rows.shape[1:])
        return rows if self.column < 0 else rows[self.column :: D]

    def expand(self, rows: np.ndarray, P: int, D: int) -> np.ndarray:
        """Coefficients (P, ...) of those (Q, ...) in the directions."""
        out = np.zeros((P, *rows.shape[1:]))
        first = out if self.n_lags is None else out[: self.n_lags * D]
        kept = first[D:] if self.relative else first
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

        Of penalties (A, 1, 1) those of each, (A, P + 1, K). The intercept is free. An infinite penalty leaves those given,
        (P + 1, K), and the mean of their errors.
        """
        slopes = self.directions @ (self.covariances / (self.variances[:, None] + alpha))
        coef = np.empty((*slopes.shape[:-2], *self.towards.shape))
        coef[..., :-1, :] = self.towards[:-1] + slopes
        coef[..., -1, :] = self.towards[-1] + (self.left - self.means @ slopes)
        return coef

    def losses(self, block: Moments) -> np.ndarray:
        """Mean squared errors (A, K) on a block with each of ``ALPHAS``, of which few hold much at a time.

        By the lags alone that have a part in it: a regression on the lags of one column is one of few among many.
        """
        part = (self.directions != 0).any(axis=1) | (self.towards[:-1] != 0).any(axis=1)
        own = self
        if not part.all():
            own, block = self._of_lags(part), block.of_lags(part)
        if not own.directions.shape[1]:  # no penalty changes it
            return np.tile(block.loss(own.coefficients(np.inf)), (len(ALPHAS), 1))
        n_parts = min(len(ALPHAS), 1 + len(ALPHAS) * own.towards.size // AT_ONCE)
        parts = np.array_split(ALPHAS[:, None, None], n_parts)
        return np.concatenate([block.loss(own.coefficients(each)) for each in parts])

    def _of_lags(self, chosen: np.ndarray) -> "Path":
        """Without the lags that have no part in it; ``chosen`` (P,) are the others."""
        return self._replace(
            towards=self.towards[np.append(chosen, True)], directions=self.directions[chosen], means=self.means[chosen]
        )


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


def stack(
    judges: Judges, forms: list[Regression], outputs: np.ndarray, together: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Penalties and weights, (F, K) each, that forecast best from the samples solved each of those with them.

    And the mean squared errors (K,) of what they forecast, NaN where there is nothing to judge by. ``together``: all outputs
    have the same, by errors as shares of the least that a form has of an output.
    """
    K = len(outputs)
    if not judges:  # too few samples to judge by
        return np.full((len(forms), K), np.inf), np.eye(len(forms))[0][:, None] * np.ones(K), np.full(K, np.nan)
    own = [([solver.path(form, outputs) for form in forms], block.take(outputs)) for solver, block in judges]
    errors = np.zeros((len(forms), len(ALPHAS), K))
    for paths, block in own:
        for f, path in enumerate(paths):
            errors[f] += block.weight * path.losses(block)
    least = at_least(errors.min(axis=(0, 1)), errors[0, -1], errors.max(axis=(0, 1)))
    compared = (errors / least).mean(axis=2, keepdims=True) if together else errors
    alphas = ALPHAS[np.argmin(compared, axis=1)] * np.ones(K)
    alphas[[form.fixed for form in forms]] = np.inf  # no penalty changes them
    products = np.zeros((K, len(forms), len(forms)))
    for paths, block in own:
        coefs = [path.coefficients(penalty) for path, penalty in zip(paths, alphas, strict=True)]
        products += block.weight * block.products_of_errors(coefs)
    compared = (products / least[:, None, None]).mean(axis=0, keepdims=True) if together else products
    weights, judged = simplex(compared) * np.ones(K), sum(block.weight for _, block in own)
    return alphas, weights, np.einsum("fk,kfg,gk->k", weights, products, weights) / judged


def at_least(errors: np.ndarray, of_mean: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Errors to divide by, no less than a tiny part of that of the mean, or of the largest where that has none.

    The mean errs in y's unit; what shrinks towards an anchor may err as much as that is large.
    """
    return np.maximum(np.maximum(errors, 1e-12 * np.where(of_mean > 0, of_mean, largest)), np.finfo(np.float64).tiny)


def add_up(
    solver: Solver | Solvers, forms: list[Regression], outputs: np.ndarray, alphas: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Coefficients (P + 1, K) of all forms together, with penalties and weights (F, K)."""
    return sum(
        weight * solver.path(form, outputs).coefficients(penalty)
        for weight, form, penalty in zip(weights, forms, alphas, strict=True)
    )
