"""What the cells share: planes, what a step is multiplied by, rows that have ended, the weights' gradients."""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import anywhere, inner
from grukit.kernels.cpu.products.elementwise import clear
from grukit.kernels.cpu.products.sums import add_column_sums
from grukit.kernels.cpu.products.vectors import (
    NOTHING,
    OUT,
    ROW,
    add_outer_products,
    add_outer_products_of_columns,
    multiply,
    pack_columns,
    pack_rows,
    panel_columns,
)
from grukit.kernels.cpu.storage.workspace import GRADIENT_ROWS
from grukit.kernels.scalar import ONE, ZERO

# The planes of ``gates``.
R, Z, Q, N = 0, 1, 2, 3
# Panels up to which to pack the states for their product takes longer than it saves. One Zen 4 core, the products' share of
# its peak, not packed and packed, of 128 rows and 32, 64, 128, 256 and 512 units:
#
#     AVX-512    96 90    96 94    96 90    89 82    70 73
#     AVX2       88 85    87 86    87 89    71 84    51 73
UNPACKED = 8
INPUTS_TOGETHER = 32  # of ``GRADIENT_ROWS`` rows: half of an L1 cache


@inner
def pack_gate(weights: Any, gate: int, packed: Any) -> None:
    """Pack W_i and W_h of a gate for rows of inputs and states side by side, see :func:`side_by_side`: (D + H, H)."""
    H, D = weights.w_ih.shape[0] // 3, weights.w_ih.shape[1]
    own = slice(gate * H, (gate + 1) * H)
    pack_columns(weights.w_ih[own], 0, D + H, packed)
    pack_columns(weights.w_hh[own], D, D + H, packed)


@inner
def side_by_side(x: Any, h: Any, out: Any) -> None:
    """Write x (B, D) and h (B, H) into out (B, D + H), so that both are multiplied at once."""
    D = x.shape[1]
    for b in range(h.shape[0]):
        for d in range(D):
            out[b, d] = x[b, d]
        for j in range(h.shape[1]):
            out[b, D + j] = h[b, j]


@inner
def split_candidate(weights: Any, H: int) -> Any:
    """Of the packed weights of inference: W_hh of r and z, of n, and the bias of n's product."""
    w_hh, b_hh = weights.w_hh, weights.b_hh
    return view(w_hh, 0, (2 * H * H,)), view(w_hh, 2 * H * H, (H * H,)), view(b_hh, 2 * H, (H,))


@inner
def project_steps(x: Any, first: int, last: int, weights: Any, projected: Any) -> None:
    """W_i x + b of the steps first..last into ``projected`` (., B, 3H), from the packed weights of inference."""
    _, B, N = projected.shape
    D, rows = x.shape[2], (last - first) * B
    inputs, out = view(x, first * B * D, (rows, D)), view(projected, 0, (rows, N))
    multiply(inputs, weights.w_ih, N, ROW, weights.b_ih, False, out)


@inner
def keep_ended(before: Any, lengths: Any, t: int, h: Any) -> None:
    """Give the lanes of rows that have no step t their state (H, LANES) before it back."""
    for b in range(lengths.size):
        if t >= lengths[b]:
            for j in range(h.shape[0]):
                h[j, b] = before[j, b]


@inner
def shortest(lengths: Any) -> int:
    """The fewest steps of a row."""
    fewest = lengths[0]
    for b in range(lengths.size):
        fewest = min(fewest, lengths[b])
    return fewest


@inner
def carry(h_previous: Any, h: Any, gates: Any, t: int, b: int) -> None:
    """A row beyond its own end keeps its state; z = 1 and n = q = r = 0 make its gradients vanish by themselves."""
    for j in range(h.shape[1]):
        gates[R, t, b, j] = ZERO
        gates[Z, t, b, j] = ONE
        gates[Q, t, b, j] = ZERO
        gates[N, t, b, j] = ZERO
        h[b, j] = h_previous[b, j]


class Gradients(NamedTuple):
    """Where the gradients of a layer's weights are added up, and what they are multiplied from."""

    sums: np.ndarray  # (3, D, H) of the input weights, which lie the other way round
    biases: np.ndarray  # (4, H) of r, z, n and the recurrent part of n
    packed: np.ndarray  # (., H) scratch, for the rows that are taken at once
    w_ih: np.ndarray  # (3, H D) packed, for the gradient of the inputs


@inner
def begin_gradients(weights: Any, B: int, scratch: Any, d_x: Any) -> Any:
    """The :class:`Gradients` of a layer for a chunk of B rows, in ``scratch``; zero."""
    H, D = weights.w_ih.shape[0] // 3, weights.w_ih.shape[1]
    sums, rest = view(scratch, 0, (3, D, H)), rest_of(scratch, 3 * D * H)
    biases, size = view(rest, 0, (4, H)), max(GRADIENT_ROWS, B) * H
    packed, rest = view(rest, 4 * H, (size,)), rest_of(rest, 4 * H + size)
    begin_sums(sums, biases)
    return Gradients(sums, biases, packed, packed_inputs(weights, rest, d_x))


