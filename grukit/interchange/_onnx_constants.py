"""Constants of a graph, each read once its size was compared with what the file holds of it."""

from typing import Any

import numpy as np

TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}  # of TensorProto.DataType


def array_of(tensor: Any) -> np.ndarray:
    """A constant, once its size was compared with what the file holds of it.

    Raises
    ------
    ValueError
        Where it is in another file, of a type that no weight has, or of another size than it says.
    """
    what = f"the constant {tensor.name!r:.80}"
    if tensor.data_location != 0 or len(tensor.external_data):
        raise ValueError(f"{what} is in another file, which is not opened.")
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
