"""Partial gradients summed, penalised, clipped, and the optimisers: a thread a parameter."""

import math
from typing import Any

import numpy as np

from grukit.kernels.cuda import _cuda
from grukit.kernels.cuda._cuda import cuda, float64
from grukit.kernels.cuda.batches import DECAY, EPSILON, FAILED, LOSS, NUMBER, PIECE, RATE, SCALE, STEP, WEIGHT
from grukit.kernels.scalar import ADAM, ADAMW, ONE, SGD, adam_step, rmsprop_step, sgd_step

# Entries of ``settings`` (float64).
SOLVER, MOMENTUM, NESTEROV, BETA_1, BETA_2, EPSILON_SETTING, ALPHA, CLIP_NORM = range(8)
SETTINGS_SIZE = 8
RMSPROP_DECAY = 0.99  # PyTorch's default

THREADS = 256
BLOCKS = 64  # of the squares: as many partial sums


def sum_slots() -> Any:
    """Make the kernel."""

    def kernel(slots, control, gradient):  # type: ignore[no-untyped-def]
        """Add up the partial gradients of a piece, in slot order, on top of those of the pieces before.

        slots     (S, P)  in
        gradient  (P,)    out, or in and out
        """
        i = cuda.grid(1)
        if i >= gradient.size:
            return
        total = slots[0, i]
        for slot in range(1, slots.shape[0]):
            total += slots[slot, i]
        gradient[i] = total if control[PIECE] == 0 else gradient[i] + total

    return kernel


def penalize(dtype: str) -> Any:
    """Make the kernel; BLOCKS blocks."""
    cast = getattr(_cuda, dtype)

    def kernel(alpha, totals, parameters, penalized, gradient, parts):  # type: ignore[no-untyped-def]
        """Add the gradient of alpha / weight / 2 * sum of squared weights; sum the squares of the whole.

        parts  (BLOCKS,)  out  float64
        """
        shared = cuda.shared.array(THREADS, float64)
        strength = cast(alpha / totals[WEIGHT])
        total = float64(0)
        for i in range(cuda.grid(1), gradient.size, cuda.gridsize(1)):
            g = gradient[i] + strength * penalized[i] * parameters[i]
            gradient[i] = g
            total += float64(g) * float64(g)
        shared[cuda.threadIdx.x] = total
        cuda.syncthreads()
        half = THREADS // 2
        while half > 0:
            if cuda.threadIdx.x < half:
                shared[cuda.threadIdx.x] += shared[cuda.threadIdx.x + half]
            cuda.syncthreads()
            half //= 2
        if cuda.threadIdx.x == 0:
            parts[cuda.blockIdx.x] = shared[0]

    return kernel


def decide() -> Any:
    """Make the kernel; one thread."""

    def kernel(parts, rates, settings, control, totals, records):  # type: ignore[no-untyped-def]
        """Record the batch, and prepare the update, or note that the step is not finite.

        rates    (m,)    in   learning rate of each batch
        records  (m, 3)  out  sum of the losses, sum of their weights, norm of the gradient
        """
        squares = float64(0)
        for i in range(parts.size):
            squares += parts[i]
        norm = math.sqrt(squares)
        number = control[NUMBER]
        if control[FAILED] != 0:
            return
        records[number, 0], records[number, 1], records[number, 2] = totals[LOSS], totals[WEIGHT], norm
        if not (math.isfinite(totals[LOSS]) and math.isfinite(norm)):
            control[FAILED] = 1
            return
        control[NUMBER] = number + 1
        control[STEP] += 1
        solver, clip_norm = settings[SOLVER], settings[CLIP_NORM]
        totals[SCALE] = clip_norm / norm if norm > clip_norm else float64(1)
        totals[RATE], totals[EPSILON] = rates[number], settings[EPSILON_SETTING]
        if solver in (ADAM, ADAMW):
            step = float64(control[STEP])
            root = math.sqrt(float64(1) - math.pow(settings[BETA_2], step))
            totals[RATE] = rates[number] * root / (float64(1) - math.pow(settings[BETA_1], step))
            totals[EPSILON] = settings[EPSILON_SETTING] * root
        totals[DECAY] = rates[number] * settings[ALPHA] if solver == ADAMW else float64(0)

    return kernel


def update(dtype: str) -> Any:
    """Make the kernel."""
    cast = getattr(_cuda, dtype)
    squares_decay = np.dtype(dtype).type(RMSPROP_DECAY)

    def kernel(settings, control, totals, gradient, penalized, parameters, previous, m, v):  # type: ignore[no-untyped-def]
        """One optimiser step, left out where a step was not finite.

        gradient, penalized  (P,)  in
        parameters, m, v     (P,)  in, out
        previous             (P,)  out  the parameters before the step
        """
        i = cuda.grid(1)
        if i >= gradient.size or control[FAILED] != 0:
            return
        p, g = parameters[i], cast(totals[SCALE]) * gradient[i]
        rate, epsilon, solver = cast(totals[RATE]), cast(totals[EPSILON]), settings[SOLVER]
        previous[i] = p
        if solver == SGD:
            nesterov = settings[NESTEROV] != 0
            parameters[i], m[i] = sgd_step(p, g, m[i], rate, cast(settings[MOMENTUM]), nesterov)
        elif solver in (ADAM, ADAMW):
            kept = p * (ONE - cast(totals[DECAY]) * penalized[i])
            beta_1, beta_2 = cast(settings[BETA_1]), cast(settings[BETA_2])
            parameters[i], m[i], v[i] = adam_step(kept, g, m[i], v[i], rate, beta_1, beta_2, epsilon)
        else:
            parameters[i], v[i] = rmsprop_step(p, g, v[i], rate, squares_decay, epsilon)

    return kernel
