"""A network that goes on ahead of the samples, from the states that another gives.

It is composed of what there is: one layer with an output at every step, whose initial states are given, and their gradients
passed back. Its steps are taken one after another, T of them for B rows, or, each from the state that is given, at once: then
as single steps of m B rows, those of a sample one after another. In the legend's names, with P = T m positions and R = m B
rows.
"""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, outer
from grukit.kernels.cpu.network.embedding import embed_ahead, n_where_embedded
from grukit.kernels.cpu.network.forward_backward import network_backward, network_forward
from grukit.kernels.cpu.storage.layout import INPUTS, UNITS
from grukit.kernels.cpu.storage.segments import COLUMNS, Chunk, one_segment
from grukit.kernels.cpu.storage.sizes import n_positions
from grukit.kernels.cpu.storage.workspace import layer_cache, work_size
from grukit.kernels.scalar import ONE, ZERO


class _Ahead(NamedTuple):
    """Views of the memory that a decoder needs for B samples."""

    chunk: Chunk  # of its R rows
    outputs: np.ndarray  # (B, K), of all positions
    x: np.ndarray  # (T R, D)
    d_x: np.ndarray  # (T R, D) where inputs are embedded, or (0, D)
    made: np.ndarray  # (T R, K / P)
    work: np.ndarray


@anywhere
def decoder_inputs_size(decoder: Any, B: int) -> int:
    """Numbers in what a decoder reads and gives, for B samples."""
    if decoder is None:
        return 0
    layers = decoder.network.layers
    return n_positions(decoder) * B * (layers[0, INPUTS] + 2 * layers[-1, UNITS])


@anywhere
def decoder_size(decoder: Any, embeddings: Any, B: int) -> int:
    """Numbers in the memory of :func:`decode` for B samples."""
    if decoder is None:
        return 0
    rows = decoder.at_once * B
    numbers = whole_numbers_size(2 * rows + COLUMNS)
    numbers += n_where_embedded(embeddings, decoder.steps * rows * decoder.network.layers[0, INPUTS])
    return numbers + decoder_inputs_size(decoder, B) + work_size(decoder.network, decoder.steps, rows, True)


@outer
def _ahead(decoder: Any, embeddings: Any, B: int, memory: Any) -> Any:
    layers, rows = decoder.network.layers, decoder.at_once * B
    n_numbers, area = 2 * rows + COLUMNS, decoder.steps * rows
    D, K = layers[0, INPUTS], layers[-1, UNITS]
    whole, rest = whole_numbers(memory, n_numbers), rest_of(memory, whole_numbers_size(n_numbers))
    lengths = view(whole, 0, (rows,))
    for b in range(rows):
        lengths[b] = decoder.steps
    table = one_segment(decoder.steps, rows, view(whole, 2 * rows, (1, COLUMNS)))
    chunk = Chunk(lengths, lengths, table, view(whole, rows, (rows,)))  # whose numbers nothing asks for
    outputs, made = view(rest, 0, (B, n_positions(decoder) * K)), view(rest, area * K, (area, K))
    x, rest = view(rest, 2 * area * K, (area, D)), rest_of(rest, area * (2 * K + D))
    d_x = view(rest, 0, (n_where_embedded(embeddings, area), D))
    return _Ahead(chunk, outputs, x, d_x, made, rest_of(rest, d_x.size))


@outer
def write_positions(decoder: Any, B: int, x: Any) -> None:
    """Write the place of each step into the first columns of x (T R, D): one of m, or, of steps in a row, its share of T."""
    m = decoder.at_once
    for t in range(decoder.steps):
        for b in range(B):
            for j in range(m):
                row = (t * B + b) * m + j
                for i in range(m):
                    x[row, i] = ONE if i == j else ZERO
                if m == 1:
                    x[row, 0] = x.dtype.type(t + 1) / x.dtype.type(decoder.steps)


