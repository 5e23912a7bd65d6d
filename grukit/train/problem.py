"""What is being fitted: a network, its samples, a loss; and the engine's session that works on it."""

from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from grukit.model import NetworkSpec

REGRESSION_LOSSES = {"squared_error": 0, "absolute_error": 1, "huber": 2, "quantile": 3, "poisson": 4}
LOSSES = {**REGRESSION_LOSSES, "log_loss": 5, "cross_entropy": 6}


class Problem:
    """Samples, a network and a loss; a context manager that owns an engine's session: its memory, its threads.

    Parameters
    ----------
    kernels : module
        An engine's kernels.
    spec : NetworkSpec
        The network.
    samples : Samples
        Training sequences.
    loss : str
        A key of ``LOSSES``.
    loss_parameter : float
        Huber's delta or the quantile; ignored by the other losses.
    validation : Samples or None
        Sequences that are only evaluated.
    n_threads : int
        Threads at most; no more are started than a batch has chunks.
    batch_size : int
        Samples in a batch.
    precision : {"full", "tf32"}
        Of large products on a GPU.
    """

    def __init__(
        self,
        kernels: ModuleType,
        spec: NetworkSpec,
        samples: Any,
        loss: str,
        loss_parameter: float,
        validation: Any = None,
        n_threads: int = 1,
        batch_size: int = 1,
        precision: str = "full",
    ):
        self.kernels, self.spec, self.samples, self.validation = kernels, spec, samples, validation
        network = spec.for_kernels(kernels, seed=0)
        self.session = kernels.Session(
            network, samples, validation, LOSSES[loss], loss_parameter, n_threads, batch_size, precision
        )

    def __enter__(self) -> "Problem":
        self.session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.session.__exit__(kind, error, traceback)

    @property
    def total_weight(self) -> float:
        """Sum of the weights of all training outputs."""
        weights, first, last = self.samples.weights, self.samples.starts, self.samples.starts + self.samples.lengths
        if self.spec.per_step:
            step_weights = self.samples.step_weights
            before = np.append(0.0, np.cumsum(step_weights)) if step_weights.size else np.arange(last.max() + 1)
            weights = weights * (before[last] - before[first])
        return float(np.sum(weights, dtype=np.float64))

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted mean loss of all training samples and its gradient (n_parameters,), a view that the next call reuses."""
        return self.session.loss_and_gradient(parameters)

    def validation_loss(self, parameters: np.ndarray) -> float:
        """Weighted mean loss of the validation samples."""
        return self.session.evaluate(parameters, self.validation)

    def probe_loss(self, parameters: np.ndarray, n_samples: int) -> float:
        """Weighted mean loss of the first ``n_samples`` training samples."""
        samples = self.samples
        few = samples._replace(
            starts=samples.starts[:n_samples], lengths=samples.lengths[:n_samples], weights=samples.weights[:n_samples]
        )
        return self.session.evaluate(parameters, few)


def predict(
    kernels: ModuleType,
    spec: NetworkSpec,
    parameters: np.ndarray,
    samples: Any,
    n_threads: int = 1,
    precision: str = "full",
) -> np.ndarray:
    """Outputs of all samples, shape (n, K), or (N, K) with one for every row of ``samples.values``."""
    # A model that joblib shares between processes is read-only, which Numba would compile for anew.
    parameters = np.require(parameters, requirements=["C", "W"])
    return kernels.predict(spec.for_kernels(kernels), parameters, samples, n_threads, precision)
