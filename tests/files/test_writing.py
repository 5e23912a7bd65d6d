"""A file is replaced as a whole: interrupted, on a full disk, where it cannot be."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from full_disk import limited

from grukit.files import read_tensors, replaced, writing


def write(path, content):
    with replaced(path) as file:
        file.write(content)


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a"
    write(path, b"one")
    assert path.read_bytes() == b"one"
    path.chmod(0o640)
    write(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_new_file_has_the_mode_that_other_new_files_have(tmp_path):
    write(tmp_path / "a", b"")
    (tmp_path / "b").write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_raises_in_between_leaves_the_old_file(tmp_path, error):
    write(tmp_path / "a", b"one")

    def stop_half_way():
        with replaced(tmp_path / "a") as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        stop_half_way()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a", b"one")]


@pytest.mark.parametrize("path", ["", None, 3, b"a"])
def test_what_names_no_file_is_an_error(path):
    with pytest.raises(ValueError, match="path must be the path of a file; got"):
        write(path, b"one")
    with pytest.raises(ValueError, match="path must be the path of a file; got"):
        read_tensors(path)


def test_a_link_or_a_folder_in_the_way_is_an_error(tmp_path):
    write(tmp_path / "a", b"one")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, why in (
        ("link", "link, to .*a"),
        ("dangling", "link, to"),
        ("folder", "a folder"),
        ("pipe", "no regular file"),
    ):
        with pytest.raises(FileExistsError, match=f"{name} is .*{why}"):
            write(tmp_path / name, b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_not_there_or_takes_no_files_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="none/a cannot be written: there is no folder .*none"):
        write(tmp_path / "none" / "a", b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "a", b"one")
    folder.chmod(0o500)
    # The superuser writes everywhere but where the kernel itself has the files.
    closed = "/proc/a" if os.geteuid() == 0 else folder / "a"
    with pytest.raises(OSError, match="could not be written"):
        write(closed, b"two")
    folder.chmod(0o700)
    assert (folder / "a").read_bytes() == b"one"


def test_file_and_folder_are_on_the_disk_before_and_after_the_file_takes_its_place(tmp_path, monkeypatch):
    """Power may fail at any moment: first the bytes, then the name, then the folder that has it."""
    done, path = [], tmp_path / "a"
    real = {"fsync": os.fsync, "replace": os.replace}

    def fsync(descriptor):
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        size = None if folder else os.fstat(descriptor).st_size
        done.append(("folder", path.exists()) if folder else ("file", size))
        real["fsync"](descriptor)

    def replace(new, old):
        done.append(("replace", Path(new).parent == tmp_path and Path(old) == path))
        real["replace"](new, old)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write(path, b"12345")
    assert done == [("file", 5), ("replace", True), ("folder", True)]


def test_a_new_file_is_closed_when_it_takes_its_place(tmp_path, monkeypatch):
    """Which Windows asks for."""
    files, real = [], os.replace

    def replace(new, old):
        assert files[0].closed
        real(new, old)

    monkeypatch.setattr(os, "replace", replace)
    with replaced(tmp_path / "a") as file:
        files.append(file)
    assert (tmp_path / "a").exists()


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o660])
def test_a_new_file_is_never_open_to_more_than_the_old_one(tmp_path, mode):
    path = tmp_path / "a"
    write(path, b"one")
    path.chmod(mode)
    with replaced(path) as file:
        file.write(b"secret")
        [new] = [each for each in tmp_path.iterdir() if each != path]
        assert stat.S_IMODE(new.stat().st_mode) | mode == mode
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"secret"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127])
def test_a_name_may_be_as_long_as_names_are(tmp_path, name):
    write(tmp_path / name, b"one")
    write(tmp_path / name, b"two")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(name, b"two")]


def test_a_folder_that_cannot_be_opened_is_told_before_anything_is_written(tmp_path, monkeypatch):
    """One of mode 0300 takes files, and its entry cannot be brought to the disk; the superuser opens it all the same."""
    write(tmp_path / "a", b"one")
    real = os.open

    def opens(path, flags, *mode):
        if flags & os.O_DIRECTORY:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", opens)
    with pytest.raises(PermissionError, match=r"a could not be written: Permission denied\. It is as it was"):
        write(tmp_path / "a", b"two")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a", b"one")]


def test_an_error_after_the_file_took_its_place_does_not_say_that_it_is_as_it_was(tmp_path, monkeypatch):
    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"^\[Errno 5\] Input/output error$"):
        write(tmp_path / "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    write(tmp_path / "a", b"one")
    with limited(100_000), pytest.raises(OSError, match=r"a could not be written: .*\. It is as it was"):
        write(tmp_path / "a", b"x" * 1_000_000)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a", b"one")]


def test_a_process_that_is_killed_leaves_the_old_file_or_a_new_one(tmp_path):
    """Killed at five moments of writing again and again; what is there is always whole."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(writing.__file__).parent)!r}); from writing import replaced; n = 0\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    n += 1\n"
        "    with replaced(sys.argv[1]) as file:\n"
        "        for _ in range(64): file.write(bytes([n % 251]) * 4096)\n"
    )
    path, seen = tmp_path / "a", set()
    process = None
    for after in (0.0, 0.003, 0.011, 0.027, 0.052):
        process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
        process.stdout.readline()
        while not path.exists():
            pass
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        process.stdout.close()
        content = path.read_bytes()
        assert len(content) == 64 * 4096
        assert len(set(content)) == 1
        seen.add(content[0])
    assert process.returncode == -signal.SIGKILL
