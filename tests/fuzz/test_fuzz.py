"""Short runs of the scripts beside: damaged files, kills, interrupts, threads, many fits in a row."""

import importlib.util
import os
import re
from pathlib import Path

import damage
import numpy as np
import pytest
from child import run_code


@pytest.mark.parametrize("kind", damage.KINDS)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_bring_documented_errors(kind):
    if kind is damage.Graphs and importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed")
    damage.run(kind, 20, seed="warm")  # what is compiled and imported once
    with damage.limited():
        found, wrong = damage.run(kind, 300, seed="suite")
    assert not wrong, wrong[0][2]
    assert found["a model"] > 0
    assert found["ValueError"] > 100


def test_the_run_tells_what_is_not_documented(monkeypatch):
    monkeypatch.setattr(damage, "DOCUMENTED", (ImportError,))
    _, wrong = damage.run(damage.Files, 20)
    assert wrong


@pytest.mark.parametrize("reads", [lambda: np.ones(damage.ROOM // 8 + 1), Path("/etc/passwd").read_bytes])
def test_the_run_tells_of_memory_and_of_other_files(reads):
    class Greedy(damage.Files):
        def open(self, path):
            reads()

    with damage.limited():
        _, wrong = damage.run(Greedy, 2)
    assert len(wrong) > 1


SCRIPTS = {
    "kill.py 6 7": r"killed 6 times while saving: 6 files opened, .*\n"
    r"killed 6 times while fitting: 6 went on to the same bits",
    "interrupt.py 40 7": "40 fits of 40 interrupted, usable after each: .*the best weights so far",
    "threads.py 3": r"8 threads for 3 s beside fits, each .*'fit': \d+.*'predict': \d+.*'reload': \d+.*'stream': \d+",
    "repeat.py 60": r"60 fits: \d+\.\d MiB after the first 15, .*\n.*\nthreads \[\d+\], open files \[\d+\]\n$",
}


@pytest.mark.skipif(not hasattr(os, "fork") or not Path("/proc/self/fd").exists(), reason="needs forks and /proc")
@pytest.mark.parametrize("command", SCRIPTS)
def test_a_short_run(command):
    """Each says what went wrong, and ends with another code then."""
    name, *arguments = command.split()
    path = Path(__file__).with_name(name)
    output, errors = run_code(f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')", *arguments)
    assert errors == ""
    assert re.match(SCRIPTS[command], output), output
