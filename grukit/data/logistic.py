"""The linear part of a classifier: logistic regressions on lags, weighted by how well they forecast."""

from typing import NamedTuple

import numpy as np

from grukit.data.folds import turns_of_classes
from grukit.data.lags import LinearLags
from grukit.data.logistic_solver import Form, Lagged, at_shares, losses_of, solve, solve_each
from grukit.data.parts_in_time import blocks_of
from grukit.data.ridge import FittedLinear, own_units
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.stacking import Basis

PENALTIES = np.logspace(1, -6, 15)  # of the coefficients' squares, beside a mean of losses; the strongest first
FEWER = (4, 12)  # rows that are tried beside the whole window of a table
PATIENCE = 3  # weaker penalties that are tried without doing better
SURE = 1.5  # standard errors by which they are better than the shares of the classes
LEAST_WEIGHT = 0.01  # of a regression that is taken
N_BLOCKS = 10  # of a table, in time: each of the second half begins what is judged of a fit to all before it
N_TURNS = 5  # parts of samples that stand alone; each judges what was fitted to the others
MANY, FEW_JUDGES = 1 << 21, 2  # numbers in a table of lags from which so many blocks judge
MOST = 1 << 23  # numbers in such a table, 64 MiB: of more samples every second is taken, every third, and so on


class Judges(NamedTuple):
    """What is fitted to, and what judges that."""

    fits: np.ndarray  # (J, n) weights of the samples, one in sum
    shares: np.ndarray  # (J, n) of those that judge
    counts: np.ndarray  # (J,) how much each judge counts


class Candidate(NamedTuple):
    """A logistic regression, or without a form the shares of the classes alone."""

    form: Form | None
    alpha: float
    losses: np.ndarray  # (n_judges,)


def fit_logistic(
    training: Samples, everything: Samples, scaler: Scaler, n_lags: int, n_outputs: int, link: str
) -> FittedLinear:
    """Fit log odds, or under a softmax logits, on the last rows.

    Logistic regressions with a penalty on the squares of the coefficients, of standardised lags and of lags less the last
    row, of a table also of fewer lags. Each is fitted, with every penalty, to the samples before a block in time and judged on
    all from the block on, for each block of the second half; of samples that stand alone, to four fifths of them and judged on
    the fifth. Their weights, and that of the shares of the classes, are in the ratio of the likelihoods of the samples that
    judge (Dawid 1984): where these are few, none is trusted alone, and what comes out is less sure of itself than the best
    was. The weighted sum is one linear map again, unless it gains so little over the shares that it may be chance: less than
    ``SURE`` standard errors over the judges. Then there is an intercept alone.

    Chosen by the next change, up or down, of 23 real series that are not bundled: 384 pieces of 30 to 200 rows, windows of 12
    and 32, judged by half as many rows that follow. The shares had a mean log loss of 0.690; the one form and penalty of least
    loss in the next block, all lags, the mean for rows from before a series 0.631, and up to 3.01 times that of the shares;
    this 0.587, and up to 1.41 times. Without the first row for those before it was 0.603, without fewer lags 0.598, judged on
    the next block alone 0.610, the best one instead of weights 0.608, whether sure or not 0.595 and up to 3.88 times.

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
    le Cessie and van Houwelingen (1992), Ridge Estimators in Logistic Regression. Dawid (1984), Statistical Theory: The
    Prequential Approach.
    """
    D, in_time = len(scaler.mean), not training.sequences.exchangeable
    alike = everything is training
    training = _thinned(training, n_lags * D)
    first_before = in_time and len(training.sequences.begins) == 1  # as of ridge regression
    how = scaler, n_lags, n_outputs, link, first_before
    given = Lagged.of(training, *how)
    whole = given if alike else Lagged.of(_thinned(everything, n_lags * D), *how)
    forms = [Form.of(given, basis, D) for basis in _bases(n_lags, in_time)]
    chosen = _weigh([(each, each.of_lags(given, D)) for each in forms], _judges(training, given, link), given, link)
    linear = _map_of(chosen, given, scaler, link, first_before)
    final = linear if alike else _map_of(chosen, whole, scaler, link, first_before)
    taken = [each for each in chosen if each[1].form is not None] or chosen
    alpha = max(taken, key=lambda each: each[0])[1].alpha * len(given.shares)
    return FittedLinear(linear, final, np.full(n_outputs, -1), np.full(n_outputs, alpha))


def _bases(n_lags: int, in_time: bool) -> list[Basis]:
    """What regressions are of: levels and differences from the last row, of all lags and of fewer."""
    parts = [None, *(n for n in FEWER if in_time and n < n_lags)]
    return [Basis(-1, relative, n) for n in parts for relative in (False, True) if n_lags > 1 or not relative]


