"""A batch whose chunks others compute: which slot each sample is in, and the step once all slots are there.

The slots are those of one process, and their sum is its sum: so a fit has its bits, whoever computes which slot.
"""

from typing import Any

from grukit.kernels.cpu.compiler.jit import kernel
from grukit.kernels.cpu.storage.layout import n_multiplied
from grukit.kernels.cpu.training.chunks import N_SLOTS, end_of_chunk, gradients_of_batch, rows_together, steps_of
from grukit.kernels.cpu.training.epoch import finish_batch
from grukit.kernels.cpu.training.losses import total_weight

share_of_batch = kernel(gradients_of_batch.py_func)


@kernel
def plan_batches(
    network: Any,
    samples: Any,
    order: Any,
    size: int,
    rows: int,
    n_parameters: int,
    slots: Any,
    weights: Any,
) -> None:
    """Cut batches of ``size`` samples into chunks, as :func:`gradients_of_batch` does.

    order    (n,)  in   numbers of the samples, sorted by length within each batch
    slots    (n,)  out  the slot of each
    weights  (m,)  out  float64, total weight of each batch
    """
    for number in range(weights.size):
        batch = order[number * size : (number + 1) * size]
        weights[number] = total_weight(network, samples, batch)
        steps, first, chunk = steps_of(samples, batch), 0, 0
        together = rows_together(rows, batch.size, 3.0 * n_multiplied(network.layers, n_parameters) * steps)
        while first < batch.size:
            last = end_of_chunk(samples, batch, first, together, steps)
            for i in range(first, last):
                slots[number * size + i] = chunk % N_SLOTS
            first, chunk = last, chunk + 1


@kernel
def take_step(
    control: Any, number: int, weight: float, n_slots: int, batches: Any, optimizer: Any, storage: Any
) -> bool:
    """What follows the slots of a batch, whose partial gradients are added up in the first already; see ``finish_batch``."""
    return finish_batch(0, 1, control, number, weight, n_slots, 1, batches, optimizer, storage)
