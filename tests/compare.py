"""How numbers and models are compared."""

import numpy as np


def relative_error(a, b):
    """Return |a - b| / (|a| + |b|) in the Euclidean norm, 0 where both are zero."""
    return np.linalg.norm(a - b) / max(np.linalg.norm(a) + np.linalg.norm(b), 1e-30)


def assert_same_weights(one, other):
    """Two estimators, to the last bit."""
    assert one.weights_.keys() == other.weights_.keys()
    for name, array in one.weights_.items():
        np.testing.assert_array_equal(array, other.weights_[name], err_msg=name)
