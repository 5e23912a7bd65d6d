"""Ctrl-C at random moments of a fit: it returns with the best weights so far, or raises and leaves the model as it was.

    python tests/fuzz/interrupt.py [interrupts] [seed]

After each the model predicts, and a fit that is not disturbed comes to the bits that it had before.
"""

import random
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import PLAIN
from sklearn.exceptions import NotFittedError

from grukit import GRURegressor
from grukit.train import interrupts

X = np.random.default_rng(0).normal(size=(400, 2)).cumsum(axis=0)
Y = X.sum(axis=1)
SETTINGS = {**PLAIN, "hidden_layer_sizes": 8, "window": 6, "max_iter": 20, "random_state": 0, "n_iter_no_change": 20}
KINDS = {
    "one thread": {},
    "two threads": {"n_jobs": 2},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True},
}


def interrupted(act, seconds):
    """Act, and be interrupted after some time; whether KeyboardInterrupt came out."""
    interrupts._last[0] = -np.inf  # long ago
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        act()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    return False


def usable(model):
    """The predictions of a model, which must be numbers; None where it was not fitted."""
    try:
        predictions = model.predict(X)
    except NotFittedError:
        return None
    assert np.isfinite(predictions).all()
    return predictions


def run(times, seed=0):
    """How the fits ended."""
    rng, ends = random.Random(seed), Counter()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    whole, seconds = {}, {}
    for name, options in KINDS.items():
        GRURegressor(**SETTINGS | options).fit(X, Y)
        began = time.monotonic()
        whole[name] = GRURegressor(**SETTINGS | options).fit(X, Y).predict(X)
        seconds[name] = time.monotonic() - began
    for _ in range(times):
        name = rng.choice(list(KINDS))
        model = GRURegressor(**SETTINGS | KINDS[name])
        before = None
        if rng.random() < 0.5:
            before = model.fit(X, -Y).predict(X)
        raised = interrupted(lambda fit=model.fit: fit(X, Y), rng.uniform(1e-4, 1.1 * seconds[name]))
        signal.setitimer(signal.ITIMER_REAL, 0)
        after = usable(model)
        if raised and (np.array_equal(after, before) or (after is None and before is None)):
            ends["raised, the model as before"] += 1
        elif "interrupted" in model.stop_reason_:
            assert 1 <= model.n_iter_ <= SETTINGS["max_iter"]
            ends["the best weights so far"] += 1
        else:
            np.testing.assert_array_equal(after, whole[name])
            ends["ended before"] += 1
        np.testing.assert_array_equal(model.fit(X, Y).predict(X), whole[name])
        assert threading.enumerate() == [threading.main_thread()]
    return ends


def main():
    """Print what was found."""
    times, seed = (int(each) for each in [*sys.argv[1:], "200", "0"][:2])
    warnings.simplefilter("ignore")
    ends = run(times, seed)
    print(f"{sum(ends.values())} fits of {times} interrupted, usable after each: {dict(ends)}")


if __name__ == "__main__":
    sys.exit(main())
