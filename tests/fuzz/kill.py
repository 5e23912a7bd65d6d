"""Processes that save, or fit with a checkpoint, are killed at random moments; what they leave must be whole.

    python tests/fuzz/kill.py [kills of each] [seed]

Children are forked once the kernels are there, and killed (SIGKILL) after a random time. One that saves models of growing size
to a file again and again leaves one of them, whole, and of the bits that it had. One that fits leaves no checkpoint, or one
from which `fit(resume=True)`, itself killed now and then, comes to the bits of a fit that was not disturbed.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import PLAIN

import grukit
from grukit import GRURegressor
from grukit.interchange import from_torch

X = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
SETTINGS = {**PLAIN, "hidden_layer_sizes": 4, "window": 5, "max_iter": 40, "random_state": 0, "n_iter_no_change": 40}
EARLY = {"early_stopping": True, "validation_fraction": 0.3, "linear_lags": 3, "anchor": "auto"}


def untrained(H):
    """A model of H units, by its weights."""
    rng = np.random.default_rng(H)
    shapes = {"weight_ih_l0": (3 * H, 2), "weight_hh_l0": (3 * H, H), "head.weight": (1, H)}
    return from_torch({name: rng.normal(size=shape) for name, shape in shapes.items()})


MODELS = {H: untrained(H) for H in (4, 64, 300)}


def killed(work, seconds):
    """Do work in a child and kill it after some time; whether it was killed before it had ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and os.waitid(
        os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
    ) is None:
        time.sleep(min(left, 0.002))
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def save_for_ever(path):
    """What is killed."""
    while True:
        for each in MODELS.values():
            each.save(path)


def while_saving(times, seed=0):
    """How often each model was found after a kill, by its units."""
    rng, found = random.Random(seed), Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gru"
        MODELS[4].save(path)
        for _ in range(times):
            assert killed(lambda: save_for_ever(path), rng.uniform(0.0, 0.1))
            model = grukit.load(path)
            [H] = model.hidden_layer_sizes
            for name, weights in MODELS[H].weights_.items():
                np.testing.assert_array_equal(model.weights_[name], weights)
            found[H] += 1
            others = [each for each in Path(folder).iterdir() if each != path]
            assert len(others) <= 1 and all(each.name.endswith(".tmp") for each in others), others
            for each in others:
                each.unlink()
    return found


def bits(model):
    """All that training leads to."""
    state = model._fitted
    drawn = state.training.random_state.get_state()
    told = [{**each, "seconds": 0.0} for each in state.training.records]
    parts = [
        state.parameters.tobytes(),
        *(moment.tobytes() for moment in state.training.moments.values()),
        drawn[1].tobytes(),
        repr(
            (drawn[2:], told, state.training.best_iter, state.training.kept_iter, state.training.stop_reason)
        ).encode(),
    ]
    return b"".join(parts)


def while_fitting(times, seed=0):
    """Epochs at which fits were found after a kill, 0 where there was no file yet; each came to the same bits."""
    rng, found, y = random.Random(f"fit {seed}"), [], X.sum(axis=1)
    kinds = [SETTINGS, {**SETTINGS, "dropout": 0.2, "dtype": "float64"}, {**SETTINGS, **EARLY}]
    whole = [bits(GRURegressor(**each).fit(X, y)) for each in kinds]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"

        def fit(resume=False):
            return GRURegressor(**settings, checkpoint=path, checkpoint_every=every).fit(X, y, resume=resume)

        while len(found) < times:
            number, every = rng.randrange(len(kinds)), rng.choice([1, 3])
            settings = kinds[number]
            path.unlink(missing_ok=True)
            began = time.monotonic()
            fit()
            seconds = time.monotonic() - began
            path.unlink()
            for resume in rng.choice([[False], [False, True], [False, True, True]]):
                if len(found) < times and killed(lambda again=resume: fit(again), rng.uniform(0.0, seconds)):
                    found.append(epoch_of(path))
            assert bits(fit(resume=True)) == whole[number]
    return found


def epoch_of(path):
    """The epoch that a checkpoint was written after."""
    if not path.exists():
        return 0
    metadata, _ = grukit.files.read_tensors(path)
    return metadata["grukit checkpoint"].count('"gradient_norm"')


def main():
    """Print what was found."""
    times, seed = (int(each) for each in [*sys.argv[1:], "20", "0"][:2])
    found = while_saving(times, seed)
    print(
        f"killed {times} times while saving: {sum(found.values())} files opened, of {dict(sorted(found.items()))} units"
    )
    epochs = while_fitting(times, seed)
    known = [epoch for epoch in epochs if epoch] or [0]
    print(
        f"killed {times} times while fitting: {len(epochs)} went on to the same bits, {epochs.count(0)} without a file, the "
        f"others from {len(set(epochs) - {0})} epochs, {min(known)} to {max(known)}"
    )


if __name__ == "__main__":
    sys.exit(main())
