"""Compiled passes over large tables against those of NumPy."""

import numpy as np
import pandas as pd
import pytest

from grukit.data import Scaler
from grukit.engines import select_engine
from grukit.estimators import _large


@pytest.fixture(autouse=True)
def passes(monkeypatch):
    """Every table is large; the tables that compiled passes measured."""
    taken, kernels = [], select_engine("cpu").kernels
    measured = kernels.column_moments
    monkeypatch.setattr(_large, "SOME", 1)
    monkeypatch.setattr(_large, "FEW_COLUMNS", 1)
    monkeypatch.setattr(kernels, "column_moments", lambda *arguments: (taken.append(1), measured(*arguments)))
    return taken


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_measured_and_standardised_as_in_small_tables(dtype, passes):
    rng = np.random.default_rng(0)
    values = (1e3 + rng.normal(size=(300, 5)) * [1, 1e-2, 1e3, 1e6, 5]).astype(dtype)
    expected, found = Scaler.fit(values), _large.measure(values, None)
    assert len(passes) == 1
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-13)
    np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-10)
    for own in ("float32", "float64"):
        np.testing.assert_array_equal(_large.standardize(values, found, own), found.transform(values, own))
    constant = Scaler(found.mean, np.array([0.0, 1, 2, 3, 4]))
    np.testing.assert_array_equal(_large.standardize(values, constant, dtype), constant.transform(values, dtype))


@pytest.mark.parametrize("column", [7.1, 1e-170, 1e200, np.nan])
def test_what_the_passes_do_not_measure(column, passes):
    values = np.random.default_rng(0).normal(size=(50, 2))
    values[:, 1] = column * (1 if column == 7.1 else np.arange(50))
    expected, found = Scaler.fit(values), _large.measure(values, None)
    np.testing.assert_array_equal([found.mean, found.scale], [expected.mean, expected.scale])
    assert len(passes) == 1
    weights = np.arange(1.0, 51)
    np.testing.assert_array_equal(_large.measure(values, weights).mean, Scaler.fit(values, weights).mean)
    assert len(passes) == 1  # not where weights differ


def test_weights_that_are_alike_are_none(passes):
    values = np.random.default_rng(0).normal(size=(50, 2))
    found, expected = _large.measure(values, np.full(50, 3.0)), _large.measure(values, None)
    np.testing.assert_array_equal([found.mean, found.scale], [expected.mean, expected.scale])
    assert len(passes) == 2


def test_another_link_than_the_identity_scales_nothing():
    counts = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(_large.standardize(counts, Scaler.identity(2, "log"), "float32"), counts)


def test_the_numbers_of_a_frame_are_not_copied():
    numbers = np.arange(6.0).reshape(3, 2)
    of_frame = pd.DataFrame(numbers, copy=False).to_numpy()
    of_frame.flags.writeable = False  # as pandas 3 gives them
    taken = _large.as_taken(of_frame)
    assert taken.flags.writeable and np.shares_memory(taken, numbers) and not of_frame.flags.writeable
    of_bytes = np.frombuffer(numbers.tobytes())
    for other in (of_bytes, numbers.T, numbers[:, ::2]):
        taken = _large.as_taken(other)
        assert taken.flags.writeable and taken.flags.c_contiguous and not np.shares_memory(taken, other)
        np.testing.assert_array_equal(taken, other)
