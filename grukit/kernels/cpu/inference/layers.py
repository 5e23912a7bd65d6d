"""Inference: layer by layer, keeping nothing but the states that the layer above reads."""

from typing import Any

from grukit.kernels.cpu.cells.decay import decay_forward, no_decay
from grukit.kernels.cpu.cells.dispatch import layer_steps
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import anywhere, outer
from grukit.kernels.cpu.inference.packing import packed_layer
from grukit.kernels.cpu.network.directions import in_direction, join_directions, own_states, reverse_inputs
from grukit.kernels.cpu.storage.layout import (
    H_0,
    INPUTS,
    UNITS,
    both_ways,
    cell_storage,
    decays,
    n_directions,
    widest,
)
from grukit.kernels.cpu.storage.workspace import PROJECTED
from grukit.kernels.scalar import ZERO


@anywhere
def states_size(network: Any, rows: int) -> int:
    """Numbers in the states of all layers, one direction's (states, rows, H) after another's."""
    total = 0
    for row in range(network.layers.shape[0] - 1):
        total += cell_storage(network).states * rows * network.layers[row, UNITS]
    return total


@outer
def begin_states(network: Any, packed: Any, rows: int, states: Any) -> None:
    """Write the states before the first step, learned or zero, into states (states_size,)."""
    offset = 0
    cell = cell_storage(network)
    for row in range(network.layers.shape[0] - 1):
        H, learned = network.layers[row, UNITS], network.layers[row, H_0]
        for state in range(cell.states):
            begins = learned >= 0 and state <= cell.memory  # the third state of the unit with two is its output
            for b in range(rows):
                for j in range(H):
                    value = packed[learned + state * H + j] if begins else ZERO
                    states[offset + (state * rows + b) * H + j] = value
        offset += cell.states * rows * H


@anywhere
def _outputs_size(network: Any, T: int, rows: int) -> int:
    """Numbers in the outputs of the widest layer, which are kept of all steps where there is something to read them."""
    directions = n_directions(network.options)
    last_only = not network.per_step and network.layers.shape[0] - 1 == directions
    return (1 if last_only else T) * rows * directions * widest(network.layers)


@anywhere
def inference_work_size(network: Any, T: int, rows: int) -> int:
    """Numbers in the workspace of :func:`network_steps`, of ``rows`` sequences of at most T steps."""
    layers = network.layers
    numbers = 3 * rows * widest(layers)
    buffers = 2 * _outputs_size(network, T, rows) + T * rows * _option_columns(network.options, layers)
    projected = max(numbers, min(T * numbers, PROJECTED))
    return buffers + projected + numbers


# --- what options add ---------------------------------------------------------------------------------------------------


@anywhere
def _option_columns(options: Any, layers: Any) -> int:
    """Numbers a step and row that options need."""
    if options is None:
        return 0
    columns = 0
    if options.bidirectional is not None:
        columns += max(layers[0, INPUTS], 2 * widest(layers)) + widest(layers)
    if options.decay is not None:
        columns += layers[0, INPUTS] + layers[0, UNITS]
    return columns


@outer
def _decay(decay: Any, network: Any, packed: Any, x: Any, lengths: Any, rest: Any) -> Any:
    """Inputs of the first layer, the factors of its states, and what is left of ``rest``."""
    if decay is None:
        return x, None, rest
    T, B, _ = x.shape
    D, H = network.layers[0, INPUTS], network.layers[0, UNITS]
    inputs, factors = view(rest, 0, (T, B, D)), view(rest, T * B * D, (T, B, H))
    decay_forward(network, packed, x, lengths, inputs, factors)
    return inputs, factors, rest_of(rest, T * B * (D + H))


# --- the passes ---------------------------------------------------------------------------------------------------------


@outer
def _place(states: Any, left: int, out: Any) -> None:
    """Write states (B, H) into the columns of out from ``left`` on."""
    for b in range(states.shape[0]):
        for j in range(states.shape[1]):
            out[b, left + j] = states[b, j]


@outer
def network_steps(network: Any, packed: Any, x: Any, lengths: Any, segments: Any, states: Any, work: Any) -> Any:
    """All steps of all layers; returns what the head reads: (T, B, units), or (1, B, units) after each row's last step.

    packed   (P,)            in   from :func:`pack_network`, for as many rows
    x        (T, B, n_columns)  in
    lengths  (B,)            in   steps of each row, 0..T; a row keeps its states beyond its end
    segments (1, COLUMNS)    in   one of all steps and rows
    states   (states_size,)  in and out
    work     (inference_work_size,)  scratch
    """
    T, B, _ = x.shape
    options, layers, n_states = network.options, network.layers, cell_storage(network).states
    directions = n_directions(options)
    n_layers = (layers.shape[0] - 1) // directions
    size = _outputs_size(network, T, B)
    below, decay, rest = _decay(decays(options), network, packed, x, lengths, rest_of(work, 2 * size))
    offset = 0
    for index in range(n_layers):
        whole = network.per_step or index < n_layers - 1
        H = layers[directions * index, UNITS]
        steps = T if whole else 1
        start = size * (index % 2)
        out = view(work, start, (steps, B, directions * H))
        for direction in range(directions):
            own = view(states, offset, (n_states, B, H))
            offset += n_states * B * H
            written, scratch = own_states(both_ways(options), out, (T, B, H), rest)
            flat = view(below, 0, (T * B, below.shape[2]))
            reverse_inputs(both_ways(options), direction, flat, lengths, segments, scratch)
            source = in_direction(both_ways(options), direction, below, scratch, segments, 0)
            scratch = rest_of(scratch, below.size if direction > 0 else 0)
            weights = packed_layer(network, packed, directions * index + direction)
            layer_steps(network, source, lengths, weights, decay, own, written if whole else written[:0], scratch)
            if whole:
                join_directions(both_ways(options), written, lengths, segments, direction, out)
            else:
                _place(own[n_states - 1], direction * H, out[0])
        below, decay = out, no_decay(decay)
    return below


@outer
def write_outputs(
    network: Any, samples: Any, first: int, size: int, t: int, lengths: Any, out: Any, outputs: Any
) -> None:
    """Write what the head gave after step t for samples first..first + size, out (B, K), to where it belongs."""
    for b in range(size):
        for k in range(out.shape[1]):
            if not network.per_step:
                outputs[first + b, k] = out[b, k]
            elif t < lengths[b]:
                outputs[samples.starts[first + b] + t, k] = out[b, k]
