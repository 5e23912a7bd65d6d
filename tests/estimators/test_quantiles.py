"""Quantiles of forecasts: their law, their order, and intervals that they make."""

import numpy as np
import pandas as pd
import pytest

from grukit import GRUForecaster
from grukit.estimators._quantiles import chosen_levels, in_order, levels_of, nearest_pair, pairs_of
from grukit.metrics import interval_coverage, score_forecasts

LEVELS = (0.1, 0.5, 0.9)
HOURS = pd.date_range("2024-01-01", periods=400, freq="h", name="time")
SMALL = {
    "hidden_layer_sizes": 4,
    "window": 6,
    "random_state": 0,
    "calendar": None,
    "linear_lags": 2,
    "quantiles": LEVELS,
}
NOISE = pd.Series(np.random.default_rng(0).normal(size=400), index=HOURS, name="load")


OF_ONE = {
    **SMALL, "hidden_layer_sizes": 8, "window": 1, "linear_lags": 0, "normalize": None, "standardize": False,
    "batch_size": 128, "learning_rate_init": 0.01, "early_stopping": False,
}  # fmt: skip


def pinball(levels, quantiles, truth):
    """The mean pinball loss of quantiles (..., m) of these levels."""
    over = truth - np.asarray(quantiles)
    return np.mean(np.maximum(np.array(levels) * over, (np.array(levels) - 1) * over))


@pytest.fixture(scope="module")
def state_dependent():
    """A panel of series whose noise is exponential, and three times as large after a value above one."""
    rng = np.random.default_rng(0)
    y = np.zeros((200, 120))
    for t in range(1, 120):
        y[:, t] = np.where(y[:, t - 1] > 1, 3.0, 1.0) * rng.exponential(size=200)
    index = pd.MultiIndex.from_product([range(200), pd.RangeIndex(120)], names=["unit", "step"])
    return pd.Series(y.ravel(), index=index, name="y")


def test_the_quantiles_of_a_law_that_depends_on_the_last_value(state_dependent):
    """The network learns where the noise is large, which the linear part cannot: -log(1 - q), or three times as much."""
    model = GRUForecaster(horizon=1, **OF_ONE, max_iter=30).fit(state_dependent)
    for last, times in ((0.5, 1.0), (2.5, 3.0)):
        found = model.predict_quantiles(context=pd.Series([0.0, last])).iloc[0]
        np.testing.assert_allclose(found, times * -np.log(1 - np.array(LEVELS)), atol=0.09 * times)


def test_training_begins_at_the_quantiles_of_what_the_linear_part_leaves():
    """With a step too small to matter: ridge and, step by step, the quantiles of its residuals in training."""
    y = 3 + 2 * NOISE
    untrained = {**SMALL, "max_iter": 1, "learning_rate_init": 1e-12, "early_stopping": False, "dtype": "float64"}
    model = GRUForecaster(horizon=3, calibration_fraction=None, **untrained).fit(y)
    plain = GRUForecaster(horizon=3, calibration_fraction=None, **{**untrained, "quantiles": None}).fit(y)
    origins = range(397)  # all that have three steps after them
    assert model.predict().equals(model.predict_quantiles(0.5)[0.5].rename("load"))
    left = np.array([y.iloc[o + 1 : o + 4] - plain.predict(context=y.iloc[: o + 1]) for o in origins])
    wanted = plain.predict().to_numpy()[:, None] + np.quantile(left, LEVELS, axis=0).T
    np.testing.assert_allclose(model.predict_quantiles(), wanted, rtol=1e-9)


