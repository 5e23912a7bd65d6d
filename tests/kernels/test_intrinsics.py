"""What a kernel asks of the compiler does the same in Python."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.products.blas import gemm


def pieces(source, out):
    """Whole numbers at the beginning, and the shape and numbers of a view of the rest."""
    numbers = whole_numbers(source, 3)
    for i in range(3):
        numbers[i] = 10**12 + i
    rest = rest_of(source, whole_numbers_size(3))
    middle = view(rest, 1, (2, 2))
    for i in range(2):
        for j in range(2):
            out[i, j] = middle[i, j]
    return numbers.sum() + rest.size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cutting_a_workspace(dtype):
    outs = []
    for function in (pieces, njit(pieces)):
        source, out = np.arange(31, dtype=dtype), np.zeros((2, 2), dtype)
        assert function(source, out) == 3 * 10**12 + 3 + 31 - 16
        outs.append(out)
    np.testing.assert_array_equal(outs[0], [[17, 18], [19, 20]])
    np.testing.assert_array_equal(*outs)


def product(a, b, beta, out):
    gemm(a, b, beta, out, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_added_to_some_columns(dtype, transposed):
    rng = np.random.default_rng(0)
    a, b, before = (rng.normal(size=size).astype(dtype) for size in ((3, 4), (4, 2), (3, 5)))
    a = np.asfortranarray(a) if transposed else a
    expected = before.copy()
    expected[:, 1:3] = a @ b + 0.5 * before[:, 1:3]
    for function in (product, njit(product)):
        out = before.copy()
        function(a, b, 0.5, out)
        np.testing.assert_allclose(out, expected, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_a_product_is_of_one_type():
    a = np.ones((2, 2))
    with pytest.raises(TypingError):
        njit(product)(a.astype(np.float32), a, 0.0, np.empty((2, 3)))
