"""Predictions of chunks of sequences, a row each."""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, kernel
from grukit.kernels.cpu.inference.ahead import steps_ahead, steps_ahead_size
from grukit.kernels.cpu.inference.layers import (
    begin_states,
    inference_work_size,
    network_steps,
    states_size,
    write_outputs,
)
from grukit.kernels.cpu.network.linear import linear_forward
from grukit.kernels.cpu.storage.layout import UNITS, decoder_of, head_weights, n_columns
from grukit.kernels.cpu.storage.segments import COLUMNS, one_segment
from grukit.kernels.cpu.storage.sizes import n_steps
from grukit.kernels.cpu.training.gathering import gather


@kernel
def predict_chunks(
    thread: int, team: int, control: Any, network: Any, packed: Any, samples: Any, rows: int, outputs: Any, work: Any
) -> None:
    """One thread's part of the outputs of all samples.

    packed   (P,)              in   from :func:`pack_network`, for ``rows`` rows
    outputs  (n, K) or (N, K)  out  as ``samples.targets``, which is not read
    work     (n_threads, predict_work_size)  scratch

    The last chunk is padded to ``rows`` sequences, for which the workspace and the states are.
    """
    n = samples.starts.size
    n_states, D, K = states_size(network, rows), n_columns(network.options, network.layers), network.layers[-1, UNITS]
    own = work[thread]
    n_numbers = 2 * rows + COLUMNS
    numbers, own = whole_numbers(own, n_numbers), rest_of(own, whole_numbers_size(n_numbers))
    lengths, chunk, table = (
        view(numbers, 0, (rows,)),
        view(numbers, rows, (rows,)),
        view(numbers, 2 * rows, (1, COLUMNS)),
    )
    decoder, ahead = decoder_of(network.options), own
    own = rest_of(ahead, steps_ahead_size(decoder, rows))
    states, rest = view(own, 0, (n_states,)), rest_of(own, n_states)
    weight, bias = head_weights(packed, network.layers[-1])
    for first in range(thread * rows, n, team * rows):
        size, T = min(rows, n - first), 0
        for b in range(size):
            chunk[b] = first + b
            T = max(T, n_steps(network.options, samples.lengths[first + b]))
        x, inner_rest = view(rest, 0, (T, rows, D)), rest_of(rest, T * rows * D)
        segments = one_segment(T, rows, table)
        gather(network.options, samples, chunk[:size], segments, view(x, 0, (T * rows, D)), lengths)
        begin_states(network, packed, rows, states)
        read = network_steps(network, packed, x, lengths, segments, states, rest_of(inner_rest, rows * K))
        out = view(inner_rest, 0, (rows, K))
        for t in range(read.shape[0]):
            linear_forward(read[t], weight, bias, out)
            given = steps_ahead(decoder, packed, samples, None, chunk[:size], out, ahead)
            write_outputs(network, samples, first, size, t, lengths, given, outputs)


@anywhere
def predict_work_size(network: Any, T: int, rows: int) -> int:
    """Numbers in one thread's workspace of :func:`predict_chunks`, of sequences of at most T steps."""
    ahead = steps_ahead_size(decoder_of(network.options), rows)
    own = whole_numbers_size(2 * rows + COLUMNS) + ahead + states_size(network, rows)
    inputs_and_outputs = rows * (T * n_columns(network.options, network.layers) + network.layers[-1, UNITS])
    return own + inputs_and_outputs + inference_work_size(network, T, rows)
