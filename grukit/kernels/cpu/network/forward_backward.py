"""The whole network on one chunk of sequences: stacked recurrent layers and a linear head, forward and backward.

All storage of a chunk is cut from one flat workspace (:mod:`grukit.kernels.cpu.storage.workspace`); nothing is allocated in
the loops. A layer reads the states of the one below where they lie. Only where they are joined from two directions, changed
by dropout or read at each row's own end does it read a copy, ``copied_output``.
"""

from typing import Any

from grukit.kernels.cpu.cells.decay import decay_backward, decay_forward
from grukit.kernels.cpu.cells.dispatch import (
    final_output,
    final_output_backward,
    layer_backward,
    layer_forward,
    layer_output,
)
from grukit.kernels.cpu.cells.dropout import draw_mask, drop_inputs
from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import outer
from grukit.kernels.cpu.network.directions import add_direction, in_direction, in_direction_backward, join, split
from grukit.kernels.cpu.network.linear import linear_backward, linear_forward
from grukit.kernels.cpu.products.elementwise import clear
from grukit.kernels.cpu.storage.layout import (
    H_0,
    INPUTS,
    both_ways,
    cell_storage,
    decays,
    drops,
    head_weights,
    layer_weights,
    n_directions,
)
from grukit.kernels.cpu.storage.workspace import (
    copied_output,
    copies_outputs,
    decayed_inputs,
    layer_cache,
    shared_buffers,
)
from grukit.kernels.scalar import ZERO


@outer
def initial_states(network: Any, parameters: Any, work: Any, T: int, B: int) -> None:
    """Set the states before the first step: learned ones, or zeros."""
    noinline()
    for row in range(network.layers.shape[0] - 1):
        cache, offset = layer_cache(network, work, row, T, B), network.layers[row, H_0]
        for b in range(B):
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
def network_forward(network: Any, parameters: Any, x: Any, lengths: Any, samples: Any, work: Any, outputs: Any) -> None:
    """Outputs of a chunk. The initial states, h[0] and c[0] of each cache, are the caller's to set.

    parameters  (P,)               in
    x           (T, B, D)          in   out where dropout changes it
    lengths     (B,)               in   steps of each row
    samples     (B,)               in   numbers of the samples, on which dropout depends
    work        (work_size,)       in   initial states;  out  caches
    outputs     (B, K) or (T B, K) out  after each row's last step, or after every step
    """
    T, B, _ = x.shape
    options = network.options
    directions = n_directions(options)
    n_layers = (network.layers.shape[0] - 1) // directions
    shared = shared_buffers(network, work, T, B)
    below = _decay(decays(options), network, parameters, x, lengths, work)
    for index in range(n_layers):
        drop_inputs(drops(options), index, samples, below)
        for direction in range(directions):
            row = directions * index + direction
            cache = layer_cache(network, work, row, T, B)
            source = in_direction(both_ways(options), direction, below, lengths, shared.reversed_inputs)
            draw_mask(drops(options), row, samples, cache.mask)
            weights = layer_weights(network, parameters, network.layers[row])
            layer_forward(network, source, weights, lengths, cache, shared.rows, shared.scratch)
        _copy_output(options, network, work, index, lengths, T, B)
        below = _output_of(options, network, work, index, T, B)
    weight, bias = head_weights(parameters, network.layers[-1])
    drop_inputs(drops(options), n_layers, samples, below)
    linear_forward(view(below, 0, (outputs.shape[0], below.shape[2])), weight, bias, outputs)


@outer
def network_backward(
    network: Any,
    parameters: Any,
    x: Any,
    lengths: Any,
    samples: Any,
    work: Any,
    d_outputs: Any,
    d_x: Any,
    d_parameters: Any,
) -> None:
    """Gradients of :func:`network_forward`, its lines in reverse. Each cache's d_h and d_c end as those of h[0] and c[0].

    d_outputs     (B, K) or (T B, K)      in
    d_x           (T, B, D) or (0, B, D)  out  empty: not wanted
    d_parameters  (P,)                    out  added to
    """
    T, B, _ = x.shape
    options = network.options
    directions = n_directions(options)
    n_layers = (network.layers.shape[0] - 1) // directions
    shared = shared_buffers(network, work, T, B)
    weight, _ = head_weights(parameters, network.layers[-1])
    d_weight, d_bias = head_weights(d_parameters, network.layers[-1])
    top = _output_of(options, network, work, n_layers - 1, T, B)
    d_top = _d_output_of(options, network, shared, work, n_layers - 1, T, B)
    for row in range(network.layers.shape[0] - 1):
        cache = layer_cache(network, work, row, T, B)
        clear(cache.d_h)
        clear(cache.d_c)
    flat = view(top, 0, (d_outputs.shape[0], top.shape[2]))
    linear_backward(d_outputs, flat, weight, view(d_top, 0, flat.shape), d_weight, d_bias)
    drop_inputs(drops(options), n_layers, samples, d_top)
    for index in range(n_layers - 1, -1, -1):
        below, d_below = _first_inputs(decays(options), network, x, d_x, shared, work)
        if index > 0:
            below = _output_of(options, network, work, index - 1, T, B)
            d_below = _d_output_of(options, network, shared, work, index - 1, T, B)
        _output_backward_of(options, network, shared, work, index, lengths, T, B)
        for direction in range(directions):
            row = directions * index + direction
            cache = layer_cache(network, work, row, T, B)
            source = in_direction(both_ways(options), direction, below, lengths, shared.reversed_inputs)
            d_source = in_direction_backward(both_ways(options), direction, d_below, shared.d_reversed)
            # The top layer of a network with one output a sequence may receive a gradient of its last state alone.
            last_only = not network.per_step and index == n_layers - 1 and cache.c.shape[0] == 0
            d_states = cache.d_states[:0] if last_only else cache.d_states
            weights = layer_weights(network, parameters, network.layers[row])
            d_weights = layer_weights(network, d_parameters, network.layers[row])
            layer_backward(network, d_states, source, weights, cache, shared.rows, shared.scratch, d_source, d_weights)
            add_direction(both_ways(options), direction, d_source, lengths, d_below)
            if network.layers[row, H_0] >= 0:
                _initial_states_backward(cache, network.layers[row, H_0], d_parameters)
        drop_inputs(drops(options), index, samples, d_below)
    _decay_backward(decays(options), network, parameters, x, lengths, shared, work, d_x, d_parameters)


