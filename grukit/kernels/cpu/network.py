"""The whole network on one chunk of sequences: stacked recurrent layers and a linear head, forward and backward.

All storage of a chunk is cut from one flat workspace; nothing is allocated inside the loops.
"""

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from grukit.kernels.cpu._jit import inlined, inner, kernel
from grukit.kernels.cpu.gru import gru_backward, gru_forward
from grukit.kernels.cpu.gru_reset_before import gru_reset_before_backward, gru_reset_before_forward
from grukit.kernels.cpu.linear import linear_backward, linear_forward
from grukit.kernels.scalar import ZERO

# Columns of the layer table. Its last row is the head: inputs H, outputs K, weight, bias.
INPUTS, UNITS, W_IH, W_HH, B_IH, B_HH = range(6)


class GRU(NamedTuple):
    """What a kernel needs to know of a network of GRU layers, reset gate after the recurrent product.

    The cell is the type, not a field: a kernel compiled for one cell then holds no code of the others, which halves the
    time to compile.
    """

    per_step: bool  # an output at every step, or one a sequence
    layers: np.ndarray  # (L + 1, 6) int64, the layer table; offsets count from the start of the flat parameters


class GRUResetBefore(NamedTuple):
    """As :class:`GRU`, reset gate before the recurrent product."""

    per_step: bool
    layers: np.ndarray


class Weights(NamedTuple):
    """One recurrent layer: w_ih (3H, D), w_hh (3H, H), b_ih (3H,), b_hh (3H,); blocks r, z, n."""

    w_ih: np.ndarray
    w_hh: np.ndarray
    b_ih: np.ndarray
    b_hh: np.ndarray


class Cache(NamedTuple):
    """What one layer keeps of a chunk: h (T+1, B, H), gates (4, T, B, H), d_states (T, B, H), d_h (B, H)."""

    h: np.ndarray
    gates: np.ndarray
    d_states: np.ndarray
    d_h: np.ndarray


@inner
def layer_weights(parameters: Any, layer: Any) -> Any:
    """Named views of one layer's part of the flat vector (of parameters or of their gradients)."""
    D, H = layer[INPUTS], layer[UNITS]
    w_ih = parameters[layer[W_IH] : layer[W_IH] + 3 * H * D].reshape(3 * H, D)
    w_hh = parameters[layer[W_HH] : layer[W_HH] + 3 * H * H].reshape(3 * H, H)
    b_ih = parameters[layer[B_IH] : layer[B_IH] + 3 * H]
    b_hh = parameters[layer[B_HH] : layer[B_HH] + 3 * H]
    return Weights(w_ih, w_hh, b_ih, b_hh)


@inner
def head_weights(parameters: Any, head: Any) -> Any:
    """The head's weight (K, H) and bias (K,), views of the flat vector."""
    H, K = head[INPUTS], head[UNITS]
    weight = parameters[head[W_IH] : head[W_IH] + K * H].reshape(K, H)
    return weight, parameters[head[B_IH] : head[B_IH] + K]


@inner
def _caches_size(layers: Any, n_layers: int, T: int, B: int) -> int:
    """Numbers in the caches of the first ``n_layers`` layers: h, gates, d_states and d_h of each."""
    total = 0
    for index in range(n_layers):
        total += (6 * T + 2) * B * layers[index, UNITS]
    return total


@inner
def widest(layers: Any) -> int:
    """Units of the widest recurrent layer."""
    return layers[:-1, UNITS].max()


@kernel
def layer_cache(work: Any, layers: Any, index: int, T: int, B: int) -> Any:
    """The views of layer ``index`` in a chunk's workspace."""
    at = _caches_size(layers, index, T, B)
    H = layers[index, UNITS]
    n = B * H
    h = work[at : at + (T + 1) * n].reshape(T + 1, B, H)
    at += (T + 1) * n
    gates = work[at : at + 4 * T * n].reshape(4, T, B, H)
    at += 4 * T * n
    d_states = work[at : at + T * n].reshape(T, B, H)
    at += T * n
    return Cache(h, gates, d_states, work[at : at + n].reshape(B, H))


@inner
def _scratch_size(layers: Any, T: int, B: int) -> int:
    largest = 0
    for index in range(layers.shape[0] - 1):
        D, H = layers[index, INPUTS], layers[index, UNITS]
        # In a time loop: packed weights, one step's gradient, a panel of a product. After it: d_x of all steps, or what
        # one gate's weight gradient needs.
        in_loop = 3 * H * (H + D) + B * H + 3 * B * H
        largest = max(largest, in_loop, H * D, T * B * D)
    return largest


@kernel
def work_size(layers: Any, T: int, B: int) -> int:
    """Numbers in the workspace of a chunk of B sequences of at most T steps."""
    return _caches_size(layers, layers.shape[0] - 1, T, B) + 3 * B * widest(layers) + _scratch_size(layers, T, B)


def layer_forward(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, rows: Any, scratch: Any) -> None:
    """One layer of the network's cell; a name for kernels, resolved by the type of ``network``."""
    raise NotImplementedError("kernels only")


