"""The whole network on one chunk of sequences: stacked recurrent layers and a linear head, forward and backward.

All storage of a chunk is cut from one flat workspace (:mod:`grukit.kernels.cpu.storage.workspace`); nothing is allocated in
the loops. A layer takes one segment of the chunk after another (:mod:`grukit.kernels.cpu.storage.segments`).
"""

from typing import Any

from grukit.kernels.cpu.cells.dispatch import layer_backward, layer_forward
from grukit.kernels.cpu.cells.dropout import draw_mask, drop_inputs
from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import outer
from grukit.kernels.cpu.network.directions import add_direction, in_direction, reverse_inputs
from grukit.kernels.cpu.network.inputs_outputs import (
    all_d_inputs,
    all_inputs,
    all_steps_of,
    copy_output,
    copy_output_backward,
    d_input_of,
    decay_inputs,
    decay_inputs_backward,
    input_of,
)
from grukit.kernels.cpu.network.linear import linear_backward, linear_forward, pack_head
from grukit.kernels.cpu.products.elementwise import clear, copy
from grukit.kernels.cpu.storage.layout import (
    H_0,
    both_ways,
    decays,
    drops,
    head_weights,
    layer_weights,
    n_directions,
)
from grukit.kernels.cpu.storage.segments import AREA_BEFORE, FIRST, lengths_within
from grukit.kernels.cpu.storage.workspace import last_output, layer_cache, shared_buffers
from grukit.kernels.scalar import ZERO


@outer
def initial_states(network: Any, parameters: Any, work: Any, segments: Any) -> None:
    """Set the states before the first step: learned ones, or zeros."""
    noinline()
    for row in range(network.layers.shape[0] - 1):
        cache, offset = layer_cache(network, work, row, segments, 0), network.layers[row, H_0]
        for b in range(cache.h.shape[1]):
            for j in range(cache.h.shape[2]):
                cache.h[0, b, j] = parameters[offset + j] if offset >= 0 else ZERO
                if cache.c.shape[0] > 0:
                    cache.c[0, b, j] = parameters[offset + cache.h.shape[2] + j] if offset >= 0 else ZERO


@outer
def _initial_states_backward(cache: Any, offset: int, d_parameters: Any) -> None:
    """Add the gradient of learned initial states, a sum over the rows, which all begin alike."""
    noinline()
    B, H = cache.d_h.shape
    for b in range(B):
        for j in range(H):
            d_parameters[offset + j] += cache.d_h[b, j]
            if cache.c.shape[0] > 0:
                d_parameters[offset + H + j] += cache.d_c[b, j]


@outer
def _go_on(network: Any, work: Any, row: int, segments: Any, s: int) -> Any:
    """The cache of segment s, whose rows begin where the segment before left them."""
    cache = layer_cache(network, work, row, segments, s)
    if s > 0:
        before = layer_cache(network, work, row, segments, s - 1)
        _, B, H = cache.h.shape
        copy(view(before.h, (before.h.shape[0] - 1) * before.h.shape[1] * H, (B, H)), cache.h[0])
        if cache.c.shape[0] > 0:
            copy(view(before.c, (before.c.shape[0] - 1) * before.c.shape[1] * H, (B, H)), cache.c[0])
    return cache


@outer
def _go_on_backward(network: Any, work: Any, row: int, segments: Any, s: int) -> Any:
    """The cache of segment s, with the gradient of what the rows that go on ended with."""
    cache = layer_cache(network, work, row, segments, s)
    if s < segments.shape[0] - 1:
        after = layer_cache(network, work, row, segments, s + 1)
        copy(after.d_h, cache.d_h)
        copy(after.d_c, cache.d_c)
    return cache


