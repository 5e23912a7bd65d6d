"""Inference: one step at a time through all layers, keeping nothing but the states.

The weights are packed once: a copy of the flat parameters with the same offsets, in which each layer's matrices are
transposed, and cut into panels where the BLAS wants them, and the biases that only ever come together are added up.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from grukit.kernels.cpu._jit import inlined, inner, kernel
from grukit.kernels.cpu.linear import linear_forward
from grukit.kernels.cpu.network import (
    B_HH,
    B_IH,
    GRU,
    INPUTS,
    UNITS,
    W_HH,
    W_IH,
    GRUResetBefore,
    head_weights,
    layer_weights,
    widest,
)
from grukit.kernels.cpu.products import multiply, pack, step_width
from grukit.kernels.scalar import ZERO, sigmoid, tanh


@kernel
def pack_network(network: Any, parameters: Any, rows: int, packed: Any) -> None:
    """Pack the weights for steps of ``rows`` sequences; parameters (P,) in, packed (P,) out."""
    layers = network.layers
    for i in range(parameters.size):
        packed[i] = parameters[i]
    for index in range(layers.shape[0] - 1):
        D, H = layers[index, INPUTS], layers[index, UNITS]
        weights = layer_weights(parameters, layers[index])
        at = layers[index, W_IH]
        pack(weights.w_ih.T, step_width(rows, D, 3 * H, packed), packed[at : at + 3 * H * D])
        at = layers[index, W_HH]
        pack_recurrent(network, weights.w_hh, rows, packed[at : at + 3 * H * H])
        for i in range(2 * H):
            packed[layers[index, B_IH] + i] += weights.b_hh[i]


def pack_recurrent(network: Any, w_hh: Any, rows: int, packed: Any) -> None:
    """Pack the recurrent weights as the network's cell uses them; a name for kernels."""
    raise NotImplementedError("kernels only")


@overload(pack_recurrent)
def _pack_recurrent(network: Any, w_hh: Any, rows: int, packed: Any) -> Any:
    def gru(network: Any, w_hh: Any, rows: int, packed: Any) -> None:
        pack(w_hh.T, step_width(rows, w_hh.shape[1], w_hh.shape[0], packed), packed)

    def reset_before(network: Any, w_hh: Any, rows: int, packed: Any) -> None:
        H = w_hh.shape[1]
        pack(w_hh[: 2 * H].T, step_width(rows, H, 2 * H, packed), packed[: 2 * H * H])
        pack(w_hh[2 * H :].T, step_width(rows, H, H, packed), packed[2 * H * H :])

    return {GRU: gru, GRUResetBefore: reset_before}[network.instance_class]


@inner
def _gru_step(x: Any, active: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, work: Any) -> None:
    """One step of one layer; h (B, H) in and out, w_ih, w_hh packed (3H D,), (3H H,), b_ih with r and z of b_hh added."""
    B, H = h.shape
    n = B * 3 * H
    rows_x, rows_h, part = work[:n].reshape(B, 3 * H), work[n : 2 * n].reshape(B, 3 * H), work[2 * n :]
    multiply(x, w_ih, step_width(B, x.shape[1], 3 * H, w_ih), part, rows_x)
    multiply(h, w_hh, step_width(B, H, 3 * H, w_hh), part, rows_h)
    for b in range(B):
        if not active[b]:
            continue
        for j in range(H):
            r = sigmoid(rows_x[b, j] + rows_h[b, j] + b_ih[j])
            z = sigmoid(rows_x[b, H + j] + rows_h[b, H + j] + b_ih[H + j])
            q = rows_h[b, 2 * H + j] + b_hh[2 * H + j]
            n_j = tanh(rows_x[b, 2 * H + j] + b_ih[2 * H + j] + r * q)
            h[b, j] = n_j + z * (h[b, j] - n_j)


@inner
def _gru_reset_before_step(x: Any, active: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, work: Any) -> None:
    """As :func:`_gru_step`, reset gate before the recurrent product."""
    B, H = h.shape
    n = B * H
    rows_x, rows_rz = work[: 3 * n].reshape(B, 3 * H), work[3 * n : 5 * n].reshape(B, 2 * H)
    reset, rows_n, part = work[5 * n : 6 * n].reshape(B, H), work[6 * n : 7 * n].reshape(B, H), work[7 * n :]
    multiply(x, w_ih, step_width(B, x.shape[1], 3 * H, w_ih), part, rows_x)
    multiply(h, w_hh[: 2 * H * H], step_width(B, H, 2 * H, w_hh), part, rows_rz)
    for b in range(B):
        for j in range(H):
            reset[b, j] = sigmoid(rows_x[b, j] + rows_rz[b, j] + b_ih[j]) * h[b, j]
    multiply(reset, w_hh[2 * H * H :], step_width(B, H, H, w_hh), part, rows_n)
    for b in range(B):
        if not active[b]:
            continue
        for j in range(H):
            z = sigmoid(rows_x[b, H + j] + rows_rz[b, H + j] + b_ih[H + j])
            n_j = tanh(rows_x[b, 2 * H + j] + b_ih[2 * H + j] + rows_n[b, j] + b_hh[2 * H + j])
            h[b, j] = n_j + z * (h[b, j] - n_j)


