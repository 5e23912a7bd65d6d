"""Dropout: what is set to zero in training is drawn anew for every use, from a counter instead of a stream.

A number depends on the seed, the layer, the sample's own number, the step and the unit, and on nothing else: not on the
threads, on how samples are batched, nor on the device. So nothing is stored either: the backward pass draws the same again.
"""

from typing import Any

import numpy as np

from grukit.kernels.cpu._jit import apart, inner
from grukit.kernels.scalar import ONE, ZERO

# Two streams for each row of the layer table.
INPUT_STREAM, RECURRENT_STREAM = 0, 1


@inner
def _key(seed: int, stream: int, sample: int, step: int) -> Any:
    """32 random bits for one vector of units: SplitMix64 (Steele, Lea and Flood 2014) over the four numbers."""
    z = np.uint64(seed)
    for number in (stream, sample, step):
        z = (z ^ np.uint64(number)) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return np.uint32(z & np.uint64(0xFFFFFFFF))


@inner
def _thin(key: Any, rate: float, values: Any) -> None:
    """Set a share of ``rate`` of values (n,) to zero and scale the others by 1 / (1 - rate).

    The 32 bits of a unit are the key plus the unit's number, mixed by a hash of two multiplications (constants: Wellons,
    "Hash Prospector", in the public domain); all in 32 bits, so that the loop vectorises.
    """
    threshold = np.uint32(min(rate * 4294967296.0, 4294967295.0))
    scale = values.dtype.type(1.0 / (1.0 - rate))
    for j in range(values.size):
        bits = np.uint32(key + np.uint32(j) * np.uint32(0x9E3779B9))
        bits = np.uint32((bits ^ (bits >> np.uint32(16))) * np.uint32(0x21F0AAAD))
        bits = np.uint32((bits ^ (bits >> np.uint32(15))) * np.uint32(0x735A2D97))
        bits = bits ^ (bits >> np.uint32(15))
        values[j] = ZERO if bits < threshold else scale * values[j]


@inner
def drop_inputs(options: Any, layer: int, samples: Any, values: Any) -> None:
    """Thin the inputs of a layer, or their gradient, in place.

    samples  (B,)       in   numbers of the samples
    values   (T, B, D)  in and out
    """
    apart()
    if options is None:
        return
    if options.dropout.inputs > 0:
        for t in range(values.shape[0]):
            for b in range(values.shape[1]):
                key = _key(options.dropout.seed, 2 * layer + INPUT_STREAM, samples[b], t)
                _thin(key, options.dropout.inputs, values[t, b])


@inner
def draw_mask(options: Any, row: int, samples: Any, mask: Any) -> None:
    """The recurrent mask of a chunk, one for all steps of a sequence (Gal and Ghahramani 2016); ones where there is none.

    samples  (B,)    in   numbers of the samples
    mask     (B, H)  out
    """
    apart()
    if options is None:
        return
    for b in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            mask[b, j] = ONE
        if options.dropout.recurrent > 0:
            key = _key(options.dropout.seed, 2 * row + RECURRENT_STREAM, samples[b], 0)
            _thin(key, options.dropout.recurrent, mask[b])
