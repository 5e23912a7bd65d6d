"""What layers read and write: inputs, outputs and their gradients, where they lie in a chunk's workspace.

A layer reads the states of the one below where they lie. Only where they are joined from two directions, changed by dropout or
read at each row's own end does it read a copy, ``copied_output``. The head of one output a sequence reads a copy of the last
states, which rows of unequal length have in several segments.
"""

from typing import Any

from grukit.kernels.cpu.cells.decay import decay_backward, decay_forward
from grukit.kernels.cpu.cells.dispatch import final_output, final_output_backward, layer_output
from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import outer
from grukit.kernels.cpu.network.directions import join, split
from grukit.kernels.cpu.storage.layout import INPUTS, cell_storage, n_directions
from grukit.kernels.cpu.storage.segments import area_of, first_ended, lengths_within, segment_of
from grukit.kernels.cpu.storage.workspace import (
    copied_output,
    copies_outputs,
    decayed_inputs,
    last_output,
    layer_cache,
)


@outer
def all_steps_of(options: Any, network: Any, index: int) -> bool:
    """Whether layer ``index`` outputs its states at all steps, or only the last, for the head of one output a sequence."""
    return network.per_step or (index + 1) * n_directions(options) < network.layers.shape[0] - 1


# --- the inputs of the first layer, which may decay -----------------------------------------------------------------------


@outer
def decay_inputs(decay: Any, network: Any, parameters: Any, x: Any, chunk: Any, work: Any) -> None:
    """Write the inputs of the first layer where missing values decay, and the factors of its states."""
    if decay is None:
        return
    inputs = decayed_inputs(network, work, chunk.segments)
    for s in range(chunk.segments.shape[0]):
        source, out = segment_of(x, chunk.segments, s), segment_of(inputs, chunk.segments, s)
        factors = layer_cache(network, work, 0, chunk.segments, s).decay[0]
        decay_forward(network, parameters, source, lengths_within(chunk, s), out, factors)


@outer
def decay_inputs_backward(
    decay: Any, network: Any, parameters: Any, x: Any, chunk: Any, shared: Any, work: Any, d_x: Any, d_parameters: Any
) -> None:
    """Gradients of :func:`decay_inputs`."""
    if decay is None:
        return
    segments = chunk.segments
    d_inputs = view(shared.d_inputs, 0, (area_of(segments), network.layers[0, INPUTS]))
    for s in range(segments.shape[0]):
        source, d_source = segment_of(x, segments, s), segment_of(d_x, segments, s)
        d_factors = layer_cache(network, work, 0, segments, s).decay[0]
        own = lengths_within(chunk, s)
        decay_backward(
            network, parameters, source, own, segment_of(d_inputs, segments, s), d_factors, d_source, d_parameters
        )


@outer
def _first_inputs(decay: Any, network: Any, work: Any, segments: Any, x: Any) -> Any:
    """Inputs of the first layer, (area, D)."""
    if decay is None:
        return x
    return decayed_inputs(network, work, segments)


@outer
def _d_first_inputs(decay: Any, network: Any, shared: Any, segments: Any, d_x: Any) -> Any:
    """Where the gradient of the inputs of the first layer is written, (area, D) or, where it is not wanted, (0, D)."""
    if decay is None:
        return d_x
    return view(shared.d_inputs, 0, (area_of(segments), network.layers[0, INPUTS]))


# --- inputs and outputs of any layer, a segment of them -------------------------------------------------------------------


@outer
def input_of(decay: Any, network: Any, work: Any, index: int, segments: Any, s: int, x: Any) -> Any:
    """Inputs (T, B, D) of layer ``index``, or of a head that reads all steps."""
    noinline()
    if index == 0:
        return segment_of(_first_inputs(decay, network, work, segments, x), segments, s)
    if copies_outputs(network.options, cell_storage(network).memory):
        return segment_of(copied_output(network, work, index - 1, segments), segments, s)
    return layer_output(network, layer_cache(network, work, index - 1, segments, s))


@outer
def d_input_of(decay: Any, network: Any, work: Any, shared: Any, index: int, segments: Any, s: int, d_x: Any) -> Any:
    """Where the gradient of :func:`input_of` is written: its own place, or, of a copy, the shared buffer."""
    noinline()
    if index == 0:
        return segment_of(_d_first_inputs(decay, network, shared, segments, d_x), segments, s)
    if copies_outputs(network.options, cell_storage(network).memory):
        units = network.layers[n_directions(network.options) * index, INPUTS]
        return segment_of(view(shared.d_inputs, 0, (area_of(segments), units)), segments, s)
    return layer_cache(network, work, index - 1, segments, s).d_states


@outer
def all_inputs(both: Any, decay: Any, network: Any, work: Any, index: int, segments: Any, x: Any) -> Any:
    """Inputs (area, D) of a layer of two directions, whose inputs are x or copies."""
    if both is None or index == 0:
        return _first_inputs(decay, network, work, segments, x)
    return copied_output(network, work, index - 1, segments)


@outer
def all_d_inputs(both: Any, decay: Any, network: Any, shared: Any, index: int, segments: Any, d_x: Any) -> Any:
    """Where the gradient of :func:`all_inputs` is written."""
    if both is None or index == 0:
        return _d_first_inputs(decay, network, shared, segments, d_x)
    units = network.layers[n_directions(network.options) * index, INPUTS]
    return view(shared.d_inputs, 0, (area_of(segments), units))


@outer
def copy_output(options: Any, network: Any, work: Any, index: int, chunk: Any) -> None:
    """Copy the output of layer ``index``, unless it is read where it lies."""
    noinline()
    whole, segments = all_steps_of(options, network, index), chunk.segments
    if whole and not copies_outputs(options, cell_storage(network).memory):
        return
    for direction in range(n_directions(options)):
        row = n_directions(options) * index + direction
        for s in range(segments.shape[0]):
            cache = layer_cache(network, work, row, segments, s)
            if whole:
                out = copied_output(network, work, index, segments)
                join(layer_output(network, cache), chunk.lengths, segments, s, direction, out)
            else:
                last, _ = last_output(network, work, segments)
                left, ended = direction * cache.h.shape[2], first_ended(segments, s)
                final_output(network, cache, lengths_within(chunk, s), ended, left, last)


@outer
def copy_output_backward(options: Any, network: Any, shared: Any, work: Any, index: int, chunk: Any) -> None:
    """Part the gradient of a copy into its directions' ``d_states`` and ``d_h``."""
    noinline()
    whole, segments = all_steps_of(options, network, index), chunk.segments
    if whole and not copies_outputs(options, cell_storage(network).memory):
        return
    for direction in range(n_directions(options)):
        row = n_directions(options) * index + direction
        for s in range(segments.shape[0]):
            cache = layer_cache(network, work, row, segments, s)
            if whole:
                units = network.layers[n_directions(options) * (index + 1), INPUTS]
                d_out = view(shared.d_inputs, 0, (area_of(segments), units))
                split(d_out, chunk.lengths, segments, s, direction, cache.d_states)
            else:
                _, d_last = last_output(network, work, segments)
                left, ended = direction * cache.h.shape[2], first_ended(segments, s)
                final_output_backward(network, d_last, lengths_within(chunk, s), ended, left, cache)