def test_quantiles_never_cross():
    outputs = np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    assert in_order(outputs).tolist() == [[1.0, 2.0, 3.0]] * 2
    rng = np.random.default_rng(0)
    for crossed in rng.normal(size=(200, 3)):
        truth = rng.normal()
        assert pinball(LEVELS, in_order(crossed), truth) <= pinball(LEVELS, crossed, truth) + 1e-12
    wild = GRUForecaster(horizon=4, **{**SMALL, "max_iter": 3, "learning_rate_init": 0.3, "early_stopping": False})
    quantiles = wild.fit(NOISE).predict_quantiles(context=NOISE.iloc[:50])
    assert (quantiles.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


def test_any_number_of_threads_gives_the_same_bits():
    fitted = [GRUForecaster(horizon=4, n_jobs=n, max_iter=2, batch_size=256, **SMALL).fit(NOISE) for n in (1, 2)]
    pd.testing.assert_frame_equal(*(model.predict_quantiles() for model in fitted), check_exact=True)
    assert fitted[0].loss_curve_ == fitted[1].loss_curve_


def test_columns_in_the_form_of_y():
    one = GRUForecaster(horizon=3, max_iter=1, **SMALL).fit(NOISE)
    assert (
        one.predict_quantiles().columns.tolist() == list(LEVELS) and one.predict_quantiles().columns.name == "quantile"
    )
    assert one.predict_quantiles([0.9, 0.1]).columns.tolist() == [0.9, 0.1]
    frame = pd.DataFrame({"a": NOISE, "b": 50 - NOISE})
    for channels in ("shared", "joint"):
        model = GRUForecaster(horizon=3, max_iter=1, channels=channels, **SMALL).fit(frame)
        wide = model.predict_quantiles()
        assert wide.columns.names == ["series", "quantile"] and wide.shape == (3, 6)
        np.testing.assert_array_equal(wide.xs(0.5, axis=1, level="quantile"), model.predict())
        assert 45 < wide[("b", 0.1)].mean() < wide[("b", 0.9)].mean() < 55
        assert model.predict_interval(0.8).columns.tolist() == [(c, b) for c in "ab" for b in ("lower", "upper")]
    fast = one.predictor()
    np.testing.assert_allclose(fast(NOISE.to_numpy()[-6:]), one.predict(), rtol=1e-5)
    np.testing.assert_allclose(fast(NOISE.to_numpy()[None, -6:]), one.predict().to_numpy()[None], rtol=1e-5)
    assert "Quantiles: 0.1, 0.5, 0.9" in one.summary()


def test_beyond_the_horizon_there_are_medians():
    model = GRUForecaster(horizon=3, max_iter=1, **SMALL).fit(NOISE)
    with pytest.warns(UserWarning, match="fitted with horizon=3"):
        longer = model.predict(horizon=5)
    np.testing.assert_array_equal(longer[:3], model.predict())
    np.testing.assert_array_equal(model.predict(horizon=2), model.predict()[:2])


def test_pairs_that_intervals_are_between():
    assert pairs_of(()) == [(0, 0)] and pairs_of((0.5,)) == [(0, 0)]
    assert pairs_of((0.05, 0.1, 0.5, 0.9, 0.95)) == [(0, 4), (1, 3), (2, 2)]
    assert pairs_of((0.5, 0.9)) == [(0, 0)] and pairs_of((0.1, 0.5, 0.8, 0.9)) == [(0, 3), (1, 1)]
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    assert [nearest_pair(levels, coverage) for coverage in (0.99, 0.8, 0.7, 0.5, 0.2)] == [0, 0, 0, 1, 2]
    assert levels_of([0.1 * 3]) == (0.3,) and chosen_levels((0.3, 0.5), [0.1 * 3]) == [0]


def test_intervals_are_quantiles_widened_by_what_calibration_says():
    """The last tenth of the origins, one by one, as a user could: how far outside of (q, 1 - q) the truths were."""
    options = {"max_iter": 2, "dtype": "float64", "calibration": "split", "linear_lags": 0}
    model = GRUForecaster(horizon=3, **{**SMALL, **options}).fit(NOISE)
    errors = []
    for origin in range(400 - 3 - 40, 400 - 3):  # a tenth of 397
        own = model.predict_quantiles(context=NOISE.iloc[: origin + 1]).to_numpy()
        truth = NOISE.iloc[origin + 1 : origin + 4].to_numpy()
        errors.append(np.maximum(own[:, 0] - truth, truth - own[:, 2]))
    margin = np.sort(errors, axis=0)[int(np.ceil(41 * 0.8)) - 1]
    interval, ahead = model.predict_interval(0.8), model.predict_quantiles()
    np.testing.assert_allclose(interval["lower"], ahead[0.1] - margin, rtol=1e-9)
    np.testing.assert_allclose(interval["upper"], ahead[0.9] + margin, rtol=1e-9)
    narrow = model.predict_interval(0.01)  # by the median alone
    assert (narrow["lower"] <= ahead[0.5]).all() and (ahead[0.5] <= narrow["upper"]).all()


def test_coverage_of_what_can_be_exchanged(state_dependent):
    """Series of one law: the interval holds as many truths as it says, and is narrower where the noise is small."""
    early = state_dependent[state_dependent.index.get_level_values("step") < 116]
    model = GRUForecaster(horizon=1, **OF_ONE, max_iter=10).fit(early)
    table = model.backtest(state_dependent, n_splits=4, stride=1, refit=False, coverage=0.8)
    covered = interval_coverage(table["truth"], table["lower"], table["upper"])
    assert abs(covered - 0.8) < 0.03  # of 800: two standard errors are 0.028
    width = table["upper"] - table["lower"]
    last = state_dependent.reindex(pd.MultiIndex.from_arrays([table["series"], table["origin"]])).to_numpy()
    assert width[last > 2].mean() > 2 * width[last < 0.8].mean()


def test_a_backtest_has_the_quantiles():
    model = GRUForecaster(horizon=3, max_iter=1, **SMALL)
    table = model.backtest(NOISE, n_splits=3, coverage=0.8)
    assert table.columns.tolist()[-6:] == ["prediction", "lower", "upper", "q0.1", "q0.5", "q0.9"]
    np.testing.assert_array_equal(table["q0.5"], table["prediction"])
    again = model.fit(NOISE.iloc[:-3]).predict_quantiles()
    np.testing.assert_allclose(table[["q0.1", "q0.5", "q0.9"]].iloc[-3:], again)
    scores = score_forecasts(table, NOISE)
    truth = table["truth"].to_numpy()[:, None]
    assert scores.loc["model", "pinball"] == pytest.approx(pinball(LEVELS, table[["q0.1", "q0.5", "q0.9"]], truth))
    assert scores.loc["seasonal naive", "pinball"] > scores.loc["model", "pinball"]
    rare = {**SMALL, "quantiles": (0.00005, 0.5, 0.975)}
    table = GRUForecaster(horizon=3, max_iter=1, **rare).backtest(NOISE, n_splits=1)
    assert table.columns.tolist()[-3:] == ["q0.00005", "q0.5", "q0.975"]
    wanted = pinball(rare["quantiles"], table.iloc[:, -3:], table["truth"].to_numpy()[:, None])
    assert score_forecasts(table, NOISE).loc["model", "pinball"] == pytest.approx(wanted)


def test_training_goes_on_with_the_same_levels_alone():
    model = GRUForecaster(horizon=3, max_iter=1, warm_start=True, **SMALL).fit(NOISE)
    assert model.fit(NOISE).predict_quantiles().shape == (3, 3)
    with pytest.raises(ValueError, match=r"whose quantiles is \(0.1, 0.5, 0.9\); now it is \(0.5,\)"):
        model.set_params(quantiles=[0.5]).fit(NOISE)


@pytest.mark.parametrize(("changes", "words"), [
    ({"quantiles": (0.9, 0.5)}, "each above the one before"),
    ({"quantiles": ()}, "0.5 among them"),
    ({"quantiles": (0.1, 0.9)}, "0.5 among them, the median"),
    ({"quantiles": (0.0, 0.5)}, "between 0 and 1"),
    ({"quantiles": ("a", 0.5)}, "between 0 and 1"),
    ({"quantiles": 0.5}, "quantiles"),
    ({"quantiles": LEVELS, "loss": "huber"}, "pinball loss; got loss='huber'"),
    ({"quantiles": LEVELS, "strategy": "recursive"}, "strategy='recursive' feeds a forecast back"),
])  # fmt: skip
def test_what_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        GRUForecaster(horizon=3, **{**SMALL, **changes}).fit(NOISE)


def test_quantiles_that_were_not_trained():
    bare = GRUForecaster(horizon=3, max_iter=1, **{**SMALL, "quantiles": None}).fit(NOISE)
    with pytest.raises(ValueError, match="fitted without quantiles"):
        bare.predict_quantiles()
    model = GRUForecaster(horizon=3, max_iter=1, **SMALL).fit(NOISE)
    for wrong in (0.2, [0.1, 0.2], [], "0.5"):
        with pytest.raises(ValueError, match=r"quantiles must be among those of fit, \[0.1, 0.5, 0.9\]"):
            model.predict_quantiles(wrong)
