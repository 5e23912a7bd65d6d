"""The scikit-learn face."""

from grukit.estimators.classifier import GRUClassifier
from grukit.estimators.regressor import GRURegressor

__all__ = ["GRUClassifier", "GRURegressor"]
