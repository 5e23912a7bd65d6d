"""Damaged and hostile checkpoints for ``fit(..., resume=True)``."""

import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from damaged_files import Files, look_at

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import PLAIN

from grukit import GRURegressor

X = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
SETTINGS = {
    **PLAIN, "hidden_layer_sizes": 4, "window": 5, "max_iter": 4, "random_state": 0, "checkpoint_every": 1,
    "early_stopping": True, "averaging": 0.5,
}  # fmt: skip


class Checkpoints(Files):
    """Inputs for a fit that goes on: a file of its first epochs, with the best and the average weights so far."""

    entry = "grukit checkpoint"

    def __init__(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{epoch}" for epoch in (1, 2)]
            for epoch, path in enumerate(paths, 1):
                stop = partial(_is_after, epoch)  # before its own epoch is written
                GRURegressor(**SETTINGS, checkpoint=path, callbacks=stop).fit(X, X.sum(axis=1))
            self.take(paths)

    def open(self, path):
        """Go on, and look at all that was learned."""
        model = GRURegressor(**SETTINGS, checkpoint=path).fit(X, X.sum(axis=1), resume=True)
        look_at(model)
        return model


def _is_after(epoch, record):
    return record["epoch"] > epoch
