"""Predictions of many sequences by a network without options: ``LANES`` of them at a time, one in each lane of a vector.

A step then is products that stay in vector registers (:mod:`grukit.kernels.cpu.products.vectors`) and gate loops without a
remainder, whatever the number of units. A chunk that is not full is padded, so a prediction has the same bits alone and in
company.
"""

from typing import Any

from grukit.kernels.cpu.cells.dispatch import layer_lane_steps
from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, inner, kernel, outer
from grukit.kernels.cpu.inference.layers import write_outputs
from grukit.kernels.cpu.inference.packing import packed_layer
from grukit.kernels.cpu.network.linear import linear_forward
from grukit.kernels.cpu.products.matrices import copy
from grukit.kernels.cpu.products.vectors import LANES
from grukit.kernels.cpu.storage.layout import H_0, INPUTS, UNITS, head_weights, widest
from grukit.kernels.scalar import ZERO


@inner
def _gather(samples: Any, first: int, size: int, x: Any, lengths: Any) -> None:
    """Copy samples first..first + size into lanes; what lies beyond a row's end is zero, other lanes get no steps.

    x        (T, D, LANES)  out
    lengths  (LANES,)       out
    """
    T, D, L = x.shape
    for b in range(L):
        start, n = (samples.starts[first + b], samples.lengths[first + b]) if b < size else (0, 0)
        lengths[b] = n
        for t in range(T):
            for d in range(D):
                x[t, d, b] = samples.values[start + t, d] if t < n else ZERO


@outer
def _begin(network: Any, packed: Any, row: int, h: Any) -> None:
    """The state h (H, LANES) of a layer before the first step: learned, or zeros."""
    offset = network.layers[row, H_0]
    for j in range(h.shape[0]):
        for b in range(h.shape[1]):
            h[j, b] = packed[offset + j] if offset >= 0 else ZERO


@outer
def _all_steps(network: Any, packed: Any, x: Any, lengths: Any, work: Any) -> Any:
    """All steps of all layers; returns what the head reads: (T, H, LANES), or (1, H, LANES) after each row's last step."""
    noinline()
    T, _, L = x.shape
    layers = network.layers
    n_layers = layers.shape[0] - 1
    most = widest(layers)
    below, rest = x, rest_of(work, (2 * T + 1) * most * L)
    for row in range(n_layers):
        whole = network.per_step or row < n_layers - 1
        H = layers[row, UNITS]
        h = view(work, 2 * T * most * L, (H, L))
        out = view(work, row % 2 * T * most * L, (T if whole else 1, H, L))
        _begin(network, packed, row, h)
        layer_lane_steps(
            network, below, lengths, packed_layer(network, packed, row), h, out if whole else out[:0], rest
        )
        if not whole:
            copy(h, out[0])
        below = out
    return below


@inner
def _head(weight: Any, bias: Any, h: Any, rows: Any, out: Any) -> None:
    """Outputs (LANES, K) of the states h (H, LANES); rows (LANES, H) scratch."""
    for b in range(h.shape[1]):
        for j in range(h.shape[0]):
            rows[b, j] = h[j, b]
    linear_forward(rows, weight, bias, out)


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
    H = weight.shape[1]
    lengths, own = whole_numbers(work[thread], LANES), rest_of(work[thread], whole_numbers_size(LANES))
    out, rows, rest = view(own, 0, (LANES, K)), view(own, LANES * K, (LANES, H)), rest_of(own, LANES * (K + H))
    for first in range(thread * LANES, n, team * LANES):
        size, T = min(LANES, n - first), 0
        for b in range(size):
            T = max(T, samples.lengths[first + b])
        x = view(rest, 0, (T, D, LANES))
        _gather(samples, first, size, x, lengths)
        read = _all_steps(network, packed, x, lengths, rest_of(rest, x.size))
        for t in range(read.shape[0]):
            _head(weight, bias, read[t], rows, out)
            write_outputs(network, samples, first, size, t, lengths, out, outputs)


@anywhere
def predict_lanes_work_size(network: Any, T: int) -> int:
    """Numbers in one thread's workspace of :func:`predict_lanes`, of sequences of at most T steps."""
    layers = network.layers
    head = layers[-1, UNITS] + layers[-1, INPUTS]
    # Inputs; the outputs of two layers, and the state; gates, candidates, r h' and the state before.
    return whole_numbers_size(LANES) + LANES * (head + T * layers[0, INPUTS] + (2 * T + 1 + 6) * widest(layers))
