"""The launches of the whole network for pieces of B sequences of T steps, and the memory they work on."""

from typing import Any

import numpy as np

from grukit.kernels.cuda._cuda import cuda, flat, pieces
from grukit.kernels.cuda.dropout import NO_DROPOUT, Draws, dropout_of
from grukit.kernels.cuda.layers import Layer, is_persistent, layer_backward, layer_forward, layer_gradients
from grukit.kernels.cuda.products import column_sums, product

# Columns of the layer table.
INPUTS, UNITS, W_IH, W_HH, B_IH, B_HH = range(6)

ROWS_OF_A_SLOT = 512  # steps times sequences whose weight gradients one slot sums
N_SLOTS = 32  # slots at most


def count_slots(T: int, B: int) -> int:
    """Slots of partial gradients for pieces of B sequences of T steps."""
    return max(1, min(N_SLOTS, pieces(T * B, ROWS_OF_A_SLOT)))


def bias_targets(table: np.ndarray, after: bool) -> np.ndarray:
    """Where the column sums of a layer's gate gradients r, z, n, q go in the flat vector, (4H, 2) int32; -1: nowhere."""
    H = int(table[UNITS])
    targets = np.full((4, H, 2), -1, np.int32)
    units = np.arange(H)
    for plane in range(3):
        targets[plane, :, 0] = table[B_IH] + plane * H + units
    for plane, block in ((0, 0), (1, 1), (3 if after else 2, 2)):
        targets[plane, :, 1] = table[B_HH] + block * H + units
    return targets.reshape(4 * H, 2)


