"""The unit with two states, h and c. Equations and legend: :mod:`grukit.kernels`.

It is carried for comparison with the standard unit, so it is written to be read: its loops vectorise, but three products a
step wait for one another.
"""

from typing import Any

from grukit.kernels.cpu.cells.dropout import mask_of, mask_states, masked_state, times_mask
from grukit.kernels.cpu.cells.recurrent import pack_gate, side_by_side
from grukit.kernels.cpu.cells.weight_gradients import (
    add_bias_sums,
    add_input_gradients,
    add_input_sums,
    add_recurrent_gradient,
    begin_sums,
    gradient_of_inputs,
    packed_inputs,
    second_factor,
)
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.elementwise import times
from grukit.kernels.cpu.products.vectors import (
    NOTHING,
    OUT,
    ROW,
    multiply,
    pack_columns,
    pack_rows,
)
from grukit.kernels.cpu.storage.workspace import GRADIENT_ROWS
from grukit.kernels.scalar import ONE, ZERO, sigmoid, tanh

# Planes: gates r, z, o; u = tanh(W_c (c' r) + b_c); k = tanh(W_k g + b_k); g = r h' + z u; the output o h.
R, Z, OUT_GATE, U, K, G, Y = range(7)
A = Y  # in the backward pass: a = c' r


@inner
def dual_state_forward(x: Any, weights: Any, damped: bool, cache: Any, scratch: Any) -> None:
    """All steps of one layer. Steps beyond a row's end are taken too, and never read.

    x        (T, B, D)        in   inputs
    weights  Weights          in   w_ih (3H, D), w_hh (5H, H), b_ih (5H,); blocks r, z, o, c, k
    damped                    in   whether h takes the factor 1 - z
    cache    Cache            in   h[0], c[0], mask;  out  h[1:], c[1:], gates (7, T, B, H)
    scratch  (.,)             scratch, as long as ``shared_buffers`` makes it
    """
    h, c, gates, mask = cache.h, cache.c, cache.gates, cache.mask
    T, B, H = gates.shape[1:]
    D = x.shape[2]
    packed, packed_ch = view(scratch, 0, (3, (D + H) * H)), view(scratch, 3 * (D + H) * H, (2, H * H))
    rest = rest_of(scratch, (5 * H + 3 * D) * H)
    biases, entered, product = view(rest, 0, (5, H)), view(rest, 5 * H, (B, H)), view(rest, (5 + B) * H, (B, H))
    entering = view(rest, (5 + 2 * B) * H, (B, D + H))
    for gate in range(3):
        pack_gate(weights, gate, packed[gate])
    for block in range(2):
        pack_columns(weights.w_hh[(3 + block) * H : (4 + block) * H], 0, H, packed_ch[block])
    for block in range(5):
        for j in range(H):
            biases[block, j] = weights.b_ih[block * H + j]
    for t in range(T):
        state = masked_state(True, mask, h[t], entered)
        side_by_side(x[t], state, entering)
        for gate in range(3):  # their planes are R, Z and OUT_GATE
            multiply(entering, packed[gate], H, ROW, biases[gate], False, gates[gate, t])
            _open_gate(gates[gate, t])
        r, z, u, g = gates[R, t], gates[Z, t], gates[U, t], gates[G, t]
        times(c[t], r, entered)
        times_mask(True, mask, entered)
        multiply(entered, packed_ch[0], H, ROW, biases[3], False, product)
        for b in range(B):
            for j in range(H):
                u[b, j] = tanh(product[b, j])
                g[b, j] = (r[b, j] * h[t, b, j] + z[b, j] * u[b, j]) * mask_of(mask, b, j)
        multiply(g, packed_ch[1], H, ROW, biases[4], False, product)
        _new_h(product, damped, z, gates[K, t], h[t + 1])
        _new_c_and_output(r, z, gates[OUT_GATE, t], c[t], h[t + 1], c[t + 1], gates[Y, t])


# Loops over few arrays, because LLVM vectorises none that needs many checks of whether arrays overlap.


@inner
def _open_gate(gate: Any) -> None:
    for b in range(gate.shape[0]):
        for j in range(gate.shape[1]):
            gate[b, j] = sigmoid(gate[b, j])


