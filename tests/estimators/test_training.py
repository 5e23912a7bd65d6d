"""Training as a user sees it: seeds, weights of samples, warm starts, early stopping, callbacks, records."""

import gc
import os
import re
import signal
import sys
import threading
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import reference
from compare import assert_same_weights
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from grukit import GRUClassifier
from grukit.data.split import split_at_random
from grukit.estimators.fitted import fitted_state
from grukit.train import interrupts

COLUMNS = ["epoch", "loss", "validation_loss", "gradient_norm", "learning_rate", "seconds"]


@pytest.fixture(autouse=True)
def no_ctrl_c_before():
    """Let no Ctrl-C of another test count."""
    interrupts._last[0] = -np.inf


def differ(one, other):
    return any(not np.array_equal(array, other.weights_[name]) for name, array in one.weights_.items())


def wave(n=120, seed=0):
    """Make a noisy sine, and its next value as the target."""
    t = np.arange(n + 1)
    values = np.sin(t / 5) + 0.1 * np.random.default_rng(seed).normal(size=n + 1)
    index = pd.date_range("2024-01-01", periods=n, freq="h")
    return pd.DataFrame({"value": values[:-1]}, index), pd.Series(values[1:], index, name="next")


# --- The same and not the same --------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_another_does_not(tiny, hourly):
    X = hourly(80)
    fits = [tiny(random_state=seed).fit(X, X["a"]) for seed in (3, 3, np.random.RandomState(3), 4)]
    for other in fits[1:3]:
        assert_same_weights(fits[0], other)
        assert fits[0].loss_curve_ == other.loss_curve_
    assert differ(fits[0], fits[3])
    assert differ(tiny(random_state=None).fit(X, X["a"]), tiny(random_state=None).fit(X, X["a"]))
    assert_same_weights(fits[0], fits[0].fit(X, X["a"]))  # a refit starts again


def test_the_global_random_state_is_left_alone(tiny, hourly):
    X = hourly(30)
    state = np.random.get_state()[1].copy()
    tiny().fit(X, X["a"]).predict(X)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["table", "sequences"])
def test_any_number_of_threads_gives_the_same_bits(tiny, solver, kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3)) if kind == "table" else [rng.normal(size=(1 + i % 7, 3)) for i in range(150)]
    y = rng.normal(size=(150, 2))
    fits = [
        tiny(solver=solver, n_jobs=n, early_stopping=True, batch_size=70).fit(X, y) for n in (None, 1, 2, 3, -1, "auto")
    ]
    for other in fits[1:]:
        assert_same_weights(fits[0], other)
        assert fits[0].loss_curve_ == other.loss_curve_ and fits[0].validation_curve_ == other.validation_curve_
        np.testing.assert_array_equal(fits[0].predict(X), other.predict(X))


