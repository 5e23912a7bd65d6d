"""What the default settings add to the network and choose by themselves: anchor, differences, linear part, early stopping."""

import pickle

import numpy as np
import pandas as pd
import pytest
import reference
from sklearn.linear_model import RidgeCV
from threadpoolctl import threadpool_limits

from grukit import GRUClassifier, GRURegressor
from grukit.data import quiet
from grukit.estimators._choices import _variance
from grukit.inspection import gates, gradient_flow, saliency

N, TRAIN, TEST = 240, slice(0, 200), slice(200, 240)
SMALL = {"hidden_layer_sizes": 5, "window": 6, "max_iter": 12, "random_state": 0}
RNG = np.random.default_rng(0)
TIMES = pd.date_range("2024", periods=N, freq="h")
X = pd.DataFrame({"a": RNG.normal(size=N).cumsum(), "b": RNG.normal(size=N)}, TIMES)
Y = (X["a"].shift(-1).ffill() + 0.3 * X["b"] ** 2).rename("next")
CHOICES = [
    {},
    {"difference": True},
    {"difference": ["b"], "linear_lags": 0, "anchor": "a"},
    {"difference": False, "linear_lags": 3, "anchor": None},
    {"difference": ["a"], "linear_lags": 0, "anchor": None},
    {"missing": "mask", "difference": ["a"]},
    {"bidirectional": True, "difference": True},
    {"hidden_layer_sizes": (4, 3), "cell": "dual_state", "difference": True, "linear_lags": 2},
    {"initial_state": "learned", "difference": True},
]


def fitted(**changes):
    return GRURegressor(**{**SMALL, "dtype": "float64", **changes}).fit(X[TRAIN], Y[TRAIN])


# --- The same model everywhere -----------------------------------------------------------------------


@pytest.mark.parametrize("changes", CHOICES, ids=str)
def test_predictors_streams_batches_and_pickles_agree_with_predict(changes):
    model = fitted(**changes)
    whole = model.predict(X, context=None)
    predict, window = model.predictor(), X.iloc[100:106].to_numpy()
    assert predict(window) == whole.iloc[105]
    windows = np.stack([X.iloc[i : i + 6].to_numpy() for i in range(100, 120)])
    np.testing.assert_array_equal(predict(windows), whole.iloc[105:125])
    assert predict(window[:1]) == pytest.approx(model.predict(X[100:101], context=None).iloc[0], abs=1e-12)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), whole)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(predict))(windows), predict(windows))
    np.testing.assert_array_equal(model.predict(X[TEST]), model.predict(X, context=None)[TEST])
    if model.bidirectional:
        return
    stream = model.stream()
    steps = [stream.step(row) for row in X.iloc[:6].to_numpy()]
    np.testing.assert_array_equal(steps, whole[:6])
    both = model.stream(2)
    pairs = [both.step(np.stack([row, other])) for row, other in zip(window, X.iloc[20:26].to_numpy(), strict=True)]
    np.testing.assert_array_equal(pairs[-1], [whole.iloc[105], whole.iloc[25]])
    resumed = pickle.loads(pickle.dumps(both))
    np.testing.assert_array_equal(resumed.step(window[:2]), both.step(window[:2]))


def test_a_prediction_has_the_same_bits_whatever_is_predicted_with_it():
    """In wide tables, too, whose linear part a BLAS would round by how many rows there are."""
    rng = np.random.default_rng(2)
    wide = rng.normal(size=(600, 40)).cumsum(axis=0)
    model = GRURegressor(3, window=12, max_iter=1, dtype="float64", random_state=0).fit(wide[:-1], wide[1:, :3])
    assert model.linear_coef_.shape == (12, 40, 3)
    whole = model.predict(wide, context=None)
    np.testing.assert_array_equal(model.predict(wide[301:], context=wide[:301]), whole[301:])
    np.testing.assert_array_equal(model.predict(wide[500:501], context=wide[:500]), whole[500:501])
    stream = model.stream()
    np.testing.assert_array_equal([stream.step(row) for row in wide[:12]], whole[:12])


