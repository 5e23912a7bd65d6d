"""Heads of many outputs, which are made in tiles, and inputs that the kernels scale as they gather them."""

import numpy as np
import pytest
import reference
from compare import relative_error

from grukit.engines import select_engine
from grukit.kernels.cpu.network.linear import WIDE
from grukit.model import NetworkSpec, initialize, network_backward, network_forward
from grukit.train import predict

KERNELS = select_engine("cpu").kernels
D, H = 3, 5


def network(K, per_step, dtype):
    rng = np.random.default_rng(K)
    spec = NetworkSpec("gru", D, (H,), K, per_step)
    return rng, spec, rng.normal(0, 0.5, spec.n_parameters).astype(dtype)


def sequences(rng, lengths, dtype):
    """Rows of sequences one after another, and where they begin."""
    lengths = np.array(lengths)
    return rng.normal(2, 3, size=(int(lengths.sum()), D)).astype(dtype), np.cumsum(lengths) - lengths, lengths


def samples(values, starts, lengths, dtype, **scaling):
    nothing = np.empty((0, 1), dtype)
    return KERNELS.Samples(values, nothing, starts, lengths, nothing[:, 0], **scaling)


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize("K", [WIDE - 1, WIDE, WIDE + 9])
def test_gradients_of_a_wide_head_agree_with_central_differences(K, per_step):
    rng, spec, parameters = network(K, per_step, "float64")
    T, B = 4, 3
    x, initial = rng.normal(size=(T, B, D)), [rng.normal(0, 0.5, (B, H))]
    direction = rng.normal(size=(T, B, K) if per_step else (B, K))

    def value():
        return float(np.sum(network_forward(spec, parameters, x, None, initial)[0] * direction))

    _, forward = network_forward(spec, parameters, x, None, initial)
    d_parameters, d_x, d_initial = network_backward(direction, forward)
    numeric = spec.views(reference.central_difference(value, parameters))
    for name, gradient in spec.views(d_parameters).items():
        assert relative_error(gradient, numeric[name]) < 1e-6, name
    assert relative_error(d_x, reference.central_difference(value, x)) < 1e-6
    assert relative_error(d_initial[0], reference.central_difference(value, initial[0])) < 1e-6


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wide_head_s_predictions_are_the_same_alone_and_in_lanes(dtype, per_step):
    rng, spec, parameters = network(WIDE + 1, per_step, dtype)
    values, starts, lengths = sequences(rng, [6] * 20, dtype)
    outputs = predict(KERNELS, spec, parameters, samples(values, starts, lengths, dtype))
    x = values.reshape(20, 6, D).transpose(1, 0, 2)
    expected, _ = reference.network_forward("gru", spec.views(parameters.astype("float64")), x, per_step=per_step)
    expected = expected.transpose(1, 0, 2).reshape(outputs.shape) if per_step else expected
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=2e-5 if dtype == "float32" else 1e-12)
    for i in (0, 19):
        own = values[6 * i : 6 * (i + 1)].copy()
        alone = predict(KERNELS, spec, parameters, samples(own, np.array([0]), np.array([6]), dtype))
        np.testing.assert_array_equal(alone, outputs[6 * i : 6 * (i + 1)] if per_step else outputs[i : i + 1])


@pytest.mark.parametrize("given", ["float32", "float64"])
@pytest.mark.parametrize("lengths", [[6] * 20, [9, 1, 4], [*range(1, 24)]], ids=["lanes", "alone", "both"])
def test_numbers_that_are_scaled_as_they_are_gathered(given, lengths):
    """To the bit as those that were scaled before."""
    rng, spec, _ = network(1, False, "float32")
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(0))
    values, starts, lengths = sequences(rng, lengths, given)
    mean, scale = rng.normal(2, 1, D), rng.uniform(0.5, 4, D)
    before = ((values - mean) / scale).astype("float32")
    expected = predict(KERNELS, spec, parameters, samples(before, starts, lengths, "float32"))
    own = samples(values, starts, lengths, "float32", scaling=KERNELS.Scaling(mean, scale))
    np.testing.assert_array_equal(predict(KERNELS, spec, parameters, own), expected)
    assert np.ptp(expected) > 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_table_is_measured_and_standardized(dtype):
    values = np.random.default_rng(0).normal(2, 3, (3000, 5)).astype(dtype)
    values[:, 1], values[:, 2] = 0.1, np.arange(3000)
    mean, variance = np.empty(5), np.empty(5)
    KERNELS.column_moments(values, mean, variance)
    varying, exact = [0, 2, 3, 4], values.astype(np.longdouble)
    np.testing.assert_allclose(mean, exact.mean(axis=0).astype(float), rtol=1e-14)
    np.testing.assert_allclose(variance[varying], exact.var(axis=0).astype(float)[varying], rtol=1e-12)
    assert mean[1] == values[0, 1] and variance[1] == 0
    scale, out = np.sqrt(variance) + (variance == 0), np.empty(values.shape, "float32")
    KERNELS.standardize(values, KERNELS.Scaling(mean, scale), out)
    np.testing.assert_array_equal(out, ((values - mean) / scale).astype("float32"))
