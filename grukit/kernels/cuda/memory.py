"""How much device memory a session takes; said before it takes any."""

from typing import Any

from grukit.kernels.cuda._cuda import cuda
from grukit.kernels.cuda.dropout import dropout_of
from grukit.kernels.cuda.network import INPUTS, UNITS, count_slots
from grukit.kernels.cuda.samples import MOST_ROWS

SPARE = 256 * 2**20  # bytes left to the driver and the compiled kernels
MOST_NUMBERS = 2**32  # of one array: indices are uint32


def numbers_of_pieces(network: Any, T: int, B: int, training: bool) -> int:
    """Numbers in the arrays of pieces of B sequences of T steps: inputs, outputs, caches and partial gradients."""
    table = network.layers
    D, K, units = int(table[0, INPUTS]), int(table[-1, UNITS]), [int(H) for H in table[:-1, UNITS]]
    per_row = D + K + (6 if training else 5) * sum(units)
    per_sequence = sum(units) + 5 * max(units)  # initial states, and work of a step
    # copies of the inputs of the layers above the first and of the head
    if training and dropout_of(network).inputs > 0:
        per_row += sum(units)
    if training and dropout_of(network).recurrent > 0:  # masks, and the states times one
        per_sequence += sum(units) + max(units)
    n_parameters = int(table[-1, 4] + K)
    n_vectors = (count_slots(T, B) if training else 1) + 8
    return T * B * per_row + B * per_sequence + n_vectors * n_parameters


def missing_memory(network: Any, samples: list[Any], n_rows: int, training: bool) -> str:
    """What the device's memory lacks for taking ``n_rows`` of all these samples at a time, or nothing."""
    T, B = max(int(taken.lengths.max()) for taken in samples), min(n_rows, MOST_ROWS)
    remedy = (
        f"{'a smaller batch_size than ' + str(B) + ', ' if training else ''}a shorter window or fewer units would do"
    )
    if 4 * int(network.layers[:-1, UNITS].max()) * T * B >= MOST_NUMBERS:
        return f"{B} sequences of {T} steps are too many at a time for the GPU's kernels: {remedy}"
    arrays = {id(array): array for taken in samples for array in taken if array is not None}
    data, itemsize = sum(array.nbytes for array in arrays.values()), samples[0].values.dtype.itemsize
    need = numbers_of_pieces(network, T, B, training) * itemsize + data + SPARE
    free = cuda.current_context().get_memory_info().free
    if need <= free:
        return ""
    what = "fit" if training else "prediction"
    return f"the {what} needs {need / 2**30:.1f} GiB of the GPU's memory, of which {free / 2**30:.1f} GiB are free: {remedy}"


def check_memory(network: Any, samples: list[Any], n_rows: int, training: bool) -> None:
    """Raise a RuntimeError where :func:`missing_memory` has something to say."""
    if lacking := missing_memory(network, samples, n_rows, training):
        raise RuntimeError(f"device='cuda': {lacking}.")