def test_a_fit_has_the_same_bits_whatever_the_threads_of_the_blas():
    """A worker of a grid search has fewer than the process that started it."""
    rng = np.random.default_rng(3)
    wide = rng.normal(size=(600, 8)).cumsum(axis=0)
    y = wide[:, 0] + rng.normal(size=600)
    coefs = []
    for n in (1, 2):
        with threadpool_limits(n, "blas"):
            coefs.append(GRURegressor(3, window=24, max_iter=1, random_state=0).fit(wide, y).linear_coef_)
    np.testing.assert_array_equal(*coefs)


@pytest.mark.parametrize("changes", CHOICES, ids=str)
def test_saliency_is_the_gradient_of_predict(changes):
    model = fitted(**changes)
    predict = model.predictor()
    for row in (105, 0):  # of the first there is no difference
        window = X.iloc[max(0, row - 5) : row + 1].to_numpy(copy=True)
        expected = reference.central_difference(lambda window=window: predict(window), window, step=1e-5)
        found = saliency(model, X, rows=[TIMES[row]], context=None).loc[TIMES[row]]
        np.testing.assert_allclose(found.to_numpy()[::-1], expected, atol=1e-7)


@pytest.mark.parametrize("baseline", [None, 0.5])
@pytest.mark.parametrize("changes", CHOICES[:5], ids=str)
def test_integrated_gradients_sum_to_the_difference_from_the_baseline(changes, baseline):
    model = fitted(**changes)
    predict = model.predictor()
    origin = X[TRAIN].mean().to_numpy() if baseline is None else np.full(2, baseline)
    for row in (1, 105):
        window = X.iloc[max(0, row - 5) : row + 1].to_numpy()
        parts = saliency(model, X, "integrated", rows=[TIMES[row]], context=None, baseline=baseline, n_steps=64)
        gained = predict(window) - predict(np.tile(origin, (len(window), 1)))
        assert parts.to_numpy().sum() == pytest.approx(gained, rel=2e-2 if baseline is None else 1e-4, abs=1e-4)


def test_gates_and_gradient_flow_are_of_the_steps():
    """Their ends are what predictions are made of, and how far those are off; the first row of a window is no step."""
    model = fitted(difference=True, anchor=None, linear_lags=0)
    weight, bias = model.weights_["head.weight"], model.weights_["head.bias"]
    mean, scale = Y[TRAIN].mean(), Y[TRAIN].std(ddof=0)
    predictions = model.predict(X)
    np.testing.assert_allclose((gates(model, X)[0, "state"] @ weight[0] + bias) * scale + mean, predictions, rtol=1e-10)
    flow = gradient_flow(model, X, Y)
    assert len(flow) == 5
    errors = np.abs(2 * (predictions - Y) / scale)
    assert flow.loc[0, 0] == pytest.approx(errors.mean() * np.linalg.norm(weight), rel=1e-10)


def test_sequences_ragged_lengths_and_targets_at_every_step():
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=(n, 2)).cumsum(axis=0) for n in rng.integers(1, 9, size=60)]
    sums = [2 * x[-1, 0] for x in arrays]
    steps = [x[:, 0] - np.vstack([x[:1, :1], x[:-1, :1]])[:, 0] for x in arrays]
    for y in (sums, steps):
        model = GRURegressor(5, max_iter=3, random_state=0, difference=True, dtype="float64").fit(arrays, y)
        predict, predictions = model.predictor(), model.predict(arrays)
        for x, prediction in zip(arrays, predictions, strict=True):
            np.testing.assert_allclose(predict(x), prediction, atol=1e-12)
    stream = model.stream()
    np.testing.assert_allclose([stream.step(row) for row in arrays[0]], predictions[0], atol=1e-12)


def test_panels_do_not_cross():
    panel = pd.concat({"u": X[:100], "v": 50 + X[100:200]}, names=["series", "time"])
    y = pd.concat({"u": Y[:100], "v": 50 + Y[100:200]}, names=["series", "time"])
    model = GRURegressor(**SMALL, difference=True).fit(panel, y)
    moved = panel.add(1000.0 * (panel.index.get_level_values("series") == "u"), axis=0)
    pd.testing.assert_series_equal(model.predict(moved).loc["v"], model.predict(panel).loc["v"])


# --- What is chosen ----------------------------------------------------------------------------------


