"""Clipping and the optimisers, each one fused loop over the flat parameter vector."""

import math
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu._jit import inner
from grukit.kernels.cpu.intrinsics import apart
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


@inner
def gradient_norm(gradient: Any) -> float:
    """Euclidean norm of the gradient (P,), summed in float64."""
    apart()
    total = 0.0
    for i in range(gradient.size):
        total += np.float64(gradient[i]) * np.float64(gradient[i])
    return math.sqrt(total)


@inner
def add_penalty(parameters: Any, penalized: Any, strength: float, gradient: Any) -> None:
    """Add strength * weights to the gradient, the derivative of strength / 2 * sum of squared weights."""
    apart()
    strength = parameters.dtype.type(strength)
    for i in range(parameters.size):
        gradient[i] += strength * penalized[i] * parameters[i]


@inner
def update(optimizer: Any, rate: float, norm: float, gradient: Any) -> None:
    """One optimiser step on ``parameters``; keeps what they were in ``previous``.

    gradient  (P,)  in   of Euclidean length ``norm``; it is scaled down to ``clip_norm`` where it is longer
    """
    apart()
    dtype = gradient.dtype.type
    p, m, v = optimizer.parameters, optimizer.first_moment, optimizer.second_moment
    optimizer.step[0] += 1
    scale = dtype(optimizer.clip_norm / norm) if norm > optimizer.clip_norm else dtype(1)
    p_rate, epsilon = dtype(rate), dtype(optimizer.epsilon)
    for i in range(p.size):
        optimizer.previous[i] = p[i]
    if optimizer.solver == SGD:
        momentum = dtype(optimizer.momentum)
        for i in range(p.size):
            p[i], m[i] = sgd_step(p[i], scale * gradient[i], m[i], p_rate, momentum, optimizer.nesterov)
    elif optimizer.solver == ADAM or optimizer.solver == ADAMW:
        step = float(optimizer.step[0])
        root = math.sqrt(1.0 - optimizer.beta_2**step)
        m_rate = dtype(rate * root / (1.0 - optimizer.beta_1**step))
        beta_1, beta_2, epsilon = dtype(optimizer.beta_1), dtype(optimizer.beta_2), dtype(optimizer.epsilon * root)
        decay = dtype(rate * optimizer.alpha) if optimizer.solver == ADAMW else dtype(0)
        for i in range(p.size):
            kept = p[i] * (ONE - decay * optimizer.penalized[i])
            p[i], m[i], v[i] = adam_step(kept, scale * gradient[i], m[i], v[i], m_rate, beta_1, beta_2, epsilon)
    else:
        for i in range(p.size):
            p[i], v[i] = rmsprop_step(p[i], scale * gradient[i], v[i], p_rate, dtype(RMSPROP_DECAY), epsilon)
