"""Fits in a row, of every kind of estimator: memory, threads and open files must not grow.

    python tests/fuzz/repeat.py [fits]

Each round fits, predicts, makes a predictor and a stream, saves and loads, goes on from a checkpoint and fails once.
"""

import gc
import os
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import PLAIN, for_labels

import grukit
from grukit import GRUClassifier, GRUForecaster, GRURegressor

SETTINGS = {**PLAIN, "hidden_layer_sizes": 8, "window": 6, "max_iter": 3, "random_state": 0}
X = np.random.default_rng(0).normal(size=(400, 2)).cumsum(axis=0)
FRAME = pd.DataFrame(X, pd.date_range("2024", periods=400, freq="h"), ["a", "b"])
WARM = 0.25  # of the fits come first: what is compiled, imported and kept once
GROWTH = 6.0  # MiB at most, from then on


def a_regressor(folder):
    """On two threads, with a checkpoint that another goes on from, and a fit that fails."""
    model = GRURegressor(**SETTINGS, n_jobs=2, checkpoint=folder / "a.ckpt", checkpoint_every=1).fit(FRAME, FRAME["a"])
    model.fit(FRAME, FRAME["a"], resume=True).predict(FRAME)
    stream, predict = model.stream(), model.predictor()
    for row in X[:20]:
        stream.step(row)
    predict(X[:6])
    model.save(folder / "a.gru")
    grukit.load(folder / "a.gru").predict(FRAME)
    try:
        model.fit(FRAME, FRAME["a"].where(FRAME["a"] > 0))
    except ValueError:
        return
    raise AssertionError("NaN was taken")


def a_classifier(folder):
    """From arrays."""
    GRUClassifier(**for_labels(SETTINGS)).fit(X, X[:, 0] > 0).predict_proba(X)


def a_forecaster(folder):
    """With intervals."""
    model = GRUForecaster(horizon=3, **{name: SETTINGS[name] for name in ("hidden_layer_sizes", "window", "max_iter")})
    model.fit(FRAME["a"]).predict_interval()


KINDS = [a_regressor, a_regressor, a_classifier, a_forecaster]


def measured():
    """MiB that are in memory, threads, open files."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = len(os.listdir("/proc/self/fd"))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/task")), files


def run(n):
    """What was measured ten times after the first fits."""
    warm, found = max(len(KINDS), int(WARM * n)), []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n):
            KINDS[i % len(KINDS)](Path(folder))
            if i + 1 >= warm and (i + 1 - warm) % max(1, (n - warm) // 9) == 0:
                found.append(measured())
    return found


def main():
    """Print what was measured."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    warnings.simplefilter("ignore")
    memory, threads, files = zip(*run(n), strict=True)
    growth = max(memory) - memory[0]
    print(
        f"{n} fits: {memory[0]:.1f} MiB after the first {max(len(KINDS), int(WARM * n))}, then at most {growth:+.1f} MiB,"
    )
    print("of " + ", ".join(f"{each:.1f}" for each in memory))
    print(f"threads {sorted(set(threads))}, open files {sorted(set(files))}")
    return growth > GROWTH or len(set(threads)) > 1 or len(set(files)) > 1


if __name__ == "__main__":
    sys.exit(main())
