"""What forecasts are judged by and scikit-learn does not have; its own metrics, the pinball loss among them, for the rest."""

from grukit.metrics._scores import (
    interval_coverage,
    mean_absolute_scaled_error,
    mean_interval_score,
    root_mean_squared_scaled_error,
    symmetric_mean_absolute_percentage_error,
)
from grukit.metrics._table import score_forecasts

__all__ = [
    "interval_coverage",
    "mean_absolute_scaled_error",
    "mean_interval_score",
    "root_mean_squared_scaled_error",
    "score_forecasts",
    "symmetric_mean_absolute_percentage_error",
]
