"""The kernel of predictors and streams: one compiled call for windows of raw numbers, or for one step of a stream."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import rest_of, view, whole_numbers, whole_numbers_size
from grukit.kernels.cpu.compiler.jit import anywhere, exact, kernel, ready
from grukit.kernels.cpu.inference.ahead import steps_ahead, steps_ahead_size
from grukit.kernels.cpu.inference.layers import inference_work_size, network_steps
from grukit.kernels.cpu.network.linear import linear_forward
from grukit.kernels.cpu.storage.layout import INPUTS, UNITS, decoder_of, head_weights
from grukit.kernels.cpu.storage.segments import COLUMNS, one_segment
from grukit.kernels.cpu.storage.sizes import n_steps, rows_of_step
from grukit.kernels.scalar import ONE, ZERO


class Lags(NamedTuple):
    """A linear map of the last L rows: intercept + the sum over k and d of coef[k, d] (x[t - k, d] - mean[d])."""

    coef: np.ndarray  # (L, D, K) float64
    intercept: np.ndarray  # (K,) float64
    mean: np.ndarray  # (D,) float64, which a missing value counts as
    first_before: bool  # whether rows from before the first one count as that, else as the mean


class Served(NamedTuple):
    """A fitted network, packed for a number of rows, and how its inputs and outputs are scaled."""

    packed: np.ndarray  # (P,)
    x_mean: np.ndarray  # (D,) float64
    x_scale: np.ndarray  # (D,) float64
    y_mean: np.ndarray  # (K,) float64
    y_scale: np.ndarray  # (K,) float64
    flagged: bool  # a missing value is the mean, and an input of its own flags it as missing
    differenced: Any = None  # (D,) bool, the columns whose change from the row before is an input; None: no column
    lags: Any = None  # Lags, added to the outputs; None: nothing


@exact
def _standardize(
    x: Any, first: int, together: int, mean: Any, scale: Any, flagged: bool, differenced: Any, out: Any
) -> None:
    """The rows of x (N, B, D) from ``first`` on as inputs (T, B, .) of steps of so many rows ``together``."""
    D, rows = x.shape[2], x.shape[0] - first
    width = out.shape[2] // together
    t, left = 0, (out.shape[0] * together - rows) * width  # the oldest step may hold fewer
    for b in range(x.shape[1]):
        for i in range(left):
            out[0, b, i] = ZERO
    for row in range(rows):
        for b in range(x.shape[1]):
            for d in range(D):
                value = x[first + row, b, d]
                if differenced is not None:  # noqa: SIM102 - a branch of its own is pruned where it is None
                    if differenced[d]:
                        # Of the first row of all there is no difference, which counts as the mean.
                        value = value - x[first + row - 1, b, d] if first + row > 0 else mean[d]
                out[t, b, left + d] = (value - mean[d]) / scale[d]
                if flagged:
                    gone = math.isnan(value)
                    out[t, b, left + D + d] = ONE if gone else ZERO
                    out[t, b, left + d] = ZERO if gone else out[t, b, left + d]
        left += width
        if left == out.shape[2]:
            t, left = t + 1, 0


@exact
def _add_lags(lags: Any, x: Any, row: int, out: Any) -> None:
    """Add the linear map of the rows up to ``row`` of x (T, B, D) to out (B, K), summed first, as predictions of many are."""
    if lags is not None:
        L, D, K = lags.coef.shape
        for b in range(out.shape[0]):
            for j in range(K):
                total = lags.intercept[j]
                for k in range(L if lags.first_before else min(L, row + 1)):
                    for d in range(D):
                        value = x[max(row - k, 0), b, d] - lags.mean[d]
                        if not math.isnan(value):
                            total += lags.coef[k, d, j] * value
                out[b, j] += total


@exact
def _own_scale(outputs: Any, mean: Any, scale: Any, out: Any) -> None:
    for b in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[b, k] = outputs[b, k] * scale[k] + mean[k]


@kernel
def serve_windows(network: Any, served: Any, x: Any, first: int, states: Any, work: Any, outputs: Any) -> None:
    """Take the steps of x from the row ``first`` on, from the given states on.

    x        (N, B, D)           in          float64, as users have it; the rows before the first step are history of
                                             differences and lags alone
    states   (states_size,)      in and out
    work     (serve_work_size,)  scratch
    outputs  (1, B, K)           out         float64, on the targets' own scale, after the last step, or
             (N - first, B, K)   out         after every step
    """
    T, B = n_steps(network.options, x.shape[0] - first), x.shape[1]
    D, K = network.layers[0, INPUTS], network.layers[-1, UNITS]
    numbers, work = whole_numbers(work, B + COLUMNS), rest_of(work, whole_numbers_size(B + COLUMNS))
    lengths, segments = view(numbers, 0, (B,)), one_segment(T, B, view(numbers, B, (1, COLUMNS)))
    for b in range(B):
        lengths[b] = T
    decoder, ahead = decoder_of(network.options), work
    work = rest_of(ahead, steps_ahead_size(decoder, B))
    inputs, given, rest = view(work, 0, (T, B, D)), view(work, T * B * D, (B, K)), rest_of(work, T * B * D + B * K)
    _standardize(
        x,
        first,
        rows_of_step(network.options),
        served.x_mean,
        served.x_scale,
        served.flagged,
        served.differenced,
        inputs,
    )
    read = network_steps(network, served.packed, inputs, lengths, segments, states, rest)
    weight, bias = head_weights(served.packed, network.layers[-1])
    for t in range(outputs.shape[0]):
        linear_forward(read[t], weight, bias, given)
        out = steps_ahead(decoder, served.packed, None, inputs[T - 1], lengths, given, ahead)
        _own_scale(out, served.y_mean, served.y_scale, outputs[t])
        _add_lags(served.lags, x, x.shape[0] - outputs.shape[0] + t, outputs[t])


@anywhere
def serve_work_size(network: Any, N: int, rows: int) -> int:
    """Numbers in the workspace of :func:`serve_windows`, of N rows of ``rows`` tables."""
    layers, T = network.layers, n_steps(network.options, N)
    inputs_and_outputs = rows * (T * layers[0, INPUTS] + layers[-1, UNITS])
    ahead = steps_ahead_size(decoder_of(network.options), rows)
    return whole_numbers_size(rows + COLUMNS) + ahead + inputs_and_outputs + inference_work_size(network, T, rows)


def ready_to_serve(network: Any, served: Served) -> Callable[..., None]:
    """:func:`serve_windows` for this network and these arrays: to be called with arrays of the same types, C-contiguous."""
    numbers = served.packed[:0]
    x = np.empty((0, 0, 0))
    return ready(serve_windows, network, served, x, 0, numbers, numbers, x)
