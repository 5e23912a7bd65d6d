"""The product, against NumPy; what lies around its result stays as it was, and no number depends on the others' company."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from grukit.kernels.cpu.cells.weight_gradients import add_recurrent_gradient, second_factor
from grukit.kernels.cpu.products.vectors import (
    LANES,
    NOTHING,
    OUT,
    ROW,
    add_outer_products,
    add_product_in_lanes,
    affine_in_lanes,
    multiply,
    pack_columns,
    pack_rows,
)
from grukit.kernels.cpu.storage.memory import aligned_empty

# Rows, k, columns.
SHAPES = [
    (1, 1, 1),
    (1, 64, 192),
    (1, 10, 30),
    (3, 2, 7),
    (4, 8, 16),
    (8, 5, 33),
    (13, 10, 31),
    (32, 50, 50),
    (17, 3, 259),
]


@njit
def by_rows(a, factor, packed, begin, bias, back, out):
    pack_rows(factor, packed)
    multiply(a, packed, factor.shape[1], begin, bias, back, out)


@njit
def by_columns(a, factor, first, packed, begin, bias, back, out):
    k = a.shape[1]
    pack_columns(factor[:, :first].copy(), 0, k, packed)
    pack_columns(factor[:, first:].copy(), first, k, packed)
    multiply(a, packed, factor.shape[0], begin, bias, back, out)


@njit
def outer(a, factor, packed, out, out_of_packed):
    n = factor.shape[1]
    add_outer_products(a, factor.reshape(factor.size), n, n, out)
    pack_rows(factor, packed)
    add_outer_products(a, packed, 0, n, out_of_packed)


@njit
def recurrent(d, h, packed, out):
    states, row = second_factor(h, packed[0])
    add_recurrent_gradient(d, states, row, packed[1], out)


@njit
def lanes(w, bias, h, added, affine):
    add_product_in_lanes(w, h, added)
    affine_in_lanes(w, bias, h, affine)


def placed(values):
    """A copy with room for what is read beyond it, which is not a number."""
    whole = aligned_empty(values.size + 64, values.dtype)
    whole[:] = np.nan
    own = whole[: values.size].reshape(values.shape)
    own[...] = values
    return own


def guarded(values):
    """A copy inside a longer array, and all of that array, whose ends are 7."""
    whole = np.full(values.size + 128, 7, values.dtype)
    inside = whole[64:-64].reshape(values.shape)
    inside[...] = values
    return inside, whole


def drawn(seed, dtype, *shapes):
    rng = np.random.default_rng(seed)
    return [placed(rng.normal(size=shape).astype(dtype)) for shape in shapes]


case = given(st.sampled_from(["float32", "float64"]), st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))


@settings(deadline=None)  # the first example compiles
@case
def test_rows_times_a_packed_factor(dtype, shape, seed):
    m, k, n = shape
    a, b, bias, before = drawn(seed, dtype, (m, k), (k, n), (n,), (m, n))
    packed, close = placed(np.zeros(k * n, dtype)), {"rtol": 0, "atol": 8 * k * np.finfo(dtype).eps}
    for begin, begun in ((NOTHING, 0), (OUT, before), (ROW, bias)):
        out, around = guarded(before)
        by_rows(a, b, packed, begin, bias, False, out)
        np.testing.assert_allclose(out, begun + a @ b, **close)
        assert (around[:64] == 7).all() and (around[-64:] == 7).all()
        again = guarded(before)[0]
        by_columns(a, placed(b.T), k // 2, packed, begin, bias, True, again)
        np.testing.assert_array_equal(again, out)
        for row in {0, m - 1}:  # the same bits, for every sum runs in the order of k
            alone = guarded(before[row : row + 1])[0]
            by_rows(placed(a[row : row + 1]), b, packed, begin, bias, True, alone)
            np.testing.assert_array_equal(alone[0], out[row])


@settings(deadline=None)
@case
def test_a_sum_of_outer_products(dtype, shape, seed):
    m, k, n = shape
    a, b, before = drawn(seed, dtype, (k, m), (k, n), (m, n))
    out, around = guarded(before)
    out_of_packed = before.copy()
    outer(a, b, placed(np.zeros(k * n, dtype)), out, out_of_packed)
    np.testing.assert_allclose(out, before + a.T @ b, rtol=0, atol=8 * k * np.finfo(dtype).eps)
    np.testing.assert_array_equal(out_of_packed, out)
    assert (around[:64] == 7).all() and (around[-64:] == 7).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [5, 70, 131, 270, 1030])  # neither factor packed, one, and both, with either tile
def test_the_gradient_of_recurrent_weights(dtype, units):
    rows = 3
    d, h, before = drawn(units, dtype, (rows, units), (rows, units), (units, units))
    out, around = guarded(before)
    recurrent(d, h, placed(np.zeros((2, rows * units), dtype)), out)
    np.testing.assert_allclose(out, before + d.T @ h, rtol=0, atol=8 * rows * np.finfo(dtype).eps)
    assert (around[:64] == 7).all() and (around[-64:] == 7).all()


@settings(deadline=None)
@case
def test_rows_in_lanes_have_the_bits_of_rows(dtype, shape, seed):
    _, k, n = shape
    w, h, bias, before = drawn(seed, dtype, (n, k), (k, LANES), (n,), (n, LANES))
    added, around_added = guarded(before)
    affine, around_affine = guarded(np.full((n, LANES), np.nan, dtype))
    lanes(w.ravel(), bias, h, added, affine)
    for around in (around_added, around_affine):
        assert (around[:64] == 7).all() and (around[-64:] == 7).all()
    for begin, result, begun in ((OUT, added, before), (ROW, affine, np.repeat(bias[:, None], LANES, 1))):
        out = placed(begun.T)
        by_columns(placed(h.T), w, 0, placed(np.zeros(n * k, dtype)), begin, bias, False, out)
        np.testing.assert_array_equal(out, result.T)
