"""The one product, written in LLVM's instructions: a tile of the result stays in vector registers over all of k.

Every number of the result is added up in the order of k, by fused multiplications and additions where the processor has them.
So its bits depend neither on the tile nor on what other rows and columns there are, and are the same on all such processors.

One Zen 4 core, float32, GFLOP/s of 117 possible, right factor packed:

    rows, k, columns   (16, 32, 96)   (16, 64, 64)   (16, 128, 384)   (32, 256, 768)   (32, 512, 1536)
    AVX-512                     112            113              115              116               117
    AVX2                        109            109              110              109               107
    OpenBLAS, AVX2               38             39               42               61                61
"""

from typing import Any

from llvmlite import ir

from grukit.kernels.cpu.compiler.target import Tile
from grukit.kernels.cpu.products.writer import (
    INDEX,
    Writer,
    bits_of,
    define_copy,
    define_multiply_add,
    new_function,
    number_of_index,
)

# How the sums begin: at zero, at the rows of an array, at a number for each row.
ZERO, ROWS, COLUMN = range(3)

# The result (m, n) begins at ``out`` and has rows ``out_r`` apart. a[r, i] is ``a[a_r r + a_k i]``. b (k, n) lies in panels as
# wide as the tile, ``b_panel`` apart, whose rows are ``b_k`` apart, and ``b_rest`` in the last one where it is narrower.
# Sums begin at ``start[start_r r + j]`` (ROWS) or ``start[r]`` (COLUMN). A panel of b and a row of ``start`` are read as far
# as the tile is wide, beyond their ends. ``back``: from the last whole panel to the first. k is at least 1.
ARGUMENTS = (
    *("a", "a_r", "a_k", "b", "b_panel", "b_k", "b_rest"),
    *("start", "start_r", "begin", "out", "out_r", "m", "n", "k", "back"),
)
POINTERS = ("a", "b", "start", "out")


def define_product(module: Any, number: Any, tile: Tile) -> Any:
    """The function of ``ARGUMENTS`` in a module, where it is defined once."""
    name = f"grukit_product_{bits_of(number)}"
    if name in module.globals:
        return module.globals[name]
    kinds = [number.as_pointer() if argument in POINTERS else INDEX for argument in ARGUMENTS]
    function = new_function(module, name, kinds)
    _Product(function, number, tile).write()
    return function


