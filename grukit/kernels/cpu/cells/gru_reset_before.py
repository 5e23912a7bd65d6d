"""The gated recurrent unit, reset gate before the recurrent product. Equations and legend: :mod:`grukit.kernels`."""

from typing import Any

from grukit.kernels.cpu.cells.decay import decay_in_place, decayed_state, decayed_state_backward, decayed_states
from grukit.kernels.cpu.cells.dropout import mask_states, masked_state, times_mask
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
from grukit.kernels.scalar import ONE, sigmoid, tanh


@inner
def gru_reset_before_forward(x: Any, weights: Any, lengths: Any, masked: bool, cache: Any, scratch: Any) -> None:
    """All steps of one layer, reset gate before the recurrent product (Cho et al. 2014).

    Arguments as :func:`gru_forward`, but the plane q of ``gates`` holds r * h' (times the mask), the input of the candidate's
    product.
    """
    h, gates, decay = cache.h, cache.gates, cache.decay
    T, B, H = gates.shape[1:]
    D, size = x.shape[2], B * H
    packed, packed_n = view(scratch, 0, (2, (D + H) * H)), view(scratch, 2 * (D + H) * H, (D * H,))
    rest = rest_of(scratch, (2 * (D + H) + D) * H)
    packed_h, biases, rest = view(rest, 0, (H * H,)), view(rest, H * H, (3, H)), rest_of(rest, (H + 4) * H)
    masked_h, entering = view(rest, 0, (B, H)), view(rest, size, (B, D + H))
    for gate in range(2):
        pack_gate(weights, gate, packed[gate])
    pack_columns(weights.w_ih[2 * H :], 0, D, packed_n)
    pack_columns(weights.w_hh[2 * H :], 0, H, packed_h)
    for gate in range(3):
        for j in range(H):
            biases[gate, j] = weights.b_ih[gate * H + j] + weights.b_hh[gate * H + j]
    for t in range(T):
        previous = decayed_state(decay, h, t)
        entered = masked_state(masked, cache.mask, previous, masked_h)
        side_by_side(x[t], entered, entering)
        for gate in range(2):
            multiply(entering, packed[gate], H, ROW, biases[gate], False, gates[gate, t])
        r, z, reset, n = gates[R, t], gates[Z, t], gates[Q, t], gates[N, t]
        for b in range(B):
            for j in range(H):
                r_j = sigmoid(r[b, j])
                r[b, j] = r_j
                z[b, j] = sigmoid(z[b, j])
                reset[b, j] = r_j * entered[b, j]
        multiply(x[t], packed_n, H, ROW, biases[2], False, n)
        multiply(reset, packed_h, H, OUT, biases[2], False, n)
        for b in range(B):
            if t >= lengths[b]:
                carry(h[t], h[t + 1], gates, t, b)
                continue
            for j in range(H):
                n_j = tanh(n[b, j])
                n[b, j] = n_j
                h[t + 1, b, j] = n_j + z[b, j] * (previous[b, j] - n_j)


@inner
def gru_reset_before_backward(
    d_states: Any, x: Any, weights: Any, masked: bool, cache: Any, scratch: Any, d_x: Any, d_weights: Any
) -> None:
    """Gradients of :func:`gru_reset_before_forward`; arguments as :func:`gru_backward`."""
    h, gates, decay, mask, d_h = cache.h, cache.gates, cache.decay, cache.mask, cache.d_h
    T, B, H = gates.shape[1:]
    packed = view(scratch, 0, (3, H * H))
    for gate in range(3):
        pack_rows(weights.w_hh[gate * H : (gate + 1) * H], packed[gate])
    through, d_reset = view(scratch, 3 * H * H, (B, H)), view(scratch, (3 * H + B) * H, (B, H))
    made, together = begin_gradients(weights, B, rest_of(scratch, (3 * H + 2 * B) * H), d_x), steps_of_gradients(B)
    previous = decayed_states(decay, h)
    clear(through)
    for t in range(T - 1, -1, -1):
        for b in range(B):
            for j in range(H):
                d = d_h[b, j] + through[b, j]
                if d_states.shape[0] > 0:
                    d += d_states[t, b, j]
                    d_states[t, b, j] = d
                z, n = gates[Z, t, b, j], gates[N, t, b, j]
                d_h[b, j] = d * z
                gates[Z, t, b, j] = d * (previous[t, b, j] - n) * (z - z * z)
                gates[N, t, b, j] = d * (ONE - z) * (ONE - n * n)
        multiply(gates[N, t], packed[2], H, NOTHING, packed[2], False, d_reset)
        times_mask(masked, mask, d_reset)
        for b in range(B):
            for j in range(H):
                r = gates[R, t, b, j]
                d_h[b, j] += d_reset[b, j] * r
                gates[R, t, b, j] = d_reset[b, j] * previous[t, b, j] * (r - r * r)
        for gate in range(2):
            multiply(gates[gate, t], packed[gate], H, NOTHING if gate == 0 else OUT, packed[2], False, through)
        times_mask(masked, mask, through)
        decayed_state_backward(decay, h, t, d_h, through)
        if t % together == 0:
            last = min(t + together, T)
            mask_states(masked, mask, previous[t:last])
            add_gradients(t, last - t, x, previous, gates[Q], N, gates, made, d_x, d_weights)
    for b in range(B):
        for j in range(H):
            d_h[b, j] += through[b, j]
    end_gradients(made, d_weights)


