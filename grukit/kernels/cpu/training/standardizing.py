"""How numbers are standardised, as they are gathered or, of large tables, in compiled passes.

25 million numbers in 500 columns are measured in 9 ms, and in blocks by NumPy in 80; they are scaled in 20 instead of 49, with
the same bits. Nothing is reordered, so that no processor changes one.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types

from grukit.kernels.cpu.compiler.jit import exact, kernel, outer, overloaded


class Scaling(NamedTuple):
    """How numbers are standardised as they are gathered: (x - mean) / scale, in float64."""

    mean: np.ndarray  # (D,) float64
    scale: np.ndarray  # (D,) float64


class Relative(NamedTuple):
    """What the first M columns of a sample are relative to, by the row that it ends with, in float64.

    (x - mean) / scale is zero where x is missing. The network's outputs, M blocks one after another, are multiplied by scale /
    unit before they are compared with targets, and so are their derivatives on the way back (Kim et al. 2022, Reversible
    Instance Normalization, without its weights).
    """

    mean: np.ndarray  # (N, M) float64
    scale: np.ndarray  # (N, M) float64
    unit: float


class OfSample(NamedTuple):
    """The rows (M,) of a :class:`Relative` for one sample."""

    mean: np.ndarray
    scale: np.ndarray


def of_sample(scaling: Any, last: int) -> Any:
    """How the numbers of the sample that ends with the row ``last`` are scaled."""
    raise NotImplementedError("kernels only")


@overloaded(of_sample)
def _of_sample(scaling: Any, last: int) -> Any:
    def alike(scaling: Any, last: int) -> Any:
        return scaling

    def of_its_own(scaling: Any, last: int) -> Any:
        return OfSample(scaling.mean[last], scaling.scale[last])

    return of_its_own if _is(scaling, Relative) else alike


def scaled(scaling: Any, value: float, d: int) -> Any:
    """A number of column d, standardised where there is a :class:`Scaling`, or relative to its sample's own."""
    raise NotImplementedError("kernels only")


@overloaded(scaled)
def _scaled(scaling: Any, value: float, d: int) -> Any:
    def as_it_is(scaling: Any, value: float, d: int) -> Any:
        return value

    def standardized(scaling: Any, value: float, d: int) -> Any:
        return _away(value, scaling.mean[d], scaling.scale[d])

    def relative(scaling: Any, value: float, d: int) -> Any:
        return _away_if_seen(value, scaling.mean[d], scaling.scale[d]) if d < scaling.mean.size else value

    if isinstance(scaling, types.NoneType):
        return as_it_is
    return relative if _is(scaling, OfSample) else standardized


@exact
def _away(value: float, mean: float, scale: float) -> float:
    return (value - mean) / scale


@exact
def _away_if_seen(value: float, mean: float, scale: float) -> float:
    return 0.0 if math.isnan(value) else (value - mean) / scale


def magnify(scaling: Any, last: int, outputs: Any) -> None:
    """Multiply the outputs (K,) of the sample that ends with the row ``last`` where they are relative to its own scale."""
    raise NotImplementedError("kernels only")


@overloaded(magnify)
def _magnify(scaling: Any, last: int, outputs: Any) -> Any:
    def nothing(scaling: Any, last: int, outputs: Any) -> None:
        return None

    def relative(scaling: Any, last: int, outputs: Any) -> None:
        _times_scale(scaling.scale[last], scaling.unit, outputs)

    return relative if _is(scaling, Relative) else nothing


@outer
def _times_scale(scale: Any, unit: float, outputs: Any) -> None:
    each = outputs.size // scale.size
    for k in range(outputs.size):
        outputs[k] *= outputs.dtype.type(scale[k // each] / unit)


def _is(scaling: Any, kind: type) -> bool:
    return getattr(scaling, "instance_class", None) is kind


@exact
def _measure(values: Any, mean: Any, variance: Any) -> None:
    n, D = values.shape
    first = variance  # in float64
    for d in range(D):
        mean[d], first[d] = 0.0, values[0, d]
    for i in range(n):
        for d in range(D):
            mean[d] += values[i, d] - first[d]  # nothing at all in a constant column
    for d in range(D):
        mean[d], variance[d] = first[d] + mean[d] / n, 0.0
    for i in range(n):
        for d in range(D):
            away = values[i, d] - mean[d]
            variance[d] += away * away
    for d in range(D):
        variance[d] /= n


@exact
def _standardize(values: Any, scaling: Any, out: Any) -> None:
    for i in range(values.shape[0]):
        for d in range(values.shape[1]):
            out[i, d] = scaled(scaling, values[i, d], d)


@kernel
def column_moments(values: Any, mean: Any, variance: Any) -> None:
    """Mean and variance (population form) of each column of values (n, D), all finite; mean, variance (D,) out, float64.

    A constant column has its own value and exactly 0. Squares of numbers above 1e150 are out of range.
    """
    _measure(values, mean, variance)


@kernel
def standardize(values: Any, scaling: Any, out: Any) -> None:
    """Write (x - mean) / scale of values (n, D) to out (n, D), as predictions do while they gather; see :class:`Scaling`."""
    _standardize(values, scaling, out)
