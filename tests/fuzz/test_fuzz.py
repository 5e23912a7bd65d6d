"""Short runs of the scripts beside: damaged files bring documented errors, and a killed save leaves a file that opens."""

import importlib.util
import signal
from pathlib import Path

import damage
import kill
import numpy as np
import pytest


@pytest.mark.parametrize("kind", [damage.Files, damage.Graphs])
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


def test_a_killed_save_leaves_a_file_that_opens():
    found, codes = kill.run(1)
    assert len(found) == 1
    assert set(found) <= {4, 64, 300}
    assert codes == [-signal.SIGKILL]