def layer_step(
    network: Any, x: Any, active: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, work: Any
) -> None:
    """One step of one layer of the network's cell; a name for kernels."""
    raise NotImplementedError("kernels only")


@overload(layer_step)
def _layer_step(
    network: Any, x: Any, active: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, work: Any
) -> Any:
    step = {GRU: _gru_step, GRUResetBefore: _gru_reset_before_step}[network.instance_class]

    def run(network: Any, x: Any, active: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, h: Any, work: Any) -> None:
        step(x, active, w_ih, w_hh, b_ih, b_hh, h, work)

    return run


@kernel
def states_size(network: Any, rows: int) -> int:
    """Numbers in the states of all layers, one layer's (rows, H) after another's."""
    total = 0
    for index in range(network.layers.shape[0] - 1):
        total += rows * network.layers[index, UNITS]
    return total


@kernel
def inference_work_size(network: Any, rows: int) -> int:
    """Numbers in the workspace of :func:`network_step`, of ``rows`` sequences, and their inputs and outputs."""
    layers = network.layers
    return rows * (10 * widest(layers) + layers[0, INPUTS] + layers[-1, UNITS])


@inlined
def network_step(network: Any, packed: Any, x: Any, active: Any, states: Any, work: Any) -> Any:
    """One step of all layers; returns the view of the last layer's states (B, H).

    packed  (P,)            in   from :func:`pack_network`, for as many rows
    x       (B, D)          in
    active  (B,)            in   whether a row takes the step; the others keep their states
    states  (states_size,)  in and out
    work    (inference_work_size,)  scratch
    """
    B = x.shape[0]
    at = 0
    below = x
    for index in range(network.layers.shape[0] - 1):
        layer = network.layers[index]
        D, H = layer[INPUTS], layer[UNITS]
        h = states[at : at + B * H].reshape(B, H)
        at += B * H
        w_ih, w_hh = packed[layer[W_IH] : layer[W_IH] + 3 * H * D], packed[layer[W_HH] : layer[W_HH] + 3 * H * H]
        b_ih, b_hh = packed[layer[B_IH] : layer[B_IH] + 3 * H], packed[layer[B_HH] : layer[B_HH] + 3 * H]
        layer_step(network, below, active, w_ih, w_hh, b_ih, b_hh, h, work)
        below = h
    return below


@kernel
def predict_chunks(
    thread: int, team: int, control: Any, network: Any, packed: Any, samples: Any, rows: int, outputs: Any, work: Any
) -> None:
    """One thread's part of the outputs of all samples.

    packed   (P,)              in   from :func:`pack_network`, for ``rows`` rows
    outputs  (n, K) or (N, K)  out  as ``samples.targets``, which is not read
    work     (n_threads, states_size + inference_work_size)  scratch

    Chunks are padded to ``rows`` sequences, so that every product has the same shape and a prediction has the same bits
    whatever other sequences are predicted with it.
    """
    n = samples.starts.size
    size, D, K = states_size(network, rows), network.layers[0, INPUTS], network.layers[-1, UNITS]
    states, rest = work[thread, :size], work[thread, size:]
    x, out = rest[: rows * D].reshape(rows, D), rest[rows * D : rows * (D + K)].reshape(rows, K)
    rest = rest[rows * (D + K) :]
    active = np.empty(rows, np.bool_)
    weight, bias = head_weights(packed, network.layers[-1])
    for first in range(thread * rows, n, team * rows):
        longest = 0
        for i in range(first, min(first + rows, n)):
            longest = max(longest, samples.lengths[i])
        states[:] = ZERO
        for t in range(longest):
            _inputs_of_step(samples, first, t, x, active)
            h = network_step(network, packed, x, active, states, rest)
            if network.per_step or t == longest - 1:
                linear_forward(h, weight, bias, out)
            if network.per_step:
                for b in range(rows):
                    if active[b]:
                        for k in range(K):
                            outputs[samples.starts[first + b] + t, k] = out[b, k]
        if not network.per_step:
            for b in range(min(rows, n - first)):
                for k in range(K):
                    outputs[first + b, k] = out[b, k]


@inner
def _inputs_of_step(samples: Any, first: int, t: int, x: Any, active: Any) -> None:
    """Step t of the samples from ``first`` on: x (B, D) out, active (B,) out; rows that have ended are zero."""
    for b in range(x.shape[0]):
        i = first + b
        active[b] = i < samples.starts.size and t < samples.lengths[i]
        for d in range(x.shape[1]):
            x[b, d] = samples.values[samples.starts[i] + t, d] if active[b] else ZERO
