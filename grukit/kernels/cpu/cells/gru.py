"""The gated recurrent unit, reset gate after the recurrent product. Equations and legend: :mod:`grukit.kernels`."""

from typing import Any

from grukit.kernels.cpu.cells.decay import decay_in_place, decayed_state, decayed_state_backward, decayed_states
from grukit.kernels.cpu.cells.dropout import mask_states, masked_state, times_mask
from grukit.kernels.cpu.cells.gru_gates import step_backward, step_forward, step_in_lanes, step_of_row
from grukit.kernels.cpu.cells.recurrent import (
    N,
    Q,
    R,
    Z,
    carry,
    keep_ended,
    pack_gate,
    project_steps,
    shortest,
    side_by_side,
    split_candidate,
)
from grukit.kernels.cpu.cells.weight_gradients import add_gradients, begin_gradients, end_gradients, steps_of_gradients
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.elementwise import clear, copy
from grukit.kernels.cpu.products.vectors import (
    NOTHING,
    OUT,
    ROW,
    add_product_in_lanes,
    affine_in_lanes,
    multiply,
    pack_columns,
    pack_rows,
)
from grukit.kernels.cpu.storage.workspace import steps_together


@inner
def gru_forward(x: Any, weights: Any, lengths: Any, masked: bool, cache: Any, scratch: Any) -> None:
    """All steps of one layer, reset gate after the recurrent product.

    x        (T, B, D)      in   inputs
    weights  Weights        in   w_ih (3H, D), w_hh (3H, H), b_ih (3H,), b_hh (3H,)
    lengths  (B,)           in   steps of each row, 0..T; a row keeps its state beyond its end
    masked                  in   whether the state is multiplied by the mask as it enters the recurrent product
    cache    Cache          in   h[0], mask, decay[0];  out  h[1:], decay[1], gates: r, z, q = W_hn h' + b_hn, n
    scratch  (.,)           scratch, as long as ``shared_buffers`` makes it
    """
    h, gates, decay = cache.h, cache.gates, cache.decay
    T, B, H = gates.shape[1:]
    D, size = x.shape[2], B * H
    packed, packed_n = view(scratch, 0, (2, (D + H) * H)), view(scratch, 2 * (D + H) * H, (D * H,))
    rest = rest_of(scratch, (2 * (D + H) + D) * H)
    packed_q, biases, rest = view(rest, 0, (H * H,)), view(rest, H * H, (4, H)), rest_of(rest, (H + 4) * H)
    masked_h, products = view(rest, 0, (B, H)), view(rest, size, (4, B, H))
    entering = view(rest, 5 * size, (B, D + H))
    for gate in range(2):
        pack_gate(weights, gate, packed[gate])
    pack_columns(weights.w_ih[2 * H :], 0, D, packed_n)
    pack_columns(weights.w_hh[2 * H :], 0, H, packed_q)
    for j in range(H):
        biases[R, j] = weights.b_ih[j] + weights.b_hh[j]
        biases[Z, j] = weights.b_ih[H + j] + weights.b_hh[H + j]
        biases[Q, j] = weights.b_hh[2 * H + j]
        biases[N, j] = weights.b_ih[2 * H + j]
    fewest = shortest(lengths)
    flat, flat_products = view(gates, 0, (4, T, size)), view(products, 0, (4, size))
    for t in range(T):
        previous = decayed_state(decay, h, t)
        entered = masked_state(masked, cache.mask, previous, masked_h)
        side_by_side(x[t], entered, entering)
        for gate in range(2):
            multiply(entering, packed[gate], H, ROW, biases[gate], False, products[gate])
        multiply(entered, packed_q, H, ROW, biases[Q], False, products[Q])
        multiply(x[t], packed_n, H, ROW, biases[N], False, products[N])
        step_forward(flat_products, view(previous, 0, (size,)), flat, t, view(h, (t + 1) * size, (size,)))
        if t >= fewest:
            for b in range(B):
                if t >= lengths[b]:
                    carry(h[t], h[t + 1], gates, t, b)


