"""What dropout draws is fixed: a seed gives the same masks in every version and on every device."""

import numpy as np
import pytest
from numba import njit

from grukit.engines import select_engine
from grukit.kernels.cpu.cells.dropout import draw_mask, drop_inputs
from grukit.kernels.scalar import dropout_bits, dropout_key
from grukit.model import NetworkSpec

KEYS = {(0, 0, 0, 0): 956087953, (1, 2, 3, 4): 1622526658, (2**62, 5, 10**6, 999): 1938187741}
BITS = {(1622526658, 0): 2538966330, (1622526658, 1): 1416882979, (1622526658, 2): 4287781295,
        (1938187741, 0): 3496559421, (1938187741, 511): 903796914}  # fmt: skip
# Of samples 0 and 41: the recurrent mask of the second layer, rate 0.5; then the inputs of the third, rate 0.3, two steps.
KEPT = ["001101110001", "111110001101", "111011111111", "110100110011", "110110101111", "010111111000"]


@njit
def draw(dropout, samples, mask, values):
    draw_mask(dropout, 1, samples, mask)
    drop_inputs(dropout, 2, samples, 0, values[:1])  # as two segments of a step each
    drop_inputs(dropout, 2, samples, 1, values[1:])


def test_keys_and_bits():
    """Stored numbers, which plain Python integers gave too."""
    key, bits = njit(dropout_key), njit(dropout_bits)
    assert {numbers: int(key(*numbers)) for numbers in KEYS} == KEYS
    assert {(k, j): int(bits(np.uint32(k), j)) for k, j in BITS} == BITS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masks_are_as_they_were(dtype):
    spec = NetworkSpec("gru", 1, (4,), 1, dropout=0.3, recurrent_dropout=0.5)
    dropout = spec.for_kernels(select_engine("cpu").kernels, seed=7).options.dropout
    mask, values = np.empty((2, 12), dtype), np.ones((2, 2, 12), dtype)
    draw(dropout, np.array([0, 41]), mask, values)
    kept = ["".join(str(int(number > 0)) for number in row) for row in (*mask, *values.reshape(4, 12))]
    assert kept == KEPT
    assert set(mask.ravel()) == {0, 2}
    assert set(values.ravel()) == {0, np.dtype(dtype).type(1 / (1 - 0.3))}
