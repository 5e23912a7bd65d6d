"""Intrinsics: functions whose code in a kernel is written here. Python can call them, too, with the same results."""

import math
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import infer, infer_global, make_intrinsic_template
from numba.np.arrayobj import populate_array

from grukit.kernels.cpu.compiler.jit import anywhere


def intrinsic_of(function: Any) -> Any:
    """Decorator: the code that a call of ``function`` becomes in a kernel; Python calls the function itself."""

    def register(define: Any) -> Any:
        template = make_intrinsic_template(function, define, function.__name__)
        infer(template)
        infer_global(function, types.Function(template))
        return define

    return register


def noinline() -> None:
    """Keep LLVM from inlining the function that calls this, so that one called in many places is compiled once."""


@intrinsic_of(noinline)
def _noinline(_typing: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


def view(source: Any, offset: int, shape: tuple[int, ...]) -> Any:
    """The numbers of a C-contiguous array from number ``offset`` on, as an array of another shape.

    Where slicing and reshaping do the same, they check and take LLVM many times as long. Nothing is checked in a kernel.
    """
    return source.reshape(-1)[offset : offset + math.prod(shape)].reshape(shape)


@intrinsic_of(view)
def _view(_typing: Any, source: Any, _at: Any, shape: Any) -> Any:
    if not (isinstance(source, types.Array) and source.layout == "C"):
        return None  # in Numba: there is no such signature
    viewed = types.Array(source.dtype, len(shape), "C", readonly=not source.mutable)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        array, offset, shape = arguments
        data = builder.gep(context.make_array(source)(context, builder, array).data, [offset])
        return _array_at(context, builder, viewed, data, cgutils.unpack_tuple(builder, shape))

    return viewed(source, types.intp, types.UniTuple(types.intp, len(shape))), generate


def whole_numbers(source: Any, n: int) -> Any:
    """The beginning of a flat array of floating-point numbers as n whole ones; see :func:`whole_numbers_size`."""
    return source[: whole_numbers_size(n)].view(np.int64)[:n]


@intrinsic_of(whole_numbers)
def _whole_numbers(_typing: Any, source: Any, _n: Any) -> Any:
    viewed = types.Array(types.int64, 1, "C")

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        array, n = arguments
        data = context.make_array(source)(context, builder, array).data
        data = builder.bitcast(data, context.get_value_type(types.int64).as_pointer())
        return _array_at(context, builder, viewed, data, [n])

    return viewed(source, types.intp), generate


def _array_at(context: Any, builder: Any, array: Any, data: Any, lengths: list[Any]) -> Any:
    """A C-contiguous array that begins at ``data``."""
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_value_type(array.dtype)))
    strides = [itemsize]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    out = context.make_array(array)(context, builder)
    populate_array(out, data=data, shape=lengths, strides=strides, itemsize=itemsize, meminfo=None)
    return out._getvalue()


@anywhere
def whole_numbers_size(n: int) -> int:
    """Numbers of float32 or float64 that n whole ones take, in whole cache lines."""
    return (2 * n + 15) // 16 * 16


@anywhere
def rest_of(source: Any, offset: int) -> Any:
    """View the rest of a flat array, from number ``offset`` on."""
    return view(source, offset, (source.size - offset,))
