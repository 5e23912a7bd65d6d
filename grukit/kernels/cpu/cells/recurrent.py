"""What the cells share: planes, the inputs' projection, rows that have ended, masks, the weights' gradients."""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.matrices import (
    accumulate,
    add,
    add_outer_products,
    fill,
    product,
    row_sums,
    step_width,
)
from grukit.kernels.cpu.products.vectors import LANES, add_outer_products_of
from grukit.kernels.scalar import ONE, ZERO

# The planes of ``gates``.
R, Z, Q, N = 0, 1, 2, 3

PANEL_ROWS = 128  # of a panel of gradients and states, which then fit in the L2 cache


@inner
def pack_inputs(weights: Any, n_joint: int, packed: Any) -> None:
    """Pack what the inputs are multiplied by: of each gate the transposed weights (D, H) and, as a further row, its bias.

    The bias is b_ih and, of the first ``n_joint`` gates, b_hh.
    """
    H, D = weights.w_ih.shape[0] // 3, weights.w_ih.shape[1]
    for gate in range(3):
        first = gate * H
        own = view(packed, first * (D + 1), (D + 1, H))
        for j in range(H):
            for d in range(D):
                own[d, j] = weights.w_ih[first + j, d]
            own[D, j] = weights.b_ih[first + j] + weights.b_hh[first + j] if gate < n_joint else weights.b_ih[first + j]


@inner
def project_inputs(x: Any, packed: Any, first: int, last: int, planes: Any, ones: Any, gates: Any) -> None:
    """W_i x + b of the steps first..last, one product a gate, into three ``planes`` of ``gates``.

    The inputs are copied beside a column of ones, by which the bias is multiplied: adding it afterwards takes longer.

    packed  (3 (D + 1) H,)  in       from :func:`pack_inputs`
    ones    (.,)            scratch  (last - first) B (D + 1) numbers
    """
    _, B, D = x.shape
    T, H = gates.shape[1], gates.shape[3]
    n = (last - first) * B
    rows, with_ones = view(x, first * B * D, (n, D)), view(ones, 0, (n, D + 1))
    for i in range(n):
        for d in range(D):
            with_ones[i, d] = rows[i, d]
        with_ones[i, D] = ONE
    for gate in range(3):
        w_t = view(packed, gate * (D + 1) * H, (D + 1, H))
        product(with_ones, w_t, 0.0, view(gates, (planes[gate] * T + first) * B * H, (n, H)))


@inner
def split_candidate(weights: Any, H: int) -> Any:
    """Of the packed weights of inference: W_hh of r and z, of n, and the bias of n's product."""
    w_hh, b_hh = weights.w_hh, weights.b_hh
    return view(w_hh, 0, (2 * H * H,)), view(w_hh, 2 * H * H, (H * H,)), view(b_hh, 2 * H, (H,))


@inner
def project_steps(x: Any, first: int, last: int, weights: Any, projected: Any) -> None:
    """W_i x + b of the steps first..last into ``projected`` (., B, 3H), from the packed weights of inference.

    One product a step: a row then has the same bits however many steps there are.
    """
    _, B, D = x.shape
    N = projected.shape[2]
    width, bias = step_width(B, D, N, weights.w_ih), view(weights.b_ih, 0, (N,))
    for t in range(first, last):
        fill(bias, projected[t - first])
        accumulate(x[t], weights.w_ih, width, N, 0, projected[t - first])


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


@inner
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
    T, B, _ = x.shape
    H = gates.shape[3]
    sums, block = view(scratch, 0, (H,)), rest_of(scratch, H)
    for gate, plane in ((0, R), (1, Z), (2, N)):
        own = slice(gate * H, (gate + 1) * H)
        d_recurrent, taken = view(gates, plane * T * B * H, (T * B, H)), view(h_previous, 0, (T * B, H))
        row_sums(d_recurrent, block, sums)
        add(sums, d_weights.b_ih[own])
        if gate == 2:
            d_recurrent, taken = view(gates, recurrent * T * B * H, (T * B, H)), view(entered, 0, (T * B, H))
            row_sums(d_recurrent, block, sums)
        add(sums, d_weights.b_hh[own])
        if not _in_panels(gates):
            add_outer_products(d_recurrent, taken, d_weights.w_hh[own])
    if _in_panels(gates):
        _recurrent_gradients(h_previous, entered, recurrent, gates, d_weights)
    input_gradients(x, (R, Z, N), weights, gates, d_x, d_weights)


@inner
def _in_panels(gates: Any) -> bool:
    """Whether the gradients of all gates' recurrent weights are taken a panel of rows at a time.

    Gradients come from beyond the L2 cache. Then the states are read once for three gates, and no product packs anything.
    GFLOP/s of one Zen 4 core, ``np.dot`` and panels: 86 and 100 at 64 units, 88 and 103 at 128, 75 and 100 at 256, 90 and 96
    at 512; in cache ``np.dot`` is as fast up to 64 units. float64 would take twice the registers.
    """
    H = gates.shape[3]
    return gates.itemsize == 4 and H >= 64 and H % LANES == 0


@inner
def _recurrent_gradients(h_previous: Any, entered: Any, recurrent: int, gates: Any, d_weights: Any) -> None:
    """Gradients of the recurrent weights, in panels; arguments as :func:`layer_gradients`."""
    _, T, B, H = gates.shape
    n = T * B
    taken, taken_n = view(h_previous, 0, (n, H)), view(entered, 0, (n, H))
    for first in range(0, n, PANEL_ROWS):
        last = min(first + PANEL_ROWS, n)
        for gate, plane in ((0, R), (1, Z)):
            d_plane, own = view(gates, plane * n * H, (n, H)), slice(gate * H, (gate + 1) * H)
            add_outer_products_of(d_plane, taken, first, last, d_weights.w_hh[own])
        add_outer_products_of(view(gates, recurrent * n * H, (n, H)), taken_n, first, last, d_weights.w_hh[2 * H :])


@inner
def input_gradients(x: Any, planes: Any, weights: Any, gates: Any, d_x: Any, d_weights: Any) -> None:
    """Gradients of the input weights and, where wanted, d_x, from the gradients of three gates in ``planes`` of ``gates``."""
    T, B, D = x.shape
    H = gates.shape[3]
    inputs = view(x, 0, (T * B, D))
    for gate in range(3):
        own = slice(gate * H, (gate + 1) * H)
        d_input = view(gates, planes[gate] * T * B * H, (T * B, H))
        add_outer_products(d_input, inputs, d_weights.w_ih[own])
        if d_x.shape[0] > 0:
            product(d_input, weights.w_ih[own], 0.0 if gate == 0 else 1.0, view(d_x, 0, (T * B, D)))
