"""Which ridge regressions are taken: those that are surely better in blocks in time than a simpler choice."""

from collections.abc import Sequence

import numpy as np

from grukit.data.stacking import Judges, Regression, add_up, at_least, stack

# Standard errors by which regressions are better than the last value or the mean alone. Short series are left to these too
# often where it must be more: of the tasks of ``FEWER`` in :mod:`grukit.data.ridge`, 97 had more than 1.03 times the error of
# the best simple forecast with 1.5, and 88 with 1.0.
SURE = 1.0
# Of panels whose series are weighed alike, too, of which forms are twice as many: of 24 generated ones of 16 rows a series,
# squared errors on unseen series were 0.87 times those without that weighing at 1.5, and 0.97 times at 1.0.
SURE_OF_TWO = 1.5
# By which an output is better with penalties and weights of its own. Few of several steps ahead are; other outputs may be.
SURE_ALONE = 3.0


def choose_forms(
    judges: Sequence[Judges], forms: list[Regression], outputs: np.ndarray, together: bool
) -> tuple[list[Regression], np.ndarray, np.ndarray]:
    """Forms, and their penalties and weights (F, K), which forecast the judges' blocks best.

    Where the series of a panel are weighed alike, too: what is chosen without must then gain surely so as well, and what is
    chosen so, from forms of both weighings, is taken for each output that the blocks show no worse as they are. Without that,
    series of large numbers decide alone, and chance among them: of 28 generated panels and parts of others, errors were 0.95
    times those of the last value or of ridge regression, whichever was less, and up to 1.26 times; not 1.00 and 1.40.

    Parameters
    ----------
    judges : sequence of Judges
        Of each weighing, all as many.
    forms : list of F Regressions
    outputs : ndarray of shape (K,)
        Which of the targets.
    together : bool
        Whether all outputs have the same penalties and weights, but those that are surely better with their own.
    """
    sure = SURE if len(judges) == 1 else SURE_OF_TWO
    alphas, weights = _stacked(judges[0], forms, outputs, together)
    alphas, weights = where_sure(judges[0], forms, outputs, alphas, weights, sure)
    if len(judges) == 1:
        return forms, alphas, weights
    alphas, weights = where_sure(judges[1], forms, outputs, alphas, weights, sure)
    both = [form._replace(weighing=number) for number in range(2) for form in forms]
    alphas = np.concatenate([alphas, np.full_like(alphas, np.inf)])
    weights = np.concatenate([weights, np.zeros_like(weights)])
    own = where_sure(judges[1], both, outputs, *_stacked(judges[1], both, outputs, together), sure)
    kept, alike = (losses(judges[0], both, outputs, *each).sum(axis=0) for each in ((alphas, weights), own))
    better = alike <= kept
    return both, np.where(better, own[0], alphas), np.where(better, own[1], weights)


def _stacked(
    judges: Judges, forms: list[Regression], outputs: np.ndarray, together: bool
) -> tuple[np.ndarray, np.ndarray]:
    alphas, weights, _ = stack(judges, forms, outputs, together)
    if not together or len(outputs) == 1 or len(judges) < 2:
        return alphas, weights
    own = stack(judges, forms, outputs)[:2]
    gains = losses(judges, forms, outputs, alphas, weights) - losses(judges, forms, outputs, *own)
    alone = _sure(gains, SURE_ALONE)
    return np.where(alone, own[0], alphas), np.where(alone, own[1], weights)


def losses(
    judges: Judges, forms: list[Regression], outputs: np.ndarray, alphas: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Sums (n_judges, K) of the weighted squared errors of the forms together, in each judge's block."""
    each = [(block.take(outputs), add_up(solver, forms, outputs, alphas, weights)) for solver, block in judges]
    return np.array([block.weight * block.loss(coef) for block, coef in each])


def where_sure(
    judges: Judges,
    forms: list[Regression],
    outputs: np.ndarray,
    alphas: np.ndarray,
    weights: np.ndarray,
    sure: float = SURE,
) -> tuple[np.ndarray, np.ndarray]:
    """Penalties and weights (F, K), but those of something simple alone where the others may have gained by chance.

    That is where the mean of what they gain over it in the blocks is less than ``sure`` of its standard errors, of an output
    and of all outputs on average. Simple are the mean, the anchor's last value and an earlier one, of which the one is taken
    that has least error in the blocks.
    """
    if len(judges) < 2:
        return alphas, weights
    found = losses(judges, forms, outputs, alphas, weights)
    anchored = [f for f, form in enumerate(forms) if form.anchored]
    plain = [0, *anchored[:1], *[f for f in anchored[1:] if forms[f].fixed]]
    alone = [losses(judges, forms, outputs, *_only(f, alphas)) for f in plain]
    sums = np.array([each.sum(axis=0) for each in (*alone, found)])
    least = at_least(sums[:-1].min(axis=0), sums[0], sums.max(axis=0))
    best = int(np.argmin([(each.sum(axis=0) / least).mean() for each in alone]))
    gains = (alone[best] - found) / least
    chance = ~(_sure(gains, sure) | _sure(gains.mean(axis=1, keepdims=True), sure))
    left = _only(plain[best], alphas)
    return np.where(chance, left[0], alphas), np.where(chance, left[1], weights)


def _only(form: int, like: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Penalties and weights (F, K), as many as of ``like``, of what one form shrinks towards."""
    weights = np.zeros_like(like)
    weights[form] = 1.0
    return np.full_like(like, np.inf), weights


def _sure(gains: np.ndarray, least: float) -> np.ndarray:
    """Whether the mean (K,) of gains in blocks (n, K) is so many of its standard errors, at least."""
    return gains.mean(axis=0) >= least * gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
