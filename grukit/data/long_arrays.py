"""Where arrays as long as the data lie: in memory, or in temporary files, whose pages the operating system may take back."""

import math
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from errno import EINVAL, EOPNOTSUPP
from tempfile import TemporaryFile
from typing import Any
from weakref import finalize

import numpy as np

SHORT = 1 << 20  # bytes up to which an array lies in memory whatever is asked for
BLOCK = 1 << 17  # numbers that are worked on at a time, 1 MiB of float64

_folder: ContextVar[str | None] = ContextVar("folder", default=None)
_remedy: ContextVar[str] = ContextVar("remedy", default="")


@contextmanager
def in_files(folder: str, remedy: str = "") -> Iterator[None]:
    """Long arrays that are made here lie in files of a folder, which have no name and end with the arrays, or the process.

    Where there is no room, ``remedy`` says how to name another folder.
    """
    tokens = _folder.set(folder), _remedy.set(remedy)
    try:
        yield
    finally:
        _folder.reset(tokens[0])
        _remedy.reset(tokens[1])


def long_array(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array as long as the data, C-contiguous, whose numbers are not set.

    Raises
    ------
    OSError
        Where it is to lie in a file and the folder has no room for it.
    """
    folder, dtype = _folder.get(), np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    if folder is None or n_bytes <= SHORT:
        return np.empty(shape, dtype)
    with _told(folder), TemporaryFile(dir=folder) as file:
        _reserve(file, n_bytes)
        return _mapped(file, shape, dtype)


class Growing:
    """An array in a file, of rows that come part by part; outside :func:`in_files` in the platform's temporary folder.

    Parameters
    ----------
    shape : tuple of int
        Of one row.
    dtype : dtype
        Of numbers; where a part has another, all are brought to what holds both.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any):
        self.shape = shape
        self._begin(np.dtype(dtype))

    def _begin(self, dtype: np.dtype) -> None:
        self.dtype, self._n = dtype, 0
        with _told(_folder.get()):
            self._file: Any = TemporaryFile(dir=_folder.get())  # noqa: SIM115 - until the array is asked for, or nobody will
        finalize(self, self._file.close)

    def append(self, rows: np.ndarray) -> None:
        """Write rows (m, *shape).

        Raises
        ------
        OSError
            Where the folder has no room for them.
        """
        wider = np.result_type(self.dtype, rows.dtype)
        if wider != self.dtype:
            before = self.close()
            self._begin(wider)
            for block in blocks_of_rows(before):
                self.append(before[block])
        with _told(_folder.get()):
            self._file.write(np.ascontiguousarray(rows, self.dtype).reshape(-1).view(np.uint8).data)
        self._n += len(rows)

    def close(self) -> np.ndarray:
        """The array, after its last rows."""
        with _told(_folder.get()), self._file as file:
            file.flush()
            return _mapped(file, (self._n, *self.shape), self.dtype)


def blocks_of_rows(values: np.ndarray) -> Iterator[slice]:
    """Rows of an array, a few at a time, so that what is made of them is short."""
    n = max(1, BLOCK // max(1, math.prod(values.shape[1:])))
    return (slice(first, min(first + n, len(values))) for first in range(0, len(values), n))


def rows_of(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``values[chosen]``, of numbers of rows or a boolean for each, as a long array."""
    if chosen.dtype == bool:
        chosen = np.flatnonzero(chosen)
    out = long_array((len(chosen), *values.shape[1:]), values.dtype)
    for block in blocks_of_rows(out):
        out[block] = values[chosen[block]]
    return out


def joined_rows(parts: list[np.ndarray]) -> np.ndarray:
    """Arrays of rows one below another, as a long array."""
    out, end = long_array((sum(map(len, parts)), *parts[0].shape[1:]), np.result_type(*parts)), 0
    for part in parts:
        out[end : end + len(part)] = part
        end += len(part)
    return out


def with_column(values: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Rows (n, D + 1) of an array (n, D) and one column (n,) beside it, as a long array."""
    out = long_array((len(values), values.shape[1] + 1), np.result_type(values, column))
    out[:, :-1], out[:, -1] = values, column
    return out


def _mapped(file: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """All of a file; it is there as long as the array is."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes == 0:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(file.fileno(), n_bytes), dtype).reshape(shape)


def _reserve(file: Any, n_bytes: int) -> None:
    """Make a file so long on the disk itself: one with holes would end the process where the disk is full."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError as error:
            if error.errno not in (EINVAL, EOPNOTSUPP):  # of a file system that cannot
                raise
        else:
            return
    nothing = bytes(SHORT)
    for first in range(0, n_bytes, SHORT):
        file.write(nothing[: n_bytes - first])
    file.flush()


@contextmanager
def _told(folder: str | None) -> Iterator[None]:
    """Say of an error which folder it is about."""
    try:
        yield
    except OSError as error:
        where = "the temporary folder" if folder is None else f"the temporary folder {folder}"
        message = (
            f"There is no room for the rows of this fit in {where}: {error.strerror}. Free some, or take another folder"
        )
        raise OSError(error.errno, f"{message}{_remedy.get()}.") from error
