"""The one call into SciPy's BLAS.

``np.dot`` in a kernel makes the same call, but it cannot add to its result, writes whole arrays only, asks at every call
whether it is given a vector, and each pair of its arguments' types takes Numba a seventh of a second to compile. What is
used here of Numba besides its extension interface is what it calls ``np.dot`` by, and how it checks that.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.linalg import check_blas_return, get_blas_kind

from grukit.kernels.cpu.compiler.intrinsics import intrinsic_of

_CHAR, _SIZE = ir.IntType(8), ir.IntType(64)
_POINTER = _CHAR.as_pointer()
# int numba_xxgemm(kind, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc), matrices stored by columns
_XXGEMM = ir.FunctionType(
    ir.IntType(32),
    [_CHAR] * 3 + [_SIZE] * 3 + [_POINTER, _POINTER, _SIZE, _POINTER, _SIZE, _POINTER, _POINTER, _SIZE],
)


def gemm(a: Any, b: Any, beta: float, out: Any, left: int) -> None:
    """Write a (m, k) b (k, n) + beta out into the n columns of out (m, .) from ``left`` on.

    ``a`` may be a transposed view; apart from that all are C-contiguous, and of one type. Sizes are not checked in a kernel.
    """
    columns = out[:, left : left + b.shape[1]]
    columns[...] = np.dot(a, b) + (beta * columns if beta else 0)


@intrinsic_of(gemm)
def _gemm(_typing: Any, a: Any, b: Any, beta: Any, out: Any, left: Any) -> Any:
    if a.layout not in "CF" or (b.layout, out.layout) != ("C", "C") or not a.dtype == b.dtype == out.dtype:
        return None  # in Numba: there is no such signature

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, z = (
            context.make_array(kind)(context, builder, value)
            for kind, value in ((a, arguments[0]), (b, arguments[1]), (out, arguments[3]))
        )
        m, k = cgutils.unpack_tuple(builder, x.shape)
        _, n = cgutils.unpack_tuple(builder, y.shape)
        _, n_out = cgutils.unpack_tuple(builder, z.shape)
        one, factor = (
            builder.bitcast(cgutils.alloca_once_value(builder, number), _POINTER)
            for number in (context.get_constant(a.dtype, 1), context.cast(builder, arguments[2], beta, a.dtype))
        )
        transposed, lda = ("n", k) if a.layout == "C" else ("t", m)
        kind, by_rows, transposed = (ir.Constant(_CHAR, ord(c)) for c in (get_blas_kind(a.dtype), "n", transposed))
        x_data, y_data = (builder.bitcast(each.data, _POINTER) for each in (x, y))
        out_data = builder.bitcast(builder.gep(z.data, [arguments[4]]), _POINTER)
        function = cgutils.get_or_insert_function(builder.module, _XXGEMM, "numba_xxgemm")
        # By columns every matrix is its transpose, and (a b)^T = b^T a^T.
        order = (kind, by_rows, transposed, n, m, k, one, y_data, n, x_data, lda, factor, out_data, n_out)
        check_blas_return(context, builder, builder.call(function, order))
        return context.get_dummy_value()

    return types.void(a, b, beta, out, types.intp), generate
