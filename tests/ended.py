"""Training that is ended in the middle, and the states that two fits ended in."""

import numpy as np


class Ended(Exception):
    """What ends a fit here."""


def check_same(one, other):
    """Raise where weights, moments, random state or records (but seconds) differ in a bit."""
    state, found = one._fitted, other._fitted
    np.testing.assert_array_equal(state.parameters, found.parameters)
    for name, moment in state.training.moments.items():
        np.testing.assert_array_equal(moment, found.training.moments[name])
    np.testing.assert_array_equal(
        state.training.random_state.get_state()[1], found.training.random_state.get_state()[1]
    )
    records = [[{**entry, "seconds": 0} for entry in each.training.records] for each in (state, found)]
    assert repr(records[0]) == repr(records[1])
    for name in ("best_iter", "kept_iter", "stop_reason"):
        assert getattr(state.training, name) == getattr(found.training, name)