@outer
def read_ahead(decoder: Any, samples: Any, numbers: Any, B: int, x: Any) -> None:
    """Write the columns that are known ahead into the other columns of x (T R, D), zeros for samples that there are not.

    numbers  (n,)  in  of the samples, n <= B
    """
    m, k, C, columns = decoder.at_once, decoder.rows, decoder.columns.size, decoder.columns
    for t in range(decoder.steps):
        for b in range(B):
            end = samples.starts[numbers[b]] + samples.lengths[numbers[b]] if b < numbers.size else 0
            for j in range(m):
                row, first = (t * B + b) * m + j, end + (t + j) * k
                for i in range(k):
                    for c in range(C):
                        value = samples.values[first + i, columns[c]] if b < numbers.size else ZERO
                        x[row, m + i * C + c] = value


@outer
def rearrange(decoder: Any, back: bool, made: Any, outputs: Any) -> None:
    """Write what each step gives, made (T R, K / P), to its place in outputs (B, K); or ``back``."""
    noinline()
    m, parts, B = decoder.at_once, decoder.parts, outputs.shape[0]
    n = made.shape[1] // parts  # of a part and step
    for t in range(decoder.steps):
        for b in range(B):
            for j in range(m):
                row = (t * B + b) * m + j
                for part in range(parts):
                    first = (part * n_positions(decoder) + t + j) * n
                    for i in range(n):
                        if back:
                            made[row, part * n + i] = outputs[b, first + i]
                        else:
                            outputs[b, first + i] = made[row, part * n + i]


@outer
def repeat_states(at_once: int, states: Any, h: Any) -> None:
    """Write the states (B, H) into h (R, H)."""
    for b in range(states.shape[0]):
        for j in range(at_once):
            for i in range(states.shape[1]):
                h[b * at_once + j, i] = states[b, i]


@outer
def decode(decoder: Any, embeddings: Any, parameters: Any, samples: Any, numbers: Any, states: Any, memory: Any) -> Any:
    """Outputs (B, K) of the samples with these ``numbers`` (B,), from states (B, H); without a decoder the states.

    memory  (decoder_size,)  out  what the backward pass reads
    """
    if decoder is None:
        return states
    B = states.shape[0]
    ahead = _ahead(decoder, embeddings, B, memory)
    write_positions(decoder, B, ahead.x)
    read_ahead(decoder, samples, numbers, B, ahead.x)
    embed_ahead(embeddings, decoder, False, parameters, samples, numbers, ahead.x)
    cache = layer_cache(decoder.network, ahead.work, 0, ahead.chunk.segments, 0)
    repeat_states(decoder.at_once, states, cache.h[0])
    network_forward(decoder.network, parameters, ahead.x, ahead.chunk, ahead.work, ahead.made)
    rearrange(decoder, False, ahead.made, ahead.outputs)
    return ahead.outputs


@outer
def decode_backward(
    decoder: Any,
    embeddings: Any,
    parameters: Any,
    samples: Any,
    numbers: Any,
    d_outputs: Any,
    memory: Any,
    d_states: Any,
    d_parameters: Any,
) -> Any:
    """Gradients of :func:`decode`; returns that of the states, which without a decoder are the outputs.

    d_outputs  (B, K)  in
    d_states   (B, H)  out
    """
    if decoder is None:
        return d_outputs
    B, m = d_states.shape[0], decoder.at_once
    ahead = _ahead(decoder, embeddings, B, memory)
    rearrange(decoder, True, ahead.made, d_outputs)
    network_backward(decoder.network, parameters, ahead.x, ahead.chunk, ahead.work, ahead.made, ahead.d_x, d_parameters)
    embed_ahead(embeddings, decoder, True, d_parameters, samples, numbers, ahead.d_x)
    cache = layer_cache(decoder.network, ahead.work, 0, ahead.chunk.segments, 0)
    for b in range(B):
        for i in range(d_states.shape[1]):
            total = ZERO
            for j in range(m):
                total += cache.d_h[b * m + j, i]
            d_states[b, i] = total
    return d_states
