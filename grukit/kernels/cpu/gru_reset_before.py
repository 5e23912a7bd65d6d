"""The gated recurrent unit, reset gate before the recurrent product. Equations and legend: :mod:`grukit.kernels`."""

from typing import Any

from grukit.kernels.cpu._jit import inner, view
from grukit.kernels.cpu.products import clear, copy, multiply, pack, panel_width, product_packed, step_width
from grukit.kernels.cpu.recurrent import (
    PROJECTED,
    N,
    Q,
    R,
    Z,
    carry,
    decay_in_place,
    decayed_state,
    decayed_state_backward,
    decayed_states,
    joint_biases,
    layer_gradients,
    mask_states,
    masked_gradient,
    masked_state,
    project_inputs,
    project_steps,
    steps_together,
)
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
    packed_rz, packed_n = scratch[: 2 * H * H], scratch[2 * H * H : 3 * H * H]
    packed_ih, rest = scratch[3 * H * H : 3 * H * (H + D)], scratch[3 * H * (H + D) :]
    biases, rest = view(rest, 0, (3, H)), rest[3 * H :]
    thinned, part = view(rest, 0, (B, H)), rest[size:]
    joint_biases(weights, 3, biases)
    pack(weights.w_ih.T, H, packed_ih)
    together = max(1, PROJECTED // (4 * size))
    pack(weights.w_hh[: 2 * H].T, width_rz, packed_rz)
    pack(weights.w_hh[2 * H :].T, width_n, packed_n)
    for t in range(T):
        if t % together == 0:
            project_inputs(x, packed_ih, biases, t, min(t + together, T), gates)
        previous = decayed_state(decay, h, t)
        entered = masked_state(masked, cache.mask, previous, thinned)
        product_packed(entered, packed_rz, width_rz, part, rows_rz)
        for b in range(B):
            for j in range(H):
                r = sigmoid(gates[R, t, b, j] + rows_rz[b, j])
                gates[R, t, b, j] = r
                gates[Z, t, b, j] = sigmoid(gates[Z, t, b, j] + rows_rz[b, H + j])
                gates[Q, t, b, j] = r * entered[b, j]
        product_packed(gates[Q, t], packed_n, width_n, part, rows_n)
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
    packed_rz, packed_n = scratch[: 2 * H * H], scratch[2 * H * H : 3 * H * H]
    pack(weights.w_hh[: 2 * H], width_rz, packed_rz)
    pack(weights.w_hh[2 * H :], width_n, packed_n)
    rows_rz, d_reset = view(rows, 0, (B, 2 * H)), view(rows, 2 * B * H, (B, H))
    through = view(scratch, 3 * H * H, (B, H))
    part = scratch[3 * H * H + B * H :]
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
        product_packed(gates[N, t], packed_n, width_n, part, d_reset)
        masked_gradient(masked, mask, d_reset)
        for b in range(B):
            for j in range(H):
                r = gates[R, t, b, j]
                d_h[b, j] += d_reset[b, j] * r
                rows_rz[b, j] = gates[R, t, b, j] = d_reset[b, j] * previous[t, b, j] * (r - r * r)
                rows_rz[b, H + j] = gates[Z, t, b, j]
        product_packed(rows_rz, packed_rz, width_rz, part, through)
        masked_gradient(masked, mask, through)
        decayed_state_backward(decay, h, t, d_h, through)
    for b in range(B):
        for j in range(H):
            d_h[b, j] += through[b, j]
    mask_states(masked, mask, previous)
    layer_gradients(x, previous, gates[Q], N, weights, gates, scratch, d_x, d_weights)


@inner
def gru_reset_before_pack(w_hh: Any, rows: int, packed: Any) -> None:
    """As :func:`gru_pack`: the gates r and z together, the candidate apart."""
    H = w_hh.shape[1]
    pack(w_hh[: 2 * H].T, step_width(rows, H, 2 * H, packed), packed[: 2 * H * H])
    pack(w_hh[2 * H :].T, step_width(rows, H, H, packed), packed[2 * H * H :])


@inner
def gru_reset_before_steps(x: Any, lengths: Any, weights: Any, decay: Any, h: Any, outputs: Any, work: Any) -> None:
    """As :func:`gru_steps`, reset gate before the recurrent product."""
    T, B, _ = x.shape
    H = h.shape[1]
    size = B * H
    together = steps_together(T, 3 * size)
    projected, rest = view(work, 0, (together, B, 3 * H)), work[together * 3 * size :]
    rows, reset = view(rest, 0, (B, 2 * H)), view(rest, 2 * size, (B, H))
    rows_n, part = view(rest, 3 * size, (B, H)), rest[4 * size :]
    w_rz, w_n = weights.w_hh[: 2 * H * H], weights.w_hh[2 * H * H :]
    width_rz, width_n = step_width(B, H, 2 * H, w_rz), step_width(B, H, H, w_n)
    for t in range(T):
        if t % together == 0:
            project_steps(x, t, min(t + together, T), weights, part, projected)
        decay_in_place(decay, t, h)
        multiply(h, w_rz, width_rz, part, rows)
        for b in range(B):
            _reset(projected[t % together, b], rows[b], h[b], reset[b])
        multiply(reset, w_n, width_n, part, rows_n)
        for b in range(B):
            if t < lengths[b]:
                _update(projected[t % together, b], rows[b], rows_n[b], weights.b_hh, h[b])
        if outputs.shape[0] > 0:
            copy(h, outputs[t])


@inner
def _reset(projected: Any, products: Any, h: Any, reset: Any) -> None:
    """Write r h' of one row (H,) into ``reset``."""
    for j in range(h.size):
        reset[j] = sigmoid(projected[j] + products[j]) * h[j]


@inner
def _update(projected: Any, products: Any, product_n: Any, b_hh: Any, h: Any) -> None:
    """The rest of a step of one row; h (H,) in and out."""
    H = h.size
    for j in range(H):
        z = sigmoid(projected[H + j] + products[H + j])
        n = tanh(projected[2 * H + j] + product_n[j] + b_hh[2 * H + j])
        h[j] = n + z * (h[j] - n)
