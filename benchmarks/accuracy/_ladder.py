"""What a forecast must beat: simple forecasts, scikit-learn's models on lags, PyTorch's GRU."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from _tasks import Task

TORCH_STEPS = 500_000  # steps of all windows of an epoch at most, for time
HGB_STEPS = 24  # at most so many models, one a step; of more steps none
SEASONS = {"h": 24, "D": 7, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4, "B": 5}
Contender = Callable[
    [Task, int, bool], np.ndarray | None
]  # task, seed, quick -> predictions of all rows, or of the test rows


def last_value(task: Task, seed: int, quick: bool) -> np.ndarray:
    """The target column's latest value, at all steps."""
    return np.repeat(task.X[[task.column]].to_numpy(dtype=float), task.horizon, axis=1)


def period(task: Task) -> int:
    """Steps of a season: by the index' frequency, else where the autocorrelation of the training part peaks; 1: none."""
    frequency = str(getattr(task.X.index, "freqstr", None) or _inferred(task.X.index) or "").split("-")[0]
    if frequency in SEASONS:
        return SEASONS[frequency]
    known = task.X[task.column].to_numpy(dtype=float)[: int(np.flatnonzero(task.train)[-1]) + 1]
    if task.X.index.nlevels > 1 or len(known) < 20:
        return 1
    known = known - np.polyval(np.polyfit(np.arange(len(known)), known, 1), np.arange(len(known)))
    power = np.abs(np.fft.rfft(known, 2 * len(known))) ** 2
    correlation = np.fft.irfft(power)[: min(len(known) // 3, 400)]
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > 0.2 * correlation[0])) + 1
    return int(peaks[correlation[peaks].argmax()]) if len(peaks) else 1


def _inferred(index: pd.Index) -> str | None:
    return pd.infer_freq(index) if isinstance(index, pd.DatetimeIndex) and len(index) > 2 else None


def seasonal_naive(task: Task, seed: int, quick: bool) -> np.ndarray:
    """The value of the same step of the latest season; the latest value where no season is known."""
    season, values = period(task), task.X[task.column].to_numpy(dtype=float)
    steps = np.arange(1, task.horizon + 1)
    at = np.arange(len(values))[:, None] + steps - np.ceil(steps / season).astype(int) * season
    return values[np.maximum(at, task.first_rows[:, None])]


def _scaled_lags(task: Task) -> np.ndarray:
    flat = task.lags.reshape(len(task.X), -1)
    mean, scale = flat[task.train].mean(axis=0), flat[task.train].std(axis=0)
    return (flat - mean) / np.where(scale > 1e-9 * np.abs(mean), scale, np.inf)  # lags before all series never vary


def _standardized(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training targets (n_train, horizon), their mean and scale."""
    y = task.y.to_numpy()[task.train]
    return (y - y.mean(axis=0)) / y.std(axis=0), y.mean(axis=0), y.std(axis=0)


def ridge(task: Task, seed: int, quick: bool) -> np.ndarray:
    """RidgeCV on standardised lags of all columns."""
    from sklearn.linear_model import RidgeCV

    Z, y = _scaled_lags(task), task.y.to_numpy()[task.train]
    return RidgeCV(np.logspace(-3, 4, 15)).fit(Z[task.train], y).predict(Z[task.test])


def boosting(task: Task, seed: int, quick: bool) -> np.ndarray | None:
    """HistGradientBoosting on lags: one step on all of them; several on the target's and the others' latest values."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.multioutput import MultiOutputRegressor

    if task.horizon > (1 if quick else HGB_STEPS):
        return None
    Z, column = task.lags, task.X.columns.get_loc(task.column)
    if task.horizon == 1:
        flat, y = Z.reshape(len(Z), -1), task.target.to_numpy()[task.train]
        model: Any = HistGradientBoostingRegressor(max_iter=10 if quick else 100, random_state=seed)
    else:
        others = [d for d in range(Z.shape[2]) if d != column]
        flat, y = np.hstack([Z[:, :, column], Z[:, 0, others]]), task.y.to_numpy()[task.train]
        model = MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=50, random_state=seed))
    return model.fit(flat[task.train], y).predict(flat[task.test])


def perceptron(task: Task, seed: int, quick: bool) -> np.ndarray:
    """MLPRegressor with its early stopping, one layer of 64, on standardised lags."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    Z, (y, mean, scale) = _scaled_lags(task), _standardized(task)
    model = MLPRegressor(hidden_layer_sizes=(64,), early_stopping=True, max_iter=3 if quick else 200, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(Z[task.train], y[:, 0] if task.horizon == 1 else y)
    return model.predict(Z[task.test]).reshape(-1, task.horizon) * scale + mean


def torch_gru(task: Task, seed: int, quick: bool) -> np.ndarray | None:
    """PyTorch's GRU of 32 units with a linear head on standardised levels, the best epoch on the last tenth."""
    if task.train.sum() * task.window > TORCH_STEPS:
        return None
    import torch
    from _common import Recipe
    from _torch import TorchTask, fit_torch, torch_outputs

    recipe = Recipe(units=32, epochs=1 if quick else 30, batch_size=64, rate=0.003, schedule="constant", validation=0.1)
    y, mean, scale = _standardized(task)
    Z = task.lags[:, ::-1]  # in the order of time
    centre, spread = task.X[task.train].mean().to_numpy(), task.X[task.train].std(ddof=0).to_numpy()
    Z = torch.tensor((Z - centre) / np.where(spread > 0, spread, 1.0), dtype=torch.float32)
    given = TorchTask(
        Z[torch.tensor(task.train)],
        torch.tensor(y, dtype=torch.float32),
        lambda outputs, targets: torch.nn.functional.mse_loss(outputs[:, -1], targets),
        task.horizon,
    )
    network = fit_torch("gru", recipe, given, seed)
    return torch_outputs(network, Z[torch.tensor(task.test)])[:, -1].numpy() * scale + mean


# Name, contender, whether it depends on the seed.
LADDER: dict[str, tuple[Contender, bool]] = {
    "last": (last_value, False),
    "seasonal": (seasonal_naive, False),
    "ridge": (ridge, False),
    "HGB": (boosting, False),
    "MLP": (perceptron, True),
    "PyTorch": (torch_gru, True),
}
