"""The plots carry exactly the data given, and say what they show."""

import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from grukit import GRURegressor, plotting

matplotlib.use("Agg")

from matplotlib import pyplot as plt

HISTORY = pd.DataFrame(
    {"epoch": [1, 2, 3, 4], "loss": [0.9, 0.5, 0.3, 0.2], "validation_loss": [1.1, 0.7, 0.6, 0.8]},
    index=[7, 7, 3, 0],  # an index that means nothing must change nothing
)
MONTHS = pd.date_range("2001-01", periods=5, freq="MS", name="month")
TRUTH = pd.Series([20.0, 21.5, 23.0, np.nan, 19.0], index=MONTHS, name="temperature")
PREDICTIONS = pd.Series([20.5, 21.0, 22.0, 21.0, 20.0], index=MONTHS, name="GRU")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def lines_of(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# -- plot_loss ---------------------------------------------------------------------------------------------------------


def test_plot_loss_carries_the_history_and_marks_the_lowest_validation_loss():
    ax = plotting.plot_loss(HISTORY)
    lines = lines_of(ax)
    assert list(lines) == ["training", "validation", "lowest validation loss (epoch 3)"] == legend_of(ax)
    for label, column in (("training", "loss"), ("validation", "validation_loss")):
        np.testing.assert_array_equal(lines[label].get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(lines[label].get_ydata(), HISTORY[column])
    mark = lines["lowest validation loss (epoch 3)"]
    assert mark.get_xydata().tolist() == [[3, 0.6]]
    assert mark.get_marker() == "o" and mark.get_linestyle() == "None"
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "Epoch" and ax.get_ylabel() == "Mean loss"


@pytest.mark.parametrize("history", [HISTORY.assign(validation_loss=np.nan), HISTORY[["epoch", "loss"]]])
def test_plot_loss_without_validation_marks_the_lowest_training_loss(history):
    ax = plotting.plot_loss(history)
    assert legend_of(ax) == ["training", "lowest training loss (epoch 4)"]
    assert ax.get_lines()[1].get_xydata().tolist() == [[4, 0.2]]


def test_plot_loss_of_epochs_partly_without_validation():
    """A warm start may go on without the validation of the first fit."""
    history = HISTORY.assign(validation_loss=[0.8, 0.7, np.nan, np.nan])
    ax = plotting.plot_loss(history)
    assert "lowest validation loss (epoch 2)" in legend_of(ax)
    np.testing.assert_array_equal(lines_of(ax)["validation"].get_ydata(), history["validation_loss"])


@pytest.mark.parametrize("lowest", [0.0, -0.4])
def test_plot_loss_is_linear_where_a_loss_is_not_positive(lowest):
    ax = plotting.plot_loss(HISTORY.assign(loss=[0.9, 0.5, 0.3, lowest]))
    assert ax.get_yscale() == "linear"


def test_plot_loss_labels_losses_as_plain_numbers_and_epochs_as_whole_ones():
    ax = plotting.plot_loss(HISTORY)
    ax.figure.draw_without_rendering()
    y_low, y_high = ax.get_ylim()
    shown = [
        label.get_text()
        for label, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)
        if y_low <= place <= y_high
    ]
    assert shown == ["0.2", "0.5", "1"]
    assert all(float(place).is_integer() for place in ax.get_xticks())


def test_plot_loss_of_one_epoch():
    ax = plotting.plot_loss(HISTORY.iloc[:1])
    assert legend_of(ax)[-1] == "lowest validation loss (epoch 1)"


def test_plot_loss_of_a_fitted_model_is_that_of_its_history():
    x = pd.DataFrame({"x": np.sin(np.arange(80.0))})
    model = GRURegressor(
        hidden_layer_sizes=2, window=4, max_iter=4, early_stopping=True, validation_fraction=0.3, random_state=0
    ).fit(x, x["x"])
    lines = lines_of(plotting.plot_loss(model))
    np.testing.assert_array_equal(lines["training"].get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(lines["validation"].get_ydata(), model.validation_curve_)
    assert f"lowest validation loss (epoch {model.best_iter_})" in lines
    before = model.history_.copy()
    plotting.plot_loss(model.history_)
    pd.testing.assert_frame_equal(model.history_, before)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (GRURegressor(), NotFittedError, "not fitted"),
        ([0.9, 0.5], TypeError, "got list"),
        (HISTORY.drop(columns="loss"), ValueError, "no column 'loss'"),
        (HISTORY[["validation_loss"]], ValueError, "no column 'epoch' and no column 'loss'"),
        (HISTORY.iloc[:0], ValueError, "no epoch with a finite loss"),
        (HISTORY.assign(loss=np.nan), ValueError, "no epoch with a finite loss"),
    ],
)
def test_plot_loss_names_what_is_wrong(given, error, message):
    with pytest.raises(error, match=message):
        plotting.plot_loss(given)
    assert plt.get_fignums() == []


