"""A small kernel of each kind of part, compiled with Numba's private names and tried, where its version is not a tested one.

It is cached on disk like the others, so that a second process only loads it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, typeof
from numba.extending import overload

from grukit.kernels.cpu.compiler.internals import KERNEL, PART, SMALL_PART, collect_less, entry_for, kept

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


class _Case(NamedTuple):
    values: np.ndarray
    factor: float
    option: np.ndarray | None


@njit(**OPTIONS, **PART)
def _rest(values: Any, first: int) -> Any:
    return values[first:]


@njit(**OPTIONS, **SMALL_PART)
def _add(values: Any, option: Any, out: Any) -> None:
    if option is None:
        for i in range(values.size):
            out[i] += values[i]
        return
    out[0] = option.no_such_attribute  # the branch must not be compiled


def _scaled(case: Any, i: int) -> Any:
    raise NotImplementedError("kernels only")


@overload(_scaled, jit_options=OPTIONS | PART)  # type: ignore[arg-type]
def _overload_scaled(case: Any, i: int) -> Any:
    def scaled(case: Any, i: int) -> Any:
        return case.factor * case.values[i]

    return scaled if case.instance_class is _Case else None


def _kernel(case: Any, out: Any) -> None:
    for i in range(out.size):
        out[i] = _scaled(case, i)
    rest = _rest(case.values, 1)
    _add(rest, case.option, _rest(out, 1))
    _add(rest, case.option, out)


def check(sources: str) -> None:
    """Compile and call the kernel.

    Raises
    ------
    Exception
        Whatever Numba raises where it is not as it was; ``RuntimeError`` where the kernel computes something else.
    """
    collect_as_before = collect_less(__name__)
    try:
        compiled = kept(njit(**OPTIONS, **KERNEL)(_kernel), sources)
        case, out, again = _Case(np.arange(4.0), 2.0, None), np.empty(4), np.empty(4)
        compiled(case, out)
        entry_for(compiled, (typeof(case), typeof(out)))(case, again)
    finally:
        collect_as_before()
    expected = [1.0, 5.0, 9.0, 9.0]
    if out.tolist() != expected or again.tolist() != expected:
        raise RuntimeError(f"a kernel computed {out.tolist()} and {again.tolist()} instead of {expected}")
