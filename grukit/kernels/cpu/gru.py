"""The gated recurrent unit, both forms, forward and backward. Equations and legend: :mod:`grukit.kernels`."""

from typing import Any

import numpy as np

from grukit.kernels.cpu._jit import inlined, inner
from grukit.kernels.cpu.products import (
    add,
    add_outer_products,
    add_product,
    affine,
    pack,
    pack_transposed,
    panel_width,
    product,
    product_packed,
    row_sums,
)
from grukit.kernels.scalar import ONE, ZERO, sigmoid, tanh

# The planes of ``gates``.
R, Z, Q, N = 0, 1, 2, 3


# Steps whose inputs are projected at once: their four planes should still be in the L2 cache when the gate loop comes by.
PROJECTED = 65536


@inlined
def _project_inputs(x: Any, packed: Any, biases: Any, first: int, last: int, gates: Any) -> None:
    """W_i x + b of the steps first..last, one product a gate, into the planes r, z and n.

    packed  (3 D H,)  in   the transposed input weights of each gate
    biases  (3, H)    in
    """
    _, B, D = x.shape
    H = gates.shape[3]
    n = (last - first) * B
    rows = x[first:last].reshape(n, D)
    for gate, plane in ((0, R), (1, Z), (2, N)):
        w_t = packed[gate * D * H : (gate + 1) * D * H].reshape(D, H)
        affine(rows, w_t, biases[gate], gates[plane, first:last].reshape(n, H))


@inner
def joint_biases(weights: Any, n_joint: int) -> Any:
    """The biases (3, H) that enter with the inputs: b_ih, plus b_hh of the first ``n_joint`` gates."""
    biases = weights.b_ih.copy()
    for i in range(n_joint * biases.size // 3):
        biases[i] += weights.b_hh[i]
    return biases.reshape(3, biases.size // 3)


@inner
def _carry(h_previous: Any, h: Any, gates: Any, t: int, b: int) -> None:
    """A row beyond its own end keeps its state; z = 1 and n = q = r = 0 make its gradients vanish by themselves."""
    for j in range(h.shape[1]):
        gates[R, t, b, j] = ZERO
        gates[Z, t, b, j] = ONE
        gates[Q, t, b, j] = ZERO
        gates[N, t, b, j] = ZERO
        h[b, j] = h_previous[b, j]


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
        pack_transposed(weights.w_hh[gate * H : (gate + 1) * H], width, packed[gate * H * H : (gate + 1) * H * H])
    pack_transposed(weights.w_ih, H, packed_ih)
    for i in range(size):
        q_bias[i] = weights.b_hh[2 * H + i % H]
    biases = joint_biases(weights, 2)
    products = rows.reshape(3, B, H)
    shortest = lengths.min()
    together = max(1, PROJECTED // (4 * size))
    for t in range(T):
        if t % together == 0:
            _project_inputs(x, packed_ih, biases, t, min(t + together, T), gates)
        for gate in range(3):
            product_packed(h[t], packed[gate * H * H : (gate + 1) * H * H], width, part, products[gate])
        flat = gates.reshape(4, T, size)
        _gru_step_forward(rows.reshape(3, size), q_bias, h[t].reshape(size), flat, t, h[t + 1].reshape(size))
        if t >= shortest:
            for b in range(B):
                if t >= lengths[b]:
                    _carry(h[t], h[t + 1], gates, t, b)


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


@inlined
def layer_gradients(
    x: Any,
    h_previous: Any,
    entered: Any,
    recurrent: int,
    weights: Any,
    gates: Any,
    scratch: Any,
    d_x: Any,
    d_weights: Any,
) -> None:
    """Weight and bias gradients of all steps and, where wanted, d_x, from the gate gradients in ``gates``.

    entered    (T, B, H)  in   what the candidate's recurrent product took: h' or r h'
    recurrent             in   the plane of that product's gradient: Q or N
    """
    T, B, D = x.shape
    H = gates.shape[3]
    inputs = x.reshape(T * B, D)
    sums = np.empty(H, gates.dtype)
    for gate, plane in ((0, R), (1, Z), (2, N)):
        own = slice(gate * H, (gate + 1) * H)
        d_input, d_recurrent = gates[plane].reshape(T * B, H), gates[plane].reshape(T * B, H)
        taken = h_previous.reshape(T * B, H)
        row_sums(d_input, sums)
        add(sums, d_weights.b_ih[own])
        if gate == 2:
            d_recurrent, taken = gates[recurrent].reshape(T * B, H), entered.reshape(T * B, H)
            row_sums(d_recurrent, sums)
        add(sums, d_weights.b_hh[own])
        add_outer_products(d_recurrent, taken, scratch, d_weights.w_hh[own])
        add_outer_products(d_input, inputs, scratch, d_weights.w_ih[own])
        if d_x.shape[0] > 0 and gate == 0:
            product(d_input, weights.w_ih[own], d_x.reshape(T * B, D))
        elif d_x.shape[0] > 0:
            add_product(d_input, weights.w_ih[own], scratch, d_x.reshape(T * B, D))


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
    pack_transposed(weights.w_ih, H, packed_ih)
    together = max(1, PROJECTED // (4 * B * H))
    pack_transposed(weights.w_hh[: 2 * H], width_rz, packed_rz)
    pack_transposed(weights.w_hh[2 * H :], width_n, packed_n)
    for t in range(T):
        if t % together == 0:
            _project_inputs(x, packed_ih, biases, t, min(t + together, T), gates)
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
                _carry(h[t], h[t + 1], gates, t, b)
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
