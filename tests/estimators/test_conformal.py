"""Intervals: by hand, their coverage of what can be exchanged, and where there are too few errors."""

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from grukit import GRUForecaster
from grukit.estimators._conformal import Scores, check_coverages, thinned

HOURS = pd.date_range("2024-01-01", periods=400, freq="h", name="time")
SMALL = {
    "hidden_layer_sizes": 4,
    "window": 6,
    "max_iter": 2,
    "random_state": 0,
    "dtype": "float64",
    "calendar": None,
    "calibration": "split",
}


def scores_of(keys, errors):
    return Scores.of(keys, errors, [each[..., 0] for each in errors])


@pytest.fixture(scope="module")
def frame():
    """Two series of noise, one of them four times as large around the same mean deviation of a slow wave."""
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(400) / 40)
    return pd.DataFrame({"calm": 3 + wave + 0.05 * rng.normal(size=400), "loud": rng.normal(size=400)}, index=HOURS)


def test_the_rank_of_an_error():
    scores = scores_of([("a",)], [np.array([3.0, 1.0, 2.0, 9.0, 5.0, 4.0, 8.0, 6.0, 7.0]).reshape(9, 1, 1)])
    for coverage, wanted in ((0.9, 9), (0.8, 8), (0.5, 5), (0.1, 1), (0.55, 6)):  # of ten with the new one
        assert scores.margins([("a",)], coverage).tolist() == [[wanted]]
    with pytest.raises(ValueError, match="coverage=0.91 needs the errors of 11 origins; there are 9, 1 steps ahead"):
        scores.margins([("a",)], 0.91)


def test_all_series_stand_in_for_one_of_few_errors():
    errors = [np.arange(1.0, 11.0)[:, None, None], np.array([[[100.0]], [[np.nan]]])]
    scores = scores_of([("a",), ("b",)], errors)
    assert scores.n == 11
    assert scores.margins([("a",), ("b",), ("new",)], 0.9).ravel().tolist() == [10.0, 100.0, 100.0]
    assert scores.margins([("b",)], 0.5).tolist() == [[100.0]]  # its own: (1 + 1) / 2 is 1


def test_each_step_is_ranked_by_what_is_known_of_it():
    nan = np.nan
    own = np.array([[3.0, nan], [nan, 20.0], [1.0, nan], [nan, nan], [2.0, 10.0]])[:, :, None]
    scores = scores_of([("a",), ("b",)], [own, np.full((2, 2, 1), nan)])
    assert scores.n == 4 and list(scores.errors) == [("a",)]
    assert scores.margins([("a",), ("b",)], 0.6).tolist() == [[3.0, 20.0]] * 2
    with pytest.raises(ValueError, match="coverage=0.75 needs the errors of 3 origins; there are 2, 2 steps ahead"):
        scores.margins([("a",)], 0.75)


def test_a_value_missing_ahead_of_every_origin_leaves_the_other_steps(frame):
    """Every third value is not known: one step ahead of each origin, so that no origin has all."""
    y = frame["loud"].where(np.arange(400) % 3 > 0)
    model = GRUForecaster(horizon=3, missing="mask", **SMALL).fit(y)
    interval = model.predict_interval(0.8)
    width = interval["upper"] - interval["lower"]
    assert width.between(1.5, 4.0).all()  # 2.56 of a normal distribution
    nothing = frame["loud"].copy()
    nothing.iloc[-44:-1] = np.nan  # but the last, which keeps the index
    few = GRUForecaster(horizon=3, missing="mask", **SMALL).fit(nothing)
    with pytest.raises(ValueError, match="needs the errors of 9 origins; there are 0, 1 steps ahead"):
        few.predict_interval()


def test_of_many_origins_some_are_kept_of_each_series():
    series = np.repeat([0, 2, 1], [3000, 30, 499])
    kept = thinned(series, 24, 19)
    assert np.bincount(series[kept]).tolist() == [500, 499, 30] and kept[:3].tolist() == [0, 6, 12]
    many = np.repeat(np.arange(10_000), 60)
    assert np.bincount(many[thinned(many, 24, 19)]).tolist() == [15] * 10_000  # every fourth: 19 are too many
    blocks = np.repeat(np.arange(2000), 60)  # a fifth of the 83 that 2000 series may have of 24 steps: every fourth
    assert np.bincount(blocks[thinned(blocks, 24, 19, 5)]).tolist() == [15] * 2000
    assert np.bincount(many[thinned(many, 24, 19, 5)]).tolist() == [4] * 10_000  # of five parts 20