def test_the_choices_are_told():
    model = fitted()
    assert model.anchor_ == "a" and model.difference_ == ["a"]
    assert model.linear_coef_.ndim == 2 and model.linear_coef_.shape[1] == 2 and model.linear_alpha_ > 0
    text = model.summary()
    for words in (
        "GRURegressor of a table, each row with the 5 before it",
        "Layer 0: gru, 5 units",
        "changes from the row",
    ):
        assert words in text
    plain = fitted(anchor=None, linear_lags=0, difference=False)
    assert plain.anchor_ is None and plain.difference_ == [] and plain.linear_coef_.shape == (0, 2)
    assert "Linear part" not in plain.summary()


def test_several_outputs_have_anchors_of_their_own():
    targets = pd.DataFrame({"p": X["a"] + 0.1, "q": X["b"] ** 2})
    model = GRURegressor(**SMALL).fit(X[TRAIN], targets[TRAIN])
    assert model.anchor_[0] == "a" and model.linear_coef_.shape[1:] == (2, 2) and model.linear_alpha_.shape == (2,)


def test_a_column_that_never_varied_is_no_anchor():
    """y's change from it would vary as y does, less than that from the others; and when it moves, nothing is known of that."""
    target = (0.01 * X["a"]).rename("y")
    frame = X.assign(flag=0.0)
    model, plain = (GRURegressor(**SMALL, early_stopping=True).fit(Z[TRAIN], target[TRAIN]) for Z in (frame, X))
    assert model.anchor_ == plain.anchor_ != "flag"
    np.testing.assert_allclose(model.linear_coef_[:, :2], plain.linear_coef_, atol=1e-12)
    np.testing.assert_allclose(model.linear_coef_[:, 2], 0, atol=1e-12)
    alone = GRURegressor(**SMALL, early_stopping=True).fit(frame[["flag"]][TRAIN], target[TRAIN])
    assert alone.anchor_ is None and np.abs(alone.linear_coef_).max() < 1e-12


def test_epoch_zero_is_the_linear_part():
    """Where the network finds nothing, the model is the ridge regression that it began as."""
    rng = np.random.default_rng(7)
    walk = pd.DataFrame({"x": rng.normal(size=1500).cumsum()}, pd.date_range("2000", periods=1500))
    model = GRURegressor(8, window=12, random_state=0).fit(walk[:-1], walk["x"].shift(-1)[:-1])
    error = np.abs(model.predict(walk[1000:-1], context=walk[:1000]) - walk["x"].shift(-1)[1000:-1]).mean()
    assert error < 1.02 * walk["x"].diff().abs()[1000:].mean()
    assert model.history_["validation_loss"].min() > 0


def test_defaults_follow_a_drift_out_of_the_range_of_training():
    t = np.arange(600.0)
    series = pd.Series(0.05 * t + np.sin(2 * np.pi * t / 24), pd.date_range("2024", periods=600, freq="h"))
    frame, target = series.to_frame("x"), series.shift(-1).rename("next")
    test = slice(480, 599)

    def error(**changes):
        model = GRURegressor(16, window=24, random_state=0, **changes).fit(frame[:480], target[:480])
        return (model.predict(frame[test]) - target[test]).std()

    assert error() < 0.05 < error(anchor=None, linear_lags=0, difference=False)


def test_defaults_are_not_worse_than_ridge_where_ridge_is_right():
    rng = np.random.default_rng(3)
    x = np.zeros(800)
    for i in range(2, 800):
        x[i] = 1.6 * x[i - 1] - 0.8 * x[i - 2] + rng.normal()
    series = pd.Series(x, pd.date_range("2024", periods=800, freq="h"))
    lags = np.column_stack([np.roll(x, k) for k in range(16)])[16:-1]
    y = x[17:]
    ridge = RidgeCV(np.logspace(-3, 3, 13)).fit(lags[:600], y[:600])
    model = GRURegressor(window=16, random_state=0).fit(series.to_frame("x")[:616], series.shift(-1)[:616])
    found = model.predict(series.to_frame("x")[616:-1]).to_numpy()
    ours, theirs = (np.sqrt(np.mean((p - y[600:]) ** 2)) for p in (found, ridge.predict(lags[600:])))
    assert ours < 1.03 * theirs


