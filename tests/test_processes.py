"""Threads, forks and the cache on disk. What could hang or disturb other tests runs in a process of its own."""

import gc
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from child import run_code
from numba import njit
from numba.core import event

import grukit
from grukit import GRURegressor
from grukit.engines import select_engine
from grukit.model import NetworkSpec

CASE = """
import numpy as np
from grukit import GRURegressor
X = np.random.default_rng(0).normal(size=(300, 2))
def fit(n_jobs=2):
    return GRURegressor(8, window=6, max_iter=3, n_jobs=n_jobs, random_state=0).fit(X, X[:, 0]).predict(X)
"""


def test_fits_in_several_threads_are_those_of_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))

    def fit(seed):
        return GRURegressor(8, window=6, max_iter=3, n_jobs=2, random_state=seed).fit(X, X[:, 0]).predict(X)

    expected = [fit(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        for ours, alone in zip(pool.map(fit, range(6)), expected, strict=True):
            np.testing.assert_array_equal(ours, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_silent_fit_leaves_no_thread_and_a_forked_child_can_fit():
    run_code(CASE + """
import os, threading
expected = fit()
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(fit(), expected) else 3)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert np.array_equal(fit(1), expected)
""")  # fmt: skip


STATES = """
import numpy as np, warnings
import grukit
from grukit.engines import select_engine
from grukit.model import NetworkSpec
kernels = select_engine("cpu").kernels
print(grukit.__file__)
states = np.ones(8)
kernels.begin_states(NetworkSpec("gru", 1, (2,), 1).for_kernels(kernels), np.zeros(33), 4, states)
print(states.sum())
"""


def test_a_second_process_finds_every_kernel_in_the_cache(tmp_path):
    code = (
        STATES
        + """
print(sum(kernels.begin_states.stats.cache_hits.values()), sum(kernels.begin_states.stats.cache_misses.values()))
"""
    )
    runs = [run_code(code, NUMBA_CACHE_DIR=str(tmp_path))[0].splitlines()[2] for _ in range(2)]
    assert runs == ["0 1", "1 0"]
    assert list(tmp_path.rglob("*begin_states*.nbc"))


def copy_of_the_package(folder):
    """A package whose folders for compiled kernels cannot be made, also not by root: files have their names."""
    source = Path(grukit.__file__).parent
    copy = shutil.copytree(source, folder / "grukit", ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
    for path in list((copy / "kernels" / "cpu").rglob("__init__.py")):
        path.with_name("__pycache__").write_text("")
    return folder


def test_a_read_only_package_caches_in_the_users_folder(tmp_path):
    site = copy_of_the_package(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PYTHONPATH": str(site),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "NUMBA_CACHE_DIR": "",
    }
    place, _ = run_code(STATES, cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1", **environment)[0].splitlines()
    assert place == str(site / "grukit" / "__init__.py")
    assert list(home.rglob("*begin_states*.nbc"))


def test_without_any_folder_to_write_a_warning_says_so_once(tmp_path):
    site = copy_of_the_package(tmp_path)
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    environment = {"PYTHONPATH": str(site), "HOME": str(nowhere), "XDG_CACHE_HOME": str(nowhere), "NUMBA_CACHE_DIR": ""}
    code = "import warnings\nwarnings.simplefilter('default')\n" + STATES
    output, errors = run_code(code, cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1", **environment)
    assert output.splitlines() == [str(site / "grukit" / "__init__.py"), "0.0"]
    assert errors.count("No folder for compiled kernels can be written") == 1


def test_an_edited_kernel_is_compiled_anew(tmp_path):
    """Numba watches the file of a cached function alone, and reads the types in an index before it asks if it is stale."""
    site = tmp_path / "site"
    copy = shutil.copytree(
        Path(grukit.__file__).parent, site / "grukit", ignore=shutil.ignore_patterns("__pycache__", "*.csv")
    )
    environment = {"PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    code = STATES + "print(sum(kernels.begin_states.stats.cache_misses.values()))\n"

    def misses():
        _, states, n = run_code(code, cwd=tmp_path, **environment)[0].splitlines()
        assert states == "0.0"
        return int(n)

    assert misses() == 1
    for files, old, new in (
        ("elementwise.py", r"\A", "# edited\n"),
        ("*.py", r"\bGRU\b", "Gated"),
    ):  # a type that is gone
        for path in copy.rglob(files):
            path.write_text(re.sub(old, new, path.read_text()))
        assert misses() == 1
    assert misses() == 0


def test_other_functions_are_compiled_as_ever():
    """While kernels are compiled garbage is looked for less often. A function that exec made has no module to tell it by."""
    made, seen, before = {}, [], gc.get_threshold()
    exec("def double(x):\n    return x + x\n", made)
    del made["__builtins__"]

    class Watch(event.Listener):
        def on_start(self, event):
            seen.append((event.data["dispatcher"].py_func.__name__, gc.get_threshold()[0]))

        def on_end(self, event):
            """Seen at the start."""

    kernels = select_engine("cpu").kernels
    network = NetworkSpec("gru", 1, (2,), 1).for_kernels(kernels)
    with event.install_listener("numba:compile", Watch()):
        assert njit(made["double"])(2) == 4
        njit(kernels.begin_states.py_func)(network, np.zeros(33), 4, np.ones(8))
    assert gc.get_threshold() == before
    assert seen[0] == ("double", before[0])
    assert seen[1] == ("begin_states", 20_000)


def test_without_a_compiler_a_fit_says_so():
    code = (
        CASE
        + """
try:
    fit()
except ImportError as error:
    print(error)
"""
    )
    assert "unset NUMBA_DISABLE_JIT" in run_code(code, NUMBA_DISABLE_JIT="1")[0]
