"""Matrix products, cut into the pieces that a BLAS is fastest at.

OpenBLAS has kernels for products of at most a million multiplications that need no packing, and they are faster; they want
neither factor transposed, except for the sum of outer products. One Zen 4 core, float32, GFLOP/s of 117 possible:

    (16, 64) (64, 192)       102      (16, 256) (256, 768)    52, in panels of 64 columns  115
    the same, (192, 64)^T     37      (16, 768) (768, 256)    46, in panels of 64 columns  116
    (1536, 64)^T (1536, 64)   61, in pieces of 244 rows  115
"""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.blas import gemm
from grukit.kernels.cpu.products.vectors import BLOCK, ROW_PANEL, add_product_of_row
from grukit.kernels.scalar import ZERO

SMALL_PRODUCT = 1_000_000
FEWEST = 16  # a piece of fewer rows or columns is not worth its call
SUMMED = 256  # numbers that are added up side by side
PANEL = 64  # columns of a panel, where there is room for so many


@inner
def _piece(length: int, others: int) -> int:
    """How much of a dimension to take at once, where the two others multiply to ``others``."""
    # Whole multiples of the BLAS's tiles: a row's rounding must not depend on where in a piece it lies.
    piece = SMALL_PRODUCT // others // FEWEST * FEWEST
    return length if piece < FEWEST else piece


@inner
def product(a: Any, b: Any, beta: float, out: Any) -> None:
    """Write a (m, k) b (k, n) + beta out into out (m, n)."""
    step = _piece(a.shape[0], b.size)
    for i in range(0, a.shape[0], step):
        gemm(a[i : i + step], b, beta, out[i : i + step], 0)


@inner
def add_outer_products(a: Any, b: Any, out: Any) -> None:
    """Add a^T b to out (m, n): the outer products of the rows of a (k, m) and b (k, n), summed."""
    step = _piece(a.shape[0], out.size)
    for start in range(0, a.shape[0], step):
        gemm(a[start : start + step].T, b[start : start + step], 1.0, out, 0)


@inner
def row_sums(rows: Any, block: Any, out: Any) -> None:
    """Write the sum of ``rows`` (m, n) over m into out (n,); scratch ``block`` (n + SUMMED,).

    As many rows as make ``SUMMED`` numbers are added up side by side, in one loop: few columns fill no vector,
    and a sum waits for the one before.
    """
    m, n = rows.shape
    together = max(1, min(m, SUMMED // n))
    size = together * n
    for i in range(size):
        block[i] = ZERO
    for first in range(0, m - together + 1, together):
        added = view(rows, first * n, (size,))
        for i in range(size):
            block[i] += added[i]
    for j in range(n):
        out[j] = ZERO
    for k in range(together):
        for j in range(n):
            out[j] += block[k * n + j]
    for i in range(m - m % together, m):
        for j in range(n):
            out[j] += rows[i, j]


# Loops, because a slice that is assigned takes Numba ten times as long to compile.


@inner
def clear(out: Any) -> None:
    """Set out (m, n) to zero."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = ZERO


@inner
def copy(a: Any, out: Any) -> None:
    """Write a (m, n) into out (m, n)."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j]


@inner
def times(a: Any, b: Any, out: Any) -> None:
    """Write the elements' products of a and b (B, H) into out (B, H)."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j] * b[i, j]


@inner
def add(a: Any, out: Any) -> None:
    """Add a (n,) to out (n,)."""
    for j in range(a.size):
        out[j] += a[j]


# --- one factor used at every step: packed once into panels of its columns, one after another ---------------------------


@inner
def panel_width(rows: int, k: int, n: int) -> int:
    """Columns of a panel of a factor (k, n) that is multiplied by ``rows`` rows."""
    width = SMALL_PRODUCT // (rows * k)
    if width >= n or width < FEWEST:
        return n
    return width // PANEL * PANEL if width >= PANEL else width // FEWEST * FEWEST


@inner
def pack(factor: Any, width: int, packed: Any) -> None:
    """Write the columns of ``factor`` (k, n), which may be a transposed view, into ``packed`` (k n,), panel by panel."""
    k, n = factor.shape
    for left in range(0, n, width):
        w = min(width, n - left)
        panel = view(packed, k * left, (k, w))
        for i in range(k):
            for j in range(w):
                panel[i, j] = factor[i, left + j]


@inner
def product_packed(a: Any, packed: Any, width: int, n: int, beta: float, out: Any) -> None:
    """Write a (m, k) times a packed factor (k, n) + beta out into the first n columns of out (m, .)."""
    k = a.shape[1]
    for left in range(0, n, width):
        gemm(a, view(packed, k * left, (k, min(width, n - left))), beta, out, left)


# --- at inference ----------------------------------------------------------------------------------------------------

FEWEST_BLAS_ROWS = 8  # fewer are multiplied row by row


@inner
def _row_by_row(rows: int, like: Any) -> bool:
    """Whether to multiply row by row: few rows, and in float64.

    In float64 the exact tanh takes most of the time anyway, and a row then has the same bits alone, in a batch and in a
    stream, for every sum runs in the same order.
    """
    return rows < FEWEST_BLAS_ROWS or like.itemsize == 8


@inner
def step_width(rows: int, k: int, n: int, like: Any) -> int:
    """Columns of a panel of a packed factor (k, n) that :func:`accumulate` takes; ``like`` is an array of its type.

    ``rows`` 0: for :func:`grukit.kernels.cpu.products.vectors.add_product_in_lanes`.
    """
    if rows == 0:
        return BLOCK
    return ROW_PANEL if _row_by_row(rows, like) else panel_width(rows, k, n)


@inner
def fill(bias: Any, out: Any) -> None:
    """Write the bias (n,) into every row of out (m, n)."""
    for i in range(out.shape[0]):
        for j in range(bias.size):
            out[i, j] = bias[j]


@inner
def accumulate(a: Any, packed: Any, width: int, n: int, turn: int, out: Any) -> None:
    """Add a (m, k) times a factor (k, n), packed with :func:`step_width`, to the first n columns of out (m, .).

    ``turn`` is odd at every other product with the same factor: the panels of it are taken there and back.
    """
    m = a.shape[0]
    if not _row_by_row(m, packed):
        product_packed(a, packed, width, n, 1.0, out)
        return
    for row in range(m):
        add_product_of_row(a[row], packed, n, (turn + row) % 2 == 1, out[row])
