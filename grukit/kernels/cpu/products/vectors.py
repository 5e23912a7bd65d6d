"""The product of :mod:`grukit.kernels.cpu.products.tiles`, as the kernels call it."""

from typing import Any

from llvmlite import ir
from numba import types

from grukit.kernels.cpu.compiler.intrinsics import kernel_intrinsic, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.compiler.target import tile_of
from grukit.kernels.cpu.products import tiles
from grukit.kernels.cpu.products.transposing import transpose

LANES = 16  # rows in lanes, the numbers in a vector of AVX-512, two of AVX2, four of NEON
# Numbers that are read, and not used, beyond the end of a packed factor, of a bias, and of an ``out`` that is added to.
READ_BEYOND = 32
# What a product is added to: nothing, what is in ``out``, a bias for each column, a bias for each row.
NOTHING, OUT, ROW, COLUMN = range(4)


@kernel_intrinsic
def panel_columns(_typing: Any, like: Any) -> Any:
    """Columns of a panel of a packed factor; ``like`` is an array of its type."""

    def generate(context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return context.get_constant(types.intp, tile_of(like.dtype).columns)

    return types.intp(like), generate


@kernel_intrinsic
def tile_rows(_typing: Any, like: Any) -> Any:
    """Rows of the tile; ``like`` is an array of its type."""

    def generate(context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return context.get_constant(types.intp, tile_of(like.dtype).rows)

    return types.intp(like), generate


def _data(context: Any, builder: Any, signature: Any, arguments: Any, i: int) -> Any:
    return context.make_array(signature.args[i])(context, builder, arguments[i])


@kernel_intrinsic
def _multiply(
    _typing: Any, a: Any, a_r: Any, a_k: Any, b: Any, b_row: Any, n: Any, k: Any, begin: Any, bias: Any, back: Any, out: Any
) -> Any:  # fmt: skip
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, bias, out = (_data(context, builder, signature, arguments, i) for i in (0, 3, 8, 10))
        _, a_r, a_k, _, b_row, n, k, begin, _, back, _ = arguments
        m, out_r = (builder.extract_value(out.shape, i) for i in range(2))
        constant, tile, number = n.type, tile_of(signature.args[0].dtype), a.data.type.pointee

        def choose(condition: Any, yes: Any, no: Any) -> Any:
            return builder.select(
                condition, *(v if isinstance(v, ir.Value) else ir.Constant(constant, v) for v in (yes, no))
            )

        def begins(at: int) -> Any:
            return builder.icmp_signed("==", begin, ir.Constant(constant, at))

        columns = ir.Constant(constant, tile.columns)
        packed = builder.icmp_signed("==", b_row, ir.Constant(constant, 0))
        in_b = (
            choose(packed, builder.mul(k, columns), columns),
            choose(packed, columns, b_row),
            choose(packed, builder.urem(n, columns), b_row),
        )
        start = choose(begins(OUT), out.data, bias.data), choose(begins(OUT), out_r, 0)
        how = choose(begins(COLUMN), tiles.COLUMN, choose(begins(NOTHING), tiles.ZERO, tiles.ROWS))
        function = tiles.define_product(builder.module, number, tile)
        builder.call(function, [a.data, a_r, a_k, b.data, *in_b, *start, how, out.data, out_r, m, n, k, back])
        return context.get_dummy_value()

    i = types.intp
    return types.void(a, i, i, b, i, i, i, i, bias, i, out), generate


@kernel_intrinsic
def _copy(
    _typing: Any, source: Any, source_at: Any, source_row: Any, out: Any, at: Any, row: Any, rows: Any, n: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, out = (_data(context, builder, signature, arguments, i).data for i in (0, 3))
        _, source_at, source_row, _, at, row, rows, n = arguments
        function = tiles.define_copy(builder.module, out.type.pointee, tile_of(signature.args[3].dtype))
        builder.call(function, [builder.gep(source, [source_at]), source_row, builder.gep(out, [at]), row, rows, n])
        return context.get_dummy_value()

    i = types.intp
    return types.void(source, i, i, out, i, i, i, i), generate


@inner
def multiply(a: Any, packed: Any, n: int, begin: int, bias: Any, back: bool, out: Any) -> None:
    """Write a (m, k) times a packed factor (k, n), added to what ``begin`` tells, into the first n columns of ``out``.

    a       (m, k)  in
    packed  (k n,)  in       from :func:`pack_rows` or :func:`pack_columns`
    bias    (n,)    in       for ROW; any array otherwise
    back            in       from the last panel to the first: what was read last, the other way round, is still in the L1
                             cache, which for one row and 64 units makes 78 GFLOP/s of 57
    out     (m, .)  out, in
    """
    k = a.shape[1]
    _multiply(a, k, 1, packed, 0, n, k, begin, bias, 1 if back else 0, out)


@inner
def multiply_rows(a: Any, b: Any, out: Any) -> None:
    """Write a (m, k) times b (k, n) as it lies, (k n,), into out (m, n)."""
    k, n = a.shape[1], out.shape[1]
    _multiply(a, k, 1, b, n, n, k, NOTHING, b, 0, out)


@inner
def add_outer_products(a: Any, b: Any, b_row: int, n: int, out: Any) -> None:
    """Add the outer products of the rows of a (k, m) and b (k, n), summed, to out (m, n).

    b  (k n,)  in  packed, and ``b_row`` 0; or as it is, and ``b_row`` n
    """
    _multiply(a, 1, a.shape[1], b, b_row, n, a.shape[0], OUT, b, 0, out)


@inner
def add_outer_products_of_columns(a: Any, first: int, b: Any, n: int, out: Any) -> None:
    """The same of the columns of a from ``first`` on, as many as out (m, n) has rows, and of b as it is."""
    k, columns = a.shape
    _multiply(view(a, first, (k, columns)), 1, columns, b, n, n, k, OUT, b, 0, out)


@inner
def add_product_in_lanes(w: Any, h: Any, out: Any) -> None:
    """Add W h to ``out``.

    w    (n k,)      in       W (n, k)
    h    (k, lanes)  in
    out  (n, lanes)  in, out
    """
    _in_lanes(w, OUT, w, h, out)


@inner
def affine_in_lanes(w: Any, bias: Any, h: Any, out: Any) -> None:
    """Write W h + b into ``out``; arguments as :func:`add_product_in_lanes`, bias (n,)."""
    _in_lanes(w, COLUMN, bias, h, out)


@inner
def _in_lanes(w: Any, begin: int, bias: Any, h: Any, out: Any) -> None:
    k, lanes = h.shape
    rows = view(w, 0, (out.shape[0], k))
    _multiply(rows, k, 1, view(h, 0, (k * lanes,)), lanes, lanes, k, begin, bias, 0, out)


@inner
def copy_rows(source: Any, source_at: int, source_row: int, out: Any, at: int, row: int, rows: int, n: int) -> None:
    """Copy rows of n numbers, few, from ``source_at`` on of source, ``source_row`` apart, to ``at`` of out, ``row`` apart."""
    _copy(source, source_at, source_row, out, at, row, rows, n)


@inner
def pack_rows(factor: Any, packed: Any) -> None:
    """Write factor (k, n) into ``packed`` (k n,): panel by panel of its columns, the last one narrower."""
    k, n = factor.shape
    width = panel_columns(packed)
    for left in range(0, n, width):
        w = min(width, n - left)
        copy_rows(factor, left, n, packed, k * left, w, k, w)


@inner
def pack_columns(factor: Any, first: int, k: int, packed: Any) -> None:
    """The same of the transposed of factor (n, .): the rows of (k, n) from ``first`` on."""
    n, own = factor.shape
    width = panel_columns(packed)
    for left in range(0, n, width):
        w = min(width, n - left)
        transpose(factor, left * own, own, packed, k * left + first * w, w, w, own)
