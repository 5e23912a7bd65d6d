"""The unit with two states, h and c. Equations and legend: :mod:`grukit.kernels`.

It is carried for comparison with the standard unit, so it is written to be read: its loops vectorise, but three products a
step wait for one another.
"""

from typing import Any

from grukit.kernels.cpu.cells.dropout import mask_of, mask_states, masked_state, times_mask
from grukit.kernels.cpu.cells.recurrent import input_gradients, pack_inputs, project_inputs, project_steps
from grukit.kernels.cpu.compiler.intrinsics import view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.matrices import (
    accumulate,
    add,
    add_outer_products,
    copy,
    fill,
    pack,
    panel_width,
    product_packed,
    row_sums,
    step_width,
    times,
)
from grukit.kernels.cpu.storage.workspace import steps_together
from grukit.kernels.scalar import ONE, ZERO, sigmoid, tanh

# Planes: gates r, z, o; u = tanh(W_c (c' r) + b_c); k = tanh(W_h g + b_h); g = r h' + z u; the output o h.
R, Z, OUT, U, K, G, Y = range(7)
A = Y  # in the backward pass: a = c' r


@inner
def dual_state_forward(x: Any, weights: Any, damped: bool, cache: Any, rows: Any, scratch: Any) -> None:
    """All steps of one layer. Steps beyond a row's end are taken too, and never read.

    x        (T, B, D)        in   inputs
    weights  Weights          in   w_ih (3H, D), w_hh (5H, H), b_ih (5H,); blocks r, z, o, c, h
    damped                    in   whether h takes the factor 1 - z
    cache    Cache            in   h[0], c[0], mask;  out  h[1:], c[1:], gates (7, T, B, H)
    rows     (3 B H,)         scratch, or longer
    scratch  (.,)           scratch, as long as ``shared_buffers`` makes it
    """
    h, c, gates, mask = cache.h, cache.c, cache.gates, cache.mask
    T, B, H = gates.shape[1:]
    D = x.shape[2]
    width = panel_width(B, H, H)
    packed, packed_ih = scratch[: 5 * H * H], scratch[5 * H * H : H * (5 * H + 3 * D + 3)]
    rest = scratch[H * (5 * H + 3 * D + 3) :]
    entered, ones = view(rest, 0, (B, H)), rest[B * H :]
    together = steps_together(T, 4 * B * H)
    for block in range(5):
        pack(weights.w_hh[block * H : (block + 1) * H].T, width, packed[block * H * H : (block + 1) * H * H])
    pack_inputs(weights, 0, packed_ih)
    products = view(rows, 0, (3, B, H))
    b_c, b_h = weights.b_ih[3 * H : 4 * H], weights.b_ih[4 * H :]
    for t in range(T):
        if t % together == 0:
            project_inputs(x, packed_ih, t, min(t + together, T), (R, Z, OUT), ones, gates)
        state = masked_state(True, mask, h[t], entered)
        for gate in range(3):
            product_packed(state, packed[gate * H * H : (gate + 1) * H * H], width, H, 0.0, products[gate])
        for gate, plane in ((0, R), (1, Z), (2, OUT)):
            _open_gate(products[gate], gates[plane, t])
        r, z, u, g = gates[R, t], gates[Z, t], gates[U, t], gates[G, t]
        times(c[t], r, entered)
        times_mask(True, mask, entered)
        product_packed(entered, packed[3 * H * H : 4 * H * H], width, H, 0.0, products[0])
        for b in range(B):
            for j in range(H):
                u[b, j] = tanh(products[0, b, j] + b_c[j])
                g[b, j] = (r[b, j] * h[t, b, j] + z[b, j] * u[b, j]) * mask_of(mask, b, j)
        product_packed(g, packed[4 * H * H :], width, H, 0.0, products[0])
        _new_h(products[0], b_h, damped, z, gates[K, t], h[t + 1])
        _new_c_and_output(r, z, gates[OUT, t], c[t], h[t + 1], c[t + 1], gates[Y, t])


# Loops over few arrays, because LLVM vectorises none that needs many checks of whether arrays overlap.


@inner
def _open_gate(product: Any, gate: Any) -> None:
    """A gate (B, H), which holds what the inputs add."""
    for b in range(gate.shape[0]):
        for j in range(gate.shape[1]):
            gate[b, j] = sigmoid(gate[b, j] + product[b, j])


@inner
def _new_h(product: Any, bias: Any, damped: bool, z: Any, k: Any, h: Any) -> None:
    for b in range(h.shape[0]):
        for j in range(h.shape[1]):
            k_j = tanh(product[b, j] + bias[j])
            k[b, j] = k_j
            h[b, j] = k_j - z[b, j] * k_j if damped else k_j


