"""The gated recurrent unit, reset gate after the recurrent product. Equations and legend: :mod:`grukit.kernels`."""

from typing import Any

from grukit.kernels.cpu._jit import inlined, inner
from grukit.kernels.cpu.products import pack, panel_width, product_packed
from grukit.kernels.cpu.recurrent import PROJECTED, N, Q, R, Z, carry, joint_biases, layer_gradients, project_inputs
from grukit.kernels.scalar import ONE, ZERO, sigmoid, tanh


@inlined
def gru_forward(x: Any, weights: Any, lengths: Any, h: Any, gates: Any, rows: Any, scratch: Any) -> None:
    """All steps of one layer, reset gate after the recurrent product.

    x        (T, B, D)      in   inputs
    weights  Weights        in   w_ih (3H, D), w_hh (3H, H), b_ih (3H,), b_hh (3H,)
    lengths  (B,)           in   steps of each row, 0..T; a row keeps its state beyond its end
    h        (T+1, B, H)    in   h[0], the initial state
                            out  h[1:], the states
    gates    (4, T, B, H)   out  planes r, z, q = W_hn h' + b_hn, n
    rows     (B, 3H)        scratch
    scratch  (scratch_size,)  scratch
    """
    T, B, H = gates.shape[1:]
    D = x.shape[2]
    size = B * H
    width = panel_width(B, H, H)
    packed, packed_ih, rest = scratch[: 3 * H * H], scratch[3 * H * H : 3 * H * (H + D)], scratch[3 * H * (H + D) :]
    q_bias, part = rest[:size], rest[size:]
    for gate in range(3):
        pack(weights.w_hh[gate * H : (gate + 1) * H].T, width, packed[gate * H * H : (gate + 1) * H * H])
    pack(weights.w_ih.T, H, packed_ih)
    for i in range(size):
        q_bias[i] = weights.b_hh[2 * H + i % H]
    biases = joint_biases(weights, 2)
    products = rows.reshape(3, B, H)
    shortest = lengths.min()
    together = max(1, PROJECTED // (4 * size))
    for t in range(T):
        if t % together == 0:
            project_inputs(x, packed_ih, biases, t, min(t + together, T), gates)
        for gate in range(3):
            product_packed(h[t], packed[gate * H * H : (gate + 1) * H * H], width, part, products[gate])
        flat = gates.reshape(4, T, size)
        _gru_step_forward(rows.reshape(3, size), q_bias, h[t].reshape(size), flat, t, h[t + 1].reshape(size))
        if t >= shortest:
            for b in range(B):
                if t >= lengths[b]:
                    carry(h[t], h[t + 1], gates, t, b)


@inner
def _gru_step_forward(products: Any, q_bias: Any, h_previous: Any, gates: Any, t: int, h: Any) -> None:
    """One step of the gate loop, flat over rows and units so that it vectorises.

    products    (3, B H)     in       W_h h' of r, z and n
    q_bias      (B H,)       in       b_hn of every row
    gates       (4, T, B H)  in, out  W_i x + b of r, z and n in;  r, z, q, n out
    """
    size = h.size
    r_plane, z_plane, q_plane, n_plane = gates[R, t], gates[Z, t], gates[Q, t], gates[N, t]
    r_product, z_product, q_product = products[0], products[1], products[2]
    for i in range(size):
        r = sigmoid(r_plane[i] + r_product[i])
        z = sigmoid(z_plane[i] + z_product[i])
        q = q_product[i] + q_bias[i]
        n = tanh(n_plane[i] + r * q)
        r_plane[i] = r
        z_plane[i] = z
        q_plane[i] = q
        n_plane[i] = n
        h[i] = n + z * (h_previous[i] - n)


@inlined
def gru_backward(
    d_states: Any, x: Any, weights: Any, h: Any, gates: Any, rows: Any, scratch: Any, d_h: Any, d_x: Any, d_weights: Any
) -> None:
    """Gradients of :func:`gru_forward`, the same steps in reverse; ``gates`` is overwritten by the gate gradients.

    d_states   (T, B, H) or (0, B, H)  in   gradient that reaches each h[t+1] from outside; empty: only the last state's
    x, weights, h                      in   as in the forward pass
    gates      (4, T, B, H)            in   r, z, q, n
                                       out  gradients of the pre-activations: r, z, recurrent part of n, n
    rows       (B, 3H)                 scratch
    scratch    (scratch_size,)         scratch
    d_h        (B, H)                  in   gradient of h[T];  out  gradient of h[0]
    d_x        (T, B, D) or (0, B, D)  out  gradient of x; empty: not wanted
    d_weights  Weights                 out  added to
    """
    T, B, H = gates.shape[1:]
    width = panel_width(B, 3 * H, H)
    packed, through, part = scratch[: 3 * H * H], scratch[3 * H * H : 3 * H * H + B * H], scratch[3 * H * H + B * H :]
    pack(weights.w_hh, width, packed)
    through[:] = ZERO
    d = d_h.reshape(B * H)
    for t in range(T - 1, -1, -1):
        _gru_step_backward(d_states, h[t].reshape(B * H), gates.reshape(4, T, B * H), t, through, d)
        for gate, plane in ((0, R), (1, Z), (2, Q)):
            for b in range(B):
                for j in range(H):
                    rows[b, gate * H + j] = gates[plane, t, b, j]
        product_packed(rows, packed, width, part, through.reshape(B, H))
    for i in range(B * H):
        d[i] += through[i]
    layer_gradients(x, h[:T], h[:T], Q, weights, gates, scratch, d_x, d_weights)


@inner
def _gru_step_backward(d_states: Any, h_previous: Any, gates: Any, t: int, through: Any, d: Any) -> None:
    """One step of the gate loop, flat over rows and units so that it vectorises."""
    r, z, q, n = gates[R, t], gates[Z, t], gates[Q, t], gates[N, t]
    size = d.size
    if d_states.shape[0] > 0:
        outside = d_states[t].reshape(size)
        for i in range(size):
            d[i] += outside[i]
    for i in range(size):
        d_i = d[i] + through[i]
        d_n = d_i * (ONE - z[i]) * (ONE - n[i] * n[i])
        d_z = d_i * (h_previous[i] - n[i]) * (z[i] - z[i] * z[i])
        d_r = d_n * q[i] * (r[i] - r[i] * r[i])
        d[i] = d_i * z[i]
        q[i] = d_n * r[i]
        r[i] = d_r
        z[i] = d_z
        n[i] = d_n
