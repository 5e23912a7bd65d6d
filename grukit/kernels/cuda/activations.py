"""Activations on the device, by the hardware's exponential in float32, exact in float64.

``fast_expf`` and ``fast_fdividef`` cost two special-function instructions; ``fastmath=True`` would instead take
``tanh.approx``, whose error is 5e-4. Both forms saturate rightly, and NaN passes through.
"""

import math
from typing import Any

import numpy as np

from grukit.kernels.cuda._cuda import cuda, libdevice
from grukit.kernels.scalar import ONE

TWO = np.float32(2)


@cuda.jit(device=True, inline="always")
def fast_sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return libdevice.fast_fdividef(ONE, ONE + libdevice.fast_expf(-x))


@cuda.jit(device=True, inline="always")
def fast_tanh(x: Any) -> Any:
    """1 - 2 / (1 + e^2x)."""
    return ONE - libdevice.fast_fdividef(TWO, ONE + libdevice.fast_expf(x + x))


@cuda.jit(device=True, inline="always")
def exact_sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return ONE / (ONE + math.exp(-x))


@cuda.jit(device=True, inline="always")
def exact_tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return math.tanh(x)


def activations(dtype: str) -> tuple[Any, Any]:
    """Sigmoid and tanh for kernels of a type."""
    return (fast_sigmoid, fast_tanh) if dtype == "float32" else (exact_sigmoid, exact_tanh)