def test_what_series_of_a_panel_differ_in_is_no_drift():
    rng = np.random.default_rng(5)
    series = np.repeat(np.arange(8), 60)
    panel = pd.DataFrame(
        {
            "size": rng.normal(size=8)[series] / 3,
            "swings": 100.0 * series + rng.normal(size=480),
            "smooth": 100.0 * series + np.sin(np.arange(480) % 60),
            "drifts": 100.0 * series + rng.normal(size=(8, 60)).cumsum(axis=1).ravel(),
        },
        pd.MultiIndex.from_product([range(8), range(60)]),
    )
    model = GRURegressor(3, window=12, max_iter=1, random_state=0).fit(panel, panel["drifts"])
    assert model.difference_ == ["drifts"]


def test_outputs_with_gaps_at_different_rows_have_a_linear_part_each():
    gone = np.arange(N) % 2 == 0
    both = pd.DataFrame({"even": (2 * X["a"]).where(gone), "odd": X["b"].where(~gone)})
    model = GRURegressor(**SMALL, missing="mask", linear_lags=1).fit(X[TRAIN], both[TRAIN])
    np.testing.assert_allclose(model.linear_coef_[0], [[2, 0], [0, 1]], atol=1e-4)


@pytest.mark.parametrize(("n", "stops"), [(19, False), (20, True), (120, True)])
def test_early_stopping_by_itself_is_on_from_a_number_of_samples(n, stops):
    model = GRURegressor(**SMALL).fit(X[:n], Y[:n])
    assert (model.validation_curve_ is not None) == stops
    classes = (X["a"].diff() > 0).astype(int)
    classifier = GRUClassifier(**SMALL, early_stopping="auto").fit(X[:n], classes[:n])
    assert (classifier.validation_curve_ is not None) == stops


def test_of_few_rows_of_a_table_epochs_are_counted_on_blocks_in_time():
    """A walk's next value: what a network learns beside the last value in all epochs is noise."""
    settings, errors = {"window": 16, "hidden_layer_sizes": 5, "random_state": 0}, []
    for seed in range(8):
        walk = np.random.default_rng(seed).normal(size=(61, 1)).cumsum(axis=0)
        model = GRURegressor(**settings).fit(walk[:40], walk[1:41, 0])
        assert model.stop_reason_.endswith(
            "epochs do best on 4 blocks in time, each forecast from the samples before it."
        )
        assert model.alone_ is None  # too few for the network alone
        unjudged = GRURegressor(**settings, early_stopping=False).fit(walk[:40], walk[1:41, 0])
        found = [each.predict(walk[:60], context=None)[40:] for each in (model, unjudged)]
        errors.append([np.mean((each - walk[41:, 0]) ** 2) for each in (*found, walk[40:60, 0])])
    counted, in_all, last = np.exp(np.mean(np.log(errors), axis=0))
    assert counted < 0.8 * in_all and counted < 1.5 * last
    # A rate that a plateau lowers has no blocks, and a tenth of so few rows is no judge.
    lowered = GRURegressor(**{**settings, "max_iter": 3}, learning_rate="adaptive").fit(walk[:40], walk[1:41, 0])
    assert lowered.validation_curve_ is None


def test_partial_fit_chooses_nothing_by_itself():
    model = GRURegressor(**SMALL).partial_fit(X[:50], Y[:50])
    assert model.anchor_ is None and model.linear_coef_.shape == (0, 2) and model.difference_ == []
    chosen = GRURegressor(**SMALL, anchor="a", difference=["a"], linear_lags=2).partial_fit(X[:50], Y[:50])
    assert chosen.linear_coef_.shape == (2, 2) and chosen.difference_ == ["a"]
    before = chosen.linear_coef_
    np.testing.assert_array_equal(chosen.partial_fit(X[50:90], Y[50:90]).linear_coef_, before)


