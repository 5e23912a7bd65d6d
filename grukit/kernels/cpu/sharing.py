"""What one of several processes that train a network together asks of its CPU: gradients of its own chunks of a batch."""

from typing import Any

import numpy as np

from grukit.kernels.cpu.session import new_storage, with_dropout
from grukit.kernels.cpu.storage.layout import Dropout, drops
from grukit.kernels.cpu.storage.sizes import n_steps
from grukit.kernels.cpu.team import Team
from grukit.kernels.cpu.training.chunks import N_SLOTS, Loss
from grukit.kernels.cpu.training.shares import share_of_batch


class Share:
    """Memory and threads for some of the slots of batches; a context manager.

    Parameters
    ----------
    network : GRU, GRUResetBefore or DualState
        The network, with its dropout.
    loss : Loss
        That of the whole.
    dtype : str
        Of parameters and samples.
    n_parameters : int
        P.
    longest : int
        Rows of the longest sequence of all, and
    alike : bool
        whether all have as many.
    n_threads : int
        Threads to take.
    """

    def __init__(
        self,
        network: Any,
        loss: Loss,
        dtype: str,
        n_parameters: int,
        longest: int,
        alike: bool,
        n_threads: int,
    ):
        self.network, self.loss = network, loss
        self.team = Team(n_threads)
        steps = n_steps(network.options, longest)
        self.storage = new_storage(network, n_parameters, steps, alike, loss.rows, n_threads, dtype)

    def __enter__(self) -> "Share":
        self.team.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.team.__exit__(*error)

    def compute(
        self,
        parameters: np.ndarray,
        samples: Any,
        batch: np.ndarray,
        scale: float,
        seed: int | None,
        slots: range,
        wanted: bool,
    ) -> np.ndarray:
        """Losses of some slots, a view that the next call reuses; their partial gradients are then in ``storage.slots``.

        Of the samples in other slots only the lengths are looked at.

        Parameters
        ----------
        parameters : ndarray of shape (P,)
        samples : Samples
        batch : ndarray of int64
            Numbers of its samples, sorted by length, the longest first.
        scale : float
            One over the batch's total weight.
        seed : int or None
            Of dropout; None: none.
        slots : range
            Which.
        wanted : bool
            Whether gradients are, or losses alone.
        """
        storage = self.storage if wanted else self.storage._replace(slots=self.storage.slots[:0])
        network, dropout = self.network, drops(self.network.options)
        if dropout is not None:
            other = Dropout(0.0, 0.0, 0) if seed is None else dropout._replace(seed=seed)
            network = with_dropout(network, other)

        def part(thread: int, team: int, control: Any) -> None:
            for slot in slots[thread::team]:
                work = self.storage.work[thread]
                share_of_batch(slot, N_SLOTS, work, network, parameters, samples, batch, scale, self.loss, storage)

        self.team.run(part)
        return storage.losses[slots.start : slots.stop]
