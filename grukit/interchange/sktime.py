"""The estimators as estimators of sktime, where the package sktime is installed."""

try:
    import sktime  # noqa: F401
except ImportError as error:
    raise ImportError("grukit.interchange.sktime needs the package sktime: pip install 'grukit[sktime]'") from error

from grukit.interchange._sktime_forecaster import GRUForecaster
from grukit.interchange._sktime_panels import GRUClassifier, GRURegressor

__all__ = ["GRUClassifier", "GRUForecaster", "GRURegressor"]
