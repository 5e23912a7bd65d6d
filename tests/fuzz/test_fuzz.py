"""Short runs of the scripts beside: damaged files bring documented errors, and a killed save leaves a file that opens."""

import importlib.util

import damage
import kill
import pytest


@pytest.mark.parametrize("kind", [damage.Files, damage.Graphs])
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_bring_documented_errors(kind):
    if kind is damage.Graphs and importlib.util.find_spec("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed")
    found, wrong = damage.run(kind, 300, seed="suite")
    assert not wrong, wrong[0][2]
    assert found["a model"] > 0
    assert found["ValueError"] > 100


def test_the_run_tells_what_is_not_documented(monkeypatch):
    monkeypatch.setattr(damage, "DOCUMENTED", (ImportError,))
    _, wrong = damage.run(damage.Files, 20)
    assert wrong


def test_a_killed_save_leaves_a_file_that_opens():
    assert set(kill.run(1)) <= {4, 64, 300}
