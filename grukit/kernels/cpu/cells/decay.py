"""Missing values that decay: GRU-D.

Source: Che et al. 2018, "Recurrent Neural Networks for Multivariate Time Series with Missing Values", eq. 10-12. Of every
input the layer receives the last value seen (v), whether it is seen now (m) and how long ago it last was (d)::

    input  m v + (1 - m) f v, and m      f = exp(-max(0, w d + b)), one w and b for each input
    state  g h'                          g = exp(-max(0, W d + b)), W (H, n)

Inputs are centred, so that what decays to zero decays to the mean.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import inner, outer
from grukit.kernels.cpu.products.matrices import times
from grukit.kernels.cpu.storage.layout import DECAY, INPUTS, UNITS
from grukit.kernels.cpu.storage.segments import AREA_BEFORE, ROWS, STEPS
from grukit.kernels.scalar import ONE, ZERO


class Decay(NamedTuple):
    """Parameters of n inputs and H units: input_weight, input_bias (n,), state_weight (H, n), state_bias (H,)."""

    input_weight: np.ndarray
    input_bias: np.ndarray
    state_weight: np.ndarray
    state_bias: np.ndarray


@outer
def decay_weights(network: Any, parameters: Any) -> Any:
    """The views in the flat vector (of parameters or of their gradients)."""
    layer = network.layers[0]
    n, H, offset = layer[INPUTS] // 2, layer[UNITS], layer[DECAY]
    state = offset + 2 * n
    return Decay(
        parameters[offset : offset + n],
        parameters[offset + n : state],
        view(parameters, state, (H, n)),
        parameters[state + H * n : state + H * n + H],
    )


@inner
def _activation(weights: Any, x: Any, j: int) -> Any:
    """W d + b of unit j; x (3n,)."""
    n = weights.input_bias.size
    total = weights.state_bias[j]
    for k in range(n):
        total += weights.state_weight[j, k] * x[2 * n + k]
    return total


@inner
def _factor(activation: Any) -> Any:
    return math.exp(-activation) if activation > ZERO else ONE


@inner
def decay_forward(network: Any, parameters: Any, x: Any, lengths: Any, inputs: Any, state: Any) -> None:
    """Inputs of the first layer, and the factors of its state.

    x        (T, B, 3n)          in   columns v, m, d
    lengths  (B,)                in
    inputs   (T, B, 2n)          out  decayed values, m
    state    (T, B, H)           out  g; one beyond a row's end
    """
    noinline()
    weights = decay_weights(network, parameters)
    n = weights.input_bias.size
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            for k in range(n):
                seen = x[t, b, n + k]
                f = _factor(weights.input_weight[k] * x[t, b, 2 * n + k] + weights.input_bias[k])
                inputs[t, b, k] = x[t, b, k] * (seen + (ONE - seen) * f)
                inputs[t, b, n + k] = seen
            for j in range(state.shape[2]):
                state[t, b, j] = _factor(_activation(weights, x[t, b], j)) if t < lengths[b] else ONE


@inner
def decay_backward(
    network: Any, parameters: Any, x: Any, lengths: Any, d_inputs: Any, d_state: Any, d_x: Any, d_parameters: Any
) -> None:
    """Gradients of :func:`decay_forward`.

    d_inputs (T, B, 2n), d_state (T, B, H)  in
    d_x           (T, B, 3n) or (0, B, 3n)  out  empty: not wanted
    d_parameters  (P,)                      out  added to
    """
    noinline()
    weights, d_weights = decay_weights(network, parameters), decay_weights(network, d_parameters)
    n, wanted = weights.input_bias.size, d_x.shape[0] > 0
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            if t >= lengths[b]:
                for k in range(d_x.shape[2] if wanted else 0):
                    d_x[t, b, k] = ZERO
                continue
            for k in range(n):
                v, seen, since, d = x[t, b, k], x[t, b, n + k], x[t, b, 2 * n + k], d_inputs[t, b, k]
                a = weights.input_weight[k] * since + weights.input_bias[k]
                f = _factor(a)
                d_a = -f * d * v * (ONE - seen) if a > ZERO else ZERO * d
                d_weights.input_weight[k] += d_a * since
                d_weights.input_bias[k] += d_a
                if wanted:
                    d_x[t, b, k] = d * (seen + (ONE - seen) * f)
                    d_x[t, b, n + k] = d * v * (ONE - f) + d_inputs[t, b, n + k]
                    d_x[t, b, 2 * n + k] = d_a * weights.input_weight[k]
            for j in range(d_state.shape[2]):
                a = _activation(weights, x[t, b], j)
                d_a = -_factor(a) * d_state[t, b, j] if a > ZERO else ZERO * a
                d_weights.state_bias[j] += d_a
                for k in range(n):
                    d_weights.state_weight[j, k] += d_a * x[t, b, 2 * n + k]
                    if wanted:
                        d_x[t, b, 2 * n + k] += d_a * weights.state_weight[j, k]


@outer
def last_seen(values: Any, start: int, n_steps: int, b: int, segments: Any, x: Any) -> None:
    """Row b of x (area, 3n), the columns v, m, d, from the rows of a table from ``start`` on.

    values  (N, n + 1)  in   NaN where missing; the last column is the time since the row before
    """
    n, zero = x.shape[1] // 3, x.dtype.type(0)
    for k in range(n):
        last, since, seen, t = zero, zero, True, 0
        for s in range(segments.shape[0]):
            rows, row = segments[s, ROWS], segments[s, AREA_BEFORE] + b
            for _ in range(segments[s, STEPS] if b < rows else 0):
                if t < n_steps:
                    if t > 0:
                        since = values[start + t, n] + (ZERO if seen else since)
                    seen = not math.isnan(values[start + t, k])
                    if seen:
                        last = values[start + t, k]
                    x[row, k], x[row, n + k], x[row, 2 * n + k] = last, ONE if seen else ZERO, since
                else:
                    x[row, k] = x[row, n + k] = x[row, 2 * n + k] = ZERO
                row += rows
                t += 1


# --- the state: ``decay`` is None where nothing decays, and empty where a layer's states do not ---------------------------


@inner
def decayed_state(decay: Any, h: Any, t: int) -> Any:
    """The state h' (B, H) before step t, times its factors decay[0, t] where it decays; the product is decay[1, t]."""
    if decay is None or decay.shape[0] == 0:
        return h[t]
    times(h[t], decay[0, t], decay[1, t])
    return decay[1, t]


