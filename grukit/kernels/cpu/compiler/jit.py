"""How the CPU kernels are compiled.

Only what Python calls is cached and has a Python entry (``kernel``); the loops that it calls (``inner``) and what is around
them (``outer``) are compiled as parts of it, see :mod:`grukit.kernels.cpu.compiler.parts`. The first fit then takes 6.5 s of
one 2.6 GHz core, of which LLVM has 2. A helper that is called in many places is not inlined (``noinline``), and workspaces
are cut by ``view``, see :mod:`grukit.kernels.cpu.compiler.intrinsics`.
"""

import gc
import warnings
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import config, njit, typeof
from numba.core.event import Listener, register
from numba.extending import overload, register_jitable

from grukit.kernels.cpu.compiler.parts import KernelCompiler, PartCompiler, SmallPartCompiler
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

# nogil: the threads of a team run the same kernel at once. error_model: division follows IEEE 754, because a kernel that
# raises in one thread would leave the others waiting. _nrt: nothing is allocated and no references are counted, for
# whoever calls a kernel holds its arrays.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": FASTMATH,
    "error_model": "numpy",
    "_nrt": False,
    "no_cfunc_wrapper": True,
}
PART: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True, "pipeline_class": PartCompiler}
inner = njit(**PART)
# For what is around the loops and takes no time: kept small, the machine code of a kernel takes a sixth less time to make.
SMALL: dict[str, Any] = {**PART, "pipeline_class": SmallPartCompiler}
outer = njit(**SMALL)
exact = njit(**{**PART, "fastmath": False})  # for what must have the bits that NumPy gives it
# For arithmetic on a network's sizes, which Python asks for as well: there it stays a function of Python's, compiled for
# kernels only. Compiled for Python it took a tenth of the first fit.
anywhere: Any = partial(register_jitable, **SMALL)()
# For functions that are chosen by the types of their arguments.
overloaded: Any = partial(overload, jit_options=PART)  # type: ignore[arg-type]


def _is_ours(event: Any) -> bool:
    module = event.data["dispatcher"].py_func.__module__  # None of a function that exec made
    return str(module).startswith(OURS)


class _FewerCollections(Listener):
    """Looks for garbage less often while a kernel is compiled, which makes millions of objects that stay.

    A tenth of the time, for 13 MiB.
    """

    def __init__(self) -> None:
        self._before: list[tuple[int, int, int]] = []

    def on_start(self, event: Any) -> None:
        """Raise the threshold for a kernel, and for what it calls, which comes as events within its own."""
        if _is_ours(event):
            self._before.append(gc.get_threshold())
            first, *others = gc.get_threshold()  # 700 new objects, unless somebody set it; 0 is never
            gc.set_threshold(max(first, 20_000) if first else 0, *others)

    def on_end(self, event: Any) -> None:
        """Put the threshold back."""
        if _is_ours(event):
            gc.set_threshold(*self._before.pop())


register("numba:compile", _FewerCollections())


def ready(compiled: Any, *arguments: Any) -> Callable[..., Any]:
    """A kernel compiled for arguments of these types, to be called with no others.

    It takes what it is given for what it expects: no types are looked up, which takes 2 us where there are named tuples.
    """
    entry: Callable[..., Any] = compiled.compile(tuple(typeof(each) for each in arguments))
    return entry


def _key_by_sources(cache: Any) -> None:
    """Give the files of a kernel's cache a name that changes with the sources.

    Numba watches the file of the function alone, but most of what it compiles here comes from other files; and it reads
    the types in an index before it asks whether the index is stale, which fails where another version had other types.
    """
    own = cache._cache_file
    base = own._index_name.removesuffix(".nbi")
    cache._cache_file = type(own)(cache._cache_path, f"{base}.{SOURCES[:12]}", SOURCES)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile for Python and cache on disk, so that the second process starts warm.

    Numba caches beside the module, or in the user's cache folder where that cannot be written. Where neither can, as in a
    read-only container, every process compiles anew, and a warning says so once.
    """
    try:
        compiled = njit(cache=True, pipeline_class=KernelCompiler, **OPTIONS)(function)
        _key_by_sources(compiled._cache)
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
        return njit(pipeline_class=KernelCompiler, **OPTIONS)(function)
