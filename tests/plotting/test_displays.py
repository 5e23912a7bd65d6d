"""What all displays have in common."""

import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from grukit.plotting import (
    BacktestDisplay,
    ForecastDisplay,
    GateDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
    SaliencyDisplay,
)

WAVES = pd.Series(np.sin(np.arange(240) * np.pi / 6))  # leaves no corner free by itself
HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.3], "validation_loss": [1.1, 0.7, 0.6]})
COLUMNS = pd.MultiIndex.from_product([[0], ["update"], [0, 1]], names=["layer", "gate", "unit"])
LAGS = pd.MultiIndex.from_product([[0], range(5)], names=["row", "lag"])
FLOW = pd.DataFrame({0: 0.5 ** np.arange(9), 1: 0.8 ** np.arange(9)}).rename_axis(columns="layer")
STEPS = pd.MultiIndex.from_product([range(1, 25), ["model", "seasonal naive"]], names=["step", "forecast"])
DISPLAYS = {
    "backtest": BacktestDisplay(pd.DataFrame({"MASE": np.sqrt(np.arange(48.0) + 1)}, index=STEPS)),
    "loss": LossCurveDisplay(HISTORY),
    "forecast": ForecastDisplay(WAVES, WAVES.rename("forecast, made three months before")),
    "gates": GateDisplay(pd.DataFrame(np.full((5, 2), 0.5), columns=COLUMNS)),
    "flow": GradientFlowDisplay(FLOW),
    "saliency": SaliencyDisplay(pd.DataFrame({"x": 0.5 ** np.arange(5), "y": 0.7 ** np.arange(5)}, index=LAGS)),
}


@pytest.fixture(params=DISPLAYS)
def display(request):
    return DISPLAYS[request.param]


def axes_of(display):
    return display.axes_[0] if isinstance(display, GateDisplay) else display.ax_


def test_it_draws_on_the_axes_given(display):
    figure, (left, right) = plt.subplots(1, 2)
    assert display.plot(right) is display
    assert axes_of(display) is right and display.figure_ is figure
    assert not left.has_data() and right.has_data()
    assert len(plt.get_fignums()) == 1


def test_it_makes_a_new_figure_without_axes(display):
    existing = plt.figure().gca()
    display.plot()
    assert axes_of(display) is not existing and display.figure_ is not existing.figure
    assert not existing.has_data()


def test_everything_is_labelled(display):
    ax = axes_of(display.plot())
    assert ax.get_title() and ax.get_xlabel() and ax.get_ylabel()


def test_the_legend_hides_no_line(display):
    ax = axes_of(display.plot())
    ax.figure.draw_without_rendering()
    if ax.get_legend() is None:
        assert isinstance(display, GateDisplay)
        return
    box = ax.get_legend().get_window_extent()
    for line in ax.get_lines():
        points = ax.transData.transform(np.column_stack([line.get_xdata(orig=False), line.get_ydata(orig=False)]))
        assert not box.count_contains(points[np.isfinite(points).all(axis=1)])


def test_without_matplotlib_it_says_how_to_get_it(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "grukit\[plot\]"'):
        display.plot()


@pytest.mark.parametrize("kind", [ForecastDisplay, GateDisplay, GradientFlowDisplay, SaliencyDisplay])
def test_without_matplotlib_nothing_is_computed(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "grukit\[plot\]"'):
        BacktestDisplay.from_forecasts(None, None)
    with pytest.raises(ImportError, match=r'pip install "grukit\[plot\]"'):
        kind.from_estimator(None, None, *[None] * (kind in (ForecastDisplay, GradientFlowDisplay)))