# --- what options add, forward and backward -----------------------------------------------------------------------------


@outer
def _decay(decay: Any, network: Any, parameters: Any, x: Any, lengths: Any, work: Any) -> Any:
    """Inputs of the first layer: x (T, B, D), or, of missing values, what decay makes of it."""
    if decay is None:
        return x
    T, B, _ = x.shape
    inputs = decayed_inputs(network, work, T, B)
    decay_forward(network, parameters, x, lengths, inputs, layer_cache(network, work, 0, T, B).decay[0])
    return inputs


@outer
def _first_inputs(decay: Any, network: Any, x: Any, d_x: Any, shared: Any, work: Any) -> Any:
    """What :func:`_decay` returned, and where its gradient is written."""
    if decay is None:
        return x, d_x
    T, B, _ = x.shape
    inputs = decayed_inputs(network, work, T, B)
    return inputs, view(shared.d_inputs, 0, inputs.shape)


@outer
def _decay_backward(
    decay: Any,
    network: Any,
    parameters: Any,
    x: Any,
    lengths: Any,
    shared: Any,
    work: Any,
    d_x: Any,
    d_parameters: Any,
) -> None:
    """Gradients of :func:`_decay`."""
    if decay is None:
        return
    T, B, _ = x.shape
    d_inputs = view(shared.d_inputs, 0, (T, B, network.layers[0, INPUTS]))
    d_state = layer_cache(network, work, 0, T, B).decay[0]
    decay_backward(network, parameters, x, lengths, d_inputs, d_state, d_x, d_parameters)


# --- outputs of layers --------------------------------------------------------------------------------------------------


@outer
def _all_steps_of(options: Any, network: Any, index: int) -> bool:
    """Whether layer ``index`` outputs its states at all steps, or only the last, for the head of one output a sequence."""
    return network.per_step or (index + 1) * n_directions(options) < network.layers.shape[0] - 1


@outer
def _copy_output(options: Any, network: Any, work: Any, index: int, lengths: Any, T: int, B: int) -> None:
    """Copy the output of layer ``index``, unless it is read where it lies."""
    noinline()
    if options is None:
        return
    if copies_outputs(options, cell_storage(network).memory):
        out = copied_output(network, work, index, T, B)
        for direction in range(n_directions(options)):
            cache = layer_cache(network, work, n_directions(options) * index + direction, T, B)
            if _all_steps_of(options, network, index):
                join(layer_output(network, cache), lengths, direction, out)
            else:
                final_output(network, cache, lengths, direction * cache.h.shape[2], out[0])


@outer
def _output_of(options: Any, network: Any, work: Any, index: int, T: int, B: int) -> Any:
    """The output of layer ``index``: its states (T, B, units), or (1, B, units), the last."""
    noinline()
    whole = _all_steps_of(options, network, index)
    if options is not None and copies_outputs(options, cell_storage(network).memory):
        out = copied_output(network, work, index, T, B)
        return out if whole else out[:1]
    states = layer_output(network, layer_cache(network, work, index, T, B))
    return states if whole else states[T - 1 :]


@outer
def _d_output_of(options: Any, network: Any, shared: Any, work: Any, index: int, T: int, B: int) -> Any:
    """Where the gradient of the output of layer ``index`` is written: its own place, or, of a copy, the shared buffer."""
    noinline()
    whole = _all_steps_of(options, network, index)
    if options is not None and copies_outputs(options, cell_storage(network).memory):
        units = network.layers[n_directions(options) * (index + 1), INPUTS]
        return view(shared.d_inputs, 0, (T if whole else 1, B, units))
    cache = layer_cache(network, work, index, T, B)
    return cache.d_states if whole else view(cache.d_h, 0, (1, B, cache.d_h.shape[1]))


@outer
def _output_backward_of(
    options: Any, network: Any, shared: Any, work: Any, index: int, lengths: Any, T: int, B: int
) -> None:
    """Part the gradient of a copy into its directions' ``d_states`` and ``d_h``."""
    noinline()
    if options is None:
        return
    if copies_outputs(options, cell_storage(network).memory):
        d_inputs = _d_output_of(options, network, shared, work, index, T, B)
        for direction in range(n_directions(options)):
            cache = layer_cache(network, work, n_directions(options) * index + direction, T, B)
            if _all_steps_of(options, network, index):
                split(d_inputs, lengths, direction, cache.d_states)
            else:
                final_output_backward(network, d_inputs[0], lengths, direction * cache.h.shape[2], cache)
