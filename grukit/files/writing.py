"""A file that is replaced as a whole: whatever happens, the old one or the new one is there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file beside ``path``, which takes its place once it is whole and on the disk.

    Where the block raises, or the disk is full, the new file is removed and the old one stays as it is. A process that is
    killed may leave the new file, ``.NAME.RANDOM.tmp``, beside the old one.

    Parameters
    ----------
    path : str or path
        The file. A folder, a symbolic link, which would be replaced and not followed, and what is no regular file are refused.

    Raises
    ------
    OSError
        Where the file cannot be written, naming it and why.
    """
    path = Path(path)
    if path.is_symlink():
        raise FileExistsError(f"{path} is a symbolic link, to {os.readlink(path)}. Give the file that it leads to.")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}.")
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        # The mode is the user's own default, or that of the file that is replaced.
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        with open(new, "xb") as file:
            try:
                yield file
                file.flush()
                if mode is not None:
                    os.chmod(new, mode)
                os.fsync(file.fileno())
                os.replace(new, path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
    except OSError as error:
        if error.errno is None or Path(error.filename or new) != new:
            raise
        raise type(error)(error.errno, f"{path} could not be written: {error.strerror}. It is as it was") from error
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """The folder's own entry on the disk, where a system lets folders be opened."""
    flags: Any = getattr(os, "O_DIRECTORY", None)
    if flags is None:  # Windows
        return
    descriptor = os.open(folder, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
