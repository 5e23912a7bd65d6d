"""Samples relative to their own mean and scale: losses, gradients and predictions of a whole data set."""

import numpy as np
import pytest
import reference

from grukit.engines import select_engine
from grukit.model import NetworkSpec
from grukit.train import Problem, predict

KERNELS = select_engine("cpu").kernels
D, M, K, UNIT = 3, 2, 4, 0.7
LOSSES = {"squared_error": 0.0, "huber": 0.8, "quantile": (0.2, 0.5)}


def samples(n=9, longest=5, seed=0):
    """Overlapping pieces of one table, the first M columns of which are far from zero."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(25, D))
    values[:, :M] += 100.0
    lengths = rng.integers(1, longest + 1, n)
    starts = rng.integers(0, len(values) - longest + 1, n)
    mean, scale = np.full((25, M), np.nan), np.full((25, M), np.nan)
    for start, length in zip(starts, lengths, strict=True):
        own = values[start : start + length, :M]
        mean[start + length - 1], scale[start + length - 1] = own.mean(axis=0), np.hypot(own.std(axis=0), 0.3)
    targets, weights = rng.normal(size=(n, K)), rng.uniform(0.5, 2, n)
    return KERNELS.Samples(values, targets, starts, lengths, weights, scaling=KERNELS.Relative(mean, scale, UNIT))


def by_hand(data, n_outputs):
    """x (T, B, D) relative to each sample's own, and what its outputs (n_outputs,) are multiplied with."""
    x = np.zeros((data.lengths.max(), len(data.starts), D))
    last = data.starts + data.lengths - 1
    mean, scale, unit = data.scaling
    for b, (start, length) in enumerate(zip(data.starts, data.lengths, strict=True)):
        x[:length, b] = data.values[start : start + length]
        x[:length, b, :M] = np.nan_to_num((x[:length, b, :M] - mean[last[b]]) / scale[last[b]])
    return x, np.repeat(scale[last] / unit, n_outputs // M, axis=1)


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradient(loss):
    data, parameter = samples(), LOSSES[loss]
    data.values[data.starts[2], 0] = np.nan  # counts as the mean
    spec = NetworkSpec("gru", D, (3, 4), K * np.size(parameter))
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    with Problem(KERNELS, spec, data, loss, parameter) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        gradient = gradient.copy()
        numeric = reference.central_difference(lambda: problem.loss_and_gradient(parameters)[0], parameters)
    x, factors = by_hand(data, spec.n_outputs)
    outputs, cache = reference.network_forward("gru", spec.views(parameters), x, data.lengths, None, False)
    expected, d_outputs = reference.loss(loss, outputs * factors, data.targets, data.weights, parameter, None)
    gradients, _, _ = reference.network_backward(d_outputs * factors, cache)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for name, view in spec.views(gradient).items():
        np.testing.assert_allclose(view, gradients[name], rtol=1e-9, atol=1e-12, err_msg=name)
        difference = spec.views(numeric)[name]
        assert np.linalg.norm(view - difference) < 1e-6 * (np.linalg.norm(view) + np.linalg.norm(difference)), name


def test_predictions_in_float32_of_values_in_float64():
    data = samples(n=40)
    spec = NetworkSpec("gru", D, (3, 4), K)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    outputs = predict(KERNELS, spec, parameters.astype("float32"), data)
    assert outputs.dtype == np.float32
    expected, _ = reference.network_forward(
        "gru", spec.views(parameters), by_hand(data, K)[0], data.lengths, None, False
    )
    np.testing.assert_allclose(outputs, expected, atol=2e-6)  # outputs of the network, as it gives them
    one = data._replace(starts=data.starts[7:8], lengths=data.lengths[7:8])
    np.testing.assert_array_equal(predict(KERNELS, spec, parameters.astype("float32"), one), outputs[7:8])
