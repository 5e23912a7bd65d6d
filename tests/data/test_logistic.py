"""The linear part of classifiers, against scikit-learn's logistic regression on a table of lags."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from grukit.data import ALL_ALIKE, Samples, Scaler, read_table, stand_alone, windows
from grukit.data.lag_table import lagged
from grukit.data.logistic import PENALTIES, fit_logistic
from grukit.data.logistic_solver import Form, Lagged, at_shares, losses_of, solve, solve_each
from grukit.data.stacking import Basis

RNG = np.random.default_rng(0)
N, T, D = 200, 3, 2
X = RNG.normal(size=(N, T, D)).cumsum(axis=1)
SCORE = X[:, -1, 0] - X[:, -2, 0] + 0.5 * X[:, -1, 1] + RNG.logistic(size=N)
SEQUENCES = stand_alone(X.reshape(-1, D), np.full(N, T))
SCALER = Scaler.fit(SEQUENCES.values)
WEIGHTS = RNG.uniform(0.5, 2, N)


def samples(targets):
    return Samples(SEQUENCES, targets, WEIGHTS, False, ALL_ALIKE)


def known(z, classes, alpha, weights=WEIGHTS):
    """Coefficients (P + 1, K) of scikit-learn."""
    model = LogisticRegression(C=1 / (alpha * weights.sum()), tol=1e-10, max_iter=10_000).fit(z, classes, weights)
    return np.vstack([model.coef_.T, model.intercept_])


def test_lags_are_those_of_a_table():
    scaled = (X - SCALER.mean) / SCALER.scale
    np.testing.assert_allclose(lagged(samples(None), SCALER, 4)[:, : T * D], scaled[:, ::-1].reshape(N, -1), atol=1e-12)
    assert (lagged(samples(None), SCALER, 4)[:, T * D :] == 0).all()  # there is no fourth row


@pytest.mark.parametrize("alpha", [1e-4, 0.1])
@pytest.mark.parametrize("relative", [False, True])
def test_coefficients_of_two_classes_are_scikit_learns(alpha, relative):
    classes = (SCORE > 0).astype(float)
    given = Lagged.of(samples(classes[:, None]), SCALER, T, 1, "binary")
    form = Form.of(given, Basis(-1, relative), D)
    coef = form.expand(solve(form.of_lags(given, D), form.variances, alpha, "binary"), T * D, D)
    z = given.lags[:, D:] - np.tile(given.lags[:, :D], T - 1) if relative else given.lags
    expected = known(z, classes, alpha)
    outputs = given.lags @ coef[:-1] + coef[-1]
    np.testing.assert_allclose(outputs, z @ expected[:-1] + expected[-1], atol=2e-4)


def test_coefficients_of_three_classes_are_scikit_learns():
    classes = np.digitize(SCORE, [-1, 1]).astype(float)
    given = Lagged.of(samples(classes[:, None]), SCALER, T, 3, "softmax")
    form = Form.of(given, Basis(-1, False), D)
    coef = form.expand(solve(form.of_lags(given, D), form.variances, 0.01, "softmax"), T * D, D)
    np.testing.assert_allclose(
        softmax(given.lags @ coef[:-1] + coef[-1], axis=1),
        softmax(given.lags @ (own := known(given.lags, classes, 0.01))[:-1] + own[-1], axis=1),
        atol=1e-4,
    )


def pooled(tables, classes, folds, weights=WEIGHTS):
    """Log odds of a pool of scikit-learn's regressions, the penalty of the heaviest, and whether the pool surely gains."""
    regressions, losses = [], []
    for table in tables:
        path = []
        for alpha in PENALTIES:
            path.append([log_loss_of(table, classes, *fold, alpha, weights) for fold in folds])
            regressions.append((table, alpha))
            losses.append(path[-1])
            if len(path) - 1 - np.argmin(np.sum(path, axis=1)) == 3:
                break
    plain = [log_loss_of_shares(classes, *fold, weights) for fold in folds]
    judged = weights[np.any([judge for _, judge in folds], axis=0)]
    counts = np.array([weights[judge].sum() for _, judge in folds])
    n = judged.sum() ** 2 / (judged**2).sum()
    mean = np.sum([plain, *losses], axis=1) / counts.sum()
    likely = np.exp(-n * (mean - mean.min())) * np.append(1, np.full(len(losses), 1 / len(losses)))
    likely[likely < 0.01 * likely.sum()] = 0
    likely /= likely.sum()
    gains = np.array(plain) - likely @ np.array([plain, *losses])
    share = np.average(classes, weights=weights)
    outputs = np.full(len(classes), likely[0] * np.log(share / (1 - share)))
    for weight, (table, alpha) in zip(likely[1:], regressions, strict=True):
        if weight:
            coef = known(table, classes, alpha, weights)
            outputs += weight * (table @ coef[:-1] + coef[-1])[:, 0]
    # Of weak penalties that hardly differ in weight, which is the heaviest is a matter of rounding.
    heaviest = np.array([alpha for _, alpha in regressions])[likely[1:] > (1 - 1e-4) * likely[1:].max()]
    return outputs, heaviest, gains.mean() > 1.5 * gains.std(ddof=1) / np.sqrt(len(gains)), likely


