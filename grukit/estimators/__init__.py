"""The scikit-learn face."""

from grukit.estimators.classifier import GRUClassifier
from grukit.estimators.forecaster import GRUForecaster
from grukit.estimators.opening import load
from grukit.estimators.regressor import GRURegressor

__all__ = ["GRUClassifier", "GRUForecaster", "GRURegressor", "load"]
