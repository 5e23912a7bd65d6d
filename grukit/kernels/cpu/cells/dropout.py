"""Dropout: what is set to zero in training is drawn anew for every use, from a counter instead of a stream.

A number depends on the seed, the layer, the sample's own number, the step and the unit, and on nothing else: not on the
threads, on how samples are batched, nor on the device. So nothing is stored either: the backward pass draws the same again.
"""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import noinline
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.matrices import times
from grukit.kernels.scalar import ONE, after_dropout, dropout_key, dropout_threshold

# Two streams for each row of the layer table.
INPUT_STREAM, RECURRENT_STREAM = 0, 1


@inner
def _drop(key: Any, rate: float, values: Any) -> None:
    """Set a share of ``rate`` of values (n,) to zero and scale the others by 1 / (1 - rate)."""
    threshold = dropout_threshold(rate)
    scale = values.dtype.type(1.0 / (1.0 - rate))
    for j in range(values.size):
        values[j] = after_dropout(values[j], scale, key, j, threshold)


@inner
def drop_inputs(dropout: Any, layer: int, samples: Any, first: int, values: Any) -> None:
    """Drop a share of the inputs of a layer, or of their gradient, in place.

    samples  (B,)       in   numbers of the samples
    values   (T, B, D)  in and out
    """
    noinline()
    if dropout is None:
        return
    if dropout.inputs > 0:
        for t in range(values.shape[0]):
            for b in range(values.shape[1]):
                key = dropout_key(dropout.seed, 2 * layer + INPUT_STREAM, samples[b], first + t)
                _drop(key, dropout.inputs, values[t, b])


@inner
def draw_mask(dropout: Any, row: int, samples: Any, mask: Any) -> None:
    """The recurrent mask of a chunk, one for all steps of a sequence (Gal and Ghahramani 2016); ones where there is none.

    samples  (B,)    in   numbers of the samples
    mask     (B, H)  out
    """
    noinline()
    if dropout is None:
        return
    for b in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            mask[b, j] = ONE
        if dropout.recurrent > 0:
            key = dropout_key(dropout.seed, 2 * row + RECURRENT_STREAM, samples[b], 0)
            _drop(key, dropout.recurrent, mask[b])


# --- the mask in a layer: None where a network has no dropout ----------------------------------------------------------


@inner
def masked_state(masked: bool, mask: Any, h: Any, out: Any) -> Any:
    """The state (B, H) as it enters a recurrent product: itself, or, written to ``out``, times the mask."""
    if mask is None or not masked:
        return h
    times(h, mask, out)
    return out


@inner
def times_mask(masked: bool, mask: Any, values: Any) -> None:
    """Multiply values (B, H), such as the gradient of what :func:`masked_state` returned, by the mask."""
    if mask is None or not masked:
        return
    times(values, mask, values)


@inner
def mask_of(mask: Any, b: int, j: int) -> Any:
    """What the mask makes of unit j of row b."""
    if mask is None:
        return ONE
    return mask[b, j]


@inner
def mask_states(masked: bool, mask: Any, h: Any) -> None:
    """Multiply h (T, B, H) by the mask (B, H) at every step, for the weights' gradients."""
    if mask is None or not masked:
        return
    for t in range(h.shape[0]):
        times(h[t], mask, h[t])
