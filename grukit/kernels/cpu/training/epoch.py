"""An epoch in one compiled call: gather, forward, loss, backward, clip, update, for every batch.

Between barriers every thread works on its own chunks, then on its own share of the parameters. Where one thread summed up and
updated all of them, a step of 64 rows, 24 steps and 32 units on two threads took 1.90 times less than on one, and 1.74 times
where the two cores were far from each other.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.jit import kernel, outer
from grukit.kernels.cpu.team import barrier, stopped
from grukit.kernels.cpu.training.chunks import count_slots, gradients_of_batch, sum_slots
from grukit.kernels.cpu.training.losses import total_weight
from grukit.kernels.cpu.training.optimizer import PIECES, add_penalty, share, sum_squares, update
from grukit.kernels.scalar import ADAMW


class Batches(NamedTuple):
    """The batches of an epoch and what is recorded of each; n samples, m batches."""

    # (n,) int64, numbers of the samples in the order they are taken; the session sorts within a batch
    order: np.ndarray
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
        weight = total_weight(network, samples, batch)
        n_slots = count_slots(network, samples, batch, loss.rows, optimizer.parameters.size)
        work, scale = storage.work[thread], 1.0 / weight
        gradients_of_batch(thread, team, work, network, optimizer.parameters, samples, batch, scale, loss, storage)
        barrier(control, team)
        if stopped(control):
            return
        if not finish_batch(thread, team, control, number, weight, n_slots, n_slots, batches, optimizer, storage):
            return  # every thread does


@outer
def finish_batch(
    thread: int,
    team: int,
    control: Any,
    number: int,
    weight: float,
    n_slots: int,
    n_sums: int,
    batches: Any,
    optimizer: Any,
    storage: Any,
) -> bool:
    """One thread's part of what follows the slots of a batch; false before a step that is not finite.

    There are losses of ``n_slots``, and their partial gradients in as many, or added up already in fewer, ``n_sums``.
    """
    first, last = share(thread, team, optimizer.parameters.size)
    sum_slots(storage.slots, n_sums, first, last)
    if batches.update:
        if optimizer.solver != ADAMW:
            add_penalty(optimizer, optimizer.alpha / weight, first, last, storage.slots[0])
        sum_squares(thread, team, storage.slots[0], storage.squares)
    barrier(control, team)
    total = _sum(storage.losses, n_slots)
    norm = math.sqrt(_sum(storage.squares, PIECES)) if batches.update else 0.0
    if thread == 0:
        batches.records[number, 0] = total
        batches.records[number, 1] = weight
        batches.records[number, 2] = norm
    if batches.update:
        if not (math.isfinite(total) and math.isfinite(norm)):
            return False
        update(optimizer, first, last, batches.rates[number], norm, storage.slots[0])
    barrier(control, team)
    if thread == 0:
        batches.done[0] = number + 1
        optimizer.step[0] += 1 if batches.update else 0
    return True


@outer
def _sum(numbers: Any, n: int) -> float:
    """Sum of the first n, in their order: every thread gets the same bits."""
    total = 0.0
    for i in range(n):
        total += numbers[i]
    return total
