"""The cell of a network is its type: names that a kernel calls, resolved to one cell's loops when it is compiled."""

from typing import Any

from grukit.kernels.cpu.cells.dual_state import (
    Y,
    dual_state_backward,
    dual_state_forward,
)
from grukit.kernels.cpu.cells.dual_state_steps import dual_state_pack, dual_state_steps
from grukit.kernels.cpu.cells.gru import gru_backward, gru_forward, gru_lane_steps, gru_pack, gru_steps
from grukit.kernels.cpu.cells.gru_reset_before import (
    gru_reset_before_backward,
    gru_reset_before_forward,
    gru_reset_before_lane_steps,
    gru_reset_before_steps,
)
from grukit.kernels.cpu.compiler.intrinsics import noinline
from grukit.kernels.cpu.compiler.jit import overloaded
from grukit.kernels.cpu.products.elementwise import clear
from grukit.kernels.cpu.storage.layout import GRU, DualState, GRUResetBefore, drops, masks_states


def layer_forward(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, scratch: Any) -> None:
    """All steps of one direction of a layer."""
    raise NotImplementedError("kernels only")


@overloaded(layer_forward)
def _layer_forward(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, scratch: Any) -> Any:
    def gru(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, scratch: Any) -> None:
        noinline()
        forward(x, weights, lengths, masks_states(drops(network.options)), cache, scratch)

    def dual_state(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, scratch: Any) -> None:
        noinline()
        dual_state_forward(x, weights, network.damped, cache, scratch)

    if network.instance_class is DualState:
        return dual_state
    forward = {GRU: gru_forward, GRUResetBefore: gru_reset_before_forward}[network.instance_class]
    return gru


def layer_backward(
    network: Any, d_states: Any, x: Any, weights: Any, cache: Any, scratch: Any, d_x: Any, d_weights: Any
) -> None:
    """The gradients of :func:`layer_forward`."""
    raise NotImplementedError("kernels only")


@overloaded(layer_backward)
def _layer_backward(
    network: Any, d_states: Any, x: Any, weights: Any, cache: Any, scratch: Any, d_x: Any, d_weights: Any
) -> Any:
    def gru(
        network: Any, d_states: Any, x: Any, weights: Any, cache: Any, scratch: Any, d_x: Any, d_weights: Any
    ) -> None:
        noinline()
        masked = masks_states(drops(network.options))
        backward(d_states, x, weights, masked, cache, scratch, d_x, d_weights)

    def dual_state(
        network: Any, d_states: Any, x: Any, weights: Any, cache: Any, scratch: Any, d_x: Any, d_weights: Any
    ) -> None:
        noinline()
        dual_state_backward(d_states, x, weights, network.damped, cache, scratch, d_x, d_weights)

    if network.instance_class is DualState:
        return dual_state
    backward = {GRU: gru_backward, GRUResetBefore: gru_reset_before_backward}[network.instance_class]
    return gru


def layer_output(network: Any, cache: Any) -> Any:
    """The outputs of one direction of a layer at every step, (T, B, H)."""
    raise NotImplementedError("kernels only")


@overloaded(layer_output)
def _layer_output(network: Any, cache: Any) -> Any:
    def gru(network: Any, cache: Any) -> Any:
        return cache.h[1:]

    def dual_state(network: Any, cache: Any) -> Any:
        return cache.gates[Y]

    return dual_state if network.instance_class is DualState else gru


def final_output(network: Any, cache: Any, lengths: Any, first: int, left: int, out: Any) -> None:
    """What a direction outputs after each row's own last step, into the columns of out (B, .) from ``left`` on.

    Of the rows of the cache from ``first`` on; ``lengths`` are steps of the cache.
    """
    raise NotImplementedError("kernels only")