@inner
def decayed_states(decay: Any, h: Any) -> Any:
    """What :func:`decayed_state` returned at every step, (T, B, H)."""
    if decay is None or decay.shape[0] == 0:
        return h[: h.shape[0] - 1]
    return decay[1]


@inner
def decayed_state_backward(decay: Any, h: Any, t: int, d_h: Any, through: Any) -> None:
    """Back through g h': all of the gradient of the decayed state, d_h + through, goes to h' and to the factors.

    decay    (2, T, B, H)  in   decay[0, t] = g;  out  gradient of g
    h        (T+1, B, H)   in
    d_h      (B, H)        in, out
    through  (B, H)        in;  out  zero
    """
    if decay is None or decay.shape[0] == 0:
        return
    _decayed_state_backward(h[t], decay[0, t], d_h, through)


@inner
def _decayed_state_backward(h: Any, factors: Any, d_h: Any, through: Any) -> None:
    for b in range(h.shape[0]):
        for j in range(h.shape[1]):
            d = d_h[b, j] + through[b, j]
            d_h[b, j] = d * factors[b, j]
            factors[b, j] = d * h[b, j]
            through[b, j] = ZERO


@inner
def decay_in_place(decay: Any, t: int, h: Any) -> None:
    """At inference: multiply the state h (B, H) before step t by its factors decay[t], where it decays."""
    if decay is None or decay.shape[0] == 0:
        return
    times(h, decay[t], h)


@inner
def no_decay(decay: Any) -> Any:
    """The factors of a layer that is not the first."""
    if decay is None:
        return None
    return decay[:0]
