"""A classifier of few rows of which nothing is known: the shares of the classes, without a network."""

import numpy as np
import pandas as pd

from grukit import GRUClassifier, GRURegressor
from grukit.estimators import _folds


def coin(n):
    index = pd.date_range("2024", periods=n, freq="D")
    rng = np.random.default_rng(7)
    return pd.DataFrame({"x": rng.normal(size=n)}, index), pd.Series(rng.permutation(np.arange(n) % 3 > 0), index)


def test_below_50_rows_that_tell_nothing_the_shares_of_the_classes_are_left():
    X, y = coin(45)
    model = GRUClassifier(4, window=4, max_iter=12, random_state=0).fit(X, y)
    assert np.isinf(model.linear_alpha_) and model.best_iter_ == 0 and model.alone_ is None
    np.testing.assert_allclose(model.predict_proba(X)[True], 2 / 3, rtol=1e-6)


def test_who_asks_for_a_network_alone_has_it_trained():
    X, y = coin(45)
    y = X["x"] > 0
    model = GRUClassifier(4, window=4, max_iter=12, random_state=0, linear_lags=0, learning_rate_init=0.05).fit(X, y)
    assert model.best_iter_ > 0
    assert model.score(X, y) > 0.9


def test_epochs_of_a_classifier_are_judged_on_all_that_follows_a_block(monkeypatch):
    X, _ = coin(60)
    y, seen = X["x"].rolling(2).sum() > 0, []
    count = _folds.count_epochs

    def counting(model, inputs, targets, folds, **beside):
        seen.append([(len(training.sequences), len(judged.sequences)) for training, judged in folds])
        return count(model, inputs, targets, folds, **beside)

    monkeypatch.setattr(_folds, "count_epochs", counting)
    GRUClassifier(4, window=4, max_iter=12, random_state=0).fit(X, y)
    GRURegressor(4, window=4, max_iter=12, random_state=0, linear_lags=0, anchor=None).fit(X, y.astype(float))
    begins = (30, 38, 45, 52)
    assert seen[0] == [(begin, 60 - begin) for begin in begins]
    assert seen[-1] == [(begin, end - begin) for begin, end in zip(begins, (*begins[1:], 60), strict=True)]
