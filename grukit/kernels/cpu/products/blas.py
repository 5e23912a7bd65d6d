"""The one call into SciPy's BLAS.

``np.dot`` in a kernel calls the same function, but it cannot add to its result, writes whole arrays only, asks at every call
whether it is given a vector, and each pair of its arguments' types takes Numba a seventh of a second to compile.
"""

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, lower_builtin, type_callable

_CHAR, _INT = ir.IntType(8), ir.IntType(32)
_POINTER = _CHAR.as_pointer()
# xgemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc), all by address, matrices stored by columns
_GEMM = ir.FunctionType(ir.VoidType(), [_POINTER] * 13)
_NAMES = {types.float32: "sgemm", types.float64: "dgemm"}

# By name, because a kernel from the cache on disk finds them elsewhere in every process.
for _name in _NAMES.values():
    llvmlite.binding.add_symbol(f"grukit_{_name}", get_cython_function_address("scipy.linalg.cython_blas", _name))


def gemm(a: Any, b: Any, beta: float, out: Any, left: int) -> None:
    """Write a (m, k) b (k, n) + beta out into the n columns of out (m, .) from ``left`` on.

    ``a`` may be a transposed view; apart from that all are C-contiguous, and of one type. Sizes are not checked in a kernel.
    """
    columns = out[:, left : left + b.shape[1]]
    columns[...] = np.dot(a, b) + (beta * columns if beta else 0)


@type_callable(gemm)
def _type_gemm(_context: Any) -> Any:
    def signature(a: Any, b: Any, beta: Any, out: Any, left: Any) -> Any:
        if a.layout not in "CF" or (b.layout, out.layout) != ("C", "C") or not a.dtype == b.dtype == out.dtype:
            return None  # in Numba: there is no such signature
        return types.void(a, b, a.dtype, out, types.intp)

    return signature


@lower_builtin(gemm, types.Array, types.Array, types.Float, types.Array, types.intp)
def _gemm(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    a, b, number, out, _ = signature.args
    x, y, z = (
        context.make_array(kind)(context, builder, value)
        for kind, value in ((a, arguments[0]), (b, arguments[1]), (out, arguments[3]))
    )
    m, k = cgutils.unpack_tuple(builder, x.shape)
    _, n = cgutils.unpack_tuple(builder, y.shape)
    _, n_out = cgutils.unpack_tuple(builder, z.shape)
    transposed, lda = ("n", k) if a.layout == "C" else ("t", m)
    by_rows, transposed = (ir.Constant(_CHAR, ord(c)) for c in ("n", transposed))
    m, n, k, lda, n_out = (builder.trunc(size, _INT) for size in (m, n, k, lda, n_out))
    out_data = builder.gep(z.data, [arguments[4]])

    def address(value: Any) -> Any:
        return builder.bitcast(cgutils.alloca_once_value(builder, value), _POINTER)

    x_data, y_data, out_data = (builder.bitcast(data, _POINTER) for data in (x.data, y.data, out_data))
    one, beta = address(context.get_constant(number, 1)), address(arguments[2])
    # By columns every matrix is its transpose, and (a b)^T = b^T a^T.
    order = [
        *map(address, (by_rows, transposed, n, m, k)),
        one,
        y_data,
        address(n),
        x_data,
        address(lda),
        beta,
        out_data,
    ]
    function = cgutils.get_or_insert_function(builder.module, _GEMM, f"grukit_{_NAMES[number]}")
    builder.call(function, [*order, address(n_out)])
    return context.get_dummy_value()
