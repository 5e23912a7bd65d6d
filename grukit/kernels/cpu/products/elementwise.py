"""Loops over all numbers of two-dimensional arrays.

Loops, because a slice that is assigned takes Numba ten times as long to compile.
"""

from typing import Any

from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.scalar import ZERO


@inner
def clear(out: Any) -> None:
    """Set out (m, n) to zero."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = ZERO


@inner
def copy(a: Any, out: Any) -> None:
    """Write a (m, n) into out (m, n)."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j]


@inner
def times(a: Any, b: Any, out: Any) -> None:
    """Write the elements' products of a and b (B, H) into out (B, H)."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j] * b[i, j]
