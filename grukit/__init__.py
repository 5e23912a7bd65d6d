"""Numba-accelerated gated recurrent units with scikit-learn estimators for pandas time series."""

from grukit.estimators import GRUClassifier, GRUForecaster, GRURegressor, load
from grukit.version import __version__

__all__ = ["GRUClassifier", "GRUForecaster", "GRURegressor", "__version__", "load"]
