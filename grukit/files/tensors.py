"""The safetensors format: arrays behind a JSON header (https://github.com/huggingface/safetensors, "Format").

Eight bytes say, little-endian, how long the header is. It is an object with an entry for each array, of its type, its shape
and where its bytes begin and end behind the header; and ``__metadata__``, strings by name. Arrays are little-endian in C order
and cover the rest of the file without gaps. A few lines read and write it, so the package of that name is not needed; they
check every number against the size of the file before they allocate anything.
"""

import json
import os
import zlib
from collections.abc import Mapping
from math import prod
from typing import Any, BinaryIO

import numpy as np

from grukit.files.writing import path_of, replaced

# Types of arrays by their names in the format.
NUMBERS = {
    "BOOL": np.dtype(bool),
    **{f"{name}{8 * size}": np.dtype(f"<{kind}{size}") for name, kind in (("I", "i"), ("U", "u")) for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}  # fmt: skip
NAMES = {dtype: name for name, dtype in NUMBERS.items()}
# Bytes: a panel of 78,000 series, whose header takes ten times as much memory when it is read. One of nothing but lists in
# lists takes 94 times as much, with the values that are made of it.
LARGEST_HEADER = 1 << 25
METADATA, CHECKSUM = "__metadata__", "crc32"


def write_tensors(path: str | os.PathLike[str], metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and strings to a file, which replaces an old one as a whole.

    Parameters
    ----------
    path : str or path
        The file.
    metadata : mapping of str to str
        Strings; a checksum of them and of the arrays is added.
    arrays : mapping of str to ndarray
        Arrays of numbers or booleans.

    Raises
    ------
    OSError
        Where the file cannot be written.
    ValueError
        Where the path names no file, or there is more than a file can say.
    """
    header, *data = parts_of(metadata, arrays)
    if len(header) - 8 > LARGEST_HEADER:
        raise ValueError(
            f"The header of {path} would have {len(header) - 8:,} bytes; a file has at most {LARGEST_HEADER:,}."
        )
    with replaced(path) as file:
        file.write(header)
        for each in data:
            file.write(each)


def parts_of(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> list[Any]:
    """The bytes of a file: the header with its length before it, and those of each array, not copied."""
    data = {name: np.require(array, array.dtype.newbyteorder("<"), "C") for name, array in arrays.items()}
    entries: dict[str, Any] = {METADATA: {**metadata, CHECKSUM: _checksum(metadata, data)}}
    end = 0
    for name, array in data.items():
        begin, end = end, end + array.nbytes
        entries[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    header = json.dumps(entries, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-len(header) % 8)  # so that arrays are aligned
    return [len(header).to_bytes(8, "little") + header, *map(_bytes_of, data.values())]


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The strings and arrays of a file, checked; memory is taken for no more than the file holds.

    Returns
    -------
    metadata : dict of str
    arrays : dict of ndarray

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where the path names no file, or it is no such file, or damaged, saying where.
    """
    with path_of(path).open("rb") as file:
        try:
            header, begin = _read_header(file)
            metadata = header.pop(METADATA, {})
            _check_metadata(metadata)
            size = os.fstat(file.fileno()).st_size - begin
            entries = [(name, *_read_entry(name, entry)) for name, entry in header.items()]
            entries.sort(key=lambda entry: entry[3:])
            _check_cover(entries, size)
            arrays = {}
            for name, dtype, shape, _, _ in entries:
                arrays[name] = np.empty(shape, dtype)
                if file.readinto(_bytes_of(arrays[name])) != arrays[name].nbytes:
                    raise ValueError(f"it ended while {name!r} was read.")
                if dtype.kind == "b" and _bytes_of(arrays[name]).tobytes().strip(b"\0\1"):
                    raise ValueError(f"{name!r} holds bytes that are neither false nor true.")
        except ValueError as error:
            raise ValueError(f"{path} is damaged, or no file of this kind: {error}") from error
    checksum = metadata.pop(CHECKSUM, None)
    if checksum != _checksum(metadata, arrays):
        raise ValueError(f"{path} is damaged: its checksum is {checksum!r}, not that of what it holds.")
    return metadata, arrays


def _bytes_of(array: np.ndarray) -> Any:
    """The bytes of a C-contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _checksum(metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    """CRC-32 of strings, of the arrays' names, types and shapes, and of their bytes: against damage, not against intent."""
    crc = zlib.crc32(json.dumps(sorted(metadata.items())).encode())
    for name, array in arrays.items():
        crc = zlib.crc32(json.dumps([name, NAMES[array.dtype], *array.shape]).encode(), crc)
        crc = zlib.crc32(_bytes_of(array), crc)
    return f"{crc:08x}"


def parse(text: bytes | str, what: str) -> Any:
    """JSON without what JSON does not have: repeated names, NaN.

    Raises
    ------
    ValueError
        Where it is none.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise ValueError(f"{what} has {twice!r:.80} twice.")
        return found

    def no_number(text: str) -> Any:
        raise ValueError(f"{what} holds {text}, which is no number.")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{what} is no JSON: {error}.") from error


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header, and where it ends."""
    size = os.fstat(file.fileno()).st_size
    n = int.from_bytes(file.read(8), "little")
    if size < 10 or not 2 <= n <= size - 8:
        raise ValueError(f"its first eight bytes tell of a header of {n:,} bytes; the file has {size:,}.")
    if n > LARGEST_HEADER:
        raise ValueError(f"its header has {n:,} bytes; at most {LARGEST_HEADER:,} are read.")
    header = parse(file.read(n), "its header")
    if not isinstance(header, dict):
        raise ValueError("its header is no object.")
    return header, 8 + n


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{METADATA} holds something else than strings by name.")


def _read_entry(name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
    """Type, shape, begin and end of an array, that agree with each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of {name!r} has not exactly dtype, shape and data_offsets.")
    dtype = NUMBERS.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise ValueError(f"{name!r} has the type {entry['dtype']!r}; known are {', '.join(NUMBERS)}.")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not (_are_sizes(shape) and _are_sizes(offsets) and len(offsets) == 2 and len(shape) <= 32):
        raise ValueError(f"{name!r} has the shape {shape!r:.99} and the offsets {offsets!r:.99}, which are no sizes.")
    begin, end = offsets
    if prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"{name!r} has the shape {shape} of {entry['dtype']}, which are not {end - begin} bytes.")
    return dtype, tuple(shape), begin, end


def _are_sizes(values: Any) -> bool:
    """Whether these are whole numbers that an array can have in any axis."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 48 for value in values)


def _check_cover(entries: list[tuple[str, np.dtype, tuple[int, ...], int, int]], size: int) -> None:
    """Raise where arrays, in the order of their begins, overlap, leave gaps or do not fill the rest of the file."""
    at = 0
    for name, _, _, begin, end in entries:
        if begin != at:
            raise ValueError(f"{name!r} begins at byte {begin} behind the header; the one before it ends at {at}.")
        at = end
    if at != size:
        raise ValueError(f"its arrays have {at:,} bytes; behind the header there are {size:,}.")