@pytest.mark.parametrize("units", [1, 20])
def test_many_threads_share_the_parameters_out(tiny, units):
    """Of one unit there are fewer cache lines of parameters than threads."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 1)), rng.normal(size=600)
    settings = {"hidden_layer_sizes": units, "max_iter": 3, "batch_size": 600, "clip_norm": 1e-3}
    fits = [tiny(n_jobs=n, **settings).fit(X, y) for n in (1, 5, 16)]
    for other in fits[1:]:
        assert_same_weights(fits[0], other)
        assert fits[0].history_["gradient_norm"].tolist() == other.history_["gradient_norm"].tolist()


def test_float64_and_float32_agree_to_their_precision(tiny, hourly):
    X = hourly(60)
    single, double = tiny().fit(X, X["a"]), tiny(dtype="float64").fit(X, X["a"])
    assert single.weights_["weight_hh_l0"].dtype == np.float32 and double.weights_["weight_hh_l0"].dtype == np.float64
    difference = np.abs(single.predict(X) - double.predict(X)).max()
    assert 0 < difference < 1e-5


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_predictions_are_those_of_the_reference_with_the_same_weights(tiny, hourly, cell):
    X = hourly(30, "abc") * [1, 20, 0.3] + [0, -5, 8]
    y = pd.DataFrame({"p": X["a"] * 50 - 3, "q": X["b"] - X["c"]})
    model = tiny(cell=cell, dtype="float64", hidden_layer_sizes=(5, 3), window=6).fit(X, y)
    scaled = ((X - X.mean()) / X.std(ddof=0)).to_numpy()
    x = np.zeros((6, 30, 3))
    lengths = np.minimum(np.arange(30) + 1, 6)
    for i, n in enumerate(lengths):
        x[:n, i] = scaled[i + 1 - n : i + 1]
    outputs, _ = reference.network_forward(cell, model.weights_, x, lengths)
    expected = outputs * y.std(ddof=0).to_numpy() + y.mean().to_numpy()
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=1e-10)


def test_predictions_at_every_step_are_those_of_the_reference(tiny):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (4, 9, 6)]
    model = tiny(dtype="float64", standardize=False).fit(X, [x[:, 0] for x in X])
    for x, prediction in zip(X, model.predict(X), strict=True):
        outputs, _ = reference.network_forward("gru", model.weights_, x[:, None], per_step=True)
        np.testing.assert_allclose(prediction, outputs[:, 0, 0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"])
def test_the_first_loss_is_the_reference_loss_of_the_initial_weights(tiny, hourly, loss):
    X = hourly(20)
    y = X["a"].abs() * 3
    # With one batch the first record is taken before the first step; a step this small leaves the weights as they were.
    model = tiny(loss=loss, quantile=0.8, delta=0.7, max_iter=1, learning_rate_init=1e-12, dtype="float64").fit(X, y)
    p = model.predict(X).to_numpy()
    if loss == "poisson":
        p, t = np.log(p), y.to_numpy()
    else:
        p, t = (p - y.mean()) / y.std(ddof=0), ((y - y.mean()) / y.std(ddof=0)).to_numpy()
    parameter = {"huber": 0.7, "quantile": 0.8}.get(loss)
    expected, _ = reference.loss(loss, p[:, None], t[:, None], parameter=parameter)
    assert model.loss_curve_[0] == pytest.approx(expected, rel=1e-8)
    assert model.loss_ == model.loss_curve_[0]


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_units_of_the_data_do_not_matter(tiny, hourly, loss):
    X = hourly(60)
    y = X["a"].rolling(2, min_periods=1).mean()
    small = tiny(loss=loss, max_iter=5).fit(X, y).predict(X)
    large = tiny(loss=loss, max_iter=5).fit(X * 1000 - 77, y * 1000 + 5000).predict(X * 1000 - 77)
    np.testing.assert_allclose((large - 5000) / 1000, small, rtol=0, atol=1e-4)
    assert np.abs(tiny(standardize=False).fit(X * 1000, y).predict(X * 1000) - small).max() > 1e-2


# --- Weights of samples ----------------------------------------------------------------------------------


def test_rows_of_weight_zero_are_no_targets_but_history(tiny, hourly):
    X = hourly(40)
    y, weight = X["a"].copy(), np.ones(40)
    weight[[5, 6, 20]] = 0
    model = tiny().fit(X, y, sample_weight=weight)
    absurd = y.copy()
    absurd.iloc[[5, 6, 20]] = 1e9
    assert_same_weights(model, tiny().fit(X, absurd, sample_weight=weight))
    changed = X.copy()
    changed.iloc[6] += 1
    assert differ(model, tiny().fit(changed, y, sample_weight=weight))
    assert differ(model, tiny().fit(X, y))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("per_step", [False, True])
def test_a_weight_of_k_is_k_copies(tiny, solver, per_step):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (3, 7, 2, 5, 4)]
    y = [x[:, 0] for x in X] if per_step else rng.normal(size=5)
    times = np.array([2, 1, 3, 0, 1])
    copies = np.repeat(np.arange(5), times)
    order = rng.permutation(len(copies))
    weighted = tiny(solver=solver).fit(X, y, sample_weight=times)
    repeated = tiny(solver=solver).fit([X[i] for i in copies[order]], [y[i] for i in copies[order]])
    assert_same_weights(weighted, repeated)
    assert differ(weighted, tiny(solver=solver).fit(X, y))


def test_only_the_proportions_of_weights_matter(tiny, hourly):
    X = hourly(40)
    weight = np.random.default_rng(0).uniform(0.5, 2, 40)
    one, four = (tiny().fit(X, X["a"], sample_weight=factor * weight) for factor in (1, 4))
    assert_same_weights(one, four)
    assert one.loss_curve_ == four.loss_curve_
    np.testing.assert_array_equal(tiny().fit(X, X["a"], sample_weight=1.0).predict(X), tiny().fit(X, X["a"]).predict(X))


def test_tiny_weights_are_proportions_too(tiny, hourly):
    X = hourly(40)
    small = tiny().fit(X, X["a"], sample_weight=np.full(40, 1e-30))
    np.testing.assert_allclose(small.predict(X), tiny().fit(X, X["a"]).predict(X), atol=1e-4)
    with pytest.raises(ValueError, match=r"sample_weight\[0\] is 1e-50, which float32 cannot hold"):
        tiny().fit(X, X["a"], sample_weight=np.full(40, 1e-50))


def test_scalers_of_weighted_samples(tiny, hourly):
    X = hourly(40)
    weight = np.r_[np.ones(20), np.zeros(20)]
    far = X + np.r_[np.zeros(20), np.full(20, 1e6)][:, None]
    assert_same_weights(
        tiny(batch_size=20).fit(X[:20], X[:20]["a"]), tiny(batch_size=20).fit(far, far["a"], sample_weight=weight)
    )


# --- Warm starts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "adamw", "rmsprop", "sgd"])
def test_two_warm_fits_are_one_long_fit(tiny, hourly, solver):
    X = hourly(100)
    long = tiny(solver=solver, max_iter=6).fit(X, X["a"])
    model = tiny(solver=solver, max_iter=4, warm_start=True).fit(X, X["a"])
    model.set_params(max_iter=2).fit(X, X["a"])
    assert_same_weights(model, long)
    assert model.loss_curve_ == long.loss_curve_ and model.n_iter_ == 6
    assert model.history_["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    cold = tiny(solver=solver, max_iter=4).fit(X, X["a"]).fit(X, X["a"])
    assert cold.n_iter_ == 4 and cold.loss_curve_ == long.loss_curve_[:4]


@pytest.mark.parametrize("kind", ["table", "array", "sequences", "rows"])
def test_epochs_of_partial_fit_add_up_to_a_fit(tiny, hourly, kind):
    X = {"table": hourly(90), "array": hourly(90).to_numpy(), "rows": hourly(90).to_numpy()}.get(kind)
    X = np.random.default_rng(0).normal(size=(90, 5, 2)) if X is None else X
    y = np.random.default_rng(1).normal(size=90)
    options = {"window": None if kind == "rows" else 4}
    long, model = tiny(max_iter=3, **options).fit(X, y), tiny(**options)
    for n in (1, 2, 3):
        assert model.partial_fit(X, y) is model and model.n_iter_ == n
    assert_same_weights(model, long)
    assert model.loss_curve_ == long.loss_curve_


def test_partial_fit_keeps_the_first_scaling(tiny, hourly):
    X = hourly(40)
    model = tiny().partial_fit(X, X["a"])
    np.testing.assert_allclose(model.predict(X).mean(), X["a"].mean(), atol=0.5)
    model.partial_fit(X + 500, X["a"] + 500)
    assert np.abs(model.predict(X)).max() < 100


def test_partial_fit_goes_on_from_fit_with_lbfgs_warm(tiny, hourly):
    X = hourly(60)
    model = tiny(solver="lbfgs", max_iter=5, warm_start=True).fit(X, X["a"])
    first = model.loss_curve_
    model.fit(X, X["a"])
    assert model.loss_curve_[:5] == first and model.loss_curve_[5] < first[-1]


def test_differences_of_sequences_are_scaled_by_the_weights_of_their_own_rows(tiny):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 1)).cumsum(axis=0) for n in (3, 7, 4, 9)]
    weights = np.array([1.0, 5.0, 0.0, 2.0])
    model = tiny(difference=True).fit(sequences, [0.0, 1.0, 2.0, 3.0], sample_weight=weights)
    changes = np.concatenate([np.diff(each[:, 0]) for each in sequences])
    counts = np.repeat(weights, [len(each) - 1 for each in sequences])
    mean = np.average(changes, weights=counts)
    scaler = fitted_state(model).x_scaler
    assert scaler.mean == pytest.approx([mean])
    assert scaler.scale == pytest.approx([np.sqrt(np.average((changes - mean) ** 2, weights=counts))])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_layer_sizes": 6}, r"\(6,\)"),
        ({"dtype": "float32"}, "'float32'"),
        ({"cell": "gru_reset_before"}, "'gru_reset_before'"),
        ({"window": 5}, "5"),
        ({"difference": ["a"]}, r"\['a'\]"),
        ({"anchor": "a"}, "'a'"),
        ({"linear_lags": 3}, "3"),
    ],
)
def test_training_does_not_go_on_with_another_network(tiny, hourly, changes, words):
    X = hourly(40)
    model = tiny(warm_start=True, dtype="float64").fit(X, X["a"])
    before = model.predict(X)
    model.set_params(**changes)
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=f"Training goes on with .* now it is {words}"):
            getattr(model, method)(X, X["a"])
    pd.testing.assert_series_equal(model.predict(X), before)
    assert model.set_params(warm_start=False).fit(X, X["a"]).n_iter_ == 2


def test_training_does_not_go_on_with_another_link(tiny, hourly):
    X = hourly(40)
    model = tiny(warm_start=True).fit(X, X["a"].abs())
    with pytest.raises(ValueError, match="loss"):
        model.set_params(loss="poisson").fit(X, X["a"].abs())


@pytest.mark.parametrize("changes", [{"window": 2}, {"loss": "poisson"}])
def test_parameters_set_after_fit_do_not_change_predictions(tiny, hourly, changes):
    X = hourly(40)
    model = tiny().fit(X, X["a"])
    before = model.predict(X)
    pd.testing.assert_series_equal(model.set_params(**changes).predict(X), before)


# --- Early stopping --------------------------------------------------------------------------------------


def held_out_fit(tiny, X, y, **changes):
    options = {"window": 4, "early_stopping": True, "validation_fraction": 0.2, "max_iter": 5, "n_iter_no_change": 100}
    return tiny(**{**options, **changes}).fit(X, y)


def test_early_stopping_holds_out_the_last_part_after_a_gap_of_one_window(tiny, hourly):
    X = hourly(60)  # 48 to 59 are held out, 44 to 47 are the gap
    y = X["a"]
    model = held_out_fit(tiny, X, y)

    gap, last, train = y.copy(), y.copy(), y.copy()
    gap.iloc[44:48] = 1e9
    last.iloc[48:] = 1e4
    train.iloc[43] += 1
    with_gap = held_out_fit(tiny, X, gap)
    assert_same_weights(model, with_gap)
    assert model.validation_curve_ == with_gap.validation_curve_
    with_last = held_out_fit(tiny, X, last)
    assert model.loss_curve_ == with_last.loss_curve_
    assert min(with_last.validation_curve_) > 1e6 > max(model.validation_curve_)
    assert model.loss_curve_ != held_out_fit(tiny, X, train).loss_curve_

    # Inputs: row 44 is seen by no training sample and by no validation sample, row 45 by a validation sample.
    for row, trained, validated in [(43, True, True), (44, False, False), (45, False, True), (59, False, True)]:
        changed = X.copy()
        changed.iloc[row] += 3
        other = held_out_fit(tiny, changed, y)
        assert (other.loss_curve_ != model.loss_curve_) == trained, row
        assert (other.validation_curve_ != model.validation_curve_) == validated, row


def test_early_stopping_of_a_panel_cuts_all_series_at_one_time(tiny, hourly):
    u, v = hourly(60, seed=1), hourly(60, seed=2)[30:]
    X = pd.concat({"u": u, "v": v})
    y = X["a"]
    model = held_out_fit(tiny, X, y)
    far = y.copy()
    for name in ("u", "v"):
        far.loc[name, u.index[44] :] = 1e6
    other = held_out_fit(tiny, X, far)
    assert other.loss_curve_ == model.loss_curve_ and min(other.validation_curve_) > 1e9
    early = y.copy()
    early.loc["v", u.index[43]] += 1
    assert held_out_fit(tiny, X, early).loss_curve_ != model.loss_curve_


def test_early_stopping_of_sequences_holds_out_what_random_state_draws(tiny):
    X, y = np.random.default_rng(0).normal(size=(30, 5, 2)), np.random.default_rng(1).normal(size=30)
    curves = [held_out_fit(tiny, X, np.where(np.arange(30) == i, 1e4, y)).loss_curve_ for i in range(30)]
    unseen = [i for i in range(30) if curves[i] == held_out_fit(tiny, X, y).loss_curve_]
    assert len(unseen) == 6 and unseen != list(range(24, 30))  # whose targets training never sees


def test_early_stopping_of_sequences_takes_its_share_of_every_class(monkeypatch):
    seen = []

    def noted(*arguments):
        seen.append(split_at_random(*arguments))
        return seen[-1]

    monkeypatch.setattr("grukit.data.samples.split_at_random", noted)
    labels = np.repeat([2, 0, 1], [150, 40, 10])
    X = np.random.default_rng(0).normal(size=(200, 6, 1))
    model = GRUClassifier(16, max_iter=1, early_stopping=True, validation_fraction=0.1, random_state=0).fit(X, labels)
    [(training, validation)] = seen
    assert np.bincount(labels[validation]).tolist() == [4, 1, 15]
    assert np.bincount(labels[training]).tolist() == [36, 9, 135] and model.classes_.tolist() == [0, 1, 2]


def test_early_stopping_on_sorted_classes_sees_every_class(tiny):
    """Ten classes, one after the other: the last tenth is one class, which would then have no training samples."""
    rng, y = np.random.default_rng(0), np.repeat(np.arange(10), 12)
    X = y[:, None, None] / 3 + 0.1 * rng.normal(size=(120, 6, 1))
    settings = {"max_iter": 60, "learning_rate_init": 0.03, "early_stopping": True, "random_state": 0}
    model = GRUClassifier(16, linear_lags=0, **settings).fit(X, y)
    recall = [(model.predict(X)[y == k] == k).mean() for k in range(10)]
    assert model.best_iter_ > 10 and min(recall) > 0.5


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_weights_of_the_best_epoch_are_kept(tiny, hourly, solver):
    X = hourly(40)  # noise: nothing to learn, so it overfits
    y = pd.Series(np.random.default_rng(9).normal(size=40), X.index)
    model = held_out_fit(
        tiny, X, y, solver=solver, max_iter=60, learning_rate_init=0.1, standardize=False, hidden_layer_sizes=16
    )
    curve = model.validation_curve_
    assert 1 <= model.best_iter_ < model.n_iter_ and model.best_iter_ == 1 + int(np.argmin(curve))
    loss = np.mean((model.predict(X, context=None) - y)[32:] ** 2)
    assert loss == pytest.approx(min(curve), rel=1e-5)
    assert model.loss_ == model.loss_curve_[model.best_iter_ - 1]


def test_training_stops_when_the_held_out_loss_stops_falling(tiny, hourly):
    X = hourly(60)
    y = pd.Series(np.random.default_rng(9).normal(size=60), X.index)
    model = held_out_fit(tiny, X, y, max_iter=500, n_iter_no_change=4, tol=0.0, learning_rate_init=0.05)
    curve = np.array(model.validation_curve_)
    assert model.n_iter_ < 500 and model.best_iter_ == model.n_iter_ - 4
    assert (curve[-4:] >= curve[:-4].min()).all()
    assert "No improvement" in model.stop_reason_
    assert held_out_fit(tiny, X, y, max_iter=50, tol=10.0, n_iter_no_change=3).n_iter_ == 4


def test_without_early_stopping_there_is_no_validation(tiny, hourly):
    X = hourly(30)
    model = tiny(max_iter=4).fit(X, X["a"])
    assert model.validation_curve_ is None and model.history_["validation_loss"].isna().all()
    assert model.stop_reason_ == "All 4 epochs were run."


# --- Callbacks, Ctrl-C, a loss that is not finite --------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_get_every_record_and_stop_training(tiny, solver):
    X, y = wave()
    first, second = [], []

    def stop(record):
        second.append(record)
        return record["epoch"] == 3

    def spoil(record):
        first.append(dict(record))
        record.clear()  # it is the callback's own

    model = tiny(solver=solver, max_iter=10, callbacks=[spoil, stop]).fit(X, y)
    assert model.n_iter_ == 3 and "callback stopped training after epoch 3" in model.stop_reason_
    for records in (first, second):
        pd.testing.assert_frame_equal(pd.DataFrame(records), model.history_)
    assert_same_weights(model, tiny(solver=solver, max_iter=3).fit(X, y))
    assert tiny(callbacks=lambda record: None).fit(X, y).n_iter_ == 2
    assert tiny(callbacks=(lambda record: "yes",)).fit(X, y).n_iter_ == 2  # True alone stops


def test_numpys_true_stops_too(tiny):
    X, y = wave()
    assert tiny(max_iter=10, callbacks=lambda record: np.float64(record["epoch"]) > 2).fit(X, y).n_iter_ == 3


def test_callbacks_see_epochs_of_partial_fit_and_warm_starts(tiny, hourly):
    X, seen = hourly(20), []
    model = tiny(callbacks=lambda record: seen.append(record["epoch"])).fit(X, X["a"])
    model.partial_fit(X, X["a"]).set_params(warm_start=True).fit(X, X["a"])
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_keeps_the_best_weights_and_says_so(tiny, hourly, early_stopping):
    X = hourly(60)
    y = pd.Series(np.random.default_rng(9).normal(size=60), X.index)

    def interrupt(record):
        if record["epoch"] == 12:
            raise KeyboardInterrupt

    options = {"solver": "sgd", "learning_rate_init": 0.9, "clip_norm": None, "early_stopping": early_stopping}
    options["batch_size"] = 60
    options["n_iter_no_change"] = 100
    with pytest.warns(ConvergenceWarning, match=r"interrupted.*best weights so far, of epoch (\d+), are kept"):
        model = tiny(max_iter=30, callbacks=interrupt, **options).fit(X, y)
    curve = model.validation_curve_ if early_stopping else model.loss_curve_
    best = 1 + int(np.argmin(curve))
    assert model.n_iter_ == 12 and model.best_iter_ == best < 12
    assert f"epoch {best}," in model.stop_reason_
    assert_same_weights(model, tiny(max_iter=best, **options).fit(X, y))
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_real_ctrl_c_is_heard_at_any_moment(tiny, hourly, n_jobs):
    # A shell that runs the tests in the background tells them to ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # Python drops what is raised in a callback of the collector, and hypothesis has one
    try:
        interrupt_fits(tiny, hourly(400), n_jobs)
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, before)


def interrupt_fits(tiny, X, n_jobs):
    for seconds in (0.01, 0.03, 0.05):
        interrupts._last[0] = -np.inf  # long ago
        interrupt = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))

        def start(record, interrupt=interrupt):
            if record["epoch"] == 1:
                interrupt.start()

        with pytest.warns(ConvergenceWarning, match="interrupted in epoch"):
            model = tiny(max_iter=10**5, n_iter_no_change=10**5, n_jobs=n_jobs, callbacks=start).fit(X, X["a"])
        assert np.isfinite(model.predict(X)).all() and 1 <= model.best_iter_ <= model.n_iter_ < 10**5


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_second_ctrl_c_at_once_ends_whatever_runs_the_fits(tiny, solver):
    X, y = wave()

    def interrupt(record):
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    search = GridSearchCV(
        tiny(solver=solver, max_iter=5, callbacks=interrupt), {"alpha": [0.0, 0.1, 0.2]}, cv=TimeSeriesSplit(2)
    )
    with pytest.warns(ConvergenceWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert not hasattr(search, "best_estimator_")
    # Later it is a first one again.
    interrupts._last[0] -= interrupts.AT_ONCE
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = tiny(solver=solver, max_iter=5, callbacks=interrupt).fit(X, y)
    assert model.n_iter_ == 2
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 2  # a fit that raises leaves what was learned before


def test_ctrl_c_during_lbfgs(tiny):
    X, y = wave()

    def interrupt(record):
        if record["epoch"] == 4:
            raise KeyboardInterrupt

    with pytest.warns(ConvergenceWarning, match="interrupted; the weights of iteration 4 are kept"):
        model = tiny(solver="lbfgs", max_iter=30, callbacks=interrupt).fit(X, y)
    assert model.n_iter_ == 4
    assert_same_weights(model, tiny(solver="lbfgs", max_iter=4).fit(X, y))


def test_loss_after_ctrl_c_is_that_of_the_weights_kept(tiny, hourly):
    X = hourly(60)

    def interrupt(record):
        if record["epoch"] == 12:
            raise KeyboardInterrupt

    with pytest.warns(ConvergenceWarning):
        model = tiny(solver="sgd", learning_rate_init=0.9, clip_norm=None, max_iter=30, callbacks=interrupt).fit(
            X, X["a"].sample(frac=1, random_state=0).to_numpy()
        )
    assert model.best_iter_ < 12
    assert model.loss_ == model.loss_curve_[model.best_iter_ - 1]


def diverging(tiny, hourly, rate, **changes):
    X = hourly(100)
    options = {"solver": "sgd", "learning_rate_init": rate, "clip_norm": None, "standardize": False, "batch_size": 20}
    model = tiny(**{**options, **changes})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, X["a"] * 1e3)
    return model, X, [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]


@pytest.mark.parametrize("rate", [1e5, 1e20, 1e30])
def test_a_loss_that_is_not_finite_is_undone_with_a_warning(tiny, hourly, rate):
    model, X, messages = diverging(tiny, hourly, rate, max_iter=3)
    assert messages and "not finite in epoch 1, batch" in messages[0] and "learning rate halved to" in messages[0]
    assert all(np.isfinite(array).all() for array in model.weights_.values())
    assert np.isfinite(model.predict(X)).all()


def test_the_rate_that_an_undone_step_halved_stays_halved(tiny, hourly):
    X = hourly(100)
    options = {"loss": "poisson", "clip_norm": None, "batch_size": 20, "max_iter": 4}  # Adam's first step is the rate
    with pytest.warns(ConvergenceWarning, match="learning rate halved") as caught:
        model = tiny(**options, learning_rate_init=200.0, standardize=False).fit(X, 50 * X["a"].abs())
    words = [str(warning.message) for warning in caught]
    assert model.n_iter_ == 4 and any("in epoch 1" in each for each in words)
    for epoch, rate in enumerate(model.history_["learning_rate"], start=1):
        before = sum(int(re.search(r"epoch (\d+)", each)[1]) <= epoch for each in words)
        assert rate == 200 / 2**before < 200


def test_training_gives_up_after_three_steps_in_a_row_that_were_not_finite(tiny, hourly):
    model, _, messages = diverging(tiny, hourly, 1e30, max_iter=10)
    assert len(messages) <= 4 and "diverged" in model.stop_reason_


@pytest.mark.parametrize("rate", [1e30, 1e38])
@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_the_last_step_is_checked_as_well(tiny, hourly, rate, averaging):
    model, X, _ = diverging(tiny, hourly, rate, max_iter=1, batch_size=100, averaging=averaging)
    prediction = model.predict(X).to_numpy()
    assert np.isfinite(prediction).all()
    assert np.mean((prediction - 1e3 * X["a"]) ** 2) < 10 * model.loss_curve_[0]


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_a_diverged_fit_is_no_worse_than_its_best_epoch(tiny, hourly, averaging):
    model, X, _ = diverging(tiny, hourly, 1e30, max_iter=20, averaging=averaging)
    loss = np.mean((model.predict(X) - 1e3 * X["a"]) ** 2)
    assert loss < 10 * min(model.loss_curve_)


# --- The average of the weights -----------------------------------------------------------------------------


@pytest.mark.parametrize("linear_lags", [0, 2])
def test_the_average_is_of_the_weights_after_every_epoch(tiny, linear_lags):
    """From the first epoch's on; beside a linear part from that of the start, a head of zeros."""
    X, y = wave()
    settings = {"linear_lags": linear_lags, "dtype": "float64"}
    weights = [tiny(**settings, max_iter=n).fit(X, y)._fitted.parameters for n in range(1, 6)]
    if linear_lags:
        weights.insert(0, tiny(**settings, max_iter=1, learning_rate_init=1e-300).fit(X, y)._fitted.parameters)
    average = weights[0]
    for each in weights[1:]:
        average = 0.7 * average + 0.3 * each
    model = tiny(**settings, max_iter=5, averaging=0.7).fit(X, y)
    np.testing.assert_allclose(model._fitted.parameters, average, rtol=1e-12, atol=1e-14)
    assert model.loss_curve_ == tiny(**settings, max_iter=5).fit(X, y).loss_curve_  # training itself is the same


