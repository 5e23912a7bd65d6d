"""Where things lie in a chunk's workspace: one flat array, cut into what layers keep and what they take turns in using."""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import apart, view
from grukit.kernels.cpu.compiler.jit import anywhere, outer
from grukit.kernels.cpu.products.matrices import SUMMED
from grukit.kernels.cpu.storage.layout import INPUTS, UNITS, cell_storage, decays, n_directions, thins_inputs, widest

# Steps whose inputs are projected at once: their planes should still be in the L2 cache when the gate loop comes by.
PROJECTED = 65536


@anywhere
def steps_together(T: int, numbers: int) -> int:
    """Steps of T that are projected at once, of ``numbers`` numbers each."""
    return max(1, min(T, PROJECTED // numbers))


class Cache(NamedTuple):
    """What one direction of a layer keeps of a chunk."""

    h: np.ndarray  # (T+1, B, H)
    c: np.ndarray  # (T+1, B, H), or (0, B, H) without a second state
    gates: np.ndarray  # (planes, T, B, H)
    d_states: np.ndarray  # (T, B, H) gradient that reaches the output of each step from outside; in the end, in all
    d_h: np.ndarray  # (B, H) gradient of the last state, in the end of the initial one
    d_c: np.ndarray  # (B, H) or (0, H), the same of c
    mask: np.ndarray | None  # (B, H) recurrent dropout: 0 or 1 / (1 - rate); None of a network without dropout
    # (2, T, B, H) factors of the state, and the state times them, or (0, T, B, H); None where nothing decays
    decay: np.ndarray | None


class Shared(NamedTuple):
    """What the layers of a chunk take turns in using."""

    rows: np.ndarray  # (3 B widest,)
    d_handed: np.ndarray  # gradient of what a layer was handed from below
    turned: np.ndarray  # the same backwards in time
    d_turned: np.ndarray
    scratch: np.ndarray


@anywhere
def hands_copies(options: Any, memory: int) -> bool:
    """Whether a layer hands a copy of its states up: joined, thinned or read at each row's end, not as they lie."""
    if options is None:
        return False
    return options.bidirectional is not None or thins_inputs(options.dropout) or memory > 0


@anywhere
def _caches_size(network: Any, options: Any, n_rows: int, T: int, B: int) -> int:
    """Numbers in the caches of the first ``n_rows`` rows of the layer table; a mask's place is there without dropout, too."""
    cell, units = cell_storage(network), 0
    for row in range(n_rows):
        units += network.layers[row, UNITS]
    total = ((1 + cell.memory) * (T + 2) + cell.planes * T + T + 1) * B * units
    if decays(options) is not None and n_rows > 0:
        total += 2 * T * B * network.layers[0, UNITS]
    return total


@anywhere
def _mask_and_decay(options: Any, work: Any, at: int, row: int, shape: Any) -> Any:
    """The arrays that only options need; shape (T, B, H)."""
    if options is None:
        return None, None
    _, B, H = shape
    return _mask(options.dropout, work, at, (B, H)), _decay_factors(options.decay, work, at + B * H, row, shape)


@anywhere
def _mask(dropout: Any, work: Any, at: int, shape: Any) -> Any:
    if dropout is None:
        return None
    return view(work, at, shape)


@anywhere
def _decay_factors(decay: Any, work: Any, at: int, row: int, shape: Any) -> Any:
    if decay is None:
        return None
    T, B, H = shape
    return view(work, at, (2 if row == 0 else 0, T, B, H))


@anywhere
def layer_cache(network: Any, work: Any, row: int, T: int, B: int) -> Any:
    """The views of row ``row`` of the layer table in a chunk's workspace."""
    apart()
    at = _caches_size(network, network.options, row, T, B)
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
    mask, decay = _mask_and_decay(network.options, work, at + (1 + cell.memory) * n, row, (T, B, H))
    return Cache(h, c, gates, d_states, d_h, d_c, mask, decay)


class _Sections(NamedTuple):
    """Where the parts of a workspace behind the caches begin, and its end."""

    handed: int
    decayed: int
    rows: int
    copies: int
    copy_size: int
    scratch: int
    end: int


@anywhere
def _copies(network: Any, options: Any, T: int, B: int) -> Any:
    """Numbers in all copies that layers hand up, in the decayed inputs, and in the largest of what a layer or the head reads.

    Zeros where everything is read where it lies.
    """
    if options is None:
        return 0, 0, 0
    layers = network.layers
    copied = hands_copies(options, cell_storage(network).memory)
    units, most = 0, 0
    for row in range(layers.shape[0]):
        units += layers[row, UNITS] if copied and row < layers.shape[0] - 1 else 0
        most = max(most, layers[row, INPUTS])
    decayed = 0 if options.decay is None else T * B * layers[0, INPUTS]
    return T * B * units, decayed, T * B * most if copied or decayed > 0 else 0


@anywhere
def _sections(network: Any, T: int, B: int) -> Any:
    layers, blocks = network.layers, cell_storage(network).blocks
    scratch = 0
    for row in range(layers.shape[0] - 1):
        D, H = layers[row, INPUTS], layers[row, UNITS]
        # Packed weights and biases, two arrays of a step, inputs with a column of ones: of as many rows as may be
        # projected at once, and not of as many as are, which may be more in a chunk of fewer rows.
        ones = max(B, min(T * B, PROJECTED // (4 * H))) * (D + 1)
        scratch = max(scratch, H * (blocks * H + 3 * D + 3) + 2 * B * H + ones, 2 * H + SUMMED)
    handed_size, decayed_size, copy_size = _copies(network, network.options, T, B)
    handed_at = _caches_size(network, network.options, layers.shape[0] - 1, T, B)
    decayed_at = handed_at + handed_size
    rows_at = decayed_at + decayed_size
    copies_at = rows_at + 3 * B * widest(layers)
    scratch_at = copies_at + 3 * copy_size
    return _Sections(handed_at, decayed_at, rows_at, copies_at, copy_size, scratch_at, scratch_at + scratch)


@outer
def handed(network: Any, work: Any, index: int, T: int, B: int) -> Any:
    """The copy (T, B, units of all directions) of the states that layer ``index`` hands up."""
    apart()
    layers = network.layers
    directions = n_directions(network.options)
    at = _sections(network, T, B).handed
    for row in range(index * directions):
        at += T * B * layers[row, UNITS]
    return view(work, at, (T, B, layers[(index + 1) * directions, INPUTS]))


@outer
def decayed_inputs(network: Any, work: Any, T: int, B: int) -> Any:
    """What the first layer hears where missing values decay, (T, B, D)."""
    return view(work, _sections(network, T, B).decayed, (T, B, network.layers[0, INPUTS]))


@outer
def shared_buffers(network: Any, work: Any, T: int, B: int) -> Any:
    """The buffers behind the caches."""
    apart()
    at = _sections(network, T, B)
    first, n = at.copies, at.copy_size
    return Shared(
        view(work, at.rows, (first - at.rows,)),
        view(work, first, (n,)),
        view(work, first + n, (n,)),
        view(work, first + 2 * n, (n,)),
        view(work, at.scratch, (at.end - at.scratch,)),
    )


@anywhere
def work_size(network: Any, T: int, B: int) -> int:
    """Numbers in the workspace of a chunk of B sequences of at most T steps."""
    return _sections(network, T, B).end
