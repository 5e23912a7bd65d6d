"""Chunks of sequences: gathered, taken through the network forward and backward while they are warm, and summed.

A batch is cut into chunks of a size that the number of threads has no say in. Each chunk belongs to a slot; a slot takes
its chunks in order, and the slots are summed in order. So a fit is bitwise the same for any number of threads, and no
thread waits inside the time loop.
"""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, inner, outer
from grukit.kernels.cpu.network.decoder import decode, decode_backward, decoder_size
from grukit.kernels.cpu.network.embedding import embed, n_where_embedded
from grukit.kernels.cpu.network.forward_backward import initial_states, network_backward, network_forward
from grukit.kernels.cpu.storage.layout import UNITS, decoder_of, embeddings_of, n_columns, n_multiplied
from grukit.kernels.cpu.storage.segments import COLUMNS, Chunk, area_of, find_segments
from grukit.kernels.cpu.storage.sizes import n_steps, rows_of_step
from grukit.kernels.cpu.storage.workspace import work_size
from grukit.kernels.cpu.training.gathering import gather
from grukit.kernels.cpu.training.losses import loss_of_chunk
from grukit.kernels.scalar import ZERO

# Multiplications of a batch for which another chunk, and so another thread, pays: 0.2 ms; see THREAD_PAYS in grukit.cores.
THREAD_WORK = 1e7
N_SLOTS = 16  # partial gradients kept separate; more threads than this find nothing to do


class Samples(NamedTuple):
    """Sequences inside one table of rows; nothing is copied, windows overlap freely.

    Lengths are in rows, also where a step of the network is several of them.

    Sample i is ``values[starts[i] : starts[i] + lengths[i]]``. Its target is ``targets[i]``, or, with an output at every
    step, the same rows of ``targets`` as of ``values``. The target of the cross entropy is the number of a class, in one
    column. Behind its targets may stand K numbers that are added to the network's outputs before the loss is taken. With an
    output at every step, a step's weight is the sample's times its own, where steps have weights.
    """

    values: np.ndarray  # (N, D)
    targets: np.ndarray  # (n, .) or (N, .): K columns, of M quantiles K / M, for the cross entropy one; or K more
    starts: np.ndarray  # (n,) int64
    lengths: np.ndarray  # (n,) int64, at least 1
    weights: np.ndarray  # (n,)
    step_weights: np.ndarray = np.empty(0)  # (N,) float64, or (0,) where all steps count alike
    # A Scaling of ``values``, which may be of another type then; None: they are as the network takes them. For predictions of
    # sequences that share no rows: each number is read once, and no scaled copy is made. Or what each sample is Relative to.
    scaling: Any = None


class Forward(NamedTuple):
    """A forward pass of one chunk, for one backward pass."""

    chunk: Chunk
    x: np.ndarray  # (area, D)
    d_x: np.ndarray  # (area, D) where inputs are embedded, or (0, D)
    outputs: np.ndarray  # (B, K) or (area, K)
    states: np.ndarray  # (B, H) that a decoder begins with; else the outputs
    ahead: np.ndarray  # the decoder's memory
    work: np.ndarray


class Loss(NamedTuple):
    """Which loss, its parameters, and how many sequences a chunk holds."""

    kind: int
    parameters: np.ndarray  # (M,) float64: Huber's delta, or the quantiles that each target has an output for
    rows: int


class Storage(NamedTuple):
    """Memory of a training run, allocated once."""

    slots: np.ndarray  # (N_SLOTS, P) partial gradients, or (0, P) where none are wanted
    losses: np.ndarray  # (N_SLOTS,) float64, partial weighted sums of the losses
    squares: np.ndarray  # (PIECES,) float64, partial sums of the gradient's squares
    work: np.ndarray  # (n_threads, chunk_work_size)


@anywhere
def chunk_work_size(network: Any, T: int, rows: int, alike: bool) -> int:
    """Numbers in the workspace of one thread: inputs, outputs, caches. ``alike``: all sequences have as many steps."""
    layers = network.layers
    n_outputs = rows * T if network.per_step else rows
    embeddings, n_inputs = embeddings_of(network.options), T * rows * n_columns(network.options, layers)
    inputs_and_outputs = n_inputs + n_where_embedded(embeddings, n_inputs) + n_outputs * layers[-1, UNITS]
    ahead = decoder_size(decoder_of(network.options), embeddings, rows)
    return whole_numbers_size((2 + COLUMNS) * rows) + inputs_and_outputs + ahead + work_size(network, T, rows, alike)


@outer
def _begin_chunk(options: Any, samples: Any, numbers: Any, work: Any) -> Any:
    """The chunk of the samples with these ``numbers``, sorted by length, and the rest of ``work``."""
    B = numbers.size
    whole, rest = whole_numbers(work, (2 + COLUMNS) * B), rest_of(work, whole_numbers_size((2 + COLUMNS) * B))
    lengths, own = view(whole, 0, (B,)), view(whole, B, (B,))
    for b in range(B):
        lengths[b] = n_steps(options, samples.lengths[numbers[b]])
    n = find_segments(lengths, view(whole, 2 * B, (B, COLUMNS)))
    return Chunk(numbers, lengths, view(whole, 2 * B, (n, COLUMNS)), own), rest


