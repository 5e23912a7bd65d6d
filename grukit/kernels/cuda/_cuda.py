"""The one module that imports numba.cuda, and how kernels are compiled, kept and launched.

Kernels are plain functions made by factories: ``@cuda.jit`` on import would cost half a second and, with a signature, a
driver. A kernel is compiled when it is first launched and kept for the rest of the process.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from numba import cuda, float32, float64, int32, uint32, uint64
from numba.cuda import libdevice

__all__ = [
    "Launch", "compiled", "cuda", "flat", "float32", "float64", "int32", "libdevice", "pieces", "uint32", "uint64",
]  # fmt: skip


@cache
def compiled(factory: Callable[..., Any], threads: int, *variant: Any) -> Any:
    """The kernel ``factory(*variant)`` for blocks of ``threads`` threads.

    Without the bounds ptxas assumes 1024 threads: it then keeps to 32 registers where 128 are there, and spills 800 bytes.
    """
    jit: Any = cuda.jit  # what a type checker knows of it differs with numba-cuda's version
    return jit(launch_bounds=(threads, 1))(factory(*variant))


@cache
def _configured(kernel: Any, grid: int | tuple[int, ...], threads: int, stream: Any) -> Any:
    with warnings.catch_warnings():
        # Numba advises against few blocks. Here they are few because the steps of a sequence wait for one another.
        warnings.filterwarnings("ignore", message="Grid size")
        return kernel[grid, threads, stream]


class Launch(NamedTuple):
    """One launch, ready to be repeated: everything but the stream."""

    kernel: Any
    grid: int | tuple[int, ...]
    threads: int
    args: tuple[Any, ...]

    def run(self, stream: Any) -> None:
        """Put it on a stream: 0, the default, or a graph that is being recorded."""
        configure = _configured if stream == 0 else _configured.__wrapped__
        configure(self.kernel, self.grid, self.threads, stream)(*self.args)


def pieces(total: int, size: int) -> int:
    """How many pieces of ``size`` cover ``total``."""
    return -(-total // size)


def flat(array: Any) -> Any:
    """The same numbers, (size,)."""
    return array.reshape(array.size)
