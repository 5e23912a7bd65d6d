"""The linear head, forward and backward.

A head of few outputs is made sum by sum, for they fill no tile; one of ``WIDE`` and more is a product in tiles.
"""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.elementwise import clear
from grukit.kernels.cpu.products.sums import dot
from grukit.kernels.cpu.products.transposing import transpose
from grukit.kernels.cpu.products.vectors import (
    READ_BEYOND,
    ROW,
    add_outer_products,
    affine_in_lanes,
    multiply,
    multiply_rows,
    pack_columns,
)
from grukit.kernels.cpu.storage.workspace import GRADIENT_ROWS

# Outputs of a head that is multiplied in tiles. Its bias, or the bias's gradient, which lies behind the weights, is then all
# the room that products need there.
WIDE = READ_BEYOND


@inner
def pack_head(weight: Any, bias: Any, packed: Any) -> Any:
    """Weight (K, H) and bias (K,) as :func:`linear_forward` takes them; packed has room for them and what is read beyond."""
    K, H = weight.shape
    if K < WIDE:
        return weight, bias
    own, biases = view(packed, 0, (K, H)), view(packed, K * H, (K,))
    pack_columns(weight, 0, H, view(own, 0, (K * H,)))
    for k in range(K):
        biases[k] = bias[k]
    return own, biases


@inner
def linear_forward(h: Any, weight: Any, bias: Any, outputs: Any) -> None:
    """Outputs h W^T + b.

    h        (M, H)  in
    weight   (K, H)  in   from :func:`pack_head`
    bias     (K,)    in
    outputs  (M, K)  out
    """
    noinline()
    K, H = weight.shape
    if K >= WIDE:
        multiply(h, view(weight, 0, (K * H,)), K, ROW, bias, False, outputs)
        return
    for i in range(h.shape[0]):
        for k in range(K):
            outputs[i, k] = dot(h, i, weight, k) + bias[k]


@inner
def linear_forward_in_lanes(h: Any, weight: Any, bias: Any, scratch: Any, outputs: Any) -> None:
    """The same, with the same bits, of h (H, LANES) and the weight as it is; scratch (LANES H,) or (LANES K,)."""
    H, L = h.shape
    K = weight.shape[0]
    if K >= WIDE:
        columns = view(scratch, 0, (K, L))
        affine_in_lanes(view(weight, 0, (K * H,)), bias, h, columns)
        transpose(columns, 0, L, outputs, 0, K, K, L)
        return
    rows = view(scratch, 0, (L, H))
    transpose(h, 0, L, rows, 0, H, H, L)
    linear_forward(rows, weight, bias, outputs)


@inner
def linear_backward(d_outputs: Any, h: Any, weight: Any, d_h: Any, d_weight: Any, d_bias: Any) -> None:
    """Gradients of :func:`linear_forward`.

    d_outputs (M, K), h (M, H)       in
    weight    (K, H)                 in   as it is, not packed
    d_h       (M, H)                 out
    d_weight  (K, H), d_bias (K,)    out, added to
    """
    noinline()
    (M, H), K = h.shape, weight.shape[0]
    for i in range(M):
        for k in range(K):
            d_bias[k] += d_outputs[i, k]
    if K >= WIDE:
        multiply_rows(d_outputs, view(weight, 0, (K * H,)), d_h)
        for first in range(0, M, GRADIENT_ROWS):
            rows = min(GRADIENT_ROWS, M - first)
            taken, entered = view(d_outputs, first * K, (rows, K)), view(h, first * H, (rows * H,))
            add_outer_products(taken, entered, H, H, d_weight)
        return
    clear(d_h)
    for i in range(M):
        for k in range(K):
            d = d_outputs[i, k]
            for j in range(H):
                d_h[i, j] += d * weight[k, j]
                d_weight[k, j] += d * h[i, j]
