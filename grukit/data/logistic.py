"""The linear part of a classifier: logistic regression on lags, its form and penalty chosen by what it forecasts."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from grukit.data.folds import turns_of_classes
from grukit.data.lags import LinearLags, blocks_of, lagged
from grukit.data.ridge import FittedLinear, own_units
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.stacking import SURE, Basis

PENALTIES = np.logspace(1, -6, 15)  # of the coefficients' squares, beside a mean of losses; the strongest first
PATIENCE = 3  # weaker penalties that are tried without doing better
N_BLOCKS = 10  # of a table, in time: each of the second half judges what was fitted to all before it
N_TURNS = 5  # parts of samples that stand alone; each judges what was fitted to the others
MANY, FEW_JUDGES = 1 << 21, 2  # numbers in a table of lags from which so many blocks judge
MOST = 1 << 23  # numbers in such a table, 64 MiB: of more samples every second is taken, every third, and so on
LEAST_VARIANCE = 1e-12  # of a direction, as a share of the largest one's
RAREST = 1e-6  # share of a class that an intercept takes for the least
FIRST_CORRECTIONS, MOST_STEPS = 20, 300  # of L-BFGS


class Lagged(NamedTuple):
    """Samples as logistic regression takes them."""

    lags: np.ndarray  # (n, P) standardised, lag by lag
    targets: np.ndarray  # (n, K) zeros and ones, one in a row under a softmax
    shares: np.ndarray  # (n,) of the weights, one in sum

    @classmethod
    def of(cls, samples: Samples, scaler: Scaler, n_lags: int, n_outputs: int, link: str) -> "Lagged":
        """All samples, or all of their steps."""
        targets, weights = samples.targets_seen()
        if link == "softmax":
            targets = np.eye(n_outputs)[targets[:, 0].astype(np.int64)]
        return cls(lagged(samples, scaler, n_lags), targets, weights / weights.sum())

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
    if form is None:
        linear, final = (_intercept(each, scaler, link) for each in (given, whole))
    else:
        linear, final = (_map_of(form, each, alpha, scaler, link) for each in (given, whole))
    return FittedLinear(linear, final, np.full(n_outputs, -1), np.full(n_outputs, alpha * len(given.shares)))


def _thinned(samples: Samples, n_regressors: int) -> Samples:
    """As many of the samples, evenly spaced, as have no more than ``MOST`` lags, or one."""
    n_steps = int(samples.sequences.lengths.sum()) if samples.per_step else len(samples.sequences)
    each = -(-n_steps * n_regressors // MOST)
    chosen = np.arange(0, len(samples.sequences), max(each, 1))
    return samples.take(chosen, samples.weights[chosen])


def _map_of(form: Form, given: Lagged, alpha: float, scaler: Scaler, link: str) -> LinearLags:
    """Logistic regression in a form, in the columns' own units."""
    D = len(scaler.mean)
    coef = solve(form.of_lags(given, D), form.variances, alpha, link)
    return own_units(form.expand(coef, given.lags.shape[1], D), np.zeros(given.targets.shape[1]), scaler)


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
        alpha, own = _best_penalty(form, given, judges, link)
        if weight @ own < least:
            best, least, losses = (alpha, form), float(weight @ own), own
    gains = weight * (plain - losses)
    sure = gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(len(gains))
    return best if sure else (np.inf, None)


def _best_penalty(
    form: Form, given: Lagged, judges: list[tuple[np.ndarray, np.ndarray]], link: str
) -> tuple[float, np.ndarray]:
    """The penalty of least loss where it is judged, and its losses (n_judges,)."""
    parts = [(given.take(fit), given.take(judge)) for fit, judge in judges]
    weight = np.array([given.shares[judge].sum() for _, judge in judges])
    coefs = [_at_shares(fit, link) for fit, _ in parts]
    found: list[tuple[float, np.ndarray]] = []
    least, waited = np.inf, 0
    for alpha in PENALTIES:
        coefs = [solve(fit, form.variances, alpha, link, coef) for (fit, _), coef in zip(parts, coefs, strict=True)]
        losses = np.array([loss_of(judge, coef, link) for (_, judge), coef in zip(parts, coefs, strict=True)])
        found.append((float(alpha), losses))
        least, waited = min(least, float(weight @ losses)), waited + 1 if weight @ losses >= least else 0
        if waited == PATIENCE:
            break
    return min(found, key=lambda each: float(weight @ each[1]))