class NetworkLaunches:
    """``forward`` and ``backward``: lists of launches between fixed arrays; the same with dropout, ``dropped``.

    Parameters
    ----------
    network : GRU or GRUResetBefore
        The network.
    parameters : device array (P,)
        The flat vector.
    T, B : int
        Steps and sequences of a piece.
    training : bool
        Whether there is a backward pass.
    precision : {"full", "tf32"}
        Of large products.

    Attributes
    ----------
    x : device array (T, B, D)
        Inputs, to be filled; ``lengths`` (B,) and ``chunk`` (B,), int32, likewise.
    outputs : device array (B K,) or (T B K,)
        Out; before the backward pass overwritten by their gradients.
    slots : device array (S, P)
        Out: partial gradients of the parameters.
    draws : Draws
        Of dropout, with the seed, to be filled.
    """

    def __init__(self, network: Any, parameters: Any, T: int, B: int, training: bool, precision: str):
        self.network, self.parameters, self.T, self.B, self.precision = network, parameters, T, B, precision
        self.table = network.layers
        dtype, D, K = parameters.dtype, int(self.table[0, INPUTS]), int(self.table[-1, UNITS])
        n_outputs = T * B if network.per_step else B
        self.x = cuda.device_array((T, B, D), dtype)
        self.chunk, self.lengths = cuda.device_array(B, np.int32), cuda.device_array(B, np.int32)
        self.outputs = cuda.device_array(n_outputs * K, dtype)
        self.slots = cuda.to_device(np.zeros((count_slots(T, B) if training else 1, parameters.size), dtype))
        self._layers = self._make_layers(training)
        top = self._layers[-1]
        states = top.h[B * top.H :] if network.per_step else top.h[T * B * top.H :]
        self._top = states.reshape(n_outputs, top.H)
        none = Draws(NO_DROPOUT, self.chunk)
        self.draws = Draws(dropout_of(network), self.chunk) if training else none
        self.forward, self.backward = self._passes(self._layers, self._top, none, training)
        self.dropped = self.forward, self.backward
        if self.draws:
            self.dropped = self._passes(self._dropped_layers(), self._input_buffer(self._top), self.draws, training)

    def _make_layers(self, training: bool) -> list[Layer]:
        T, B, dtype = self.T, self.B, self.parameters.dtype
        widest = int(self.table[:-1, UNITS].max())
        stepwise = any(not is_persistent(dtype, int(H)) for H in self.table[:-1, UNITS])
        size = B * widest if stepwise else 1
        rows, through = cuda.device_array((1, 3 * size), dtype), cuda.device_array((1, size), dtype)
        d_h = cuda.device_array(size, dtype)
        layers: list[Layer] = []
        below, last = self.x.reshape(T * B, int(self.table[0, INPUTS])), len(self.table) - 2
        for index in range(last + 1):
            D, H = int(self.table[index, INPUTS]), int(self.table[index, UNITS])
            n_steps = T if self.network.per_step or index < last else 1
            h = cuda.device_array((T + 1) * B * H, dtype)
            h[: B * H].copy_to_device(np.zeros(B * H, dtype))
            gates = cuda.device_array((T * B, 4 * H), dtype)
            d_outside = cuda.device_array((1, n_steps * B * H if training else 1), dtype)
            weights = self._weights(index, D, H)
            memory = (self.lengths, below, h, gates, d_outside, rows, through, d_h, self.precision)
            layers.append(Layer(type(self.network), T, B, D, H, *weights, *memory))
            below = h[B * H :].reshape(T * B, H)
        return layers

    def _weights(self, index: int, D: int, H: int) -> tuple[Any, Any, Any, Any]:
        table, p = [int(offset) for offset in self.table[index]], self.parameters
        w_ih = p[table[W_IH] : table[W_IH] + 3 * H * D].reshape(3 * H, D)
        w_hh = p[table[W_HH] : table[W_HH] + 3 * H * H].reshape(3 * H, H)
        return w_ih, w_hh, p[table[B_IH] : table[B_IH] + 3 * H], p[table[B_HH] : table[B_HH] + 3 * H]

    def _head(self) -> tuple[Any, Any]:
        H, K, weight, _, bias = (int(number) for number in self.table[-1, :5])
        return self.parameters[weight : weight + K * H].reshape(K, H), self.parameters[bias : bias + K]

    def _input_buffer(self, states: Any) -> Any:
        """Memory for the inputs (T B, D) of a layer or the head after dropout; without it they are read where they lie."""
        return cuda.device_array(states.shape, states.dtype) if self.draws.inputs else states

    def _dropped_layers(self) -> list[Layer]:
        """The layers as training takes them, with the memory that dropout needs."""
        layers = [self._layers[0], *(layer._replace(x=self._input_buffer(layer.x)) for layer in self._layers[1:])]
        if not self.draws.recurrent:
            return layers
        entered = cuda.device_array(max(layer.B * layer.H for layer in layers), layers[0].x.dtype)
        masks = [cuda.device_array(layer.B * layer.H, entered.dtype) for layer in layers]
        pairs = zip(layers, masks, strict=True)
        return [layer._replace(mask=(mask, entered[: mask.size])) for layer, mask in pairs]

    def _passes(self, layers: list[Layer], top: Any, draws: Draws, training: bool) -> tuple[list[Any], list[Any]]:
        """Forward and, where wanted, backward; ``top`` are the head's inputs."""
        return self._forward(layers, top, draws), self._backward(layers, top, draws) if training else []

    def _forward(self, layers: list[Layer], head_x: Any, draws: Draws) -> list[Any]:
        weight, bias = self._head()
        launches = []
        for index, (layer, plain) in enumerate(zip(layers, self._layers, strict=True)):
            launches += draws.drop(index, layer.D, flat(plain.x), flat(layer.x))
            if layer.mask:
                launches.append(draws.mask(index, layer.H, layer.mask[0]))
            launches += layer_forward(layer)
        launches += draws.drop(len(layers), head_x.shape[1], flat(self._top), flat(head_x))
        to = self.outputs.reshape(1, self.outputs.size)
        return [*launches, product("nt", head_x, weight, to, 0, weight.shape[0], bias, self.precision)]

    def _backward(self, layers: list[Layer], head_x: Any, draws: Draws) -> list[Any]:
        weight, _ = self._head()
        K, H = weight.shape
        top, n_outputs = layers[-1], self.outputs.size // K
        d_outputs = self.outputs.reshape(n_outputs, K)
        head = np.full((K, 2), -1, np.int32)
        head[:, 0] = self.table[-1, B_IH] + np.arange(K)
        launches = [
            product("tn", d_outputs, head_x, self.slots, int(self.table[-1, W_IH]), H, None, self.precision),
            column_sums(d_outputs, cuda.to_device(head), self.slots),
            product("nn", d_outputs, weight, top.d_outside, 0, H, None, self.precision),
            *draws.drop(len(layers), H, flat(top.d_outside), flat(top.d_outside)),
        ]
        for index in reversed(range(len(layers))):
            layer = layers[index]
            targets = cuda.to_device(bias_targets(self.table[index], layer.after))
            d_below = layers[index - 1].d_outside if index > 0 else None
            launches += layer_backward(layer)
            launches += layer_gradients(layer, self.slots, self.table[index], targets, d_below)
            if d_below is not None:
                launches += draws.drop(index, layer.D, flat(d_below), flat(d_below))
        return launches
