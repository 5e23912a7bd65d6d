"""Compiled kernels on disk. Behind :mod:`grukit.kernels.cpu.compiler.internals`.

Numba's own cache believes its files: one that was cut off, or is of something else, raises in the middle of a fit, and code
in which a bit has changed is run; two processes that compile one kernel for other types at once may both call their file
the first; and a folder that cannot be written is not read. Here a file is named by what was compiled, says so itself, and
has a checksum: whatever else is there counts as nothing, and is compiled anew.
"""

import hashlib
import inspect
import os
import pickle
import secrets
import sys
import warnings
from pathlib import Path
from typing import Any

import numba
from numba import config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator, _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

DIGEST = 32  # bytes of SHA-256, before what they are of
_told: list[str] = []  # why no folder takes files; a process is told once


class KernelCache(_Cache):
    """The files of a kernel, in Numba's folders: ``NUMBA_CACHE_DIR``, beside the module, in the user's cache folder.

    The first that can be written is written to, and read, as are those before it, which may have been filled by another user.
    Where none can, all are read; what is compiled then is not kept, and a warning says so once.

    Parameters
    ----------
    function : function
        The kernel in Python.
    sources : str
        Digest of the sources of all kernels: files of others have other names.
    """

    def __init__(self, function: Any, sources: str):
        path = inspect.getfile(function)
        python = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
        line = function.__code__.co_firstlineno
        self._name = f"{Path(path).stem}.{function.__qualname__}-{line}.{python}.{sources[:12]}"
        self._sources = sources
        self._folders = _folders(function, path)
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """The folder that has files of the kernel, or would take them; None where none does."""
        there = [folder for folder in self._folders if os.path.isdir(folder)]  # glob raises in a home that is closed
        held = [folder for folder in there if next(folder.glob(f"{self._name}.*.nbc"), None)]
        found = held or [folder for folder in self._folders if _takes_files(folder)]
        return str(found[0]) if found else None

    def enable(self) -> None:
        """Read and write."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write."""
        self._enabled = False

    def flush(self) -> None:
        """Nothing to do: a file that is written takes the place of an old one."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for these types; None where no folder has it whole."""
        target_context.refresh()
        if not self._enabled:
            return None
        key = self._key(sig, target_context.codegen())
        for folder in self._folders:
            compiled = _read(folder / self._file(key), key)
            if compiled is not None:
                return CompileResult._rebuild(target_context, *compiled)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write what was compiled for these types.

        Warns
        -----
        RuntimeWarning
            Where no folder takes it, the first time in a process.
        """
        if not self._enabled:
            return
        if data.library.has_dynamic_globals:
            raise RuntimeError(f"{self._name} holds addresses of this process, and cannot be kept.")
        key = self._key(sig, data.codegen)
        content, reason = dumps((key, data._reduce())), ""
        for folder in self._folders:
            try:
                _write(folder / self._file(key), hashlib.sha256(content).digest() + content)
            except OSError as error:
                reason = reason or str(error.strerror)
            else:
                return
        _tell(reason)

    def _key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        """Everything that the machine code depends on."""
        return self._name, self._sources, numba.__version__, sig, codegen.magic_tuple()

    def _file(self, key: tuple[Any, ...]) -> str:
        return f"{self._name}.{hashlib.sha256(str(key).encode()).hexdigest()[:16]}.nbc"


def _folders(function: Any, path: str) -> list[Path]:
    """Where a kernel's files may be, up to the first folder that takes some.

    Without a home folder the user's own would be one of the working folder, and is left out.
    """
    kinds: list[Any] = [UserProvidedCacheLocator] if config.CACHE_DIR else []  # type: ignore[attr-defined]
    kinds += [InTreeCacheLocator, UserWideCacheLocator]
    found: list[Path] = []
    for kind in kinds:
        folder = Path(kind(function, path).get_cache_path())
        if folder.is_absolute():
            found.append(folder)
            if _takes_files(folder):
                break
    return found


def _takes_files(folder: Path) -> bool:
    # os.path takes what may not be looked into for what is not there, where Path.exists raises.
    there = next((each for each in (folder, *folder.parents) if os.path.exists(each)), None)
    return there is not None and os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK)


def _read(path: Path, key: tuple[Any, ...]) -> Any:
    """What a file holds of ``key``; None where there is none, or it cannot be read, is damaged or of something else."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if content[:DIGEST] != hashlib.sha256(content[DIGEST:]).digest():
        return None
    try:
        found, compiled = pickle.loads(content[DIGEST:])
    except Exception:  # whole, but of names that are not here, as another environment's may be
        return None
    return compiled if found == key else None


def _write(path: Path, content: bytes) -> None:
    """Write a file that takes its place once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        new.write_bytes(content)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _tell(reason: str) -> None:
    """Warn, once."""
    if not _told:
        _told.append(reason)
        warnings.warn(
            f"No folder for compiled kernels can be written ({reason}), so every process compiles them anew. Set "
            "NUMBA_CACHE_DIR to a folder that can be written.",
            RuntimeWarning,
            stacklevel=1,
        )
