"""Saving is killed at random moments, and the file must be there, whole, each time.

    python tests/fuzz/kill.py [times] [seed]

A child process saves models of growing size to one file again and again; it is killed (SIGKILL) after a random time.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grukit

CHILD = """
import sys, numpy as np
from grukit import GRURegressor
from grukit.interchange import from_torch
def model(H):
    rng = np.random.default_rng(H)
    shapes = {"weight_ih_l0": (3 * H, 2), "weight_hh_l0": (3 * H, H), "head.weight": (1, H)}
    return from_torch({name: rng.normal(size=shape) for name, shape in shapes.items()})
models = [model(H) for H in (4, 64, 300)]
print("ready", flush=True)
while True:
    for each in models:
        each.save(sys.argv[1])
"""


def run(times, seed=0):
    """Units of the model found after each kill, which must open, and how the processes ended."""
    rng, found, codes = random.Random(seed), [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gru"
        for _ in range(times):
            path.unlink(missing_ok=True)
            with subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE) as child:
                child.stdout.readline()
                until = time.monotonic() + 60
                while not path.exists() and child.poll() is None and time.monotonic() < until:
                    time.sleep(0.001)
                try:
                    child.wait(rng.uniform(0.01, 0.2))
                except subprocess.TimeoutExpired:
                    child.kill()
            codes.append(child.returncode)
            if path.exists():
                found.append(grukit.load(path).hidden_layer_sizes[0])
    return found, codes


def main():
    """Print what was found."""
    times, seed = (int(each) for each in [*sys.argv[1:], "20", "0"][:2])
    found, _ = run(times, seed)
    print(f"killed {times} times while saving; {len(found)} times a file was there, and opened: {found}")


if __name__ == "__main__":
    main()
