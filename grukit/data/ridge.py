"""The linear part: ridge regressions on lags in closed form, towards the mean and towards the last value, stacked."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from grukit.data.lags import LinearLags, Moments
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler

ALPHAS = np.append(np.logspace(-6, 2, 17), np.inf)  # penalties, of mean squares of standardised columns
N_BLOCKS = 10  # in time; each of the second half judges what was fitted to all before it


class FittedLinear(NamedTuple):
    """A linear map of the last rows and how it was chosen."""

    linear: LinearLags  # fitted to the training samples
    final: LinearLags  # the same, fitted to all samples
    anchors: np.ndarray  # (K,) column towards whose last value it shrinks, -1: towards the mean
    alpha: np.ndarray  # (K,) penalty of the heaviest of the regressions, inf where only the mean or the anchor is left


class Regression(NamedTuple):
    """What coefficients (P + 1, K) of standardised lags and a one shrink towards, and by changes in which basis (P, Q)."""

    towards: np.ndarray
    basis: np.ndarray
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

    def coefficients(self, towards: np.ndarray, alpha: Any) -> np.ndarray:
        """Coefficients (P + 1, K) that minimise the mean square plus ``alpha``, (K,) or a number, times their squares.

        The intercept is free. An infinite penalty leaves those given, (P + 1, K), and the mean of their errors.
        """
        moments = self.moments
        left = moments.cross - moments.lags @ towards
        cross = self.basis.T @ left[:-1] - np.outer(moments.lags[-1, :-1] @ self.basis, left[-1])
        slopes = self.basis @ (self.vectors @ ((self.vectors.T @ cross) / (self.values[:, None] + alpha)))
        coef = towards.copy()
        coef[:-1] += slopes
        coef[-1] += left[-1] - moments.lags[-1, :-1] @ slopes
        return coef


def fit_linear(
    training: Samples, everything: Samples, scaler: Scaler, n_lags: int, anchors: np.ndarray
) -> FittedLinear:
    """Fit y on the last rows.

    Ridge regressions of several forms are fitted: of y on the lags, towards its mean; and where there is an anchor, of y's
    change from the anchor's last value, on the lags and on the lags less the last row, of all columns and of the anchor
    alone. Each is fitted to the samples before a block in time and judged on the block, for each block of the second half;
    the penalty of each is the one with the least error there, and the forms are added up with the weights, not negative
    and one in sum, of least error (stacking, Breiman 1996). The sum is one linear map again. In 27 tasks stacking had 2 %
    less error than choosing a form, and generalised cross-validation failed where there were as many columns as rows.

    Parameters
    ----------
    training : Samples
        In the order of time, or standing alone: what the forms are chosen on.
    everything : Samples
        What the final map is fitted to.
    scaler : Scaler
        Standardises the columns.
    n_lags : int
        Rows, 0 for none but that of the anchors.
    anchors : ndarray of shape (K,)
        Columns, -1 for none.
    """
    K, D = len(anchors), len(scaler.mean)
    if n_lags == 0:
        own, final = (only_anchors(anchors, each, scaler) for each in (training, everything))
        return FittedLinear(own, final, anchors, np.full(K, np.inf))
    center = _mean_of(everything)
    blocks = Moments.of_blocks(training, scaler, center, n_lags, N_BLOCKS)
    whole = Moments.of(everything, scaler, center, n_lags)
    coef, coef_of_all = (np.zeros((n_lags * D + 1, K)) for _ in range(2))
    alpha, kept = np.full(K, np.inf), anchors.copy()
    for anchor in np.unique(anchors):
        outputs = np.flatnonzero(anchors == anchor)
        judged = [block.take(outputs) for block in blocks]
        forms = _forms(int(anchor), scaler, center[outputs], n_lags)
        alphas, weights = _stack(judged, forms)
        for target, moments in ((coef, Moments.sum(judged)), (coef_of_all, whole.take(outputs))):
            solved = _solve(moments, forms)
            target[:, outputs] = sum(
                weight * each.coefficients(form.towards, penalty)
                for weight, each, form, penalty in zip(weights, solved, forms, alphas, strict=True)
            )
        heaviest = np.argmax(weights, axis=0)
        alpha[outputs] = alphas[heaviest, np.arange(len(outputs))] * whole.n
        unanchored = weights[[form.anchored for form in forms]].sum(axis=0) == 0
        kept[outputs[unanchored]] = -1
    return FittedLinear(_own_units(coef, center, scaler), _own_units(coef_of_all, center, scaler), kept, alpha)


def only_anchors(anchors: np.ndarray, samples: Samples, scaler: Scaler) -> LinearLags:
    """The last value of each output's anchor, or the mean where it has none."""
    coef, intercept = np.zeros((1, len(scaler.mean), len(anchors))), _mean_of(samples)
    anchored = np.flatnonzero(anchors >= 0)
    coef[0, anchors[anchored], anchored] = 1.0
    intercept[anchored] = scaler.mean[anchors[anchored]]
    return LinearLags(coef, intercept, scaler.mean)