@outer
def outputs_of_chunk(network: Any, parameters: Any, samples: Any, numbers: Any, work: Any) -> Any:
    """Forward pass of one chunk, in its workspace; a :class:`Forward`."""
    options, decoder, embeddings = network.options, decoder_of(network.options), embeddings_of(network.options)
    chunk, ahead = _begin_chunk(options, samples, numbers, work)
    work = rest_of(ahead, decoder_size(decoder, embeddings, numbers.size))
    area = area_of(chunk.segments)
    D, K = n_columns(options, network.layers), network.layers[-1, UNITS]
    n_outputs = area if network.per_step else numbers.size
    x, d_x = view(work, 0, (area, D)), view(work, area * D, (n_where_embedded(embeddings, area), D))
    work = rest_of(work, x.size + d_x.size)
    given, rest = view(work, 0, (n_outputs, K)), rest_of(work, n_outputs * K)
    gather(options, samples, numbers, chunk.segments, x, chunk.lengths)
    embed(embeddings, rows_of_step(options), False, parameters, samples, numbers, chunk.lengths, chunk.segments, x)
    initial_states(network, parameters, rest, chunk.segments)
    network_forward(network, parameters, x, chunk, rest, given)
    outputs = decode(decoder, embeddings, parameters, samples, numbers, given, ahead)
    return Forward(chunk, x, d_x, outputs, given, ahead, rest)


@outer
def _gradients_of_chunk(network: Any, parameters: Any, samples: Any, made: Any, d_parameters: Any) -> None:
    """Backward pass of one chunk, whose outputs are their gradients now."""
    options, decoder, embeddings = network.options, decoder_of(network.options), embeddings_of(network.options)
    chunk, numbers = made.chunk, made.chunk.samples
    d_given = decode_backward(
        decoder, embeddings, parameters, samples, numbers, made.outputs, made.ahead, made.states, d_parameters
    )
    network_backward(network, parameters, made.x, chunk, made.work, d_given, made.d_x, d_parameters)
    rows, segments = rows_of_step(options), chunk.segments
    embed(embeddings, rows, True, d_parameters, samples, numbers, chunk.lengths, segments, made.d_x)


@anywhere
def rows_together(rows: int, n: int, work: float) -> int:
    """Sequences in a chunk of a batch of n: ``rows``, or fewer where the batch is worth more threads.

    Up to four chunks, one for each ``THREAD_WORK`` multiplications of the batch: chunks of 16 instead of 32 sequences, or of
    8 where 16 are the whole batch. Microseconds forward and backward on one Zen 4 core, float32, of 16 and 8 sequences; a
    chunk of 4 would take up to a quarter longer than one of 8:

        batch, steps, inputs, units    16 rows   8 rows
        16, 250, 8, 256                 92,600  107,200
        16, 250, 8, 128                 20,800   20,900
        16, 168, 8, 64                   2,290    2,340
        32, 48, 8, 32                      438      465    in one chunk of 32 rows 424
    """
    wanted = min(4, int(work / THREAD_WORK))
    if (n + rows - 1) // rows >= wanted:
        return rows
    return min(rows, 16) if n > 16 else min(rows, 8)


@outer
def steps_of(samples: Any, batch: Any) -> int:
    """Steps of all sequences of a batch."""
    total = 0
    for i in batch:
        total += samples.lengths[i]
    return total


@outer
def end_of_chunk(samples: Any, batch: Any, first: int, rows: int, steps: int) -> int:
    """Where the chunk that begins at ``first`` ends, of a batch of so many ``steps``.

    After ``rows`` sequences, or as soon as it has as many steps as ``rows`` sequences of the batch have on average: threads
    share long sequences, too.
    """
    last, own = first, 0
    while last < min(first + rows, batch.size) and own * batch.size < rows * steps:
        own += samples.lengths[batch[last]]
        last += 1
    return last


@outer
def count_slots(network: Any, samples: Any, batch: Any, rows: int, n_parameters: int) -> int:
    """Slots that a batch uses."""
    steps, n, first = steps_of(samples, batch), 0, 0
    together = rows_together(rows, batch.size, 3.0 * n_multiplied(network.layers, n_parameters) * steps)
    while first < batch.size:
        first = end_of_chunk(samples, batch, first, together, steps)
        n += 1
    return min(N_SLOTS, n)


@outer
def gradients_of_batch(
    thread: int,
    team: int,
    work: Any,
    network: Any,
    parameters: Any,
    samples: Any,
    batch: Any,
    scale: float,
    loss: Any,
    storage: Any,
) -> None:
    """One thread's part of the losses of a batch (b,) of sample numbers and their gradients, times ``scale``.

    The samples are sorted by length, the longest first. The partial gradients go to ``storage.slots``, the partial sums of
    the losses to ``storage.losses``; where there are no slots the backward pass is left out. ``work`` is the thread's own.
    """
    wanted, steps = storage.slots.shape[0] > 0, steps_of(samples, batch)
    rows = rows_together(loss.rows, batch.size, 3.0 * n_multiplied(network.layers, parameters.size) * steps)
    number, first = 0, 0
    while first < batch.size:
        last, slot = end_of_chunk(samples, batch, first, rows, steps), number % N_SLOTS
        if slot % team == thread:
            if number == slot:
                storage.losses[slot] = 0.0
                if wanted:
                    storage.slots[slot] = ZERO
            made = outputs_of_chunk(network, parameters, samples, batch[first:last], work)
            storage.losses[slot] += loss_of_chunk(network, samples, made.chunk, loss, scale, made.outputs)
            if wanted:
                _gradients_of_chunk(network, parameters, samples, made, storage.slots[slot])
        number, first = number + 1, last


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
