"""Predictions of many sequences by a network without options: ``LANES`` of them at a time, one in each lane of a vector.

A step then is products that stay in vector registers (:mod:`grukit.kernels.cpu.products.vectors`) and gate loops without a
remainder, whatever the number of units. A chunk that is not full is padded, so a prediction has the same bits alone and in
company. All layers take some steps, whose inputs and states are in the cache still when they are read, then the next ones.
"""

from typing import Any

from numba import types

from grukit.kernels.cpu.cells.dispatch import layer_lane_steps
from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, inner, kernel, outer, overloaded
from grukit.kernels.cpu.inference.layers import write_outputs
from grukit.kernels.cpu.inference.packing import packed_layer
from grukit.kernels.cpu.network.linear import linear_forward_in_lanes
from grukit.kernels.cpu.products.elementwise import copy
from grukit.kernels.cpu.products.transposing import transpose, transpose_places
from grukit.kernels.cpu.products.vectors import LANES
from grukit.kernels.cpu.storage.layout import H_0, INPUTS, UNITS, head_weights, widest
from grukit.kernels.cpu.storage.workspace import steps_together
from grukit.kernels.cpu.training.standardizing import scaled
from grukit.kernels.scalar import ZERO


@outer
def _begin_chunk(samples: Any, first: int, size: int, lengths: Any) -> int:
    """The lengths (LANES,) of samples first..first + size, the longest of which is returned; other lanes get no steps."""
    longest = 0
    for b in range(lengths.size):
        lengths[b] = samples.lengths[first + b] if b < size else 0
        longest = max(longest, lengths[b])
    return longest


@inner
def _gather(
    samples: Any, first: int, size: int, begun: int, lengths: Any, places: Any, own_lengths: Any, rows: Any, x: Any
) -> None:
    """Copy the steps from ``begun`` on of samples first..first + size into lanes; what is beyond a row's end is zero.

    lengths      (LANES,)       in
    places       (LANES,)       scratch
    own_lengths  (LANES,)       out  within these steps
    rows         (T D LANES,)   scratch
    x            (T, D, LANES)  out
    """
    T, D, L = x.shape
    fewest = T
    for b in range(size):
        own_lengths[b] = max(0, min(T, lengths[b] - begun))
        places[b] = (samples.starts[first + b] + begun) * D
        fewest = min(fewest, own_lengths[b])
    for b in range(size, L):  # their numbers are never used
        own_lengths[b] = 0
        places[b] = places[0]
    n, numbers, columns = fewest * D, view(samples.values, 0, (samples.values.size,)), view(x, 0, (T * D, L))
    into_lanes(samples.scaling, numbers, places, D, view(rows, 0, (L, n)), columns)
    for b in range(L):
        for j in range(n, T * D):
            within = j < own_lengths[b] * D
            columns[j, b] = scaled(samples.scaling, numbers[places[b] + j], j % D) if within else ZERO


def into_lanes(scaling: Any, numbers: Any, places: Any, D: int, rows: Any, columns: Any) -> None:
    """Write the n numbers after each of ``places``, standardised, to the columns of (n, LANES); rows (LANES, n) scratch."""
    raise NotImplementedError("kernels only")


@overloaded(into_lanes)
def _into_lanes(scaling: Any, numbers: Any, places: Any, D: int, rows: Any, columns: Any) -> Any:
    def as_they_are(scaling: Any, numbers: Any, places: Any, D: int, rows: Any, columns: Any) -> None:
        transpose_places(numbers, 0, places, rows.shape[1], columns)

    def standardized(scaling: Any, numbers: Any, places: Any, D: int, rows: Any, columns: Any) -> None:
        L, n = rows.shape
        for b in range(L):
            for at in range(0, n, D):
                source, out = view(numbers, places[b] + at, (D,)), view(rows, b * n + at, (D,))
                for d in range(D):
                    out[d] = scaled(scaling, source[d], d)
        transpose(rows, 0, n, columns, 0, L, L, n)

    return as_they_are if isinstance(scaling, types.NoneType) else standardized