def test_the_average_is_what_is_watched_and_kept(tiny):
    X, y = wave()
    settings = {"early_stopping": True, "n_iter_no_change": 30, "dtype": "float64"}
    given = {"X_val": X.to_numpy()[:40] + 0.1, "y_val": y.to_numpy()[:40]}
    for averaging in (0.0, 0.7, "auto"):
        model = tiny(**settings, max_iter=12, averaging=averaging).fit(X.to_numpy(), y.to_numpy(), **given)
        error = np.mean((model.predict(given["X_val"]) - given["y_val"]) ** 2) / y.var(ddof=0)
        assert min(model.validation_curve_) == pytest.approx(error, rel=1e-9)
    same = tiny(**settings, max_iter=12, averaging=0.8).fit(X.to_numpy(), y.to_numpy(), **given)
    assert same.validation_curve_ == model.validation_curve_
    plain = tiny(max_iter=3).fit(X, y)
    np.testing.assert_array_equal(plain.predict(X), tiny(max_iter=3, averaging="auto").fit(X, y).predict(X))


def test_a_share_of_numpys_is_the_same_as_pythons(tiny):
    X, y = wave()
    settings = {"max_iter": 3, "early_stopping": True}
    one, other = (tiny(**settings, averaging=share).fit(X, y) for share in (0.5, np.float64(0.5)))
    assert one._fitted.parameters.dtype == other._fitted.parameters.dtype == np.float32
    np.testing.assert_array_equal(one._fitted.parameters, other._fitted.parameters)


