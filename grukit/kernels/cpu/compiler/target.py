"""What processor the kernels are compiled for, and the tile of a matrix that its vector registers hold.

It is the processor that Numba compiles for and names its cached files by: ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` count,
and what is compiled for one processor is never read on another. LLVM knows a processor's instructions, and tells them by what
it makes of one multiplication and addition.
"""

from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config


class Tile(NamedTuple):
    """What is added up at once: ``rows`` times ``vectors`` vector registers of ``width`` numbers."""

    rows: int
    vectors: int
    width: int
    panels: int  # as many times the vectors for one row, which has too few sums otherwise
    fused: bool  # whether a multiplication and an addition are one instruction
    # whether a part of a vector is stored by one instruction, which on some cores with AVX2 takes 12 cycles
    masked: bool = False

    @property
    def columns(self) -> int:
        """Columns of a panel of a packed factor."""
        return self.vectors * self.width


class InstructionSet(NamedTuple):
    """Vector instructions and the tiles of float32 and float64."""

    name: str
    float32: Tile
    float64: Tile

    def tile(self, bits: int) -> Tile:
        """The tile of numbers of so many bits."""
        return self.float32 if bits == 32 else self.float64


# Sums, a row of the right factor and one number of the left one have to fit in the registers: where they do not, each step
# stores and loads them, at a third of the speed. As few as 8 sums keep both units busy that multiply and add, as each takes 4
# cycles. One Zen 3 core, 8 x 2 vectors of 16 and 4 x 2 of 8: 33 and 96 GFLOP/s; one Zen 4 core with AVX2, 4 x 2, 6 x 2 and
# 4 x 3 vectors of 8: 105, 95 and 112, but 93 where there are 32 or 64 columns, of which 24 are no divisor.
INSTRUCTION_SETS = {
    each.name: each
    for each in (
        # 32 registers of 512 bits
        InstructionSet("AVX-512", Tile(8, 2, 16, 2, True, True), Tile(8, 2, 8, 2, True, True)),
        InstructionSet("AVX2", Tile(4, 2, 8, 4, True), Tile(4, 2, 4, 4, True)),  # 16 of 256 bits
        InstructionSet("NEON", Tile(4, 4, 4, 2, True), Tile(4, 4, 2, 2, True)),  # 32 of 128 bits
        # 16 of 128 bits; AVX without AVX2, too
        InstructionSet("SSE", Tile(4, 2, 4, 2, False), Tile(4, 2, 2, 2, False)),
    )
}


@cache
def instruction_set(triple: str, cpu: str, features: str) -> InstructionSet:
    """The instructions that LLVM makes for a processor."""
    module = ir.Module()
    vector = ir.VectorType(ir.FloatType(), 16)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [vector.as_pointer()] * 3), "probe")
    builder = ir.IRBuilder(function.append_basic_block())
    a, b, c = (builder.load(each, align=4) for each in function.args)
    multiply_add = ir.Function(module, ir.FunctionType(vector, [vector] * 3), "llvm.fmuladd.v16f32")
    builder.store(builder.call(multiply_add, [a, b, c]), function.args[0], align=4)
    builder.ret_void()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    assembly = machine.emit_assembly(llvm.parse_assembly(str(module)))
    if "vfmadd" in assembly:
        return INSTRUCTION_SETS["AVX-512" if "zmm" in assembly else "AVX2"]
    return INSTRUCTION_SETS["NEON" if "fmla" in assembly else "SSE"]


def processor() -> tuple[str, str, str]:
    """Triple, name and features of the processor that Numba compiles for."""
    name = llvm.get_host_cpu_name() if config.CPU_NAME is None else config.CPU_NAME  # type: ignore[attr-defined]
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    if features is None:  # those of the processor at hand, even where another's name is given
        found = llvm.get_host_cpu_features()
        if not config.ENABLE_AVX:  # type: ignore[attr-defined]
            found.update((feature, False) for feature in found if feature.startswith("avx"))
        features = found.flatten()
    return llvm.get_process_triple(), name, features


def target() -> InstructionSet:
    """The instruction set of what Numba compiles."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return instruction_set(*processor())


def tile_of(number: Any) -> Tile:
    """The tile for numbers of a type of LLVM's or of Numba's."""
    bits = 32 if isinstance(number, ir.FloatType) else getattr(number, "bitwidth", 64)
    return target().tile(bits)


@cache
def half_a_tile_is_busy(bits: int, columns: int) -> bool:
    """Whether products of numbers of so many bits with only ``columns`` columns keep a processor's units busy.

    They do where its tile has no more of them. Products of one vector of AVX-512 load a number for each multiplication, those
    of two for two. Zen 4, whose units work on half a vector at a time, does not wait for that: 115 GFLOP/s of 118. Zen 5 does:
    154 of 272, and 240 with two vectors. Those of Intel, which have two whole units mostly, were not measured.
    """
    return target().tile(bits).columns <= columns or processor()[1] == "znver4"
