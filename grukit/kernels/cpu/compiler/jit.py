"""How the CPU kernels are compiled.

Only what Python calls is cached and has a Python entry (``kernel``); the loops that it calls (``inner``) and what is around
them (``outer``) are compiled as parts of it, see :mod:`grukit.kernels.cpu.compiler.parts`. The first fit then takes 7 to 10
s of one 2.6 GHz core. A helper that is called in many places is not inlined (``noinline``), and workspaces are cut by
``view``, see :mod:`grukit.kernels.cpu.compiler.intrinsics`.

All that goes beyond Numba's public names is in :mod:`grukit.kernels.cpu.compiler.internals`. Without it, on the plain path,
every function is optimised, and made machine code of, by itself and again in its callers. A first fit then takes 4 times as
long, an epoch 3 % longer, a predictor's call 12 us longer; no bit changes.
"""

import warnings
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import config, njit, typeof
from numba.extending import overload, register_jitable

from grukit.kernels.cpu.compiler import choice
from grukit.kernels.scalar import FASTMATH


def _fingerprint() -> str:
    """Digest of the sources of all that is compiled here; the kernels of a GPU have no say in it."""
    digest, cpu = sha256(), Path(__file__).parents[1]
    for path in sorted([cpu.parent / "scalar.py", *cpu.rglob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


SOURCES = _fingerprint()
OURS = __name__.removesuffix("compiler.jit")  # what the names of the modules with kernels begin with

if config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("grukit is compiled by Numba and cannot run without: unset NUMBA_DISABLE_JIT.")

_internals, COMPILING = choice.internals(OURS, SOURCES)

# nogil: the threads of a team run the same kernel at once. error_model: division follows IEEE 754, because a kernel that
# raises in one thread would leave the others waiting.
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
PART: dict[str, Any] = {**OPTIONS, **(_internals.PART if _internals else {})}
SMALL: dict[str, Any] = {**OPTIONS, **(_internals.SMALL_PART if _internals else {})}
KERNEL: dict[str, Any] = {**OPTIONS, **(_internals.KERNEL if _internals else {})}
inner = njit(**PART)
outer = njit(**SMALL)  # for what is around the loops and takes no time
exact = njit(**{**PART, "fastmath": False})  # for what must have the bits that NumPy gives it
# For arithmetic on a network's sizes, which Python asks for as well: there it stays a function of Python's, compiled for
# kernels only. Compiled for Python it took a tenth of the first fit.
anywhere: Any = partial(register_jitable, **SMALL)()
# For functions that are chosen by the types of their arguments.
overloaded: Any = partial(overload, jit_options=PART)  # type: ignore[arg-type]


def watch_compiling(started: Callable[[], None], finished: Callable[[], None]) -> Callable[[], None]:
    """Call ``started`` and ``finished`` for every function that is compiled; returns what ends that.

    On the plain path Numba does not tell, and neither is called.
    """
    return _internals.watch(started, finished) if _internals else lambda: None


def ready(compiled: Any, *arguments: Any) -> Callable[..., Any]:
    """A kernel compiled for arguments of these types, to be called with no others.

    It takes what it is given for what it expects: no types are looked up, which takes 2 us where there are named tuples. On
    the plain path they are.
    """
    types = tuple(typeof(each) for each in arguments)
    entry: Callable[..., Any] = _internals.entry_for(compiled, types) if _internals else _entry(compiled.py_func, types)
    return entry


@cache
def _entry(function: Any, types: Any) -> Any:
    return _cached(function, [types])


def _cached(function: Callable[..., Any], signatures: Any = None) -> Any:
    """Compile and cache on disk as Numba does, or warn that there is no folder for it."""
    try:
        return njit(signatures, cache=True, **KERNEL)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        warnings.warn(
            "No folder for compiled kernels can be written, so every process compiles them anew. Set NUMBA_CACHE_DIR to a "
            "folder that can be written.",
            RuntimeWarning,
            stacklevel=1,  # one place, so that it is shown once
        )
        return njit(signatures, **KERNEL)(function)


def _named_by_sources(function: Any) -> Any:
    """The function by a name that changes with the sources: Numba names the files of its cache after it."""
    named = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    named.__module__, named.__doc__ = function.__module__, function.__doc__
    named.__qualname__ = f"{function.__qualname__}.plain_{SOURCES[:12]}"
    return named


def kernel(function: Callable[..., Any]) -> Any:
    """Compile for Python and cache on disk, so that the second process starts warm.

    Cached beside the module, or in the user's cache folder where that cannot be written. Where neither can, as in a read-only
    container, every process compiles anew what neither holds, and a warning says so once. The names of the cache's files
    change with the sources of all kernels, as most of what is compiled here comes from other files than the function's.
    """
    if _internals is None:
        return _cached(_named_by_sources(function))
    return _internals.kept(njit(**KERNEL)(function), SOURCES)
