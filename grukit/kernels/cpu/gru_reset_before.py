"""The gated recurrent unit, reset gate before the recurrent product. Equations and legend: :mod:`grukit.kernels`."""

from typing import Any

from grukit.kernels.cpu._jit import inlined
from grukit.kernels.cpu.products import pack, panel_width, product_packed
from grukit.kernels.cpu.recurrent import PROJECTED, N, Q, R, Z, carry, joint_biases, layer_gradients, project_inputs
from grukit.kernels.scalar import ONE, ZERO, sigmoid, tanh


@inlined
def gru_reset_before_forward(x: Any, weights: Any, lengths: Any, h: Any, gates: Any, rows: Any, scratch: Any) -> None:
    """All steps of one layer, reset gate before the recurrent product (Cho et al. 2014).

    Arguments as :func:`gru_forward`, but the plane q of ``gates`` holds r * h', the input of the candidate's product.
    """
    T, B, H = gates.shape[1:]
    biases = joint_biases(weights, 3)
    flat = rows.reshape(3 * B * H)
    rows_rz, rows_n = flat[: 2 * B * H].reshape(B, 2 * H), flat[2 * B * H :].reshape(B, H)
    D = x.shape[2]
    width_rz, width_n = panel_width(B, H, 2 * H), panel_width(B, H, H)
    packed_rz, packed_n = scratch[: 2 * H * H], scratch[2 * H * H : 3 * H * H]
    packed_ih, part = scratch[3 * H * H : 3 * H * (H + D)], scratch[3 * H * (H + D) :]
    pack(weights.w_ih.T, H, packed_ih)
    together = max(1, PROJECTED // (4 * B * H))
    pack(weights.w_hh[: 2 * H].T, width_rz, packed_rz)
    pack(weights.w_hh[2 * H :].T, width_n, packed_n)
    for t in range(T):
        if t % together == 0:
            project_inputs(x, packed_ih, biases, t, min(t + together, T), gates)
        product_packed(h[t], packed_rz, width_rz, part, rows_rz)
        for b in range(B):
            for j in range(H):
                r = sigmoid(gates[R, t, b, j] + rows_rz[b, j])
                gates[R, t, b, j] = r
                gates[Z, t, b, j] = sigmoid(gates[Z, t, b, j] + rows_rz[b, H + j])
                gates[Q, t, b, j] = r * h[t, b, j]
        product_packed(gates[Q, t], packed_n, width_n, part, rows_n)
        for b in range(B):
            if t >= lengths[b]:
                carry(h[t], h[t + 1], gates, t, b)
                continue
            for j in range(H):
                n = tanh(gates[N, t, b, j] + rows_n[b, j])
                gates[N, t, b, j] = n
                h[t + 1, b, j] = n + gates[Z, t, b, j] * (h[t, b, j] - n)


@inlined
def gru_reset_before_backward(
    d_states: Any, x: Any, weights: Any, h: Any, gates: Any, rows: Any, scratch: Any, d_h: Any, d_x: Any, d_weights: Any
) -> None:
    """Gradients of :func:`gru_reset_before_forward`; arguments as :func:`gru_backward`."""
    T, B, H = gates.shape[1:]
    width_rz, width_n = panel_width(B, 2 * H, H), panel_width(B, H, H)
    packed_rz, packed_n = scratch[: 2 * H * H], scratch[2 * H * H : 3 * H * H]
    pack(weights.w_hh[: 2 * H], width_rz, packed_rz)
    pack(weights.w_hh[2 * H :], width_n, packed_n)
    flat = rows.reshape(3 * B * H)
    rows_rz, d_reset = flat[: 2 * B * H].reshape(B, 2 * H), flat[2 * B * H :].reshape(B, H)
    through = scratch[3 * H * H : 3 * H * H + B * H].reshape(B, H)
    part = scratch[3 * H * H + B * H :]
    through[:] = ZERO
    for t in range(T - 1, -1, -1):
        for b in range(B):
            for j in range(H):
                d = d_h[b, j] + through[b, j] + (d_states[t, b, j] if d_states.shape[0] > 0 else ZERO)
                z, n = gates[Z, t, b, j], gates[N, t, b, j]
                d_h[b, j] = d * z
                gates[Z, t, b, j] = d * (h[t, b, j] - n) * (z - z * z)
                gates[N, t, b, j] = d * (ONE - z) * (ONE - n * n)
        product_packed(gates[N, t], packed_n, width_n, part, d_reset)
        for b in range(B):
            for j in range(H):
                r = gates[R, t, b, j]
                d_h[b, j] += d_reset[b, j] * r
                rows_rz[b, j] = gates[R, t, b, j] = d_reset[b, j] * h[t, b, j] * (r - r * r)
                rows_rz[b, H + j] = gates[Z, t, b, j]
        product_packed(rows_rz, packed_rz, width_rz, part, through)
    for b in range(B):
        for j in range(H):
            d_h[b, j] += through[b, j]
    layer_gradients(x, h[:T], gates[Q], N, weights, gates, scratch, d_x, d_weights)
