"""What a predictor and a stream call: one compiled call for windows of raw numbers, or for one step of a stream."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from grukit.kernels.cpu._jit import kernel, view
from grukit.kernels.cpu.inference import inference_work_size, network_steps
from grukit.kernels.cpu.layout import INPUTS, head_weights
from grukit.kernels.cpu.linear import linear_forward
from grukit.kernels.scalar import ONE, ZERO


class Served(NamedTuple):
    """A fitted network, packed for a number of rows, and how its inputs are scaled."""

    packed: np.ndarray  # (P,)
    mean: np.ndarray  # (D,) float64
    scale: np.ndarray  # (D,) float64
    flagged: bool  # a missing value is the mean, and an input of its own tells that it is missing


# Without fastmath: the standardised inputs must have the bits that NumPy gives them in ``predict``.
@njit(nogil=True, error_model="numpy")
def _standardize(x: Any, mean: Any, scale: Any, flagged: bool, out: Any) -> None:
    D = x.shape[2]
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            for d in range(D):
                out[t, b, d] = (x[t, b, d] - mean[d]) / scale[d]
                if flagged:
                    gone = np.isnan(x[t, b, d])
                    out[t, b, D + d] = ONE if gone else ZERO
                    out[t, b, d] = ZERO if gone else out[t, b, d]


@kernel
def serve_windows(network: Any, served: Any, x: Any, states: Any, work: Any, outputs: Any) -> None:
    """Take all steps of x from the given states on.

    x        (T, B, D)           in          float64, as users have it
    states   (states_size,)      in and out
    work     (serve_work_size,)  scratch
    outputs  (1, B, K)           out         after the last step, or
             (T, B, K)           out         after every step
    """
    T, B, _ = x.shape
    D = network.layers[0, INPUTS]
    inputs, rest = view(work, 0, (T, B, D)), work[T * B * D :]
    lengths = np.full(B, T)
    _standardize(x, served.mean, served.scale, served.flagged, inputs)
    read = network_steps(network, served.packed, inputs, lengths, states, rest)
    weight, bias = head_weights(served.packed, network.layers[-1])
    for t in range(outputs.shape[0]):
        linear_forward(read[t], weight, bias, outputs[t])


@kernel
def serve_work_size(network: Any, T: int, rows: int) -> int:
    """Numbers in the workspace of :func:`serve_windows`."""
    return T * rows * network.layers[0, INPUTS] + inference_work_size(network, T, rows)
