"""What a forecast of whole series must beat, each fitted to all windows of the training part: ridge regressions and trees."""

from collections.abc import Callable

import numpy as np
from _forecast_tasks import ForecastTask
from _ladder import HGB_STEPS

ALPHAS = np.logspace(-3, 4, 15)


def windows(task: ForecastTask) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lags (n, L) and values ahead (n, H) of all series that train, and the lags (n_origins S, L) that are forecast from.

    Each series is standardised by its training part. A series too short for windows of the task is seen with fewer rows.
    """
    from numpy.lib.stride_tricks import sliding_window_view

    z = standardized(task)
    L = min(task.window, task.n_training // 3)
    lags, ahead, asked = [], [], []
    for own in z.T:
        every = sliding_window_view(own, L)  # the window that ends with row L - 1, ...
        ends = np.arange(L - 1, task.n_training - task.horizon)
        lags.append(every[ends - L + 1])
        ahead.append(own[ends[:, None] + np.arange(1, task.horizon + 1)])
        asked.append(every[task.origins - L + 1])
    return np.concatenate(lags), np.concatenate(ahead), np.concatenate(asked)


def figures(task: ForecastTask) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (S,) of the training part of each series."""
    known = np.asarray(task.y, dtype=float).reshape(len(task.y), -1)[: task.n_training]
    return known.mean(axis=0), known.std(axis=0)


def standardized(task: ForecastTask) -> np.ndarray:
    """The series (n, S)."""
    mean, scale = figures(task)
    return (np.asarray(task.y, dtype=float).reshape(len(task.y), -1) - mean) / scale


def ridge(task: ForecastTask) -> np.ndarray:
    """RidgeCV of all steps on the lags."""
    from sklearn.linear_model import RidgeCV

    lags, ahead, asked = windows(task)
    return RidgeCV(ALPHAS).fit(lags, ahead).predict(asked)


def ridge_of_changes(task: ForecastTask) -> np.ndarray:
    """The same, of lags and values ahead less the latest value of each window."""
    from sklearn.linear_model import RidgeCV

    lags, ahead, asked = windows(task)
    model = RidgeCV(ALPHAS).fit(lags - lags[:, -1:], ahead - lags[:, -1:])
    return model.predict(asked - asked[:, -1:]).reshape(len(asked), -1) + asked[:, -1:]


def boosting(task: ForecastTask) -> np.ndarray | None:
    """HistGradientBoosting on the lags, a model a step."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    if task.horizon > HGB_STEPS:
        return None
    lags, ahead, asked = windows(task)
    n = 100 if task.horizon == 1 else 50
    models = (HistGradientBoostingRegressor(max_iter=n, random_state=0).fit(lags, each) for each in ahead.T)
    return np.stack([model.predict(asked) for model in models], axis=1)


LADDER: dict[str, Callable[[ForecastTask], np.ndarray | None]] = {
    "ridge": ridge, "ridge of changes": ridge_of_changes, "HGB": boosting,
}  # fmt: skip


def predictions(name: str, task: ForecastTask) -> list[list[float]] | None:
    """Forecasts (n_origins S, H) in the units of the series, those of the first series first."""
    found = LADDER[name](task)
    if found is None:
        return None
    mean, scale = figures(task)
    of_each = found.reshape(len(mean), -1, task.horizon)
    return (of_each * scale[:, None, None] + mean[:, None, None]).reshape(-1, task.horizon).tolist()
