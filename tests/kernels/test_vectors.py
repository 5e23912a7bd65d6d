"""Products in vector registers, against NumPy; what lies around what they write stays as it was."""

import platform
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from grukit.kernels.cpu.products.matrices import pack
from grukit.kernels.cpu.products.vectors import (
    BLOCK,
    LANES,
    ROW_PANEL,
    add_product_in_lanes,
    add_product_of_row,
    affine_in_lanes,
)

SHAPES = [(1, 1), (3, 2), (8, 5), (15, 16), (30, 10), (31, 1), (96, 32), (150, 50), (259, 7)]


@njit
def row(a, factor, packed, back, out):
    pack(factor, ROW_PANEL, packed)
    add_product_of_row(a, packed, factor.shape[1], back, out)


@njit
def lanes(factor, bias, h, packed, added, affine):
    pack(factor.T, BLOCK, packed)
    add_product_in_lanes(packed, h, added)
    affine_in_lanes(packed, bias, h, affine)


def guarded(values):
    """A copy inside a longer array, and all of that array, whose ends are 7."""
    whole = np.full(values.size + 64, 7, values.dtype)
    inside = whole[32:-32].reshape(values.shape)
    inside[...] = values
    return inside, whole


@settings(deadline=None)  # the first example compiles
@given(st.sampled_from(["float32", "float64"]), st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))
def test_products_agree_with_numpy_and_with_each_other(dtype, shape, seed):
    (n, k), rng = shape, np.random.default_rng(seed)
    w, h, bias, before = (rng.normal(size=size).astype(dtype) for size in ((n, k), (k, LANES), (n,), (n, LANES)))
    added, around_added = guarded(before)
    affine, around_affine = guarded(np.full((n, LANES), np.nan, dtype))
    lanes(w, bias, h, np.empty(n * k, dtype), added, affine)
    tolerance = {"rtol": 0, "atol": 8 * k * np.finfo(dtype).eps}
    np.testing.assert_allclose(added, before + w @ h, **tolerance)
    np.testing.assert_allclose(affine, bias[:, None] + w @ h, **tolerance)
    for whole in (around_added, around_affine):
        assert (whole[:32] == 7).all() and (whole[-32:] == 7).all()
    for lane, back in ((0, False), (LANES - 1, True)):  # the same bits, for every sum runs in the same order
        alone, around = guarded(before[:, lane])
        row(np.ascontiguousarray(h[:, lane]), w.T, np.empty(n * k, dtype), back, alone)
        np.testing.assert_array_equal(alone, added[:, lane])
        assert (around[:32] == 7).all() and (around[-32:] == 7).all()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 instructions")
def test_the_products_stay_in_vector_registers():
    """In the innermost loop nothing is stored, and every multiplication is one of vectors."""
    f = np.float32
    lanes(np.ones((16, 4), f), np.ones(16, f), np.ones((4, LANES), f), np.empty(64, f), *np.ones((2, 16, LANES), f))
    asm = lanes.inspect_asm(lanes.signatures[0] if lanes.signatures[0][0].dtype.bitwidth == 32 else lanes.signatures[1])
    if "%zmm" not in asm:
        pytest.skip("16 vector registers are too few for a block")
    blocks = re.split(r"\n\.LBB\S+:|\n\S+:\n", asm)
    multiplying = [block for block in blocks if len(re.findall(r"vfmadd\w+ps\s.*%[yz]mm", block)) >= BLOCK]
    inner = [block for block in multiplying if not re.search(r"vmovups\s+%[yz]mm\d+, .*\(", block)]
    assert len(inner) >= 2  # of both ways, with and without a bias
