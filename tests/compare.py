"""How numbers and models are compared."""

import numpy as np

from grukit.engines import select_engine
from grukit.train import Problem, predict


def relative_error(a, b):
    """Return |a - b| / (|a| + |b|) in the Euclidean norm, 0 where both are zero."""
    return np.linalg.norm(a - b) / max(np.linalg.norm(a) + np.linalg.norm(b), 1e-30)


def assert_same_weights(one, other):
    """Two estimators, to the last bit."""
    assert one.weights_.keys() == other.weights_.keys()
    for name, array in one.weights_.items():
        np.testing.assert_array_equal(array, other.weights_[name], err_msg=name)


def assert_same_bits_on_threads(spec, data, parameters):
    """The loss of a batch of all samples, its gradient and predictions, on one, two and three threads."""
    kernels, found = select_engine("cpu").kernels, []
    for n_threads in (1, 2, 3):
        n = len(data.starts)
        with Problem(kernels, spec, data, "squared_error", 0.0, n_threads=n_threads, batch_size=n) as problem:
            assert problem.session.team.n_threads == n_threads
            value, gradient = problem.loss_and_gradient(parameters)
            found.append([value, *gradient, *predict(kernels, spec, parameters, data, n_threads).ravel()])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
