"""Rows written as columns, in blocks that vector registers hold. Number by number it takes three to ten times as long."""

from typing import Any

from llvmlite import ir
from numba import types

from grukit.kernels.cpu.compiler.intrinsics import kernel_intrinsic
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.compiler.target import Tile, tile_of
from grukit.kernels.cpu.products.writer import INDEX, Writer, bits_of, new_function, number_of_index

BLOCK = 8  # rows and columns of a block, at most


class _Transpose(Writer):
    """``places``: whether the rows begin at the numbers of an array, or so many numbers apart."""

    def __init__(self, function: Any, number: Any, tile: Tile, places: bool):
        super().__init__(function, number, tile)
        self.places = places
        self.side = min(tile.width, BLOCK)

    def write(self) -> None:
        """Blocks, and what is left of their rows, then the rows that are left, one by one."""
        *_, rows, n = self.function.args
        done = number_of_index(0)
        for height in (self.side, 1):
            with self.loop(done, rows, height) as row:
                lines, first = [self.line(row, r) for r in range(height)], number_of_index(0)
                for width in dict.fromkeys((height, 1)):
                    with self.loop(first, n, width) as column:
                        self.block(lines, width, row, column)
                    first = self.reached
            done = self.reached
        self.builder.ret_void()

    def line(self, row: Any, r: int) -> Any:
        """Where a row begins."""
        builder, (source, rows_at, *_) = self.builder, self.function.args
        row = builder.add(row, number_of_index(r))
        if self.places:
            return builder.gep(source, [builder.load(builder.gep(rows_at, [row]))])
        return self.at(source, row, rows_at)

    def block(self, lines: list[Any], width: int, row: Any, column: Any) -> None:
        """A block of as many columns as rows; or of one, whose numbers are one vector of the result."""
        builder, (_, _, target, step, *_) = self.builder, self.function.args
        written = builder.gep(target, [row])
        places = [self.vector(builder.gep(line, [column]), width) for line in lines]
        vectors = [builder.load(place, align=self.size) for place in places]
        if width == 1:
            for r, number in enumerate(vectors):
                place = self.at(builder.gep(written, [number_of_index(r)]), column, step)
                builder.store(number, place, align=self.size)
            return
        half = width // 2
        for _ in range(width.bit_length() - 1):
            pairs = [(vectors[i], vectors[i + half]) for i in range(half)]
            vectors = [self.interleaved(*pair, first) for pair in pairs for first in (0, half)]
        for c, vector in enumerate(vectors):
            place = self.at(written, builder.add(column, number_of_index(c)), step)
            builder.store(vector, self.vector(place, width), align=self.size)

    def interleaved(self, a: Any, b: Any, first: int) -> Any:
        """Half of each of two vectors, from ``first`` on, in turns."""
        width = a.type.count
        chosen = [i + which for i in range(first, first + width // 2) for which in (0, width)]
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), width), chosen))


def define_transpose(module: Any, number: Any, tile: Tile, places: bool) -> Any:
    """A function (source, where its rows are, target, target's step, rows, n) in a module, where it is defined once."""
    name = f"grukit_transpose_{'places' if places else 'rows'}_{bits_of(number)}"
    if name in module.globals:
        return module.globals[name]
    pointer = number.as_pointer()
    kinds = [pointer, INDEX.as_pointer() if places else INDEX, pointer, INDEX, INDEX, INDEX]
    function = new_function(module, name, kinds)
    _Transpose(function, number, tile, places).write()
    return function


@kernel_intrinsic
def _transpose(
    _typing: Any, source: Any, source_at: Any, rows_at: Any, out: Any, at: Any, step: Any, rows: Any, n: Any
) -> Any:
    places = isinstance(rows_at, types.Array)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def data(i: int) -> Any:
            return context.make_array(signature.args[i])(context, builder, arguments[i]).data

        _, source_at, rows_at, _, at, step, rows, n = arguments
        begun = builder.gep(data(0), [source_at]), data(2) if places else rows_at
        function = define_transpose(builder.module, data(3).type.pointee, tile_of(signature.args[3].dtype), places)
        builder.call(function, [*begun, builder.gep(data(3), [at]), step, rows, n])
        return context.get_dummy_value()

    i = types.intp
    return types.void(source, i, rows_at if places else i, out, i, i, i, i), generate


@inner
def transpose(a: Any, a_at: int, a_row: int, out: Any, at: int, row: int, rows: int, n: int) -> None:
    """Write the matrix (rows, n) at ``a_at`` of a, its rows ``a_row`` apart, to ``at`` of out as (n, rows), ``row`` apart."""
    _transpose(a, a_at, a_row, out, at, row, rows, n)


@inner
def transpose_places(values: Any, first: int, places: Any, n: int, out: Any) -> None:
    """Write the n numbers from ``first`` on after each of ``places`` (rows,) in values to the columns of out (n, rows)."""
    _transpose(values, first, places, out, 0, places.size, places.size, n)
