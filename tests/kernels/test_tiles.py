"""The product's loops as LLVM makes them for processors that need not be here: what is added up stays in registers."""

import re

import llvmlite.binding as llvm
import llvmlite.ir as ir
import pytest
from numba.core.registry import cpu_target

from grukit.kernels.cpu.compiler.target import instruction_set, processor
from grukit.kernels.cpu.products.tiles import define_product

LINUX, ARM, APPLE = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "arm64-apple-darwin"
PROCESSORS = [
    (LINUX, "x86-64", "SSE"),
    (LINUX, "sandybridge", "SSE"),
    (LINUX, "x86-64-v3", "AVX2"),
    (LINUX, "haswell", "AVX2"),
    (LINUX, "znver3", "AVX2"),
    (LINUX, "alderlake", "AVX2"),
    (LINUX, "znver4", "AVX-512"),
    (LINUX, "skylake-avx512", "AVX-512"),
    (ARM, "neoverse-n1", "NEON"),
    (ARM, "neoverse-v1", "NEON"),
    (APPLE, "apple-m1", "NEON"),
]
MULTIPLY_ADD = {"SSE": r"\bv?mulp[sd]\b", "NEON": r"\bfmla"}


@pytest.fixture(scope="module", autouse=True)
def all_processors():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def loops(triple, cpu, number, tile):
    """The assembly of the innermost loops: from a label to the first jump back to it."""
    module = ir.Module()
    define_product(module, number, tile)
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    module = llvm.parse_assembly(str(module))
    module.triple, module.data_layout = triple, str(machine.target_data)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    function = next(each for each in module.functions if "product" in each.name)
    function.linkage = "external"  # what nobody calls is left out
    builder.getModulePassManager().run(module, builder)
    blocks = re.split(r"\n(?=\.?LBB\w+:)", machine.emit_assembly(module))
    found = [re.match(r"(\.?LBB\w+):.*?\s(j\w+|b\.\w+)\s+\1\b", block, re.DOTALL) for block in blocks]
    return [loop.group() for loop in found if loop]


@pytest.mark.parametrize("number", [ir.FloatType(), ir.DoubleType()], ids=["float32", "float64"])
@pytest.mark.parametrize(("triple", "cpu", "expected"), PROCESSORS, ids=[cpu for _, cpu, _ in PROCESSORS])
def test_no_sum_is_spilled(triple, cpu, expected, number):
    instructions = instruction_set(triple, cpu, "")
    assert instructions.name == expected
    tile = instructions.tile(32 if isinstance(number, ir.FloatType) else 64)
    operation = MULTIPLY_ADD.get(expected, r"\bvfmadd")
    stack = r"\bq\d+.*\[sp" if expected == "NEON" else r"\(%[re]sp\)|\(%rbp\)"  # ARM may keep an address there
    hot = {}  # multiplications in a loop, references to the stack
    for loop in loops(triple, cpu, number, tile):
        if count := len(re.findall(operation, loop)):
            hot.setdefault(count, []).append(len(re.findall(stack, loop)))
    assert {tile.rows * tile.vectors, tile.vectors, tile.panels * tile.vectors} <= set(hot)
    assert not any(any(counts) for counts in hot.values()), hot


def test_the_processor_is_the_one_that_numba_names_its_cache_by():
    assert processor() == cpu_target.target_context.codegen().magic_tuple()