@inner
def _new_c_and_output(r: Any, z: Any, o: Any, c_previous: Any, h: Any, c: Any, y: Any) -> None:
    for b in range(h.shape[0]):
        for j in range(h.shape[1]):
            c[b, j] = (ONE - z[b, j]) * c_previous[b, j] + r[b, j] * h[b, j]
            y[b, j] = o[b, j] * h[b, j]


@inner
def dual_state_backward(
    d_states: Any, x: Any, weights: Any, damped: bool, cache: Any, rows: Any, scratch: Any, d_x: Any, d_weights: Any
) -> None:
    """Gradients of :func:`dual_state_forward`; ``cache.gates`` is overwritten, ``cache.h`` multiplied by the mask.

    d_states   (T, B, H)               in   gradient that reaches each step's output;  out  all that reaches each h[t+1]
    cache      Cache                   in   as the forward pass left it, d_h and d_c of the last states
                                       out  d_h, d_c of the initial states
    d_x        (T, B, D) or (0, B, D)  out  gradient of x; empty: not wanted
    d_weights  Weights                 out  added to
    """
    gates, mask, d_h = cache.gates, cache.mask, cache.d_h
    T, B, H = gates.shape[1:]
    width, width_3 = panel_width(B, H, H), panel_width(B, 3 * H, H)
    packed, rest = scratch[: 5 * H * H], scratch[5 * H * H :]
    pack(weights.w_hh[: 3 * H], width_3, packed[: 3 * H * H])
    pack(weights.w_hh[3 * H : 4 * H], width, packed[3 * H * H : 4 * H * H])
    pack(weights.w_hh[4 * H :], width, packed[4 * H * H :])
    d_gates, d_product = view(rows, 0, (B, 3 * H)), view(rest, 0, (B, H))
    for t in range(T - 1, -1, -1):
        _output_backward(t, d_states, damped, cache, d_gates)
        product_packed(gates[K, t], packed[4 * H * H :], width, H, 0.0, d_product)
        times_mask(True, mask, d_product)
        _mixture_backward(t, d_product, cache, d_gates)
        product_packed(gates[U, t], packed[3 * H * H : 4 * H * H], width, H, 0.0, d_product)
        times_mask(True, mask, d_product)
        _gates_backward(t, d_product, cache, d_gates)
        product_packed(d_gates, packed[: 3 * H * H], width_3, H, 0.0, d_product)
        for b in range(B):
            for j in range(H):
                d_h[b, j] += d_product[b, j] * mask_of(mask, b, j)
    mask_states(True, mask, cache.h[:T])
    sums, block_sums = view(scratch, 0, (H,)), scratch[H:]  # the packed weights are done with
    planes, h = (R, Z, OUT, U, K), cache.h[:T]
    for block, entered in ((0, h), (1, h), (2, h), (3, gates[A]), (4, gates[G])):
        own = slice(block * H, (block + 1) * H)
        d_plane = view(gates, planes[block] * T * B * H, (T * B, H))
        row_sums(d_plane, block_sums, sums)
        add(sums, d_weights.b_ih[own])
        add_outer_products(d_plane, view(entered, 0, (T * B, H)), d_weights.w_hh[own])
    input_gradients(x, (R, Z, OUT), weights, gates, d_x, d_weights)


@inner
def _output_backward(t: int, d_states: Any, damped: bool, cache: Any, d_gates: Any) -> None:
    """From the output and the states after step t to the pre-activations of o and k; d_gates holds d_r, d_z, d_o."""
    gates, h, c, d_h, d_c = cache.gates, cache.h, cache.c, cache.d_h, cache.d_c
    B, H = d_h.shape
    for b in range(B):
        for j in range(H):
            r, z, o, k = gates[R, t, b, j], gates[Z, t, b, j], gates[OUT, t, b, j], gates[K, t, b, j]
            h_t, d_y = h[t + 1, b, j], d_states[t, b, j]
            d = d_h[b, j] + d_y * o + d_c[b, j] * r
            d_states[t, b, j] = d
            d_gates[b, j] = d_c[b, j] * h_t
            d_gates[b, H + j] = -d_c[b, j] * c[t, b, j] - (d * k if damped else ZERO)
            d_gates[b, 2 * H + j] = d_y * h_t * (o - o * o)
            d_c[b, j] *= ONE - z
            gates[K, t, b, j] = (d - d * z if damped else d) * (ONE - k * k)


