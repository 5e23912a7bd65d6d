"""Whether the network does without a linear part: tried where that is open, judged in the same units, told."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from ended import Ended, check_same
from sklearn.exceptions import ConvergenceWarning

from grukit import GRURegressor, load
from grukit.estimators import _alone, _folds
from grukit.estimators._alone import share_of
from grukit.train import interrupts, stochastic

SMALL = {"hidden_layer_sizes": 8, "window": 4, "random_state": 0}
# The network alone does better here, and with 100 epochs no longer.
HELD_OUT = {**SMALL, "early_stopping": True, "max_iter": 24}
COUNTED = {**SMALL, "max_iter": 40}  # on blocks in time: here, too, and with 150 no longer
BESIDE = {"alpha": 0.0, "learning_rate_init": 0.002}  # what "auto" is beside a linear part
ALONE = {"anchor": None, "linear_lags": 0, "difference": False, "alpha": 0.01, "learning_rate_init": 0.005}


def logistic_map(n):
    """A series whose next value is a parabola of the last: lines explain little of it."""
    x = np.full(n, 0.3)
    for i in range(1, n):
        x[i] = 3.8 * x[i - 1] * (1 - x[i - 1])
    return x


SERIES = logistic_map(400)
X, Y = SERIES[:299, None], SERIES[1:300]
X_VAL, Y_VAL = SERIES[300:-1, None], SERIES[301:]


def at_call(n, what):
    """Raise ``what`` in the n-th call."""
    calls = []

    def callback(record):
        calls.append(record)
        if len(calls) == n:
            raise what

    return callback


def check_told(model, chosen):
    """Raise where the model is not what ``chosen`` says, or tells it otherwise."""
    assert (model.alone_ < 0.95) == chosen == (len(model.linear_coef_) == 0)
    found = f"a share of {model.alone_:.3g} of the validation loss beside a linear part, see alone_"
    assert (f"Network alone, with {found}" if chosen else f"Tried: the network alone, with {found}") in model.summary()


@pytest.mark.parametrize("changes", [{}, {"loss": "huber", "delta": 0.5}, {"solver": "sgd"}], ids=str)
def test_the_network_alone_is_what_it_would_be_by_itself(changes):
    model = GRURegressor(**HELD_OUT, **changes).fit(X, Y)
    check_told(model, True)
    plain = GRURegressor(**HELD_OUT, **ALONE, **changes).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    assert model.validation_curve_ == plain.validation_curve_ and plain.alone_ is None


def test_where_the_linear_part_stays_training_is_as_if_nothing_else_was_tried():
    settings = {**HELD_OUT, "max_iter": 100}
    model, plain = GRURegressor(**settings).fit(X, Y), GRURegressor(**settings, **BESIDE).fit(X, Y)
    check_told(model, False)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    assert model.validation_curve_ == plain.validation_curve_ and plain.alone_ is None


def test_on_blocks_in_time_training_takes_all_samples_for_as_many_epochs():
    model = GRURegressor(**COUNTED).fit(X, Y)
    check_told(model, True)
    n_epochs = model.best_iter_
    assert 0 < min(model.validation_curve_) < 0.1  # in units of y, not of the linear part's loss
    assert f"{n_epochs} epochs do best on 4 blocks" in model.stop_reason_
    ended = {
        "early_stopping": False,
        "averaging": 0.8,
        "n_iter_no_change": 40,
        "callbacks": lambda record: record["epoch"] >= n_epochs,
    }
    plain = GRURegressor(**COUNTED, **ALONE, **ended).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    beside = GRURegressor(**{**COUNTED, "max_iter": 150}).fit(X, Y)
    check_told(beside, False)
    np.testing.assert_array_equal(
        beside.predict(X), GRURegressor(**{**COUNTED, "max_iter": 150}, **BESIDE).fit(X, Y).predict(X)
    )


@pytest.mark.parametrize("max_iter", [24, 100])
def test_both_are_judged_in_the_same_units_in_every_quarter(network_whole, max_iter):
    """Of two outputs of different size, of which the linear part explains different shares."""
    targets, own = np.c_[Y, 50 * Y + 300 * X[:, 0]], np.c_[Y_VAL, 50 * Y_VAL + 300 * X_VAL[:, 0]]
    settings = {**SMALL, "max_iter": max_iter}
    model, beside, alone = (
        GRURegressor(**settings, **changes).fit(X, targets, X_val=X_VAL, y_val=own) for changes in ({}, BESIDE, ALONE)
    )
    errors = [((each.predict(X_VAL) - own) / targets.std(axis=0)) ** 2 for each in (alone, beside)]
    quarters = np.arange(len(own)) * 4 // len(own)
    one, other = (np.array([error[quarters == q].mean() for q in range(4)]) for error in errors)
    assert model.alone_ == pytest.approx((one.mean() / other.mean() + (one / other).max()) / 2, rel=1e-4)
    chosen = alone if model.alone_ < 0.95 else beside
    np.testing.assert_array_equal(model.predict(X), chosen.predict(X))


def of_two_kinds():
    """Two columns, the logistic map and one that lines know all of, and the next values of both."""
    rng = np.random.default_rng(0)
    walk = np.zeros(300)
    for i in range(1, 300):
        walk[i] = 0.99 * walk[i - 1] + 0.05 * rng.normal()
    times = pd.date_range("2024", periods=299)
    targets = np.c_[SERIES[1:300], walk[:-1] + 0.001 * rng.normal(size=299)]
    return pd.DataFrame(np.c_[SERIES[:299], walk[1:]], times, ["map", "walk"]), pd.DataFrame(targets, times)


def huber(errors):
    return np.where(np.abs(errors) < 0.2, errors**2 / 2, 0.2 * (np.abs(errors) - 0.1))


@pytest.mark.parametrize(
    ("changes", "outputs", "loss"),
    [  # one of the columns drifts, so by itself the network alone would not be tried
        ({}, [0], np.square),
        ({"difference": False}, [0, 1], np.square),
        ({"loss": "huber", "delta": 0.2, "difference": False}, [0, 1], huber),
    ],
    ids=["one output", "two outputs", "huber"],
)
def test_both_are_judged_in_the_same_units_on_every_block(network_whole, changes, outputs, loss):
    rows, targets = of_two_kinds()
    rows, targets = rows.iloc[:, outputs], targets[outputs]
    settings = {**COUNTED, **changes}
    model = GRURegressor(**settings).fit(rows, targets)
    losses = []
    for begin, end in pairwise(np.round(299 * np.linspace(0.5, 1, 5)).astype(int)):
        part, own = slice(0, begin), slice(begin, end)
        given = {"X_val": rows[own], "y_val": targets[own]}
        fits = [
            GRURegressor(**{**settings, **by}).fit(rows[part], targets[part], **given)
            for by in (ALONE, BESIDE, {**BESIDE, "learning_rate_init": 1e-300})  # the last is the linear part
        ]
        errors = [(each.predict(rows)[own] - targets[own]) / targets[part].std(ddof=0) for each in fits]
        losses.append([loss(error.to_numpy()).mean() for error in errors])
    alone, beside, linear = np.transpose(losses)
    one, other = alone / linear, beside / linear
    least = [(one[:n].sum() / other.sum() + (one / other)[:n].max()) / 2 for n in range(1, 5)]
    reached = next((share for share in least if share >= 0.95), least[-1])  # trials end where it can no longer be less
    assert model.alone_ == pytest.approx(reached, rel=1e-3)
    check_told(model, len(outputs) == 1)


def test_the_share_is_of_the_means_and_of_the_worst_block():
    assert share_of(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == (4 / 6 + 3 / 4) / 2
    assert share_of(np.array([1.0]), np.array([2.0, 4.0])) == (1 / 6 + 1 / 2) / 2  # at least
    assert share_of(np.array([1.0, 0.0]), np.array([2.0, 0.0])) == np.inf
    assert share_of(np.array([1.0, np.nan]), np.array([2.0, 1.0])) == np.inf


@pytest.mark.parametrize(
    "changes",
    [
        {"anchor": None},
        {"anchor": 0},
        {"linear_lags": 4},
        {"alpha": 0.0},
        {"learning_rate_init": 0.002},
        {"early_stopping": False},
        {"callbacks": lambda record: record["epoch"] == 20},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_who_chooses_has_chosen(changes):
    model = GRURegressor(**{**HELD_OUT, **changes}).fit(X, Y)
    assert model.alone_ is None and "alone" not in model.summary()
    assert len(model.linear_coef_) == 4


def test_a_part_of_the_data_chooses_nothing():
    model = GRURegressor(**HELD_OUT).partial_fit(X, Y)
    assert model.alone_ is None and model.history_["learning_rate"].tolist() == [0.002]


def test_the_linear_part_stays_where_the_series_is_linear_and_nothing_is_tried_where_it_drifts():
    rng = np.random.default_rng(0)
    walk = rng.normal(size=300).cumsum()
    x = np.zeros(300)
    for i in range(1, 300):
        x[i] = 0.7 * x[i - 1] + rng.normal()
    for settings in (HELD_OUT, COUNTED):
        check_told(GRURegressor(**settings).fit(x[:-1, None], x[1:]), False)
        drifting = GRURegressor(**settings).fit(walk[:-1, None], walk[1:])
        assert drifting.difference_ == [0] and drifting.alone_ is None and drifting.linear_coef_.size
        check_told(GRURegressor(**settings, difference=False).fit(walk[:-1, None], walk[1:]), False)


@pytest.mark.parametrize("settings", [HELD_OUT, COUNTED], ids=["held out", "counted"])
def test_the_same_bits_for_any_number_of_threads(settings):
    one, other = (GRURegressor(**settings, batch_size=64, n_jobs=n).fit(X, Y) for n in (1, 2))
    assert one.alone_ == other.alone_ is not None
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_sequences_with_a_target_each_or_at_every_step():
    pieces = SERIES[:399].reshape(57, 7, 1)
    for y in (SERIES[7::7], SERIES[1:400].reshape(57, 7, 1)):
        model = GRURegressor(8, random_state=0, early_stopping=True, max_iter=20).fit(pieces, y)
        check_told(model, model.alone_ < 0.95)
        assert np.isfinite(model.predict(pieces)).all()


def test_the_quarters_of_a_panel_are_those_of_each_of_its_series(network_whole):
    def part(begin, end):
        times = pd.date_range("2024", periods=200)[begin:end]
        keys = pd.MultiIndex.from_product([["u", "v"], times])
        rows = np.r_[begin:end, 199 + begin : 199 + end]
        return pd.DataFrame({"x": SERIES[rows]}, keys), pd.Series(SERIES[rows + 1], keys, name="next")

    (frame, target), (own, truth) = part(0, 150), part(150, 190)
    model, beside, alone = (
        GRURegressor(**SMALL, max_iter=24, **changes).fit(frame, target, X_val=own, y_val=truth)
        for changes in ({}, BESIDE, ALONE)
    )
    quarters = np.tile(np.arange(40) // 10, 2)
    one, other = (((each.predict(own) - truth) ** 2).groupby(quarters).mean() for each in (alone, beside))
    assert model.alone_ == pytest.approx((one.mean() / other.mean() + (one / other).max()) / 2, rel=1e-4)
    check_told(model, model.alone_ < 0.95)


@pytest.mark.parametrize("call", [2, 8, 24, 25, 29, 48])
@pytest.mark.parametrize("every", [3, 7, 40])
def test_a_fit_that_was_ended_in_either_training_goes_on_to_the_bit(tmp_path, call, every):
    whole = GRURegressor(**HELD_OUT).fit(X, Y)
    model = GRURegressor(**HELD_OUT, checkpoint=tmp_path / "run.ckpt", checkpoint_every=every)
    with pytest.raises(Ended):
        model.set_params(callbacks=at_call(call, Ended)).fit(X, Y)
    seen = []
    model.set_params(callbacks=seen.append).fit(X, Y, resume=True)
    check_same(whole, model)
    assert (whole.alone_, whole.summary()) == (model.alone_, model.summary())
    lost = (call - 1) % every if call <= 24 else 24 % every + (call - 25) % every
    if every < 24:
        assert len(seen) == 48 - call + 1 + lost
    assert [each.name for each in tmp_path.iterdir()] == (["run.ckpt"] if every < 24 else [])


def test_a_warm_start_and_partial_fit_go_on_alone():
    model = GRURegressor(**HELD_OUT, warm_start=True).fit(X, Y)
    model.fit(X, Y).partial_fit(X, Y)
    assert model.history_["learning_rate"].tolist() == [0.005] * 49
    check_told(model, True)


@pytest.mark.parametrize(("settings", "call", "n_epochs"), [(HELD_OUT, 28, 4), (COUNTED, 165, None)])
def test_ctrl_c_in_the_trial_keeps_what_is_better_so_far(monkeypatch, settings, call, n_epochs):
    run, calls = stochastic._run_epoch, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        run(*arguments)

    monkeypatch.setattr(stochastic, "_run_epoch", interrupted)
    monkeypatch.setattr(interrupts, "_last", [-np.inf])
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = GRURegressor(**settings).fit(X, Y)
    if n_epochs is None:
        assert "interrupted while the network alone was tried" in model.stop_reason_ and len(model.linear_coef_) == 4
    else:
        check_told(model, False)
        assert model.n_iter_ == 24 and model.stop_reason_ in model.summary()
        assert "alone was tried; the network beside a linear part is kept" in model.stop_reason_
    assert np.sqrt(np.mean((model.predict(X) - Y) ** 2)) < 0.5 * Y.std()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("module", "where", "settings"),
    [
        (_alone, "begin_alone", HELD_OUT),
        (_alone, "loss_of", HELD_OUT),
        (_alone, "loss_at_scale", HELD_OUT),
        (_folds, "begin_alone", COUNTED),
        (_folds, "loss_of", COUNTED),
    ],
    ids=lambda each: getattr(each, "__name__", each if isinstance(each, str) else ""),
)
def test_ctrl_c_before_or_after_the_trial_keeps_the_first_training(monkeypatch, module, where, settings, again):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, where, interrupted)
    monkeypatch.setattr(interrupts, "_last", [np.inf if again else -np.inf])
    model = GRURegressor(**settings)
    if again:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y)
        return
    with pytest.warns(ConvergenceWarning, match="interrupted while the network alone was tried"):
        model.fit(X, Y)
    assert model.alone_ is None and "interrupted while the network alone was tried" in model.stop_reason_
    if settings is HELD_OUT:
        np.testing.assert_array_equal(model.predict(X), GRURegressor(**settings, **BESIDE).fit(X, Y).predict(X))
    else:
        assert len(model.linear_coef_) == 4 and np.sqrt(np.mean((model.predict(X) - Y) ** 2)) < 0.5 * Y.std()


def test_files_tell_it(tmp_path):
    model = GRURegressor(**HELD_OUT).fit(X, Y)
    model.save(tmp_path / "model.gru")
    again = load(tmp_path / "model.gru")
    assert (again.alone_, again.summary()) == (model.alone_, model.summary())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
