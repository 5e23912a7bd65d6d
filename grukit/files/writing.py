"""A file that is replaced as a whole: whatever happens, the old one or the new one is there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOENT
from pathlib import Path
from typing import Any, BinaryIO

LONGEST = 50  # characters of the file's name in that of the new one; a name has at most 255 bytes


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file beside ``path``, which takes its place once it is whole and on the disk.

    Where the block raises, or the disk is full, the new file is removed and the old one stays as it is. A process that is
    killed may leave the new file, ``.NAME.RANDOM.tmp``, beside the old one. The new file belongs to who writes it, with the
    mode of the old one from the beginning, or that of other new files.

    Parameters
    ----------
    path : str or path
        The file. A folder, a symbolic link, which would be replaced and not followed, and what is no regular file are refused.

    Raises
    ------
    ValueError
        Where the path names no file.
    OSError
        Where the file cannot be written, or its folder not be read, naming it and why.
    """
    path = path_of(path)
    check_replaceable(path)
    new = path.with_name(f".{path.name[:LONGEST]}.{secrets.token_hex(8)}.tmp")
    with _named(path, new):
        folder = _opened(path.parent)
    try:
        with _named(path, new), _beside(path, new) as file:
            yield file
        if folder is not None:
            os.fsync(folder)
    finally:
        if folder is not None:
            os.close(folder)


def path_of(path: Any, name: str = "path") -> Path:
    """The path that an argument ``name`` is.

    Raises
    ------
    ValueError
        Where it is none, or names nothing, which for the system is the folder that it is in.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValueError(f"{name} must be the path of a file; got {path!r}.")
    return Path(path)


def check_replaceable(path: Path) -> None:
    """Raise, before the work whose result is to be written, where :func:`replaced` would refuse what is there.

    Raises
    ------
    FileExistsError
        Where a symbolic link, a folder or no regular file is in the way.
    FileNotFoundError
        Where there is no folder for it.
    """
    if path.is_symlink():
        raise FileExistsError(f"{path} is a symbolic link, to {os.readlink(path)}. Give the file that it leads to.")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(ENOENT, f"{path} cannot be written: there is no folder {path.absolute().parent}")


@contextmanager
def _named(path: Path, new: Path) -> Iterator[None]:
    """Errors of the system are of the file that was asked for."""
    try:
        yield
    except OSError as error:
        if error.errno is None or Path(error.filename or new) not in (new, path.parent):
            raise
        raise type(error)(error.errno, f"{path} could not be written: {error.strerror}. It is as it was") from error


@contextmanager
def _beside(path: Path, new: Path) -> Iterator[BinaryIO]:
    """A new file that is the file in the end, or is not there."""
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(new, flags, 0o666 if mode is None else mode), "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                os.chmod(new, mode)  # of which the user's own default may have taken away some
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _opened(folder: Path) -> int | None:
    """A folder, whose entries are to be on the disk, too; None where a system opens none."""
    flags: Any = getattr(os, "O_DIRECTORY", None)
    return None if flags is None else os.open(folder, os.O_RDONLY | flags)  # None: Windows
