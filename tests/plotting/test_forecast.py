"""Forecasts carry exactly the data given, on every kind of index."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

from grukit import GRUClassifier, GRUForecaster, GRURegressor
from grukit.plotting import ForecastDisplay

MONTHS = pd.date_range("2001-01", periods=5, freq="MS", name="month")
TRUTH = pd.Series([20.0, 21.5, 23.0, np.nan, 19.0], index=MONTHS, name="temperature")
PREDICTIONS = pd.Series([20.5, 21.0, 22.0, 21.0, 20.0], index=MONTHS, name="GRU")


def test_it_carries_the_data_and_names_them(legend_of):
    before = TRUTH.copy(), PREDICTIONS.copy()
    display = ForecastDisplay(TRUTH, PREDICTIONS).plot(unit="degC")
    for line, series in ((display.truth_line_, TRUTH), (display.prediction_line_, PREDICTIONS)):
        np.testing.assert_array_equal(line.get_xdata(orig=True), MONTHS)
        np.testing.assert_array_equal(line.get_ydata(), series)
    ax = display.ax_
    assert legend_of(ax) == ["truth", "GRU"] and display.figure_ is ax.figure
    assert ax.get_xlabel() == "Month" and ax.get_ylabel() == "temperature (degC)"
    assert ax.get_title() == "Mean absolute error 0.75 degC"  # (0.5 + 0.5 + 1 + 1) / 4
    for series, old in zip((TRUTH, PREDICTIONS), before, strict=True):
        pd.testing.assert_series_equal(series, old)


def test_it_can_be_read_without_colour():
    display = ForecastDisplay(TRUTH, PREDICTIONS).plot()
    assert display.truth_line_.get_linestyle() == "-" and display.prediction_line_.get_linestyle() == "--"
    assert display.prediction_line_.get_linewidth() > display.truth_line_.get_linewidth()


def test_series_without_names_or_unit(legend_of):
    ax = ForecastDisplay(pd.Series([1.0, 2.0]), pd.Series([1.5, 1.5])).plot().ax_
    assert legend_of(ax) == ["truth", "prediction"]
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Mean absolute error 0.5", "Row", "Value")


@pytest.mark.parametrize(
    ("index", "places", "label"),
    [
        (MONTHS.to_period("M"), MONTHS, "Month"),
        (pd.timedelta_range("0s", periods=5, freq="min"), 60 * np.arange(5), "Time (s)"),
        (pd.Index([1.0, 2.0, 4.0, 8.0, 16.0], name="depth"), [1, 2, 4, 8, 16], "Depth"),
        (MONTHS.tz_localize("Europe/Berlin"), MONTHS.tz_localize("Europe/Berlin"), "Month"),
    ],
    ids=["periods", "durations", "numbers", "time zone"],
)
def test_kinds_of_index(index, places, label):
    display = ForecastDisplay(TRUTH.set_axis(index), PREDICTIONS.set_axis(index)).plot()
    assert list(display.truth_line_.get_xdata(orig=True)) == list(places)
    assert display.ax_.get_xlabel() == label
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize(
    ("truth", "predictions", "error", "message"),
    [
        (TRUTH, PREDICTIONS.iloc[1:], ValueError, "different indexes, of 5 and 4 rows"),
        (TRUTH, PREDICTIONS.shift(1, freq="MS"), ValueError, "different indexes"),
        (TRUTH, PREDICTIONS.to_numpy(), TypeError, "predictions must be a pandas Series; got ndarray"),
        (TRUTH.to_frame(), PREDICTIONS, TypeError, "truth must be a pandas Series; got DataFrame"),
    ],
)
def test_what_is_wrong_is_named(truth, predictions, error, message):
    with pytest.raises(error, match=message):
        ForecastDisplay(truth, predictions)
    assert plt.get_fignums() == []


# -- from an estimator -------------------------------------------------------------------------------------------------


def drawn(display):
    return display.truth_line_.get_ydata(), display.prediction_line_.get_ydata()


def test_of_a_table(model, waves, legend_of):
    X, y = waves
    display = ForecastDisplay.from_estimator(model, X, y.mask(y.index == y.index[3]), unit="m")
    np.testing.assert_array_equal(drawn(display)[0], y.mask(y.index == y.index[3]))
    np.testing.assert_array_equal(drawn(display)[1], model.predict(X))
    assert display.ax_.get_ylabel() == "next (m)" and legend_of(display.ax_) == ["truth", "GRURegressor"]


def test_of_a_frame_that_goes_on_it_sees_the_history(waves):
    X, y = waves
    model = GRURegressor(3, window=4, max_iter=3, random_state=0).fit(X[:30], y[:30])
    np.testing.assert_array_equal(
        drawn(ForecastDisplay.from_estimator(model, X[30:], y[30:]))[1], model.predict(X[30:])
    )
    alone = ForecastDisplay.from_estimator(model, X[30:], y[30:], context=None)
    np.testing.assert_array_equal(drawn(alone)[1], model.predict(X[30:], context=None))


@pytest.mark.parametrize("as_arrays", [False, True])
def test_of_one_of_several_outputs(waves, as_arrays):
    X, Y = (waves[0].to_numpy(),) * 2 if as_arrays else (waves[0],) * 2
    model = GRURegressor(3, window=4, max_iter=2, random_state=0).fit(X, Y)
    display = ForecastDisplay.from_estimator(model, X, Y, output=1 if as_arrays else "trend")
    np.testing.assert_array_equal(drawn(display), [waves[0]["trend"], np.asarray(model.predict(X))[:, 1]])
    assert display.ax_.get_ylabel() == ("Value" if as_arrays else "trend")
    with pytest.raises(ValueError, match="output must be one of .*; got None"):
        ForecastDisplay.from_estimator(model, X, Y)
    other = "The columns of y must be those of fit, in that order" if not as_arrays else "y has 3 outputs"
    shown = waves[0][waves[0].columns[::-1]] if not as_arrays else np.column_stack([Y, Y[:, 0]])
    with pytest.raises(ValueError, match=other):
        ForecastDisplay.from_estimator(model, X, shown, output=1 if as_arrays else "trend")
    with pytest.raises(ValueError, match="y has 1 outputs; the model was fitted with 2"):
        ForecastDisplay.from_estimator(model, X, waves[0]["trend"], output=1 if as_arrays else "trend")


def test_of_one_series_of_a_panel(waves):
    X, y = waves
    panel, target = pd.concat({"u": X, "v": 2 * X}), pd.concat({"u": y, "v": -y})
    model = GRURegressor(3, window=4, max_iter=2, random_state=0).fit(panel, target)
    display = ForecastDisplay.from_estimator(model, panel, target, series="v")
    np.testing.assert_array_equal(drawn(display), [-y, model.predict(panel)["v"]])
    with pytest.raises(ValueError, match="series must name one of the 2 series, such as 'u'; got None"):
        ForecastDisplay.from_estimator(model, panel, target)


def test_of_a_sequence_with_a_target_at_every_step(waves):
    X, y = waves
    pieces, targets = [X[:10], X[10:25]], [y[:10], y[10:25]]
    model = GRURegressor(3, max_iter=2, random_state=0).fit(pieces, targets)
    display = ForecastDisplay.from_estimator(model, pieces, targets, series=1)
    np.testing.assert_array_equal(drawn(display), [targets[1], model.predict(pieces)[1]])
    assert list(display.truth_line_.get_xdata(orig=True)) == list(X.index[10:25])


def test_wrong_targets(model, waves):
    X, y = waves
    with pytest.raises(ValueError, match="different indexes: at row 0"):
        ForecastDisplay.from_estimator(model, X, y.set_axis(y.index + pd.Timedelta("1D")))
    with pytest.raises(ValueError, match="y has 39 targets; X needs 40"):
        ForecastDisplay.from_estimator(model, X, y.to_numpy()[1:])
    with pytest.raises(ValueError, match="series='u' chooses one series of several"):
        ForecastDisplay.from_estimator(model, X, y, series="u")
    with pytest.raises(NotFittedError, match="not fitted"):
        ForecastDisplay.from_estimator(GRURegressor(), X, y)
    with pytest.raises(TypeError, match="Give a fitted GRURegressor; labels, as of GRUClassifier"):
        ForecastDisplay.from_estimator(GRUClassifier(3, window=6, max_iter=2, random_state=0).fit(X, y > 0), X, y > 0)
    forecaster = GRUForecaster(3, horizon=2, window=6, max_iter=1, random_state=0).fit(y)
    with pytest.raises(TypeError, match="Give a fitted GRURegressor or GRUClassifier; got GRUForecaster"):
        ForecastDisplay.from_estimator(forecaster, X, y)
    with pytest.raises(TypeError, match="Give a fitted GRUForecaster; got GRURegressor"):
        ForecastDisplay.from_forecaster(model, y)
    for wrong in (-1, 2.5, "all"):
        with pytest.raises(ValueError, match="n_history must be a number of rows, or None; got"):
            ForecastDisplay.from_forecaster(forecaster, y, n_history=wrong)
    assert plt.get_fignums() == []


def test_of_univariate_sequences_of_equal_length(waves):
    """Series of a list are sequences where the model was fitted on such, and keep their own index."""
    y = waves[1]
    model = GRURegressor(3, max_iter=2, random_state=0).fit([y[:10], y[10:25]], [-y[:10], -y[10:25]])
    pieces, targets = [y[:8], y[8:16]], [-y[:8], -y[8:16]]
    display = ForecastDisplay.from_estimator(model, pieces, targets, series=1)
    np.testing.assert_array_equal(drawn(display), [targets[1], model.predict(pieces)[1]])
    assert list(display.truth_line_.get_xdata(orig=True)) == list(y.index[8:16])


# --- a forecaster's --------------------------------------------------------------------------------------------------------

HOURS = pd.date_range("2024-01-01", periods=120, freq="h", name="hour")
LOADS = pd.DataFrame({"north": np.sin(np.arange(120.0)), "south": np.cos(np.arange(120.0) / 3)}, index=HOURS)


@pytest.fixture(scope="module")
def forecaster():
    settings = {"horizon": 6, "window": 8, "hidden_layer_sizes": 3, "max_iter": 2, "calendar": None}
    return GRUForecaster(random_state=0, **settings).fit(LOADS)


def test_history_forecast_intervals_and_truth(forecaster, legend_of):
    past, truth = LOADS.iloc[:110], LOADS.iloc[100:]
    display = ForecastDisplay.from_forecaster(forecaster, past, truth=truth, series="south", unit="MW")
    ax = display.ax_
    np.testing.assert_array_equal(display.history_line_.get_ydata(), past["south"].iloc[-18:])
    np.testing.assert_array_equal(display.prediction_line_.get_ydata(), forecaster.predict(context=past)["south"])
    np.testing.assert_array_equal(display.truth_line_.get_ydata(), LOADS["south"].iloc[110:116])
    intervals = forecaster.predict_interval([0.5, 0.9], context=past)["south"]
    wide, narrow = (band.get_paths()[0].get_extents() for band in display.bands_)
    assert (wide.y0, wide.y1) == pytest.approx((intervals[0.9]["lower"].min(), intervals[0.9]["upper"].max()))
    assert (narrow.y0, narrow.y1) == pytest.approx((intervals[0.5]["lower"].min(), intervals[0.5]["upper"].max()))
    assert display.bands_[0].get_alpha() < display.bands_[1].get_alpha()
    assert legend_of(ax) == ["90%", "50%", "history", "truth", "GRUForecaster"]
    error = np.abs(display.prediction_line_.get_ydata() - LOADS["south"].iloc[110:116]).mean()
    assert ax.get_title() == f"Mean absolute error {error:.3g} MW" and ax.get_ylabel() == "south (MW)"


@pytest.mark.parametrize("index", [np.arange(60) / 10, pd.date_range("2024", periods=60).date], ids=["floats", "dates"])
def test_truth_is_found_by_an_index_as_a_forecast_finds_it(index):
    """Floats are equal up to rounding, and dates are the times of a forecast."""
    y = pd.Series(np.sin(np.arange(60.0)), index)
    settings = {"horizon": 6, "window": 8, "hidden_layer_sizes": 3, "max_iter": 2, "calendar": None}
    model = GRUForecaster(random_state=0, **settings).fit(y[:50])
    display = ForecastDisplay.from_forecaster(model, y[:50], truth=y, coverage=None)
    np.testing.assert_array_equal(display.truth_line_.get_ydata(), y[50:56])


def test_one_of_the_columns_of_several_levels(forecaster):
    wide = LOADS.set_axis(pd.MultiIndex.from_product([["load"], LOADS.columns]), axis=1)
    settings = {"horizon": 6, "window": 8, "hidden_layer_sizes": 3, "max_iter": 2, "calendar": None}
    model = GRUForecaster(random_state=0, **settings).fit(wide)
    display = ForecastDisplay.from_forecaster(model, wide, series=("load", "south"))
    expected = ForecastDisplay.from_forecaster(forecaster, LOADS, series="south")
    pd.testing.assert_frame_equal(display.intervals, expected.intervals)


def test_no_history_is_drawn_where_none_is_asked_for(forecaster):
    display = ForecastDisplay.from_forecaster(forecaster, LOADS[["north"]], coverage=None, n_history=0)
    assert len(display.history_line_.get_ydata()) == 0
    short = ForecastDisplay.from_forecaster(forecaster, LOADS[["north"]].iloc[:9], coverage=None, n_history=12)
    assert len(short.history_line_.get_ydata()) == 9


def test_without_truth_or_intervals(forecaster, legend_of):
    display = ForecastDisplay.from_forecaster(forecaster, LOADS[["north"]], coverage=None, n_history=5)
    assert legend_of(display.ax_) == ["history", "GRUForecaster"] and display.bands_ == []
    assert display.ax_.get_title() == "6 steps ahead" and len(display.history_line_.get_ydata()) == 5


def test_a_single_step_is_seen():
    """A line of one point, and a shade of one step, have no extent."""
    ahead, past = pd.Series([3.0], index=HOURS[9:10], name="GRU"), LOADS["north"].iloc[:9]
    bounds = pd.MultiIndex.from_product([[0.9], ["lower", "upper"]], names=["coverage", "bound"])
    intervals = pd.DataFrame([[2.0, 4.0]], index=ahead.index, columns=bounds)
    display = ForecastDisplay(ahead + np.nan, ahead, history=past, intervals=intervals).plot()
    assert display.ax_.get_title() == "1 step ahead"
    assert display.prediction_line_.get_marker() == "o" and list(display.prediction_line_.get_markevery()) == [True]
    assert display.bands_[0].get_linewidth()[0] > 0 and display.history_line_.get_marker() == "None"
    display.figure_.canvas.draw()
    pixels = np.asarray(display.figure_.canvas.buffer_rgba())
    height = pixels.shape[0]
    x, y = display.ax_.transData.transform((display.ax_.convert_xunits(HOURS[9]), 2.5)).astype(int)
    assert pixels[height - y, x, 0] < 230  # inside the interval, away from the point


def test_points_without_neighbours_are_marked():
    truth = TRUTH.where(np.arange(5) != 2)  # ., ., NaN, NaN, .
    display = ForecastDisplay(truth, PREDICTIONS).plot()
    assert list(display.truth_line_.get_markevery()) == [False, False, False, False, True]
    assert display.prediction_line_.get_marker() == "None"


def test_one_series_of_a_panel(forecaster):
    long = pd.concat(dict(LOADS.items()), names=["unit", "hour"])
    display = ForecastDisplay.from_forecaster(forecaster, long, series="south", coverage=0.9)
    np.testing.assert_array_equal(display.prediction_line_.get_ydata(), forecaster.predict()["south"])
    assert len(display.bands_) == 1
    one = ForecastDisplay.from_forecaster(forecaster, LOADS["north"])
    np.testing.assert_array_equal(one.prediction_line_.get_ydata(), forecaster.predict()["north"])


def test_what_a_fan_must_not_be(forecaster):
    with pytest.raises(ValueError, match=r"series must name one of the columns \['north', 'south'\]; got None"):
        ForecastDisplay.from_forecaster(forecaster, LOADS)
    with pytest.raises(TypeError, match="history must be a pandas Series; got list"):
        ForecastDisplay(TRUTH, PREDICTIONS, history=[1.0])
    with pytest.raises(ValueError, match="column levels coverage and bound"):
        ForecastDisplay(TRUTH, PREDICTIONS, intervals=PREDICTIONS.to_frame())
    intervals = forecaster.predict_interval([0.5])["north"]
    with pytest.raises(ValueError, match="different indexes"):
        ForecastDisplay(TRUTH, PREDICTIONS, intervals=intervals)


def test_a_truth_that_is_an_array_is_counted_from_the_first_row_of_y(waves):
    Y = waves[0].to_numpy()
    model = GRUForecaster(3, horizon=2, window=6, max_iter=1, random_state=0).fit(Y[:30])
    display = ForecastDisplay.from_forecaster(model, Y[:30], truth=Y, series=1, coverage=None)
    np.testing.assert_array_equal(display.truth_line_.get_ydata(), Y[30:32, 1])
    np.testing.assert_array_equal(display.history_line_.get_ydata(), Y[24:30, 1])
    with pytest.raises(ValueError, match="truth is an array of 2 rows, .* none is a step ahead, 30 to 31"):
        ForecastDisplay.from_forecaster(model, Y[:30], truth=Y[30:32], series=1)
