"""What enters a step with the inputs, W_i x, in the kernels of up to 128 units; they add the biases.

A product writes it into ``gates`` and the kernel reads it there. Where there are few inputs the kernel works it out itself,
from weights in registers and x: slice s of unit j has the inputs i slices + s. It then writes 5H numbers a step and row
(the gates and the state) and reads D, where it and the product write 8H and read 3H + D: 20H + 4D bytes of 44H + 4D.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from grukit.kernels.cuda._cuda import cuda, float32, uint32
from grukit.kernels.cuda.registers import SLICES
from grukit.kernels.scalar import ZERO

FEW = 8  # inputs at most that a kernel takes itself; what is beyond D is zero


class InputFunctions(NamedTuple):
    """Device functions."""

    load: Callable[..., Any]  # (inputs, j, s, H): the weights, and room for what is fetched
    fetch: Callable[..., None]  # (inputs, gates, place, j, s, H, own, held): what the row and step ``place`` needs
    entered: Callable[..., Any]  # (u, held): this slice's part of r, z and n; the parts of r and z are to be gathered
    whole: Callable[..., Any]  # (n): the whole of its part of n


def input_functions(units: int, few: bool, gathered: Any) -> InputFunctions:
    """The functions of kernels for up to ``units`` units; ``gathered`` as :func:`register_functions` makes it."""
    return _projecting(SLICES[units], gathered) if few else _reading()


def _reading() -> InputFunctions:
    @cuda.jit(device=True, inline="always")
    def load(inputs: Any, j: Any, s: Any, H: Any) -> Any:
        return inputs, cuda.local.array(3, float32)  # there are no weights

    @cuda.jit(device=True, inline="always")
    def fetch(inputs: Any, gates: Any, place: Any, j: Any, s: Any, H: Any, own: Any, held: Any) -> None:
        at = uint32(place * 4 * H + j)
        held[0], held[1], held[2] = ZERO, ZERO, ZERO  # all of it is one slice's part
        if own:
            held[0], held[1], held[2] = gates[at], gates[uint32(at + H)], gates[uint32(at + 2 * H)]

    @cuda.jit(device=True, inline="always")
    def entered(u: Any, held: Any) -> Any:
        return held[0], held[1], held[2]

    @cuda.jit(device=True, inline="always")
    def whole(n: Any) -> Any:
        return n

    return InputFunctions(load, fetch, entered, whole)


def _projecting(slices: int, gathered: Any) -> InputFunctions:
    share = FEW // slices
    n_weights = 3 * share

    @cuda.jit(device=True, inline="always")
    def load(inputs: Any, j: Any, s: Any, H: Any) -> Any:
        u, held = cuda.local.array(n_weights, float32), cuda.local.array(share, float32)
        D, w_ih = uint32(inputs[0]), inputs[2]
        for gate in range(3):
            row = uint32(gate * H + j)
            for i in range(share):
                d = uint32(i * slices + s)
                u[gate * share + i] = w_ih[uint32(row * D + d)] if j < H and d < D else ZERO
        return u, held

    @cuda.jit(device=True, inline="always")
    def fetch(inputs: Any, gates: Any, place: Any, j: Any, s: Any, H: Any, own: Any, held: Any) -> None:
        D, x = uint32(inputs[0]), inputs[1]
        for i in range(share):
            d = uint32(i * slices + s)
            held[i] = x[uint32(place * D + d)] if d < D else ZERO

    @cuda.jit(device=True, inline="always")
    def entered(u: Any, held: Any) -> Any:
        r, z, n = ZERO, ZERO, ZERO
        for i in range(share):
            r += u[i] * held[i]
            z += u[share + i] * held[i]
            n += u[2 * share + i] * held[i]
        return r, z, n

    return InputFunctions(load, fetch, entered, gathered)
