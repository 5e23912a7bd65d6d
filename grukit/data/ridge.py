"""Ridge regression on lags in closed form, towards the mean or towards the last value."""

from typing import NamedTuple

import numpy as np

from grukit.data.lags import LinearLags, Moments
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler

ALPHAS = np.append(np.logspace(-7, 2, 28), np.inf)  # of mean squares of standardised columns
N_BLOCKS = 6  # in time, on all but the first of which the forms are judged


class FittedLinear(NamedTuple):
    """A linear map and how it was chosen."""

    linear: LinearLags
    alpha: np.ndarray  # (K,) penalty of each output times the samples, inf where only the mean or the anchor is left
    anchors: np.ndarray  # (K,) column towards whose last value it shrinks, -1: towards the mean


class Form(NamedTuple):
    """What coefficients (P + 1, K) of standardised lags and a one shrink towards, and by which changes (P, Q)."""

    towards: np.ndarray
    basis: np.ndarray


def fit_linear(training: Samples, scaler: Scaler, n_lags: int, anchors: np.ndarray) -> FittedLinear:
    """Fit y on the last rows.

    Three forms are fitted, each with the penalty of generalised cross-validation (Golub, Heath and Wahba 1979):

    - towards the mean: y on the lags;
    - towards the anchor: the change of y from the anchor's last value on the lags;
    - relative: that change on the lags less the last row.

    For each output the one is taken that forecast best, fitted to the blocks in time before, on each block but the first.

    Parameters
    ----------
    training : Samples
        In the order of time, or standing alone.
    scaler : Scaler
        Standardises the columns.
    n_lags : int
        Rows, 0 for none but that of the anchors.
    anchors : ndarray of shape (K,)
        Columns, -1 for none.
    """
    if n_lags == 0:
        return FittedLinear(only_anchors(anchors, training, scaler), np.full(len(anchors), np.inf), anchors)
    D, K, L = len(scaler.mean), training.targets.shape[1], n_lags
    center = _mean_of(training)
    blocks = Moments.of_blocks(training, scaler, center, L, N_BLOCKS)
    forms = [Form(np.zeros((L * D + 1, K)), np.eye(L * D))]
    if (anchors >= 0).any():
        towards = _towards(anchors, scaler, center, L * D)
        forms.append(Form(towards, np.eye(L * D)))
        if L > 1:
            forms.append(Form(towards, _relative(L, D)))
    errors = np.zeros((len(forms), K))
    for j in range(1, len(blocks)):
        before = Moments.sum(blocks[:j])
        for f, form in enumerate(forms):
            errors[f] += blocks[j].weight * blocks[j].loss(_ridge(before, form)[0])
    errors[1:, anchors < 0] = np.inf
    best = np.argmin(errors, axis=0)
    everything, outputs = Moments.sum(blocks), np.arange(K)
    found = [_ridge(everything, form) for form in forms]
    coef = np.stack([coef for coef, _ in found])[best, :, outputs].T
    alpha = np.stack([alpha for _, alpha in found])[best, outputs]
    slopes = coef[:-1].reshape(L, D, K) / scaler.scale[:, None]
    return FittedLinear(
        LinearLags(slopes, coef[-1] + center, scaler.mean), alpha * everything.n, np.where(best > 0, anchors, -1)
    )


def only_anchors(anchors: np.ndarray, training: Samples, scaler: Scaler) -> LinearLags:
    """The last value of each output's anchor, or the mean where it has none."""
    coef, intercept = np.zeros((1, len(scaler.mean), len(anchors))), _mean_of(training)
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
        change = moments.variance(_towards(np.full(K, d), scaler, center, D))
        better = change < least
        anchors[better], least = d, np.where(better, change, least)
    return anchors


def _mean_of(samples: Samples) -> np.ndarray:
    """Weighted means (K,) of the targets; of one that never varies, to the bit."""
    values, weights = samples.targets_seen()
    mean = Scaler.fit(values, weights).mean
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return np.where(low == high, low, mean)


def _towards(anchors: np.ndarray, scaler: Scaler, center: np.ndarray, P: int) -> np.ndarray:
    """Coefficients (P + 1, K) of the anchors' last values, less the center of y."""
    coef, outputs = np.zeros((P + 1, len(anchors))), np.flatnonzero(anchors >= 0)
    coef[anchors[outputs], outputs] = scaler.scale[anchors[outputs]]
    coef[P, outputs] = scaler.mean[anchors[outputs]] - center[outputs]
    return coef


def _relative(L: int, D: int) -> np.ndarray:
    """The matrix (L D, (L - 1) D) from coefficients of lags less the last row to coefficients of lags."""
    return np.vstack([-np.tile(np.eye(D), (1, L - 1)), np.eye((L - 1) * D)])


def _ridge(moments: Moments, form: Form) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (P + 1, K) and penalties (K,); the intercept is free."""
    one = moments.lags[-1, :-1] @ form.basis  # means of the regressors
    gram = form.basis.T @ moments.lags[:-1, :-1] @ form.basis - np.outer(one, one)
    left = moments.cross - moments.lags @ form.towards  # of what the coefficients given leave
    cross = form.basis.T @ left[:-1] - np.outer(one, left[-1])
    values, vectors = np.linalg.eigh(gram)
    values, projected = np.maximum(values, 0.0), vectors.T @ cross
    variance = moments.variance(form.towards)
    scores = np.empty((len(ALPHAS), len(variance)))
    for i, alpha in enumerate(ALPHAS):
        shrunk = 1 / (values + alpha)  # zero for an infinite one
        explained = (2 * shrunk - values * shrunk**2) @ projected**2
        freedom = (1 + values @ shrunk) / moments.n
        scores[i] = np.maximum(variance - explained, 0.0) / (1 - min(freedom, 1 - 1e-9)) ** 2
    alpha = ALPHAS[np.argmin(scores, axis=0)]
    slopes = form.basis @ (vectors @ (projected / (values[:, None] + alpha)))
    coef = form.towards.copy()
    coef[:-1] += slopes
    coef[-1] += left[-1] - moments.lags[-1, :-1] @ slopes
    return coef, alpha
