"""What a network may have besides: both directions, dropout, learned initial states, missing values."""

import numpy as np
import pandas as pd
import pytest
import reference
from plain import PLAIN, for_labels
from thorough import if_full
from untrained import untrained

from grukit import GRUClassifier, GRURegressor
from grukit.model import NetworkSpec

RNG = np.random.default_rng(0)
HOURS = pd.date_range("2024-01-01", periods=60, freq="h")
X = pd.DataFrame(RNG.normal(5, 2, (60, 2)), index=HOURS, columns=["a", "b"])
Y = X["a"].rolling(3, min_periods=1).mean().rename("y")
# float64: no other test compiles kernels of these options for float32.
SMALL = {
    **PLAIN,
    "hidden_layer_sizes": 5,
    "window": 6,
    "max_iter": 3,
    "random_state": 0,
    "batch_size": 16,
    "dtype": "float64",
}
FAMILY = {"bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.3, "initial_state": "learned"}


def with_gaps(frame, share=0.4, seed=1):
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < share)


def test_the_same_bits_for_any_number_of_threads_and_none_of_dropout_in_predictions():
    fits = [GRURegressor(**SMALL, **FAMILY, n_jobs=n).set_params(batch_size=60).fit(X, Y) for n in (1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(*(m.weights_.values() for m in fits), strict=True))
    np.testing.assert_array_equal(fits[0].predict(X), fits[0].predict(X))
    assert fits[0].weights_["initial_l0"].shape == (1, 5)
    assert fits[0].weights_["initial_l0"].any()
    assert fits[0].weights_["weight_hh_l0_reverse"].shape == (15, 5)
    other = GRURegressor(**SMALL, **{**FAMILY, "recurrent_dropout": 0.31}).fit(X, Y)
    assert not np.array_equal(other.weights_["weight_hh_l0"], fits[0].weights_["weight_hh_l0"])


@pytest.mark.parametrize("cell", ["gru", *if_full("dual_state")])
def test_a_bidirectional_prediction_agrees_with_two_passes(cell):
    """Of the GRU against the reference; the head reads the last state of both passes."""
    model = GRURegressor(**SMALL, bidirectional=True, cell=cell, standardize=False).fit(X, Y)
    weights, window = model.weights_, X.to_numpy()[10:16, None]
    last = []
    for suffix, x in (("l0", window), ("l0_reverse", window[::-1])):
        own = [weights[f"{kind}_{suffix}"] for kind in ("weight_ih", "weight_hh")]
        zero = np.zeros((1, 5))
        if cell == "gru":
            biases = [weights[f"{kind}_{suffix}"] for kind in ("bias_ih", "bias_hh")]
            last.append(reference.cell_forward("gru", x, zero, *own, *biases)[0][-1, 0])
        else:
            last.append(reference.dual_state_forward(True, x, zero, zero, *own, weights[f"bias_{suffix}"], [6])[-1, 0])
    expected = weights["head.weight"] @ np.concatenate(last) + weights["head.bias"]
    np.testing.assert_allclose(model.predict(X).iloc[15], expected[0], rtol=1e-11)
    np.testing.assert_allclose(model.predictor()(window[:, 0]), expected[0], rtol=1e-11)


def test_one_batch_can_be_learnt_by_heart():
    settings = {**SMALL, "hidden_layer_sizes": 16, "max_iter": 300, "learning_rate_init": 0.02}
    for cell in ("dual_state", "gru"):
        model = GRURegressor(**settings, cell=cell, bidirectional=cell == "gru", initial_state="learned")
        model.fit(X[:16], Y[:16])
        assert model.loss_ < 0.01 * model.loss_curve_[0], cell


@pytest.mark.parametrize(("changes", "words"), [
    ({"solver": "lbfgs", "dropout": 0.1}, "dropout and recurrent_dropout need a solver that trains in batches"),
    ({"missing": "decay", "bidirectional": True}, "bidirectional=True has no such time"),
    ({"missing": "decay", "cell": "dual_state"}, "got cell='dual_state'"),
    ({"precision": "tf32"}, "precision='tf32' is of products in dtype='float32'; got dtype='float64'"),
    ({"dropout": 1.0}, "The 'dropout' parameter of GRURegressor must be a float in the range"),
    ({"initial_state": "ones"}, "The 'initial_state' parameter"),
])  # fmt: skip
def test_what_excludes_each_other_is_an_error(changes, words):
    with pytest.raises(ValueError, match=words):
        GRURegressor(**{**SMALL, **changes}).fit(X, Y)


def test_going_on_may_change_dropout_and_nothing_else():
    model = GRURegressor(**SMALL, warm_start=True).fit(X, Y)
    model.set_params(dropout=0.5).fit(X, Y)
    assert model.n_iter_ == 6
    with pytest.raises(ValueError, match="whose bidirectional is False; now it is True"):
        model.set_params(bidirectional=True).fit(X, Y)


def test_streams_need_one_direction_and_predictors_no_index():
    model = GRURegressor(**SMALL, bidirectional=True).fit(X, Y)
    with pytest.raises(ValueError, match="cannot go on step by step"):
        model.stream()
    model = GRURegressor(**SMALL, missing="decay").fit(X, Y)
    for serve in (model.stream, model.predictor):
        with pytest.raises(ValueError, match="depends on the index"):
            serve()


def test_a_stream_of_the_unit_with_two_states():
    model = GRURegressor(**SMALL, cell="dual_state", initial_state="learned").fit(X, Y)
    expected, stream = model.predict(X[:6]), model.stream()
    for i, row in enumerate(X[:3].to_numpy()):
        np.testing.assert_allclose(stream.step(row), expected.iloc[i], rtol=1e-12)
    state = stream.state
    assert state[0].shape == (3, 1, 5)
    there = model.stream()
    there.state = state
    assert there.step(X.iloc[3]) == stream.step(X.iloc[3])


# --- missing values ---------------------------------------------------------------------------------------------------


def test_a_mask_is_the_mean_and_a_flag():
    """With columns of mean zero, the same as a table that was filled with zeros and flagged by hand."""
    gaps = with_gaps(X)
    gaps = gaps - gaps.mean()
    by_hand = pd.concat([gaps.fillna(0.0), gaps.isna().astype(float).add_prefix("no ")], axis=1)
    settings = {**SMALL, "standardize": False}
    model = GRURegressor(**settings, missing="mask").fit(gaps, Y)
    expected = GRURegressor(**settings).fit(by_hand, Y)
    np.testing.assert_allclose(model.predict(gaps), expected.predict(by_hand), rtol=1e-9)
    assert model.n_features_in_ == 2
    window = gaps.to_numpy()[20:26]
    np.testing.assert_allclose(model.predictor()(window), model.predict(gaps).iloc[25], rtol=1e-12)
    batch = np.stack([gaps.to_numpy()[i : i + 6] for i in range(40)])
    np.testing.assert_allclose(model.predictor()(batch), model.predict(gaps).iloc[5:45], rtol=1e-12)
    stream = model.stream()
    steps = [stream.step(row) for row in gaps.to_numpy()[:6]]
    np.testing.assert_allclose(steps, model.predict(gaps)[:6], rtol=1e-12)


@pytest.mark.parametrize("changes", [
    {"missing": "mask", "dtype": "float32"},  # to which a mean's last digits, which 99 times 0 leaves in doubt, are rounded
    {"missing": "decay", "standardize": False},
    *if_full({"missing": "decay", "dtype": "float32"}),
], ids=str)  # fmt: skip
def test_a_missing_target_is_left_out(changes):
    gone, settings = np.arange(60) % 3 == 0, {**SMALL, **changes}
    model = GRURegressor(**settings).fit(X, Y.mask(gone))
    expected = GRURegressor(**settings).fit(X, Y.where(~gone, 99.0), sample_weight=(~gone).astype(float))
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    two = pd.DataFrame({"y": Y, "z": 2 * Y})
    half = two.copy()
    half.loc[gone, "z"] = np.nan
    assert np.isfinite(GRURegressor(**settings).fit(X, half).predict(X)).all(axis=None)


def test_missing_steps_are_left_out():
    """Where the last two of six steps have no target, as if the sequences were two steps shorter."""
    x, y = RNG.normal(size=(20, 6, 2)), RNG.normal(size=(20, 6, 1))
    x[:, :4] -= x[:, :4].mean((0, 1))
    x[:, 4:] -= x[:, 4:].mean((0, 1))  # inputs are centred by the mean of all steps, here the same for both
    gone = y.copy()
    gone[:, 4:] = np.nan
    settings = {**SMALL, "standardize": False, "missing": "mask", "shuffle": False}
    long, short = GRURegressor(**settings).fit(x, gone), GRURegressor(**settings).fit(x[:, :4], y[:, :4])
    np.testing.assert_allclose(long.loss_curve_, short.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(long.predict(x)[:, :4], short.predict(x[:, :4]), rtol=1e-9)
    gone[3] = np.nan  # a sequence without any target
    without = np.delete(np.arange(20), 3)
    expected = GRURegressor(**settings).fit(x[without], gone[without]).predict(x)
    model = GRURegressor(**settings)
    model.fit(x, gone)
    np.testing.assert_allclose(model.predict(x), expected, atol=0.05)  # the mean of the inputs is another


def reference_decay(weights, x, since):
    """State after the last step of GRU-D, in words of Che et al. (2018): x (T, D) with NaN, standardised; since (T,)."""
    n, H = x.shape[1], weights["weight_hh_l0"].shape[1]
    h, last, delta, seen = np.zeros(H), np.zeros(n), np.zeros(n), np.ones(n, bool)
    for t in range(len(x)):
        if t > 0:
            delta = np.where(seen, since[t], since[t] + delta)
        seen = ~np.isnan(x[t])
        last = np.where(seen, x[t], last)
        of_input = np.exp(-np.maximum(0, weights["decay.input_weight"] * delta + weights["decay.input_bias"]))
        of_state = np.exp(-np.maximum(0, weights["decay.state_weight"] @ delta + weights["decay.state_bias"]))
        received = np.concatenate([np.where(seen, last, of_input * last), seen])
        own = [weights[f"{kind}_l0"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        h = reference.step_forward("gru", received, of_state * h, *own)[0]
    return weights["head.weight"] @ h + weights["head.bias"]


@pytest.mark.parametrize("kind", ["hours", "days", "numbers", "periods"])
def test_decay_agrees_with_the_reference_on_an_irregular_index(kind):
    gaps = with_gaps(X)
    places = np.cumsum(RNG.integers(1, 5, 60))
    gaps.index = {
        "hours": pd.DatetimeIndex(HOURS[0] + pd.to_timedelta(places, unit="h"), tz="Europe/Berlin"),
        "days": pd.to_timedelta(places, unit="D"),
        "numbers": pd.Index(places * 0.5),
        "periods": pd.PeriodIndex.from_ordinals(places, freq="h"),
    }[kind]
    y = pd.Series(Y.to_numpy(), index=gaps.index)
    model = GRURegressor(**SMALL, missing="decay").fit(gaps, y)
    x = ((gaps - gaps.mean()) / gaps.std(ddof=0)).to_numpy()
    since = np.diff(places, prepend=np.nan) / np.median(np.diff(places))
    weights = model.weights_
    assert all(np.ptp(weights[name]) > 0 for name in weights if name.startswith("decay."))
    predicted = (model.predict(gaps) - y.mean()) / y.std(ddof=0)
    for i in (0, 1, 4, 5, 30, 59):
        window = slice(max(0, i - 5), i + 1)
        np.testing.assert_allclose(predicted.iloc[i], reference_decay(weights, x[window], since[window])[0], rtol=1e-9)


def test_decay_goes_on_with_the_tail_of_training():
    gaps = with_gaps(X)
    model = GRURegressor(**SMALL, missing="decay").fit(gaps[:40], Y[:40])
    whole = model.predict(gaps, context=None)
    np.testing.assert_allclose(model.predict(gaps[40:]), whole[40:], rtol=1e-12)
    np.testing.assert_allclose(model.predict(gaps[40:], context=gaps[:40]), whole[40:], rtol=1e-12)


def test_decay_of_a_panel_and_of_sequences():
    panel = pd.concat({"u": with_gaps(X[:20]), "v": with_gaps(X[:30], seed=2)}, names=["site", "time"])
    y = panel["a"].fillna(5.0)
    model = GRURegressor(**SMALL, missing="decay").fit(panel, y)
    alone = model.predict(panel.xs("v"), context=None)
    np.testing.assert_allclose(model.predict(panel)["v"], alone, rtol=1e-12)
    frames = [with_gaps(X[:6]), with_gaps(X[10:13], seed=3)]
    model = GRURegressor(**SMALL, missing="decay").fit(frames, [0.0, 1.0])
    arrays = [frame.to_numpy() for frame in frames]  # the hours of the index are the steps of an array
    np.testing.assert_allclose(model.predict(frames), model.predict(arrays), rtol=1e-12)


def test_missing_values_of_a_classifier():
    gaps, labels = with_gaps(X), np.where(Y > Y.mean(), "high", "low")
    for missing in ("mask", "decay"):
        model = (
            GRUClassifier(**for_labels(SMALL), missing=missing)
            .set_params(max_iter=60, learning_rate_init=0.02)
            .fit(gaps, labels)
        )
        assert model.score(gaps, labels) > 0.9
        assert model.__sklearn_tags__().input_tags.allow_nan


def test_what_is_missing_must_be_asked_for():
    gaps = with_gaps(X)
    with pytest.raises(
        ValueError, match="Input X contains NaN in column 'a' at 2024-01-01.*see the parameter 'missing'"
    ):
        GRURegressor(**SMALL).fit(gaps, Y)
    assert not GRURegressor().__sklearn_tags__().input_tags.allow_nan
    endless = gaps.copy()
    endless.iloc[7, 1] = np.inf
    for model in (GRURegressor(**SMALL, missing="mask"), GRUClassifier(**for_labels(SMALL), missing="decay")):
        with pytest.raises(
            ValueError, match=r"Input X contains inf \(infinity\) in column 'b' at 2024-01-01 07:00:00 .*\. Replace"
        ):
            model.fit(endless, Y > Y.mean())
    with pytest.raises(ValueError, match="Input y contains NaN"):
        GRURegressor(**SMALL).fit(X, Y.mask(Y > 5))


def test_a_column_without_any_value_is_an_error():
    for missing in ("mask", "decay"):
        with pytest.raises(ValueError, match="X: column 'c' has no value in the training part"):
            GRURegressor(**SMALL, missing=missing).fit(X.assign(c=np.nan), Y)
    with pytest.raises(ValueError, match="y: column 'z' has no value"):
        GRURegressor(**SMALL, missing="mask").fit(X, pd.DataFrame({"y": Y, "z": np.nan}))
    with pytest.raises(ValueError, match="No training sample has a target"):
        GRURegressor(**SMALL, missing="mask").fit(X, Y * np.nan)


def test_the_unit_of_the_index_makes_no_difference():
    gaps = with_gaps(X)
    model = GRURegressor(**SMALL, missing="decay").fit(gaps, Y)
    expected = model.predict(gaps, context=None)
    for index in (HOURS.as_unit("s"), HOURS.as_unit("ms"), HOURS.to_period("h"), HOURS - HOURS[0]):
        found = model.predict(gaps.set_axis(index), context=None)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(ValueError, match="In fit it told a time; here it tells a number"):
        model.predict(gaps.reset_index(drop=True), context=None)
    words = [f"row {i:02d}" for i in range(60)]
    with pytest.warns(UserWarning, match="one of dtype .* tells no time, so each row counts as one step"):
        model = GRURegressor(**SMALL, missing="decay").fit(gaps.set_axis(words), Y.set_axis(words))
    with pytest.raises(ValueError, match="In fit it told no time; here it tells a time"):
        model.predict(gaps)


def test_without_an_index_a_fit_with_decay_is_that_of_equal_steps():
    """Its epochs are counted on the same blocks in time, although no time is known."""
    gaps = with_gaps(X)
    settings = {**SMALL, "missing": "decay", "early_stopping": "auto"}
    timed, other = GRURegressor(**settings).fit(gaps, Y), GRURegressor(**settings).fit(gaps.to_numpy(), Y.to_numpy())
    assert other.stop_reason_ == timed.stop_reason_ and "4 blocks in time" in timed.stop_reason_
    np.testing.assert_array_equal(other.predict(gaps.to_numpy()), timed.predict(gaps, context=None))


def test_the_time_between_history_and_the_first_row_counts():
    gaps = with_gaps(X)
    model = GRURegressor(**SMALL, missing="decay").fit(gaps, Y)
    history, later = gaps[:30], gaps[40:]  # ten hours without a row between them
    expected = model.predict(pd.concat([history, later]), context=None)[30:]
    np.testing.assert_allclose(model.predict(later, context=history), expected, rtol=1e-12)


def test_missing_targets_have_no_say_in_the_score():
    gone = np.arange(60) % 3 == 0
    model = GRURegressor(**SMALL, missing="mask").fit(X, Y.mask(gone))
    assert model.score(X, Y.mask(gone)) == pytest.approx(model.score(X, Y, sample_weight=~gone), rel=1e-9)
    frames, targets = [X[:5], X[5:12]], [Y[:5].to_numpy(), Y[5:12].mask(gone[5:12]).to_numpy()]
    model = GRURegressor(**SMALL, missing="mask").fit(frames, targets)
    assert np.isfinite(model.score(frames, targets))


def test_a_partly_missing_target_counts_by_what_is_seen():
    """The loss of a row is the mean over the numbers that are there."""
    two = pd.DataFrame({"y": Y, "z": Y})
    half = two.mask(np.arange(60)[:, None] % 2 == np.array([[0, 2]]))  # y of every other row
    settings = {
        **SMALL,
        "max_iter": 1,
        "learning_rate_init": 1e-12,
        "standardize": False,
        "missing": "mask",
        "batch_size": 60,
    }
    losses = [GRURegressor(**settings).fit(X, y) for y in (two, half)]
    each = [((m.predict(X) - two) ** 2).to_numpy() for m in losses]
    assert losses[0].loss_ == pytest.approx(each[0].mean(), rel=1e-5)
    seen = half.notna().to_numpy()
    assert losses[1].loss_ == pytest.approx((np.where(seen, each[1], 0).sum(1) / seen.sum(1)).mean(), rel=1e-5)


def test_networks_that_the_kernels_do_not_have():
    for changes in ({"bidirectional": True}, {"cell": "dual_state"}, {"n_inputs": 3}):
        with pytest.raises(ValueError, match="decay needs a GRU in one direction"):
            NetworkSpec(
                **{"cell": "gru", "n_inputs": 4, "hidden_layer_sizes": (2,), "n_outputs": 1, "decay": True, **changes}
            )


def test_a_new_stream_of_the_unit_with_two_states_begins_at_zero():
    model = GRURegressor(**SMALL, cell="dual_state").fit(X, Y)
    assert not any(layer.any() for _ in range(20) for layer in model.stream(5).state)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bidirectional": True},
        {"missing": "decay"},
        {"initial_state": "learned"},
    ],
    ids=str,
)
def test_a_prediction_has_the_same_bits_alone_and_in_company(options):
    """In float32 too, and any number of sequences; tests/train/test_problem.py has all cells."""
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(37, 9, 2)).astype(np.float32)
    y = sequences[:, :, 0].sum(axis=1)
    if options.get("missing"):
        sequences[rng.random(sequences.shape) < 0.2] = np.nan
    single = {**SMALL, "hidden_layer_sizes": 11, "dtype": "float32"}
    with untrained():
        model = GRURegressor(**single, **options).fit(sequences, y)
    whole = model.predict(sequences)
    for first, n in ((0, 1), (3, 2), (5, 5), (7, 16), (20, 17)):
        np.testing.assert_array_equal(model.predict(sequences[first : first + n]), whole[first : first + n])
