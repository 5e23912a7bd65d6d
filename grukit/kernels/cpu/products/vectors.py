"""Products in vector registers, for sizes and layouts that a BLAS is not made for: one row, and rows in lanes.

Written in LLVM's vectors of ``LANES`` numbers, which every processor takes in pieces as long as its own. What is added up
stays in registers where there are enough (AVX-512), and is added in the order of k, whatever the shape: so the two ways below
give a row the same bits. One Zen 4 core, float32, (3H, H) weights, GFLOP/s of 117 possible, and the same with ``np.dot`` (of
16 rows) or a plain loop (of one):

    units               10    32    64   128   256
    16 rows in lanes    87   117   115   117   117
    np.dot, 16 rows     64   106   114   115    55
    one row             26    62    78    60    54    from 128 units on as fast as the weights come from the L2 cache
    always forth        26    62    57    57    54    not there and back, see ``add_product_of_row``
    loop, one row       11    40    54    51    55
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from grukit.kernels.cpu.compiler.jit import inner

LANES = 16  # rows in lanes
BLOCK = 8  # weights' rows that are multiplied at once
ROW_PANEL = 4 * LANES  # columns that are added up at once for one row


def _block(rows: int, vectors: int, width: int = LANES, begins: bool = False) -> Any:
    """An intrinsic that adds A B to a block of a matrix, ``rows`` by ``vectors`` times ``width`` numbers.

    ``add(a, a_at, a_r, a_k, b, b_at, b_k, out, out_at, out_r, k, bias, bias_at)``: A[r, i] is ``a[a_at + a_r r + a_k i]``, a
    row of B is ``b[b_at + b_k i :]``, a row of the block ``out[out_at + out_r r :]``, all as flat arrays; i < k, which is at
    least 1. Where the block ``begins``, its row r was ``bias[bias_at + r]``, whatever is in ``out``; where it does not, any
    array stands for the bias. Nothing is checked.
    """
    names = ("a", "a_at", "a_r", "a_k", "b", "b_at", "b_k", "out", "out_at", "out_r", "k", "bias", "bias_at")
    arrays = ("a", "b", "out", "bias")

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        of = dict(zip(names, values, strict=True))
        kinds = dict(zip(names, signature.args, strict=True))
        number, index = context.get_value_type(kinds["out"].dtype), of["k"].type
        size, vector = context.get_abi_sizeof(number), ir.VectorType(number, width)
        base = {
            name: builder.gep(context.make_array(kinds[name])(context, builder, of[name]).data, [of[f"{name}_at"]])
            for name in arrays
        }

        def number_at(base: Any, row: int, step: Any) -> Any:
            return builder.load(builder.gep(base, [builder.mul(step, ir.Constant(index, row))]))

        def place(base: Any, row: int, step: Any, column: int) -> Any:
            offset = builder.add(builder.mul(step, ir.Constant(index, row)), ir.Constant(index, column * width))
            return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

        kind = ir.FunctionType(vector, [vector] * 3)
        multiply_add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{width}f{8 * size}")
        places = [place(base["out"], r, of["out_r"], v) for r in range(rows) for v in range(vectors)]
        one = ir.Constant(index, 1)
        if begins:
            begun = [
                _splat(builder, vector, number_at(base["bias"], r, one)) for r in range(rows) for _ in range(vectors)
            ]
        else:
            begun = [builder.load(each, align=size) for each in places]
        before, loop, after = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.branch(loop)
        builder.position_at_end(loop)
        i, sums = builder.phi(index), [builder.phi(vector) for _ in places]
        row_of_b = builder.gep(base["b"], [builder.mul(i, of["b_k"])])
        column_of_a = builder.gep(base["a"], [builder.mul(i, of["a_k"])])
        columns = [builder.load(place(row_of_b, 0, one, v), align=size) for v in range(vectors)]
        added = []
        for r in range(rows):
            each = _splat(builder, vector, number_at(column_of_a, r, of["a_r"]))
            added += [builder.call(multiply_add, [each, columns[v], sums[r * vectors + v]]) for v in range(vectors)]
        following = builder.add(i, one)
        for phi, first, later in zip([i, *sums], [ir.Constant(index, 0), *begun], [following, *added], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed("<", following, of["k"]), loop, after)
        builder.position_at_end(after)
        for each, value in zip(places, added, strict=True):
            builder.store(value, each, align=size)
        return context.get_dummy_value()

    @intrinsic
    def add(
        _typing: Any, a: Any, a_at: Any, a_r: Any, a_k: Any, b: Any, b_at: Any, b_k: Any,
        out: Any, out_at: Any, out_r: Any, k: Any, bias: Any, bias_at: Any,
    ) -> Any:  # fmt: skip
        n = types.intp
        return types.void(a, n, n, n, b, n, n, out, n, n, n, bias, n), generate

    return add


def _splat(builder: Any, vector: Any, number: Any) -> Any:
    """A vector of one number."""
    nothing, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(builder.insert_element(nothing, number, first), nothing, zeros)


_add_block, _add_two_blocks, _add_lanes = _block(BLOCK, 1), _block(BLOCK, 2), _block(1, 1)
_begin_block, _begin_lanes = _block(BLOCK, 1, begins=True), _block(1, 1, begins=True)
_add_4, _add_2 = _block(1, 4), _block(1, 2)
_add_half, _add_quarter, _add_pair, _add_one = _block(1, 1, 8), _block(1, 1, 4), _block(1, 1, 2), _block(1, 1, 1)


@inner
def add_product_in_lanes(packed: Any, h: Any, out: Any) -> None:
    """Add W h to ``out``.

    packed  (n k,)      in       W (n, k), its transpose packed into panels of ``BLOCK`` columns
    h       (k, LANES)  in
    out     (n, LANES)  in, out
    """
    k, n = h.shape[0], out.shape[0]
    whole = n // BLOCK * BLOCK
    for row in range(0, whole, BLOCK):
        _add_block(packed, row * k, 1, BLOCK, h, 0, LANES, out, row * LANES, LANES, k, packed, 0)
    for row in range(whole, n):
        _add_lanes(packed, whole * k + row - whole, 1, n - whole, h, 0, LANES, out, row * LANES, LANES, k, packed, 0)


@inner
def affine_in_lanes(packed: Any, bias: Any, h: Any, out: Any) -> None:
    """Write W h + b into ``out``; arguments as :func:`add_product_in_lanes`, bias (n,)."""
    k, n = h.shape[0], out.shape[0]
    whole = n // BLOCK * BLOCK
    for row in range(0, whole, BLOCK):
        _begin_block(packed, row * k, 1, BLOCK, h, 0, LANES, out, row * LANES, LANES, k, bias, row)
    for row in range(whole, n):
        _begin_lanes(packed, whole * k + row - whole, 1, n - whole, h, 0, LANES, out, row * LANES, LANES, k, bias, row)


@inner
def add_outer_products_of(a: Any, b: Any, first: int, last: int, out: Any) -> None:
    """Add the outer products of the rows first..last of a (k, m) and b (k, n), summed, to out (m, n).

    m must be a multiple of ``BLOCK``, n of ``LANES``.
    """
    m, n = out.shape
    pairs = n // (2 * LANES) * 2 * LANES
    for column in range(0, pairs, 2 * LANES):
        for row in range(0, m, BLOCK):
            at, right = first * m + row, first * n + column
            _add_two_blocks(a, at, 1, m, b, right, n, out, row * n + column, n, last - first, a, 0)
    if pairs < n:
        for row in range(0, m, BLOCK):
            at, right = first * m + row, first * n + pairs
            _add_block(a, at, 1, m, b, right, n, out, row * n + pairs, n, last - first, a, 0)


@inner
def add_product_of_row(a: Any, packed: Any, n: int, back: bool, out: Any) -> None:
    """Add a B to ``out``.

    a       (k,)      in
    packed  (n k,)    in       B (k, n), packed into panels of ``ROW_PANEL`` columns
    back              in       from the last panel to the first: what was read last, the other way round, is still in the
                               L1 cache
    out     (n,)      in, out
    """
    k = a.size
    whole = n // ROW_PANEL * ROW_PANEL
    for panel in range(0, whole, ROW_PANEL):
        at = whole - ROW_PANEL - panel if back else panel
        _add_4(a, 0, 0, 1, packed, at * k, ROW_PANEL, out, at, 0, k, a, 0)
    at, width = whole, n - whole  # of the last panel, which is narrower
    before = whole * k - whole
    if n - at >= 2 * LANES:
        _add_2(a, 0, 0, 1, packed, before + at, width, out, at, 0, k, a, 0)
        at += 2 * LANES
    if n - at >= LANES:
        _add_lanes(a, 0, 0, 1, packed, before + at, width, out, at, 0, k, a, 0)
        at += LANES
    if n - at >= 8:
        _add_half(a, 0, 0, 1, packed, before + at, width, out, at, 0, k, a, 0)
        at += 8
    if n - at >= 4:
        _add_quarter(a, 0, 0, 1, packed, before + at, width, out, at, 0, k, a, 0)
        at += 4
    if n - at >= 2:
        _add_pair(a, 0, 0, 1, packed, before + at, width, out, at, 0, k, a, 0)
        at += 2
    if n - at >= 1:
        _add_one(a, 0, 0, 1, packed, before + at, width, out, at, 0, k, a, 0)
