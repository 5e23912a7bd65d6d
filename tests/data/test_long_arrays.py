"""Long arrays in files: the same numbers, nothing left behind, and a clear error where there is no room."""

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from grukit.data import joined_rows, long_array, rows_of, with_column
from grukit.data.long_arrays import SHORT, Growing, blocks_of_rows, in_files

N = SHORT // 8  # rows of two numbers of eight bytes, twice as many bytes as lie in memory whatever is asked for


def mappings(folder):
    """Of this process, to files of a folder, which have no name any more."""
    with open("/proc/self/maps") as file:
        return [line for line in file if str(folder) in line]


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="reads Linux's list of mappings")


@needs_proc
def test_long_arrays_lie_in_files_without_a_name_as_long_as_they_are_there(tmp_path):
    assert type(long_array((N, 2), np.float64)) is np.ndarray and not mappings(tmp_path)
    with in_files(str(tmp_path)):
        array, short = long_array((N, 2), np.float64), long_array((10, 2), np.float64)
        assert len(mappings(tmp_path)) == 1 and short.flags.owndata
        assert type(array) is np.ndarray and array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
        array[:] = np.arange(2 * N).reshape(N, 2)
    assert list(tmp_path.iterdir()) == [] and array.sum() == N * (2 * N - 1)
    part = array[5:7]
    del array
    assert len(mappings(tmp_path)) == 1 and part.tolist() == [[10, 11], [12, 13]]
    del part
    assert not mappings(tmp_path) and long_array((N, 2), np.float64).flags.owndata


@needs_proc
def test_a_file_grows_by_parts_and_takes_what_holds_all_of_them(tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 3)).astype(np.float32) for n in (5, 0, 70_000)] + [rng.normal(size=(9, 3))]
    for own in (parts[:3], parts, [part[:, 0] for part in parts], [np.arange(4), np.arange(3.0)]):
        with in_files(str(tmp_path)):
            grown = Growing(own[0].shape[1:], own[0].dtype)
            for part in own:
                grown.append(part[::-1][::-1])
            found, wanted = grown.close(), np.concatenate(own)
        assert found.dtype == wanted.dtype and np.array_equal(found, wanted) and len(mappings(tmp_path)) == 1
        del found
    with in_files(str(tmp_path)):
        assert Growing((2,), np.float64).close().shape == (0, 2)
        times = Growing((), "M8[s]")
        times.append(np.array(["2024-01-01", "NaT"], "M8[ns]"))
        assert times.close().tolist()[0] == np.array("2024-01-01", "M8[ns]").item()
    assert list(tmp_path.iterdir()) == []


def test_rows_are_taken_in_blocks(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2 * N, 2))
    chosen, seen = rng.permutation(2 * N)[: N + 7], rng.random(2 * N) < 0.7
    with in_files(str(tmp_path)):
        for each in (chosen, seen, chosen[:0]):
            assert np.array_equal(rows_of(values, each), values[each])
        assert np.array_equal(joined_rows([values[:N], values[3:]]), np.concatenate([values[:N], values[3:]]))
        assert np.array_equal(with_column(values.astype("f4"), seen), np.column_stack([values.astype("f4"), seen]))
    sizes = [len(values[block]) for block in blocks_of_rows(values)]
    assert sum(sizes) == len(values) and max(sizes) * 2 * 8 == SHORT


@pytest.mark.parametrize("reserves", [True, False])
def test_a_file_has_its_place_on_the_disk_before_it_is_written(tmp_path, monkeypatch, reserves):
    """One with holes would end the process, by SIGBUS, where the disk is full."""
    if not reserves:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    taken, before = [], os.statvfs(tmp_path)

    def sized(file, n_bytes):
        reserve(file, n_bytes)
        taken.append(os.fstat(file.fileno()))

    from grukit.data import long_arrays

    reserve = long_arrays._reserve
    monkeypatch.setattr(long_arrays, "_reserve", sized)
    with in_files(str(tmp_path)):
        array = long_array((N, 2), np.float64)
    assert [(each.st_size, each.st_blocks * 512 >= array.nbytes) for each in taken] == [(array.nbytes, True)]
    assert before.f_bsize > 0


def test_where_there_is_no_room_the_folder_is_named(tmp_path, monkeypatch):
    with (
        in_files(str(tmp_path / "none")),
        pytest.raises(OSError, match=r"no room .* in the temporary folder \S+none: "),
    ):
        long_array((N, 2), np.float64)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with (
        in_files(str(tmp_path), ", so"),
        pytest.raises(OSError, match=r"No space left on device. Free some, or take another folder, so\.") as found,
    ):
        long_array((N, 2), np.float64)
    assert found.value.errno == errno.ENOSPC and str(tmp_path) in str(found.value) and list(tmp_path.iterdir()) == []


@needs_proc
def test_a_process_that_is_killed_leaves_no_file(tmp_path):
    code = f"""
import numpy as np, time
from grukit.data.long_arrays import Growing, in_files, long_array
with in_files({str(tmp_path)!r}):
    array, grown = long_array(({N}, 2), np.float64), Growing((2,), np.float64)
    array[:] = 1.0
    grown.append(array)
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL and list(tmp_path.iterdir()) == []
