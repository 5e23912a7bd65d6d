"""Sums whose order no processor chooses: of products over one index, ``SUMS`` side by side, then those in halves; of columns.

A loop's sum is vectorised only where LLVM may change its order, and then it does so by the length of the processor's vectors.
"""

from typing import Any

from llvmlite import ir
from numba import types

from grukit.kernels.cpu.compiler.intrinsics import kernel_intrinsic
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.compiler.target import tile_of
from grukit.kernels.cpu.products.writer import (
    INDEX,
    Writer,
    bits_of,
    define_multiply_add,
    new_function,
    number_of_index,
)

SUMS = 8
ROWS = 4  # of a matrix whose columns are summed: as many sums of a column side by side


def define_sum(module: Any, number: Any, total: Any, fused: bool) -> Any:
    """The function (a, b, n) in a module: the sum of a[i] b[i], of numbers of one type, in numbers of another."""
    name = f"grukit_sum_{number}_{total}"
    if name in module.globals:
        return module.globals[name]
    pointer = number.as_pointer()
    function = ir.Function(module, ir.FunctionType(total, [pointer, pointer, INDEX]), name)
    function.attributes.add("noinline")
    function.linkage = "linkonce_odr"  # several parts of a kernel bring it
    a, b, n = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    whole = builder.and_(n, number_of_index(-SUMS))
    sums = _loop(
        builder, (a, b), (number_of_index(0), whole), SUMS, ir.Constant(ir.VectorType(total, SUMS), None), fused
    )
    width = SUMS
    while width > 1:
        width //= 2
        halves = [
            builder.shuffle_vector(sums, sums, ir.Constant(ir.VectorType(ir.IntType(32), width), list(half)))
            for half in (range(width), range(width, 2 * width))
        ]
        sums = builder.fadd(*halves)
    begun = builder.extract_element(sums, ir.Constant(ir.IntType(32), 0))
    builder.ret(_loop(builder, (a, b), (whole, n), 1, begun, fused))
    return function