@inner
def _new_h(product: Any, damped: bool, z: Any, k: Any, h: Any) -> None:
    for b in range(h.shape[0]):
        for j in range(h.shape[1]):
            k_j = tanh(product[b, j])
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
    d_states: Any, x: Any, weights: Any, damped: bool, cache: Any, scratch: Any, d_x: Any, d_weights: Any
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
    packed, rest = view(scratch, 0, (5, H * H)), rest_of(scratch, 5 * H * H)
    for block in range(5):
        pack_rows(weights.w_hh[block * H : (block + 1) * H], packed[block])
    d_product, d_gates = view(rest, 0, (B, H)), view(rest, B * H, (3, B, H))
    for t in range(T - 1, -1, -1):
        _output_backward(t, d_states, damped, cache, d_gates)
        multiply(gates[K, t], packed[4], H, NOTHING, rest, False, d_product)
        times_mask(True, mask, d_product)
        _mixture_backward(t, d_product, cache, d_gates)
        multiply(gates[U, t], packed[3], H, NOTHING, rest, False, d_product)
        times_mask(True, mask, d_product)
        _gates_backward(t, d_product, cache, d_gates)
        for gate in range(3):  # their planes are R, Z and OUT_GATE
            multiply(gates[gate, t], packed[gate], H, NOTHING if gate == 0 else OUT, rest, False, d_product)
        for b in range(B):
            for j in range(H):
                d_h[b, j] += d_product[b, j] * mask_of(mask, b, j)
    mask_states(True, mask, cache.h[:T])
    _gradients(x, cache, scratch, d_weights)  # the packed weights are done with
    gradient_of_inputs((R, Z, OUT_GATE), packed_inputs(weights, scratch, d_x), gates, 0, T * B, d_x)


@inner
def _gradients(x: Any, cache: Any, scratch: Any, d_weights: Any) -> None:
    """Weight and bias gradients of all steps, as :func:`grukit.kernels.cpu.cells.weight_gradients.add_gradients`."""
    gates, h = cache.gates, cache.h
    D, H = x.shape[2], gates.shape[3]
    n = gates.shape[1] * gates.shape[2]
    packed, rest = view(scratch, 0, (2, GRADIENT_ROWS * H)), rest_of(scratch, 2 * GRADIENT_ROWS * H)
    sums, biases = view(rest, 0, (3, D, H)), view(rest, 3 * D * H, (5, H))
    begin_sums(sums, biases)
    for first in range(0, n, GRADIENT_ROWS):
        rows = min(GRADIENT_ROWS, n - first)
        add_bias_sums((R, Z, OUT_GATE, U, K), gates, first, rows, biases)
        add_input_sums((R, Z, OUT_GATE), x, gates, first, rows, sums)
        for block, plane in enumerate((R, Z, OUT_GATE, U, K)):
            entered = view(h, first * H, (rows, H))
            if block > 2:
                entered = view(gates, ((A if block == 3 else G) * n + first) * H, (rows, H))
            states, row = second_factor(entered, packed[0])
            d_plane = view(gates, (plane * n + first) * H, (rows, H))
            add_recurrent_gradient(d_plane, states, row, packed[1], d_weights.w_hh[block * H : (block + 1) * H])
    add_input_gradients(sums, biases, d_weights)
    for block in range(3, 5):
        for j in range(H):
            d_weights.b_ih[block * H + j] += biases[block, j]


@inner
def _output_backward(t: int, d_states: Any, damped: bool, cache: Any, d_gates: Any) -> None:
    """From the output and the states after step t to the pre-activations of o and k; d_gates holds d_r, d_z, d_o."""
    gates, h, c, d_h, d_c = cache.gates, cache.h, cache.c, cache.d_h, cache.d_c
    B, H = d_h.shape
    for b in range(B):
        for j in range(H):
            r, z, o, k = gates[R, t, b, j], gates[Z, t, b, j], gates[OUT_GATE, t, b, j], gates[K, t, b, j]
            h_t, d_y = h[t + 1, b, j], d_states[t, b, j]
            d = d_h[b, j] + d_y * o + d_c[b, j] * r
            d_states[t, b, j] = d
            d_gates[0, b, j] = d_c[b, j] * h_t
            d_gates[1, b, j] = -d_c[b, j] * c[t, b, j] - (d * k if damped else ZERO)
            d_gates[2, b, j] = d_y * h_t * (o - o * o)
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
            d_gates[0, b, j] += d_g[b, j] * h[t, b, j]
            d_gates[1, b, j] += d_g[b, j] * u
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
            d_gates[0, b, j] = (d_gates[0, b, j] + d_a[b, j] * c[t, b, j]) * (r - r * r)
            d_gates[1, b, j] *= z - z * z
            d_c[b, j] += d_a[b, j] * r
            gates[A, t, b, j] = c[t, b, j] * r * mask_of(mask, b, j)
            gates[R, t, b, j] = d_gates[0, b, j]
            gates[Z, t, b, j] = d_gates[1, b, j]
            gates[OUT_GATE, t, b, j] = d_gates[2, b, j]
