"""Weights packed for inference.

A copy of the flat parameters with the same offsets, in which each layer's matrices are transposed and cut into panels, and the
biases that only ever come together are added up. For lanes the matrices stay as they are. The head's bias comes right after
its weight.
"""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.cells.dispatch import pack_recurrent
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import kernel, outer
from grukit.kernels.cpu.network.linear import pack_head
from grukit.kernels.cpu.products.vectors import pack_columns
from grukit.kernels.cpu.storage.layout import (
    B_HH,
    B_IH,
    INPUTS,
    UNITS,
    W_HH,
    W_IH,
    cell_storage,
    decoder_of,
    head_weights,
    layer_weights,
)


class Packed(NamedTuple):
    """One direction of a layer, packed: w_ih (3H D,), w_hh (G H H,), b_ih (G H,), b_hh (3H,) or (0,)."""

    w_ih: np.ndarray
    w_hh: np.ndarray
    b_ih: np.ndarray
    b_hh: np.ndarray


@kernel
def pack_network(network: Any, parameters: Any, rows: int, packed: Any) -> None:
    """Pack the weights for steps of ``rows`` sequences, 0: in lanes; parameters (P,) in, packed (P,) out."""
    for i in range(parameters.size):
        packed[i] = parameters[i]
    _pack(network, parameters, rows, packed)
    _pack_decoder(decoder_of(network.options), parameters, rows, packed)


@outer
def _pack_decoder(decoder: Any, parameters: Any, rows: int, packed: Any) -> None:
    if decoder is not None:
        _pack(decoder.network, parameters, rows, packed)


@outer
def _pack(network: Any, parameters: Any, rows: int, packed: Any) -> None:
    for row in range(network.layers.shape[0] - 1):
        weights = layer_weights(network, parameters, network.layers[row])
        own = packed_layer(network, packed, row)
        if rows > 0:
            pack_columns(weights.w_ih, 0, weights.w_ih.shape[1], own.w_ih)
            pack_recurrent(network, weights.w_hh, own.w_hh)
        # b_hh of the candidate is kept separate: it is multiplied by r, or added to a product of its own.
        for i in range(weights.b_hh.size // 3 * 2):
            own.b_ih[i] += weights.b_hh[i]
    if rows > 0:
        weight, bias = head_weights(parameters, network.layers[-1])
        pack_head(weight, bias, rest_of(packed, network.layers[-1, W_IH]))


@outer
def packed_layer(network: Any, packed: Any, row: int) -> Any:
    """The views of row ``row`` of the layer table in the packed parameters."""
    layer, blocks = network.layers[row], cell_storage(network).blocks
    D, H = layer[INPUTS], layer[UNITS]
    return Packed(
        view(packed, layer[W_IH], (3 * H * D,)),
        view(packed, layer[W_HH], (blocks * H * H,)),
        view(packed, layer[B_IH], (blocks * H,)),
        view(packed, layer[B_HH], (3 * H if blocks == 3 else 0,)),
    )
