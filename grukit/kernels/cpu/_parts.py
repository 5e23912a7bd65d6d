"""Functions that are compiled only as a part of their callers.

Numba optimises every function and makes machine code of it, and does both again with the whole of what it calls in each of
its callers, up to the one that Python calls. What nobody calls by itself needs none of that but the last: what is kept of
it here is the code as it is first written, for its callers to take in. That saves a third of the time to compile.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.typed_passes import NativeLowering


class _Codegen:
    """Numba's code generator, but for the environment, an object of a function with machine code of its own.

    So a part cannot print, and can raise an exception with constant arguments only.
    """

    def __init__(self, codegen: Any):
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing to set."""


class _Part(JITCodeLibrary):
    """The code of a function to be taken in by its callers."""

    @property
    def codegen(self) -> Any:
        return _Codegen(self._codegen)

    def _optimize_final_module(self) -> None:
        """The callers' business."""

    def _finalize_final_module(self) -> None:
        """As in Numba, but nothing is handed to the engine that makes machine code."""
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Null: there is no machine code."""
        return 0


@register_pass(mutates_CFG=False, analysis_only=True)
class _OwnLibrary(LoweringPass):
    """Has the code written into a :class:`_Part`."""

    _name = "grukit_own_library"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        return False


class PartCompiler(CompilerBase):
    """A ``pipeline_class`` of ``njit``: Numba's own, into a :class:`_Part`."""

    def define_pipelines(self) -> list[Any]:
        """Numba's pipeline, and one pass more."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        before = next(k for k, (one, _) in enumerate(pipeline.passes) if one is NativeLowering)
        pipeline.passes.insert(before, (_OwnLibrary, "own library"))
        pipeline.finalize()
        return [pipeline]
