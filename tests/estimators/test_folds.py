"""Early stopping with few samples: epochs counted on blocks in time, then training on all."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from grukit import GRURegressor
from grukit.estimators._folds import score_epochs
from grukit.estimators.fitted import fitted_state
from grukit.train import stochastic

RNG = np.random.default_rng(2)
TIMES = pd.date_range("2024", periods=160, freq="h")
X = pd.DataFrame({"a": RNG.normal(size=160), "b": RNG.normal(size=160)}, TIMES)
SMALL = {"hidden_layer_sizes": 5, "window": 6, "max_iter": 20, "learning_rate_init": 0.02, "random_state": 0}
PRODUCT = (X["a"].shift(1).fillna(0) * X["b"]).rename("product")


def test_the_epoch_is_the_best_of_the_mean_and_the_worst_fold():
    losses = np.array([[2.0, 1.0, 0.2, 0.6], [1.0, 0.9, 1.4, 0.8]])
    relative = np.array([[1, 0.5, 0.1, 0.3], [1, 0.9, 1.4, 0.8]])
    scores = score_epochs(losses, losses[:, 0])
    np.testing.assert_allclose(scores, relative.mean(axis=0) + relative.max(axis=0))
    assert scores.argmin() == 3
    uncounted = np.array([[np.nan, 3.0, 2.0], [np.nan, 1.0, 1.5]])
    assert score_epochs(uncounted, np.ones(2)).tolist() == [np.inf, 5.0, 3.75]
    assert score_epochs(np.array([[1.0, np.nan, 0.5]]), np.ones(1)).tolist() == [2.0, np.inf, 1.0]


@pytest.mark.parametrize(
    "changes",
    [{}, {"solver": "lbfgs"}, {"learning_rate": "cosine"}, {"linear_lags": 0, "anchor": None, "difference": False}],
    ids=str,
)
def test_training_takes_all_samples_for_as_many_epochs(network_whole, changes):
    model = GRURegressor(**{**SMALL, **changes}).fit(X, PRODUCT)
    n_epochs = model.best_iter_
    assert 0 < n_epochs == model.n_iter_ == len(model.validation_curve_)
    assert f"{n_epochs} epochs do best on 4 blocks" in model.stop_reason_

    def enough(record):
        return record["epoch"] >= n_epochs

    averaging = 0.8 if changes.get("solver") != "lbfgs" else "auto"
    plain = {"early_stopping": False, "n_iter_no_change": 20, "callbacks": enough, "averaging": averaging}
    same = GRURegressor(**{**SMALL, **changes, **plain}).fit(X, PRODUCT)
    for name, weights in model.weights_.items():
        np.testing.assert_array_equal(weights, same.weights_[name])
    np.testing.assert_array_equal(model.predict(X), same.predict(X))
    assert model.loss_curve_ == same.loss_curve_


def test_where_no_epoch_does_better_the_linear_part_alone_is_left():
    noise = X["a"].shift(1).fillna(0) + pd.Series(RNG.normal(size=160), TIMES)
    model = GRURegressor(**{**SMALL, "learning_rate_init": 0.1}).fit(X, noise)
    assert model.best_iter_ == 0 and (model.weights_["head.weight"] == 0).all()
    assert "linear part alone, which is kept" in model.summary()
    ridge = GRURegressor(**{**SMALL, "max_iter": 1}, early_stopping=False).fit(X, noise)
    np.testing.assert_array_equal(model.linear_coef_, ridge.linear_coef_)


def test_a_callback_sees_the_epochs_of_all_samples_and_may_end_them():
    seen = []

    def end(record):
        seen.append(record["epoch"])
        return record["epoch"] == 2

    model = GRURegressor(**SMALL, callbacks=end).fit(X, PRODUCT)
    assert seen == [1, 2] and model.n_iter_ == 2 and model.stop_reason_ == "A callback stopped training after epoch 2."


def test_ctrl_c_while_epochs_are_counted_keeps_the_weights_of_that_fold(monkeypatch):
    run, calls = stochastic._run_epoch, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        run(*arguments)

    monkeypatch.setattr(stochastic, "_run_epoch", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = GRURegressor(**SMALL).fit(X, PRODUCT)
    assert model.n_iter_ == 4 and "interrupted in epoch 5" in model.stop_reason_
    assert np.isfinite(model.predict(X)).all()


def test_from_a_number_of_rows_a_part_is_held_out():
    many = pd.DataFrame({"a": np.sin(np.arange(1000.0))})
    few = GRURegressor(**{**SMALL, "max_iter": 2}).fit(many[:999], many["a"][:999])
    assert "blocks in time" in few.stop_reason_
    for model, rows in (
        (GRURegressor(**{**SMALL, "max_iter": 2}), many),
        (GRURegressor(**{**SMALL, "max_iter": 2}, learning_rate="adaptive"), many[:500]),
    ):
        model.fit(rows, rows["a"])
        assert "blocks in time" not in model.stop_reason_
        n_held_out, n = len(rows) // 10, len(rows)
        assert model.validation_curve_ is not None
        seen = rows["a"][: n - n_held_out - 6]  # less the gap of one window
        assert fitted_state(model).levels.mean == pytest.approx([seen.mean()])
