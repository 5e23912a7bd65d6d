"""Errors of forecasts, a number each."""

from typing import Any

import numpy as np


def mean_absolute_scaled_error(y_true: Any, y_pred: Any, *, y_train: Any, season: int = 1) -> float:
    """Mean absolute error over that of the seasonal naive forecast, one step ahead, in the training part.

    Below 1, forecasts are better than repeating the value of a season before was in training.

    Parameters
    ----------
    y_true, y_pred : array of shape (n,)
        Values and forecasts.
    y_train : array of shape (m,)
        The series before; NaN is left out.
    season : int, default=1
        Steps in a season.

    Returns
    -------
    float
        NaN where the series never changed from season to season.

    Raises
    ------
    ValueError
        Where shapes differ, ``season`` is no positive integer, or ``y_train`` has no more than ``season`` values.

    References
    ----------
    Hyndman and Koehler (2006), Another look at measures of forecast accuracy.
    """
    true, predicted = _pair(y_true, y_pred)
    return float(ratios(np.mean(np.abs(true - predicted)), naive_error(y_train, season, 1)))


def root_mean_squared_scaled_error(y_true: Any, y_pred: Any, *, y_train: Any, season: int = 1) -> float:
    """Root of the mean squared error over that of the seasonal naive forecast, one step ahead, in the training part.

    Parameters and errors are those of :func:`mean_absolute_scaled_error`. With ``season=1`` it is that of the M5 competition
    (Makridakis, Spiliotis and Assimakopoulos 2022).
    """
    true, predicted = _pair(y_true, y_pred)
    return float(np.sqrt(ratios(np.mean((true - predicted) ** 2), naive_error(y_train, season, 2))))


def symmetric_mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> float:
    """Mean of 2 abs(y - p) / (abs(y) + abs(p)), from 0 to 2; 0 where both are zero (Makridakis 1993).

    NaN where a value or a forecast is NaN.
    """
    true, predicted = _pair(y_true, y_pred)
    return float(np.mean(percentages(true, predicted)))


def interval_coverage(y_true: Any, lower: Any, upper: Any) -> float:
    """Share of the values that lie inside their intervals, the bounds included; NaN where a value or a bound is NaN."""
    true, low = _pair(y_true, lower)
    true, high = _pair(true, upper)
    return float(np.mean(inside(true, low, high)))


def mean_interval_score(y_true: Any, lower: Any, upper: Any, *, coverage: float) -> float:
    """Mean width of intervals, and 2 / (1 - coverage) times how far outside the values are: the smaller, the better.

    Parameters
    ----------
    y_true, lower, upper : array of shape (n,)
        Values and bounds.
    coverage : float
        How often the values are to be inside.

    References
    ----------
    Winkler (1972), A Decision-Theoretic Approach to Interval Estimation; Gneiting and Raftery (2007), Strictly Proper Scoring
    Rules, Prediction, and Estimation, section 6.2.
    """
    true, low = _pair(y_true, lower)
    true, high = _pair(true, upper)
    check_coverage(coverage)
    return float(np.mean(interval_scores(true, low, high, coverage)))


def inside(true: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """1 for each value that lies inside its interval, 0 outside, NaN where it or a bound is not known."""
    # Of each, and not of their sum, which is NaN of minus and plus infinity, too.
    unknown = np.isnan(true) | np.isnan(low) | np.isnan(high)
    return np.where(unknown, np.nan, (low <= true) & (true <= high))


def interval_scores(true: np.ndarray, low: np.ndarray, high: np.ndarray, coverage: float) -> np.ndarray:
    """Width of each interval, and 2 / (1 - coverage) times how far outside the value is."""
    outside = np.maximum(low - true, 0.0) + np.maximum(true - high, 0.0)
    return high - low + 2.0 / (1.0 - coverage) * outside


def pinball_losses(true: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Mean over the levels (M,) of the pinball losses of each row of quantiles (n, M) (Koenker and Bassett 1978)."""
    above = true[:, None] - quantiles
    return np.maximum(levels * above, (levels - 1.0) * above).mean(axis=1)


def percentages(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """2 abs(y - p) / (abs(y) + abs(p)) of each, 0 where both are zero, NaN where one is not known."""
    size = np.abs(true) + np.abs(predicted)
    return np.divide(2.0 * np.abs(true - predicted), size, out=np.zeros_like(size), where=size != 0)


def naive_error(y_train: Any, season: int, power: int) -> float:
    """Mean of the absolute changes over a season, to a power."""
    past = np.asarray(y_train, dtype=np.float64)
    check_season(season)
    if past.ndim != 1 or len(past) <= season:
        raise ValueError(
            f"y_train must have one dimension and more than season={season} values; its shape is {past.shape}."
        )
    changes = np.abs(past[season:] - past[:-season]) ** power
    known = changes[~np.isnan(changes)]
    return float(known.mean()) if len(known) else np.nan


def ratios(errors: Any, scale: Any) -> Any:
    """Errors over scales, NaN where these are zero."""
    errors, scale = np.broadcast_arrays(np.asarray(errors, float), np.asarray(scale, float))
    return np.divide(errors, scale, out=np.full(errors.shape, np.nan), where=scale > 0)


def _pair(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(
            f"Give arrays of one dimension and equal length; got the shapes {first.shape} and {second.shape}."
        )
    return first, second


def check_season(season: Any) -> None:
    """Raise for what is no positive integer."""
    if not isinstance(season, int | np.integer) or season < 1:
        raise ValueError(f"season must be a positive integer; got {season!r}.")


def check_coverage(coverage: Any) -> None:
    """Raise for what is not between 0 and 1."""
    if not isinstance(coverage, int | float | np.number) or not 0 < coverage < 1:
        raise ValueError(f"coverage must be a number between 0 and 1; got {coverage!r}.")
