"""Fits without training: scaling, the linear part and all else are real, weights are drawn, and no kernel is compiled."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from grukit.estimators import _base


def drawn(model, state, training, validation, resume=False, **overrides):
    """The state that training would begin with, with weights that use the network to the full; and no progress."""
    weights = np.random.default_rng(0).normal(scale=0.7, size=state.parameters.shape)
    return replace(state, parameters=weights.astype(state.parameters.dtype)), None


@contextmanager
def untrained():
    """Let ``fit`` draw weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_base, "train", drawn)
        yield
