"""What is being fitted: a network, its samples, a loss; and the engine's session that works on it."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from grukit.model import NetworkSpec

REGRESSION_LOSSES = {"squared_error": 0, "absolute_error": 1, "huber": 2, "quantile": 3, "poisson": 4}
LOSSES = {**REGRESSION_LOSSES, "log_loss": 5, "cross_entropy": 6}
GATHERED = 1024  # samples whose targets are gathered at a time, by calls that take 1 ms for few as well


class Problem:
    """Samples, a network and a loss; a context manager that owns an engine's session: its memory, its threads.

    Parameters
    ----------
    kernels : module
        An engine's kernels.
    spec : NetworkSpec
        The network.
    samples : Samples
        Training sequences. Their ``targets`` may be an object instead of an array, whose ``take(numbers)`` gathers those
        (b, K) of the samples with these numbers: then only as many exist as one call of the kernels needs.
    loss : str
        A key of ``LOSSES``.
    loss_parameter : float or tuple of float
        Huber's delta or the quantile; ignored by the other losses. Of M quantiles, the network has M outputs for each column
        of the targets, one after another.
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
        loss_parameter: float | tuple[float, ...],
        validation: Any = None,
        n_threads: int = 1,
        batch_size: int = 1,
        precision: str = "full",
    ):
        self.kernels, self.spec, self.samples, self.validation = kernels, spec, samples, validation
        self._gathered: tuple[Any, int, Any] = None, 0, None  # an order, where in it, and the targets from there on
        network = spec.for_kernels(kernels, seed=0)
        self.session = kernels.Session(
            network, samples, validation, LOSSES[loss], loss_parameter, n_threads, batch_size, precision
        )

    def __enter__(self) -> "Problem":
        self.session.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.session.__exit__(*error)

    @property
    def total_weight(self) -> float:
        """Sum of the weights of all training outputs."""
        weights, first, last = self.samples.weights, self.samples.starts, self.samples.starts + self.samples.lengths
        if self.spec.per_step:
            step_weights = self.samples.step_weights
            before = np.append(0.0, np.cumsum(step_weights)) if step_weights.size else np.arange(last.max() + 1)
            weights = weights * (before[last] - before[first])
        return float(np.sum(weights, dtype=np.float64))

    def train(self, batches: Any, stop_at: int) -> None:
        """Take the batches from ``batches.done`` up to ``stop_at``, see ``Session.train`` of the kernels."""
        if _has_targets(self.samples):
            self.session.train(batches, stop_at)
            return
        size, n = batches.size, max(1, GATHERED // batches.size)  # batches in a group
        while batches.done[0] < stop_at:
            first = int(batches.done[0])
            begin = first // n * n
            last = min(stop_at, begin + n)
            numbers = batches.order[begin * size : (begin + n) * size]
            group = self._targets_of(batches.order, begin * size, n * size)
            self.session.samples = _taken(self.samples, numbers, group)
            # Numbers are those in the group: dropout is drawn by them, and must not be by where a call ended.
            part = batches._replace(
                order=np.arange(len(numbers))[(first - begin) * size : (last - begin) * size],
                rates=batches.rates[first:last],
                records=batches.records[first:last],
                done=np.zeros(1, dtype=np.int64),
                seed=batches.seed + first // n,
            )
            self.session.train(part, last - first)
            batches.done[0] += part.done[0]
            if part.done[0] < last - first:
                return  # before a step that is not finite

    def _targets_of(self, order: np.ndarray, start: int, n: int) -> np.ndarray:
        """The targets of the samples ``order[start : start + n]``, kept for the next call.

        A group does not depend on where a call of the kernels ends, which the clock says: it has the same bits in every fit.
        """
        known, at, group = self._gathered
        if known is not order or at != start:
            group = self.samples.targets.take(order[start : start + n])
            self._gathered = order, start, group
        return group

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted mean loss of all training samples and its gradient (n_parameters,), a view that the next call reuses."""
        if _has_targets(self.samples):
            return self.session.loss_and_gradient(parameters)
        loss, gradient, total = 0.0, np.zeros(len(parameters)), self.total_weight
        for part in _parts(self.samples):
            self.session.samples, share = part, float(part.weights.sum(dtype=np.float64)) / total
            own, own_gradient = self.session.loss_and_gradient(parameters)
            loss += share * own
            gradient += share * own_gradient
        return loss, gradient.astype(parameters.dtype)

    def validation_loss(self, parameters: np.ndarray) -> float:
        """Weighted mean loss of the validation samples."""
        return self._evaluate(parameters, self.validation)

    def _evaluate(self, parameters: np.ndarray, samples: Any) -> float:
        if _has_targets(samples):
            return self.session.evaluate(parameters, samples)
        losses, weights = [], []
        for part in _parts(samples):
            losses.append(self.session.evaluate(parameters, part))
            weights.append(part.weights.sum(dtype=np.float64))
        return float(np.average(losses, weights=weights))

    def probe_loss(self, parameters: np.ndarray, n_samples: int) -> float:
        """Weighted mean loss of the first ``n_samples`` training samples."""
        samples = self.samples
        few = samples._replace(
            starts=samples.starts[:n_samples], lengths=samples.lengths[:n_samples], weights=samples.weights[:n_samples]
        )
        return self._evaluate(parameters, few)


def _has_targets(samples: Any) -> bool:
    """Whether the targets are an array, not to be gathered."""
    return isinstance(samples.targets, np.ndarray)


def _taken(samples: Any, numbers: np.ndarray, targets: np.ndarray) -> Any:
    """The samples with these numbers, whose targets were gathered."""
    starts, lengths, weights = samples.starts[numbers], samples.lengths[numbers], samples.weights[numbers]
    return samples._replace(targets=targets, starts=starts, lengths=lengths, weights=weights)


def _parts(samples: Any) -> Iterator[Any]:
    """The samples with their targets, ``GATHERED`` at a time."""
    for first in range(0, len(samples.starts), GATHERED):
        numbers = np.arange(first, min(first + GATHERED, len(samples.starts)))
        yield _taken(samples, numbers, samples.targets.take(numbers))


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
