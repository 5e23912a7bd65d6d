"""Transposed matrices, gathered lanes and sums of columns against NumPy, to the bit; what lies around stays as it was."""

import numpy as np
import pytest
from numba import njit

from grukit.kernels.cpu.products.sums import add_column_sums
from grukit.kernels.cpu.products.transposing import transpose, transpose_places

SHAPES = [(1, 1), (3, 9), (8, 8), (16, 5), (17, 23), (40, 33)]


@njit
def transposed(a, at, out):
    rows, n = a.shape
    transpose(a, 0, n, out, at, rows, rows, n)


@njit
def gathered(values, first, places, n, out):
    transpose_places(values, first, places, n, out)


@njit
def column_sums(a, out):
    add_column_sums(a, out)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_matrix_is_transposed(dtype):
    rng = np.random.default_rng(0)
    for rows, n in SHAPES:
        a, out = rng.normal(size=(rows, n)).astype(dtype), np.full(rows * n + 20, 7, dtype)
        transposed(a, 10, out)
        np.testing.assert_array_equal(out[10:-10].reshape(n, rows), a.T)
        assert (out[:10] == 7).all() and (out[-10:] == 7).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 8, 50])
def test_rows_from_anywhere_become_columns(dtype, n):
    rng = np.random.default_rng(n)
    values, places = rng.normal(size=400).astype(dtype), rng.integers(0, 400 - n - 5, 16)
    around = np.full((n + 2, 16), 7, dtype)
    gathered(values, 5, places, n, around[1:-1])
    np.testing.assert_array_equal(around[1:-1], values[5 + places + np.arange(n)[:, None]])
    assert (around[[0, -1]] == 7).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_are_summed_in_one_order(dtype):
    """Every fourth row by itself, then those four by halves; the last rows, fewer than four, with the first of them."""
    rng = np.random.default_rng(0)
    for rows, n in SHAPES:
        a, before = rng.normal(size=(rows, n)).astype(dtype), rng.normal(size=n).astype(dtype)
        sums, whole = np.zeros((4, n), dtype), rows // 4 * 4
        for i in range(rows):
            sums[i % 4 if i < whole else 0] += a[i]
        around = np.full(n + 40, 7, dtype)
        around[20:-20] = before
        column_sums(a, around[20:-20])
        np.testing.assert_array_equal(around[20:-20], before + ((sums[0] + sums[2]) + (sums[1] + sums[3])))
        assert (around[:20] == 7).all() and (around[-20:] == 7).all()