def test_partial_fit_takes_no_average(tiny):
    """Each call is one epoch: an average that began anew in each would take a tenth of every step."""
    X, y = wave()
    one, other = tiny(averaging=0.9), tiny(averaging=0.0)
    for _ in range(3):
        one.partial_fit(X, y)
        other.partial_fit(X, y)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


# --- Records and output ----------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_history_holds_what_the_curves_hold(tiny, solver, early_stopping):
    X, y = wave()
    model = tiny(solver=solver, early_stopping=early_stopping, max_iter=5).fit(X, y)
    history = model.history_
    assert list(history.columns) == COLUMNS and len(history) == model.n_iter_ == 5
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert history["loss"].tolist() == model.loss_curve_
    assert (history["seconds"] > 0).all() and (history["gradient_norm"] > 0).all()
    assert history["learning_rate"].isna().all() == (solver == "lbfgs")
    if early_stopping:
        assert history["validation_loss"].tolist() == model.validation_curve_
        assert model.best_iter_ == 1 + int(np.argmin(model.validation_curve_))


def test_learning_rates_follow_the_schedule(tiny):
    X, y = wave()
    rates = {
        name: tiny(learning_rate=name, max_iter=20, learning_rate_init=0.02).fit(X, y).history_["learning_rate"]
        for name in ("constant", "cosine", "one_cycle")
    }
    assert (rates["constant"] == 0.02).all()
    assert (rates["cosine"].diff().dropna() < 0).all() and rates["cosine"].iloc[-1] < 0.001
    peak = int(rates["one_cycle"].argmax())
    assert 4 <= peak <= 7 and rates["one_cycle"].max() == pytest.approx(0.02, rel=0.05)
    assert rates["one_cycle"].iloc[0] < 0.004 and rates["one_cycle"].iloc[-1] < 0.001


