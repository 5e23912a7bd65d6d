"""Matrix products and column sums, bitwise repeatable: no atomics, every sum in a fixed order."""

from typing import Any

import numpy as np

from grukit.kernels.cuda import _cuda
from grukit.kernels.cuda._cuda import Launch, compiled, cuda, pieces, uint32
from grukit.kernels.cuda.cublas import CublasProduct, library

TILE = 32  # rows and columns of a block's part of a product
DEPTH = 16  # of a tile of the factors
THREADS = 64  # 8 x 8, each with 4 x 4 numbers of the product
EACH = 4
# Multiplications from which a product goes to cuBLAS; an estimate. It writes one slot, and the others stay zero.
LARGE_PRODUCT = 2**23
COLUMNS, SUMMED = 32, 8  # column sums: columns of a block, and rows that it adds at a time


def product_kernel(dtype: str, form: str, biased: bool) -> Any:
    """Make the product kernel; blocks of THREADS threads, grid (row tiles, column tiles, slots).

    ``form`` says which factor is transposed: "nn", "nt" or "tn".
    """
    number = getattr(_cuda, dtype)
    zero = np.dtype(dtype).type(0)
    padded = TILE + 1  # no two rows of a tile begin in the same bank
    a_turned, b_turned = form[0] == "t", form[1] == "t"

    def kernel(a, b, bias, out, at, ld):  # type: ignore[no-untyped-def]
        """Write a b + bias into each slot of ``out``: slot i gets the i-th piece of the sum over k.

        a     (M, K), turned (K, M)  in
        b     (K, N), turned (N, K)  in
        bias  (N,)                   in   not read unless ``biased``
        out   (S, size)              out  row m of the product begins at ``at`` + m ``ld``
        """
        a_tile = cuda.shared.array((DEPTH, padded), number)
        b_tile = cuda.shared.array((DEPTH, padded), number)
        sums = cuda.local.array((EACH, EACH), number)
        M, K = (a.shape[1], a.shape[0]) if a_turned else (a.shape[0], a.shape[1])
        N = b.shape[0] if b_turned else b.shape[1]
        column, row = cuda.threadIdx.x % 8, cuda.threadIdx.x // 8
        top, left = cuda.blockIdx.x * TILE, cuda.blockIdx.y * TILE
        share = (K + cuda.gridDim.z - 1) // cuda.gridDim.z
        start = cuda.blockIdx.z * share
        stop = min(K, start + share)
        for i in range(EACH):
            for j in range(EACH):
                sums[i, j] = zero
        while start < stop:
            for load in range(cuda.threadIdx.x, TILE * DEPTH, THREADS):
                # Neighbouring threads read neighbouring numbers, whichever way the factor lies.
                wide, deep, tall, flat = load % TILE, load // TILE, load // DEPTH, load % DEPTH
                if a_turned:
                    m, k = uint32(top + wide), uint32(start + deep)
                    a_tile[deep, wide] = a[k, m] if m < M and k < stop else zero
                else:
                    m, k = uint32(top + tall), uint32(start + flat)
                    a_tile[flat, tall] = a[m, k] if m < M and k < stop else zero
                if b_turned:
                    n, k = uint32(left + tall), uint32(start + flat)
                    b_tile[flat, tall] = b[n, k] if n < N and k < stop else zero
                else:
                    n, k = uint32(left + wide), uint32(start + deep)
                    b_tile[deep, wide] = b[k, n] if n < N and k < stop else zero
            cuda.syncthreads()
            for k in range(DEPTH):
                for i in range(EACH):
                    for j in range(EACH):
                        sums[i, j] += a_tile[k, row + 8 * i] * b_tile[k, column + 8 * j]
            cuda.syncthreads()
            start += DEPTH
        for i in range(EACH):
            for j in range(EACH):
                m, n = top + row + 8 * i, left + column + 8 * j
                if m < M and n < N:
                    more = bias[uint32(n)] if biased else zero
                    out[cuda.blockIdx.z, uint32(at + m * ld + n)] = sums[i, j] + more

    return kernel


def product(form: str, a: Any, b: Any, out: Any, at: int, ld: int, bias: Any, precision: str) -> Launch | CublasProduct:
    """The launch of a product; arrays as in :func:`product_kernel`. Large ones go to cuBLAS where it is installed."""
    M, N, K = a.shape[form[0] == "t"], b.shape[form[1] == "n"], a.shape[form[0] == "n"]
    if bias is None and M * N * K >= LARGE_PRODUCT and library() is not None:
        return CublasProduct(form, a, b, out, at, ld, precision)
    grid = (pieces(M, TILE), pieces(N, TILE), out.shape[0])  # rows first: only x may have more than 65,535 blocks
    kernel = compiled(product_kernel, THREADS, a.dtype.name, form, bias is not None)
    unread = out.reshape(out.size)
    return Launch(kernel, grid, THREADS, (a, b, unread if bias is None else bias, out, at, ld))


def column_sums_kernel(dtype: str) -> Any:
    """Make the kernel of column sums; blocks of COLUMNS x SUMMED threads, grid (columns / COLUMNS, slots)."""
    number = getattr(_cuda, dtype)
    zero = np.dtype(dtype).type(0)

    def kernel(a, targets, out):  # type: ignore[no-untyped-def]
        """Write the sums of the columns of a into each slot of ``out``: slot i gets the i-th piece of the rows.

        a        (M, N)     in   any strides
        targets  (N, 2)     in   int32, where a column's sum goes, twice; -1: nowhere
        out      (S, size)  out
        """
        parts = cuda.shared.array((SUMMED, COLUMNS), number)
        M, N = a.shape
        c, i = cuda.threadIdx.x % COLUMNS, cuda.threadIdx.x // COLUMNS
        column = cuda.blockIdx.x * COLUMNS + c
        share = (M + cuda.gridDim.y - 1) // cuda.gridDim.y
        start = cuda.blockIdx.y * share
        total = zero
        if column < N:
            for m in range(start + i, min(M, start + share), SUMMED):
                total += a[uint32(m), uint32(column)]
        parts[i, c] = total
        cuda.syncthreads()
        if i == 0 and column < N:
            for other in range(1, SUMMED):
                total += parts[other, c]
            for k in range(2):
                if targets[column, k] >= 0:
                    out[cuda.blockIdx.y, uint32(targets[column, k])] = total

    return kernel


def column_sums(a: Any, targets: Any, out: Any) -> Launch:
    """The launch of column sums; arrays as in :func:`column_sums_kernel`."""
    kernel = compiled(column_sums_kernel, COLUMNS * SUMMED, a.dtype.name)
    return Launch(kernel, (pieces(a.shape[1], COLUMNS), out.shape[0]), COLUMNS * SUMMED, (a, targets, out))
