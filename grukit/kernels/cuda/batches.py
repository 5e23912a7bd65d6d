"""What goes on around the network: which samples a batch holds, their gathering, the loss.

The device keeps count itself (``control``, ``totals``), so that the launches of a step are the same for every batch. A
batch that is too large for the memory set aside is taken in pieces.
"""

from typing import Any

import numpy as np

from grukit.kernels.cuda import _cuda
from grukit.kernels.cuda._cuda import cuda, float64, uint32
from grukit.kernels.scalar import ZERO, loss_derivative, loss_value

# Entries of ``control`` (int64): the batch, whether a step was not finite, optimiser steps taken, the next place in the
# order of the samples, the place where the batch ends, the piece.
NUMBER, FAILED, STEP, PLACE, END, PIECE = range(6)
CONTROL_SIZE = 8
# Entries of ``totals`` (float64): sums of losses and weights of the batch; then what an update takes.
LOSS, WEIGHT, SCALE, RATE, EPSILON, DECAY = range(6)
TOTALS_SIZE = 8

THREADS = 128
BLOCKS = 32  # of the loss: as many partial sums


def open_batch(per_step: bool) -> Any:
    """Make the kernel; one block."""

    def kernel(size, order, lengths, weights, control, totals):  # type: ignore[no-untyped-def]
        """Find the batch's place in the order and sum its weights.

        order    (n,)  in   numbers of the samples
        lengths  (n,)  in   of all samples;  weights (n,) likewise
        """
        parts = cuda.shared.array(THREADS, float64)
        i = cuda.threadIdx.x
        start = control[NUMBER] * size
        end = min(start + size, order.size)
        total = float64(0)
        for place in range(start + i, end, THREADS):
            sample = order[place]
            weight = float64(weights[sample])
            total += weight * lengths[sample] if per_step else weight
        parts[i] = total
        cuda.syncthreads()
        if i == 0:
            for other in range(1, THREADS):
                total += parts[other]
            totals[LOSS], totals[WEIGHT] = float64(0), total
            control[PLACE], control[END], control[PIECE] = start, end, 0

    return kernel


def gather() -> Any:
    """Make the kernel; a thread a number of x."""

    def kernel(order, values, starts, all_lengths, control, x, chunk, lengths):  # type: ignore[no-untyped-def]
        """Copy the piece's sequences out of the table, time first; what lies beyond a row's end is zero.

        values   (N, D)     in
        x        (T, B, D)  out
        chunk    (B,)       out  numbers of the samples; -1 where the batch has ended
        lengths  (B,)       out
        """
        T, B, D = x.shape
        i = cuda.grid(1)
        if i >= T * B * D:
            return
        d, b, t = i % D, i // D % B, i // (D * B)
        place = control[PLACE] + b
        inside = place < control[END]
        sample = order[place] if inside else 0
        length = all_lengths[sample] if inside else 0
        x[t, b, d] = values[starts[sample] + t, d] if t < length else ZERO
        if t == 0 and d == 0:
            chunk[b] = sample if inside else -1
            lengths[b] = length

    return kernel


def loss_of_piece(dtype: str, per_step: bool) -> Any:
    """Make the kernel; BLOCKS blocks."""
    number = np.dtype(dtype).type
    zero = number(0)
    cast = getattr(_cuda, dtype)

    def kernel(kind, levels, chunk, lengths, starts, targets, weights, totals, outputs, parts):  # type: ignore[no-untyped-def]
        """Weighted losses of a piece; ``outputs`` is overwritten by the derivative of the batch's weighted mean.

        levels   (M,)                    in   parameters of the loss, float64; each target has M outputs in a row
        targets  (n, K/M) or (N, K/M)    in   per sample, or per row of the table
        outputs  (B, K) or (T B, K)      in, out
        parts    (BLOCKS,)               out  partial sums, float64
        """
        shared = cuda.shared.array(THREADS, float64)
        B, M = chunk.size, levels.size
        K = targets.shape[1] * M
        total = float64(0)
        for row in range(cuda.grid(1), outputs.size // K, cuda.gridsize(1)):
            t, b = row // B, row % B
            sample = chunk[b]
            counts = sample >= 0 and (not per_step or t < lengths[b])
            weight = float64(weights[sample]) / K if counts else float64(0)
            factor = cast(weight / totals[WEIGHT])
            for k in range(K):
                at = uint32(row * K + k)
                if counts:
                    y = targets[starts[sample] + t, k // M] if per_step else targets[sample, k // M]
                    p, parameter = outputs[at], cast(levels[k % M])
                    total += weight * loss_value(kind, p, y, parameter)
                    outputs[at] = factor * loss_derivative(kind, p, y, parameter)
                else:
                    outputs[at] = zero
        shared[cuda.threadIdx.x] = total
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            for other in range(1, THREADS):
                total += shared[other]
            parts[cuda.blockIdx.x] = total

    return kernel


def close_piece() -> Any:
    """Make the kernel; one thread."""

    def kernel(rows, parts, control, totals):  # type: ignore[no-untyped-def]
        """Add up the losses of a piece and go on to the next ``rows`` samples."""
        total = totals[LOSS]
        for i in range(parts.size):
            total += parts[i]
        totals[LOSS] = total
        control[PLACE] += rows
        control[PIECE] += 1

    return kernel


def scatter(per_step: bool) -> Any:
    """Make the kernel; a thread a number of the outputs."""

    def kernel(K, chunk, lengths, starts, outputs, predictions):  # type: ignore[no-untyped-def]
        """Write the outputs of a piece to the place of their samples.

        outputs      (B, K) or (T B, K)  in
        predictions  (n, K) or (N, K)    out
        """
        B = chunk.size
        i = cuda.grid(1)
        if i >= outputs.size:
            return
        row, k = i // K, i % K
        t, b = row // B, row % B
        sample = chunk[b]
        if sample >= 0 and (not per_step or t < lengths[b]):
            predictions[starts[sample] + t if per_step else sample, k] = outputs[i]

    return kernel


def close_predicted() -> Any:
    """Make the kernel; one thread."""

    def kernel(rows, control):  # type: ignore[no-untyped-def]
        """Go on to the next ``rows`` samples."""
        control[PLACE] += rows

    return kernel
