"""What the cells share: the gradients of the weights, from those of the gates, some steps at a time."""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.cells.recurrent import N, R, Z
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import anywhere, inner
from grukit.kernels.cpu.products.elementwise import clear
from grukit.kernels.cpu.products.sums import add_column_sums
from grukit.kernels.cpu.products.vectors import (
    NOTHING,
    OUT,
    add_outer_products,
    add_outer_products_of_columns,
    multiply,
    pack_rows,
    panel_columns,
    tile_rows,
)
from grukit.kernels.cpu.storage.workspace import GRADIENT_ROWS

# Panels up to which to pack the states for their product, or the gates' gradients, takes longer than it saves, as multiples of
# the tile's rows: each number of the states is read once for so many. Rows of 128 units and more lie in few sets of the L1
# cache. Percent of the core's peak, 128 rows and 64, 96, 128, 256 and 512 units:
#
#     packed       AVX2, Zen 3       AVX2, Zen 4    AVX-512, Zen 4
#     nothing      88 92 70 62 48    87 - 87 71 51    94 - 96 89 70
#     states       85 91 83 85 65    86 - 89 84 73    94 - 90 82 73
#     both         82 87 84 87 84
UNPACKED, FIRST_UNPACKED = 1, 4
INPUTS_TOGETHER = 32  # of ``GRADIENT_ROWS`` rows: half of an L1 cache


class Gradients(NamedTuple):
    """Where the gradients of a layer's weights are added up, and what they are multiplied from."""

    sums: np.ndarray  # (3, D, H) of the input weights, which lie the other way round
    biases: np.ndarray  # (4, H) of r, z, n and the recurrent part of n
    packed: np.ndarray  # (2, . H) scratch, for the rows that are taken at once
    w_ih: np.ndarray  # (3, H D) packed, for the gradient of the inputs


@inner
def begin_gradients(weights: Any, B: int, scratch: Any, d_x: Any) -> Any:
    """The :class:`Gradients` of a layer for a chunk of B rows, in ``scratch``; zero."""
    H, D = weights.w_ih.shape[0] // 3, weights.w_ih.shape[1]
    sums, rest = view(scratch, 0, (3, D, H)), rest_of(scratch, 3 * D * H)
    biases, size = view(rest, 0, (4, H)), max(GRADIENT_ROWS, B) * H
    packed, rest = view(rest, 4 * H, (2, size)), rest_of(rest, 4 * H + 2 * size)
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
    states, row = second_factor(view(h_previous, begin * H, (rows, H)), made.packed[0])
    for gate in range(3):
        if gate == 2 and recurrent == N:
            states, row = second_factor(view(entered, begin * H, (rows, H)), made.packed[0])
        d_recurrent = view(gates, ((recurrent if gate == 2 else gate) * n + begin) * H, (rows, H))
        add_recurrent_gradient(d_recurrent, states, row, made.packed[1], d_weights.w_hh[gate * H : (gate + 1) * H])
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
    if UNPACKED * tile_rows(packed) * panel_columns(packed) < H:
        pack_rows(states, packed)
        return view(packed, 0, (rows * H,)), 0
    return view(states, 0, (rows * H,)), H


@inner
def add_recurrent_gradient(d: Any, states: Any, row: int, packed: Any, out: Any) -> None:
    """Add the outer products of the rows of d (rows, H) and of states, from :func:`second_factor`, to out (H, H)."""
    rows, H = d.shape
    width = panel_columns(packed)
    if FIRST_UNPACKED * tile_rows(packed) * width >= H:
        add_outer_products(d, states, row, H, out)
        return
    pack_rows(d, packed)
    for first in range(0, H, width):
        own = min(width, H - first)
        panel = view(packed, rows * first, (rows, own))
        add_outer_products(panel, states, row, H, view(out, first * H, (own, H)))


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