def _thinned(samples: Samples, n_regressors: int) -> Samples:
    """As many of the samples, evenly spaced, as have no more than ``MOST`` lags, or one."""
    n_steps = int(samples.sequences.lengths.sum()) if samples.per_step else len(samples.sequences)
    each = -(-n_steps * n_regressors // MOST)
    return samples.take(np.arange(0, len(samples.sequences), each))


def _judges(training: Samples, given: Lagged, link: str) -> Judges:
    """Of samples up to a block, and of all that follow; or of all but a part, and of that."""
    if not training.sequences.exchangeable:
        block_of, first = blocks_of(training, N_BLOCKS), N_BLOCKS // 2
        if given.lags.size > MANY:
            first = N_BLOCKS - FEW_JUDGES
        pairs = [(block_of < j, block_of >= j) for j in range(first, N_BLOCKS)]
    else:
        n = N_TURNS if given.lags.size <= MANY else FEW_JUDGES
        of_one_class = not training.per_step and link in ("binary", "softmax")
        block_of = turns_of_classes(training, n) if of_one_class else blocks_of(training, n)
        pairs = [(block_of != j, block_of == j) for j in range(n)]
    weights = [
        (given.shares * fit, given.shares * judge) for fit, judge in pairs if judge.any() and _varies(given, fit)
    ]
    fits, judges = np.array(weights).reshape(-1, 2, len(given.shares)).transpose(1, 0, 2)
    counts = judges.sum(axis=1)
    return Judges(fits / fits.sum(axis=1, keepdims=True), judges / counts[:, None], counts)


def _varies(given: Lagged, chosen: np.ndarray) -> bool:
    """Whether the chosen samples have more than one class, or not all the same labels."""
    targets = given.targets[chosen & (given.shares > 0)]
    return bool((targets != targets[:1]).any())


def _weigh(forms: list[tuple[Form, Lagged]], judges: Judges, given: Lagged, link: str) -> list[tuple[float, Candidate]]:
    """Weights, one in sum, and what they are of: regressions, or the shares of the classes alone."""
    if len(judges.counts) < 2:
        return [(1.0, Candidate(None, np.inf, np.empty(0)))]
    starts = np.array([at_shares(forms[0][1]._replace(shares=fit), link) for fit in judges.fits])
    plain = Candidate(None, np.inf, losses_of(forms[0][1], judges.shares, starts, link))
    regressions = [each for form, own in forms for each in _path(form, own, judges, link)]
    losses = np.array([each.losses for each in (plain, *regressions)])
    judged = given.shares[(judges.shares > 0).any(axis=0)]
    n = judged.sum() ** 2 / (judged**2).sum()  # samples that weigh alike and tell as much (Kish 1965)
    beforehand = np.append(1.0, np.full(len(regressions), 1 / len(regressions)))  # the shares as much as all others
    mean = losses @ judges.counts / judges.counts.sum()
    weights = beforehand * np.exp(n * (mean.min() - mean))
    weights[weights < LEAST_WEIGHT * weights.sum()] = 0.0
    weights /= weights.sum()
    gains = judges.counts * (plain.losses - weights @ losses)
    if gains.mean() <= SURE * gains.std(ddof=1) / np.sqrt(len(gains)):
        return [(1.0, plain)]
    taken = zip(weights, (plain, *regressions), strict=True)
    return [(float(weight), each) for weight, each in taken if weight]


def _path(form: Form, given: Lagged, judges: Judges, link: str) -> list[Candidate]:
    """One form with every penalty, from the strongest to those that no longer do better where it is judged."""
    coefs = np.array([at_shares(given._replace(shares=fit), link) for fit in judges.fits])
    found: list[Candidate] = []
    for alpha in PENALTIES:
        coefs = solve_each(given, judges.fits, form.variances, alpha, link, coefs)
        found.append(Candidate(form, float(alpha), losses_of(given, judges.shares, coefs, link)))
        if len(found) - 1 - int(np.argmin([judges.counts @ each.losses for each in found])) == PATIENCE:
            break
    return found


def _map_of(
    chosen: list[tuple[float, Candidate]], given: Lagged, scaler: Scaler, link: str, first_before: bool
) -> LinearLags:
    """The weighted sum of regressions on the samples, in the columns' own units; the shares alone whatever the rows."""
    D, K, P = len(scaler.mean), given.targets.shape[1], given.lags.shape[1]
    if all(each.form is None for _, each in chosen):
        return LinearLags(np.zeros((1, D, K)), at_shares(given, link)[-1], scaler.mean)
    total = np.zeros((P + 1, K))
    for weight, (form, alpha, _) in chosen:
        if form is None:
            total += weight * at_shares(given, link)
        else:
            coef = solve(form.of_lags(given, D), form.variances, alpha, link)
            total += weight * form.expand(coef, P, D)
    return own_units(total, np.zeros(K), scaler, first_before)
