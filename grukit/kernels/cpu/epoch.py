"""An epoch in one compiled call: gather, forward, loss, backward, clip, update, for every batch."""

import math
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu._jit import kernel, outer
from grukit.kernels.cpu.chunks import count_slots, gradients_of_batch, sum_slots, total_weight
from grukit.kernels.cpu.optimizer import add_penalty, gradient_norm, update
from grukit.kernels.cpu.team import barrier, stop, stopped
from grukit.kernels.scalar import ADAMW


class Batches(NamedTuple):
    """The batches of an epoch and what is recorded of each; n samples, m batches."""

    order: np.ndarray  # (n,) int64, numbers of the samples in the order they are taken
    size: int  # samples in a batch
    rates: np.ndarray  # (m,) learning rate of each batch
    records: np.ndarray  # (m, 3) float64: sum of the losses, sum of their weights, norm of the gradient
    done: np.ndarray  # (1,) int64, batches finished so far
    update: bool  # whether to train, or only to sum up losses and gradients, which then stay in ``slots[0]``
    seed: int = 0  # of dropout; the session puts it into the network


@kernel
def train_batches(
    thread: int,
    team: int,
    control: Any,
    stop_at: int,
    network: Any,
    samples: Any,
    batches: Any,
    loss: Any,
    optimizer: Any,
    storage: Any,
) -> None:
    """Take the batches from ``batches.done`` up to ``stop_at``; returns early before a step that is not finite."""
    for number in range(batches.done[0], stop_at):
        batch = batches.order[number * batches.size : (number + 1) * batches.size]
        gradients_of_batch(thread, team, network, optimizer.parameters, samples, batch, loss, storage)
        barrier(control, team)
        if thread == 0 and not stopped(control):
            finite = _finish_batch(number, network, samples, batches, batch, loss, optimizer, storage)
            if not finite:
                stop(control)
        barrier(control, team)
        if stopped(control):
            return


@outer
def _finish_batch(
    number: int, network: Any, samples: Any, batches: Any, batch: Any, loss: Any, optimizer: Any, storage: Any
) -> bool:
    """Sum, penalise, record and update; False, and no update, where the loss or the gradient is not finite."""
    total = sum_slots(storage, count_slots(batch.size, loss.rows))
    weight = total_weight(network, samples, batch)
    batches.records[number, 0] = total
    batches.records[number, 1] = weight
    if not batches.update:
        batches.done[0] = number + 1
        return True
    gradient = storage.slots[0]
    if optimizer.solver != ADAMW:
        add_penalty(optimizer.parameters, optimizer.penalized, optimizer.alpha / weight, gradient)
    norm = gradient_norm(gradient)
    batches.records[number, 2] = norm
    if not (math.isfinite(total) and math.isfinite(norm)):
        return False
    update(optimizer, batches.rates[number], norm, gradient)
    batches.done[0] = number + 1
    return True
