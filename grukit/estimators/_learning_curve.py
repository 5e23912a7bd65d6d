"""How fast errors fall with the rows that are learned from: copies that calibrate learned from fewer than the model.

By folds, the first copy learned from half of a series. On series without noise the model then errs a fifth as much, and
intervals that hold the errors of copies are that much too wide. benchmarks/accuracy/curves.py, 28 tasks of chaotic systems:
intervals of 50, 80 and 90 % held 57, 85 and 92 % without the curve and 49, 78 and 88 % with it, at 0.94 times the interval
score of 90 %.
"""

from collections.abc import Iterable

import numpy as np

FEWEST_COPIES = 4  # of which a curve is told,
FEWEST_ORIGINS = 40  # and of which a block is: mean errors of fewer, which share the most of theirs, tell of chance
FAST = 0.5  # exponents up to here are left alone: older copies forecast worse for their age, too
MOST = 1.5  # the largest exponent that is gone by


def exponent(sizes: np.ndarray, blocks: Iterable[np.ndarray]) -> float:
    """The b of errors in proportion to rows ** -b, as the model may go by; 0 where they do not fall fast.

    Least squares of the logarithm of errors, with a level for each block and one slope (power laws: Cortes et al. 1994,
    Learning Curves: Asymptotic Values and Rate of Convergence). One standard error is taken off the slope, so that a curve
    that copies do not agree on counts for little.

    Parameters
    ----------
    sizes : ndarray of shape (F,)
        Rows that each copy learned from, ascending.
    blocks : iterable of ndarray of shape (f, n, H)
        For each block, truths less forecasts by the first f copies, none of which has seen it; NaN where not known.
    """
    rows, errors = [], []
    for residuals in blocks:
        own = _log_errors(residuals)
        if len(own) > 1 and np.isfinite(own).all():
            rows.append(np.log(sizes[: len(own)]) - np.log(sizes[: len(own)]).mean())
            errors.append(own - own.mean())
    if len(sizes) < FEWEST_COPIES or len(errors) < FEWEST_COPIES - 1:
        return 0.0
    x, y = np.concatenate(rows), np.concatenate(errors)
    slope = x @ y / (x @ x)
    variance = ((y - slope * x) ** 2).sum() / (len(x) - len(errors) - 1)
    low = float(-slope - np.sqrt(variance / (x @ x)))
    return min(low, MOST) if low > FAST else 0.0


def _log_errors(residuals: np.ndarray) -> np.ndarray:
    """The logarithm of each copy's mean absolute error at a step, in the mean of the steps (f,); NaN of too few, -inf of none.

    Of truths that are known beside the forecasts of all of the copies.
    """
    known = ~np.isnan(residuals).any(axis=0)
    counts = known.sum(axis=0)
    if known.any(axis=1).sum() < FEWEST_ORIGINS:
        return np.full(len(residuals), np.nan)
    totals = np.where(known, np.abs(residuals), 0.0).sum(axis=1)[:, counts > 0]
    with np.errstate(divide="ignore"):  # without any error there is no curve
        return np.log(totals / counts[counts > 0]).mean(axis=1)
