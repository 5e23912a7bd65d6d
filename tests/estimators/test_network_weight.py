"""How much of the network's part a regressor takes beside its linear part."""

import numpy as np
import pandas as pd
import pytest

from grukit import GRUClassifier, GRURegressor, load
from grukit.estimators._weight import weight_by

SMALL = {"hidden_layer_sizes": 6, "window": 6, "learning_rate_init": 0.02, "random_state": 0}
RNG = np.random.default_rng(4)


def products(n, noise=0.3):
    """A table, and y: a product, of which lines explain nothing, and noise."""
    X = pd.DataFrame(RNG.normal(size=(n, 2)), columns=["a", "b"])
    return X, (X["a"] * X["b"] + noise * RNG.normal(size=n)).rename("y")


def parts_of(model, X):
    """What the linear part predicts, and what the network adds: as a user could find them."""
    weights, total = model.weights_, np.asarray(model.predict(X, context=None))
    model.weights_ = {name: 0 * value if name.startswith("head.") else value for name, value in weights.items()}
    linear = np.asarray(model.predict(X, context=None))
    model.weights_ = weights
    return linear, total - linear


def test_the_weight_by_hand():
    # Gains 0.2 and 0.4: their mean is 0.3, its standard error 0.1, so 1 - 2 / 9 of them, and 0.4 of what is left of the loss.
    assert weight_by(np.array([1.6, 0.6]), np.array([2.0, 1.0])) == pytest.approx((1 - 2 / 9) * (1 - 0.4 * 0.7))
    assert weight_by(np.zeros(4), np.ones(4)) == 1.0  # all is gained
    assert weight_by(np.full(3, 0.75), np.ones(3)) == pytest.approx(1 - 0.4 * 0.75)
    assert weight_by(np.array([0.1, 1.0, 1.0, 1.0]), np.ones(4)) == 0.0  # may be chance
    assert weight_by(np.array([1.1, 1.2]), np.ones(2)) == 0.0
    assert weight_by(np.zeros(2), np.zeros(2)) == 0.0  # the linear part leaves nothing
    assert weight_by(np.array([1.0, 0.5]), np.array([0.0, 1.0])) == 0.0
    assert weight_by(np.array([0.5]), np.ones(1)) is None


def test_of_samples_held_out_it_is_by_four_blocks_of_them():
    X, y = products(400)
    X_val, y_val = products(83)
    model = GRURegressor(**SMALL, max_iter=30, alpha=0.0, averaging=0.0).fit(X, y, X_val=X_val, y_val=y_val)
    weight = model.network_weight_
    assert 0.1 < weight < 1
    assert f"Network: {weight:.2f} times its part, by what it gained" in model.summary()
    linear, network = parts_of(model, X_val)
    block = np.arange(83) * 4 // 83
    losses, alone = (
        np.array([((y_val - linear - share * network)[block == b] ** 2).mean() for b in range(4)])
        for share in (1 / weight, 0.0)
    )
    assert weight_by(losses, alone) == pytest.approx(weight, rel=1e-3)


def test_counted_on_blocks_it_is_by_the_losses_of_the_best_number_of_epochs():
    X, y = products(160)
    model = GRURegressor(**SMALL, max_iter=30, alpha=0.0).fit(X, y)
    weight, n_epochs = model.network_weight_, model.best_iter_
    assert 0 < weight < 1 and n_epochs > 0
    plain = GRURegressor(**SMALL, max_iter=n_epochs, alpha=0.0, early_stopping=False, averaging=0.8).fit(X, y)
    assert plain.network_weight_ is None and "Network: " not in plain.summary()
    for name, weights in plain.weights_.items():
        expected = weights * np.float32(weight) if name.startswith("head.") else weights
        np.testing.assert_array_equal(model.weights_[name], expected)
    (linear, network), (same, whole) = parts_of(model, X), parts_of(plain, X)
    np.testing.assert_array_equal(linear, same)
    np.testing.assert_allclose(network, weight * whole, atol=1e-6)


@pytest.mark.parametrize("n", [120, 1500])  # counted on blocks, and held out
def test_a_rule_that_is_learned_is_taken_nearly_whole_and_of_noise_little_is_added(n):
    X, y = products(n, noise=0.0)
    rule = GRURegressor(**SMALL, max_iter=60, alpha=0.0).fit(X, y)
    assert rule.network_weight_ > 0.75
    chance = GRURegressor(**SMALL, max_iter=60, alpha=0.0).fit(X, pd.Series(RNG.normal(size=n), name="y"))
    _, added = parts_of(chance, X)
    assert (added**2).mean() < 0.02  # of the variance of y: that much more squared error


