"""Seconds from a fresh process to the import, to the first fit, and to the end of the founding example.

    python benchmarks/startup.py [--repeats 5] [--write]

Every number is the median of processes of its own. "cold" is the first fit ever, with an empty folder for Numba's cache;
"warm" is the first fit of a process that finds the kernels there.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from _report import ROOT, machine, report, table

IMPORTS = "import sklearn, pandas"
LIBRARY = f"{IMPORTS}\nimport grukit"
TIMER = "import time\nbegan = time.perf_counter()\n"
FIT = """
import numpy as np, pandas as pd
from grukit import GRURegressor
X = pd.DataFrame(np.random.default_rng(0).normal(size=(500, 4))).add_prefix("x")
y = X.sum(axis=1).rename("y")
began = time.perf_counter()
GRURegressor(hidden_layer_sizes=16, window=16, max_iter=1, random_state=0).fit(X, y)
"""
FOUNDING = """
import sys
sys.path.insert(0, "benchmarks")
import founding
X, y = founding.data()
began = time.perf_counter()
founding.fit_grukit(X, y)
"""
OPTIONS = [
    'cell="gru_reset_before"',
    "dropout=0.1",
    "bidirectional=True",
    "bidirectional=True, dropout=0.1",
    'missing="decay"',
    'missing="decay", dropout=0.1',
    'cell="dual_state"',
    'cell="dual_state", dropout=0.1',
]
END = "\nprint(time.perf_counter() - began)"


def run(code: str, cache: str) -> tuple[float, float]:
    """Seconds of the whole process, and of what ``code`` times itself."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    printed = subprocess.run(
        [sys.executable, "-c", TIMER + code + END],
        check=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return time.perf_counter() - began, float(printed.split()[-1])


def measure(code: str, cold: bool, repeats: int) -> tuple[list[float], list[float]]:
    """Repeat ``run``; cold: each time with an empty cache, otherwise with one that a first run filled."""
    whole, own = [], []
    with tempfile.TemporaryDirectory() as warm:
        if not cold:
            run(code, warm)
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as empty:
                seconds = run(code, empty if cold else warm)
            whole.append(seconds[0])
            own.append(seconds[1])
    return whole, own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="processes for each number")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    args = parser.parse_args()
    repeats = args.repeats
    cases = {
        "import sklearn, pandas": (IMPORTS, False, "import"),
        "the same and import grukit": (LIBRARY, False, "import"),
        "first fit, cold cache": (FIT, True, "fit"),
        **{
            f"the same, {option}": (FIT.replace("max_iter=1", f"max_iter=1, {option}"), True, "fit")
            for option in OPTIONS
        },
        "first fit, warm cache": (FIT, False, "fit"),
        "founding example, cold cache": (FOUNDING, True, "fit"),
        "founding example, warm cache": (FOUNDING, False, "fit"),
    }
    rows, medians = [], {}
    for name, (code, cold, what) in cases.items():
        whole, own = measure(code, cold, repeats)
        medians[name] = statistics.median(own)
        rows.append([name, what, f"{medians[name]:.3f}", f"{min(own):.3f} to {max(own):.3f}"])
        rows[-1].append(f"{statistics.median(whole):.3f}")
        print(f"   {name}: {medians[name]:.3f} s", flush=True)
    added = medians["the same and import grukit"] - medians["import sklearn, pandas"]
    text = table(["process", "timed", "median, s", "range, s", "whole process, s"], rows)
    print()
    report(
        "startup",
        f"{text}\n\nimport grukit adds {added:.3f} s. Medians of {repeats} processes. {machine()}.",
        args.write,
    )


if __name__ == "__main__":
    main()
