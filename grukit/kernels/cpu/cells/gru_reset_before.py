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
    layer_gradients,
    pack_inputs,
    project_inputs,
    project_steps,
    shortest,
    split_candidate,
)
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.matrices import (
    accumulate,
    clear,
    copy,
    fill,
    pack,
    panel_width,
    product_packed,
    step_width,
)
from grukit.kernels.cpu.products.vectors import add_product_in_lanes, affine_in_lanes
from grukit.kernels.cpu.storage.workspace import steps_together
from grukit.kernels.scalar import ONE, sigmoid, tanh


@inner
def gru_reset_before_forward(
    x: Any, weights: Any, lengths: Any, masked: bool, cache: Any, rows: Any, scratch: Any
) -> None:
    """All steps of one layer, reset gate before the recurrent product (Cho et al. 2014).

    Arguments as :func:`gru_forward`, but the plane q of ``gates`` holds r * h' (times
    the mask), the input of the candidate's product.
    """
    h, gates, decay = cache.h, cache.gates, cache.decay
    T, B, H = gates.shape[1:]
    size = B * H
    rows_rz, rows_n = view(rows, 0, (B, 2 * H)), view(rows, 2 * size, (B, H))
    D = x.shape[2]
    width_rz, width_n = panel_width(B, H, 2 * H), panel_width(B, H, H)
    packed_rz, packed_n = view(scratch, 0, (2 * H * H,)), view(scratch, 2 * H * H, (H * H,))
    packed_ih, rest = view(scratch, 3 * H * H, (3 * H * (D + 1),)), rest_of(scratch, 3 * H * (H + D + 1))
    masked_h, ones = view(rest, 0, (B, H)), rest_of(rest, size)
    pack_inputs(weights, 3, packed_ih)
    together = steps_together(T, 4 * size)
    pack(weights.w_hh[: 2 * H].T, width_rz, packed_rz)
    pack(weights.w_hh[2 * H :].T, width_n, packed_n)
    for t in range(T):
        if t % together == 0:
            project_inputs(x, packed_ih, t, min(t + together, T), (R, Z, N), ones, gates)
        previous = decayed_state(decay, h, t)
        entered = masked_state(masked, cache.mask, previous, masked_h)
        product_packed(entered, packed_rz, width_rz, 2 * H, 0.0, rows_rz)
        for b in range(B):
            for j in range(H):
                r = sigmoid(gates[R, t, b, j] + rows_rz[b, j])
                gates[R, t, b, j] = r
                gates[Z, t, b, j] = sigmoid(gates[Z, t, b, j] + rows_rz[b, H + j])
                gates[Q, t, b, j] = r * entered[b, j]
        product_packed(gates[Q, t], packed_n, width_n, H, 0.0, rows_n)
        for b in range(B):
            if t >= lengths[b]:
                carry(h[t], h[t + 1], gates, t, b)
                continue
            for j in range(H):
                n = tanh(gates[N, t, b, j] + rows_n[b, j])
                gates[N, t, b, j] = n
                h[t + 1, b, j] = n + gates[Z, t, b, j] * (previous[b, j] - n)


@inner
def gru_reset_before_backward(
    d_states: Any, x: Any, weights: Any, masked: bool, cache: Any, rows: Any, scratch: Any, d_x: Any, d_weights: Any
) -> None:
    """Gradients of :func:`gru_reset_before_forward`; arguments as :func:`gru_backward`."""
    h, gates, decay, mask, d_h = cache.h, cache.gates, cache.decay, cache.mask, cache.d_h
    T, B, H = gates.shape[1:]
    width_rz, width_n = panel_width(B, 2 * H, H), panel_width(B, H, H)
    packed_rz, packed_n = view(scratch, 0, (2 * H * H,)), view(scratch, 2 * H * H, (H * H,))
    pack(weights.w_hh[: 2 * H], width_rz, packed_rz)
    pack(weights.w_hh[2 * H :], width_n, packed_n)
    rows_rz, d_reset = view(rows, 0, (B, 2 * H)), view(rows, 2 * B * H, (B, H))
    through = view(scratch, 3 * H * H, (B, H))
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
        product_packed(gates[N, t], packed_n, width_n, H, 0.0, d_reset)
        times_mask(masked, mask, d_reset)
        for b in range(B):
            for j in range(H):
                r = gates[R, t, b, j]
                d_h[b, j] += d_reset[b, j] * r
                rows_rz[b, j] = gates[R, t, b, j] = d_reset[b, j] * previous[t, b, j] * (r - r * r)
                rows_rz[b, H + j] = gates[Z, t, b, j]
        product_packed(rows_rz, packed_rz, width_rz, H, 0.0, through)
        times_mask(masked, mask, through)
        decayed_state_backward(decay, h, t, d_h, through)
    for b in range(B):
        for j in range(H):
            d_h[b, j] += through[b, j]
    mask_states(masked, mask, previous)
    layer_gradients(x, previous, gates[Q], N, weights, gates, scratch, d_x, d_weights)


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
    width_rz, width_n = step_width(B, H, 2 * H, w_rz), step_width(B, H, H, w_n)
    for t in range(T):
        if t % together == 0:
            project_steps(x, t, min(t + together, T), weights, projected)
        decay_in_place(decay, t, h)
        gates = projected[t % together]
        accumulate(h, w_rz, width_rz, 2 * H, t, gates)
        for b in range(B):
            _reset(gates[b], h[b], reset[b])
        fill(b_n, candidates)
        accumulate(reset, w_n, width_n, H, t, candidates)
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
