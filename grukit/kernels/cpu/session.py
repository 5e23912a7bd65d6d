"""What training asks of the CPU: memory and threads for one set of samples, and the passes over them."""

from typing import Any

import numpy as np

from grukit.kernels.cpu.storage.layout import B_IH, UNITS, Dropout, decoder_of, drops, n_multiplied
from grukit.kernels.cpu.storage.memory import aligned_empty, workspaces
from grukit.kernels.cpu.storage.sizes import last_head, n_steps
from grukit.kernels.cpu.team import Team
from grukit.kernels.cpu.training.chunks import N_SLOTS, Loss, Storage, chunk_work_size, rows_together
from grukit.kernels.cpu.training.epoch import Batches, train_batches
from grukit.kernels.cpu.training.optimizer import PIECES, Optimizer, idle_optimizer


def chunk_rows(network: Any) -> int:
    """Sequences in a chunk, unless fewer let a small batch have several, see :func:`rows_together`.

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
    return 16 if 32 < int(network.layers[:-1, UNITS].max()) <= 128 else 32


def with_dropout(network: Any, dropout: Dropout) -> Any:
    """The network with another dropout, where it has one."""
    if drops(network.options) is None:
        return network
    return network._replace(options=network.options._replace(dropout=dropout))


def sort_batches(lengths: np.ndarray, batches: Batches, stop_at: int) -> None:
    """Sort the samples of each batch from ``batches.done`` up to ``stop_at`` by length, alike ones as they come."""
    order = batches.order[batches.done[0] * batches.size : stop_at * batches.size]
    number, own = np.arange(len(order)) // batches.size, lengths[order]
    order[:] = order[np.argsort(number * (own.max(initial=0) + 1) - own, kind="stable")]


def new_storage(
    network: Any, n_parameters: int, longest: int, alike: bool, rows: int, n_threads: int, dtype: Any
) -> Storage:
    """Memory for chunks of ``rows`` sequences of up to ``longest`` steps; ``alike``: all have as many."""
    return Storage(
        slots=aligned_empty((N_SLOTS, n_parameters), dtype),
        losses=np.empty(N_SLOTS),
        squares=np.empty(PIECES),
        work=workspaces(n_threads, chunk_work_size(network, longest, rows, alike), dtype),
    )


class Session:
    """Memory and threads for training on samples; a context manager.

    Parameters
    ----------
    network : GRU, GRUResetBefore or DualState
        The network, with its dropout.
    samples : Samples
        Training sequences.
    validation : Samples or None
        Sequences that are only evaluated.
    loss : int
        A loss number of :mod:`grukit.kernels.scalar`.
    loss_parameter : float or tuple of float
        Huber's delta or the quantile; of several, each target has as many outputs, one after another.
    n_threads : int
        Threads at most; no more are started than a batch has chunks.
    batch_size : int
        Samples in a batch.
    precision : {"full", "tf32"}
        Of large products on a GPU; here it changes nothing.
    """

    def __init__(
        self,
        network: Any,
        samples: Any,
        validation: Any,
        loss: int,
        loss_parameter: float | tuple[float, ...],
        n_threads: int,
        batch_size: int,
        precision: str,
    ):
        self.training, self.samples = network, samples
        self.network = with_dropout(network, Dropout(0.0, 0.0, 0))
        rows = chunk_rows(network)
        self.loss = Loss(loss, np.array(loss_parameter, dtype=np.float64, ndmin=1), rows)
        lengths = [s.lengths for s in (samples, validation) if s is not None]
        most, fewest = max(int(each.max()) for each in lengths), min(int(each.min()) for each in lengths)
        self._alike, longest = most == fewest, n_steps(network.options, most)
        dtype, head = samples.weights.dtype, last_head(decoder_of(network.options), network.layers)
        n_parameters = int(head[B_IH] + head[UNITS])  # the head's bias is the last
        n_threads = max(1, min(n_threads, self._most_chunks(batch_size, longest, n_parameters)))
        self.team = Team(n_threads)
        self.storage = new_storage(network, n_parameters, longest, self._alike, rows, n_threads, dtype)

    def _most_chunks(self, batch_size: int, longest: int, n_parameters: int) -> int:
        """Chunks of a batch; of sequences of unequal length, as many as may be."""
        n = min(batch_size, max(len(self.samples.starts), 1))
        rows = rows_together(self.loss.rows, n, 3.0 * n_multiplied(self.training.layers, n_parameters) * n * longest)
        chunks = -(-n // rows)
        return min(chunks if self._alike else 2 * chunks, n, N_SLOTS)

    def __enter__(self) -> "Session":
        self.team.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.team.__exit__(*error)

    def begin(self, optimizer: Optimizer) -> None:
        """Take up an optimiser, whose arrays the next calls change."""
        self._optimizer = optimizer

    def train(self, batches: Batches, stop_at: int) -> None:
        """Take the batches from ``batches.done`` up to ``stop_at``; returns early before a step that is not finite.

        Afterwards ``parameters`` and ``previous`` of the optimiser, ``batches.records`` and ``batches.done`` are current.
        Within each batch ``batches.order`` is sorted by length.
        """
        if not self._alike:
            sort_batches(self.samples.lengths, batches, stop_at)
        network, dropout = self.training, drops(self.training.options)
        if dropout is not None:
            network = with_dropout(network, dropout._replace(seed=batches.seed))
        self._run(network, stop_at, self.samples, batches, self._optimizer, self.storage)

    def undo(self) -> None:
        """Take back the last step of the parameters."""
        self._optimizer.parameters[:] = self._optimizer.previous

    def end(self) -> None:
        """Leave the optimiser; from now on its moments are current too."""

    def evaluate(self, parameters: np.ndarray, samples: Any) -> float:
        """Weighted mean loss of samples."""
        return self._loss(parameters, samples, self.storage._replace(slots=self.storage.slots[:0]))

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted mean loss of the training samples and its gradient (P,), a view that the next call reuses."""
        return self._loss(parameters, self.samples, self.storage), self.storage.slots[0]

    def _loss(self, parameters: np.ndarray, samples: Any, storage: Storage) -> float:
        """Weighted mean loss: an epoch of one batch without an update, so that no second loop has to be compiled."""
        n = len(samples.starts)
        batches = Batches(
            order=np.arange(n),
            size=n,
            rates=np.zeros(1),
            records=np.zeros((1, 3)),
            done=np.zeros(1, dtype=np.int64),
            update=False,
        )
        if not self._alike:
            sort_batches(samples.lengths, batches, 1)
        self._run(self.network, 1, samples, batches, idle_optimizer(parameters), storage)
        return float(batches.records[0, 0] / batches.records[0, 1])

    def _run(
        self, network: Any, stop_at: int, samples: Any, batches: Batches, optimizer: Optimizer, storage: Storage
    ) -> None:
        self.team.run(train_batches, stop_at, network, samples, batches, self.loss, optimizer, storage)
