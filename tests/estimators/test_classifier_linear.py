"""GRUClassifier begins at logistic regression: the same model in predictors, streams and files, and what is chosen."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from grukit import GRUClassifier, load
from grukit.data.stacking import Basis
from grukit.inspection import gradient_flow, saliency

STILL = {"max_iter": 1, "learning_rate_init": 1e-30}  # trains without a change of the weights
SMALL = {"hidden_layer_sizes": 4, "window": 4, "max_iter": 12, "random_state": 0, "dtype": "float64"}
RNG = np.random.default_rng(0)
N, TRAIN, TEST = 240, slice(0, 200), slice(200, 240)
X = pd.DataFrame(RNG.normal(size=(N, 2)), pd.date_range("2024", periods=N, freq="h"), ["a", "b"])
SCORE = X["a"] + 0.7 * X["a"].shift(1, fill_value=0) - X["b"] + 0.5 * RNG.logistic(size=N)
LABELS = {
    "two": SCORE > 0,
    "three": pd.Series(np.digitize(SCORE, [-1, 1]), X.index),
    "several": pd.DataFrame({"high": SCORE > 0.5, "low": SCORE < -0.5}, X.index),
}


def fitted(kind="two", **changes):
    return GRUClassifier(**{**SMALL, **changes}).fit(X[TRAIN], LABELS[kind][TRAIN])


def lag_table(n=4):
    """Lags of a and b; the first row stands for those before it."""
    return np.hstack([X.to_numpy()[np.maximum(np.arange(N) - k, 0)] for k in range(n)])


@pytest.mark.parametrize("kind", LABELS)
def test_predictors_streams_files_and_pickles_agree_with_predict_proba(kind, tmp_path):
    model = fitted(kind, early_stopping=False)
    assert model.linear_coef_.shape == (4, 2, {"two": 1, "three": 3, "several": 2}[kind])
    whole = np.asarray(model.predict_proba(X, context=None))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X, context=None)), whole, rtol=1e-12)
    windows = np.stack([X.iloc[i : i + 4].to_numpy() for i in range(100, 120)])
    predict = model.predictor()
    np.testing.assert_allclose(predict(windows), whole[103:123], rtol=1e-13)
    np.testing.assert_allclose(predict(windows[0]), whole[103], rtol=1e-13)
    stream = model.stream()
    np.testing.assert_allclose([stream.step(row) for row in X.iloc[:4].to_numpy()], whole[:4], rtol=1e-13)
    model.save(tmp_path / "model.gru")
    for again in (pickle.loads(pickle.dumps(model)), load(tmp_path / "model.gru")):
        np.testing.assert_array_equal(again.predict_proba(X, context=None), whole)
    np.testing.assert_array_equal(model.predict_proba(X[TEST]), whole[TEST])


def test_epoch_zero_is_logistic_regression_on_lags(monkeypatch):
    """Of one form and penalty, which is so much more likely than the shares that it is alone."""
    monkeypatch.setattr("grukit.data.logistic._bases", lambda n_lags, in_time: [Basis(-1, False)])
    monkeypatch.setattr("grukit.data.logistic.PENALTIES", np.array([0.02]))
    model = fitted(early_stopping=False, **STILL)
    assert model.linear_alpha_[0] == pytest.approx(0.02 * 200)
    z = (lag_table() - np.tile(X[TRAIN].mean(), 4)) / np.tile(X[TRAIN].std(ddof=0), 4)
    known = LogisticRegression(C=1 / 4, tol=1e-10, max_iter=10_000).fit(z[TRAIN], LABELS["two"][TRAIN])
    np.testing.assert_allclose(model.predict_proba(X, context=None), known.predict_proba(z), atol=2e-4)


@pytest.mark.parametrize("kind", LABELS)
def test_the_training_loss_is_that_of_both_together(kind):
    model = fitted(kind, early_stopping=False, solver="sgd", shuffle=False, batch_size=200, **STILL)
    p, y = np.asarray(model.predict_proba(X[TRAIN], context=None)), LABELS[kind][TRAIN]
    several = kind == "several"
    expected = np.mean([log_loss(y[name], p[:, k]) for k, name in enumerate(y)]) if several else log_loss(y, p)
    assert model.loss_ == pytest.approx(expected, rel=1e-9)


def test_gradients_see_what_the_linear_part_gives():
    model = fitted(early_stopping=False)
    p = np.asarray(model.predict_proba(X[TRAIN], context=None))[:, 1]
    head = np.linalg.norm(model.weights_["head.weight"])
    flow = gradient_flow(model, X[TRAIN], LABELS["two"][TRAIN], context=None)
    assert flow.loc[0, 0] == pytest.approx(np.abs(p - LABELS["two"][TRAIN]).mean() * head, rel=1e-9)
    # Of the log odds, against a central difference.
    slopes = saliency(model, X[:50], rows=X.index[[40]], context=None)
    predict, window, step = model.predictor(), X.iloc[37:41].to_numpy(), 1e-5

    def log_odds(change):
        p = predict(window + change)
        return np.log(p[1] / p[0])

    for lag in range(4):
        change = np.zeros((4, 2))
        change[3 - lag, 0] = step
        expected = (log_odds(change) - log_odds(-change)) / (2 * step)
        assert slopes["a"].iloc[lag] == pytest.approx(expected, rel=1e-6)


def test_labels_at_every_step_and_sequences_of_unequal_length():
    rng = np.random.default_rng(1)
    ragged = [rng.normal(size=(3 + i % 5, 2)) for i in range(60)]
    labels = [(x.cumsum(axis=0)[:, 0] > 0).astype(int) for x in ragged]
    settings = {**SMALL, "window": None}
    model = GRUClassifier(**settings, linear_lags=2).fit(ragged, labels)
    assert model.linear_coef_.shape == (2, 2, 1) and model.linear_coef_[0, 0, 0] > 0.5
    predict = model.predictor()
    for x, p in zip(ragged, model.predict_proba(ragged), strict=True):
        np.testing.assert_allclose(predict(x), p, rtol=1e-12)
    ends = np.array([each[-1] for each in labels])
    model = GRUClassifier(**settings).fit(ragged, ends)
    assert model.validation_curve_ is not None
    assert "epochs do best on 4 parts, each judged by what the others taught." in model.stop_reason_
    np.testing.assert_allclose(
        [predict(x) for predict in [model.predictor()] for x in ragged], model.predict_proba(ragged)
    )


def test_given_lags_and_none_are_kept_and_warm_starts_go_on():
    assert fitted(linear_lags=2).linear_coef_.shape == (2, 2, 1)
    assert fitted(linear_lags=0).linear_coef_.shape == (0, 2, 1)
    model = fitted(early_stopping=False, warm_start=True, max_iter=3)
    before = model.linear_coef_
    model.fit(X[TRAIN], LABELS["two"][TRAIN])
    np.testing.assert_array_equal(model.linear_coef_, before)
    assert model.n_iter_ == 6
    with pytest.raises(ValueError, match="linear_lags is 'auto'; now it is 0"):
        model.set_params(linear_lags=0).fit(X[TRAIN], LABELS["two"][TRAIN])
    assert GRUClassifier(**SMALL).partial_fit(X, LABELS["two"]).linear_coef_.shape == (0, 2, 1)


@pytest.mark.parametrize("n", [12, 30])
def test_weights_are_copies_where_sequences_stand_alone(n):
    rng = np.random.default_rng(2)
    curves = rng.normal(size=(n, 12)).cumsum(axis=1)
    label, times = (curves[:, -1] > curves[:, 0]).astype(int), rng.integers(1, 4, n)
    settings = {"hidden_layer_sizes": 4, "window": None, "max_iter": 5, "random_state": 0, "batch_size": 100}
    weighted = GRUClassifier(**settings).fit(curves, label, sample_weight=times.astype(float))
    copied = GRUClassifier(**settings).fit(np.repeat(curves, times, axis=0), np.repeat(label, times))
    np.testing.assert_array_equal(weighted.predict_proba(curves), copied.predict_proba(curves))


def test_what_was_chosen_is_told():
    assert "logistic regression on 4 rows, penalty" in fitted().summary()
    noise = GRUClassifier(**SMALL).fit(X[TRAIN], np.random.default_rng(3).integers(0, 2, 200))
    assert np.isinf(noise.linear_alpha_).all() and "Linear part: the shares of the classes" in noise.summary()
    share = noise.predict_proba(X)[:, 1]
    assert (np.abs(share - 0.5) < 0.3).all()  # and not sure of anything
    assert expit(noise._fitted.choices.final.intercept)[0] == pytest.approx(0.5, abs=0.1)
