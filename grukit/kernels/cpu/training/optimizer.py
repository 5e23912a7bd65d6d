"""Clipping and the optimisers, each one fused loop over the flat parameter vector."""

import math
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import inner, outer
from grukit.kernels.cpu.products.sums import sum_of_squares
from grukit.kernels.scalar import ADAM, ADAMW, ONE, SGD, adam_step, rmsprop_step, sgd_step

RMSPROP_DECAY = 0.99  # PyTorch's default


class Optimizer(NamedTuple):
    """An optimiser's settings and state; P is the number of parameters."""

    solver: int  # SGD, ADAM, ADAMW or RMSPROP
    momentum: float
    nesterov: bool
    beta_1: float
    beta_2: float
    epsilon: float
    alpha: float  # L2 penalty; for ADAMW the decoupled weight decay
    clip_norm: float  # largest gradient norm, inf for none
    parameters: np.ndarray  # (P,)
    previous: np.ndarray  # (P,) the parameters before the last step
    penalized: np.ndarray  # (P,) one for weights, zero for biases
    first_moment: np.ndarray  # (P,)
    second_moment: np.ndarray  # (P,)
    step: np.ndarray  # (1,) int64, steps taken


def idle_optimizer(parameters: np.ndarray) -> Optimizer:
    """An optimiser that only carries the parameters."""
    none = parameters[:0]
    return Optimizer(
        SGD, 0.0, False, 0.0, 0.0, 0.0, 0.0, 0.0, parameters, none, none, none, none, np.zeros(1, np.int64)
    )


# The squares of a gradient are summed by pieces, so that its norm has the same bits for any number of threads.
PIECES = 16


@outer
def _begin(piece: int, n: int) -> int:
    """Where a piece of n parameters begins: at a cache line, so that one thread alone writes to a line."""
    return min(n, piece * ((n // PIECES + 16) // 16 * 16))


@outer
def share(thread: int, team: int, n: int) -> Any:
    """A thread's own part first..last of n parameters, whole pieces."""
    return _begin(thread * PIECES // team, n), _begin((thread + 1) * PIECES // team, n)


@inner
def own(values: Any, first: int, last: int) -> Any:
    """The values first..last: a loop over them is vectorised, one from ``first`` on asks at each whether it is negative."""
    return view(values, first, (last - first,))


@inner
def sum_squares(thread: int, team: int, gradient: Any, squares: Any) -> None:
    """Write the sums of the squares of a thread's own pieces into squares (PIECES,), in float64."""
    noinline()
    for piece in range(thread * PIECES // team, (thread + 1) * PIECES // team):
        squares[piece] = sum_of_squares(own(gradient, _begin(piece, gradient.size), _begin(piece + 1, gradient.size)))


@inner
def add_penalty(optimizer: Any, strength: float, first: int, last: int, gradient: Any) -> None:
    """Add strength * weights to the gradient, the derivative of strength / 2 * sum of squared weights."""
    noinline()
    parameters, penalized = own(optimizer.parameters, first, last), own(optimizer.penalized, first, last)
    gradient = own(gradient, first, last)
    strength = parameters.dtype.type(strength)
    for i in range(parameters.size):
        gradient[i] += strength * penalized[i] * parameters[i]


@inner
def update(optimizer: Any, first: int, last: int, rate: float, norm: float, gradient: Any) -> None:
    """Step ``step + 1`` on the parameters first..last; keeps what they were in ``previous``. Counting steps is the caller's.

    gradient  (P,)  in   of Euclidean length ``norm``; it is scaled down to ``clip_norm`` where it is longer
    """
    noinline()
    dtype = gradient.dtype.type
    p, previous = own(optimizer.parameters, first, last), own(optimizer.previous, first, last)
    m, v = own(optimizer.first_moment, first, last), own(optimizer.second_moment, first, last)
    penalized, gradient = own(optimizer.penalized, first, last), own(gradient, first, last)
    scale = dtype(optimizer.clip_norm / norm) if norm > optimizer.clip_norm else dtype(1)
    p_rate, epsilon = dtype(rate), dtype(optimizer.epsilon)
    for i in range(p.size):
        previous[i] = p[i]
    if optimizer.solver == SGD:
        momentum = dtype(optimizer.momentum)
        for i in range(p.size):
            p[i], m[i] = sgd_step(p[i], scale * gradient[i], m[i], p_rate, momentum, optimizer.nesterov)
    elif optimizer.solver == ADAM or optimizer.solver == ADAMW:
        step = optimizer.step[0] + 1.0
        root = math.sqrt(1.0 - optimizer.beta_2**step)
        m_rate = dtype(rate * root / (1.0 - optimizer.beta_1**step))
        beta_1, beta_2, epsilon = dtype(optimizer.beta_1), dtype(optimizer.beta_2), dtype(optimizer.epsilon * root)
        decay = dtype(rate * optimizer.alpha) if optimizer.solver == ADAMW else dtype(0)
        for i in range(p.size):
            kept = p[i] * (ONE - decay * penalized[i])
            p[i], m[i], v[i] = adam_step(kept, scale * gradient[i], m[i], v[i], m_rate, beta_1, beta_2, epsilon)
    else:
        for i in range(p.size):
            p[i], v[i] = rmsprop_step(p[i], scale * gradient[i], v[i], p_rate, dtype(RMSPROP_DECAY), epsilon)