@outer
def _begin_states(network: Any, packed: Any, states: Any) -> None:
    """The states (H, LANES) of all layers before the first step, one behind another: learned, or zeros."""
    at = 0
    for row in range(network.layers.shape[0] - 1):
        H, offset = network.layers[row, UNITS], network.layers[row, H_0]
        for j in range(H):
            for b in range(LANES):
                states[at + j * LANES + b] = packed[offset + j] if offset >= 0 else ZERO
        at += H * LANES


@outer
def _some_steps(network: Any, packed: Any, x: Any, lengths: Any, states: Any, work: Any) -> Any:
    """Some steps of all layers; returns what the head reads: (T, H, LANES), or (1, H, LANES) after each row's last step."""
    noinline()
    T, _, L = x.shape
    layers = network.layers
    n_layers = layers.shape[0] - 1
    size = T * widest(layers) * L
    below, rest, at = x, rest_of(work, 2 * size), 0
    for row in range(n_layers):
        whole = network.per_step or row < n_layers - 1
        H = layers[row, UNITS]
        h, out = view(states, at, (H, L)), view(work, row % 2 * size, (T if whole else 1, H, L))
        at += H * L
        layer_lane_steps(
            network, below, lengths, packed_layer(network, packed, row), h, out if whole else out[:0], rest
        )
        if not whole:
            copy(h, out[0])
        below = out
    return below


@kernel
def predict_lanes(
    thread: int, team: int, control: Any, network: Any, packed: Any, samples: Any, outputs: Any, work: Any
) -> None:
    """One thread's part of the outputs of all samples.

    packed   (P,)                            in   from :func:`pack_network`, for 0 rows: in lanes
    outputs  (n, K) or (N, K)                out  as ``samples.targets``, which is not read
    work     (n_threads, predict_lanes_work_size)  scratch
    """
    n, D, K = samples.starts.size, network.layers[0, INPUTS], network.layers[-1, UNITS]
    weight, bias = head_weights(packed, network.layers[-1])
    n_states = _states_size(network)
    numbers, own = whole_numbers(work[thread], 3 * LANES), rest_of(work[thread], whole_numbers_size(3 * LANES))
    lengths, own_lengths, places = (
        view(numbers, 0, (LANES,)),
        view(numbers, LANES, (LANES,)),
        view(numbers, 2 * LANES, (LANES,)),
    )
    out, scratch = view(own, 0, (LANES, K)), view(own, LANES * K, (LANES * max(K, weight.shape[1]),))
    states, rest = rest_of(own, out.size + scratch.size), rest_of(own, out.size + scratch.size + n_states)
    for first in range(thread * LANES, n, team * LANES):
        size = min(LANES, n - first)
        longest = _begin_chunk(samples, first, size, lengths)
        together = _together(network, longest)
        _begin_states(network, packed, states)
        for begun in range(0, longest, together):
            x = view(rest, 0, (min(together, longest - begun), D, LANES))
            rows, steps_rest = view(rest, x.size, (x.size,)), rest_of(rest, 2 * x.size)
            _gather(samples, first, size, begun, lengths, places, own_lengths, rows, x)
            read = _some_steps(network, packed, x, own_lengths, states, steps_rest)
            if network.per_step or begun + together >= longest:
                for t in range(read.shape[0]):
                    linear_forward_in_lanes(read[t], weight, bias, scratch, out)
                    write_outputs(network, samples, first, size, begun + t, lengths, out, outputs)


@anywhere
def _together(network: Any, T: int) -> int:
    """Steps of T that are taken together."""
    return steps_together(T, LANES * 2 * (network.layers[0, INPUTS] + widest(network.layers)))


@anywhere
def _states_size(network: Any) -> int:
    """Numbers in the states of all layers."""
    units = 0
    for row in range(network.layers.shape[0] - 1):
        units += network.layers[row, UNITS]
    return LANES * units


@anywhere
def predict_lanes_work_size(network: Any, T: int) -> int:
    """Numbers in one thread's workspace of :func:`predict_lanes`, of sequences of at most T steps."""
    layers = network.layers
    head = layers[-1, UNITS] + max(layers[-1, UNITS], layers[-1, INPUTS])
    # Inputs, in rows and in lanes, and the outputs of two layers; gates, candidates, r h' and the state before.
    steps = _together(network, T) * 2 * (layers[0, INPUTS] + widest(layers)) + 6 * widest(layers)
    return whole_numbers_size(3 * LANES) + LANES * (head + steps) + _states_size(network)
