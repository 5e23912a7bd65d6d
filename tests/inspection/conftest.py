"""Small fitted models with weights that are not tiny, and the samples they see."""

import numpy as np
import pytest
from plain import PLAIN
from untrained import untrained

from grukit import GRURegressor
from grukit.estimators.fitted import fitted_state


@pytest.fixture(scope="session")
def fitted():
    """Make a model of X and y whose weights are then drawn at random, so that every gate moves."""

    def make(X, y, scale=0.6, seed=0, **changes):
        settings = {**PLAIN, "hidden_layer_sizes": (3, 2), "window": 4, "max_iter": 1, "random_state": 0, **changes}
        with untrained():
            model = GRURegressor(**settings).fit(X, y)
        rng = np.random.default_rng(seed)
        model.weights_ = {name: rng.normal(0, scale, weight.shape) for name, weight in model.weights_.items()}
        return model

    return make


@pytest.fixture(scope="session")
def scaled():
    """Make one sequence (T, D) what the network sees of it, time first: (T, 1, D)."""

    def make(model, sequence):
        return ((np.asarray(sequence) - fitted_state(model).x_scaler.mean) / fitted_state(model).x_scaler.scale)[
            :, None
        ]

    return make