class _Product(Writer):
    def __init__(self, function: Any, number: Any, tile: Tile):
        super().__init__(function, number, tile)
        self.of = dict(zip(ARGUMENTS, function.args, strict=True))
        self.copy = define_copy(function.module, number, tile)
        staged = self.builder.alloca(ir.ArrayType(number, tile.rows * tile.columns))
        staged.align = 64
        self.staged = self.builder.bitcast(staged, number.as_pointer())

    def write(self) -> None:
        """Whole panels, several at once for one row, then panel by panel; the last may be narrower."""
        builder, tile, of = self.builder, self.tile, self.of
        columns, n = number_of_index(tile.columns), of["n"]
        back = builder.icmp_signed("!=", of["back"], number_of_index(0))
        whole = builder.mul(builder.udiv(n, columns), columns)
        together = self.several_panels(back)
        turned = builder.sub(builder.add(together, whole), columns)
        with self.loop(together, builder.add(n, number_of_index(tile.columns - 1)), tile.columns) as first:
            narrow = builder.icmp_signed(">=", first, whole)
            column = builder.select(builder.and_(back, builder.not_(narrow)), builder.sub(turned, first), first)
            b_k, left = builder.select(narrow, of["b_rest"], of["b_k"]), builder.sub(n, column)
            if tile.rows * tile.vectors >= 16:  # half of them still keep the processor busy
                few = builder.icmp_signed("<=", left, number_of_index(tile.columns // 2))
                with builder.if_else(few) as (half, all_vectors):
                    with half:
                        self.panel(tile.vectors // 2, column, b_k, left)
                    with all_vectors:
                        self.panel(tile.vectors, column, b_k, left)
            else:
                self.panel(tile.vectors, column, b_k, left)
        builder.ret_void()

    def several_panels(self, back: Any) -> Any:
        """One row: ``tile.panels`` panels at once, then half as many, down to two. Returns how many columns are done."""
        builder, tile, of = self.builder, self.tile, self.of
        one_row, done = builder.icmp_signed("==", of["m"], number_of_index(1)), number_of_index(0)
        panels = tile.panels
        while panels > 1:
            group = number_of_index(tile.columns * panels)
            end = builder.select(one_row, builder.mul(builder.udiv(of["n"], group), group), number_of_index(0))
            turned = builder.sub(builder.add(done, end), group)
            with self.loop(done, end, tile.columns * panels) as first:
                column = builder.select(back, builder.sub(turned, first), first)
                panel = builder.udiv(column, number_of_index(tile.columns))
                b = [self.at(of["b"], builder.add(panel, number_of_index(i)), of["b_panel"]) for i in range(panels)]
                out = builder.gep(of["out"], [column])
                self.block(1, tile.vectors, b, of["b_k"], number_of_index(0), column, out, of["out_r"])
            done, panels = end, panels // 2
        return done

    def panel(self, vectors: int, column: Any, b_k: Any, left: Any) -> None:
        """All rows of a panel. Where fewer columns are ``left`` than the vectors hold, no more are written."""
        builder, tile, of = self.builder, self.tile, self.of
        b = self.at(of["b"], builder.udiv(column, number_of_index(tile.columns)), of["b_panel"])
        narrow = builder.icmp_signed("<", left, number_of_index(vectors * tile.width))
        step = builder.select(narrow, number_of_index(tile.columns), of["out_r"])
        masks = (
            [self.mask(builder.sub(left, number_of_index(v * tile.width))) for v in range(vectors)]
            if tile.masked
            else []
        )
        rows, done = tile.rows, number_of_index(0)
        while rows:
            with self.loop(done, of["m"], rows) as row:
                out = builder.gep(self.at(of["out"], row, of["out_r"]), [column])
                if masks:
                    self.block(rows, vectors, [b], b_k, row, column, out, of["out_r"], masks)
                else:
                    written = builder.select(narrow, self.staged, out)
                    self.block(rows, vectors, [b], b_k, row, column, written, step)
                    with builder.if_then(narrow):
                        staged = self.staged, number_of_index(tile.columns)
                        builder.call(self.copy, [*staged, out, of["out_r"], number_of_index(rows), left])
            rows, done = rows // 2, self.reached

    def block(
        self,
        rows: int,
        vectors: int,
        panels: list[Any],
        b_k: Any,
        row: Any,
        column: Any,
        out: Any,
        out_r: Any,
        masks: list[Any] | None = None,
    ) -> None:
        """Sums of ``rows`` rows and ``vectors`` vectors of each panel, begun, added up and stored, where ``masks`` allow."""
        builder, of, wide = self.builder, self.of, vectors * len(panels)
        vector = ir.VectorType(self.number, self.tile.width)
        multiply_add = define_multiply_add(self.function.module, vector, self.tile.fused)
        begun = self.begun(rows, wide, row, column)
        # A pointer for four rows of a: with one for all, there are more multiples of their distance than registers for them.
        lines = [self.at(of["a"], builder.add(row, number_of_index(r)), of["a_r"]) for r in range(0, rows, 4)]
        steps = [*(of["a_k"] for _ in lines), *(b_k for _ in panels), number_of_index(-1)]
        before, loop, rest = builder.block, self.function.append_basic_block(), self.function.append_basic_block()
        builder.branch(loop)
        builder.position_at_end(loop)
        first = [*lines, *panels, of["k"]]
        moving, sums = [builder.phi(each.type) for each in first], [builder.phi(vector) for _ in begun]
        b = [each for panel in moving[len(lines) : -1] for each in self.loaded(panel, number_of_index(0), 1, vectors)]
        added = []
        for r in range(rows):
            number = builder.load(self.at(moving[r // 4], number_of_index(r % 4), of["a_r"]))
            each = self.splat(number)
            added += [builder.call(multiply_add, [each, b[v], sums[r * wide + v]]) for v in range(wide)]
        moved = [builder.gep(each, [step]) for each, step in zip(moving[:-1], steps[:-1], strict=True)]
        moved.append(builder.add(moving[-1], steps[-1]))
        for phi, begins, later in zip([*moving, *sums], [*first, *begun], [*moved, *added], strict=True):
            phi.add_incoming(begins, before)
            phi.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed(">", moved[-1], number_of_index(0)), loop, rest)
        builder.position_at_end(rest)
        for i, (place, value) in enumerate(zip(self.places(out, out_r, rows, wide), added, strict=True)):
            if masks:
                builder.call(self.masked_store, [value, place, ir.Constant(ir.IntType(32), self.size), masks[i % wide]])
            else:
                builder.store(value, place, align=self.size)

    def mask(self, n: Any) -> Any:
        """Which numbers of a vector are among the first n."""
        numbers = ir.Constant(ir.VectorType(INDEX, self.tile.width), list(range(self.tile.width)))
        return self.builder.icmp_signed("<", numbers, self.splat(n, INDEX))

    @property
    def masked_store(self) -> Any:
        """LLVM's function of a vector, where it goes, the alignment there and a mask."""
        width, module = self.tile.width, self.function.module
        vector, bits = ir.VectorType(self.number, width), 8 * self.size
        name = f"llvm.masked.store.v{width}f{bits}.p0"
        kinds = [vector, vector.as_pointer(), ir.IntType(32), ir.VectorType(ir.IntType(1), width)]
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)

    def begun(self, rows: int, wide: int, row: Any, column: Any) -> list[Any]:
        """What the sums begin at."""
        builder, of = self.builder, self.of
        zero, from_rows, from_column, ready = (self.function.append_basic_block() for _ in range(4))
        switch = builder.switch(of["begin"], zero)
        switch.add_case(number_of_index(ROWS), from_rows)
        switch.add_case(number_of_index(COLUMN), from_column)
        builder.position_at_end(from_rows)
        start = builder.gep(self.at(of["start"], row, of["start_r"]), [column])
        begun = [(value, from_rows) for value in self.loaded(start, of["start_r"], rows, wide)]
        builder.branch(ready)
        builder.position_at_end(from_column)
        numbers = [builder.load(builder.gep(of["start"], [builder.add(row, number_of_index(r))])) for r in range(rows)]
        splats = [splat for splat in map(self.splat, numbers) for _ in range(wide)]
        builder.branch(ready)
        builder.position_at_end(zero)
        builder.branch(ready)
        builder.position_at_end(ready)
        sums = [builder.phi(splats[0].type) for _ in begun]
        for phi, loaded, splat in zip(sums, begun, splats, strict=True):
            for value, block in ((ir.Constant(splat.type, None), zero), loaded, (splat, from_column)):
                phi.add_incoming(value, block)
        return sums

    def places(self, base: Any, step: Any, rows: int, vectors: int) -> list[Any]:
        """Pointers to the vectors of some rows."""
        width = self.tile.width
        lines = [self.at(base, number_of_index(r), step) for r in range(rows)]
        starts = [self.builder.gep(line, [number_of_index(v * width)]) for line in lines for v in range(vectors)]
        return [self.vector(start, width) for start in starts]

    def loaded(self, base: Any, step: Any, rows: int, vectors: int) -> list[Any]:
        """The vectors of some rows."""
        return [self.builder.load(place, align=self.size) for place in self.places(base, step, rows, vectors)]

    def splat(self, number: Any, kind: Any = None) -> Any:
        """A vector of one number."""
        vector = ir.VectorType(kind or self.number, self.tile.width)
        nothing, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(self.builder.insert_element(nothing, number, first), nothing, zeros)
