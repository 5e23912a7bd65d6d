"""Compiled kernels on disk: whatever is there, a kernel computes what it should, compiled anew at worst."""

import hashlib
import os
import pickle
import random
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from child import run_code
from full_disk import limited
from numba import config, njit
from unprivileged import open_folder, unprivileged

from grukit.kernels.cpu.compiler import cache, choice
from grukit.kernels.cpu.compiler.internals import KERNEL, kept

SOURCES = "0123456789ab"


def doubled(x):
    return x + x


def other(x):
    return x + x + x


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where kernels are cached, and nowhere else."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    real = cache._folders
    monkeypatch.setattr(cache, "_folders", lambda function, path: real(function, path)[:1])
    monkeypatch.setattr(cache, "_told", [])
    return tmp_path / "cache"


def call(value=1.5, function=doubled, sources=SOURCES):
    """Call the kernel as a new process would; whether it was compiled."""
    compiled = kept(njit(**KERNEL)(function), sources)
    assert compiled(value) == function(value)
    return sum(compiled.stats.cache_misses.values()) == 1


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_kernel_is_compiled_once_for_each_type_and_version(folder):
    given = [(1.5, SOURCES), (np.float32(1.5), SOURCES), (1, SOURCES), (1.5, "another"), (1.5, "ab" * 6)]
    assert [call(value, sources=sources) for value, sources in given] == [True] * 5
    assert [call(value, sources=sources) for value, sources in given] == [False] * 5
    files = files_of(folder)
    assert len(files) == 5
    assert all(f"test_cache.doubled-{doubled.__code__.co_firstlineno}.py" in path.name for path in files)