def in_time(n_lags=T):
    """Windows of a table, tables of regressors, and what is learned from and judged on: all before a block, and all after."""
    values = np.random.default_rng(4).normal(size=(N, D)).cumsum(axis=0)
    block = np.arange(N) * 10 // N
    scaled = (values - SCALER.mean) / SCALER.scale
    z = np.hstack(
        [scaled[np.maximum(np.arange(N) - lag, 0)] for lag in range(n_lags)]
    )  # the first row before the first
    levels = [z[:, : m * D] for m in (n_lags, 4) if m <= n_lags]
    tables = [
        each for level in levels for each in (level, level[:, D:] - np.tile(level[:, :D], level.shape[1] // D - 1))
    ]
    sequences = windows(read_table(values, values), n_lags)
    return sequences, tables, values[:, 0] - values[:, 0].mean(), [(block < j, block >= j) for j in range(5, 10)]


def on_their_own():
    """Sequences, and five parts in which the samples of each class take turns."""
    part = np.empty(N, int)
    for label in (False, True):
        part[own] = np.arange((own := (SCORE > 0) == label).sum()) % 5
    z = lagged(samples(None), SCALER, T)
    tables = [z, z[:, D:] - np.tile(z[:, :D], T - 1)]
    return SEQUENCES, tables, None, [(part != j, part == j) for j in range(5)]


def log_loss_of(table, classes, fit, judge, alpha, weights):
    """Sum over those that judge, of scikit-learn."""
    model = LogisticRegression(C=1 / (alpha * weights[fit].sum()), solver="newton-cholesky", tol=1e-9)
    p = model.fit(table[fit], classes[fit], weights[fit]).predict_proba(table[judge])[:, 1]
    return -weights[judge] @ np.log(np.where(classes[judge] == 1, p, 1 - p))


def log_loss_of_shares(classes, fit, judge, weights):
    p = np.average(classes[fit], weights=weights[fit])
    return -weights[judge] @ np.log(np.where(classes[judge] == 1, p, 1 - p))


@pytest.mark.parametrize(
    ("kind", "relative"), [(in_time, False), (in_time, True), (lambda: in_time(6), False), (on_their_own, None)]
)
@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_regressions_are_weighted_by_how_well_they_forecast_what_judges_them(kind, relative, noise):
    """Of forms, penalties and numbers of lags, as a pool of scikit-learn's regressions; the first row for those before."""
    sequences, tables, level, folds = kind()
    given = Samples(sequences, None, WEIGHTS, False, ALL_ALIKE)
    classes = (SCORE > 0).astype(float)
    if level is not None:
        score = tables[1][:, 0] if relative else level
        classes = (score + noise * score.std() * np.random.default_rng(3).logistic(size=N) > 0).astype(float)
    expected, alpha, sure, likely = pooled(tables, classes, folds)
    assert sure and (likely > 0).sum() > 1
    found = fit_logistic(*2 * [replace(given, targets=classes[:, None])], SCALER, sequences.lengths.max(), 1, "binary")
    assert np.isclose(found.alpha[0], alpha * N).any()
    np.testing.assert_allclose(found.linear.predict(sequences, False)[:, 0], expected, atol=2e-3)
    np.testing.assert_array_equal(found.final.coef, found.linear.coef)


def test_a_fit_to_one_class_judges_nothing():
    """Of two classes of which one comes late, the blocks before it are left out."""
    values = np.random.default_rng(5).normal(size=(N, 1))
    classes = (values[:, 0] > 0).astype(float)
    classes[: N * 6 // 10] = 1.0
    sequences, scaler = windows(read_table(values, values), 2), Scaler.fit(values)
    given = Samples(sequences, classes[:, None], np.ones(N), False, ALL_ALIKE)
    scaled = (values - scaler.mean) / scaler.scale
    z = np.hstack([scaled, scaled[np.maximum(np.arange(N) - 1, 0)]])
    block = np.arange(N) * 10 // N
    folds = [(block < j, block >= j) for j in (7, 8, 9)]
    expected, alpha, sure, _ = pooled([z, z[:, 1:] - z[:, :1]], classes, folds, np.ones(N))
    assert sure
    found = fit_logistic(given, given, scaler, 2, 1, "binary")
    assert np.isclose(found.alpha[0], alpha * N).any()
    np.testing.assert_allclose(found.linear.predict(sequences, False)[:, 0], expected, atol=2e-3)


def test_of_one_class_there_is_its_share():
    ones = np.ones((N, 1))
    found = fit_logistic(samples(ones), samples(ones), SCALER, T, 1, "binary")
    assert np.isinf(found.alpha).all() and (found.final.coef == 0).all()
    np.testing.assert_allclose(found.final.intercept, np.log(1e6 - 1), rtol=1e-9)


@pytest.mark.parametrize(("link", "K"), [("binary", 1), ("softmax", 3), ("logit", 2)])
def test_newtons_method_finds_what_lbfgs_does(monkeypatch, link, K):
    labels = {
        "binary": (SCORE > 0)[:, None],
        "softmax": np.digitize(SCORE, [-1, 1])[:, None],
        "logit": np.c_[SCORE > 0, SCORE + X[:, -1, 1] > 1],
    }[link].astype(float)
    given = Lagged.of(samples(labels), SCALER, T, K, link)
    form = Form.of(given, Basis(-1, False), D)
    own = form.of_lags(given, D)
    shares = np.array([own.shares, np.where(np.arange(N) < 100, own.shares, 0)])
    shares /= shares.sum(axis=1, keepdims=True)
    if link == "softmax":  # the last class is unknown to the second fit
        shares[1, labels[:, 0] == 2] = 0
        shares[1] /= shares[1].sum()
    starts = np.array([at_shares(own._replace(shares=each), link) for each in shares])
    for alpha in (1.0, 1e-5):
        newton = solve_each(own, shares, form.variances, alpha, link, starts)
        with monkeypatch.context() as patched:
            patched.setattr("grukit.data.logistic_solver.FEW_UNKNOWNS", 0)
            known_ones = solve_each(own, shares, form.variances, alpha, link, starts)
        ours, theirs = (expit(own.lags @ each[:, :-1] + each[:, -1:]) for each in (newton, known_ones))
        if link == "softmax":
            ours, theirs = (softmax(own.lags @ each[:, :-1] + each[:, -1:], axis=-1) for each in (newton, known_ones))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
        losses = [losses_of(own, shares, each, link) for each in (newton, known_ones)]
        squares = [alpha / 2 * (each[:, :-1] ** 2).sum(axis=(1, 2)) for each in (newton, known_ones)]
        assert (losses[0] + squares[0] <= losses[1] + squares[1] + 1e-5).all()


def test_labels_that_nothing_tells_have_their_shares():
    labels = np.random.default_rng(1).integers(0, 2, N).astype(float)
    found = fit_logistic(samples(labels[:, None]), samples(labels[:, None]), SCALER, T, 1, "binary")
    assert np.isinf(found.alpha).all() and (found.final.coef == 0).all()
    share = np.average(labels, weights=WEIGHTS)
    np.testing.assert_allclose(expit(found.final.intercept), share, rtol=1e-12)


def test_more_lags_than_samples():
    rows = np.random.default_rng(2).normal(size=(30, 60)) + np.linspace(-1, 1, 30)[:, None]
    target = (rows[:, 40:].mean(axis=1) > 0).astype(float)
    wide = Samples(stand_alone(rows.reshape(-1, 1), np.full(30, 60)), target[:, None], np.ones(30), False, ALL_ALIKE)
    scaler = Scaler.fit(rows.reshape(-1, 1))
    z, part = lagged(wide, scaler, 60), np.empty(30, int)
    for label in (0, 1):
        part[target == label] = np.arange((target == label).sum()) % 5
    folds = [(part != j, part == j) for j in range(5)]
    expected, alpha, sure, _ = pooled([z, z[:, 1:] - z[:, :1]], target, folds, np.ones(30))
    assert sure
    found = fit_logistic(wide, wide, scaler, 60, 1, "binary")
    assert np.isclose(found.alpha[0], alpha * 30).any()
    np.testing.assert_allclose(found.linear.predict(wide.sequences, False)[:, 0], expected, atol=1e-3)


def test_of_many_samples_some_are_taken(monkeypatch):
    """Evenly spaced, so many that their lags are no more than a bound: the same map as of these alone."""
    classes = (X[:, -1, :1] > X[:, -2, :1]).astype(float)
    whole = samples(classes)
    half = whole.take(np.arange(0, N, 2), WEIGHTS[::2])
    expected = fit_logistic(half, half, SCALER, T, 1, "binary").linear
    monkeypatch.setattr("grukit.data.logistic.MOST", len(half.weights) * T * D)
    found = fit_logistic(whole, whole, SCALER, T, 1, "binary").linear
    np.testing.assert_array_equal(found.coef, expected.coef)
    np.testing.assert_array_equal(found.intercept, expected.intercept)
    assert np.abs(found.coef).max() > 0.1
