"""What is being fitted: a network, its samples, a loss; and the memory and threads that work on it."""

from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from grukit.model import NetworkSpec

REGRESSION_LOSSES = {"squared_error": 0, "absolute_error": 1, "huber": 2, "quantile": 3, "poisson": 4}
LOSSES = {**REGRESSION_LOSSES, "log_loss": 5, "cross_entropy": 6}

PREDICTED_ROWS = 16  # sequences predicted together; a lone one takes as long as 16


def chunk_rows(spec: NetworkSpec) -> int:
    """Sequences in a chunk.

    Few rows make small products, many make caches larger than the processor's, and a batch in one chunk cannot be shared
    by threads. Measured on one Zen 4 core, float32, microseconds a pass forward and backward over a batch:

    =====================================  =======  =======  =======
    batch, steps, inputs, units            16 rows  32 rows  64 rows
    =====================================  =======  =======  =======
    32, 10, 1, 10                               55       42
    32, 24, 1, 32                              244      220
    64, 96, 8, 64                            5,660    5,470    5,520
    64, 168, 8, 128                         34,700   37,600   40,100
    128, 96, 16, 256                       178,000  179,000  179,000
    128, 100, 32, 512                      702,000  714,000  859,000
    =====================================  =======  =======  =======
    """
    return 16 if 32 < max(spec.hidden_layer_sizes) <= 128 else 32


class Problem:
    """Samples, a network and a loss, with the memory a pass over them needs; a context manager that owns the threads.

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
    ):
        self.kernels, self.spec, self.samples, self.validation = kernels, spec, samples, validation
        self.rows = chunk_rows(spec)
        self.loss = kernels.Loss(LOSSES[loss], loss_parameter, self.rows)
        self.network = spec.for_kernels(kernels)
        thinned = spec.for_kernels(kernels, seed=0)  # its workspace is the larger one
        n_threads = max(1, min(n_threads, -(-batch_size // self.rows), kernels.N_SLOTS))
        self.team = kernels.Team(n_threads)
        longest = max(int(s.lengths.max()) for s in (samples, validation) if s is not None)
        dtype = samples.values.dtype
        self.storage = kernels.Storage(
            slots=kernels.aligned_empty((kernels.N_SLOTS, spec.n_parameters), dtype),
            losses=np.empty(kernels.N_SLOTS),
            work=kernels.aligned_empty((n_threads, kernels.chunk_work_size(thinned, longest, self.rows)), dtype),
        )

    def __enter__(self) -> "Problem":
        self.team.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.team.__exit__(kind, error, traceback)

    def training_network(self, random_state: np.random.RandomState) -> Any:
        """The network of an epoch, with a seed for its dropout where it has any."""
        if not self.spec.thinned:
            return self.network
        return self.spec.for_kernels(self.kernels, seed=int(random_state.randint(2**31)))

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
        return self._loss(parameters, self.samples, self.storage), self.storage.slots[0]

    def validation_loss(self, parameters: np.ndarray) -> float:
        """Weighted mean loss of the validation samples."""
        return self._loss(parameters, self.validation, self._no_gradient)

    def probe_loss(self, parameters: np.ndarray, n_samples: int) -> float:
        """Weighted mean loss of the first ``n_samples`` training samples."""
        samples = self.samples
        few = samples._replace(
            starts=samples.starts[:n_samples], lengths=samples.lengths[:n_samples], weights=samples.weights[:n_samples]
        )
        return self._loss(parameters, few, self._no_gradient)

    @property
    def _no_gradient(self) -> Any:
        return self.storage._replace(slots=self.storage.slots[:0])

    def _loss(self, parameters: np.ndarray, samples: Any, storage: Any) -> float:
        """Weighted mean loss: an epoch of one batch without an update, so that no second loop has to be compiled."""
        n = len(samples.starts)
        batches = self.kernels.Batches(
            order=np.arange(n),
            size=n,
            rates=np.zeros(1),
            records=np.zeros((1, 3)),
            done=np.zeros(1, dtype=np.int64),
            update=False,
        )
        optimizer = self.kernels.idle_optimizer(parameters)
        self.team.run(self.kernels.train_batches, 1, self.network, samples, batches, self.loss, optimizer, storage)
        return float(batches.records[0, 0] / batches.records[0, 1])


def predict(
    kernels: ModuleType, spec: NetworkSpec, parameters: np.ndarray, samples: Any, n_threads: int = 1
) -> np.ndarray:
    """Outputs of all samples, shape (n, K), or (N, K) with one for every row of ``samples.values``."""
    rows, network = PREDICTED_ROWS, spec.for_kernels(kernels)
    # A model that joblib shares between processes is read-only, which Numba would compile for anew.
    parameters = np.require(parameters, requirements=["C", "W"])
    n_outputs = len(samples.values) if spec.per_step else len(samples.starts)
    outputs = np.empty((n_outputs, spec.n_outputs), parameters.dtype)
    n_threads = max(1, min(n_threads, len(samples.starts) // rows))
    packed = kernels.aligned_empty(parameters.shape, parameters.dtype)
    kernels.pack_network(network, parameters, rows, packed)
    longest = int(samples.lengths.max(initial=1))
    size = kernels.predict_work_size(network, longest, rows)
    work = kernels.aligned_empty((n_threads, size), parameters.dtype)
    with kernels.Team(n_threads) as team:
        team.run(kernels.predict_chunks, network, packed, samples, rows, outputs, work)
    return outputs
