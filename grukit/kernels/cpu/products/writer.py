"""What writes functions of LLVM's instructions: loops, pointers to vectors, and the function that copies rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from grukit.kernels.cpu.compiler.target import Tile

INDEX = ir.IntType(64)


def number_of_index(n: int) -> Any:
    """A constant of ``INDEX``."""
    return ir.Constant(INDEX, n)


def bits_of(number: Any) -> int:
    """32 or 64."""
    return 32 if isinstance(number, ir.FloatType) else 64


def define_multiply_add(module: Any, kind: Any, fused: bool) -> Any:
    """LLVM's function of three numbers or vectors; ``fused`` where it must not become two instructions."""
    number, vector = (kind.element, f"v{kind.count}") if isinstance(kind, ir.VectorType) else (kind, "")
    name = f"llvm.{'fma' if fused else 'fmuladd'}.{vector}f{bits_of(number)}"
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(kind, [kind] * 3), name)


def new_function(module: Any, name: str, kinds: list[Any]) -> Any:
    """A function of arguments of some kinds in a module."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.attributes.add("noinline")
    function.attributes.add("optsize")  # no loop is unrolled: as fast, and half of the time to compile
    function.linkage = "linkonce_odr"  # several parts of a kernel bring it
    return function


class Writer:
    """Writes a function's loops."""

    def __init__(self, function: Any, number: Any, tile: Tile):
        self.function, self.number, self.tile = function, number, tile
        self.size = bits_of(number) // 8
        self.builder = ir.IRBuilder(function.append_basic_block())

    @contextmanager
    def loop(self, first: Any, end: Any, step: int) -> Iterator[Any]:
        """``while i + step <= end``; afterwards ``self.reached`` is i."""
        builder, before = self.builder, self.builder.block
        head, body, rest = (self.function.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.phi(INDEX)
        following = builder.add(i, number_of_index(step))
        builder.cbranch(builder.icmp_signed("<=", following, end), body, rest)
        builder.position_at_end(body)
        yield i
        i.add_incoming(first, before)
        i.add_incoming(following, builder.block)
        builder.branch(head)
        builder.position_at_end(rest)
        self.reached = i

    def vector(self, pointer: Any, width: int) -> Any:
        """A pointer to a vector of so many numbers."""
        kind = ir.VectorType(self.number, width) if width > 1 else self.number
        return self.builder.bitcast(pointer, kind.as_pointer())

    def at(self, pointer: Any, count: Any, step: Any) -> Any:
        """The pointer, so many steps on."""
        return self.builder.gep(pointer, [self.builder.mul(count, step)])


class _Copy(Writer):
    def write(self) -> None:
        """A vector of all rows after another: rows are short, and their loop is the one that costs nothing then."""
        source, source_step, target, target_step, rows, n = self.function.args
        width, first = self.tile.width, number_of_index(0)
        while width:
            with self.loop(first, n, width) as i:
                read, written = (self.builder.gep(each, [i]) for each in (source, target))
                with self.loop(number_of_index(0), rows, 1) as row:
                    value = self.builder.load(self.vector(self.at(read, row, source_step), width), align=self.size)
                    self.builder.store(value, self.vector(self.at(written, row, target_step), width), align=self.size)
            width, first = width // 2, self.reached
        self.builder.ret_void()


def define_copy(module: Any, number: Any, tile: Tile) -> Any:
    """A function (source, source_step, target, target_step, rows, n) in a module: copy rows of n numbers."""
    name = f"grukit_copy_{bits_of(number)}"
    if name in module.globals:
        return module.globals[name]
    pointer = number.as_pointer()
    function = new_function(module, name, [pointer, INDEX, pointer, INDEX, INDEX, INDEX])
    _Copy(function, number, tile).write()
    return function
