"""Small models and frames. Fixtures are functions of the whole session, so that hypothesis may use them."""

import numpy as np
import pandas as pd
import pytest
from forecasters import NOISE
from plain import PLAIN

from grukit import GRURegressor


@pytest.fixture(scope="session")
def tiny():
    """Make an estimator that trains in milliseconds, a network alone."""

    def make(**changes):
        return GRURegressor(
            **{**PLAIN, "hidden_layer_sizes": 4, "window": 4, "max_iter": 2, "random_state": 0, **changes}
        )

    return make


@pytest.fixture(scope="session")
def hourly():
    """Make a frame of noise, one row an hour."""

    def make(n=30, columns=("a", "b"), start="2024-01-01", seed=0):
        values = np.random.default_rng(seed).normal(size=(n, len(columns)))
        return pd.DataFrame(values, index=pd.date_range(start, periods=n, freq="h"), columns=list(columns))

    return make


@pytest.fixture(scope="session")
def noise():
    """A random walk of 160 hours."""
    return NOISE.copy()


@pytest.fixture(scope="session")
def panel(hourly):
    """Make a panel of two series of 20 and 15 hours, sorted by series."""
    return pd.concat({"u": hourly(20, seed=1), "v": hourly(15, seed=2)}, names=["series", "time"])


@pytest.fixture
def network_whole(monkeypatch):
    """The network's part is taken as training left it, whatever it gained."""
    for module in ("_folds", "_weight"):
        monkeypatch.setattr(f"grukit.estimators.{module}.weight_by", lambda *losses: None)