def test_a_loss_of_exponentials_has_no_linear_part():
    counts = np.random.default_rng(0).poisson(3, N)
    assert GRURegressor(**SMALL, loss="poisson").fit(X, counts).linear_coef_.shape == (0, 2)
    with pytest.raises(ValueError, match="anchor and linear_lags add to predictions"):
        GRURegressor(**SMALL, loss="poisson", anchor="a").fit(X, counts)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"anchor": "c"}, r"name columns of X, \['a', 'b'\]; 'c' is none"),
        ({"difference": ["a", "z"]}, r"name columns of X, \['a', 'b'\]; 'z' is none"),
        ({"linear_lags": -1}, "linear_lags"),
        ({"linear_lags": True}, "linear_lags"),
        ({"difference": "all"}, "difference"),
        ({"missing": "decay", "difference": True}, "a difference has no such time"),
    ],
)
def test_what_cannot_be_chosen(changes, words):
    with pytest.raises(ValueError, match=words):
        GRURegressor(**SMALL, **changes).fit(X, Y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_same_seed_same_bits(n_jobs):
    one, other = (GRURegressor(**SMALL, n_jobs=jobs).fit(X[TRAIN], Y[TRAIN]) for jobs in (1, n_jobs))
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


# --- Validation samples that are given ---------------------------------------------------------------


def test_given_validation_samples_are_watched_and_nothing_is_held_out():
    model = GRURegressor(**SMALL).fit(X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST])
    best = model.best_iter_
    loss = model.validation_curve_
    assert loss is not None and (best == 0 or best == 1 + int(np.argmin(loss)))
    # Training saw all of X: its scaling is that of all rows.
    whole = GRURegressor(**{**SMALL, "early_stopping": False}).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(model.linear_coef_, whole.linear_coef_)
    # The validation rows see the end of X: their loss is that of predict.
    plain = {"anchor": None, "linear_lags": 0, "difference": False, "early_stopping": True, "n_iter_no_change": 100}
    watched = GRURegressor(**SMALL, **plain).fit(X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST])
    error = ((watched.predict(X[TEST]) - Y[TEST]) ** 2).mean() / Y[TRAIN].var(ddof=0)
    assert min(watched.validation_curve_) == pytest.approx(error, rel=1e-4)


def test_given_validation_samples_have_weights():
    weight = np.r_[np.zeros(20), np.ones(20)]
    model = GRURegressor(**SMALL).fit(X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST], sample_weight_val=weight)
    other = GRURegressor(**SMALL).fit(
        X[TRAIN], Y[TRAIN], X_val=X[TEST], y_val=Y[TEST].where(weight > 0, 99.0), sample_weight_val=weight
    )
    assert model.validation_curve_ == other.validation_curve_
    labels = np.where(Y > Y.median(), "up", "down")
    swapped = np.where((labels == "up") == (np.arange(N) < 220), "down", "up")  # those of the weight zero

    def curve(labels_val, weight):
        given = {"X_val": X[TEST], "y_val": labels_val, "sample_weight_val": weight}
        return GRUClassifier(**SMALL, early_stopping=True).fit(X[TRAIN], labels[TRAIN], **given).validation_curve_

    assert curve(labels[TEST], weight) == curve(swapped[TEST], weight) != curve(labels[TEST], None)


@pytest.mark.parametrize(
    ("given", "changes", "words"),
    [
        ({"X_val": X[TEST]}, {}, "X_val and y_val go together"),
        ({"y_val": Y[TEST]}, {}, "X_val and y_val go together"),
        ({"sample_weight_val": [1.0]}, {}, "X_val and y_val go together"),
        ({"X_val": X[TEST], "y_val": Y[TEST]}, {"early_stopping": False}, "early_stopping=False turns off"),
        ({"X_val": X[TEST][["b", "a"]], "y_val": Y[TEST]}, {}, "feature names should match"),
        ({"X_val": X[TEST], "y_val": Y[TEST][:-1]}, {}, "inconsistent numbers of samples"),
        (
            {"X_val": X[TEST], "y_val": Y[TEST], "sample_weight_val": np.zeros(40)},
            {},
            "non-zero number|positive weight",
        ),
    ],
)
def test_given_validation_samples_are_checked(given, changes, words):
    with pytest.raises(ValueError, match=words):
        GRURegressor(**SMALL, **changes).fit(X[TRAIN], Y[TRAIN], **given)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_variance_leaves_out_what_is_missing_as_numpy_s_does_and_warns_of_nothing(share):
    rng = np.random.default_rng(0)
    for n in (1, 2, 30, 400):
        values = 1e5 + rng.normal(size=n)
        values[rng.random(n) < share] = np.nan
        with quiet():
            wanted = np.nanvar(values)
        np.testing.assert_array_equal(_variance(values, ~np.isnan(values)), wanted)
