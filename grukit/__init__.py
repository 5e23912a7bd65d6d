"""Numba-accelerated gated recurrent units with scikit-learn estimators for pandas time series."""

from grukit.estimators import GRUClassifier, GRURegressor

__version__ = "0.1.0"
__all__ = ["GRUClassifier", "GRURegressor", "__version__"]
