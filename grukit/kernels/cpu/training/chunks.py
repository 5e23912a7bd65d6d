"""Chunks of sequences: gathered, taken through the network forward and backward while they are warm, and summed.

A batch is cut into chunks of a size that the number of threads has no say in. Each chunk belongs to a slot; a slot takes
its chunks in order, and the slots are summed in order. So a fit is bitwise the same for any number of threads, and no
thread waits inside the time loop.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.cells.decay import last_seen
from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, inner, outer
from grukit.kernels.cpu.network.forward_backward import initial_states, network_backward, network_forward
from grukit.kernels.cpu.storage.layout import UNITS, decays, n_columns
from grukit.kernels.cpu.storage.workspace import work_size
from grukit.kernels.scalar import CROSS_ENTROPY, ONE, ZERO, loss_derivative, loss_value

N_SLOTS = 16  # partial gradients kept separate; more threads than this find nothing to do


class Samples(NamedTuple):
    """Sequences inside one table of rows; nothing is copied, windows overlap freely.

    Sample i is ``values[starts[i] : starts[i] + lengths[i]]``. Its target is ``targets[i]``, or, with an output at every
    step, the same rows of ``targets`` as of ``values``. The target of the cross entropy is the number of a class, in one
    column. With an output at every step, a step's weight is the sample's times its own, where steps have weights.
    """

    values: np.ndarray  # (N, D)
    targets: np.ndarray  # (n, K) or (N, K); (n, 1) or (N, 1) for the cross entropy
    starts: np.ndarray  # (n,) int64
    lengths: np.ndarray  # (n,) int64, at least 1
    weights: np.ndarray  # (n,)
    step_weights: np.ndarray = np.empty(0)  # (N,) float64, or (0,) where all steps count alike


class Loss(NamedTuple):
    """Which loss, its parameter (Huber's delta, the quantile), and how many sequences a chunk holds."""

    kind: int
    parameter: float
    rows: int


class Storage(NamedTuple):
    """Memory of a training run, allocated once."""

    slots: np.ndarray  # (N_SLOTS, P) partial gradients, or (0, P) where none are wanted
    losses: np.ndarray  # (N_SLOTS,) float64, partial weighted sums of the losses
    squares: np.ndarray  # (PIECES,) float64, partial sums of the gradient's squares
    work: np.ndarray  # (n_threads, chunk_work_size)


@anywhere
def chunk_work_size(network: Any, T: int, rows: int) -> int:
    """Numbers in the workspace of one thread: inputs, outputs, caches."""
    layers = network.layers
    n_outputs = rows * T if network.per_step else rows
    inputs_and_outputs = T * rows * n_columns(network.options, layers) + n_outputs * layers[-1, UNITS]
    return whole_numbers_size(rows) + inputs_and_outputs + work_size(network, T, rows)


@outer
def gather(decay: Any, samples: Any, chunk: Any, x: Any, lengths: Any) -> None:
    """Copy sequences out of the table, time first; what lies beyond a row's end is zero and never used.

    chunk    (n,)       in   numbers of the samples, n <= B; the rows after them get no steps
    x        (T, B, D)  out
    lengths  (B,)       out
    """
    B = x.shape[1]
    for b in range(B):
        start, n = (samples.starts[chunk[b]], samples.lengths[chunk[b]]) if b < chunk.size else (0, 0)
        lengths[b] = n
        _gather_one(decay, samples.values, start, n, b, x)


@outer
def _gather_one(decay: Any, values: Any, start: int, n: int, b: int, x: Any) -> None:
    """Row b of x, from the table's n rows from ``start`` on."""
    T, _, D = x.shape
    if decay is None:
        for t in range(T):
            for d in range(D):
                x[t, b, d] = values[start + t, d] if t < n else ZERO
    else:
        last_seen(values, start, n, b, x)


@outer
def _longest(samples: Any, chunk: Any) -> int:
    longest = 0
    for i in chunk:
        longest = max(longest, samples.lengths[i])
    return longest


@outer
def outputs_of_chunk(network: Any, parameters: Any, samples: Any, chunk: Any, work: Any) -> Any:
    """Forward pass of one chunk; returns x, lengths, outputs and the rest of ``work``."""
    T, B = _longest(samples, chunk), chunk.size
    D, K = n_columns(network.options, network.layers), network.layers[-1, UNITS]
    n_outputs = T * B if network.per_step else B
    lengths, work = whole_numbers(work, B), rest_of(work, whole_numbers_size(B))
    x = view(work, 0, (T, B, D))
    outputs = view(work, x.size, (n_outputs, K))
    rest = rest_of(work, x.size + n_outputs * K)
    gather(decays(network.options), samples, chunk, x, lengths)
    initial_states(network, parameters, rest, T, B)
    network_forward(network, parameters, x, lengths, chunk, rest, outputs)
    return x, lengths, outputs, rest


@outer
def _weight_of(samples: Any, i: int, t: int) -> float:
    """Weight of the output of sample i after its step t, where there is one at every step."""
    weight = np.float64(samples.weights[i])
    if samples.step_weights.size > 0:
        weight *= samples.step_weights[samples.starts[i] + t]
    return weight


@outer
def _cross_entropy(target: int, factor: Any, outputs: Any) -> Any:
    """Cross entropy of the softmax of one row (K,), which is overwritten by its derivative times ``factor``.

    The largest output is taken out of the sum, so that nothing overflows and a sure and right answer keeps its digits:
    with m = max(o) the loss is (m - o_target) + log1p(sum of exp(o - m) over all others).

    outputs  (K,)  in and out
    """
    top = 0
    for k in range(1, outputs.size):
        if outputs[k] > outputs[top]:
            top = k
    largest = outputs[top]
    value = ZERO if target == top else largest - outputs[target]
    others = ZERO
    for k in range(outputs.size):
        outputs[k] = math.exp(outputs[k] - largest)
        if k != top:
            others += outputs[k]
    share = factor / (ONE + others)
    for k in range(outputs.size):
        outputs[k] *= share
    outputs[target] = -others * share if target == top else outputs[target] - factor
    return value + math.log1p(others)


@outer
def loss_of_chunk(network: Any, samples: Any, chunk: Any, loss: Any, scale: float, outputs: Any) -> float:
    """Weighted sum of the losses of a chunk; ``outputs`` is overwritten by its derivative times ``scale``.

    The loss of one output vector is the mean over those of its K numbers whose targets are not missing, or the cross
    entropy of their softmax.
    """
    dtype = outputs.dtype.type
    K = outputs.shape[1]
    parameter = dtype(loss.parameter)
    total = 0.0
    for row in range(outputs.shape[0]):
        t, i = row // chunk.size, chunk[row % chunk.size]
        if network.per_step and t >= samples.lengths[i]:
            outputs[row] = ZERO
            continue
        target = samples.targets[samples.starts[i] + t] if network.per_step else samples.targets[i]
        weight = _weight_of(samples, i, t) if network.per_step else np.float64(samples.weights[i])
        if loss.kind == CROSS_ENTROPY:
            total += weight * _cross_entropy(int(target[0]), dtype(weight * scale), outputs[row])
            continue
        seen = 0
        for k in range(K):
            seen += 0 if math.isnan(target[k]) else 1
        weight /= max(seen, 1)
        factor = dtype(weight * scale)
        for k in range(K):
            p = outputs[row, k]
            if math.isnan(target[k]):
                outputs[row, k] = ZERO
                continue
            total += weight * loss_value(loss.kind, p, target[k], parameter)
            outputs[row, k] = factor * loss_derivative(loss.kind, p, target[k], parameter)
    return total


@outer
def total_weight(network: Any, samples: Any, batch: Any) -> float:
    """Sum of the weights of all outputs of a batch."""
    total = 0.0
    for i in batch:
        if not network.per_step:
            total += samples.weights[i]
        elif samples.step_weights.size == 0:
            total += samples.weights[i] * samples.lengths[i]
        else:
            for t in range(samples.lengths[i]):
                total += _weight_of(samples, i, t)
    return total


@outer
def count_slots(n_samples: int, rows: int) -> int:
    """Slots that a batch of ``n_samples`` uses."""
    return min(N_SLOTS, (n_samples + rows - 1) // rows)


@outer
def gradients_of_batch(
    thread: int,
    team: int,
    network: Any,
    parameters: Any,
    samples: Any,
    batch: Any,
    scale: float,
    loss: Any,
    storage: Any,
) -> None:
    """One thread's part of the losses of a batch (b,) of sample numbers and their gradients, times ``scale``.

    The partial gradients go to ``storage.slots``, the partial sums of the losses to ``storage.losses``; where there are no
    slots the backward pass is left out.
    """
    n_chunks = (batch.size + loss.rows - 1) // loss.rows
    n_slots = count_slots(batch.size, loss.rows)
    work = storage.work[thread]
    nowhere = view(work, 0, (0, 1, 1))
    for slot in range(thread, n_slots, team):
        total = 0.0
        if storage.slots.shape[0] > 0:
            storage.slots[slot] = ZERO
        for c in range(slot, n_chunks, n_slots):
            chunk = batch[c * loss.rows : (c + 1) * loss.rows]
            x, lengths, outputs, rest = outputs_of_chunk(network, parameters, samples, chunk, work)
            total += loss_of_chunk(network, samples, chunk, loss, scale, outputs)
            if storage.slots.shape[0] > 0:
                network_backward(network, parameters, x, lengths, chunk, rest, outputs, nowhere, storage.slots[slot])
        storage.losses[slot] = total


@inner
def sum_slots(slots: Any, n_slots: int, first: int, last: int) -> None:
    """Add the partial gradients of the parameters first..last into ``slots[0]``, in slot order; slots may be (0, P)."""
    noinline()
    if slots.shape[0] == 0:
        return
    total = view(slots, first, (last - first,))
    for slot in range(1, n_slots):
        added = view(slots, slot * slots.shape[1] + first, (last - first,))
        for i in range(total.size):
            total[i] += added[i]
