"""Intrinsics: functions whose code in a kernel is written here. Python can call them, too, with the same results.

A typing function and its code, instead of ``numba.extending.intrinsic``, which makes functions that Python cannot call.
"""

import math
from functools import reduce
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, type_callable

from grukit.kernels.cpu.compiler.jit import anywhere

kernel_intrinsic: Any = intrinsic  # of kernels only; its type in Numba leaves an argument out


def noinline() -> None:
    """Keep LLVM from inlining the function that calls this, so that one called in many places is compiled once."""


@type_callable(noinline)
def _type_noinline(_context: Any) -> Any:
    return lambda: types.void()


@lower_builtin(noinline)
def _noinline(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
    builder.function.attributes.add("noinline")
    return context.get_dummy_value()


def view(source: Any, offset: int, shape: tuple[int, ...]) -> Any:
    """The numbers of a C-contiguous array from number ``offset`` on, as an array of another shape.

    Where slicing and reshaping do the same, they check and take LLVM many times as long. Nothing is checked in a kernel.
    """
    return source.reshape(-1)[offset : offset + math.prod(shape)].reshape(shape)


@type_callable(view)
def _type_view(_context: Any) -> Any:
    def signature(source: Any, offset: Any, shape: Any) -> Any:
        if not (isinstance(source, types.Array) and source.layout == "C"):
            return None  # in Numba: there is no such signature
        viewed = types.Array(source.dtype, len(shape), "C", readonly=not source.mutable)
        return viewed(source, types.intp, types.UniTuple(types.intp, len(shape)))

    return signature


@lower_builtin(view, types.Array, types.intp, types.UniTuple)
def _view(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array, offset, shape = arguments
    data = builder.gep(context.make_array(signature.args[0])(context, builder, array).data, [offset])
    return _array_at(context, builder, signature.return_type, data, cgutils.unpack_tuple(builder, shape))


def whole_numbers(source: Any, n: int) -> Any:
    """The beginning of a flat array of floating-point numbers as n whole ones; see :func:`whole_numbers_size`."""
    return source[: whole_numbers_size(n)].view(np.int64)[:n]


@type_callable(whole_numbers)
def _type_whole_numbers(_context: Any) -> Any:
    return lambda source, n: types.Array(types.int64, 1, "C")(source, types.intp)


@lower_builtin(whole_numbers, types.Array, types.intp)
def _whole_numbers(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array, n = arguments
    data = context.make_array(signature.args[0])(context, builder, array).data
    data = builder.bitcast(data, context.get_value_type(types.int64).as_pointer())
    return _array_at(context, builder, signature.return_type, data, [n])


def _array_at(context: Any, builder: Any, array: Any, data: Any, lengths: list[Any]) -> Any:
    """A C-contiguous array that begins at ``data`` and owns nothing: whoever calls the kernel holds the memory."""
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_value_type(array.dtype)))
    strides = [itemsize]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    out = context.make_array(array)(context, builder)
    out.data, out.itemsize = data, itemsize
    out.shape, out.strides = (cgutils.pack_array(builder, each) for each in (lengths, strides))
    out.nitems = reduce(lambda a, b: builder.mul(a, b, flags=["nsw"]), lengths)
    out.meminfo, out.parent = (cgutils.get_null_value(each.type) for each in (out.meminfo, out.parent))
    return out._getvalue()


@anywhere
def whole_numbers_size(n: int) -> int:
    """Numbers of float32 or float64 that n whole ones take, in whole cache lines."""
    return (2 * n + 15) // 16 * 16


@anywhere
def rest_of(source: Any, offset: int) -> Any:
    """View the rest of a flat array, from number ``offset`` on."""
    return view(source, offset, (source.size - offset,))
