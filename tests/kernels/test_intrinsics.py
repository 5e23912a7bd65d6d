"""What a kernel asks of the compiler does the same in Python."""

import numpy as np
import pytest
from numba import njit

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view, whole_numbers, whole_numbers_size


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
