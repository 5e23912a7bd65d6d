"""What forecasts of all columns of a table must beat: models of the window less its latest value, one for all columns."""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

EVERY = 8  # of the training windows, so many are left out between two that the slow ones train on


class Windows:
    """Windows (n C, L) of the columns of z (T, C) and values ahead (n C, H), in the order of time.

    Parameters
    ----------
    z : ndarray of shape (T, C)
    origins : ndarray of shape (n,)
        Last rows of the windows.
    n_lags, horizon : int
    """

    def __init__(self, z: np.ndarray, origins: np.ndarray, n_lags: int, horizon: int):
        lags = np.stack([sliding_window_view(own, n_lags)[origins - n_lags + 1] for own in z.T], axis=1)
        ahead = np.stack([sliding_window_view(own, horizon)[origins + 1] for own in z.T], axis=1)
        self.lags, self.ahead = lags.reshape(-1, n_lags), ahead.reshape(-1, horizon)
        self.last = self.lags[:, -1:]

    def take(self, every: int) -> tuple[np.ndarray, np.ndarray]:
        """Lags and values ahead of one of so many windows."""
        return (self.lags - self.last)[::every], (self.ahead - self.last)[::every]


def ridge(training: Windows, watched: Windows, asked: np.ndarray) -> np.ndarray:
    """Ridge regression; the penalty that does best on the watched windows."""
    from sklearn.linear_model import Ridge

    Z, y = training.take(1)
    models = [Ridge(alpha).fit(Z, y) for alpha in np.logspace(0, 5, 6)]
    unseen, truth = watched.take(1)
    return min(models, key=lambda model: np.mean((model.predict(unseen) - truth) ** 2)).predict(asked)


def boosting(training: Windows, watched: Windows, asked: np.ndarray) -> np.ndarray:
    """HistGradientBoosting, a model a step."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    Z, y = training.take(EVERY)
    steps = [HistGradientBoostingRegressor(max_iter=50, random_state=0).fit(Z, own).predict(asked) for own in y.T]
    return np.stack(steps, axis=1)


def perceptron(training: Windows, watched: Windows, asked: np.ndarray) -> np.ndarray:
    """MLPRegressor with its early stopping, one layer of 64."""
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor((64,), early_stopping=True, random_state=0).fit(*training.take(EVERY)).predict(asked)


def torch_gru(training: Windows, watched: Windows, asked: np.ndarray) -> np.ndarray:
    """PyTorch's GRU of 32 units with a linear head."""
    import torch
    from _common import Recipe
    from _torch import TorchTask, fit_torch, torch_outputs

    recipe = Recipe(units=32, epochs=10, batch_size=64, rate=0.001, schedule="constant", validation=0.1)
    Z, y = (torch.tensor(each, dtype=torch.float32) for each in training.take(EVERY))
    task = TorchTask(
        Z[..., None], y, lambda outputs, truth: torch.nn.functional.mse_loss(outputs[:, -1], truth), y.shape[1]
    )
    network = fit_torch("gru", recipe, task, 0)
    return torch_outputs(network, torch.tensor(asked, dtype=torch.float32)[..., None])[:, -1].numpy()


LADDER: dict[str, Callable[[Windows, Windows, np.ndarray], np.ndarray]] = {
    "ridge": ridge,
    f"MLP, one of {EVERY} windows": perceptron,
    f"PyTorch's GRU, one of {EVERY} windows": torch_gru,
    f"HistGradientBoosting, one of {EVERY} windows": boosting,
}
