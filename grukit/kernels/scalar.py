"""Arithmetic on single numbers: activations, losses, optimiser steps and dropout's draws, written once for both engines.

Everything here is generic over float32 and float64. Constants are float32, never literals: Numba takes a literal 0.5
for float64 and a literal 2 for int64, and either would widen a whole float32 expression to float64.

``FASTMATH`` leaves out ``nnan`` and ``ninf``: NaN and infinity keep their meaning, a diverging fit must be seen. And it
leaves out ``reassoc``: sums run in the order that is written, not in one by the length of the processor's vectors.
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

FASTMATH = {"nsz", "arcp", "contract", "afn"}

# Loss and solver numbers. Plain integers, because a kernel that takes functions as arguments never hits its cache.
SQUARED_ERROR, ABSOLUTE_ERROR, HUBER, QUANTILE, POISSON, LOG_LOSS, CROSS_ENTROPY = range(7)
SGD, ADAM, ADAMW, RMSPROP = range(4)

# Exact in float32, so they take the type of whatever they are combined with.
ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)

# tanh(x) = x P(x^2) / Q(x^2) on |x| <= TANH_LIMIT: our own reweighted least-squares fit of the relative error, which is
# 6e-9 before rounding; evaluated in float32 the largest error is 4e-7 absolute, and the result never exceeds 1.
TANH_LIMIT = np.float32(7.9)
P = tuple(
    np.float32(c)
    for c in (
        0.9999999943483,
        0.13450621411227584,
        0.003578993029316716,
        2.2023262012749732e-05,
        1.5427997197113394e-08,
    )
)
Q = tuple(
    np.float32(c) for c in (0.46783949411445086, 0.02619224174407679, 0.00034236522084622257, 8.598789856069121e-07)
)

# The same for tanh(x / 2) / 2, by powers of two, which round nothing: sigmoid takes two operations less, to the same bits.
HALF_LIMIT = TANH_LIMIT + TANH_LIMIT
HALF_P, HALF_Q = (tuple(c / np.float32(4 ** (k + 1)) for k, c in enumerate(each)) for each in (P, Q))


@register_jitable(fastmath=FASTMATH)
def _ratio(x: Any, limit: Any, p: Any, q: Any) -> Any:
    """Give x P(x^2) / Q(x^2) on |x| <= limit, and what it is there beyond."""
    # The comparisons are this way round so that NaN passes through.
    x = limit if x > limit else x
    x = -limit if x < -limit else x
    u = x * x
    above = p[0] + u * (p[1] + u * (p[2] + u * (p[3] + u * p[4])))
    return x * above / (ONE + u * (q[0] + u * (q[1] + u * (q[2] + u * q[3]))))


@register_jitable(fastmath=FASTMATH)
def _rational_tanh(x: Any) -> Any:
    return _ratio(x, TANH_LIMIT, P, Q)


@register_jitable(fastmath=FASTMATH)
def _exact_tanh(x: Any) -> Any:
    return math.tanh(x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent of one number.

    float64 is exact (``math.tanh``, 11 ns an element); float32 is a clamped rational approximation, because it
    vectorises: 0.3 ns an element, largest error 4e-7.
    """
    return math.tanh(x)


@overload(tanh)
def _tanh(x: Any) -> Any:
    return _rational_tanh if x is types.float32 else _exact_tanh


@register_jitable(fastmath=FASTMATH)
def _rational_sigmoid(x: Any) -> Any:
    return HALF + _ratio(x, HALF_LIMIT, HALF_P, HALF_Q)


@register_jitable(fastmath=FASTMATH)
def _exact_sigmoid(x: Any) -> Any:
    return HALF + HALF * _exact_tanh(HALF * x)


def sigmoid(x: Any) -> Any:
    """Logistic function, 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2; saturates without overflow.

    float64 is exact; float32 takes the approximation of :func:`tanh`.
    """
    return HALF + HALF * math.tanh(HALF * x)


@overload(sigmoid)
def _sigmoid(x: Any) -> Any:
    return _rational_sigmoid if x is types.float32 else _exact_sigmoid


# --- losses: value and derivative with respect to the prediction p, side by side; y is the target ---------------------
# Each is a loss of one number. CROSS_ENTROPY couples the numbers of a row, so it is a loop and lives with the loops.


@register_jitable(fastmath=FASTMATH)
def loss_value(kind: Any, p: Any, y: Any, parameter: Any) -> Any:
    """Loss of one prediction p against one target y.

    squared error (p - y)^2; absolute error |p - y|; Huber (1964) with delta = ``parameter``; pinball loss (Koenker and
    Bassett 1978) of the quantile ``parameter``; Poisson deviance up to a constant, exp(p) - y p, p being the logarithm
    of the rate; log loss log(1 + exp(p)) - y p, p being the log odds of y = 1.
    """
    e = p - y
    if kind == SQUARED_ERROR:
        return e * e
    if kind == ABSOLUTE_ERROR:
        return abs(e)
    if kind == HUBER:
        return HALF * e * e if abs(e) <= parameter else parameter * (abs(e) - HALF * parameter)
    if kind == QUANTILE:
        return (ONE - parameter) * e if e > ZERO else -parameter * e
    if kind == LOG_LOSS:  # no overflow, and where y is 0 or 1 no difference of nearly equal numbers
        return ((ONE if p > ZERO else ZERO) - y) * p + math.log1p(math.exp(-abs(p)))
    return math.exp(p) - y * p