def test_predictors_streams_and_files_hold_it(tmp_path):
    X, y = products(160)
    model = GRURegressor(**SMALL, max_iter=20, alpha=0.0).fit(X, y)
    assert 0 < model.network_weight_ < 1
    model.save(tmp_path / "model.gru")
    opened, stream = load(tmp_path / "model.gru"), model.stream()
    assert opened.network_weight_ == model.network_weight_ and opened.summary() == model.summary()
    expected = model.predict(X, context=None)
    np.testing.assert_array_equal(opened.predict(X, context=None), expected)
    streamed = [stream.step(row) for row in X.to_numpy()[-6:]]
    np.testing.assert_allclose(streamed[-1], expected.iloc[-1], rtol=1e-5)
    np.testing.assert_allclose(model.predictor()(X.to_numpy()[-6:]), expected.iloc[-1], rtol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"early_stopping": False},
        {"anchor": None, "linear_lags": 0},
        {"loss": "poisson"},
        {"loss": "quantile", "quantile": 0.9},  # which is no multiple of a part
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [120, 1100])  # counted on blocks, and held out
def test_there_is_none_where_nothing_is_held_out_or_there_is_no_linear_part(n, changes):
    X, y = products(n)
    assert GRURegressor(**{**SMALL, "max_iter": 3, **changes}).fit(X, np.exp(y)).network_weight_ is None


def test_blocks_for_which_no_anchor_is_found_do_not_judge():
    """Without lags, a block before which y is nearer to its mean than to any column's last value has no linear part."""
    first, later = np.random.default_rng(0).normal(size=(2, 160, 2))
    # Where y leaves its mean, the first two blocks do not train.
    level = np.where(np.arange(160) < 100, 0.0, 30.0 + later[:, 0].cumsum())
    X = pd.DataFrame({"walk": first[:, 0] + level})
    y = pd.Series(first[:, 1] + level, name="y")
    model = GRURegressor(**SMALL, max_iter=30, linear_lags=0).fit(X, y)
    assert model.anchor_ == "walk" and model.best_iter_ > 0
    assert 0 <= model.network_weight_ <= 1 and model.predict(X).notna().all()
    early = GRURegressor(**SMALL, max_iter=1, linear_lags=0, early_stopping=False).fit(X[:100], y[:100])
    assert early.anchor_ is None


def test_the_order_of_sequences_that_judge_is_free_and_a_weight_is_as_many_copies():
    rng = np.random.default_rng(2)
    sequences = rng.normal(size=(260, 6, 2))
    targets = np.abs(sequences[:, -1, 0]) + 0.3 * rng.normal(size=260)
    times, order = rng.integers(0, 3, 60), rng.permutation(60)
    X_val, y_val = sequences[200:], targets[200:]
    given = [
        {"X_val": X_val, "y_val": y_val, "sample_weight_val": times},
        {"X_val": X_val[order], "y_val": y_val[order], "sample_weight_val": times[order]},
        {"X_val": X_val.repeat(times, axis=0), "y_val": y_val.repeat(times)},
    ]
    fits = [GRURegressor(**SMALL, max_iter=30, alpha=0.0).fit(sequences[:200], targets[:200], **each) for each in given]
    assert 0 < fits[0].network_weight_ < 1
    for model in fits[1:]:
        assert model.network_weight_ == fits[0].network_weight_
        np.testing.assert_array_equal(model.predict(X_val), fits[0].predict(X_val))


@pytest.mark.parametrize("n", [160, 1000])  # counted on blocks, and held out
def test_a_quantile_is_not_drawn_towards_the_mean(n):
    X, y = products(n)
    model = GRURegressor(**SMALL, max_iter=40, alpha=0.0, loss="quantile", quantile=0.95).fit(X, y)
    assert model.best_iter_ > 0 and model.network_weight_ is None
    X_new, y_new = products(1000)
    assert (y_new <= model.predict(X_new, context=None)).mean() > 0.9


@pytest.mark.parametrize("n", [160, 1200])  # counted on blocks, and held out
def test_a_classifier_has_none(n):
    X, y = products(n)
    model = GRUClassifier(**SMALL, max_iter=5, alpha=0.0, linear_lags=6).fit(X, np.where(y > 0, "up", "down"))
    assert model.best_iter_ > 0 and "Network: " not in model.summary()


def test_weights_that_are_set_are_taken_whole():
    X, y = products(160)
    model = GRURegressor(**SMALL, max_iter=20, alpha=0.0).fit(X, y)
    assert 0 < model.network_weight_ < 1
    before = model.predict(X)
    model.weights_ = model.weights_
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.network_weight_ is None and "Network: " not in model.summary()


def test_training_that_goes_on_has_none():
    X, y = products(160)
    model = GRURegressor(**SMALL, max_iter=20, alpha=0.0, warm_start=True).fit(X, y)
    assert model.network_weight_ is not None
    before = model.predict(X)
    assert model.partial_fit(X, y).network_weight_ is None
    assert np.abs(model.predict(X) - before).max() < np.abs(y).max()  # from where it was