def choose_anchors(training: Samples, scaler: Scaler) -> np.ndarray:
    """For each output, the column from whose latest value y's change varies least, if less than y itself; else -1."""
    D, K = len(scaler.mean), training.targets.shape[1]
    center = _mean_of(training)
    moments = Moments.of(training, scaler, center, 1)
    anchors, least = np.full(K, -1), moments.variance(np.zeros((D + 1, K)))
    for d in range(D):
        change = moments.variance(_last_value(d, scaler, center, D))
        better = change < least
        anchors[better], least = d, np.where(better, change, least)
    return anchors


def _mean_of(samples: Samples) -> np.ndarray:
    """Weighted means (K,) of the targets; of one that never varies, to the bit."""
    values, weights = samples.targets_seen()
    mean = Scaler.fit(values, weights).mean
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return np.where(low == high, low, mean)


def _last_value(anchor: int, scaler: Scaler, center: np.ndarray, P: int) -> np.ndarray:
    """Coefficients (P + 1, K) of the anchor's last value, less the center of y."""
    coef = np.zeros((P + 1, len(center)))
    coef[anchor], coef[P] = scaler.scale[anchor], scaler.mean[anchor] - center
    return coef


def _forms(anchor: int, scaler: Scaler, center: np.ndarray, L: int) -> list[Regression]:
    D = len(scaler.mean)
    P = L * D
    lags, mean = np.eye(P), np.zeros((P + 1, len(center)))
    forms = [Regression(mean, lags, False)]
    if anchor < 0:
        return forms
    last = _last_value(anchor, scaler, center, P)
    relative = np.vstack([-np.tile(np.eye(D), (1, L - 1)), np.eye(P - D)])  # lags less the last row
    bases = [lags, relative]
    if D > 1:
        bases += [lags[:, anchor::D], relative[:, anchor::D]]
        forms.append(Regression(mean, bases[2], False))
    return forms + [Regression(last, basis, True) for basis in bases if basis.shape[1]]


def _solve(moments: Moments, forms: list[Regression]) -> list[Solved]:
    """Solve each form; those with the same basis at once."""
    solved: dict[int, Solved] = {}
    for form in forms:
        if id(form.basis) not in solved:
            solved[id(form.basis)] = Solved.of(moments, form.basis)
    return [solved[id(form.basis)] for form in forms]


def _stack(blocks: list[Moments], forms: list[Regression]) -> tuple[np.ndarray, np.ndarray]:
    """Penalties and weights, (F, K) each, that forecast best from the blocks before."""
    K, judges = blocks[0].cross.shape[1], range(max(1, len(blocks) // 2), len(blocks))
    if not judges:  # one block: too few samples to judge by
        return np.full((len(forms), K), np.inf), np.eye(len(forms))[0][:, None] * np.ones(K)
    solved = [_solve(Moments.sum(blocks[:j]), forms) for j in judges]
    alphas = np.empty((len(forms), K))
    for f, form in enumerate(forms):
        errors = np.zeros((len(ALPHAS), K))
        for j, each in zip(judges, solved, strict=True):
            for a, alpha in enumerate(ALPHAS):
                errors[a] += blocks[j].weight * blocks[j].loss(each[f].coefficients(form.towards, alpha))
        alphas[f] = ALPHAS[np.argmin(errors, axis=0)]
    together = np.zeros((K, len(forms), len(forms)))
    for j, each in zip(judges, solved, strict=True):
        coefs = [each[f].coefficients(form.towards, alphas[f]) for f, form in enumerate(forms)]
        together += blocks[j].weight * blocks[j].products_of_errors(coefs)
    return alphas, _simplex(together)


def _simplex(errors: np.ndarray) -> np.ndarray:
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


def _own_units(coef: np.ndarray, center: np.ndarray, scaler: Scaler) -> LinearLags:
    """From coefficients (P + 1, K) of standardised lags to those of the lags."""
    slopes = coef[:-1].reshape(-1, len(scaler.mean), len(center)) / scaler.scale[:, None]
    return LinearLags(slopes, coef[-1] + center, scaler.mean)