@register_jitable(fastmath=FASTMATH)
def loss_derivative(kind: Any, p: Any, y: Any, parameter: Any) -> Any:
    """Derivative of :func:`loss_value` with respect to p; 0 where p == y, also for losses with a kink there."""
    e = p - y
    if kind == SQUARED_ERROR:
        return e + e
    if kind == HUBER and abs(e) <= parameter:
        return e
    if kind == POISSON:
        return math.exp(p) - y
    if kind == LOG_LOSS:
        odds = math.exp(-abs(p))
        large, small = ONE / (ONE + odds), odds / (ONE + odds)
        return (ONE - y) * large - y * small if p > ZERO else (ONE - y) * small - y * large
    # What is left is straight on each side of zero.
    if kind == QUANTILE:
        below, above = parameter, ONE - parameter
    elif kind == HUBER:
        below, above = parameter, parameter
    else:
        below, above = ONE, ONE
    if e > ZERO:
        return above
    if e < ZERO:
        return -below
    return e  # zero, or NaN, which must be seen


# --- optimiser steps on one parameter p with gradient g --------------------------------------------------------------


@register_jitable(fastmath=FASTMATH)
def sgd_step(p: Any, g: Any, m: Any, rate: Any, momentum: Any, nesterov: Any) -> Any:
    """Gradient descent with momentum (Sutskever et al. 2013, in PyTorch's form); returns p, m."""
    m = momentum * m + g
    return (p - rate * (g + momentum * m) if nesterov else p - rate * m), m


@register_jitable(fastmath=FASTMATH)
def adam_step(p: Any, g: Any, m: Any, v: Any, rate: Any, beta_1: Any, beta_2: Any, epsilon: Any) -> Any:
    """Adam (Kingma and Ba 2015), epsilon after the bias correction as in the paper's text; returns p, m, v.

    ``rate`` and ``epsilon`` arrive already corrected for bias: rate * sqrt(c_2) / c_1 and epsilon * sqrt(c_2), with
    c_i = 1 - beta_i^step, which is the paper's own efficient form of the same update.
    """
    m = m + (ONE - beta_1) * (g - m)
    v = v + (ONE - beta_2) * (g * g - v)
    return p - rate * m / (math.sqrt(v) + epsilon), m, v


@register_jitable(fastmath=FASTMATH)
def rmsprop_step(p: Any, g: Any, v: Any, rate: Any, decay: Any, epsilon: Any) -> Any:
    """RMSprop (Tieleman and Hinton 2012), epsilon outside the root; returns p, v."""
    v = v + (ONE - decay) * (g * g - v)
    return p - rate * g / (math.sqrt(v) + epsilon), v


# --- dropout: drawn from a counter, so that both engines draw the same -----------------------------------------------


@register_jitable
def dropout_key(seed: Any, stream: Any, sample: Any, step: Any) -> Any:
    """32 random bits for one vector of units: SplitMix64 (Steele, Lea and Flood 2014) over the four numbers."""
    z = np.uint64(seed)
    for number in (np.uint64(stream), np.uint64(sample), np.uint64(step)):
        z = (z ^ number) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return np.uint32(z & np.uint64(0xFFFFFFFF))


@register_jitable
def dropout_bits(key: Any, j: Any) -> Any:
    """32 random bits of unit j: the key plus the unit's number, mixed by a hash of two multiplications.

    Constants: Wellons, "Hash Prospector", in the public domain; all in 32 bits, so that a loop over units vectorises.
    """
    bits = np.uint32(key + np.uint32(j) * np.uint32(0x9E3779B9))
    bits = np.uint32((bits ^ (bits >> np.uint32(16))) * np.uint32(0x21F0AAAD))
    bits = np.uint32((bits ^ (bits >> np.uint32(15))) * np.uint32(0x735A2D97))
    return np.uint32(bits ^ (bits >> np.uint32(15)))


@register_jitable
def dropout_threshold(rate: Any) -> Any:
    """Bits below it are of units that are set to zero, a share of ``rate``."""
    return np.uint32(min(rate * 4294967296.0, 4294967295.0))


@register_jitable
def after_dropout(value: Any, scale: Any, key: Any, j: Any, threshold: Any) -> Any:
    """Zero where unit j is dropped, or else ``scale`` times the value; ``scale`` is 1 / (1 - rate) in the value's type."""
    return ZERO if dropout_bits(key, j) < threshold else scale * value
