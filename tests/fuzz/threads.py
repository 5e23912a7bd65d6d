"""Eight threads predict with one model, stream from it, save and load it, while other models are fitted.

    python tests/fuzz/threads.py [seconds]

What each gets must have the bits that it had alone.
"""

import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import PLAIN

import grukit
from grukit import GRURegressor

SETTINGS = {**PLAIN, "hidden_layer_sizes": 8, "window": 6, "max_iter": 3, "random_state": 0}
X = np.random.default_rng(0).normal(size=(400, 2)).cumsum(axis=0)
Y = X.sum(axis=1)


class Work:
    """What threads do with a model, and what each gave alone."""

    def __init__(self, folder):
        self.folder = folder
        self.model = GRURegressor(**SETTINGS, n_jobs=2).fit(X, Y)
        self.predictor = self.model.predictor()
        self.kinds = [
            self.predict,
            self.predict,
            self.call,
            self.call,
            self.stream,
            self.stream,
            self.reload,
            self.look,
        ]
        self.alone = {each.__name__: each(0) for each in self.kinds}
        self.fitted_alone = self.fit()

    def predict(self, thread):
        return self.model.predict(X)

    def call(self, thread):
        """One window, and a batch."""
        windows = np.lib.stride_tricks.sliding_window_view(X, 6, axis=0).transpose(0, 2, 1)
        return np.append(self.predictor(windows[:50]), [self.predictor(window) for window in windows[:20]])

    def stream(self, thread):
        stream = self.model.stream()
        return np.array([stream.step(row) for row in X[:50]])

    def reload(self, thread):
        """Through one file for all threads that do so."""
        self.model.save(self.folder / "model.gru")
        return grukit.load(self.folder / "model.gru").predict(X[:100])

    def look(self, thread):
        return np.concatenate([weights.ravel() for weights in self.model.weights_.values()] + [self.model.loss_curve_])

    def fit(self):
        return GRURegressor(**SETTINGS, n_jobs=2).fit(X, -Y).predict(X)


def run(seconds):
    """How often each was done with the right bits, and what went wrong."""
    done, wrong = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder))
        until = time.monotonic() + seconds

        def repeat(name, act, expected, *arguments):
            try:
                while time.monotonic() < until:
                    np.testing.assert_array_equal(act(*arguments), expected)
                    done[name] += 1  # a name has one thread, or the next line is off by a few
            except BaseException as error:
                wrong.append(f"{name}: {error!r}")

        threads = [
            threading.Thread(target=repeat, args=(f"{each.__name__} {i}", each, work.alone[each.__name__], i))
            for i, each in enumerate(work.kinds)
        ]
        for thread in threads:
            thread.start()
        repeat("fit", work.fit, work.fitted_alone)
        for thread in threads:
            thread.join()
    counts = Counter()
    for name, n in done.items():
        counts[name.split()[0]] += n
    return len(threads), counts, wrong


def main():
    """Print counts."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    n_threads, counts, wrong = run(seconds)
    done = dict(sorted(counts.items()))
    print(f"{n_threads} threads for {seconds:g} s beside fits, each with the bits that it has alone: {done}")
    for each in wrong:
        print(each)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
