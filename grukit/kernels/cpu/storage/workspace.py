"""Where things lie in a chunk's workspace: one flat array, cut into what layers keep and what they share."""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import anywhere, outer
from grukit.kernels.cpu.products.vectors import READ_BEYOND
from grukit.kernels.cpu.storage.layout import (
    INPUTS,
    UNITS,
    cell_storage,
    decays,
    drops,
    drops_inputs,
    n_directions,
)
from grukit.kernels.cpu.storage.segments import AREA_BEFORE, ROWS, ROWS_BEFORE, STEPS, area_of, most_rows, rows_of

# Rows of gradients and states that are multiplied at once for the weights' gradients. One Zen 4 core, GFLOP/s of 117 possible,
# of 32, 64 and 128 rows: 104, 108 and 110 at 32 units, 94, 96 and 98 at 128; with AVX2 101, 102 and 101, and 88, 84 and 95.
GRADIENT_ROWS = 128
# Numbers of projected inputs that inference makes at once: in the L2 cache still when the gate loop reads them.
PROJECTED = 65536


@anywhere
def steps_together(T: int, numbers: int) -> int:
    """Steps of T that are projected at once, of ``numbers`` numbers each."""
    return max(1, min(T, PROJECTED // numbers))


class Cache(NamedTuple):
    """What one direction of a layer keeps of a segment of a chunk, of T steps and B rows."""

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
    """Buffers that the layers of a chunk share."""

    # (copy_size,) each, empty where nothing is copied
    d_inputs: np.ndarray  # gradient of a layer's inputs
    reversed_inputs: np.ndarray  # the inputs backwards in time
    d_reversed: np.ndarray
    scratch: np.ndarray  # (.,)


@anywhere
def copies_outputs(options: Any, memory: int) -> bool:
    """Whether a layer's output is a copy of its states: joined, after dropout or read at each row's end."""
    if options is None:
        return False
    return options.bidirectional is not None or drops_inputs(options.dropout) or memory > 0


@anywhere
def _kept(network: Any, area: int, rows: int) -> int:
    """Numbers that a direction of a layer keeps, a unit, of segments with so many steps times rows, and rows."""
    cell = cell_storage(network)
    return (2 + cell.memory + cell.planes) * area + 2 * (1 + cell.memory) * rows


@anywhere
def _caches_size(network: Any, options: Any, n_rows: int, area: int, rows: int, B: int) -> int:
    """Numbers in the caches of the first ``n_rows`` rows of the layer table; a mask's place is there without dropout, too."""
    units = 0
    for row in range(n_rows):
        units += network.layers[row, UNITS]
    total = (_kept(network, area, rows) + B) * units
    if decays(options) is not None and n_rows > 0:
        total += 2 * area * network.layers[0, UNITS]
    return total


@anywhere
def _mask(dropout: Any, work: Any, offset: int, shape: Any) -> Any:
    if dropout is None:
        return None
    return view(work, offset, shape)


@anywhere
def _decay_factors(decay: Any, work: Any, offset: int, row: int, shape: Any) -> Any:
    if decay is None:
        return None
    T, B, H = shape
    return view(work, offset, (2 if row == 0 else 0, T, B, H))


@anywhere
def layer_cache(network: Any, work: Any, row: int, segments: Any, s: int) -> Any:
    """The views of row ``row`` of the layer table and of segment s in a chunk's workspace. The segments share a mask."""
    noinline()
    area, rows = area_of(segments), rows_of(segments)
    start = _caches_size(network, network.options, row, area, rows, segments[0, ROWS])
    H, T, B = network.layers[row, UNITS], segments[s, STEPS], segments[s, ROWS]
    cell = cell_storage(network)
    n = B * H
    offset = start + _kept(network, segments[s, AREA_BEFORE], segments[s, ROWS_BEFORE]) * H
    h = view(work, offset, (T + 1, B, H))
    offset += (T + 1) * n
    c = view(work, offset, (cell.memory * (T + 1), B, H))
    offset += cell.memory * (T + 1) * n
    gates = view(work, offset, (cell.planes, T, B, H))
    offset += cell.planes * T * n
    d_states = view(work, offset, (T, B, H))
    offset += T * n
    d_h = view(work, offset, (B, H))
    d_c = view(work, offset + n, (cell.memory * B, H))
    offset = start + _kept(network, area, rows) * H
    mask = _mask(drops(network.options), work, offset, (B, H))
    offset += segments[0, ROWS] * H + 2 * segments[s, AREA_BEFORE] * H
    decay = _decay_factors(decays(network.options), work, offset, row, (T, B, H))
    return Cache(h, c, gates, d_states, d_h, d_c, mask, decay)


class _Sections(NamedTuple):
    """Where the parts of a workspace after the caches begin, and its end."""

    outputs: int
    last: int
    decayed: int
    copies: int
    copy_size: int
    scratch: int
    end: int


@anywhere
def _copies(network: Any, options: Any, area: int) -> Any:
    """Numbers in the copied outputs of all layers, in the decayed inputs, and in the largest inputs of a layer or the head.

    Zeros where everything is read where it lies.
    """
    if options is None:
        return 0, 0, 0
    layers = network.layers
    copied = copies_outputs(options, cell_storage(network).memory)
    units, most = 0, 0
    for row in range(layers.shape[0]):
        units += layers[row, UNITS] if copied and row < layers.shape[0] - 1 else 0
        most = max(most, layers[row, INPUTS])
    decayed = 0 if options.decay is None else area * layers[0, INPUTS]
    return area * units, decayed, area * most if copied or decayed > 0 else 0


@anywhere
def _sections(network: Any, area: int, rows: int, B: int) -> Any:
    layers, blocks = network.layers, cell_storage(network).blocks
    scratch = (layers[-1, INPUTS] + 1) * layers[-1, UNITS]  # the head, packed
    for row in range(layers.shape[0] - 1):
        D, H = layers[row, INPUTS], layers[row, UNITS]
        # Forward: packed weights, biases, and arrays of a step. Backward, besides: where the gradients are added up.
        of_steps = H * (blocks * H + 3 * D + 5) + B * (D + 6 * H)
        scratch = max(scratch, of_steps + (2 * max(GRADIENT_ROWS, B) + 6 * D + 5) * H)
    scratch += READ_BEYOND
    outputs_size, decayed_size, copy_size = _copies(network, network.options, area)
    outputs_at = _caches_size(network, network.options, layers.shape[0] - 1, area, rows, B)
    last_at = outputs_at + outputs_size
    decayed_at = last_at + 2 * B * layers[-1, INPUTS]
    copies_at = decayed_at + decayed_size
    scratch_at = copies_at + 3 * copy_size
    return _Sections(outputs_at, last_at, decayed_at, copies_at, copy_size, scratch_at, scratch_at + scratch)


@outer
def sections_of(network: Any, segments: Any) -> Any:
    """Where the parts after the caches begin."""
    noinline()
    return _sections(network, area_of(segments), rows_of(segments), segments[0, ROWS])


@outer
def copied_output(network: Any, work: Any, index: int, segments: Any) -> Any:
    """The output of layer ``index`` where it is a copy of its states, (area, units of all directions)."""
    noinline()
    layers, area = network.layers, area_of(segments)
    directions = n_directions(network.options)
    offset = sections_of(network, segments).outputs
    for row in range(index * directions):
        offset += area * layers[row, UNITS]
    return view(work, offset, (area, layers[(index + 1) * directions, INPUTS]))


@outer
def last_output(network: Any, work: Any, segments: Any) -> Any:
    """What the head reads of one output a sequence, the last states (B, units of all directions), and their gradient."""
    B, units = segments[0, ROWS], network.layers[-1, INPUTS]
    offset = sections_of(network, segments).last
    return view(work, offset, (B, units)), view(work, offset + B * units, (B, units))


@outer
def decayed_inputs(network: Any, work: Any, segments: Any) -> Any:
    """Inputs of the first layer where missing values decay, (area, D)."""
    return view(work, sections_of(network, segments).decayed, (area_of(segments), network.layers[0, INPUTS]))


@outer
def shared_buffers(network: Any, work: Any, segments: Any) -> Any:
    """The buffers after the caches."""
    noinline()
    at = sections_of(network, segments)
    first, n = at.copies, at.copy_size
    return Shared(
        view(work, first, (n,)),
        view(work, first + n, (n,)),
        view(work, first + 2 * n, (n,)),
        view(work, at.scratch, (at.end - at.scratch,)),
    )


@anywhere
def work_size(network: Any, T: int, B: int, alike: bool) -> int:
    """Numbers in the workspace of a chunk of B sequences of at most T steps; ``alike``: in one segment."""
    return _sections(network, T * B, most_rows(T, B, alike), B).end