def test_adaptive_rate_falls_by_five_on_a_plateau(tiny, hourly):
    X = hourly(40)
    options = {"learning_rate": "adaptive", "max_iter": 400, "n_iter_no_change": 2, "tol": 10.0}
    model = tiny(learning_rate_init=0.01, **options).fit(X, X["a"])
    rates = model.history_["learning_rate"].drop_duplicates().to_numpy()
    np.testing.assert_allclose(rates, 0.01 * 0.2 ** np.arange(len(rates)))
    assert rates[-1] >= 1e-6 > rates[-1] / 5 and model.n_iter_ < 400


def test_silence_and_progress(tiny, hourly, capfd):
    X = hourly(40)
    capfd.readouterr()
    for options in ({}, {"early_stopping": True}, {"solver": "lbfgs"}, {"verbose": 0}):
        model = tiny(**options).fit(X, X["a"])
        model.predict(X)
        model.score(X, X["a"])
    assert capfd.readouterr() == ("", "")
    tiny(verbose=1, max_iter=3).fit(X, X["a"])
    out, err = capfd.readouterr()
    assert out == "" and "3/3" in err and "epoch" in err
    model = tiny(verbose=True, max_iter=3, callbacks=lambda record: time.sleep(0.15)).fit(X, X["a"])
    assert f"loss {model.loss_curve_[1]:.4g}" in capfd.readouterr().err


