"""A classifier of few rows of which nothing is known: the shares of the classes, without a network."""

import numpy as np
import pandas as pd

from grukit import GRUClassifier


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
