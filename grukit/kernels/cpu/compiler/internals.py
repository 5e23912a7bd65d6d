"""The one door to what Numba does not promise to keep: its private names, and what they save.

Nothing else in the package uses them (a test reads the sources). Where one is missing, or where :mod:`.check` fails with a
version of Numba that is newer than those tested, :mod:`.jit` does without this module: the kernels have the same bits then,
and take longer to compile. The names, and what for:

In :mod:`.parts`: a function that Python does not call is kept as it is first written, and optimised once, in the kernel

- ``numba.core.codegen.JITCodeLibrary``: ``_codegen``, ``_final_module``, ``_finalized``, ``_linking_libraries``,
  ``_reload_init``, ``add_ir_module``, ``add_llvm_module``, ``finalize``, ``enable_object_caching``,
  ``get_pointer_to_function``, ``_finalize_dynamic_globals``, ``_get_module_for_linking``, ``_optimize_final_module``,
  ``_raise_if_finalized``; of its code generator ``set_env``, ``_data_layout``, ``_module_pass_manager``
- ``numba.core.compiler``: ``CompilerBase``, and ``Flags`` with its ``_values``
- ``numba.core.compiler_machinery``: ``LoweringPass``, ``PassManager``, ``register_pass``
- ``numba.core.typed_passes``, ``numba.core.untyped_passes``; of the state of a pass ``func_id``, ``library`` and
  ``targetctx`` with ``enable_nrt``

Here:

- the options ``pipeline_class``, ``_nrt``, ``no_cfunc_wrapper``, ``no_cpython_wrapper`` of ``njit``: which pipeline; no
  counting of references, for whoever calls a kernel holds its arrays; no entry for C or Python where none calls
- ``numba.core.event``: ``Listener``, ``register``, ``unregister``, the event "numba:compile" and its ``dispatcher``: garbage
  is looked for less often while a kernel is compiled, and the command line shows how far compiling is
- of a dispatcher ``compile`` and what it returns: a call that looks up no types; ``_cache``: files of our own

In :mod:`.cache`:

- ``numba.core.caching``: ``_Cache``, what a dispatcher calls, and of the classes that know folders ``get_cache_path``
- ``numba.core.compiler.CompileResult``: ``_reduce``, ``_rebuild``, ``codegen`` with its ``magic_tuple``, ``library`` with
  ``has_dynamic_globals``; ``numba.core.serialize.dumps``
"""

import gc
from collections.abc import Callable
from typing import Any

from numba.core.event import Listener, register, unregister

from grukit.kernels.cpu.compiler.cache import KernelCache
from grukit.kernels.cpu.compiler.parts import KernelCompiler, PartCompiler, SmallPartCompiler

WHOLE: dict[str, Any] = {"_nrt": False, "no_cfunc_wrapper": True}
PART: dict[str, Any] = {**WHOLE, "no_cpython_wrapper": True, "pipeline_class": PartCompiler}
# Kept small, the machine code of what is around the loops takes a sixth less time to make.
SMALL_PART: dict[str, Any] = {**PART, "pipeline_class": SmallPartCompiler}
KERNEL: dict[str, Any] = {**WHOLE, "pipeline_class": KernelCompiler}


class _FewerCollections(Listener):
    """Looks for garbage less often while a kernel is compiled, which makes millions of objects that stay.

    A tenth of the time, for 13 MiB.
    """

    def __init__(self, modules: str) -> None:
        self._modules = modules
        self._before: list[tuple[int, int, int]] = []

    def _is_ours(self, event: Any) -> bool:
        module = event.data["dispatcher"].py_func.__module__  # None of a function that exec made
        return str(module).startswith(self._modules)

    def on_start(self, event: Any) -> None:
        """Raise the threshold for a kernel, and for what it calls, which comes as events within its own."""
        if self._is_ours(event):
            self._before.append(gc.get_threshold())
            first, *others = gc.get_threshold()  # 700 new objects, unless somebody set it; 0 is never
            gc.set_threshold(max(first, 20_000) if first else 0, *others)

    def on_end(self, event: Any) -> None:
        """Put the threshold back."""
        if self._is_ours(event):
            gc.set_threshold(*self._before.pop())


class _Watcher(Listener):
    """Calls one function where Numba begins to compile a function, and another where it has."""

    def __init__(self, started: Callable[[], None], finished: Callable[[], None]) -> None:
        self._started, self._finished = started, finished

    def on_start(self, event: Any) -> None:
        """Tell."""
        self._started()

    def on_end(self, event: Any) -> None:
        """Tell."""
        self._finished()


def watch(started: Callable[[], None], finished: Callable[[], None]) -> Callable[[], None]:
    """Call ``started`` and ``finished`` for every function that Numba compiles; returns what ends that."""
    listener = _Watcher(started, finished)
    register("numba:compile", listener)
    return lambda: unregister("numba:compile", listener)


def collect_less(modules: str) -> Callable[[], None]:
    """Look for garbage less often while functions of modules whose names begin so are compiled; returns what ends that."""
    listener = _FewerCollections(modules)
    register("numba:compile", listener)
    return lambda: unregister("numba:compile", listener)


def kept(compiled: Any, sources: str) -> Any:
    """A kernel that is read from disk where it is there, and written where it had to be compiled.

    compiled  the kernel as ``njit`` gives it
    sources   digest of the sources of all kernels, with which the names of the files change
    """
    compiled._cache = KernelCache(compiled.py_func, sources)
    return compiled


def entry_for(compiled: Any, types: tuple[Any, ...]) -> Callable[..., Any]:
    """A kernel compiled for these types, which takes what it is given for what it expects."""
    entry: Callable[..., Any] = compiled.compile(types)
    return entry