# --- weights_ --------------------------------------------------------------------------------------------


def test_weights_can_be_taken_and_set(tiny, hourly):
    X = hourly(30)
    model = tiny(hidden_layer_sizes=(4, 3)).fit(X, X)
    other = tiny(hidden_layer_sizes=(4, 3), random_state=7).fit(X, X)
    weights = model.weights_
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == {
        "weight_ih_l0": (12, 2), "weight_hh_l0": (12, 4), "bias_ih_l0": (12,), "bias_hh_l0": (12,),
        "weight_ih_l1": (9, 4), "weight_hh_l1": (9, 3), "bias_ih_l1": (9,), "bias_hh_l1": (9,),
        "head.weight": (2, 3), "head.bias": (2,),
    }  # fmt: skip
    assert model.n_parameters_ == sum(array.size for array in weights.values())
    assert differ(model, other)
    before = model.predict(X)
    other.weights_ = weights
    assert_same_weights(model, other)
    pd.testing.assert_frame_equal(other.predict(X), before)
    weights["head.bias"][:] = 99  # a copy
    pd.testing.assert_frame_equal(model.predict(X), before)
    other.weights_ = {name: array.tolist() for name, array in other.weights_.items()}
    assert_same_weights(model, other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("head.bias"), r"missing: \['head.bias'\], unknown: \[\]"),
        (lambda w: w.update(extra=np.zeros(3)), r"missing: \[\], unknown: \['extra'\]"),
        (lambda w: w.update({"head.weight": np.zeros((4, 1))}), r"'head.weight'\] has the shape \(4, 1\); .* \(1, 4\)"),
        (lambda w: w.update({"head.bias": 0.0}), r"weights_\['head.bias'\] has the shape \(\)"),
        (lambda w: w.update({"bias_ih_l0": np.full(12, np.nan)}), r"weights_\['bias_ih_l0'\] holds NaN or infinity"),
        (lambda w: w.update({"bias_ih_l0": ["a"] * 12}), r"weights_\['bias_ih_l0'\] must hold numbers: .*'a'"),
        pytest.param(
            lambda w: w.update({"head.bias": np.array([1e39])}),
            "head.bias",
        ),
    ],
)
def test_wrong_weights_are_refused_and_nothing_is_set(tiny, hourly, change, words):
    X = hourly(20)
    model = tiny().fit(X, X["a"])
    before, weights = model.predict(X), model.weights_
    weights["weight_ih_l0"][:] = 5
    change(weights)
    with pytest.raises(ValueError, match=words):
        model.weights_ = weights
    pd.testing.assert_series_equal(model.predict(X), before)


