"""One pass of a network over given arrays: what tests, inspection and exports call. Training has its own compiled loop."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from grukit.engines import select_engine
from grukit.model.specification import NetworkSpec


class Pass(NamedTuple):
    """A forward pass that can be taken back once."""

    spec: NetworkSpec
    parameters: np.ndarray
    x: np.ndarray
    work: np.ndarray


def _layer_caches(spec: NetworkSpec, work: np.ndarray, T: int, B: int) -> list[Any]:
    kernels, table = select_engine("cpu").kernels, spec.layer_table
    return [kernels.layer_cache(work, table, k, T, B) for k in range(len(spec.hidden_layer_sizes))]


def network_forward(
    spec: NetworkSpec,
    parameters: np.ndarray,
    x: np.ndarray,
    lengths: np.ndarray | None = None,
    initial: Sequence[np.ndarray] | None = None,
) -> tuple[np.ndarray, Pass]:
    """Outputs of a network.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    parameters : ndarray of shape (n_parameters,)
        The flat vector, float32 or float64; the pass is computed in its type.
    x : ndarray of shape (T, B, D)
        Inputs, time first.
    lengths : ndarray of shape (B,), default=None
        Steps of each sequence, 1..T; beyond its end a sequence keeps its state. None: all T.
    initial : sequence of ndarray of shape (B, H), default=None
        Initial state of each layer. None: zeros.

    Returns
    -------
    outputs : ndarray of shape (B, K), or (T, B, K) with an output at every step
    forward : Pass
        For :func:`network_backward`.

    Raises
    ------
    ValueError
        Where a shape is wrong or a length is not within 1..T.
    """
    kernels = select_engine("cpu").kernels
    if parameters.shape != (spec.n_parameters,):
        raise ValueError(f"parameters has the shape {parameters.shape}; the network has {spec.n_parameters}.")
    parameters = np.require(parameters, requirements=["C", "W"])
    x = np.ascontiguousarray(x, dtype=parameters.dtype)
    if x.ndim != 3 or x.shape[2] != spec.n_inputs or 0 in x.shape:
        raise ValueError(f"x must have the shape (T, B, {spec.n_inputs}), none of them 0; it is {x.shape}.")
    T, B, _ = x.shape
    lengths = np.full(B, T) if lengths is None else np.ascontiguousarray(lengths, dtype=np.int64)
    if lengths.shape != (B,):
        raise ValueError(f"lengths has the shape {lengths.shape}; there are {B} sequences.")
    if lengths.min() < 1 or lengths.max() > T:
        row = int(np.argmax((lengths < 1) | (lengths > T)))
        raise ValueError(f"lengths[{row}] is {lengths[row]}; every sequence needs between 1 and {T} steps.")
    work = np.zeros(kernels.work_size(spec.layer_table, T, B), dtype=parameters.dtype)
    if initial is not None:
        for k, (cache, state) in enumerate(zip(_layer_caches(spec, work, T, B), initial, strict=True)):
            if np.shape(state) != cache.d_h.shape:
                raise ValueError(f"initial[{k}] has the shape {np.shape(state)}; it must be {cache.d_h.shape}.")
            cache.h[0] = state
    outputs = np.empty((T * B if spec.per_step else B, spec.n_outputs), dtype=parameters.dtype)
    kernels.network_forward(spec.for_kernels(kernels), parameters, x, lengths, work, outputs)
    shaped = outputs.reshape(T, B, spec.n_outputs) if spec.per_step else outputs
    return shaped, Pass(spec, parameters, x, work)


def network_backward(d_outputs: np.ndarray, forward: Pass) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Gradients of :func:`network_forward`. Uses up the pass: the gate gradients overwrite the gates.

    Parameters
    ----------
    d_outputs : ndarray, shape of the outputs
        Gradient of a loss with respect to the outputs.
    forward : Pass
        From :func:`network_forward`.

    Returns
    -------
    d_parameters : ndarray of shape (n_parameters,)
    d_x : ndarray of shape (T, B, D)
    d_initial : list of ndarray of shape (B, H)
    """
    kernels = select_engine("cpu").kernels
    spec, parameters, x, work = forward
    d_outputs = np.ascontiguousarray(d_outputs, dtype=parameters.dtype).reshape(-1, spec.n_outputs)
    d_x, d_parameters = np.empty_like(x), np.zeros_like(parameters)
    kernels.network_backward(spec.for_kernels(kernels), parameters, x, work, d_outputs, d_x, d_parameters)
    d_initial = [cache.d_h.copy() for cache in _layer_caches(spec, work, x.shape[0], x.shape[1])]
    return d_parameters, d_x, d_initial