def layer_backward(
    network: Any, d_states: Any, x: Any, weights: Any, cache: Any, rows: Any, scratch: Any, d_x: Any, d_weights: Any
) -> None:
    """The gradients of :func:`layer_forward`."""
    raise NotImplementedError("kernels only")


@overload(layer_forward)
def _layer_forward(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, rows: Any, scratch: Any) -> Any:
    forward = {GRU: gru_forward, GRUResetBefore: gru_reset_before_forward}[network.instance_class]

    def run(network: Any, x: Any, weights: Any, lengths: Any, cache: Any, rows: Any, scratch: Any) -> None:
        forward(x, weights, lengths, cache.h, cache.gates, rows, scratch)

    return run


@overload(layer_backward)
def _layer_backward(
    network: Any, d_states: Any, x: Any, weights: Any, cache: Any, rows: Any, scratch: Any, d_x: Any, d_weights: Any
) -> Any:
    backward = {GRU: gru_backward, GRUResetBefore: gru_reset_before_backward}[network.instance_class]

    def run(
        network: Any, d_states: Any, x: Any, weights: Any, cache: Any, rows: Any, scratch: Any, d_x: Any, d_weights: Any
    ) -> None:
        backward(d_states, x, weights, cache.h, cache.gates, rows, scratch, cache.d_h, d_x, d_weights)

    return run


@inlined
def network_forward(network: Any, parameters: Any, x: Any, lengths: Any, work: Any, outputs: Any) -> None:
    """Outputs of a chunk. The initial states, h[0] of each layer's cache, are the caller's to set.

    parameters  (P,)               in
    x           (T, B, D)          in
    lengths     (B,)               in   steps of each row
    work        (work_size,)       in   initial states;  out  caches
    outputs     (B, K) or (T B, K) out  after each row's last step, or after every step
    """
    T, B, _ = x.shape
    layers = network.layers
    n_layers = layers.shape[0] - 1
    below = x
    for index in range(n_layers):
        weights = layer_weights(parameters, layers[index])
        cache = layer_cache(work, layers, index, T, B)
        rows, scratch = _buffers(work, layers, index, T, B)
        layer_forward(network, below, weights, lengths, cache, rows, scratch)
        below = cache.h[1:]
    weight, bias = head_weights(parameters, layers[n_layers])
    if network.per_step:
        linear_forward(below.reshape(T * B, below.shape[2]), weight, bias, outputs)
    else:
        linear_forward(below[T - 1], weight, bias, outputs)


@inlined
def network_backward(
    network: Any, parameters: Any, x: Any, work: Any, d_outputs: Any, d_x: Any, d_parameters: Any
) -> None:
    """Gradients of :func:`network_forward`, its lines in reverse. Each layer's d_h ends as the gradient of its h[0].

    d_outputs     (B, K) or (T B, K)      in
    d_x           (T, B, D) or (0, B, D)  out  empty: not wanted
    d_parameters  (P,)                    out  added to
    """
    T, B, _ = x.shape
    layers = network.layers
    n_layers = layers.shape[0] - 1
    weight, _ = head_weights(parameters, layers[n_layers])
    d_weight, d_bias = head_weights(d_parameters, layers[n_layers])
    top = layer_cache(work, layers, n_layers - 1, T, B)
    for index in range(n_layers):
        layer_cache(work, layers, index, T, B).d_h[:] = ZERO
    if network.per_step:
        H = top.h.shape[2]
        linear_backward(
            d_outputs, top.h[1:].reshape(T * B, H), weight, top.d_states.reshape(T * B, H), d_weight, d_bias
        )
    else:
        linear_backward(d_outputs, top.h[T], weight, top.d_h, d_weight, d_bias)
    for index in range(n_layers - 1, -1, -1):
        weights = layer_weights(parameters, layers[index])
        d_weights = layer_weights(d_parameters, layers[index])
        cache = layer_cache(work, layers, index, T, B)
        rows, scratch = _buffers(work, layers, index, T, B)
        if index > 0:
            lower = layer_cache(work, layers, index - 1, T, B)
            below, d_below = lower.h[1:], lower.d_states
        else:
            below, d_below = x, d_x
        # The top layer of a network with one output a sequence hears from its last state alone.
        d_states = cache.d_states if network.per_step or index < n_layers - 1 else cache.d_states[:0]
        layer_backward(network, d_states, below, weights, cache, rows, scratch, d_below, d_weights)


@inner
def _buffers(work: Any, layers: Any, index: int, T: int, B: int) -> Any:
    """``rows`` (B, 3H) and ``scratch``, shared by all layers, behind the caches."""
    at = _caches_size(layers, layers.shape[0] - 1, T, B)
    H = layers[index, UNITS]
    rows = work[at : at + 3 * B * H].reshape(B, 3 * H)
    at += 3 * B * widest(layers)
    return rows, work[at : at + _scratch_size(layers, T, B)]