@anywhere
def steps_of_gradients(B: int) -> int:
    """Steps of B rows that have ``GRADIENT_ROWS``, as far as whole steps can."""
    return max(1, GRADIENT_ROWS // B)


@inner
def add_gradients(
    first: int,
    steps: int,
    x: Any,
    h_previous: Any,
    entered: Any,
    recurrent: int,
    gates: Any,
    made: Any,
    d_x: Any,
    d_weights: Any,
) -> None:
    """Add the weights' gradients of some steps, and write d_x where it is wanted, from the gate gradients in ``gates``.

    The steps of :func:`steps_of_gradients`, as soon as the backward pass has done them, while they are in the cache.

    entered    (T, B, H)  in   what the candidate's recurrent product took: h' or r h'
    recurrent             in   the plane of that product's gradient: Q or N
    """
    _, T, B, H = gates.shape
    n, begin, rows = T * B, first * B, steps * B
    add_bias_sums((R, Z, N, recurrent), gates, begin, rows, made.biases)
    add_input_sums((R, Z, N), x, gates, begin, rows, made.sums)
    states, row = second_factor(view(h_previous, begin * H, (rows, H)), made.packed)
    for gate in range(3):
        if gate == 2 and recurrent == N:
            states, row = second_factor(view(entered, begin * H, (rows, H)), made.packed)
        d_recurrent = view(gates, ((recurrent if gate == 2 else gate) * n + begin) * H, (rows, H))
        add_outer_products(d_recurrent, states, row, H, d_weights.w_hh[gate * H : (gate + 1) * H])
    gradient_of_inputs((R, Z, N), made.w_ih, gates, begin, rows, d_x)


@inner
def end_gradients(made: Any, d_weights: Any) -> None:
    """Add what was added up to the gradients of the weights."""
    H = made.biases.shape[1]
    add_input_gradients(made.sums, made.biases, d_weights)
    for j in range(H):
        d_weights.b_hh[j] += made.biases[0, j]
        d_weights.b_hh[H + j] += made.biases[1, j]
        d_weights.b_hh[2 * H + j] += made.biases[3, j]


@inner
def begin_sums(sums: Any, biases: Any) -> None:
    """Set what the gradients of a chunk are added up in, sums (3, D, H) and biases (., H), to zero."""
    for gate in range(3):
        clear(sums[gate])
    clear(biases)


@inner
def add_bias_sums(planes: Any, gates: Any, first: int, rows: int, biases: Any) -> None:
    """Add the rows of each of ``planes`` to its row of biases (., H): in order, so that they are in the cache."""
    H, n = gates.shape[3], gates.shape[1] * gates.shape[2]
    for i in range(len(planes)):
        add_column_sums(view(gates, (planes[i] * n + first) * H, (rows, H)), biases[i])


@inner
def add_input_sums(planes: Any, x: Any, gates: Any, first: int, rows: int, sums: Any) -> None:
    """Add the products of the inputs and the gradients of three gates to sums (3, D, H).

    Some inputs at a time, of which the numbers that the first gate reads are in the L1 cache for the others.
    """
    D, H, n = x.shape[2], gates.shape[3], gates.shape[1] * gates.shape[2]
    inputs = view(x, first * D, (rows, D))
    for left in range(0, D, INPUTS_TOGETHER):
        m = min(INPUTS_TOGETHER, D - left)
        for gate in range(3):
            d_plane = view(gates, (planes[gate] * n + first) * H, (rows * H,))
            out = view(sums, (gate * D + left) * H, (m, H))
            add_outer_products_of_columns(inputs, left, d_plane, H, out)


@inner
def second_factor(states: Any, packed: Any) -> Any:
    """The rows of states (rows, H) as a product's second factor: packed, or as they are; and how far apart they are then."""
    rows, H = states.shape
    if UNPACKED * panel_columns(packed) < H:
        pack_rows(states, packed)
        return view(packed, 0, (rows * H,)), 0
    return view(states, 0, (rows * H,)), H


@inner
def add_input_gradients(sums: Any, biases: Any, d_weights: Any) -> None:
    """Add sums (3, D, H) to the gradients of the input weights, which lie the other way round, and the first three biases."""
    _, D, H = sums.shape
    for gate in range(3):
        for j in range(H):
            for d in range(D):
                d_weights.w_ih[gate * H + j, d] += sums[gate, d, j]
            d_weights.b_ih[gate * H + j] += biases[gate, j]


@inner
def packed_inputs(weights: Any, scratch: Any, d_x: Any) -> Any:
    """The input weights as :func:`gradient_of_inputs` takes them, (3, H D) in ``scratch``, where d_x is wanted."""
    H, D = weights.w_ih.shape[0] // 3, weights.w_ih.shape[1]
    packed = view(scratch, 0, (3, H * D))
    for gate in range(3 if d_x.shape[0] > 0 else 0):
        pack_rows(weights.w_ih[gate * H : (gate + 1) * H], packed[gate])
    return packed


@inner
def gradient_of_inputs(planes: Any, packed: Any, gates: Any, first: int, rows: int, d_x: Any) -> None:
    """Write some rows of d_x (T, B, D), where it is wanted, from the gradients of three gates in ``planes`` of ``gates``."""
    _, T, B, H = gates.shape
    D, n = d_x.shape[2], T * B
    for gate in range(3 if d_x.shape[0] > 0 else 0):
        d_plane, begin = view(gates, (planes[gate] * n + first) * H, (rows, H)), NOTHING if gate == 0 else OUT
        multiply(d_plane, packed[gate], D, begin, packed[gate], False, view(d_x, first * D, (rows, D)))
