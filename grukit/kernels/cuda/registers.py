"""Recurrent weights that live in registers: what the kernels of up to 128 units share.

A block has ``units`` x ``slices`` threads. Thread (j, s) holds the weights between unit j and slice s of the others, four
neighbours at a time: slice s has the numbers 4 (q slices + s) + c, c = 0..3, so that the slices read neighbouring 16-byte
words of shared memory and never one bank twice. ``units`` is the number of units rounded up; what is beyond is zero.

All indices are uint32: int64 costs 40 registers. Only the product's base is 64 bits wide, so that constant offsets fold
into the address and four loads become one.
"""

from typing import Any

from grukit.kernels.cuda._cuda import cuda, float32, uint32, uint64
from grukit.kernels.scalar import ZERO

# Units rounded up -> slices. 128 x 4 threads of 128 registers fill a multiprocessor's 65,536.
SLICES = {16: 2, 32: 2, 64: 2, 96: 4, 128: 4}
LARGEST = max(SLICES)
ROWS = 8  # sequences of a block at most; shared memory for them is set aside
ALL_LANES = 0xFFFFFFFF


def rounded(H: int) -> int:
    """The smallest size of the kernels that holds H units."""
    return min(units for units in SLICES if units >= H)


def register_functions(units: int) -> tuple[Any, Any, Any, Any]:
    """Device functions ``load``, ``dot``, ``dot_3`` and ``gathered`` for a size."""
    slices = SLICES[units]
    each = units // slices
    quads = each // 4

    @cuda.jit(device=True, inline="always")
    def load(w: Any, step_j: Any, step_k: Any, j: Any, s: Any, H: Any) -> Any:
        """Weights of the three gates: w[gate H H + j step_j + k step_k] for the k of slice s."""
        w_r, w_z, w_n = (
            cuda.local.array(each, float32),
            cuda.local.array(each, float32),
            cuda.local.array(each, float32),
        )
        gate = uint32(H * H)
        for q in range(quads):
            for c in range(4):
                k = uint32((q * slices + s) * 4 + c)
                # One branch for three loads: a branch each costs 22 registers too many on sm_90.
                if j < H and k < H:
                    at = uint32(j * step_j + k * step_k)
                    w_r[4 * q + c] = w[at]
                    w_z[4 * q + c] = w[uint32(gate + at)]
                    w_n[4 * q + c] = w[uint32(2 * gate + at)]
                else:
                    w_r[4 * q + c] = ZERO
                    w_z[4 * q + c] = ZERO
                    w_n[4 * q + c] = ZERO
        return w_r, w_z, w_n

    @cuda.jit(device=True, inline="always")
    def dot(total: Any, w: Any, vector: Any, base: Any, offset: Any) -> Any:
        """``total`` plus the product of one set of weights with this slice of vector[base + offset:], offset a constant."""
        for q in range(quads):
            for c in range(4):
                total += w[4 * q + c] * vector[uint64(base + uint64(offset + q * slices * 4 + c))]
        return total

    @cuda.jit(device=True, inline="always")
    def dot_3(w_r: Any, w_z: Any, w_n: Any, vector: Any, base: Any) -> Any:
        """Three products with the same slice, each number loaded once: one ``dot`` after another would load it thrice."""
        r, z, n = ZERO, ZERO, ZERO
        for q in range(quads):
            for c in range(4):
                x = vector[uint64(base + uint64(q * slices * 4 + c))]
                r += w_r[4 * q + c] * x
                z += w_z[4 * q + c] * x
                n += w_n[4 * q + c] * x
        return r, z, n

    @cuda.jit(device=True, inline="always")
    def gathered(part: Any) -> Any:
        """Sum over the slices, in every one of them."""
        part += cuda.shfl_xor_sync(ALL_LANES, part, 1)
        if slices == 4:
            part += cuda.shfl_xor_sync(ALL_LANES, part, 2)
        return part

    return load, dot, dot_3, gathered
