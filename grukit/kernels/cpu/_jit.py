"""How the CPU kernels are compiled.

Numba compiles and optimises every function on its own and then again inside each caller. Only what Python calls is cached
and has a Python entry (``kernel``); the loops have none (``inner``); and what only puts loops in order is pasted into its
caller before types are inferred (``inlined``). So the first fit compiles in 11 s of one 2.6 GHz core instead of 21 s.
"""

import warnings
from collections.abc import Callable
from typing import Any

from numba import njit

from grukit.kernels.scalar import FASTMATH

# nogil: the threads of a team run the same kernel at once. error_model: division follows IEEE 754, because a kernel that
# raises in one thread would leave the others waiting.
inner = njit(  # type: ignore[call-overload]
    nogil=True, fastmath=FASTMATH, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)
inlined = njit(nogil=True, fastmath=FASTMATH, error_model="numpy", inline="always")


def kernel(function: Callable[..., Any]) -> Any:
    """Compile for Python and cache on disk, so that the second process starts warm.

    Numba caches beside the module, or in the user's cache folder where that cannot be written. Where neither can, as in a
    read-only container, every process compiles anew, and a warning says so once.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        warnings.warn(
            "No folder for compiled kernels can be written, so every process compiles them anew. Set NUMBA_CACHE_DIR to a "
            "folder that can be written.",
            RuntimeWarning,
            stacklevel=1,  # one place, so that it is shown once
        )
        return njit(**options)(function)