def _loop(builder: Any, factors: Any, ends: Any, width: int, begun: Any, fused: bool) -> Any:
    """Add the products of the indices between the ends, ``width`` at a time."""
    function, before = builder.function, builder.block
    head, body, rest = (function.append_basic_block() for _ in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    i, sums = builder.phi(INDEX), builder.phi(begun.type)
    builder.cbranch(builder.icmp_signed("<", i, ends[1]), body, rest)
    builder.position_at_end(body)
    number = factors[0].type.pointee
    kind = ir.VectorType(number, width) if width > 1 else number
    values = [
        builder.load(builder.bitcast(builder.gep(factor, [i]), kind.as_pointer()), align=bits_of(number) // 8)
        for factor in factors
    ]
    if kind != begun.type:
        values = [builder.fpext(value, begun.type) for value in values]
    added = builder.call(define_multiply_add(function.module, begun.type, fused), [*values, sums])
    following = builder.add(i, number_of_index(width))
    for phi, first, later in ((i, ends[0], following), (sums, begun, added)):
        phi.add_incoming(first, before)
        phi.add_incoming(later, body)
    builder.branch(head)
    builder.position_at_end(rest)
    return sums


class _ColumnSums(Writer):
    def write(self) -> None:
        """As many columns at once as make eight sums in vectors, then fewer."""
        builder, wide = self.builder, self.tile.width
        source, rows, n, out = self.function.args
        first = number_of_index(0)
        for width, vectors in ((wide, 2), *((each, 1) for each in (wide, 4, 1) if each <= wide)):
            with self.loop(first, n, width * vectors) as column:
                line, written = builder.gep(source, [column]), builder.gep(out, [column])
                for v, total in enumerate(self.sums(line, n, rows, width, vectors)):
                    place = self.vector(builder.gep(written, [number_of_index(v * width)]), width)
                    builder.store(builder.fadd(builder.load(place, align=self.size), total), place, align=self.size)
            first = self.reached
        builder.ret_void()

    def sums(self, line: Any, step: Any, rows: Any, width: int, vectors: int) -> list[Any]:
        """The sums of every ``ROWS``-th row, added up; the first of them has the rows that are left, too."""
        kind = self.vector(line, width).type.pointee
        begun = [ir.Constant(kind, None if width > 1 else 0.0)] * (ROWS * vectors)
        whole = self.builder.and_(rows, number_of_index(-ROWS))
        added = self.added(line, step, (number_of_index(0), whole), ROWS, begun)
        added[:vectors] = self.added(line, step, (whole, rows), 1, added[:vectors])
        while len(added) > vectors:
            half = len(added) // 2
            added = [self.builder.fadd(a, b) for a, b in zip(added[:half], added[half:], strict=True)]
        return added

    def added(self, line: Any, step: Any, ends: Any, rows: int, begun: list[Any]) -> list[Any]:
        """Add the rows between the ends, so many at a time."""
        builder, kind, before = self.builder, begun[0].type, self.builder.block
        width = kind.count if isinstance(kind, ir.VectorType) else 1
        head, body, rest = (self.function.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        i, sums = builder.phi(INDEX), [builder.phi(kind) for _ in begun]
        builder.cbranch(builder.icmp_signed("<", i, ends[1]), body, rest)
        builder.position_at_end(body)
        vectors = len(begun) // rows
        lines = [self.at(line, builder.add(i, number_of_index(r)), step) for r in range(rows)]
        places = [builder.gep(each, [number_of_index(v * width)]) for each in lines for v in range(vectors)]
        values = [builder.load(self.vector(place, width), align=self.size) for place in places]
        later = [builder.fadd(a, b) for a, b in zip(sums, values, strict=True)]
        following = builder.add(i, number_of_index(rows))
        for phi, first, last in zip([i, *sums], [ends[0], *begun], [following, *later], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(last, body)
        builder.branch(head)
        builder.position_at_end(rest)
        return list(sums)


@kernel_intrinsic
def _add_column_sums(_typing: Any, source: Any, rows: Any, n: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, out = (context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 3))
        number, module = out.type.pointee, builder.module
        name = f"grukit_column_sums_{bits_of(number)}"
        if name not in module.globals:
            function = new_function(module, name, [out.type, INDEX, INDEX, out.type])
            _ColumnSums(function, number, tile_of(signature.args[0].dtype)).write()
        builder.call(module.globals[name], [source, arguments[1], arguments[2], out])
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, out), generate


@inner
def add_column_sums(a: Any, out: Any) -> None:
    """Add the sum of the rows of a (rows, n) to out (n,). As a product with ones it takes three times as long."""
    _add_column_sums(a, a.shape[0], a.shape[1], out)


def _sum(total: Any) -> Any:
    """An intrinsic (a, at, b, b_at, n); ``total``: the type of the sum, None for that of the numbers."""

    @kernel_intrinsic
    def add(_typing: Any, a: Any, a_at: Any, b: Any, b_at: Any, n: Any) -> Any:
        kind = total or a.dtype

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            places = [
                builder.gep(
                    context.make_array(signature.args[i])(context, builder, arguments[i]).data, [arguments[i + 1]]
                )
                for i in (0, 2)
            ]
            number, sum_type = (context.get_value_type(each) for each in (a.dtype, kind))
            function = define_sum(builder.module, number, sum_type, tile_of(a.dtype).fused)
            return builder.call(function, [*places, arguments[4]])

        return kind(a, types.intp, b, types.intp, types.intp), generate

    return add


_dot, _dot_in_float64 = _sum(None), _sum(types.float64)


@inner
def dot(a: Any, i: int, b: Any, k: int) -> Any:
    """The sum of the products of row i of a (., n) and row k of b (., n)."""
    n = a.shape[1]
    return _dot(a, i * n, b, k * n, n)


@inner
def sum_of_squares(values: Any) -> float:
    """The sum of the squares of values (n,), in float64."""
    return _dot_in_float64(values, 0, values, 0, values.size)
