"""How many threads to take: ``n_jobs`` as scikit-learn means it, and "auto"; and one thread for the BLAS."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

# "auto" takes a thread for each so many multiplications that are done at a time, a training step's or a prediction's: about
# 0.2 ms of one Zen 4 core. Fits with 32 units and a window of 32, two threads against one: 600 rows of 1 feature (2e7 a step)
# 1.27, 3,000 of 4 (2.4e7) 1.68, 14,000 of 7 (2.7e7) 1.65.
THREAD_PAYS = 1e7

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
RUNNING = Path("/proc/loadavg")  # its fourth word: threads that run or wait for a core, of all


def count_threads(n_jobs: int | str | None, multiplications: float) -> int:
    """Threads at most.

    Parameters
    ----------
    n_jobs : int, None or "auto"
        None: one, unless a joblib context says otherwise; -1: all cores, as joblib counts them; "auto": as many as pay.
    multiplications : float
        What is done at a time, of which a thread takes its part.
    """
    if not isinstance(n_jobs, str):
        return int(effective_n_jobs(n_jobs))
    pays = int(min(multiplications / THREAD_PAYS, 1024))
    return 1 if pays < 2 else min(pays, free_cores())


def free_cores() -> int:
    """Cores that "auto" may take: one where others are likely to be at work beside.

    That is in a process that another Python process started, such as joblib's workers, and in any thread but the main one.
    """
    if multiprocessing.parent_process() is not None or threading.current_thread() is not threading.main_thread():
        return 1
    return min(usable_cores(), idle_cores())


def idle_cores() -> int:
    """Cores of the machine that no other thread runs on now, at least one.

    A thread that waits for a core makes the others wait at every barrier: with both cores busy, a step of 0.6 ms took two
    threads 3.2 ms. Where the system does not say what runs, all are idle.
    """
    cores = os.cpu_count() or 1
    try:
        running = int(RUNNING.read_text().split()[3].split("/")[0])
    except (OSError, IndexError, ValueError):
        return cores
    return max(1, cores - (running - 1))  # this thread runs, too


def usable_cores() -> int:
    """Cores of the affinity mask, or of the CPU quota of the container where that is less, rounded; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota()
    return max(1, int(quota + 0.5)) if quota < cores else cores


@cache  # reading it takes as long as a prediction
def cgroup_quota() -> float:
    """Cores' worth of time that the control groups of this process allow (version 1 or 2), or infinity."""
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return float("inf")
    quota = float("inf")
    for line in lines:
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers == "":
            quota = min(quota, *(_quota_2(group) for group in _upwards(CGROUPS, path)))
        elif "cpu" in controllers.split(","):
            for mounted in ("cpu", controllers):
                quota = min(quota, *(_quota_1(group) for group in _upwards(CGROUPS / mounted, path)))
    return quota


def _upwards(root: Path, path: str) -> list[Path]:
    """A group's folder and those around it; in a container the root is the container's own, whatever the path says."""
    inside = [part for part in path.split("/") if part not in ("", "..")]
    return [root.joinpath(*inside[:n]) for n in range(len(inside), -1, -1)]


def _quota_1(group: Path) -> float:
    return _ratio(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"))


def _quota_2(group: Path) -> float:
    return _ratio(_words(group / "cpu.max"))


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _ratio(words: list[str]) -> float:
    """Quota over period; infinity where there is no limit ("max", -1) or the file says something else."""
    try:
        quota, period = map(float, words)
    except ValueError:
        return float("inf")
    return quota / period if quota > 0 and period > 0 else float("inf")


_lock = threading.Lock()
_users = 0
_before: list[tuple[Any, int]] = []
_controller: ThreadpoolController | None = None


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Every BLAS of the process on one thread, until the last of several overlapping users leaves.

    The last bits of a product depend on how many threads a BLAS takes for it: another number in each process of a grid search.
    """
    global _users, _controller
    with _lock:
        if _users == 0:
            # Looking the libraries up costs milliseconds, setting their threads a microsecond.
            _controller = _controller or ThreadpoolController()
            for library in _controller.select(user_api="blas").lib_controllers:
                _before.append((library, library.get_num_threads()))
                library.set_num_threads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                while _before:
                    library, n_threads = _before.pop()
                    library.set_num_threads(n_threads)


def _forget_users() -> None:
    """A forked child has none of its parent's threads, so nobody in it has the BLAS limited."""
    global _lock, _users
    _lock, _users = threading.Lock(), 0
    while _before:
        library, n_threads = _before.pop()
        library.set_num_threads(n_threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_users)
