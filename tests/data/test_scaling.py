"""Standardising, against NumPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from grukit.data import Scaler, check_any_seen, long_arrays


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 50),
    location=st.floats(-100, 100),  # in spreads; farther off, scikit-learn's weighted variance may be negative
    spread=st.floats(1e-3, 1e6),
    weighted=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_the_figures_of_scikit_learn(seed, n, location, spread, weighted, dtype):
    rng = np.random.default_rng(seed)
    values = (spread * (location + rng.normal(size=(n, 3)))).astype(dtype)
    weights = rng.uniform(0.1, 2, n) if weighted else None
    scaler = Scaler.fit(values, weights)
    theirs = StandardScaler().fit(values.astype(np.float64), sample_weight=weights)
    np.testing.assert_allclose(scaler.mean, theirs.mean_, rtol=1e-9, atol=1e-9 * spread)
    np.testing.assert_allclose(scaler.scale, theirs.scale_, rtol=1e-6)
    out = scaler.transform(values, "float64")
    np.testing.assert_allclose(out, (values.astype(np.float64) - scaler.mean) / scaler.scale, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse(out), values, rtol=1e-6, atol=1e-6 * spread)


@settings(max_examples=80, deadline=None)
@given(value=st.floats(-1e12, 1e12), n=st.integers(1, 300), weighted=st.booleans())
def test_a_constant_column_has_the_scale_one(value, n, weighted):
    weights = np.random.default_rng(n).uniform(0.1, 3, n) if weighted else None
    scaler = Scaler.fit(np.full((n, 1), value), weights)
    assert scaler.scale[0] == 1
    assert scaler.mean[0] == pytest.approx(value, rel=1e-12)
    assert np.abs(scaler.transform(np.full((n, 1), value), "float64")).max() <= 1e-12 * abs(value)


def test_a_small_spread_far_from_zero_is_kept():
    values = 1e9 + np.array([[0.0], [1.0], [2.0]])
    scaler = Scaler.fit(values)
    assert scaler.scale[0] == pytest.approx(np.sqrt(2 / 3))
    np.testing.assert_allclose(scaler.transform(values, "float32")[:, 0], [-1.2247, 0, 1.2247], atol=1e-3)


def test_weights_are_counts():
    values = np.random.default_rng(0).normal(size=(5, 2))
    times = np.array([1, 0, 3, 2, 1])
    weighted, repeated = Scaler.fit(values, times), Scaler.fit(np.repeat(values, times, axis=0))
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_identity_changes_nothing_and_copies():
    values = np.asfortranarray(np.random.default_rng(0).normal(size=(5, 2)))
    out = Scaler.identity(2).transform(values, "float64")
    np.testing.assert_array_equal(out, values)
    assert out.flags.c_contiguous and not np.shares_memory(out, values)
    single = Scaler.identity(2).transform(values, "float32")
    np.testing.assert_array_equal(single, values.astype(np.float32))
    np.testing.assert_array_equal(Scaler.identity(2).inverse(values), values)


@pytest.mark.filterwarnings("ignore:overflow")
def test_large_finite_numbers_are_scaled():
    values = 1e200 * np.array([[1.0], [2.0], [3.0]])
    scaler = Scaler.fit(values)
    np.testing.assert_allclose(scaler.transform(values, "float64")[:, 0], [-1.2247, 0, 1.2247], atol=1e-3)


@pytest.mark.parametrize("columns", [2, 100])
@pytest.mark.parametrize("order", ["C", "F"])
def test_many_rows_with_gaps_in_both_orders_of_memory(columns, order):
    rng = np.random.default_rng(0)
    values = np.asarray(rng.normal(3, 2, size=(20_000, columns)), order=order)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 1] = np.nan
    weights = rng.uniform(0, 2, len(values))
    scaler = Scaler.fit(values, weights)
    counts = np.where(np.isnan(values), 0.0, weights[:, None])
    with np.errstate(invalid="ignore"):
        mean = np.nansum(values * weights[:, None], axis=0) / counts.sum(axis=0)
        scale = np.sqrt(np.nansum((values - mean) ** 2 * weights[:, None], axis=0) / counts.sum(axis=0))
    others = np.arange(columns) != 1
    np.testing.assert_allclose(scaler.mean[others], mean[others], rtol=1e-12)
    np.testing.assert_allclose(scaler.scale[others], scale[others], rtol=1e-12)
    assert (scaler.mean[1], scaler.scale[1]) == (0, 1)
    expected = (values - scaler.mean) / scaler.scale
    np.testing.assert_array_equal(scaler.transform(values, "float64"), expected)


def test_numbers_at_the_ends_of_the_range():
    values = np.array([[5e-324, 1e308, 1e-300], [2e-323, -1e308, 3e-300], [0.0, 1e308, 2e-300]])
    scaler = Scaler.fit(values)
    np.testing.assert_allclose(scaler.mean[1:], [1e308 / 3, 2e-300])
    np.testing.assert_allclose(scaler.scale[1:], [np.sqrt(8 / 9) * 1e308, np.sqrt(2 / 3) * 1e-300])
    assert np.isfinite(scaler.transform(values, "float64")).all()


@pytest.mark.parametrize(
    ("targets", "mean", "scale"),
    [
        ([3.0, 3.0], 3.0, 0.0),
        ([3.0, np.nan], 3.0, 0.0),
        ([np.nan, np.nan], 3.0, 0.0),
        ([3.0, 4.0], 3.0, 1.0),
        ([np.nan, 4.0], 3.0, 1.0),
    ],
)
def test_a_target_that_never_varied_is_one_again_where_it_does(targets, mean, scale):
    constant = Scaler(np.array([3.0, 5.0]), np.array([0.0, 2.0]))
    found = constant.without_constants(np.column_stack([targets, [7.0, 8.0]]))
    assert (found.mean.tolist(), found.scale.tolist()) == ([mean, 5.0], [scale, 2.0])


@pytest.mark.parametrize("link", ["identity", "log"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ([3.0, 3.0, 3.0], 3.0),
        ([np.nan, 3.0, 3.0], 3.0),
        ([3.0, np.nan, np.nan], 3.0),
        ([0.0, 0.0, 0.0], 0.0),
        ([3.0, 4.0, 3.0], None),
        ([np.nan, 4.0, 3.0], None),
        ([3.0, 3.0, 4.0], None),
        ([np.nan, np.nan, np.nan], None),
    ],
)
def test_targets_that_never_vary_are_what_they_are(column, value, link):
    scaler = Scaler(np.array([1.0, 5.0]), np.array([2.0, 4.0]), link)
    found = scaler.with_constants(np.column_stack([column, [7.0, 8.0, 9.0]]))
    assert (found.mean[1], found.scale[1], found.link) == (5.0, 4.0, link)
    if value is None:
        assert (found.mean[0], found.scale[0]) == (1.0, 2.0)
    else:
        assert found.scale[0] == 0
        np.testing.assert_allclose(found.inverse(np.array([[11.0, 0.0]]))[0, 0], value, rtol=1e-15)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3)])
def test_outputs_of_any_type_go_back_in_float64(shape):
    scaler, rng = Scaler(np.array([1.0, -2.0, 3e-9]), np.array([2.0, 1e9, 0.5])), np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        outputs = rng.normal(size=shape).astype(dtype)
        expected = outputs.astype(np.float64) * scaler.scale + scaler.mean
        found = scaler.inverse(outputs)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)


def test_a_column_without_a_value_is_found_whatever_the_first_rows_lack(monkeypatch):
    monkeypatch.setattr(long_arrays, "BLOCK", 9)  # numbers: three rows
    values = np.full((8, 3), np.nan)
    values[6, 0] = values[0, 1] = 1.0
    with pytest.raises(ValueError, match="X: column 'c' has no value in the training part"):
        check_any_seen(values, "X", ["a", "b", "c"])
    with pytest.raises(ValueError, match="y: column 0 has no value"):
        check_any_seen(values[:6], "y", None)
    values[7, 2] = 0.0
    check_any_seen(values, "X", None)
