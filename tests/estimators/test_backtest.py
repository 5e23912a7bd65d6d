"""Backtests: the forecasts that a user would have made by hand at each origin, beside the truth."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from grukit import GRUForecaster

HOURS = pd.date_range("2024-01-01", periods=120, freq="h", name="time")
MODEL = GRUForecaster(
    horizon=4,
    window=8,
    hidden_layer_sizes=4,
    max_iter=2,
    random_state=0,
    dtype="float64",
    calendar=None,
    calibration="split",
)


@pytest.fixture(scope="module")
def noise():
    return pd.Series(np.random.default_rng(0).normal(size=120).cumsum(), index=HOURS, name="load")


def test_forecasts_are_those_of_models_fitted_to_what_lies_before(noise):
    table = MODEL.backtest(noise, n_splits=3, coverage=0.8)
    assert not hasattr(MODEL, "weights_")
    assert table.columns.tolist() == ["series", "origin", "step", "time", "truth", "prediction", "lower", "upper"]
    assert table["origin"].unique().tolist() == [HOURS[107], HOURS[111], HOURS[115]]
    assert table["step"].tolist() == [1, 2, 3, 4] * 3 and set(table["series"]) == {"load"}
    np.testing.assert_array_equal(table["truth"], noise[table["time"]])
    for origin, own in table.groupby("origin"):
        model = clone(MODEL).fit(noise[:origin])
        np.testing.assert_array_equal(own["prediction"], model.predict())
        interval = model.predict_interval(0.8)
        np.testing.assert_array_equal(own[["lower", "upper"]], interval)
        assert own["time"].tolist() == interval.index.tolist()


def test_strides_and_sliding_windows(noise):
    table = MODEL.backtest(noise, n_splits=3, stride=1, train_size=60)
    assert table["origin"].unique().tolist() == [HOURS[113], HOURS[114], HOURS[115]]
    own = table[table["origin"] == HOURS[114]]
    np.testing.assert_array_equal(own["prediction"], clone(MODEL).fit(noise.iloc[55:115]).predict())


def test_without_refitting(noise):
    model = clone(MODEL).fit(noise.iloc[:90])
    table = model.backtest(noise, n_splits=6, refit=False)
    for origin, own in table.groupby("origin"):
        np.testing.assert_array_equal(own["prediction"], model.predict(context=noise[:origin]))
    with pytest.raises(ValueError, match=r"fitted to rows up to 2024-01-04 17:00:00, which is after the origin"):
        model.backtest(noise, n_splits=8, refit=False)


def test_what_the_model_saw_goes_by_fit(noise):
    """Not by what followed in update, nor by names: rows under another name are those of fit all the same."""
    model = clone(MODEL).fit(noise.iloc[:100])
    table = model.backtest(noise, n_splits=2, refit=False)
    pd.testing.assert_frame_equal(model.update(noise.iloc[100:]).backtest(noise, n_splits=2, refit=False), table)
    with pytest.raises(ValueError, match="it has seen the truth"):
        model.backtest(noise, n_splits=6, refit=False)
    with pytest.warns(UserWarning, match="No series of fit is called as y of series other is, .* after the origin"):
        model.backtest(noise.rename("other"), n_splits=6, refit=False)
    model.backtest(noise.rename("other"), n_splits=2, refit=False)  # after all that it was fitted to
    model.set_params(warm_start=True).fit(noise.iloc[:90])
    with pytest.raises(ValueError, match="fitted to rows up to 2024-01-05 03:00:00, which is after"):
        model.backtest(noise, n_splits=6, refit=False)


def test_several_series_and_covariates():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=130)}, index=pd.date_range(HOURS[0], periods=130, freq="h"))
    past = pd.Series(rng.normal(size=120), index=HOURS)
    y = pd.DataFrame({"a": 3 * X["x"].iloc[:120], "b": 5 + 2 * X["x"].iloc[:120]})
    table = MODEL.backtest(y, X, past, n_splits=2)
    assert (table["truth"] - table["prediction"]).abs().max() < 0.2
    assert table["series"].tolist() == (["a"] * 4 + ["b"] * 4) * 2
    model = clone(MODEL).fit(y.iloc[:80], X, past)
    table = model.backtest(y, X, past, n_splits=5, refit=False)
    assert (table["truth"] - table["prediction"]).abs().max() < 0.5


def test_a_panel_whose_series_end_at_different_times(noise):
    y = pd.concat({"u": noise, "v": noise.iloc[:110], "w": noise.iloc[:50]}, names=["unit", "time"])
    with pytest.warns(
        UserWarning, match="1 of 3 series end before the first origin, .*, and are not judged: w. More splits"
    ):
        table = MODEL.backtest(y, n_splits=3)
    assert table.groupby("series")["origin"].nunique().to_dict() == {"u": 3, "v": 1}
    assert (table[table["series"] == "v"]["time"] <= HOURS[109]).all() and len(table) == 14
    levels = pd.concat({("k", "u"): noise}, names=["kind", "unit", "time"])
    assert set(MODEL.backtest(levels, n_splits=1)["series"]) == {("k", "u")}


def test_nothing_need_be_known_ahead_of_series_that_have_ended(noise):
    """Their forecasts are not judged; X of each series ends where it does."""
    y = pd.concat({"u": noise, "w": noise.iloc[:50]}, names=["unit", "time"])
    X = pd.DataFrame({"x": np.random.default_rng(1).normal(size=170)}, index=y.index)
    model = clone(MODEL).fit(y.groupby("unit").head(90), X)
    with pytest.warns(UserWarning, match="1 of 2 series end before the first origin"):
        table = model.backtest(y, X, n_splits=2, coverage=0.8)
    with pytest.warns(UserWarning, match="1 of 2 series end before the first origin"):
        unfitted = model.backtest(y, X, n_splits=2, coverage=0.8, refit=False)
    assert len(table) == len(unfitted) == 8
    longer = pd.concat([X, pd.concat({"w": pd.DataFrame({"x": 0.0}, index=HOURS[50:60])}, names=["unit", "time"])])
    for origin, own in table.groupby("origin"):
        past = y[y.index.get_level_values("time") <= origin]
        by_hand = clone(MODEL).fit(past, X)
        np.testing.assert_array_equal(own["prediction"], by_hand.predict(longer).loc["u"])
        np.testing.assert_array_equal(own[["lower", "upper"]], by_hand.predict_interval(0.8, X=longer).loc["u"])
        expected = model.predict(X, context=past.loc[["u"]])
        np.testing.assert_array_equal(unfitted.loc[unfitted["origin"] == origin, "prediction"], expected)


def test_copies_that_are_fitted_at_once_are_the_same(noise):
    table = MODEL.backtest(noise, n_splits=2)
    with joblib.parallel_config(backend="threading"):
        pd.testing.assert_frame_equal(MODEL.backtest(noise, n_splits=2, n_jobs=2), table)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_splits": 0}, "n_splits must be a positive integer; got 0"),
        ({"stride": 1.5}, "stride must be a positive integer or None; got 1.5"),
        ({"train_size": True}, "train_size must be a positive integer or None"),
        ({"n_splits": 30}, "n_splits=30 origins that are 4 steps apart, with horizon=4, need 121 steps; y has 120"),
        ({"coverage": 2}, "coverage must be a number between 0 and 1"),
        ({"n_jobs": 0}, "n_jobs must be a number of processes, not 0, -1 for as many as cores, or None; got 0"),
        (
            {"coverage": [0.5, 0.9]},
            r"coverage of a backtest must be one number between 0 and 1, or None; got \[0.5, 0.9\]",
        ),
    ],
)
def test_what_is_refused(noise, options, words):
    with pytest.raises(ValueError, match=words):
        MODEL.backtest(noise, **options)