# -- plot_forecast -----------------------------------------------------------------------------------------------------


def test_plot_forecast_carries_the_data_and_names_them():
    ax = plotting.plot_forecast(TRUTH, PREDICTIONS, unit="degC")
    truth, predictions = ax.get_lines()
    for line, series in ((truth, TRUTH), (predictions, PREDICTIONS)):
        np.testing.assert_array_equal(line.get_xdata(orig=True), MONTHS)
        np.testing.assert_array_equal(line.get_ydata(), series)
    assert legend_of(ax) == ["truth", "GRU"]
    assert ax.get_xlabel() == "Month" and ax.get_ylabel() == "temperature (degC)"


def test_plot_forecast_can_be_read_without_colour():
    truth, predictions = plotting.plot_forecast(TRUTH, PREDICTIONS).get_lines()
    assert truth.get_linestyle() == "-" and predictions.get_linestyle() == "--"
    assert predictions.get_linewidth() > truth.get_linewidth()


def test_plot_forecast_of_series_without_names_or_unit():
    ax = plotting.plot_forecast(pd.Series([1.0, 2.0]), pd.Series([1.5, 1.5]))
    assert legend_of(ax) == ["truth", "prediction"]
    assert ax.get_xlabel() == "Time" and ax.get_ylabel() == "Value"


def test_plot_forecast_on_periods_draws_at_their_starts():
    periods = MONTHS.to_period("M")
    ax = plotting.plot_forecast(TRUTH.set_axis(periods), PREDICTIONS.set_axis(periods))
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(orig=True), MONTHS)
    assert ax.get_xlabel() == "Month"


def test_plot_forecast_leaves_the_series_as_they_are():
    truth, predictions = TRUTH.copy(), PREDICTIONS.copy()
    plotting.plot_forecast(truth, predictions)
    pd.testing.assert_series_equal(truth, TRUTH)
    pd.testing.assert_series_equal(predictions, PREDICTIONS)


@pytest.mark.parametrize(
    ("truth", "predictions", "error", "message"),
    [
        (TRUTH, PREDICTIONS.iloc[1:], ValueError, "different indexes, of 5 and 4 rows"),
        (TRUTH, PREDICTIONS.shift(1, freq="MS"), ValueError, "different indexes"),
        (TRUTH, PREDICTIONS.to_numpy(), TypeError, "predictions must be a pandas Series; got ndarray"),
        (TRUTH.to_frame(), PREDICTIONS, TypeError, "truth must be a pandas Series; got DataFrame"),
    ],
)
def test_plot_forecast_names_what_is_wrong(truth, predictions, error, message):
    with pytest.raises(error, match=message):
        plotting.plot_forecast(truth, predictions)
    assert plt.get_fignums() == []


# -- both --------------------------------------------------------------------------------------------------------------

WAVES = pd.Series(np.sin(np.arange(240) * np.pi / 6))  # leaves no corner free by itself
PLOTS = [
    lambda ax: plotting.plot_loss(HISTORY, ax=ax),
    lambda ax: plotting.plot_forecast(TRUTH, PREDICTIONS, ax=ax),
    lambda ax: plotting.plot_forecast(WAVES, WAVES.rename("forecast, made three months before"), ax=ax),
]


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_draw_on_the_axes_given(plot):
    _, (left, right) = plt.subplots(1, 2)
    assert plot(right) is right
    assert len(left.get_lines()) == 0
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_make_a_new_figure_without_axes(plot):
    existing = plt.figure().gca()
    ax = plot(None)
    assert ax is not existing and ax.figure is not existing.figure
    assert len(existing.get_lines()) == 0


@pytest.mark.parametrize("plot", PLOTS)
def test_the_legend_hides_no_line(plot):
    ax = plot(None)
    ax.figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    for line in ax.get_lines():
        points = ax.transData.transform(np.column_stack([line.get_xdata(orig=False), line.get_ydata(orig=False)]))
        assert not box.count_contains(points[np.isfinite(points).all(axis=1)])


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_without_matplotlib_say_how_to_get_it(plot, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "grukit\[plot\]"'):
        plot(None)
