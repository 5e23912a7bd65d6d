"""Sequences copied out of the table, time first."""

from typing import Any

from numba import types

from grukit.kernels.cpu.cells.decay import last_seen
from grukit.kernels.cpu.compiler.intrinsics import view
from grukit.kernels.cpu.compiler.jit import outer, overloaded
from grukit.kernels.cpu.products.vectors import copy_rows
from grukit.kernels.cpu.storage.layout import decays, segment_of_rows
from grukit.kernels.cpu.storage.segments import AREA_BEFORE, FIRST, ROWS, STEPS
from grukit.kernels.cpu.storage.sizes import n_steps
from grukit.kernels.cpu.training.standardizing import of_sample, scaled
from grukit.kernels.scalar import ZERO

# Numbers of a row up to which rows are copied together, a vector of each, then the next: predictions of 256 sequences of 48
# steps, 8 inputs and 32 units take 2 % less time. Of 64 numbers, vectors 16 rows apart would all meet in one set of the cache.
SHORT = 32


@outer
def gather(options: Any, samples: Any, numbers: Any, segments: Any, x: Any, lengths: Any) -> None:
    """Copy sequences out of the table, time first; what lies beyond a row's end is zero and never used.

    A step of several rows of the table is their numbers one after another, as they lie there.

    numbers   (n,)          in   of the samples, n <= B; the rows after them get no steps
    segments  (m, COLUMNS)  in
    x         (area, D)     out
    lengths   (B,)          out  in steps
    """
    for b in range(lengths.size):
        start, n = (samples.starts[numbers[b]], samples.lengths[numbers[b]]) if b < numbers.size else (0, 0)
        lengths[b] = n_steps(options, n)
        own, segment = of_sample(samples.scaling, start + n - 1), segment_of_rows(options)
        _gather_one(decays(options), segment, own, samples.values, start, n, b, segments, x)


def copy_steps(scaling: Any, values: Any, start: int, n: int, x: Any, row: int, step: int) -> None:
    """Write the n rows from ``start`` on of values, standardised, to x, the first to ``row``, ``step`` rows apart."""
    raise NotImplementedError("kernels only")


@overloaded(copy_steps)
def _copy_steps(scaling: Any, values: Any, start: int, n: int, x: Any, row: int, step: int) -> Any:
    def as_they_are(scaling: Any, values: Any, start: int, n: int, x: Any, row: int, step: int) -> None:
        D = x.shape[1]
        together = n if D <= SHORT else 1
        for t in range(0, n, max(together, 1)):
            copy_rows(values, (start + t) * D, D, x, (row + t * step) * D, step * D, together, D)

    def standardized(scaling: Any, values: Any, start: int, n: int, x: Any, row: int, step: int) -> None:
        for t in range(n):
            for d in range(x.shape[1]):
                x[row, d] = scaled(scaling, values[start + t, d], d)
            row += step

    return as_they_are if isinstance(scaling, types.NoneType) else standardized


@outer
def _gather_one(
    decay: Any, segment: Any, scaling: Any, values: Any, start: int, n: int, b: int, segments: Any, x: Any
) -> None:
    """Row b of x, from the table's n rows from ``start`` on."""
    if segment is not None:
        _gather_segments(segment, scaling, values, start, n, b, segments, x)
    elif decay is None:
        for s in range(segments.shape[0]):
            rows, row, first = segments[s, ROWS], segments[s, AREA_BEFORE] + b, segments[s, FIRST]
            end = first + segments[s, STEPS] if b < rows else first
            known = max(first, min(end, n))
            copy_steps(scaling, values, start + first, known - first, x, row, rows)
            row += (known - first) * rows
            for _ in range(known, end):
                for d in range(x.shape[1]):
                    x[row, d] = ZERO
                row += rows
    else:
        last_seen(values, start, n, b, segments, x)


@outer
def _gather_segments(k: int, scaling: Any, values: Any, start: int, n: int, b: int, segments: Any, x: Any) -> None:
    """Row b of x, whose steps are k of the table's n rows from ``start`` on, the last step the last k."""
    T, D, numbers = (n + k - 1) // k, values.shape[1], view(values, 0, (values.size,))
    for s in range(segments.shape[0]):
        rows, row, first = segments[s, ROWS], segments[s, AREA_BEFORE] + b, segments[s, FIRST]
        for t in range(first, first + segments[s, STEPS] if b < rows else first):
            begin = start + n - (T - t) * k
            for i in range(k):
                there = t < T and begin + i >= start
                for d in range(D):
                    value = scaled(scaling, numbers[(begin + i) * D + d], d) if there else ZERO
                    x[row, i * D + d] = value
            row += rows
