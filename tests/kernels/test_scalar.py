"""Arithmetic on single numbers, as it is compiled."""

import numpy as np
import pytest
import reference
from numba import njit

from grukit.kernels import scalar
from grukit.kernels.scalar import FASTMATH, loss_derivative, loss_value, sigmoid, tanh
from grukit.train import LOSSES

OF_ONE_NUMBER = {name: kind for name, kind in LOSSES.items() if name != "cross_entropy"}


@njit(fastmath=FASTMATH)
def over(x, out, use_tanh):
    for i in range(x.size):
        out[i] = tanh(x[i]) if use_tanh else sigmoid(x[i])


@njit(fastmath=FASTMATH)
def losses(kind, p, y, parameter, values, derivatives):
    for i in range(p.size):
        values[i] = loss_value(kind, p[i], y[i], parameter)
        derivatives[i] = loss_derivative(kind, p[i], y[i], parameter)


def apply(x, use_tanh):
    out = np.empty_like(x)
    over(x, out, use_tanh)
    return out


# float32: the bound is the rational approximation's own; float64: a few units in the last place.
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 4e-7), ("float64", 5e-16)])
def test_activations_are_accurate(dtype, bound):
    x = np.concatenate([np.linspace(-30, 30, 1_000_001), np.geomspace(1e-30, 1, 1000)]).astype(dtype)
    exact = x.astype(np.longdouble)
    assert np.abs(apply(x, True) - np.tanh(exact)).max() < bound
    assert np.abs(apply(x, False) - 1 / (1 + np.exp(-exact))).max() < bound
    assert np.abs(apply(x, True)).max() <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_keep_nan_and_saturate(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0], dtype)
    np.testing.assert_allclose(apply(x, True), [np.nan, 1, -1, 0], atol=4e-7)
    np.testing.assert_allclose(apply(x, False), [np.nan, 1, 0, 0.5], atol=2e-7)


@pytest.mark.parametrize(("name", "parameter"), [
    ("squared_error", 0.0), ("absolute_error", 0.0), ("huber", 0.7), ("quantile", 0.9), ("poisson", 0.0),
    ("log_loss", 0.0),
])  # fmt: skip
def test_losses(name, parameter):
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=500), rng.normal(size=500)
    values, derivatives, shifted = np.empty(500), np.empty(500), np.empty(500)
    losses(LOSSES[name], p, y, parameter, values, derivatives)
    expected, d_expected = reference.elementwise_loss(name, p, y, parameter)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_allclose(derivatives, d_expected, rtol=1e-12)
    losses(LOSSES[name], p + 1e-6, y, parameter, shifted, np.empty(500))
    away = np.abs(p - y) > 1e-4  # from the kink
    np.testing.assert_allclose(((shifted - values) / 1e-6)[away], derivatives[away], atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_log_loss_of_a_sure_answer_keeps_its_digits(dtype):
    p = np.array([-80, -40, -3, 0, 3, 40, 80], dtype)
    for y, sign in ((0, 1), (1, -1)):
        values, derivatives = np.empty_like(p), np.empty_like(p)
        losses(LOSSES["log_loss"], p, np.full_like(p, y), np.array(0, dtype)[()], values, derivatives)
        s = sign * p.astype(np.float64)
        tolerance = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(values, np.logaddexp(0, s), rtol=tolerance)
        np.testing.assert_allclose(derivatives, sign * reference.sigmoid(s), rtol=tolerance)


@pytest.mark.parametrize("kind", OF_ONE_NUMBER.values())
def test_a_nan_prediction_has_a_nan_derivative(kind):
    values, derivatives = np.empty(1), np.empty(1)
    losses(kind, np.array([np.nan]), np.zeros(1), 0.5, values, derivatives)
    assert np.isnan(values[0])
    assert np.isnan(derivatives[0])


@pytest.mark.parametrize("name", ["absolute_error", "huber", "quantile", "squared_error"])
def test_an_exact_prediction_has_no_derivative(name):
    values, derivatives = np.ones(1), np.ones(1)
    losses(LOSSES[name], np.ones(1), np.ones(1), 0.5, values, derivatives)
    assert values[0] == derivatives[0] == 0


def test_float32_stays_float32():
    """A float64 constant anywhere would widen the whole expression."""

    @njit
    def types(p, y, delta):
        return (
            tanh(p), sigmoid(p), loss_value(2, p, y, delta), loss_derivative(3, p, y, delta),
            scalar.adam_step(p, y, p, y, delta, delta, delta, delta),
            scalar.sgd_step(p, y, p, delta, delta, True), scalar.rmsprop_step(p, y, y, delta, delta, delta),
        )  # fmt: skip

    one = np.float32(0.5)
    types(one, one, one)
    assert "float64" not in str(types.nopython_signatures[0].return_type)
