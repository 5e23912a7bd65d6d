"""Axes without a screen, closed after each test; a small fitted model."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from plain import PLAIN

from grukit import GRURegressor

matplotlib.use("Agg")

from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def waves():
    """Make X of two columns and y, the next value, on a monthly index."""
    months = pd.date_range("2001-01", periods=40, freq="MS", name="month")
    X = pd.DataFrame({"sine": np.sin(np.arange(40.0)), "trend": np.arange(40) / 40}, index=months)
    return X, X["sine"].shift(-1, fill_value=0.0).rename("next")


@pytest.fixture(scope="session")
def model(waves):
    """Two layers, windows of 4 steps."""
    return GRURegressor((3, 2), window=4, max_iter=3, random_state=0, **PLAIN).fit(*waves)


@pytest.fixture(scope="session")
def legend_of():
    """Make the list of a legend's texts."""
    return lambda ax: [text.get_text() for text in ax.get_legend().get_texts()]