@inner
def gru_reset_before_steps(x: Any, lengths: Any, weights: Any, decay: Any, h: Any, outputs: Any, work: Any) -> None:
    """As :func:`gru_steps`, reset gate before the recurrent product; the weights are packed alike."""
    T, B, _ = x.shape
    H = h.shape[1]
    size = B * H
    together = steps_together(T, 3 * size)
    projected, rest = view(work, 0, (together, B, 3 * H)), rest_of(work, together * 3 * size)
    reset, candidates = view(rest, 0, (B, H)), view(rest, size, (B, H))
    w_rz, w_n, b_n = split_candidate(weights, H)
    for t in range(T):
        if t % together == 0:
            project_steps(x, t, min(t + together, T), weights, projected)
        decay_in_place(decay, t, h)
        gates = projected[t % together]
        multiply(h, w_rz, 2 * H, OUT, b_n, t % 2 == 1, gates)
        for b in range(B):
            _reset(gates[b], h[b], reset[b])
        multiply(reset, w_n, H, ROW, b_n, t % 2 == 1, candidates)
        for b in range(B):
            if t < lengths[b]:
                _update(gates[b], candidates[b], h[b])
        if outputs.shape[0] > 0:
            copy(h, outputs[t])


@inner
def gru_reset_before_lane_steps(x: Any, lengths: Any, weights: Any, h: Any, outputs: Any, work: Any) -> None:
    """As :func:`gru_lane_steps`, reset gate before the recurrent product."""
    T, _, L = x.shape
    H = h.shape[0]
    size = H * L
    gates, candidates, before = view(work, 0, (3 * H, L)), view(work, 3 * size, (H, L)), view(work, 4 * size, (H, L))
    reset = view(work, 5 * size, (H, L))
    w_rz, w_n, b_n = split_candidate(weights, H)
    fewest = shortest(lengths)
    for t in range(T):
        affine_in_lanes(weights.w_ih, weights.b_ih, x[t], gates)
        add_product_in_lanes(w_rz, h, view(gates, 0, (2 * H, L)))
        _reset(view(gates, 0, (3 * size,)), view(h, 0, (size,)), view(reset, 0, (size,)))
        affine_in_lanes(w_n, b_n, reset, candidates)
        if t >= fewest:
            copy(h, before)
        _update(view(gates, 0, (3 * size,)), view(candidates, 0, (size,)), view(h, 0, (size,)))
        if t >= fewest:
            keep_ended(before, lengths, t, h)
        if outputs.shape[0] > 0:
            copy(h, outputs[t])


@inner
def _reset(gates: Any, h: Any, reset: Any) -> None:
    """Write r h' of one row, or of rows in lanes, flat (n,), into ``reset``; gates (3n,)."""
    for j in range(h.size):
        reset[j] = sigmoid(gates[j]) * h[j]


@inner
def _update(gates: Any, candidates: Any, h: Any) -> None:
    """The rest of the step; candidates W_hn (r h') + b_hn (n,) in, h (n,) in and out."""
    n = h.size
    for j in range(n):
        z = sigmoid(gates[n + j])
        candidate = tanh(gates[2 * n + j] + candidates[j])
        h[j] = candidate + z * (h[j] - candidate)