@overloaded(final_output)
def _final_output(network: Any, cache: Any, lengths: Any, first: int, left: int, out: Any) -> Any:
    def gru(network: Any, cache: Any, lengths: Any, first: int, left: int, out: Any) -> None:
        last = cache.h[cache.h.shape[0] - 1]  # a row keeps its state beyond its end
        for b in range(first, last.shape[0]):
            for j in range(last.shape[1]):
                out[b, left + j] = last[b, j]

    def dual_state(network: Any, cache: Any, lengths: Any, first: int, left: int, out: Any) -> None:
        for b in range(first, lengths.size):
            for j in range(cache.h.shape[2]):
                out[b, left + j] = cache.gates[Y, lengths[b] - 1, b, j]

    return dual_state if network.instance_class is DualState else gru


def final_output_backward(network: Any, d_out: Any, lengths: Any, first: int, left: int, cache: Any) -> None:
    """The gradient of :func:`final_output`, into ``d_h``, or into ``d_states``, which is zero otherwise."""
    raise NotImplementedError("kernels only")


@overloaded(final_output_backward)
def _final_output_backward(network: Any, d_out: Any, lengths: Any, first: int, left: int, cache: Any) -> Any:
    def gru(network: Any, d_out: Any, lengths: Any, first: int, left: int, cache: Any) -> None:
        for b in range(first, cache.d_h.shape[0]):
            for j in range(cache.d_h.shape[1]):
                cache.d_h[b, j] = d_out[b, left + j]

    def dual_state(network: Any, d_out: Any, lengths: Any, first: int, left: int, cache: Any) -> None:
        for t in range(cache.d_states.shape[0]):
            clear(cache.d_states[t])
        for b in range(first, lengths.size):
            for j in range(cache.d_h.shape[1]):
                cache.d_states[lengths[b] - 1, b, j] = d_out[b, left + j]

    return dual_state if network.instance_class is DualState else gru


def pack_recurrent(network: Any, w_hh: Any, packed: Any) -> None:
    """Pack the recurrent weights (G H, H) for :func:`layer_steps`."""
    raise NotImplementedError("kernels only")


@overloaded(pack_recurrent)
def _pack_recurrent(network: Any, w_hh: Any, packed: Any) -> Any:
    pack = {GRU: gru_pack, GRUResetBefore: gru_pack, DualState: dual_state_pack}[network.instance_class]

    def run(network: Any, w_hh: Any, packed: Any) -> None:
        pack(w_hh, packed)

    return run


def layer_steps(
    network: Any, x: Any, lengths: Any, weights: Any, decay: Any, states: Any, outputs: Any, work: Any
) -> None:
    """All steps of one direction of a layer at inference."""
    raise NotImplementedError("kernels only")


@overloaded(layer_steps)
def _layer_steps(
    network: Any, x: Any, lengths: Any, weights: Any, decay: Any, states: Any, outputs: Any, work: Any
) -> Any:
    def gru(network: Any, x: Any, lengths: Any, weights: Any, decay: Any, states: Any, outputs: Any, work: Any) -> None:
        noinline()
        steps(x, lengths, weights, decay, states[0], outputs, work)

    def dual_state(
        network: Any, x: Any, lengths: Any, weights: Any, decay: Any, states: Any, outputs: Any, work: Any
    ) -> None:
        noinline()
        dual_state_steps(x, lengths, weights, network.damped, states, outputs, work)

    if network.instance_class is DualState:
        return dual_state
    steps = {GRU: gru_steps, GRUResetBefore: gru_reset_before_steps}[network.instance_class]
    return gru


def layer_lane_steps(network: Any, x: Any, lengths: Any, weights: Any, h: Any, outputs: Any, work: Any) -> None:
    """All steps of a layer at inference, the rows in lanes; of a network without options."""
    raise NotImplementedError("kernels only")


@overloaded(layer_lane_steps)
def _layer_lane_steps(network: Any, x: Any, lengths: Any, weights: Any, h: Any, outputs: Any, work: Any) -> Any:
    steps = {GRU: gru_lane_steps, GRUResetBefore: gru_reset_before_lane_steps}[network.instance_class]

    def run(network: Any, x: Any, lengths: Any, weights: Any, h: Any, outputs: Any, work: Any) -> None:
        noinline()
        steps(x, lengths, weights, h, outputs, work)

    return run