def test_fitted_attributes(tiny, hourly):
    X = hourly(20)
    model = tiny().fit(X, X)
    assert (model.n_outputs_, model.n_features_in_, model.device_) == (2, 2, "cpu")
    assert "CPU" in model.device_reason_ and model.device_reason_.endswith(".")
    public = {name for name in dir(model) if name.endswith("_") and not name.startswith("_")}
    assert {"n_iter_", "history_", "weights_", "loss_"} < public
    for name in public - {"validation_curve_", "alone_", "network_weight_"}:
        assert getattr(model, name) is not None, name


def test_another_solver_starts_with_moments_of_its_own(tiny, hourly):
    X = hourly(40)
    model = tiny(warm_start=True, shuffle=False).fit(X, X["a"])
    fresh = tiny(warm_start=True, shuffle=False, solver="sgd").fit(X, X["a"])
    fresh.weights_ = model.weights_
    state = fitted_state(fresh)
    fresh._fitted = replace(state, training=replace(state.training, moments={}))
    model.set_params(solver="sgd").fit(X, X["a"])
    assert_same_weights(model, fresh.fit(X, X["a"]))


def test_setting_weights_leaves_copies_alone(tiny, hourly):
    import copy

    X = hourly(40)
    model = tiny().fit(X, X["a"])
    before, other = model.predict(X), copy.copy(model)
    other.weights_ = {name: 2 * array for name, array in model.weights_.items()}
    pd.testing.assert_series_equal(model.predict(X), before)
    assert not other.predict(X).equals(before)