@inner
def _mixture_backward(t: int, d_g: Any, cache: Any, d_gates: Any) -> None:
    """Through g = r h' + z u to the pre-activation of u."""
    gates, h, d_h = cache.gates, cache.h, cache.d_h
    B, H = d_h.shape
    for b in range(B):
        for j in range(H):
            r, z, u = gates[R, t, b, j], gates[Z, t, b, j], gates[U, t, b, j]
            d_gates[b, j] += d_g[b, j] * h[t, b, j]
            d_gates[b, H + j] += d_g[b, j] * u
            d_h[b, j] = d_g[b, j] * r
            gates[U, t, b, j] = d_g[b, j] * z * (ONE - u * u)


@inner
def _gates_backward(t: int, d_a: Any, cache: Any, d_gates: Any) -> None:
    """Through a = c' r to the pre-activations of r, z and o; leaves a itself (times the mask) in its plane."""
    gates, c, d_c, mask = cache.gates, cache.c, cache.d_c, cache.mask
    B, H = d_c.shape
    for b in range(B):
        for j in range(H):
            r, z = gates[R, t, b, j], gates[Z, t, b, j]
            d_gates[b, j] = (d_gates[b, j] + d_a[b, j] * c[t, b, j]) * (r - r * r)
            d_gates[b, H + j] *= z - z * z
            d_c[b, j] += d_a[b, j] * r
            gates[A, t, b, j] = c[t, b, j] * r * mask_of(mask, b, j)
            gates[R, t, b, j] = d_gates[b, j]
            gates[Z, t, b, j] = d_gates[b, H + j]
            gates[OUT, t, b, j] = d_gates[b, 2 * H + j]


@inner
def dual_state_pack(w_hh: Any, rows: int, packed: Any) -> None:
    """Pack the recurrent weights (5H, H) for :func:`dual_state_steps`: the three gates together, the others separately."""
    H = w_hh.shape[1]
    pack(w_hh[: 3 * H].T, step_width(rows, H, 3 * H, packed), packed[: 3 * H * H])
    for block in range(3, 5):
        own = packed[block * H * H : (block + 1) * H * H]
        pack(w_hh[block * H : (block + 1) * H].T, step_width(rows, H, H, packed), own)


@inner
def dual_state_steps(x: Any, lengths: Any, weights: Any, damped: bool, states: Any, outputs: Any, work: Any) -> None:
    """All steps of one layer at inference.

    x        (T, B, D)               in
    lengths  (B,)                    in            steps of each row, 0..T; a row keeps its states beyond its end
    weights  Packed                  in
    states   (3, B, H)               in and out    h, c and the output
    outputs  (T, B, H) or (0, B, H)  out           the outputs, where they are wanted
    work     (.,)                    scratch, see ``inference_work_size``
    """
    T, B, _ = x.shape
    h, c, y = states[0], states[1], states[2]
    H = h.shape[1]
    size = B * H
    together = steps_together(T, 3 * size)
    projected, rest = view(work, 0, (together, B, 3 * H)), work[together * 3 * size :]
    entered, rows = view(rest, 0, (B, H)), view(rest, size, (B, H))
    w_gates, w_c, w_h = weights.w_hh[: 3 * H * H], weights.w_hh[3 * H * H : 4 * H * H], weights.w_hh[4 * H * H :]
    width_3, width = step_width(B, H, 3 * H, w_gates), step_width(B, H, H, w_c)
    for t in range(T):
        if t % together == 0:
            project_steps(x, t, min(t + together, T), weights, projected)
        gates = projected[t % together]
        accumulate(h, w_gates, width_3, 3 * H, t, gates)
        for b in range(B):
            for j in range(3 * H):
                gates[b, j] = sigmoid(gates[b, j])
            for j in range(H):
                entered[b, j] = c[b, j] * gates[b, j]
        fill(weights.b_ih[3 * H : 4 * H], rows)
        accumulate(entered, w_c, width, H, t, rows)
        for b in range(B):
            for j in range(H):
                entered[b, j] = gates[b, j] * h[b, j] + gates[b, H + j] * tanh(rows[b, j])
        fill(weights.b_ih[4 * H :], rows)
        accumulate(entered, w_h, width, H, t, rows)
        for b in range(B):
            if t < lengths[b]:
                for j in range(H):
                    k, z = tanh(rows[b, j]), gates[b, H + j]
                    h[b, j] = k - z * k if damped else k
                    c[b, j] = (ONE - z) * c[b, j] + gates[b, j] * h[b, j]
                    y[b, j] = gates[b, 2 * H + j] * h[b, j]
        if outputs.shape[0] > 0:
            copy(y, outputs[t])
