"""Where things lie in a chunk's workspace: one flat array, cut into what layers keep and what they take turns in using."""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu._jit import apart, inner, kernel, view
from grukit.kernels.cpu.layout import INPUTS, UNITS, cell_storage, n_directions, widest


class Cache(NamedTuple):
    """What one direction of a layer keeps of a chunk."""

    h: np.ndarray  # (T+1, B, H)
    c: np.ndarray  # (T+1, B, H), or (0, B, H) without a second state
    gates: np.ndarray  # (planes, T, B, H)
    d_states: np.ndarray  # (T, B, H) gradient that reaches the output of each step from outside; in the end, in all
    d_h: np.ndarray  # (B, H) gradient of the last state, in the end of the initial one
    d_c: np.ndarray  # (B, H) or (0, H), the same of c
    mask: np.ndarray  # (B, H) recurrent dropout: 0 or 1 / (1 - rate)
    decay: np.ndarray  # (2, T, B, H) factors of the state, and the state times them; or (0, T, B, H)


class Shared(NamedTuple):
    """What the layers of a chunk take turns in using."""

    rows: np.ndarray  # (3 B widest,)
    d_handed: np.ndarray  # gradient of what a layer was handed from below
    turned: np.ndarray  # the same backwards in time
    d_turned: np.ndarray
    scratch: np.ndarray


@inner
def hands_copies(network: Any) -> bool:
    """Whether a layer hands a copy of its states up: joined, thinned or read at each row's end, not as they lie."""
    return network.bidirectional or network.dropout.inputs > 0 or cell_storage(network).memory > 0


@inner
def _cache_size(network: Any, row: int, T: int, B: int) -> int:
    """Numbers in the cache of one direction of a layer."""
    apart()
    cell = cell_storage(network)
    states = 1 + cell.memory
    planes = cell.planes + 1 + _decay_planes(network, row)
    return (states * (T + 2) + planes * T + 1) * B * network.layers[row, UNITS]


@inner
def _decay_planes(network: Any, row: int) -> int:
    return 2 if network.decay and row == 0 else 0


@inner
def _caches_size(network: Any, n_rows: int, T: int, B: int) -> int:
    apart()
    total = 0
    for row in range(n_rows):
        total += _cache_size(network, row, T, B)
    return total


@kernel
def layer_cache(network: Any, work: Any, row: int, T: int, B: int) -> Any:
    """The views of row ``row`` of the layer table in a chunk's workspace; from Python, see ``Pass.caches``."""
    apart()
    at = _caches_size(network, row, T, B)
    H = network.layers[row, UNITS]
    cell = cell_storage(network)
    n = B * H
    memory = cell.memory * (T + 1) * n
    h = view(work, at, (T + 1, B, H))
    at += (T + 1) * n
    c = view(work, at, (cell.memory * (T + 1), B, H))
    at += memory
    gates = view(work, at, (cell.planes, T, B, H))
    at += cell.planes * T * n
    d_states = view(work, at, (T, B, H))
    at += T * n
    d_h = view(work, at, (B, H))
    d_c = view(work, at + n, (cell.memory * B, H))
    at += n + cell.memory * n
    mask = view(work, at, (B, H))
    at += n
    planes = _decay_planes(network, row)
    return Cache(h, c, gates, d_states, d_h, d_c, mask, view(work, at, (planes, T, B, H)))


@inner
def _handed_size(network: Any, index: int, T: int, B: int) -> int:
    """Numbers that the layers below ``index`` hand up as copies."""
    apart()
    total = 0
    if hands_copies(network):
        for row in range(index * n_directions(network)):
            total += T * B * network.layers[row, UNITS]
    return total


@inner
def handed(network: Any, work: Any, index: int, T: int, B: int) -> Any:
    """The copy (T, B, units of all directions) of the states that layer ``index`` hands up."""
    apart()
    layers = network.layers
    at = _caches_size(network, layers.shape[0] - 1, T, B) + _handed_size(network, index, T, B)
    units = layers[(index + 1) * n_directions(network), INPUTS]
    return view(work, at, (T, B, units))


@inner
def _decayed_size(network: Any, T: int, B: int) -> int:
    return T * B * network.layers[0, INPUTS] if network.decay else 0


@inner
def decayed_inputs(network: Any, work: Any, T: int, B: int) -> Any:
    """What the first layer hears where missing values decay, (T, B, D)."""
    n_rows = network.layers.shape[0] - 1
    at = _caches_size(network, n_rows, T, B) + _handed_size(network, n_rows // n_directions(network), T, B)
    return view(work, at, (T, B, network.layers[0, INPUTS]))


@inner
def _scratch_size(network: Any, T: int, B: int) -> int:
    apart()
    largest = 0
    layers, blocks = network.layers, cell_storage(network).blocks
    for row in range(layers.shape[0] - 1):
        D, H = layers[row, INPUTS], layers[row, UNITS]
        # In a time loop: packed weights, steps' gradients, a panel of a product. After it: d_x of all steps, or what one
        # gate's weight gradient needs.
        in_loop = H * (blocks * H + 3 * D) + (blocks + 2) * B * H + 3 * B * H
        largest = max(largest, in_loop, H * D, T * B * D)
    return largest


@inner
def _turned_size(network: Any, T: int, B: int) -> int:
    """Numbers of the widest inputs of a layer or the head, where they are copied."""
    apart()
    most = 0
    if hands_copies(network) or network.decay:
        for row in range(network.layers.shape[0]):
            most = max(most, network.layers[row, INPUTS])
    return T * B * most


@inner
def shared_buffers(network: Any, work: Any, T: int, B: int) -> Any:
    """The buffers behind the caches."""
    apart()
    layers = network.layers
    at = _caches_size(network, layers.shape[0] - 1, T, B)
    at += _handed_size(network, (layers.shape[0] - 1) // n_directions(network), T, B) + _decayed_size(network, T, B)
    n_rows, n = 3 * B * widest(layers), _turned_size(network, T, B)
    rows = work[at : at + n_rows]
    at += n_rows
    end = at + 3 * n
    return Shared(
        rows,
        work[at : at + n],
        work[at + n : at + 2 * n],
        work[at + 2 * n : end],
        work[end : end + _scratch_size(network, T, B)],
    )


@kernel
def work_size(network: Any, T: int, B: int) -> int:
    """Numbers in the workspace of a chunk of B sequences of at most T steps."""
    layers = network.layers
    size = _caches_size(network, layers.shape[0] - 1, T, B)
    size += _handed_size(network, (layers.shape[0] - 1) // n_directions(network), T, B) + _decayed_size(network, T, B)
    return size + 3 * B * widest(layers) + 3 * _turned_size(network, T, B) + _scratch_size(network, T, B)
