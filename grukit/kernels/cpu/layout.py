"""Where things lie: the layer table, the network types, named views of the flat parameters and of a chunk's workspace."""

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from grukit.kernels.cpu._jit import apart, inner, kernel, view

# Columns of the layer table: a row for each direction of each layer, then the head. The head has inputs, outputs, the
# offset of its weight (W_IH) and of its bias (B_IH). -1: there is no such parameter; a cell with one bias has no B_HH, H_0
# are learned initial states, and only the first row may have DECAY.
INPUTS, UNITS, W_IH, W_HH, B_IH, B_HH, H_0, DECAY = range(8)


class Dropout(NamedTuple):
    """Shares that are set to zero in training, and what the draw depends on; see :mod:`grukit.kernels.cpu.dropout`."""

    inputs: float  # of the inputs of every layer, the head's too
    recurrent: float  # of the state as it enters the recurrent products
    seed: int


class GRU(NamedTuple):
    """What a kernel needs to know of a network of GRU layers, reset gate after the recurrent product.

    The cell is the type, not a field: a kernel compiled for one cell then holds no code of the others, which halves the
    time to compile.
    """

    per_step: bool  # an output at every step, or one a sequence
    bidirectional: bool
    decay: bool  # of missing values; the inputs are then (last value, whether seen, time since) of each
    dropout: Dropout
    layers: np.ndarray  # int64, the layer table; offsets count from the start of the flat parameters


class GRUResetBefore(NamedTuple):
    """As :class:`GRU`, reset gate before the recurrent product."""

    per_step: bool
    bidirectional: bool
    decay: bool
    dropout: Dropout
    layers: np.ndarray


class DualState(NamedTuple):
    """As :class:`GRU`, of the unit with two states; ``damped``: h takes the factor 1 - z."""

    per_step: bool
    bidirectional: bool
    decay: bool
    dropout: Dropout
    layers: np.ndarray
    damped: bool


class CellStorage(NamedTuple):
    """What a cell stores for a step and row, in multiples of its units."""

    planes: int  # of the gates
    memory: int  # 1 where there is a second state c
    states: int  # that inference carries from step to step; the last is the layer's output
    blocks: int  # of the recurrent weights


CELL_STORAGE = {
    GRU: CellStorage(4, 0, 1, 3),
    GRUResetBefore: CellStorage(4, 0, 1, 3),
    DualState: CellStorage(7, 1, 3, 5),
}


def cell_storage(network: Any) -> CellStorage:
    """The :class:`CellStorage` of the network's cell; a name for kernels, resolved by the type of ``network``."""
    raise NotImplementedError("kernels only")


@overload(cell_storage)
def _cell_storage(network: Any) -> Any:
    planes, memory, states, blocks = CELL_STORAGE[network.instance_class]

    def numbers(network: Any) -> Any:
        return CellStorage(planes, memory, states, blocks)

    return numbers


class Weights(NamedTuple):
    """One direction of a layer: w_ih (3H, D), w_hh (G H, H), b_ih (G H,), b_hh (3H,); a cell with one bias has b_hh (0,)."""

    w_ih: np.ndarray
    w_hh: np.ndarray
    b_ih: np.ndarray
    b_hh: np.ndarray


class Cache(NamedTuple):
    """What one direction of a layer keeps of a chunk."""

    h: np.ndarray  # (T+1, B, H)
    c: np.ndarray  # (T+1, B, H), or (0, B, H) without a second state
    gates: np.ndarray  # (planes, T, B, H)
    d_states: np.ndarray  # (T, B, H) gradient that reaches the output of each step from outside
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
def layer_weights(network: Any, parameters: Any, layer: Any) -> Any:
    """Named views of one direction of a layer in the flat vector (of parameters or of their gradients)."""
    apart()
    D, H, blocks = layer[INPUTS], layer[UNITS], cell_storage(network).blocks
    w_ih = view(parameters, layer[W_IH], (3 * H, D))
    w_hh = view(parameters, layer[W_HH], (blocks * H, H))
    b_ih = parameters[layer[B_IH] : layer[B_IH] + blocks * H]
    b_hh = parameters[layer[B_HH] : layer[B_HH] + (3 * H if blocks == 3 else 0)]
    return Weights(w_ih, w_hh, b_ih, b_hh)


@inner
def head_weights(parameters: Any, head: Any) -> Any:
    """The head's weight (K, H) and bias (K,), views of the flat vector."""
    apart()
    H, K = head[INPUTS], head[UNITS]
    weight = view(parameters, head[W_IH], (K, H))
    return weight, parameters[head[B_IH] : head[B_IH] + K]


@inner
def n_directions(network: Any) -> int:
    """Passes of a layer: forward in time, or both ways."""
    return 2 if network.bidirectional else 1


@inner
def hands_copies(network: Any) -> bool:
    """Whether a layer hands a copy of its states up: joined, thinned or read at each row's end, not as they lie."""
    return network.bidirectional or network.dropout.inputs > 0 or cell_storage(network).memory > 0


@inner
def n_columns(network: Any) -> int:
    """Numbers a step that the network is given."""
    return network.layers[0, INPUTS] // 2 * 3 if network.decay else network.layers[0, INPUTS]


@inner
def widest(layers: Any) -> int:
    """Units of the widest recurrent layer."""
    apart()
    most = 0
    for row in range(layers.shape[0] - 1):
        most = max(most, layers[row, UNITS])
    return most


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