@outer
def network_forward(network: Any, parameters: Any, x: Any, chunk: Any, work: Any, outputs: Any) -> None:
    """Outputs of a chunk. The initial states, h[0] and c[0] of each cache of the first segment, are the caller's to set.

    parameters  (P,)                  in
    x           (area, D)             in   out where dropout changes it
    chunk       Chunk                 in
    work        (work_size,)          in   initial states;  out  caches
    outputs     (B, K) or (area, K)   out  after each row's last step, or after every step
    """
    options, segments, samples = network.options, chunk.segments, chunk.samples
    directions, both, decay = n_directions(options), both_ways(options), decays(options)
    n_layers, n_segments = (network.layers.shape[0] - 1) // directions, segments.shape[0]
    shared = shared_buffers(network, work, segments)
    decay_inputs(decay, network, parameters, x, chunk, work)
    for index in range(n_layers):
        for s in range(n_segments):
            own = input_of(decay, network, work, index, segments, s, x)
            drop_inputs(drops(options), index, samples, segments[s, FIRST], own)
        for direction in range(directions):
            row = directions * index + direction
            whole = all_inputs(both, decay, network, work, index, segments, x)
            reverse_inputs(both, direction, whole, chunk.lengths, segments, shared.reversed_inputs)
            draw_mask(drops(options), row, samples, layer_cache(network, work, row, segments, 0).mask)
            weights = layer_weights(network, parameters, network.layers[row])
            for s in range(n_segments):
                own = input_of(decay, network, work, index, segments, s, x)
                source = in_direction(both, direction, own, shared.reversed_inputs, segments, s)
                cache = _go_on(network, work, row, segments, s)
                layer_forward(network, source, weights, lengths_within(chunk, s), cache, shared.scratch)
        copy_output(options, network, work, index, chunk)
    _head_forward(decay, network, parameters, x, chunk, work, outputs)


@outer
def _head_forward(decay: Any, network: Any, parameters: Any, x: Any, chunk: Any, work: Any, outputs: Any) -> None:
    """Outputs of the head, from the states of all segments or from the last ones."""
    segments, n_layers = chunk.segments, (network.layers.shape[0] - 1) // n_directions(network.options)
    weight, bias = pack_head(
        *head_weights(parameters, network.layers[-1]), shared_buffers(network, work, segments).scratch
    )
    if network.per_step:
        for s in range(segments.shape[0]):
            top = input_of(decay, network, work, n_layers, segments, s, x)
            _head_forward_of(network, weight, bias, chunk, s, top, outputs)
    else:
        last, _ = last_output(network, work, segments)
        top = view(last, 0, (1, last.shape[0], last.shape[1]))
        _head_forward_of(network, weight, bias, chunk, 0, top, outputs)


@outer
def _head_backward(
    decay: Any, network: Any, parameters: Any, x: Any, chunk: Any, shared: Any, work: Any, d_outputs: Any, d_x: Any,
    d_parameters: Any,
) -> None:  # fmt: skip
    """Gradients of :func:`_head_forward`."""
    segments, n_layers = chunk.segments, (network.layers.shape[0] - 1) // n_directions(network.options)
    weight, _ = head_weights(parameters, network.layers[-1])
    d_weight, d_bias = head_weights(d_parameters, network.layers[-1])
    if network.per_step:
        for s in range(segments.shape[0]):
            top = input_of(decay, network, work, n_layers, segments, s, x)
            d_top = d_input_of(decay, network, work, shared, n_layers, segments, s, d_x)
            _head_backward_of(network, weight, d_weight, d_bias, chunk, s, d_outputs, top, d_top)
    else:
        last, d_last = last_output(network, work, segments)
        shape = (1, last.shape[0], last.shape[1])
        top, d_top = view(last, 0, shape), view(d_last, 0, shape)
        _head_backward_of(network, weight, d_weight, d_bias, chunk, 0, d_outputs, top, d_top)


@outer
def _head_forward_of(network: Any, weight: Any, bias: Any, chunk: Any, s: int, top: Any, outputs: Any) -> None:
    """Outputs of a segment, of top (T, B, H); of one output a sequence (1, B, H) and s 0."""
    noinline()
    T, B, H = top.shape
    before, K = chunk.segments[s, AREA_BEFORE], weight.shape[0]
    index = (network.layers.shape[0] - 1) // n_directions(network.options)
    drop_inputs(drops(network.options), index, chunk.samples, chunk.segments[s, FIRST], top)
    linear_forward(view(top, 0, (T * B, H)), weight, bias, view(outputs, before * K, (T * B, K)))


