"""How the CPU kernels are compiled.

Numba compiles and optimises every function on its own and then again inside each caller. Only what Python calls is cached
and has a Python entry (``kernel``); the loops have none (``inner``); and what only puts loops in order is pasted into its
caller before types are inferred (``inlined``). That halves the time to compile, to 14 s of one 2.6 GHz core.
"""

import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit

from grukit.kernels.scalar import FASTMATH


def _fingerprint() -> str:
    """Digest of the sources of all that is compiled here; the kernels of a GPU have no say in it."""
    digest = sha256()
    for path in sorted([Path(__file__).parents[1] / "scalar.py", *Path(__file__).parent.rglob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES = _fingerprint()

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
        compiled = njit(cache=True, **options)(function)
        # Numba watches the file of the function alone, but most of what it compiles here comes from other files.
        compiled._cache._cache_file._source_stamp = SOURCES
        return compiled
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
