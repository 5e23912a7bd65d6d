"""Errors by step ahead carry the scores of the table they are made of."""

import numpy as np
import pandas as pd
import pytest

from grukit.metrics import score_forecasts
from grukit.plotting import BacktestDisplay

Y = pd.Series(np.random.default_rng(0).normal(size=60).cumsum(), index=pd.date_range("2020", periods=60, freq="MS"))


@pytest.fixture(scope="module")
def table():
    """Forecasts of the last value from ten origins, four steps ahead, with intervals."""
    pieces = []
    for end in range(46, 56):
        truth, last = Y.iloc[end : end + 4], Y.iloc[end - 1]
        columns = {"origin": Y.index[end - 1], "step": range(1, 5), "time": truth.index, "truth": truth.to_numpy()}
        bounds = {"lower": last - 1.5, "upper": last + 1.5, "q0.5": last}
        pieces.append(pd.DataFrame({"series": "y", **columns, "prediction": last, **bounds}))
    return pd.concat(pieces, ignore_index=True)


def test_it_draws_what_the_scores_say(table, legend_of):
    scores = score_forecasts(table, Y, by="step", season=1, coverage=0.8)
    display = BacktestDisplay.from_forecasts(table, Y, score="MAE", season=1, coverage=0.8, unit="m")
    for line, name in ((display.model_line_, "model"), (display.naive_line_, "seasonal naive")):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(line.get_ydata(), scores["MAE"].xs(name, level="forecast"))
    np.testing.assert_allclose(display.model_line_.get_ydata(), display.naive_line_.get_ydata())  # the same forecast
    ax = display.ax_
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == ("MAE by step", "Steps ahead", "MAE (m)")
    assert ax.get_ylim()[0] == 0 and legend_of(ax) == ["seasonal naive", "model"]
    assert BacktestDisplay.from_forecasts(table, Y, unit="m").ax_.get_ylabel() == "MASE"
    assert BacktestDisplay.from_forecasts(table, Y, score="pinball", unit="m").ax_.get_ylabel() == "Pinball loss (m)"


def test_coverage_is_beside_what_was_asked_for(table, legend_of):
    display = BacktestDisplay.from_forecasts(table, Y, score="coverage", season=1, coverage=0.8)
    inside = (table["truth"] - table["prediction"]).abs() <= 1.5
    np.testing.assert_allclose(display.model_line_.get_ydata(), inside.groupby(table["step"]).mean())
    assert legend_of(display.ax_) == ["seasonal naive", "model", "80%"]
    assert display.ax_.get_lines()[-1].get_ydata()[0] == 0.8


def test_it_can_be_read_without_colour(table):
    display = BacktestDisplay.from_forecasts(table, Y)
    assert display.naive_line_.get_linestyle() == "-" and display.model_line_.get_linestyle() == "--"


def test_what_is_refused(table):
    with pytest.raises(TypeError, match=r'score_forecasts\(..., by="step"\)'):
        BacktestDisplay(score_forecasts(table, Y))
    with pytest.raises(ValueError, match="score must be one of the columns .*; got 'coverage'"):
        BacktestDisplay.from_forecasts(table, Y, score="coverage")
