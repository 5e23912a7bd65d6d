"""How much device memory a session takes; said before it takes any."""

from typing import Any

import numpy as np

from grukit.kernels.cuda._cuda import cuda
from grukit.kernels.cuda.dropout import dropout_of
from grukit.kernels.cuda.network import INPUTS, UNITS, count_slots

SPARE = 256 * 2**20  # bytes left to the driver and the compiled kernels
MOST_NUMBERS = 2**32  # of one array: indices are uint32


def numbers_of_pieces(network: Any, T: int, B: int, training: bool) -> int:
    """Numbers in the arrays of pieces of B sequences of T steps: inputs, outputs, caches and partial gradients."""
    table = network.layers
    D, K, units = int(table[0, INPUTS]), int(table[-1, UNITS]), [int(H) for H in table[:-1, UNITS]]
    per_row = D + K + (6 if training else 5) * sum(units)
    per_sequence = sum(units) + 5 * max(units)  # initial states, and work of a step
    if training and dropout_of(network).inputs > 0:  # copies of what the layers above the first and the head hear
        per_row += sum(units)
    if training and dropout_of(network).recurrent > 0:  # masks, and the states times one
        per_sequence += sum(units) + max(units)
    n_parameters = int(table[-1, 4] + K)
    n_vectors = (count_slots(T, B) if training else 1) + 8
    return T * B * per_row + B * per_sequence + n_vectors * n_parameters


def check_memory(network: Any, T: int, B: int, training: bool, samples: list[Any]) -> None:
    """Raise where pieces of B sequences of T steps do not fit beside the samples.

    Raises
    ------
    RuntimeError
        Naming the need, what is free, and what to do.
    """
    dtype = samples[0].values.dtype
    widest = int(network.layers[:-1, UNITS].max())
    remedy = f"use a smaller batch_size than {B}, a shorter window, or fewer units"
    if 4 * widest * T * B >= MOST_NUMBERS:
        raise RuntimeError(f"device='cuda': a batch of {B} sequences of {T} steps is too large; {remedy}.")
    arrays = {id(array): array for taken in samples for array in taken}
    data = sum(array.nbytes for array in arrays.values())
    need = numbers_of_pieces(network, T, B, training) * np.dtype(dtype).itemsize + data + SPARE
    free = cuda.current_context().get_memory_info().free
    if need > free:
        raise RuntimeError(
            f"device='cuda': the fit needs {need / 2**30:.1f} GiB of the GPU's memory, of which {free / 2**30:.1f} GiB are "
            f"free; {remedy}, or device='cpu'."
        )
