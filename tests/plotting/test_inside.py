"""Pictures of what is inside a model carry exactly the frames of grukit.inspection."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import dates
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

from grukit import GRURegressor
from grukit.inspection import gates, gradient_flow, saliency
from grukit.plotting import GateDisplay, GradientFlowDisplay, SaliencyDisplay

# -- gates -------------------------------------------------------------------------------------------------------------


def test_gates_are_shades_of_every_unit_at_every_time(model, waves):
    X, _ = waves
    inside = gates(model, X)
    display = GateDisplay.from_estimator(model, X)
    titles = ["Reset gate, layer 0", "Update gate, layer 0", "Candidate, layer 0", "State, layer 0"]
    assert [ax.get_title() for ax in display.axes_] == titles
    for name, image in zip(("reset", "update", "candidate", "state"), display.images_, strict=True):
        np.testing.assert_array_equal(image.get_array(), inside[0, name].T)
        assert image.get_clim() == ((0, 1) if name in ("reset", "update") else (-1, 1))
    assert all(ax.get_ylabel() == "Unit" for ax in display.axes_) and display.axes_[-1].get_xlabel() == "Month"
    assert display.figure_ is display.axes_[0].figure


def test_each_shade_is_centred_on_its_time_and_unit(model, waves):
    X, _ = waves
    display = GateDisplay.from_estimator(model, X, layer=1, names=["update"])
    corners = display.images_[0].get_coordinates()
    np.testing.assert_array_equal(corners[:, 0, 1], [-0.5, 0.5, 1.5])
    days = dates.date2num(X.index)
    np.testing.assert_allclose(corners[0, 1:-1, 0], (days[1:] + days[:-1]) / 2)
    np.testing.assert_allclose(corners[0, [0, -1], 0], [days[0] - 15.5, days[-1] + 15.5])


def test_gates_of_one_series(model, waves):
    X, _ = waves
    panel = pd.concat({"u": X, "v": 2 * X}, names=["site", "month"]).sort_index(level="month")
    display = GateDisplay.from_estimator(model, panel, series="v", names=["state"])
    np.testing.assert_array_equal(display.images_[0].get_array(), gates(model, panel).loc["v"][0, "state"].T)
    assert display.axes_[0].get_title() == "State, layer 0, series v"
    with pytest.raises(ValueError, match="series must name one of the 2 series, such as 'u'; got 'w'"):
        GateDisplay(gates(model, panel), series="w")


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2001-01", periods=40, freq="M"),
        pd.timedelta_range("0s", periods=40, freq="h"),
        pd.date_range("2024-03-30", periods=40, freq="h", tz="Europe/Berlin"),
        pd.Index(np.arange(40.0) ** 2),
    ],
    ids=lambda index: type(index).__name__,
)
def test_gates_on_other_indexes(model, waves, index):
    display = GateDisplay(gates(model, waves[0]).set_axis(index), names=["reset"]).plot()
    across = display.images_[0].get_coordinates()[0, :, 0]
    assert len(across) == 41 and (np.diff(across) > 0).all()
    display.figure_.draw_without_rendering()


def test_gates_of_one_row_and_one_unit():
    X = np.ones((1, 1))
    display = GateDisplay.from_estimator(GRURegressor(1, window=2, max_iter=1).fit(X, [0.0]), X)
    assert [image.get_array().shape for image in display.images_] == [(1, 1)] * 4
    np.testing.assert_array_equal(display.images_[0].get_coordinates()[0, :, 0], [-0.5, 0.5])


def test_what_is_wrong_with_gates_is_named(model, waves):
    inside = gates(model, waves[0])
    with pytest.raises(ValueError, match=r"layer must be one of \[0, 1\]; got 2"):
        GateDisplay(inside, layer=2)
    with pytest.raises(ValueError, match=r"names must be some of \['reset', 'update', 'candidate', 'state'\]"):
        GateDisplay(inside, names=["forget"])
    _, axes = plt.subplots(2)
    with pytest.raises(ValueError, match="4 axes are needed, for reset, update, candidate, state; got 2"):
        GateDisplay(inside).plot(axes)
    with pytest.raises(NotFittedError, match="not fitted"):
        GateDisplay.from_estimator(GRURegressor(), waves[0])


# -- gradient flow -----------------------------------------------------------------------------------------------------


def test_gradient_flow_is_a_line_a_layer(model, waves, legend_of):
    flow = gradient_flow(model, *waves)
    display = GradientFlowDisplay.from_estimator(model, *waves)
    for layer, line in enumerate(display.lines_):
        np.testing.assert_array_equal(line.get_xdata(), range(4))
        np.testing.assert_array_equal(line.get_ydata(), flow[layer])
    assert legend_of(display.ax_) == ["layer 0", "layer 1"] and display.ax_.get_yscale() == "log"
    assert display.ax_.get_xlabel() == "Distance from the end (steps)"


def test_models_are_compared_on_the_same_axes_with_other_lines(model, waves, legend_of):
    display = GradientFlowDisplay.from_estimator(model, *waves, name="one")
    again = GradientFlowDisplay.from_estimator(model, *waves, name="other", ax=display.ax_)
    assert again.ax_ is display.ax_
    assert legend_of(display.ax_) == ["one, layer 0", "one, layer 1", "other, layer 0", "other, layer 1"]
    lines = display.ax_.get_lines()
    assert len({(str(line._dash_pattern), line.get_marker()) for line in lines}) == 4


def test_many_lines_differ_without_colour():
    flow = pd.DataFrame(np.ones((3, 14))).rename_axis(columns="layer")
    lines = GradientFlowDisplay(flow).plot().lines_
    assert len({(str(line._dash_pattern), line.get_marker()) for line in lines}) == 14


def test_a_gradient_of_nothing_is_drawn_on_a_linear_axis():
    flow = pd.DataFrame({0: [0.0, 0.0]}).rename_axis(columns="layer")
    assert GradientFlowDisplay(flow).plot().ax_.get_yscale() == "linear"


# -- saliency ----------------------------------------------------------------------------------------------------------


def test_saliency_is_a_line_an_input_the_largest_first(model, waves, legend_of):
    X, _ = waves
    mean = saliency(model, X, "integrated", rows=X.index[5:]).abs().groupby("lag").mean()
    order = mean.sum().sort_values(ascending=False).index
    display = SaliencyDisplay.from_estimator(model, X, rows=X.index[5:], unit="m")
    assert legend_of(display.ax_) == list(order)
    for name, line in zip(order, display.lines_, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), range(4))
        np.testing.assert_allclose(line.get_ydata(), mean[name], rtol=1e-14)
    assert display.ax_.get_ylabel() == "Mean |contribution| (m)"
    gradient = SaliencyDisplay.from_estimator(model, X, "gradient")
    assert gradient.ax_.get_ylabel() == "Mean |gradient| (unit of y / unit of the input)"


def test_saliency_of_sequences_counts_from_their_ends():
    index = pd.MultiIndex.from_tuples([(0, "a"), (0, "b"), (1, "a"), (1, "b"), (1, "c")], names=["sequence", "step"])
    display = SaliencyDisplay(pd.DataFrame({"x": [1.0, -2.0, 3.0, 4.0, -5.0]}, index=index)).plot()
    np.testing.assert_array_equal(display.lines_[0].get_xydata(), [[0, 3.5], [1, 2.5], [2, 3.0]])


def test_of_many_inputs_the_largest_are_drawn():
    index = pd.MultiIndex.from_product([[0, 1], [0]], names=["row", "lag"])
    frame = pd.DataFrame([np.arange(9.0), -np.arange(9.0)], index=index)
    display = SaliencyDisplay(frame).plot()
    assert list(display.profile) == [8, 7, 6, 5, 4, 3]
    assert display.ax_.get_legend().get_title().get_text() == "6 of 9 inputs, the largest"


@pytest.mark.parametrize("given", [pd.DataFrame({"x": [1.0]}), [1.0]], ids=["frame", "list"])
@pytest.mark.parametrize("kind", [GateDisplay, GradientFlowDisplay, SaliencyDisplay])
def test_other_frames_are_refused(kind, given):
    with pytest.raises(TypeError, match="DataFrame from grukit.inspection"):
        kind(given)
