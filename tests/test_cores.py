"""How many threads "auto" takes: affinity, quotas of containers, and what runs beside; one thread for the BLAS."""

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor

import joblib
import pytest
from threadpoolctl import threadpool_info

from grukit import cores

ENOUGH = 100 * cores.THREAD_PAYS


@pytest.fixture
def running(monkeypatch, tmp_path):
    """Say how many threads run on the machine."""

    def say(text):
        (tmp_path / "loadavg").write_text(text)

    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(cores, "RUNNING", tmp_path / "loadavg")
    say("3.10 2.02 1.00 1/812 4711\n")
    return say


@pytest.fixture
def many(monkeypatch, running):
    """Eight cores, no quota, nobody else at work."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "cgroup_quota", lambda: float("inf"))


@pytest.mark.parametrize(("work", "threads"), [(0, 1), (1.9, 1), (2, 2), (5.5, 5), (8, 8), (1e9, 8)])
def test_auto_takes_what_pays(many, work, threads):
    assert cores.count_threads("auto", work * cores.THREAD_PAYS) == threads


@pytest.mark.parametrize(("threads", "taken"), [(1, 8), (2, 7), (6, 3), (8, 1), (40, 1)])
def test_auto_leaves_busy_cores_alone(many, running, threads, taken):
    running(f"0.00 0.00 0.00 {threads}/900 1\n")
    assert cores.count_threads("auto", ENOUGH) == taken


@pytest.mark.parametrize("text", ["", "0.1 0.2", "a b c d/e f"])
def test_auto_takes_all_where_nothing_says_what_runs(many, running, text):
    running(text)
    assert cores.count_threads("auto", ENOUGH) == 8


def test_other_values_are_joblib_s(many):
    assert cores.count_threads(None, ENOUGH) == 1
    assert cores.count_threads(3, 0) == 3
    assert cores.count_threads(-1, 0) == joblib.effective_n_jobs(-1)
    with joblib.parallel_config("threading", n_jobs=4):
        assert cores.count_threads(None, 0) == 4


def test_without_an_affinity_mask_all_cores_count(many, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores.count_threads("auto", ENOUGH) == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.count_threads("auto", ENOUGH) == 1


def test_one_in_a_thread_beside_the_main_one(many):
    found = []
    thread = threading.Thread(target=lambda: found.append(cores.count_threads("auto", ENOUGH)), daemon=True)
    thread.start()
    thread.join()
    assert found == [1]


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_one_in_a_worker_of_joblib(many, backend):
    assert joblib.Parallel(2, backend=backend)(
        joblib.delayed(cores.count_threads)("auto", ENOUGH) for _ in range(2)
    ) == [1, 1]


MANY = "from grukit import cores\ncores.usable_cores = cores.idle_cores = lambda: 8"


def test_one_in_any_other_child_process():
    """However many there are and nobody uses."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=exec, initargs=(MANY,)) as pool:
        assert [pool.submit(ask).result() for ask in (cores.usable_cores, cores.free_cores)] == [8, 1]


def test_all_in_the_main_thread_of_a_single_job(many):
    assert joblib.Parallel(1)(joblib.delayed(cores.count_threads)("auto", ENOUGH) for _ in range(2)) == [8, 8]


# --- control groups ---------------------------------------------------------------------------------------------------


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Write files of control groups: the process's own groups, then path and text of each file."""

    def write(own, **files):
        (tmp_path / "self").write_text(own)
        for name, text in files.items():
            path = tmp_path / "fs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "self")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    cores.cgroup_quota.cache_clear()
    yield write
    cores.cgroup_quota.cache_clear()


@pytest.mark.parametrize(("text", "threads"), [
    ("max 100000\n", 8), ("200000 100000\n", 2), ("150000 100000\n", 2), ("140000 100000\n", 1), ("5000 100000\n", 1),
    ("1600000 100000\n", 8), ("nonsense", 8), ("", 8), ("0 0", 8),
])  # fmt: skip
def test_the_quota_of_version_2(groups, text, threads):
    groups("0::/\n", **{"cpu.max": text})
    assert cores.usable_cores() == threads


def test_the_tightest_group_around_counts(groups):
    groups("0::/a/b\n", **{"cpu.max": "max 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"})
    assert cores.usable_cores() == 3


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "threads"), [("-1", 8), ("250000", 3), ("400000", 4)])
def test_the_quota_of_version_1(groups, folder, quota, threads):
    """The path is the host's, which a container does not see: its own group is the root."""
    files = {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": "100000"}
    groups("12:pids:/x\n4:cpu,cpuacct:/docker/123\n", **files)
    assert cores.usable_cores() == threads


def test_without_control_groups_there_is_no_quota(groups, monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "none")
    assert cores.usable_cores() == 8
    groups("", **{"cpu.max": "100000 100000"})
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "self")
    cores.cgroup_quota.cache_clear()
    assert cores.usable_cores() == 8


# --- the BLAS ---------------------------------------------------------------------------------------------------------


def threads_of_blas():
    return {info["filepath"]: info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def test_the_blas_gets_its_threads_back():
    before = threads_of_blas()
    with cores.single_threaded_blas():
        with cores.single_threaded_blas():
            assert set(threads_of_blas().values()) == {1}
        assert set(threads_of_blas().values()) == {1}
    assert before and threads_of_blas() == before
