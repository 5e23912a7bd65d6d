"""Inference by a network that goes on ahead of the samples, see :mod:`grukit.kernels.cpu.network.decoder`."""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, outer
from grukit.kernels.cpu.inference.layers import inference_work_size, network_steps
from grukit.kernels.cpu.network.decoder import (
    decoder_inputs_size,
    read_ahead,
    rearrange,
    repeat_states,
    write_positions,
)
from grukit.kernels.cpu.network.linear import linear_forward
from grukit.kernels.cpu.storage.layout import INPUTS, UNITS, head_weights
from grukit.kernels.cpu.storage.segments import COLUMNS, one_segment
from grukit.kernels.cpu.storage.sizes import n_positions


@anywhere
def steps_ahead_size(decoder: Any, B: int) -> int:
    """Numbers in the memory of :func:`steps_ahead` for B samples."""
    if decoder is None:
        return 0
    rows = decoder.at_once * B
    states = rows * decoder.network.layers[0, UNITS]
    work = inference_work_size(decoder.network, decoder.steps, rows)
    return whole_numbers_size(rows + COLUMNS) + states + decoder_inputs_size(decoder, B) + work


@outer
def _read(samples: Any, last: Any, decoder: Any, numbers: Any, B: int, x: Any) -> None:
    if samples is not None:
        read_ahead(decoder, samples, numbers, B, x)
    elif last is not None:
        _repeat_last(decoder, last, B, x)


@outer
def _repeat_last(decoder: Any, last: Any, B: int, x: Any) -> None:
    """Write what is read ahead into x (T R, D), of constants: from the last row of the table in ``last`` (B, .)."""
    m, k, C, columns = decoder.at_once, decoder.rows, decoder.columns.size, decoder.columns
    begin = last.shape[1] - last.shape[1] // k
    for t in range(decoder.steps):
        for b in range(B):
            for j in range(m):
                for i in range(k):
                    for c in range(C):
                        x[(t * B + b) * m + j, m + i * C + c] = last[b, begin + columns[c]]


@outer
def steps_ahead(decoder: Any, packed: Any, samples: Any, last: Any, numbers: Any, states: Any, memory: Any) -> Any:
    """Outputs (B, K) of samples, from states (B, H); without a decoder the states.

    packed   (P,)   in   from :func:`pack_network`
    samples         in   None: what is read ahead, if anything, are constants
    last     (B, .)  in  the last inputs of the network, which hold these; None: where there are samples
    numbers  (n,)   in   of the samples, n <= B; the rows after them are not meant
    memory   (steps_ahead_size,)  scratch
    """
    if decoder is None:
        return states
    B, H = states.shape
    network, T, R = decoder.network, decoder.steps, decoder.at_once * B
    D, K = network.layers[0, INPUTS], network.layers[-1, UNITS]
    whole, rest = whole_numbers(memory, R + COLUMNS), rest_of(memory, whole_numbers_size(R + COLUMNS))
    lengths, segments = view(whole, 0, (R,)), one_segment(T, R, view(whole, R, (1, COLUMNS)))
    for row in range(R):
        lengths[row] = T
    h, rest = view(rest, 0, (R, H)), rest_of(rest, R * H)
    x, made = view(rest, 0, (T * R, D)), view(rest, T * R * D, (T, R, K))
    outputs = view(rest, T * R * (D + K), (B, n_positions(decoder) * K))
    work = rest_of(rest, T * R * (D + 2 * K))
    write_positions(decoder, B, x)
    _read(samples, last, decoder, numbers, B, x)
    repeat_states(decoder.at_once, states, h)
    steps = view(x, 0, (T, R, D))
    read = network_steps(network, packed, steps, lengths, segments, view(h, 0, (R * H,)), work)
    weight, bias = head_weights(packed, network.layers[-1])
    for t in range(T):
        linear_forward(read[t], weight, bias, made[t])
    rearrange(decoder, False, view(made, 0, (T * R, K)), outputs)
    return outputs
