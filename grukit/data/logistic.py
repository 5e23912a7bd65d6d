"""The linear part of a classifier: logistic regression on lags, its form and penalty chosen by what it forecasts."""

import numpy as np

from grukit.data.folds import turns_of_classes
from grukit.data.lags import LinearLags
from grukit.data.logistic_solver import Form, Lagged, at_shares, loss_of, solve
from grukit.data.parts_in_time import blocks_of
from grukit.data.ridge import FittedLinear, own_units
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.stacking import Basis

PENALTIES = np.logspace(1, -6, 15)  # of the coefficients' squares, beside a mean of losses; the strongest first
PATIENCE = 3  # weaker penalties that are tried without doing better
SURE = 1.5  # standard errors by which it is better than the shares of the classes
N_BLOCKS = 10  # of a table, in time: each of the second half judges what was fitted to all before it
N_TURNS = 5  # parts of samples that stand alone; each judges what was fitted to the others
MANY, FEW_JUDGES = 1 << 21, 2  # numbers in a table of lags from which so many blocks judge
MOST = 1 << 23  # numbers in such a table, 64 MiB: of more samples every second is taken, every third, and so on


def fit_logistic(
    training: Samples, everything: Samples, scaler: Scaler, n_lags: int, n_outputs: int, link: str
) -> FittedLinear:
    """Fit log odds, or under a softmax logits, on the last rows.

    Logistic regression with a penalty on the squares of the coefficients of standardised lags, or of lags less the last row.
    For every penalty it is fitted to the samples before a block in time and judged on the block, for each block of the second
    half, samples that stand alone to four fifths of them and on the fifth; the form and the penalty of least log loss there
    are taken, unless that gains so little over the shares of the classes that it may be chance: less than ``SURE`` standard
    errors over the blocks. Then there is an intercept alone.

    Parameters
    ----------
    training, everything : Samples
        What is chosen on, and what the final map is fitted to.
    scaler : Scaler
        Standardises the columns.
    n_lags : int
        Rows.
    n_outputs, link
        K and what they are, see :mod:`grukit.data.links`.

    References
    ----------
    le Cessie and van Houwelingen (1992), Ridge Estimators in Logistic Regression.
    """
    D = len(scaler.mean)
    alike = everything is training
    training = _thinned(training, n_lags * D)
    given = Lagged.of(training, scaler, n_lags, n_outputs, link)
    whole = given if alike else Lagged.of(_thinned(everything, n_lags * D), scaler, n_lags, n_outputs, link)
    judges = _judges(training, given, link)
    bases = [Basis(-1, False), Basis(-1, True)] if n_lags > 1 else [Basis(-1, False)]
    forms = [Form.of(given, basis, D) for basis in bases]
    alpha, form = _choose([(each, each.of_lags(given, D)) for each in forms], judges, link)
    linear = _map_of(form, given, alpha, scaler, link)
    final = linear if alike else _map_of(form, whole, alpha, scaler, link)
    return FittedLinear(linear, final, np.full(n_outputs, -1), np.full(n_outputs, alpha * len(given.shares)))


def _thinned(samples: Samples, n_regressors: int) -> Samples:
    """As many of the samples, evenly spaced, as have no more than ``MOST`` lags, or one."""
    n_steps = int(samples.sequences.lengths.sum()) if samples.per_step else len(samples.sequences)
    each = -(-n_steps * n_regressors // MOST)
    return samples.take(np.arange(0, len(samples.sequences), each))


def _map_of(form: Form | None, given: Lagged, alpha: float, scaler: Scaler, link: str) -> LinearLags:
    """Logistic regression in a form, in the columns' own units; without one the shares of the classes, whatever the rows."""
    D, K = len(scaler.mean), given.targets.shape[1]
    if form is None:
        return LinearLags(np.zeros((1, D, K)), at_shares(given, link)[-1], scaler.mean)
    coef = solve(form.of_lags(given, D), form.variances, alpha, link)
    return own_units(form.expand(coef, given.lags.shape[1], D), np.zeros(K), scaler)


def _judges(training: Samples, given: Lagged, link: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit to and rows to judge on."""
    if not training.sequences.exchangeable:
        block_of, first = blocks_of(training, N_BLOCKS), N_BLOCKS // 2
        if given.lags.size > MANY:
            first = N_BLOCKS - FEW_JUDGES
        pairs = [(block_of < j, block_of == j) for j in range(first, N_BLOCKS)]
    else:
        n = N_TURNS if given.lags.size <= MANY else FEW_JUDGES
        of_one_class = not training.per_step and link in ("binary", "softmax")
        block_of = turns_of_classes(training, n) if of_one_class else blocks_of(training, n)
        pairs = [(block_of != j, block_of == j) for j in range(n)]
    return [(np.flatnonzero(fit), np.flatnonzero(judge)) for fit, judge in pairs if fit.any() and judge.any()]


def _choose(
    forms: list[tuple[Form, Lagged]], judges: list[tuple[np.ndarray, np.ndarray]], link: str
) -> tuple[float, Form | None]:
    """The penalty and the form; an infinite one and none where only the shares of the classes are left."""
    if len(judges) < 2:
        return np.inf, None
    shares = forms[0][1].shares
    weight = np.array([shares[judge].sum() for _, judge in judges])
    plain = np.array([_loss_of_shares(forms[0][1], fit, judge, link) for fit, judge in judges])
    best: tuple[float, Form | None] = np.inf, None
    least, losses = np.inf, plain
    for form, given in forms:
        alpha, own = _best_penalty(form, given, judges, weight, link)
        if weight @ own < least:
            best, least, losses = (alpha, form), float(weight @ own), own
    gains = weight * (plain - losses)
    sure = gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(len(gains))
    return best if sure else (np.inf, None)


def _best_penalty(
    form: Form, given: Lagged, judges: list[tuple[np.ndarray, np.ndarray]], weight: np.ndarray, link: str
) -> tuple[float, np.ndarray]:
    """The penalty of least loss where it is judged, and its losses (n_judges,), which count by ``weight``."""
    parts = [(given.take(fit), given.take(judge)) for fit, judge in judges]
    coefs = [at_shares(fit, link) for fit, _ in parts]
    best, least, waited = (np.inf, np.full(len(weight), np.inf)), np.inf, 0
    for alpha in PENALTIES:
        coefs = [solve(fit, form.variances, alpha, link, coef) for (fit, _), coef in zip(parts, coefs, strict=True)]
        losses = np.array([loss_of(judge, coef, link) for (_, judge), coef in zip(parts, coefs, strict=True)])
        if weight @ losses < least:
            best, least, waited = (float(alpha), losses), float(weight @ losses), 0
        else:
            waited += 1
        if waited == PATIENCE:
            break
    return best


def _loss_of_shares(given: Lagged, fit: np.ndarray, judge: np.ndarray, link: str) -> float:
    return loss_of(given.take(judge), at_shares(given.take(fit), link), link)
