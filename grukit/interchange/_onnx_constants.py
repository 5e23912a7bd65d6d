"""Constants of an ONNX graph: read once their size is known to be right, and what may be done to them before they are used."""

from typing import Any, NamedTuple

import numpy as np

TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}  # of TensorProto.DataType


Sizes = tuple[int | str | None, ...]  # of axes; a letter stands for one that is open, None for what is not known


class Open(NamedTuple):
    """Numbers that depend on the size of the input: constants that are as large as it, and sizes themselves."""

    constant: np.ndarray | None = None
    sizes: Sizes | None = None


def array_of(tensor: Any) -> np.ndarray:
    """A constant, once its size was compared with what the file holds of it.

    Raises
    ------
    ValueError
        Where it is in another file, of a type that no weight has, or of another size than it says.
    """
    what = f"the constant {tensor.name!r:.80}"
    if tensor.data_location != 0 or len(tensor.external_data):
        raise ValueError(
            f"{what} is in another file, which is not opened. Write all into one, as torch.onnx.export(..., "
            "external_data=False) does."
        )
    if tensor.data_type not in TYPES:
        raise ValueError(f"{what} has the type {tensor.data_type}, of no weight or shape.")
    dtype, shape = np.dtype(TYPES[tensor.data_type]), tuple(tensor.dims)
    fields = {
        1: tensor.float_data,
        6: tensor.int32_data,
        7: tensor.int64_data,
        9: tensor.int32_data,
        11: tensor.double_data,
    }
    size = 1
    for n in shape:
        if n < 0 or len(shape) > 8:
            raise ValueError(f"{what} has the shape {shape!r:.80}.")
        size *= n
    held = len(tensor.raw_data) // dtype.itemsize if tensor.raw_data else len(fields.get(tensor.data_type, ()))
    if size != held or len(tensor.raw_data) % dtype.itemsize:
        raise ValueError(f"{what} has the shape {shape!r:.80} and {held} numbers.")
    if tensor.raw_data:
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    return np.array(fields.get(tensor.data_type, ()), dtype).reshape(shape)


def integer(attributes: dict[str, Any], name: str, default: int) -> int:
    """A whole number among the attributes of a node."""
    return int(attributes[name].i) if name in attributes else default


def integers(inputs: list[Any], at: int, attributes: dict[str, Any], name: str) -> list[int] | None:
    """Whole numbers, given as an input by newer opsets and as an attribute by older ones."""
    if len(inputs) > at and inputs[at] is not None:
        if not isinstance(inputs[at], np.ndarray) or inputs[at].dtype.kind != "i" or inputs[at].size > 8:
            raise ValueError(f"its {name} are no constant")
        return [int(each) for each in inputs[at].ravel()]
    return [int(each) for each in attributes[name].ints] if name in attributes else None


def number_of(index: Any) -> tuple[int, bool]:
    """The number that is taken of an axis, and whether the axis is kept."""
    if not isinstance(index, np.ndarray) or index.dtype.kind != "i" or index.size != 1 or index.ndim > 1:
        raise ValueError("it takes several, or not always the same")
    return int(index.item()), index.ndim == 1


def of_constant(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> np.ndarray:
    """What may be done to a constant before it is used.

    Raises
    ------
    ValueError
        For all else.
    """
    array: np.ndarray = inputs[0]
    if kind == "Identity":
        return array
    if kind == "Cast":
        return _cast(array, TYPES.get(integer(attributes, "to", 0)))
    if kind == "Transpose":
        return array.transpose(integers(inputs, 1, attributes, "perm"))
    if kind == "Neg":
        return -array
    if kind in ("Reshape", "Unsqueeze", "Squeeze"):
        numbers = integers(inputs, 1, attributes, "axes") or []
        if kind == "Reshape":
            return array.reshape([array.shape[i] if n == 0 else n for i, n in enumerate(numbers)])
        return np.expand_dims(array, tuple(numbers)) if kind == "Unsqueeze" else array.squeeze(tuple(numbers) or None)
    raise ValueError("it computes a constant")


def _cast(array: np.ndarray, name: str | None) -> np.ndarray:
    if name is None:
        raise ValueError("it is a cast to a type of no weight or shape")
    dtype = np.dtype(name)
    if dtype.kind == "i" and array.dtype.kind == "f" and not (np.abs(array) < 1 << 31).all():
        raise ValueError("it is a cast of numbers that no whole number of 32 bits is")
    return array.astype(dtype)
