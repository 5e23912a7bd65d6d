"""How Numba compiles the kernels: only what they need of it. Behind :mod:`grukit.kernels.cpu.compiler.internals`.

Numba optimises every function and makes machine code of it, and does both again with the whole of what it calls in each of
its callers, up to the one that Python calls. A function that nobody calls by itself needs none of that but the last: it is a
*part*, whose code is kept as it is first written and linked into the kernel. Parts and kernels skip the passes of Numba's
that find nothing to do here, too. Both together save half of the time to compile.
"""

from typing import Any

from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, Flags
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass

for _name in (
    "_finalize_dynamic_globals",
    "_get_module_for_linking",
    "_optimize_final_module",
    "_raise_if_finalized",
    "add_ir_module",
    "add_llvm_module",
    "enable_object_caching",
    "finalize",
    "get_pointer_to_function",
):
    getattr(JITCodeLibrary, _name)  # an error here, instead of while a kernel is compiled


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
    """The code of a function, to be linked into the kernels that call it."""

    @property
    def codegen(self) -> Any:
        return _Codegen(self._codegen)

    def add_llvm_module(self, ll_module: Any) -> None:
        """Add the code as it is: what the function passes do to it, the kernel's do as well."""
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def finalize(self) -> None:
        """As in Numba, but nothing is linked, optimised or given to the engine that makes machine code."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Null: there is no machine code."""
        return 0

    def alone(self) -> Any:
        """The code without what it calls."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """The code with what it calls, for a caller that is no kernel of ours."""
        module = self.alone().clone()
        for library in _all_libraries(self._linking_libraries):
            module.link_in(_code(library), preserve=True)
        return module


class _SmallPart(_Part):
    """A part whose machine code is to be small: loops are not unrolled, nor written twice, for arrays that overlap or not."""

    def add_ir_module(self, ir_module: Any) -> None:
        """Mark its functions so."""
        for function in ir_module.functions:
            if not function.is_declaration:
                function.attributes.add("optsize")
        super().add_ir_module(ir_module)


def _all_libraries(libraries: Any) -> dict[Any, None]:
    """Libraries and what the parts among them call, each once."""
    found: dict[Any, None] = {}
    waiting = list(libraries)
    while waiting:
        library = waiting.pop()
        if library not in found:
            found[library] = None
            waiting.extend(library._linking_libraries if isinstance(library, _Part) else [])
    return found


def _code(library: Any) -> Any:
    return library.alone() if isinstance(library, _Part) else library._get_module_for_linking()


class _Whole(JITCodeLibrary):
    """The code of a kernel, and of all its parts."""

    def finalize(self) -> None:
        """Link each part once, instead of into each of its callers."""
        for library in _all_libraries(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_code(library), preserve=True)
        self._linking_libraries = []
        super().finalize()

    def _optimize_final_module(self) -> None:
        """Once: Numba's first round serves the counting of references, which the kernels do without."""
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


@register_pass(mutates_CFG=True, analysis_only=False)
class _TypeInference(typed_passes.NopythonTypeInference):
    """Numba's, but where no references are counted it lets no function return a view."""

    _name = "grukit_type_inference"

    def run_pass(self, state: Any) -> bool:
        counted, state.targetctx.enable_nrt = state.targetctx.enable_nrt, True
        try:
            return bool(super().run_pass(state))
        finally:
            state.targetctx.enable_nrt = counted


@register_pass(mutates_CFG=False, analysis_only=True)
class _IntoPart(LoweringPass):
    """Has the code written into a :class:`_Part`."""

    _name = "grukit_into_part"
    _library: Any = _Part

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        state.library = self._library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return False


@register_pass(mutates_CFG=False, analysis_only=True)
class _IntoSmallPart(_IntoPart):
    """Has the code written into a :class:`_SmallPart`."""

    _name = "grukit_into_small_part"
    _library: Any = _SmallPart


@register_pass(mutates_CFG=False, analysis_only=True)
class _IntoWhole(_IntoPart):
    """Has the code written into a :class:`_Whole`."""

    _name = "grukit_into_whole"
    _library: Any = _Whole


class _Flags(Flags):
    """A function's options, part of the key of every look-up of what to call: compared by those that are set.

    Numba compares all, in twenty thousand look-ups a twentieth of the time to compile.
    """

    def __hash__(self) -> int:
        return hash(_Flags)

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, _Flags) else super().__eq__(other)


class PartCompiler(CompilerBase):
    """A ``pipeline_class`` of ``njit`` for parts.

    Numba's pipeline without the passes for closures, array expressions, ``with``, ``literal_unroll``, inlining of Numba's
    own and dynamic exceptions, which the kernels have none of. A pass costs about a third of a millisecond a function.
    """

    _into: Any = _IntoPart

    def __init__(
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any, locals: Any
    ):
        super().__init__(typingctx, targetctx, library, args, return_type, _Flags(flags), locals)

    def define_pipelines(self) -> list[Any]:
        """The passes, in Numba's order."""
        manager = PassManager("grukit")
        for each in (
            untyped_passes.TranslateByteCode,
            untyped_passes.FixupArgs,
            untyped_passes.IRProcessing,
            untyped_passes.DeadBranchPrune,
            untyped_passes.GenericRewrites,
            untyped_passes.ReconstructSSA,
            _TypeInference,
            typed_passes.PreLowerStripPhis,
            typed_passes.IRLegalization,
            self._into,
            typed_passes.NativeLowering,
            typed_passes.NoPythonBackend,
        ):
            manager.add_pass(each, each._name)
        manager.finalize()
        return [manager]


class SmallPartCompiler(PartCompiler):
    """The same for parts whose machine code is to be small."""

    _into = _IntoSmallPart


class KernelCompiler(PartCompiler):
    """The same for what Python calls."""

    _into = _IntoWhole