@inner
def gru_backward(
    d_states: Any, x: Any, weights: Any, masked: bool, cache: Any, scratch: Any, d_x: Any, d_weights: Any
) -> None:
    """Gradients of :func:`gru_forward`, the same steps in reverse; ``cache.gates`` is overwritten by the gate gradients.

    d_states   (T, B, H) or (0, B, H)  in   gradient that reaches each h[t+1] from outside; empty: only the last state's
                                       out  all the gradient that reaches it
    x, weights, masked                 in   as in the forward pass
    cache      Cache                   in   as the forward pass left it; d_h of h[T]
                                       out  d_h of h[0]; gates: gradients of the pre-activations r, z, recurrent part of n, n;
                                            decay[0]: its gradient; what entered the product is multiplied by the mask
    scratch    (.,)                    scratch, as long as ``shared_buffers`` makes it
    d_x        (T, B, D) or (0, B, D)  out  gradient of x; empty: not wanted
    d_weights  Weights                 out  added to
    """
    h, gates, decay, mask, d_h = cache.h, cache.gates, cache.decay, cache.mask, cache.d_h
    T, B, H = gates.shape[1:]
    packed, through = view(scratch, 0, (3, H * H)), view(scratch, 3 * H * H, (B * H,))
    made, together = begin_gradients(weights, B, rest_of(scratch, (3 * H + B) * H), d_x), steps_of_gradients(B)
    for gate in range(3):
        pack_rows(weights.w_hh[gate * H : (gate + 1) * H], packed[gate])
    previous = decayed_states(decay, h)
    d, reached, flat = view(d_h, 0, (B * H,)), view(through, 0, (B, H)), view(gates, 0, (4, T, B * H))
    clear(reached)
    for t in range(T - 1, -1, -1):
        step_backward(d_states, view(previous, t * B * H, (B * H,)), flat, t, through, d)
        for gate in range(3):  # their planes are R, Z and Q
            multiply(gates[gate, t], packed[gate], H, NOTHING if gate == 0 else OUT, through, False, reached)
        times_mask(masked, mask, reached)
        decayed_state_backward(decay, h, t, d_h, reached)
        if t % together == 0:
            last = min(t + together, T)
            mask_states(masked, mask, previous[t:last])
            add_gradients(t, last - t, x, previous, previous, Q, gates, made, d_x, d_weights)
    for i in range(B * H):
        d[i] += through[i]
    end_gradients(made, d_weights)


@inner
def gru_pack(w_hh: Any, packed: Any) -> None:
    """Pack the recurrent weights (3H, H), r and z together, n separately."""
    H = w_hh.shape[1]
    pack_columns(w_hh[: 2 * H], 0, H, packed)
    pack_columns(w_hh[2 * H :], 0, H, rest_of(packed, 2 * H * H))


@inner
def gru_steps(x: Any, lengths: Any, weights: Any, decay: Any, h: Any, outputs: Any, work: Any) -> None:
    """All steps of one layer at inference, keeping nothing but the state.

    x        (T, B, D)               in
    lengths  (B,)                    in            steps of each row, 0..T; a row keeps its state beyond its end
    weights  Packed                  in
    decay    (T, B, H) or (0, B, H)  in            factors of the state before each step, where there are any; or None
    h        (B, H)                  in and out
    outputs  (T, B, H) or (0, B, H)  out           the states, where they are wanted
    work     (.,)                    scratch, see ``inference_work_size``
    """
    T, B, _ = x.shape
    H = h.shape[1]
    together = steps_together(T, 3 * B * H)
    projected, rest = view(work, 0, (together, B, 3 * H)), rest_of(work, together * 3 * B * H)
    candidates = view(rest, 0, (B, H))
    w_rz, w_n, b_n = split_candidate(weights, H)
    for t in range(T):
        if t % together == 0:
            project_steps(x, t, min(t + together, T), weights, projected)
        decay_in_place(decay, t, h)
        gates, odd = projected[t % together], t % 2 == 1  # there and back, see ``multiply``
        if odd:
            multiply(h, w_n, H, ROW, b_n, odd, candidates)
        multiply(h, w_rz, 2 * H, OUT, b_n, odd, gates)
        if not odd:
            multiply(h, w_n, H, ROW, b_n, odd, candidates)
        for b in range(B):
            if t < lengths[b]:
                step_of_row(gates[b], candidates[b], h[b])
        if outputs.shape[0] > 0:
            copy(h, outputs[t])


@inner
def gru_lane_steps(x: Any, lengths: Any, weights: Any, h: Any, outputs: Any, work: Any) -> None:
    """As :func:`gru_steps`, the rows in lanes: x (T, D, LANES), h (H, LANES), outputs (T, H, LANES) or (0, H, LANES)."""
    T, _, L = x.shape
    H = h.shape[0]
    size = H * L
    gates, candidates, before = view(work, 0, (3 * H, L)), view(work, 3 * size, (H, L)), view(work, 4 * size, (H, L))
    w_rz, w_n, b_n = split_candidate(weights, H)
    fewest = shortest(lengths)
    for t in range(T):
        affine_in_lanes(weights.w_ih, weights.b_ih, x[t], gates)
        add_product_in_lanes(w_rz, h, view(gates, 0, (2 * H, L)))
        affine_in_lanes(w_n, b_n, h, candidates)
        if t >= fewest:
            copy(h, before)
        step_in_lanes(view(gates, 0, (3, size)), view(candidates, 0, (size,)), view(h, 0, (size,)))
        if t >= fewest:
            keep_ended(before, lengths, t, h)
        if outputs.shape[0] > 0:
            copy(h, outputs[t])
