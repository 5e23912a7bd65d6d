"""What a predictor and a stream call: one compiled call for windows of raw numbers, or for one step of a stream."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from grukit.kernels.cpu._jit import kernel
from grukit.kernels.cpu.inference import network_step
from grukit.kernels.cpu.linear import linear_forward
from grukit.kernels.cpu.network import INPUTS, UNITS, head_weights


class Served(NamedTuple):
    """A fitted network, packed for a number of rows, and the scaling of its inputs."""

    packed: np.ndarray  # (P,)
    mean: np.ndarray  # (D,) float64
    scale: np.ndarray  # (D,) float64


# Without fastmath: the standardised inputs must have the bits that NumPy gives them in ``predict``.
@njit(nogil=True, error_model="numpy")
def _standardize(x: Any, mean: Any, scale: Any, out: Any) -> None:
    for b in range(x.shape[0]):
        for d in range(x.shape[1]):
            out[b, d] = (x[b, d] - mean[d]) / scale[d]


@kernel
def serve_windows(network: Any, served: Any, x: Any, states: Any, work: Any, outputs: Any) -> None:
    """Take all steps of x from the given states on.

    x        (T, B, D)           in          float64, as users have it
    states   (states_size,)      in and out
    work     (inference_work_size,)  scratch
    outputs  (1, B, K)           out         after the last step, or
             (T, B, K)           out         after every step
    """
    T, B, D = x.shape
    K = network.layers[-1, UNITS]
    inputs, rest = work[: B * D].reshape(B, network.layers[0, INPUTS]), work[B * (D + K) :]
    active = np.ones(B, np.bool_)
    weight, bias = head_weights(served.packed, network.layers[-1])
    for t in range(T):
        _standardize(x[t], served.mean, served.scale, inputs)
        h = network_step(network, served.packed, inputs, active, states, rest)
        if outputs.shape[0] == T:
            linear_forward(h, weight, bias, outputs[t])
        elif t == T - 1:
            linear_forward(h, weight, bias, outputs[0])
