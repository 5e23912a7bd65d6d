"""The scikit-learn face."""

from grukit.estimators.regressor import GRURegressor

__all__ = ["GRURegressor"]
