"""Forecasters that train in a moment, and a series for them."""

import numpy as np
import pandas as pd

from grukit import GRUForecaster

HOURS = pd.date_range("2024-01-01", periods=160, freq="h", name="time")
NOISE = pd.Series(np.random.default_rng(0).normal(size=160).cumsum(), index=HOURS, name="load")


def small_forecaster(horizon=3, **changes):
    """Of few units and epochs, in float64; intervals of one fit, where ``calibration`` says nothing else."""
    settings = {"hidden_layer_sizes": 4, "window": 12, "max_iter": 2, "random_state": 0, "dtype": "float64"}
    return GRUForecaster(horizon=horizon, **{**settings, "calibration": "split", **changes})
