"""What the tests of other libraries' tools share: a series, its lags, and forecasts by hand."""

import numpy as np
import pytest

from grukit import GRURegressor
from grukit.datasets import load_elnino


@pytest.fixture(scope="session")
def sst():
    """A monthly series of 120 rows."""
    return load_elnino()["sst"]["1981":"1990"].asfreq("MS")


@pytest.fixture(scope="session")
def row_model():
    """Make a regressor of rows that are sequences of lags."""

    def make(**changes):
        return GRURegressor(**{"hidden_layer_sizes": 4, "window": None, "max_iter": 3, "random_state": 0, **changes})

    return make


@pytest.fixture(scope="session")
def lagged():
    """Make the last n values before each row, the newest first or the oldest, and the values ``ahead`` steps from there."""

    def make(series, n, newest_first, ahead=1):
        values = np.asarray(series, dtype=float)
        rows = np.lib.stride_tricks.sliding_window_view(values, n)[: len(values) - n - ahead + 1]
        return rows[:, ::-1] if newest_first else rows, values[n + ahead - 1 :]

    return make


@pytest.fixture(scope="session")
def one_by_one():
    """Make forecasts by hand: each is the newest value for the next."""

    def make(model, series, n, newest_first, steps):
        values = list(np.asarray(series, dtype=float))
        for _ in range(steps):
            row = np.array(values[-n:])
            values.append(float(model.predict((row[::-1] if newest_first else row)[None])[0]))
        return values[-steps:]

    return make
