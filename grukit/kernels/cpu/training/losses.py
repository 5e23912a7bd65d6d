"""The losses of a chunk's outputs, and their derivatives. Equations: :mod:`grukit.kernels`."""

import math
from typing import Any

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import inner, outer
from grukit.kernels.cpu.products.sums import sum_of_squares
from grukit.kernels.cpu.storage.segments import FIRST, ROWS, STEPS
from grukit.kernels.cpu.training.standardizing import magnify
from grukit.kernels.scalar import CROSS_ENTROPY, ONE, SQUARED_ERROR, ZERO, loss_derivative, loss_value

MANY_OUTPUTS = 32  # from which the squared errors of a sample are worth a call


@outer
def _weight_of(samples: Any, i: int, t: int) -> float:
    """Weight of the output of sample i after its step t, where there is one at every step."""
    weight = np.float64(samples.weights[i])
    if samples.step_weights.size > 0:
        weight *= samples.step_weights[samples.starts[i] + t]
    return weight


@outer
def _cross_entropy(target: int, factor: Any, outputs: Any) -> Any:
    """Cross entropy of the softmax of one row (K,), which is overwritten by its derivative times ``factor``.

    The largest output is taken out of the sum, so that nothing overflows and a sure and right answer keeps its digits:
    with m = max(o) the loss is (m - o_target) + log1p(sum of exp(o - m) over all others).

    outputs  (K,)  in and out
    """
    top = 0
    for k in range(1, outputs.size):
        if outputs[k] > outputs[top]:
            top = k
    largest = outputs[top]
    value = ZERO if target == top else largest - outputs[target]
    others = ZERO
    for k in range(outputs.size):
        outputs[k] = math.exp(outputs[k] - largest)
        if k != top:
            others += outputs[k]
    share = factor / (ONE + others)
    for k in range(outputs.size):
        outputs[k] *= share
    outputs[target] = -others * share if target == top else outputs[target] - factor
    return value + math.log1p(others)


@inner
def _squared_errors(target: Any, factor: Any, outputs: Any) -> float:
    """Sum of the squared errors of outputs (K,), which are overwritten by their derivatives times ``factor``.

    Many at once, in loops that vectorise: of 700 outputs, one by one, losses took a quarter of a training step with 32 units.
    """
    noinline()
    for k in range(outputs.size):
        y = target[k]
        outputs[k] = ZERO if math.isnan(y) else outputs[k] - y
    total = sum_of_squares(outputs)
    for k in range(outputs.size):
        outputs[k] = factor * (outputs[k] + outputs[k])
    return total


@outer
def _add_loss(total: float, target: Any, weight: float, loss: Any, scale: float, outputs: Any) -> float:
    """``total`` and the loss of one output vector (K,), times its weight; it is overwritten by its derivative times ``scale``.

    The loss is the mean over those of its K numbers whose targets are not missing, or the cross entropy of their softmax.
    Of M parameters each target (K / M,) has M numbers, one after another, a parameter each. What stands behind the targets,
    K numbers, is added to the outputs first.
    """
    dtype, M = outputs.dtype.type, loss.parameters.size
    n = 1 if loss.kind == CROSS_ENTROPY else outputs.size // M
    if target.size > n:
        for k in range(outputs.size):
            outputs[k] += target[n + k]
    if loss.kind == CROSS_ENTROPY:
        return total + weight * _cross_entropy(int(target[0]), dtype(weight * scale), outputs)
    seen = 0
    for j in range(n):
        seen += 0 if math.isnan(target[j]) else M
    weight /= max(seen, 1)
    factor = dtype(weight * scale)
    if loss.kind == SQUARED_ERROR and M == 1 and n >= MANY_OUTPUTS:
        return total + weight * _squared_errors(view(target, 0, (n,)), factor, view(outputs, 0, (n,)))
    for j in range(n):
        y = target[j]
        for m in range(M):
            k, parameter = j * M + m, dtype(loss.parameters[m])
            p = outputs[k]
            if math.isnan(y):
                outputs[k] = ZERO
                continue
            total += weight * loss_value(loss.kind, p, y, parameter)
            outputs[k] = factor * loss_derivative(loss.kind, p, y, parameter)
    return total


@outer
def loss_of_chunk(network: Any, samples: Any, chunk: Any, loss: Any, scale: float, outputs: Any) -> float:
    """Weighted sum of the losses of a chunk; ``outputs`` is overwritten by its derivative times ``scale``."""
    total = 0.0
    if not network.per_step:
        for b in range(outputs.shape[0]):
            i = chunk.samples[b]
            last = samples.starts[i] + samples.lengths[i] - 1
            magnify(samples.scaling, last, outputs[b])
            total = _add_loss(total, samples.targets[i], np.float64(samples.weights[i]), loss, scale, outputs[b])
            magnify(samples.scaling, last, outputs[b])
        return total
    row = 0
    for s in range(chunk.segments.shape[0]):
        first = chunk.segments[s, FIRST]
        for t in range(first, first + chunk.segments[s, STEPS]):
            for b in range(chunk.segments[s, ROWS]):
                i = chunk.samples[b]
                if t < chunk.lengths[b]:
                    target = samples.targets[samples.starts[i] + t]
                    total = _add_loss(total, target, _weight_of(samples, i, t), loss, scale, outputs[row])
                else:
                    outputs[row] = ZERO
                row += 1
    return total


@outer
def total_weight(network: Any, samples: Any, batch: Any) -> float:
    """Sum of the weights of all outputs of a batch."""
    total = 0.0
    for i in batch:
        if not network.per_step:
            total += samples.weights[i]
        elif samples.step_weights.size == 0:
            total += samples.weights[i] * samples.lengths[i]
        else:
            for t in range(samples.lengths[i]):
                total += _weight_of(samples, i, t)
    return total