def flipped(content, seed):
    at = random.Random(seed).randrange(8 * len(content))
    return content[: at // 8] + bytes([content[at // 8] ^ 1 << at % 8]) + content[at // 8 + 1 :]


def whole(content):
    """A file's bytes, with the checksum that is right."""
    return hashlib.sha256(content).digest() + content


class Gone:
    """What another environment had, and this has not."""

    def __reduce__(self):
        return Gone, ()


def of_what_is_gone():
    content = pickle.dumps((("key",), Gone()))
    return whole(content.replace(b"Gone", b"None"))


DAMAGE = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[:-1],
    "cut off in its first bytes": lambda content: content[:20],
    "a half of zeros": lambda content: content[: len(content) // 2] + bytes(len(content) // 2),
    "longer": lambda content: content + b"x",
    "garbage": lambda content: random.Random(0).randbytes(len(content)),
    "text": lambda content: b"import os\n",
    "one of Numba's": lambda content: content[32:],
    "of names that are gone": lambda content: of_what_is_gone(),
    "of another kernel": lambda content: whole(pickle.dumps((("key",), "code"))),
    **{f"a bit flipped, {seed}": lambda content, seed=seed: flipped(content, seed) for seed in range(20)},
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_compiled_anew_and_replaced(folder, kind):
    assert call()
    [path] = files_of(folder)
    content = path.read_bytes()
    path.write_bytes(DAMAGE[kind](content))
    assert path.read_bytes() != content
    assert [call(), call()] == [True, False]
    assert files_of(folder) == [path]


def test_another_kernels_file_is_not_run(folder):
    call()
    [path] = files_of(folder)
    call(function=other)
    [path_of_other] = set(files_of(folder)) - {path}
    path.write_bytes(path_of_other.read_bytes())
    assert not call(function=other)
    assert call()  # checks what it computes


def test_what_is_no_file_is_in_the_way_of_one_kernel_alone(folder):
    call()
    [path] = files_of(folder)
    path.unlink()
    path.symlink_to(folder / "none")
    assert [call(), call()] == [True, False]
    assert not path.is_symlink()
    path.unlink()
    path.mkdir()
    with pytest.warns(RuntimeWarning, match=r"can be written \(Is a directory\)"):
        assert call()
    assert call(function=other) and not call(function=other)


def test_a_file_or_a_folder_that_cannot_be_read(monkeypatch):
    monkeypatch.setattr(cache, "_told", [])
    with open_folder() as open_to_all, unprivileged():
        monkeypatch.setattr(cache, "_folders", lambda function, path: [open_to_all / "kernels"])
        call()
        [path] = files_of(open_to_all)
        path.chmod(0)
        assert [call(), call()] == [True, False]
        path.parent.chmod(0)
        with pytest.warns(RuntimeWarning, match=r"can be written \(Permission denied\)"):
            assert call()
        path.parent.chmod(0o700)
        assert not call()


def test_kernels_of_a_read_only_folder_are_found_and_others_go_to_the_next(monkeypatch):
    """As in a container that compiled ahead and then runs as another user."""
    monkeypatch.setattr(cache, "_told", [])
    with open_folder() as open_to_all, unprivileged():
        image, own = open_to_all / "image", open_to_all / "home"
        monkeypatch.setattr(cache, "_folders", lambda function, path: [image, own])
        call()
        image.chmod(0o555)
        assert not call()
        assert call(function=other) and not call(function=other)
        assert len(files_of(image)) == len(files_of(own)) == 1
        own.chmod(0o555)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert [call(value) for value in (1, np.float32(1), True)] == [True] * 3
        assert [str(each.message)[:72] for each in seen] == [
            "No folder for compiled kernels can be written (Permission denied), so ev"
        ]
        image.chmod(0o755)
        own.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
def test_on_a_full_disk_a_kernel_is_compiled_and_not_kept(folder):
    call()
    content = files_of(folder)[0].read_bytes()
    with limited(1000):
        with pytest.warns(RuntimeWarning, match=r"can be written \(File too large\).*NUMBA_CACHE_DIR"):
            assert call(1)
        assert call(1)
    assert [path.read_bytes() for path in files_of(folder)] == [content]
    assert [call(1), call(1)] == [True, False]


def test_without_a_home_nothing_is_written_to_the_working_folder(monkeypatch):
    monkeypatch.setattr(cache, "_takes_files", lambda folder: False)
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setenv("HOME", "~")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert [path.name for path in cache._folders(doubled, __file__)] == ["__pycache__"]
    monkeypatch.setenv("HOME", "/somewhere")
    assert [path.is_relative_to("/somewhere") for path in cache._folders(doubled, __file__)] == [False, True]


@pytest.mark.skipif(sys.platform == "win32", reason="needs modes of folders")
def test_a_home_that_may_not_be_looked_into_counts_as_none():
    """As in a container that runs as another user than the one whose home its environment names."""
    code = """
import os, sys, warnings
from pathlib import Path
from numba import njit
from grukit.kernels.cpu.compiler import cache
from grukit.kernels.cpu.compiler.internals import KERNEL, kept
import closed_home
assert kept(njit(**KERNEL)(closed_home.doubled), "0123456789ab")(1.5) == 3.0  # imports what may be closed to the other user
os.chmod(closed_home.__file__.rpartition("/")[0] + "/__pycache__", 0o555)
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
compiled = kept(njit(**KERNEL)(closed_home.trebled), "0123456789ab")
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always", RuntimeWarning)
    print(compiled(1.5), compiled.stats.cache_path, [each.category.__name__ for each in seen])
print(cache._takes_files(Path(os.environ["HOME"], "a", "b")))
os.path.exists = lambda path: False  # as of a drive that is missing
print(cache._takes_files(Path.cwd() / "a"))
"""
    with open_folder() as place:
        (place / "closed_home.py").write_text(
            "def doubled(x):\n    return x + x\n\n\ndef trebled(x):\n    return 3 * x\n"
        )
        home = place / "home"
        home.mkdir()
        home.chmod(0)
        environment = {"HOME": str(home), "XDG_CACHE_HOME": "", "NUMBA_CACHE_DIR": "", choice.VARIABLE: ""}
        environment["PYTHONPATH"] = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
        (place / "__pycache__").mkdir()
        place.chmod(0o555)
        try:
            output, _ = run_code(code, **environment)
        finally:
            home.chmod(0o700)
            place.chmod(0o777)
    assert output.splitlines() == ["4.5 None ['RuntimeWarning']", "False", "False"]


def test_folders_are_looked_through_up_to_the_first_that_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    wanted = [tmp_path / "own", Path(__file__).parent, tmp_path / "home"]
    for n, closed in enumerate([(), ("own",), ("own", "__pycache__"), ("own", "__pycache__", "home")], 1):
        monkeypatch.setattr(
            cache, "_takes_files", lambda path, closed=closed: not any(each in str(path) for each in closed)
        )
        found = cache._folders(doubled, __file__)
        assert len(found) == min(n, 3)
        assert all(path.is_relative_to(place) for path, place in zip(found, wanted, strict=False))


def test_processes_fill_one_cache_at_once(tmp_path):
    """Children that all compile, for two types, before any writes; another process finds what they left."""
    code = """
import multiprocessing, os, sys
import numpy as np
from grukit.engines import select_engine
from grukit.kernels.cpu.compiler import cache
from grukit.model import NetworkSpec
count = int(sys.argv[1])
compiled, write = multiprocessing.get_context("fork").Barrier(count), cache._write
def write_together(path, content):
    compiled.wait(60)
    write(path, content)
cache._write = write_together
kernels = select_engine("cpu").kernels
for i in range(count):
    if os.fork() == 0:
        states = np.ones(8, "f4" if i % 2 else "f8")
        kernels.begin_states(NetworkSpec("gru", 1, (2,), 1).for_kernels(kernels), states, 4, states)
        print(f"{states.sum()} {sum(kernels.begin_states.stats.cache_misses.values())}\\n", end="", flush=True)
        os._exit(0)
for _ in range(count):
    assert os.wait()[1] == 0
"""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), choice.VARIABLE: ""}
    output, errors = run_code(code, 4, **environment)
    assert output.splitlines() == ["0.0 1"] * 4 and errors == ""
    assert run_code(code, 2, **environment)[0] == "0.0 0\n" * 2
    assert len(files_of(tmp_path)) == 2


def test_what_tells_where_the_kernels_are(folder):
    compiled = kept(njit(**KERNEL)(doubled), SOURCES)
    assert Path(compiled.stats.cache_path).parent == folder
    folder.write_text("in the way")
    assert kept(njit(**KERNEL)(doubled), SOURCES).stats.cache_path is None


def test_what_holds_addresses_of_its_process_is_not_kept(folder):
    table = np.arange(200_000.0)  # too large to be a constant of the code

    def looked_up(i):
        return table[i]

    with pytest.raises(RuntimeError, match="looked_up.* holds addresses of this process"):
        kept(njit(**KERNEL)(looked_up), SOURCES)(3)
    assert not os.path.exists(folder) or files_of(folder) == []