def test_the_origins_that_are_kept_begin_with_the_first_of_each_series():
    kept = thinned(np.repeat([0, 1, 2], [501, 502, 1003]), 24, 19)  # every second, or third of the last
    assert kept.tolist() == [*range(0, 501, 2), *range(501, 1003, 2), *range(1003, 2006, 3)]


def test_series_without_an_origin_take_no_room():
    """10,000 series with origins may have 16 of 24 steps each; half of them have one, and the numbers between none."""
    counts = np.tile([60, 0, 1, 0], 5000)
    series = np.repeat(np.arange(20_000), counts)
    assert np.bincount(series[thinned(series, 24, 1)])[::4].tolist() == [15] * 5000  # every fourth


@pytest.mark.parametrize("given", [0.9, np.float32(0.5), (0.5, 0.9), [0.1]])
def test_coverages_are_one_or_several(given):
    assert check_coverages(given) == ([given] if np.ndim(given) == 0 else list(given))


@pytest.mark.parametrize("given", [0, 1, 0.0, 1.0, -0.5, 1.5, np.nan, "0.9", None, (), [0.5, 1.0], [1.0, 0.5], ["0.9"]])
def test_what_is_no_coverage_is_refused(given):
    with pytest.raises(ValueError, match="coverage must be a number between 0 and 1, or several; got"):
        check_coverages(given)


def test_a_coverage_is_asked_for_once():
    with pytest.raises(ValueError, match=r"coverage has the same number twice; got \[0.9, 0.5, 0.9\]"):
        check_coverages([0.9, 0.5, 0.9])


@pytest.mark.parametrize("linear_lags", [0, 2])
def test_intervals_are_what_the_errors_of_calibration_say(frame, linear_lags):
    """Forecasts from each origin of the last tenth, one by one, by a linear part that has not seen it."""
    y = frame["loud"]
    fitted = GRUForecaster(horizon=3, **{**SMALL, "linear_lags": linear_lags, "early_stopping": False}).fit(y)
    model = copy(fitted)
    model._fitted = replace(fitted._fitted, final=fitted._fitted.linear)
    assert np.array_equal(model.predict(), fitted.predict()) == (linear_lags == 0)
    origins = range(400 - 3 - 40, 400 - 3)  # a tenth of 397
    errors = [
        np.abs(model.predict(context=y.iloc[: origin + 1]).to_numpy() - y.iloc[origin + 1 : origin + 4].to_numpy())
        for origin in origins
    ]
    rank = int(np.ceil(41 * 0.8))
    half = np.sort(errors, axis=0)[rank - 1]
    found = fitted.predict_interval(0.8)
    np.testing.assert_allclose(found["upper"] - fitted.predict(), half, rtol=1e-9)
    np.testing.assert_allclose(fitted.predict() - found["lower"], half, rtol=1e-9)


def test_coverage_of_noise():
    """Independent noise can be exchanged; 300 series of 4 later steps: the standard error of the share is 0.012."""
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([range(300), pd.RangeIndex(260)], names=["unit", "step"])
    y = pd.Series(rng.standard_t(4, size=300 * 260), index=index)
    early = y[index.get_level_values("step") < 256]
    model = GRUForecaster(horizon=4, **{**SMALL, "max_iter": 1, "linear_lags": 2}).fit(early)
    later = y[index.get_level_values("step") >= 256]
    for coverage, interval in ((c, model.predict_interval(c)) for c in (0.8, 0.9)):
        inside = (interval["lower"] <= later) & (later <= interval["upper"])
        assert abs(inside.mean() - coverage) < 0.02
    assert (model.predict_interval(0.9)["upper"] > model.predict_interval(0.8)["upper"]).all()


def test_each_series_has_its_own_width(frame):
    wide = GRUForecaster(horizon=3, **SMALL).fit(frame).predict_interval(0.9)
    width = {name: (wide[(name, "upper")] - wide[(name, "lower")]).mean() for name in frame}
    assert width["calm"] < 0.3 * width["loud"]
    joint = GRUForecaster(horizon=3, channels="joint", **SMALL).fit(frame).predict_interval([0.5, 0.9])
    assert joint.columns.names == ["series", "coverage", "bound"] and joint.shape == (3, 8)
    assert (joint[("loud", 0.9, "upper")] > joint[("loud", 0.5, "upper")]).all()


