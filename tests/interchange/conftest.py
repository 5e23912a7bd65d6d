"""Fitted models whose scaling is far from one."""

import numpy as np
import pytest
from plain import PLAIN, for_labels
from untrained import untrained

from grukit import GRUClassifier, GRURegressor


@pytest.fixture(scope="session")
def fitted():
    """Make a model fitted on sequences of three features far from zero, and those."""
    models = {}

    def make(outputs=1, classes=0, per_step=False, **changes):
        key = repr((outputs, classes, per_step, sorted(changes.items())))
        if key not in models:
            rng = np.random.default_rng(0)
            X = np.array([10, -3, 0.5]) + np.array([2, 0.1, 1]) * rng.normal(size=(20, 6, 3))
            y = 5 * X.sum(axis=2, keepdims=True) + 100 + np.arange(outputs)
            if not per_step:
                y = y[:, -1] if outputs > 1 else y[:, -1, 0]
            settings = {**PLAIN, "hidden_layer_sizes": 5, "max_iter": 3, "random_state": 0, **changes}
            with untrained():
                if classes:
                    y = np.argsort(np.argsort(y)) * classes // len(y)
                    models[key] = GRUClassifier(**for_labels(settings)).fit(X, y), X
                else:
                    models[key] = GRURegressor(**settings).fit(X, y), X
        return models[key]

    return make