@outer
def _head_backward_of(
    network: Any, weight: Any, d_weight: Any, d_bias: Any, chunk: Any, s: int, d_outputs: Any, top: Any, d_top: Any
) -> None:
    """Gradients of :func:`_head_forward_of`."""
    noinline()
    T, B, H = top.shape
    before, K = chunk.segments[s, AREA_BEFORE], weight.shape[0]
    index = (network.layers.shape[0] - 1) // n_directions(network.options)
    own, flat = view(d_outputs, before * K, (T * B, K)), view(top, 0, (T * B, H))
    linear_backward(own, flat, weight, view(d_top, 0, (T * B, H)), d_weight, d_bias)
    drop_inputs(drops(network.options), index, chunk.samples, chunk.segments[s, FIRST], d_top)


@outer
def network_backward(
    network: Any, parameters: Any, x: Any, chunk: Any, work: Any, d_outputs: Any, d_x: Any, d_parameters: Any
) -> None:
    """Gradients of :func:`network_forward`, its lines in reverse.

    Each d_h and d_c of the first segment's caches end as the gradients of h[0] and c[0].

    d_outputs     (B, K) or (area, K)     in
    d_x           (area, D) or (0, D)     out  empty: not wanted
    d_parameters  (P,)                    out  added to
    """
    options, segments, samples = network.options, chunk.segments, chunk.samples
    directions, both, decay = n_directions(options), both_ways(options), decays(options)
    n_layers, n_segments = (network.layers.shape[0] - 1) // directions, segments.shape[0]
    shared = shared_buffers(network, work, segments)
    for row in range(network.layers.shape[0] - 1):
        for s in range(n_segments):
            cache = layer_cache(network, work, row, segments, s)
            clear(cache.d_h)
            clear(cache.d_c)
    _head_backward(decay, network, parameters, x, chunk, shared, work, d_outputs, d_x, d_parameters)
    for index in range(n_layers - 1, -1, -1):
        copy_output_backward(options, network, shared, work, index, chunk)
        for direction in range(directions):
            row = directions * index + direction
            whole = all_inputs(both, decay, network, work, index, segments, x)
            reverse_inputs(both, direction, whole, chunk.lengths, segments, shared.reversed_inputs)
            weights = layer_weights(network, parameters, network.layers[row])
            d_weights = layer_weights(network, d_parameters, network.layers[row])
            for s in range(n_segments - 1, -1, -1):
                own = input_of(decay, network, work, index, segments, s, x)
                d_own = d_input_of(decay, network, work, shared, index, segments, s, d_x)
                source = in_direction(both, direction, own, shared.reversed_inputs, segments, s)
                d_source = in_direction(both, direction, d_own, shared.d_reversed, segments, s)
                cache = _go_on_backward(network, work, row, segments, s)
                # The top layer of a network with one output a sequence may receive a gradient of its last state alone.
                last_only = not all_steps_of(options, network, index) and cache.c.shape[0] == 0
                d_states = cache.d_states[:0] if last_only else cache.d_states
                layer_backward(network, d_states, source, weights, cache, shared.scratch, d_source, d_weights)
            d_whole = all_d_inputs(both, decay, network, shared, index, segments, d_x)
            add_direction(both, direction, shared.d_reversed, chunk.lengths, segments, d_whole)
            if network.layers[row, H_0] >= 0:
                first = layer_cache(network, work, row, segments, 0)
                _initial_states_backward(first, network.layers[row, H_0], d_parameters)
        for s in range(n_segments):
            d_own = d_input_of(decay, network, work, shared, index, segments, s, d_x)
            drop_inputs(drops(options), index, samples, segments[s, FIRST], d_own)
    decay_inputs_backward(decay, network, parameters, x, chunk, shared, work, d_x, d_parameters)