def test_intervals_of_another_origin_and_of_a_new_series(frame):
    model = GRUForecaster(horizon=3, **SMALL).fit(frame[["loud"]])
    context = frame["loud"].iloc[:100]
    interval = model.predict_interval(0.9, context=context)
    assert interval.index.equals(model.predict(context=context).index) and interval.columns.name == "bound"
    assert (interval["lower"] < model.predict(context=context)).all()


def test_what_is_refused(frame):
    y = frame["loud"]
    model = GRUForecaster(horizon=3, **SMALL).fit(y)
    for wrong in (1.0, 0.0, 90, [], [0.5, 2.0], "0.9"):
        with pytest.raises(ValueError, match="coverage must be a number between 0 and 1"):
            model.predict_interval(wrong)
    with pytest.raises(ValueError, match="coverage=0.99 needs the errors of 99 origins; there are 40"):
        model.predict_interval(0.99)
    for changes, rows in (({"calibration_fraction": None}, 400), ({}, 40)):
        bare = GRUForecaster(horizon=3, **{**SMALL, **changes}).fit(y.iloc[:rows])
        with pytest.raises(ValueError, match="No origins were kept to calibrate intervals by"):
            bare.predict_interval()


def test_series_of_a_panel_that_do_not_share_their_stamps():
    """Every second day, of one series from the first on, of the other from the second: nothing judged is in training."""
    rng = np.random.default_rng(0)
    start, y = pd.Timestamp("2020-01-01"), {}
    for shift, name in enumerate("ab"):
        times = pd.date_range(start + pd.Timedelta(days=shift), periods=150, freq="2D")
        y[name] = pd.Series(rng.normal(size=150).cumsum(), index=times)
    panel = pd.concat(y, names=["unit", "time"])
    bare = {
        **SMALL,
        "early_stopping": False,
        "linear_lags": 0,
    }  # which in the end would be fitted to what is judged, too
    model = GRUForecaster(horizon=4, **bare).fit(panel)
    first = 146 - min(len(errors) for errors in model._fitted.scores.errors.values())  # row of the first that is judged
    later = panel.index.get_level_values("time") > y["b"].index[first]
    changed = GRUForecaster(horizon=4, **bare).fit(panel.where(~later, 3 * panel + 40))
    for name, weights in model.weights_.items():
        np.testing.assert_array_equal(weights, changed.weights_[name])
    context = panel.groupby(level="unit").head(50)
    pd.testing.assert_series_equal(model.predict(context=context), changed.predict(context=context))


@pytest.mark.parametrize("early", ["one row", "constant"])
def test_a_series_of_which_training_sees_no_spread_has_that_of_its_rows(frame, early):
    """Not 1, which is in its unit, not in standard deviations; its errors, by figures of what is ahead, calibrate nothing."""
    late = 1e6 * frame["loud"].iloc[357:]  # training sees 358 rows
    if early == "constant":
        late = pd.concat([pd.Series(0.0, index=HOURS[:358]), late.iloc[1:]])
    y = pd.concat({"calm": frame["calm"], "late": late}, names=["unit", "time"])
    model = GRUForecaster(horizon=3, **{**SMALL, "early_stopping": False}).fit(y)
    assert model._fitted.figures[("late",)][1] == pytest.approx(late.std(ddof=0))
    assert list(model._fitted.scores.errors) == [("calm",)]


def test_a_series_that_never_varies_has_the_deviation_of_the_others(frame):
    y = frame.assign(calm=7.0, loud=1e6 * frame["loud"])
    model = GRUForecaster(horizon=3, **SMALL).fit(y)
    scale = model._fitted.figures[("loud",)][1]
    assert scale > 5e5 and model._fitted.figures[("calm",)] == (7.0, scale)
    new = model.predict_interval(0.9, context=pd.Series(5.0, index=HOURS, name="new"))
    assert (new["upper"] - new["lower"]).min() > 1e5


def test_values_whose_squares_are_no_numbers(frame):
    y = frame["loud"]
    forecast = GRUForecaster(horizon=3, **SMALL).fit(1e200 * y).predict()
    np.testing.assert_allclose(forecast / 1e200, GRUForecaster(horizon=3, **SMALL).fit(y).predict(), rtol=1e-6)


def test_a_series_of_joint_channels_that_training_does_not_see_calibrates_nothing(frame):
    y = frame.assign(late=frame["loud"].where(np.arange(400) > 370))
    model = GRUForecaster(horizon=3, channels="joint", missing="mask", **SMALL).fit(y)
    assert list(model._fitted.scores.errors) == [("calm",), ("loud",)]
    assert model.predict_interval(0.8).notna().all(axis=None)
