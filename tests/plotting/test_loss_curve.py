"""The loss curve carries exactly the history, and says what it shows."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

from grukit import GRUForecaster, GRURegressor
from grukit.plotting import LossCurveDisplay

HISTORY = pd.DataFrame(
    {"epoch": [1, 2, 3, 4], "loss": [0.9, 0.5, 0.3, 0.2], "validation_loss": [1.1, 0.7, 0.6, 0.8]},
    index=[7, 7, 3, 0],  # an index that means nothing must change nothing
)


def test_it_carries_the_history_and_marks_the_lowest_validation_loss(legend_of):
    display = LossCurveDisplay(HISTORY).plot()
    for line, column in ((display.training_line_, "loss"), (display.validation_line_, "validation_loss")):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[column])
    mark, ax = display.lowest_mark_, display.ax_
    assert mark.get_xydata().tolist() == [[3, 0.6]]
    assert mark.get_marker() == "o" and mark.get_linestyle() == "None"
    assert legend_of(ax) == ["training", "validation", "lowest validation loss (epoch 3)"]
    assert ax.get_yscale() == "log" and display.figure_ is ax.figure
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("Loss while training", "Epoch", "Mean loss")


@pytest.mark.parametrize("history", [HISTORY.assign(validation_loss=np.nan), HISTORY[["epoch", "loss"]]])
def test_without_validation_it_marks_the_lowest_training_loss(history, legend_of):
    display = LossCurveDisplay(history).plot()
    assert legend_of(display.ax_) == ["training", "lowest training loss (epoch 4)"]
    assert display.lowest_mark_.get_xydata().tolist() == [[4, 0.2]]
    assert display.validation_line_ is None


def test_epochs_partly_without_validation(legend_of):
    """A warm start may go on without the validation of the first fit."""
    history = HISTORY.assign(validation_loss=[0.8, 0.7, np.nan, np.nan])
    display = LossCurveDisplay(history).plot()
    assert "lowest validation loss (epoch 2)" in legend_of(display.ax_)
    np.testing.assert_array_equal(display.validation_line_.get_ydata(), history["validation_loss"])


@pytest.mark.parametrize("lowest", [0.0, -0.4])
def test_it_is_linear_where_a_loss_is_not_positive(lowest):
    assert LossCurveDisplay(HISTORY.assign(loss=[0.9, 0.5, 0.3, lowest])).plot().ax_.get_yscale() == "linear"


def test_it_labels_losses_as_plain_numbers_and_epochs_as_whole_ones():
    ax = LossCurveDisplay(HISTORY).plot().ax_
    ax.figure.draw_without_rendering()
    y_low, y_high = ax.get_ylim()
    shown = [
        label.get_text()
        for label, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)
        if y_low <= place <= y_high
    ]
    assert shown == ["0.2", "0.5", "1"]
    assert all(float(place).is_integer() for place in ax.get_xticks())


def test_one_epoch(legend_of):
    display = LossCurveDisplay(HISTORY.iloc[:1]).plot()
    assert legend_of(display.ax_)[-1] == "lowest validation loss (epoch 1)"
    for line in (display.training_line_, display.validation_line_):  # a line of one point would not be seen
        assert line.get_marker() == "o" and line.get_markersize() > display.lowest_mark_.get_markersize()
    display.figure_.draw_without_rendering()
    low, high = display.ax_.get_xlim()
    assert [place for place in display.ax_.get_xticks() if low <= place <= high] == [1]


def test_of_a_fitted_model_it_is_that_of_its_history(legend_of):
    x = pd.DataFrame({"x": np.sin(np.arange(80.0))})
    model = GRURegressor(
        hidden_layer_sizes=2, window=4, max_iter=4, early_stopping=True, validation_fraction=0.3, random_state=0
    ).fit(x, x["x"])
    before = model.history_.copy()
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.training_line_.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(display.validation_line_.get_ydata(), model.validation_curve_)
    assert f"lowest validation loss (epoch {model.best_iter_})" in legend_of(display.ax_)
    assert display.ax_.get_ylabel() == "Mean squared error (y standardised)"
    pd.testing.assert_frame_equal(model.history_, before)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"standardize": False}, "Mean squared error"),
        ({"loss": "quantile"}, "Mean pinball loss (y standardised)"),
        ({"loss": "poisson"}, "Mean Poisson loss"),
    ],
    ids=str,
)
def test_the_label_names_the_loss_and_its_scale(changes, label):
    x = np.arange(8.0)[:, None]
    model = GRURegressor(1, window=2, max_iter=1, **changes).fit(x, x[:, 0])
    assert LossCurveDisplay.from_estimator(model).ax_.get_ylabel() == label


def test_quantiles_are_trained_by_the_pinball_loss():
    settings = {"hidden_layer_sizes": 4, "window": 6, "max_iter": 1, "calibration_fraction": None, "dtype": "float64"}
    model = GRUForecaster(horizon=2, quantiles=(0.5,), **settings).fit(np.arange(40.0) % 7)
    assert LossCurveDisplay.from_estimator(model).ax_.get_ylabel() == "Mean pinball loss (y standardised)"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([0.9, 0.5], TypeError, "got list"),
        (HISTORY.drop(columns="loss"), ValueError, "no column 'loss'"),
        (HISTORY[["validation_loss"]], ValueError, "no column 'epoch' and no column 'loss'"),
        (HISTORY.iloc[:0], ValueError, "no epoch with a finite loss"),
        (HISTORY.assign(loss=np.nan), ValueError, "no epoch with a finite loss"),
    ],
)
def test_what_is_wrong_is_named(given, error, message):
    with pytest.raises(error, match=message):
        LossCurveDisplay(given)
    with pytest.raises(NotFittedError, match="not fitted"):
        LossCurveDisplay.from_estimator(GRURegressor())
    assert plt.get_fignums() == []
