"""How fast one core multiplies and adds: its own peak, and the kernels' products."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from grukit.kernels.cpu.compiler.intrinsics import kernel_intrinsic
from grukit.kernels.cpu.compiler.jit import kernel
from grukit.kernels.cpu.compiler.target import target, tile_of
from grukit.kernels.cpu.products.vectors import NOTHING, READ_BEYOND, multiply
from grukit.kernels.cpu.products.writer import define_multiply_add

SIZES = 16, 64, 192  # rows, k and columns: a step of 64 units
PARTS = 20  # of a measurement, of which the fastest counts, for others may be using the core
SUMS = 12  # vectors that are added to side by side: more than any core keeps under way at once


@kernel_intrinsic
def _multiply_add(_typing: Any, out: Any, n: Any) -> Any:
    """Fused multiplications and additions in ``SUMS`` vector registers, n times."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        tile, number = tile_of(signature.args[0].dtype), data.type.pointee
        vector, index = ir.VectorType(number, tile.width), arguments[1].type
        multiply_add = define_multiply_add(builder.module, vector, tile.fused)
        places = [
            builder.bitcast(builder.gep(data, [ir.Constant(index, i * tile.width)]), vector.as_pointer())
            for i in range(SUMS + 1)
        ]
        *begun, factor = (builder.load(place, align=4) for place in places)
        before, loop, rest = builder.block, builder.append_basic_block(), builder.append_basic_block()
        builder.branch(loop)
        builder.position_at_end(loop)
        i, sums = builder.phi(index), [builder.phi(vector) for _ in begun]
        added = [builder.call(multiply_add, [factor, factor, each]) for each in sums]
        following = builder.add(i, ir.Constant(index, 1))
        for phi, first, later in zip([i, *sums], [ir.Constant(index, 0), *begun], [following, *added], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, loop)
        builder.cbranch(builder.icmp_signed("<", following, arguments[1]), loop, rest)
        builder.position_at_end(rest)
        for place, value in zip(places[:SUMS], added, strict=True):
            builder.store(value, place, align=4)
        return context.get_dummy_value()

    return types.void(out, types.intp), generate


@kernel
def _registers(n: int, out: Any) -> None:
    _multiply_add(out, n)


@kernel
def _products(n: int, a: Any, packed: Any, out: Any) -> None:
    for _ in range(n):
        multiply(a, packed, out.shape[1], NOTHING, packed, False, out)


def measured_speed(seconds: float = 0.1) -> tuple[float, float]:
    """GFLOP/s of one core in float32: its peak, by multiplying and adding in registers alone, and the kernels' products.

    Parameters
    ----------
    seconds : float, default=0.1
        For each of the two, beside the time to compile.

    Returns
    -------
    tuple of float
        Peak and products.
    """
    m, k, n = SIZES
    a, packed, out = (np.full(size, 1e-3, np.float32) for size in ((m, k), k * n + READ_BEYOND, (m, n)))
    numbers = np.full((SUMS + 1) * target().float32.width, 1e-3, np.float32)
    peak = _best(lambda times: _registers(times, numbers), 2 * SUMS * target().float32.width, seconds)
    return peak, _best(lambda times: _products(times, a, packed, out), 2 * m * k * n, seconds)


def _best(run: Callable[[int], None], operations: int, seconds: float) -> float:
    """GFLOP/s of ``run(n)``, which takes so many operations n times, in the fastest of ``PARTS`` parts."""
    run(1)
    n = max(1, int(seconds / PARTS * 1e10 / operations))  # of a slow core
    times = []
    for _ in range(PARTS):
        began = time.perf_counter()
        run(n)
        times.append(time.perf_counter() - began)
    return 1e-9 * n * operations / min(times)
