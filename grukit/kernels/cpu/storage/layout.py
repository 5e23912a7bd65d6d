"""What a network is to a kernel: the layer table, the network types, named views of the flat parameters."""

from typing import Any, Literal, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import anywhere, outer, overloaded

# Columns of the layer table: a row for each direction of each layer, then the head. The head has inputs, outputs, the
# offset of its weight (W_IH) and of its bias (B_IH). -1: there is no such parameter; a cell with one bias has no B_HH, H_0
# are learned initial states, and only the first row may have DECAY.
INPUTS, UNITS, W_IH, W_HH, B_IH, B_HH, H_0, DECAY = range(8)

# Columns of the table of embeddings, a row each: its first column in a row of the samples' table, how many it has, where its
# weights (n, width) begin in the flat parameters, how many numbers they are, and its first column among those that a decoder
# reads ahead, or -1. All of them lie before the first layer's weights.
COLUMN, WIDTH, WEIGHTS, SIZE, AHEAD = range(5)


class Dropout(NamedTuple):
    """Shares that are set to zero in training, and what the draw depends on; see :mod:`grukit.kernels.cpu.cells.dropout`."""

    inputs: float  # of the inputs of every layer, the head's too
    recurrent: float  # of the state as it enters the recurrent products
    seed: int


class Options(NamedTuple):
    """What a network may have beyond its layers; None: it has not."""

    bidirectional: Literal[True] | None
    decay: Literal[True] | None  # of missing values; the inputs are then (last value, whether seen, time since) of each
    dropout: Dropout | None
    segment: int | None = None  # rows of a sample that are one step; the oldest may hold fewer, and zeros before them
    decoder: Any = None  # a Decoder, to which the head gives the state that it begins with
    embeddings: Any = None  # in training, their table, int64; see :mod:`grukit.kernels.cpu.network.embedding`


class Decoder(NamedTuple):
    """A network that goes on ahead of a sample, from a state that another gives.

    See :mod:`grukit.kernels.cpu.network.decoder`. Its positions are ``steps`` times ``at_once``, one of which is 1.
    """

    network: Any  # of one layer, an output at every step, without options; its weights are in the same flat parameters
    steps: int  # that are taken one after another,
    at_once: int  # or alone, each from the first state
    rows: int  # of the table that are one step
    columns: np.ndarray  # (n,) int64, of the table, that are read in the rows ahead
    parts: int  # that the outputs have, one after another: of the series that are read jointly


class GRU(NamedTuple):
    """What a kernel needs to know of a network of GRU layers, reset gate after the recurrent product.

    The cell is the type, not a field, and a network without options has None for them: a kernel then holds no code of other
    cells, or of options: that takes a third to a half of the time to compile. Functions that ask for an option take it as an
    argument, because Numba leaves a branch out where an argument is None.
    """

    per_step: bool  # an output at every step, or one a sequence
    layers: np.ndarray  # int64, the layer table; offsets count from the start of the flat parameters
    options: Options | None


class GRUResetBefore(NamedTuple):
    """As :class:`GRU`, reset gate before the recurrent product."""

    per_step: bool
    layers: np.ndarray
    options: Options | None


class DualState(NamedTuple):
    """As :class:`GRU`, of the unit with two states, which always has options; ``damped``: h takes the factor 1 - z."""

    per_step: bool
    layers: np.ndarray
    options: Options
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
    """The :class:`CellStorage` of the network's cell, in a kernel a constant."""
    return CELL_STORAGE[type(network)]


@overloaded(cell_storage)
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


@outer
def layer_weights(network: Any, parameters: Any, layer: Any) -> Any:
    """Named views of one direction of a layer in the flat vector (of parameters or of their gradients)."""
    noinline()
    D, H, blocks = layer[INPUTS], layer[UNITS], cell_storage(network).blocks
    w_ih = view(parameters, layer[W_IH], (3 * H, D))
    w_hh = view(parameters, layer[W_HH], (blocks * H, H))
    b_ih = view(parameters, layer[B_IH], (blocks * H,))
    b_hh = view(parameters, layer[B_HH], (3 * H if blocks == 3 else 0,))
    return Weights(w_ih, w_hh, b_ih, b_hh)


@outer
def head_weights(parameters: Any, head: Any) -> Any:
    """The head's weight (K, H) and bias (K,), views of the flat vector."""
    noinline()
    H, K = head[INPUTS], head[UNITS]
    weight = view(parameters, head[W_IH], (K, H))
    return weight, view(parameters, head[B_IH], (K,))


@anywhere
def both_ways(options: Any) -> Any:
    """Whether layers go both ways in time, or None."""
    if options is None:
        return None
    return options.bidirectional


@anywhere
def decays(options: Any) -> Any:
    """Whether missing values decay, or None."""
    if options is None:
        return None
    return options.decay


@anywhere
def drops(options: Any) -> Any:
    """The network's :class:`Dropout`, or None."""
    if options is None:
        return None
    return options.dropout


@anywhere
def segment_of_rows(options: Any) -> Any:
    """Rows that are one step, or None: each is one."""
    if options is None:
        return None
    return options.segment


@anywhere
def decoder_of(options: Any) -> Any:
    """The network's :class:`Decoder`, or None."""
    if options is None:
        return None
    return options.decoder


@anywhere
def embeddings_of(options: Any) -> Any:
    """The table of embeddings, or None."""
    if options is None:
        return None
    return options.embeddings


@anywhere
def n_multiplied(layers: Any, n_parameters: int) -> int:
    """Parameters that a step multiplies by: all of ``n_parameters`` but those of embeddings, which lie before."""
    return n_parameters - layers[0, W_IH]


@anywhere
def n_directions(options: Any) -> int:
    """Passes of a layer: forward in time, or both ways."""
    return 1 if both_ways(options) is None else 2


@anywhere
def n_columns(options: Any, layers: Any) -> int:
    """Numbers a step that the network is given."""
    n = layers[0, INPUTS]
    return n if decays(options) is None else n // 2 * 3


@anywhere
def drops_inputs(dropout: Any) -> bool:
    """Whether some inputs of layers are set to zero."""
    if dropout is None:
        return False
    return dropout.inputs > 0


@outer
def masks_states(dropout: Any) -> bool:
    """Whether recurrent dropout multiplies the state by a mask."""
    if dropout is None:
        return False
    return dropout.recurrent > 0


@anywhere
def widest(layers: Any) -> int:
    """Units of the widest recurrent layer."""
    most = 0
    for row in range(layers.shape[0] - 1):
        most = max(most, layers[row, UNITS])
    return most
