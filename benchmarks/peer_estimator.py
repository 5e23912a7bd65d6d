"""``GRURegressor`` in ``peers.py``: its calls on what kernels and peers are given, and an epoch and predictions of its own."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from _report import NETWORK_ALONE
from peer_cases import CLIP_NORM, LEARNING_RATE, Work

from grukit import GRURegressor

BATCH = 64


def estimator_inference(work: Work) -> dict[str, Callable[[], np.ndarray]]:
    """The same outputs through ``GRURegressor``: its predictor, and ``predict`` of an array and of a frame with history.

    The predictor is given what it computes in, an array of float64, as every peer is given its own kind of array.
    """
    case = work.case
    settings = dict(
        hidden_layer_sizes=case.hidden,
        window=case.steps,
        max_iter=1,
        standardize=False,
        n_jobs=work.threads,
        **NETWORK_ALONE,
    )
    X, y = work.windows[: case.batch].copy(), np.resize(work.targets, (case.batch + case.steps, case.outputs))
    n = case.steps - 1
    index = pd.date_range("2000", periods=n + case.batch, freq="h")
    frame = pd.DataFrame(work.values[: n + case.batch], index=index).add_prefix("x")
    y = y[:, 0] if case.outputs == 1 else y
    fitted = work.windows[: case.batch + 1].copy()  # one target alone would be predicted to be what it is
    of_array = GRURegressor(**settings).fit(fitted, y[: len(fitted)])
    of_frame = GRURegressor(**settings).fit(frame[: n + 1], y[: n + 1])
    of_array.weights_ = of_frame.weights_ = work.weights
    history, rows, predictor = frame[:n], frame[n:], of_array.predictor()
    given = np.array(X[0] if case.batch == 1 else X, np.float64)  # a window alone is not padded to a batch
    return {
        "predictor()": lambda: predictor(given),
        "predict(array)": lambda: of_array.predict(X),
        "predict(frame)": lambda: of_frame.predict(rows, context=history),
    }


class Estimator:
    """A regressor of all windows as sequences that stand alone, float32, with every setting that adds work switched off."""

    def __init__(self, work: Work):
        case = work.case
        self.work, self.X = work, work.windows.copy()
        self.y = work.targets[:, 0] if case.outputs == 1 else work.targets
        self.model = GRURegressor(
            case.hidden, batch_size=BATCH, max_iter=1, learning_rate_init=LEARNING_RATE, clip_norm=CLIP_NORM,
            random_state=0, n_jobs=work.threads, **NETWORK_ALONE,
        )  # fmt: skip
        self.fit()
        self.model.weights_ = work.weights

    def fit(self) -> None:
        """One epoch."""
        self.model.fit(self.X, self.y)

    def predict(self) -> np.ndarray:
        """Of all sequences."""
        return self.model.predict(self.X)

    def epoch(self) -> np.ndarray:
        """Numbers of the sequences, batch by batch, (n / BATCH, BATCH): an epoch for the peers."""
        return np.random.default_rng(1).permutation(len(self.X)).reshape(-1, BATCH)

    def measure(self) -> None:
        """What the peers need for an epoch besides: the columns' means and deviations, with NumPy as one writes it."""
        flat = self.X.reshape(-1, self.X.shape[2])
        self.mean, self.scale = flat.mean(axis=0), flat.std(axis=0)

    def scale_with_numpy(self) -> np.ndarray:
        """What they need for an epoch and for predictions: a standardised copy."""
        return (self.X - self.mean) / self.scale

    def standardized(self) -> np.ndarray:
        """The inputs as the network has them, (T, n, D)."""
        flat = self.X.reshape(-1, self.X.shape[2]).astype(np.float64)
        x = ((flat - flat.mean(axis=0)) / flat.std(axis=0)).astype(np.float32).reshape(self.X.shape)
        return x.transpose(1, 0, 2).copy(order="C")

    def outputs(self) -> np.ndarray:
        """The network's outputs, (n, K), from the predictions."""
        y = self.work.targets.astype(np.float64)
        return (self.predict().reshape(y.shape) - y.mean(axis=0)) / y.std(axis=0)
