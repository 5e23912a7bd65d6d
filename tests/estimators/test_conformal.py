"""Intervals: by hand, their coverage of what can be exchanged, and where there are too few errors."""

import numpy as np
import pandas as pd
import pytest

from grukit import GRUForecaster
from grukit.estimators._conformal import Scores, thinned

HOURS = pd.date_range("2024-01-01", periods=400, freq="h", name="time")
SMALL = {"hidden_layer_sizes": 4, "window": 6, "max_iter": 2, "random_state": 0, "dtype": "float64", "calendar": None}


@pytest.fixture(scope="module")
def frame():
    """Two series of noise, one of them four times as large around the same mean deviation of a slow wave."""
    rng = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * np.arange(400) / 40)
    return pd.DataFrame({"calm": 3 + wave + 0.05 * rng.normal(size=400), "loud": rng.normal(size=400)}, index=HOURS)


def test_the_rank_of_an_error():
    scores = Scores.of([("a",)], [np.array([[3.0], [1.0], [2.0], [9.0], [5.0], [4.0], [8.0], [6.0], [7.0]])])
    for coverage, wanted in ((0.9, 9), (0.8, 8), (0.5, 5), (0.1, 1), (0.55, 6)):  # of ten with the new one
        assert scores.half_widths([("a",)], coverage).tolist() == [[wanted]]
    with pytest.raises(ValueError, match="coverage=0.91 needs the errors of 11 origins; there are 9"):
        scores.half_widths([("a",)], 0.91)


def test_all_series_stand_in_for_one_of_few_errors():
    errors = [np.arange(1.0, 11.0)[:, None], np.array([[100.0], [np.nan]])]
    scores = Scores.of([("a",), ("b",)], errors)
    assert scores.n == 11
    assert scores.half_widths([("a",), ("b",), ("new",)], 0.9).ravel().tolist() == [10.0, 100.0, 100.0]
    assert scores.half_widths([("b",)], 0.5).tolist() == [[100.0]]  # its own: (1 + 1) / 2 is 1


def test_of_many_origins_some_are_kept_of_each_series():
    series = np.repeat([0, 2, 1], [3000, 30, 499])
    kept = thinned(series, 24, 19)
    assert np.bincount(series[kept]).tolist() == [500, 499, 30] and kept[:3].tolist() == [0, 6, 12]
    many = np.repeat(np.arange(10_000), 60)
    assert np.bincount(many[thinned(many, 24, 19)]).tolist() == [15] * 10_000  # every fourth: 19 are too many


def test_intervals_are_what_the_errors_of_calibration_say(frame):
    """Forecasts from each origin of the last tenth, one by one, as a user could make them."""
    y = frame["loud"]
    model = GRUForecaster(horizon=3, **SMALL).fit(y)
    origins = range(400 - 3 - 40, 400 - 3)  # a tenth of 397
    errors = [
        np.abs(model.predict(context=y.iloc[: origin + 1]).to_numpy() - y.iloc[origin + 1 : origin + 4].to_numpy())
        for origin in origins
    ]
    rank = int(np.ceil(41 * 0.8))
    half = np.sort(errors, axis=0)[rank - 1]
    found = model.predict_interval(0.8)
    np.testing.assert_allclose(found["upper"] - model.predict(), half, rtol=1e-9)
    np.testing.assert_allclose(model.predict() - found["lower"], half, rtol=1e-9)


def test_coverage_of_noise():
    """Independent noise can be exchanged; 300 series of 60 later steps: the standard error of the share is below 0.01."""
    rng = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([range(300), pd.RangeIndex(260)], names=["unit", "step"])
    y = pd.Series(rng.standard_t(4, size=300 * 260), index=index)
    early = y[index.get_level_values("step") < 256]
    model = GRUForecaster(horizon=4, **{**SMALL, "max_iter": 1, "linear_lags": 2}).fit(early)
    later = y[index.get_level_values("step") >= 256]
    for coverage, interval in ((c, model.predict_interval(c)) for c in (0.8, 0.9)):
        inside = (interval["lower"] <= later) & (later <= interval["upper"])
        assert abs(inside.mean() - coverage) < 0.025
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
