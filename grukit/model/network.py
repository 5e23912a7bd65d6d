"""One pass of a network over given arrays: what tests, inspection and exports call. Training has its own compiled loop."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from grukit.engines import select_engine
from grukit.model.specification import NetworkSpec


class Pass(NamedTuple):
    """A forward pass, for one backward pass."""

    spec: NetworkSpec
    parameters: np.ndarray
    x: np.ndarray
    work: np.ndarray
    network: Any
    chunk: Any

    @property
    def caches(self) -> list[Any]:
        """What each direction of each layer keeps: states h and c, gates, their gradients; the names are the kernels'."""
        kernels = select_engine("cpu").kernels
        rows = range(len(self.spec.layers))
        return [kernels.layer_cache(self.network, self.work, row, self.chunk.segments, 0) for row in rows]


def network_forward(
    spec: NetworkSpec,
    parameters: np.ndarray,
    x: np.ndarray,
    lengths: np.ndarray | None = None,
    initial: Sequence[np.ndarray] | None = None,
    seed: int | None = None,
) -> tuple[np.ndarray, Pass]:
    """Outputs of a network.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    parameters : ndarray of shape (n_parameters,)
        The flat vector, float32 or float64; the pass is computed in its type.
    x : ndarray of shape (T, B, spec.n_columns)
        Inputs, time first.
    lengths : ndarray of shape (B,), default=None
        Steps of each sequence, 1..T; beyond its end a sequence keeps its state. None: all T.
    initial : sequence of ndarray of shape (B, H), default=None
        Initial state of each direction of each layer; (2, B, H), h and c, for the unit with two. None: the learned ones, or
        zeros.
    seed : int, default=None
        Seed of dropout, which is for training. None: no dropout.

    Returns
    -------
    outputs : ndarray of shape (B, K), or (T, B, K) with an output at every step
    forward : Pass
        For :func:`network_backward`.

    Raises
    ------
    ValueError
        Where a shape is wrong or a length is not within 1..T, and for a network with a decoder.
    """
    kernels = select_engine("cpu").kernels
    if spec.decoder is not None:
        raise ValueError("One pass is of layers and a head; of a decoder there is none.")
    if parameters.shape != (spec.n_parameters,):
        raise ValueError(f"parameters has the shape {parameters.shape}; the network has {spec.n_parameters}.")
    parameters = np.require(parameters, requirements=["C", "W"])
    x = np.ascontiguousarray(x, dtype=parameters.dtype)
    if x.ndim != 3 or x.shape[2] != spec.n_columns or 0 in x.shape:
        raise ValueError(f"x must have the shape (T, B, {spec.n_columns}), none of them 0; it is {x.shape}.")
    T, B, _ = x.shape
    lengths = np.full(B, T) if lengths is None else np.ascontiguousarray(lengths, dtype=np.int64)
    if lengths.shape != (B,):
        raise ValueError(f"lengths has the shape {lengths.shape}; there are {B} sequences.")
    if lengths.min() < 1 or lengths.max() > T:
        row = int(np.argmax((lengths < 1) | (lengths > T)))
        raise ValueError(f"lengths[{row}] is {lengths[row]}; every sequence needs between 1 and {T} steps.")
    network = spec.for_kernels(kernels, seed)
    work = np.zeros(kernels.work_size(network, T, B, True), dtype=parameters.dtype)
    x = x.copy() if seed is not None else x  # dropout changes it in place
    chunk = kernels.whole_chunk(lengths, T)
    forward = Pass(spec, parameters, x, work, network, chunk)
    kernels.initial_states(network, parameters, work, chunk.segments)
    if initial is not None:
        _set_initial(forward.caches, initial)
    outputs = np.empty((T * B if spec.per_step else B, spec.n_outputs), dtype=parameters.dtype)
    kernels.network_forward(network, parameters, x.reshape(T * B, -1), chunk, work, outputs)
    return outputs.reshape(T, B, spec.n_outputs) if spec.per_step else outputs, forward


def _set_initial(caches: list[Any], initial: Sequence[np.ndarray]) -> None:
    for k, (cache, state) in enumerate(zip(caches, initial, strict=True)):
        shape = (2, *cache.d_h.shape) if cache.c.shape[0] else cache.d_h.shape
        if np.shape(state) != shape:
            raise ValueError(f"initial[{k}] has the shape {np.shape(state)}; it must be {shape}.")
        if cache.c.shape[0]:
            cache.h[0], cache.c[0] = state
        else:
            cache.h[0] = state


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
    d_initial : list of ndarray of shape (B, H), or (2, B, H)
        As ``initial`` of the forward pass.
    """
    kernels = select_engine("cpu").kernels
    spec, parameters, x = forward.spec, forward.parameters, forward.x
    d_outputs = np.ascontiguousarray(d_outputs, dtype=parameters.dtype).reshape(-1, spec.n_outputs)
    # With room behind them, because what is added to is read as far as a tile is wide.
    d_x, d_parameters = (kernels.aligned_empty(each.shape, each.dtype) for each in (x, parameters))
    d_parameters[:] = 0.0
    flat, d_flat = (each.reshape(-1, each.shape[2]) for each in (x, d_x))
    kernels.network_backward(
        forward.network, parameters, flat, forward.chunk, forward.work, d_outputs, d_flat, d_parameters
    )
    d_initial = [np.stack([c.d_h, c.d_c]) if c.c.shape[0] else c.d_h.copy() for c in forward.caches]
    return d_parameters, d_x, d_initial