def solve(given: Lagged, variances: np.ndarray, alpha: float, link: str, start: np.ndarray | None = None) -> np.ndarray:
    """Coefficients (Q + 1, K), the last the intercepts, of least mean loss plus ``alpha / 2`` times their squares.

    By L-BFGS, in coordinates in which the second derivatives are near one where classes are alike.

    Parameters
    ----------
    given : Lagged
        With coordinates (n, Q) in uncorrelated directions.
    variances : ndarray of shape (Q,)
        Theirs.
    alpha : float
        The penalty; intercepts have none.
    link : str
        See :mod:`grukit.data.links`.
    start : ndarray of shape (Q + 1, K), default=None
        Where to begin; None: at the shares of the classes.
    """
    Q, K = given.lags.shape[1], given.targets.shape[1]
    scale = np.append(1 / np.sqrt(variances / 4 + alpha), 2.0)[:, None]
    penalty = np.append(np.full(Q, alpha), 0.0)[:, None]
    begin = _at_shares(given, link) if start is None else start

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coef = flat.reshape(Q + 1, K) * scale
        outputs = given.lags @ coef[:-1] + coef[-1]
        losses, means = _losses_and_means(outputs, given.targets, link)
        d_outputs = (means - given.targets) * given.shares[:, None]
        slope = np.vstack([given.lags.T @ d_outputs, d_outputs.sum(axis=0)]) + penalty * coef
        value = given.shares @ losses + (penalty * coef**2).sum() / 2
        return float(value), (slope * scale).ravel()

    options = {"maxiter": MOST_STEPS, "maxcor": FIRST_CORRECTIONS, "ftol": 1e-10, "gtol": 1e-6}
    found = minimize(value_and_slope, (begin / scale).ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(Q + 1, K) * scale


def loss_of(given: Lagged, coef: np.ndarray, link: str) -> float:
    """Mean loss of coefficients (Q + 1, K)."""
    losses, _ = _losses_and_means(given.lags @ coef[:-1] + coef[-1], given.targets, link)
    return float(given.shares @ losses)


def _losses_and_means(outputs: np.ndarray, targets: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """Of outputs (n, K): cross entropies (n,), or sums of log losses over labels, and probabilities (n, K) of ones.

    ``scipy.special.logsumexp`` takes 0.1 ms a call, of a few hundred rows ten times what the rest of a step takes.
    """
    if link == "softmax":
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        powers = np.exp(shifted)
        total = powers.sum(axis=1, keepdims=True)
        return np.log(total[:, 0]) - (shifted * targets).sum(axis=1), powers / total
    return (np.logaddexp(0.0, outputs) - outputs * targets).sum(axis=1), expit(outputs)


def _at_shares(given: Lagged, link: str) -> np.ndarray:
    """Coefficients (Q + 1, K) of the shares of the classes, or labels, alone."""
    coef = np.zeros((given.lags.shape[1] + 1, given.targets.shape[1]))
    share = np.clip(given.shares @ given.targets, RAREST, 1 - RAREST)
    coef[-1] = np.log(share) if link == "softmax" else np.log(share / (1 - share))
    return coef


def _loss_of_shares(given: Lagged, fit: np.ndarray, judge: np.ndarray, link: str) -> float:
    return loss_of(given.take(judge), _at_shares(given.take(fit), link), link)


def _intercept(given: Lagged, scaler: Scaler, link: str) -> LinearLags:
    """The shares of the classes, whatever the last row is."""
    D, K = len(scaler.mean), given.targets.shape[1]
    return LinearLags(np.zeros((1, D, K)), _at_shares(given, link)[-1], scaler.mean)
