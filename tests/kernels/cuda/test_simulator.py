"""Runs simulated.py in a process of its own: the simulator takes the place of numba.cuda when that is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_the_engine_in_the_simulator():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    pytest.importorskip("greenlet")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=--import-mode=importlib",
        str(HERE / "simulated.py"),
    ]
    done = subprocess.run(command, env=environment, cwd=HERE.parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    print(done.stdout.splitlines()[-1])
