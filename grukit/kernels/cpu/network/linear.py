"""The linear head, forward and backward."""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import noinline
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.sums import dot
from grukit.kernels.scalar import ZERO


@inner
def linear_forward(h: Any, weight: Any, bias: Any, outputs: Any) -> None:
    """Outputs h W^T + b.

    h        (M, H)  in
    weight   (K, H)  in
    bias     (K,)    in
    outputs  (M, K)  out

    Sum by sum: a head has too few outputs to fill a tile.
    """
    noinline()
    for i in range(h.shape[0]):
        for k in range(weight.shape[0]):
            outputs[i, k] = dot(h, i, weight, k) + bias[k]


@inner
def linear_backward(d_outputs: Any, h: Any, weight: Any, d_h: Any, d_weight: Any, d_bias: Any) -> None:
    """Gradients of :func:`linear_forward`.

    d_outputs (M, K), h (M, H), weight (K, H)  in
    d_h       (M, H)                           out
    d_weight  (K, H), d_bias (K,)              out, added to
    """
    noinline()
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            d_h[i, j] = ZERO
        for k in range(weight.shape[0]):
            d = d_outputs[i, k]
            d_bias[k] += d
            for j in range(h.shape[1]):
                d_h[i, j] += d * weight[k, j]
                d_weight[k, j] += d * h[i, j]