def test_sample_weights_on_another_index_are_refused(tiny, hourly):
    X = hourly(40)
    weight = pd.Series(1.0, X.index)
    tiny().fit(X, X["a"], sample_weight=weight)
    with pytest.raises(ValueError, match="X and sample_weight have different indexes: at row 0"):
        tiny().fit(X, X["a"], sample_weight=weight[::-1])


def test_the_founding_example(tiny):
    """100 sequences of 10 random numbers, 10 units, Adam, squared loss, batches of 32, 100 epochs: end to end."""
    rng = np.random.default_rng(0)
    X, y = rng.random((100, 10, 1)), rng.random(100)
    options = {"hidden_layer_sizes": 10, "batch_size": 32, "max_iter": 100, "learning_rate_init": 0.001, "tol": 0.0}
    model = tiny(**options, n_iter_no_change=100, standardize=False).fit(X, y)
    assert model.n_iter_ == 100
    assert model.loss_curve_[0] > 0.25 > 0.1 > model.loss_  # from the mean square of y towards its variance, 1/12
    assert model.loss_ == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=0.05)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_linear_part_alone_is_kept_where_training_makes_it_worse(tiny, hourly, solver):
    X = hourly(120)
    y = 2 * X["a"] + X["b"].shift(1, fill_value=0.0)  # all that there is to know is linear
    noise = pd.Series(np.random.default_rng(1).normal(size=120), X.index)
    model = tiny(solver=solver, linear_lags=2, early_stopping=True, max_iter=4).fit(X, (y + noise).rename("y"))
    assert model.n_iter_ >= 1
    assert model.best_iter_ == 0 < min(model.validation_curve_)
    np.testing.assert_array_equal(model.weights_["head.weight"], 0)


@pytest.mark.parametrize("per_step", [False, True])
def test_scores_read_weights_as_fit_does(tiny, hourly, per_step):
    X = hourly(40)
    y = X["a"]
    weight = pd.Series(np.arange(40.0), X.index)
    if per_step:
        X, y, weight = [X[:10], X[10:40]], [y[:10], y[10:40]], np.array([1.0, 3.0])
    model = tiny().fit(X, y)
    whole = np.concatenate(y) if per_step else y
    each = np.repeat(weight, [10, 30]) if per_step else weight
    predicted = np.concatenate(model.predict(X)) if per_step else model.predict(X)
    assert model.score(X, y, weight) == r2_score(whole, predicted, sample_weight=each)
    with pytest.raises(ValueError, match="sample_weight"):
        model.score(X, y, -weight)
    with pytest.raises(ValueError, match="sample_weight"):
        model.score(X, y, weight[:-1])
    if per_step:
        with pytest.raises(ValueError, match=r"sample_weight\[0\] has the shape \(10,\); .* one number a sequence"):
            model.fit(X, y, sample_weight=[np.ones(10), np.ones(30)])
    if not per_step:
        with pytest.raises(ValueError, match="different indexes"):
            model.score(X, y, weight[::-1])


@pytest.mark.parametrize(
    ("name", "was", "now"),
    [("missing", "error", "mask"), ("missing", "mask", "decay"), ("initial_state", "zeros", "learned")],
)
def test_a_warm_start_names_the_parameter_that_differs(tiny, hourly, name, was, now):
    X = hourly(30)
    model = tiny(warm_start=True, difference=False, **{name: was}).fit(X, X["a"])
    with pytest.raises(ValueError, match=f"a model whose {name} is '{was}'; now it is '{now}'"):
        model.set_params(**{name: now}).fit(X, X["a"])
