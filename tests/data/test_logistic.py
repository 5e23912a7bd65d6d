"""The linear part of classifiers, against scikit-learn's logistic regression on a table of lags."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from grukit.data import ALL_ALIKE, Samples, Scaler, read_table, stand_alone, windows
from grukit.data.lag_table import lagged
from grukit.data.logistic import PENALTIES, fit_logistic
from grukit.data.logistic_solver import Form, Lagged, solve
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


def known(z, classes, alpha):
    """Coefficients (P + 1, K) of scikit-learn."""
    model = LogisticRegression(C=1 / (alpha * WEIGHTS.sum()), tol=1e-10, max_iter=10_000).fit(z, classes, WEIGHTS)
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


def test_the_map_is_in_the_units_of_the_columns_and_its_penalty_is_told():
    labels = np.c_[SCORE > 0, SCORE + X[:, -1, 1] > 1].astype(float)
    found = fit_logistic(samples(labels), samples(labels), SCALER, T, 2, "logit")
    z = lagged(samples(None), SCALER, T)
    alpha = found.alpha[0] / N
    both = [known(z, own, alpha)[:, 0] for own in labels.T]
    relative = [known(z[:, D:] - np.tile(z[:, :D], T - 1), own, alpha)[:, 0] for own in labels.T]
    forms = [
        expit(table @ np.transpose(coef)[:-1] + np.transpose(coef)[-1])
        for table, coef in ((z, both), (z[:, D:] - np.tile(z[:, :D], T - 1), relative))
    ]
    given = expit(found.linear.predict(SEQUENCES, False))
    assert min(np.abs(given - each).max() for each in forms) < 1e-4
    np.testing.assert_array_equal(found.final.coef, found.linear.coef)


def in_time():
    """Windows of a table, and the rows that are learned from and judged on: each of five blocks, and all before it."""
    values = np.random.default_rng(4).normal(size=(N, D)).cumsum(axis=0)
    block = np.arange(N) * 10 // N
    return windows(read_table(values, values), T), values, [(block < j, block == j) for j in range(5, 10)]


def on_their_own():
    """Sequences, and five parts in which the samples of each class take turns."""
    part = np.empty(N, int)
    for label in (False, True):
        part[own] = np.arange((own := (SCORE > 0) == label).sum()) % 5
    return SEQUENCES, X[:, -1], [(part != j, part == j) for j in range(5)]


def log_losses(table, classes, folds, alpha):
    """Sum over the folds, of scikit-learn."""
    total = 0.0
    for fit, judge in folds:
        model = LogisticRegression(C=1 / (alpha * WEIGHTS[fit].sum()), solver="newton-cholesky")
        p = model.fit(table[fit], classes[fit], WEIGHTS[fit]).predict_proba(table[judge])[:, 1]
        total -= WEIGHTS[judge] @ np.log(np.where(classes[judge] == 1, p, 1 - p))
    return total


@pytest.mark.parametrize(("kind", "relative"), [(in_time, False), (in_time, True), (on_their_own, None)])
def test_the_form_and_the_penalty_are_those_of_least_log_loss_where_they_are_judged(kind, relative):
    sequences, last, folds = kind()
    given = Samples(sequences, None, WEIGHTS, False, ALL_ALIKE)
    z = lagged(given, SCALER, T)
    tables = [z, z[:, D:] - np.tile(z[:, :D], T - 1)]
    classes = (SCORE > 0).astype(float)
    if kind is in_time:
        score = tables[1][:, 0] if relative else last[:, 0] - last[:, 0].mean()
        classes = (score + 0.5 * score.std() * np.random.default_rng(3).logistic(size=N) > 0).astype(float)
    losses = [[log_losses(table, classes, folds, alpha) for alpha in PENALTIES] for table in tables]
    form, chosen = np.unravel_index(np.argmin(losses), np.shape(losses))
    found = fit_logistic(*2 * [replace(given, targets=classes[:, None])], SCALER, T, 1, "binary")
    assert found.alpha[0] == pytest.approx(PENALTIES[chosen] * N)
    expected = known(tables[form], classes, PENALTIES[chosen])
    outputs = tables[form] @ expected[:-1] + expected[-1]
    np.testing.assert_allclose(found.linear.predict(sequences, False), outputs, atol=2e-3)


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
    found = fit_logistic(wide, wide, scaler := Scaler.fit(rows.reshape(-1, 1)), 60, 1, "binary")
    z, alpha = lagged(wide, scaler, 60), found.alpha[0] / 30
    tables = z, z[:, 1:] - z[:, :1]
    forms = [
        LogisticRegression(C=1 / (alpha * 30), tol=1e-10, max_iter=10_000).fit(each, target).decision_function(each)
        for each in tables
    ]
    given = found.linear.predict(wide.sequences, False)[:, 0]
    assert min(np.abs(given - each).max() for each in forms) < 1e-4 * np.abs(given).max()


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
