"""Sequences of unequal length in one chunk: cut in time into segments, each a number of steps that the same rows take.

Rows lie in the order of their lengths, the longest first, so those that still have a step are always the first ones. A segment
is a chunk of its own whose rows begin where the segment before left them: no loop over steps knows of segments, and sequences
of equal length are one segment. What has a number for every step and row lies segment by segment.
"""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cpu.compiler.intrinsics import view
from grukit.kernels.cpu.compiler.jit import anywhere, outer

# Columns of the table of segments: its first step, how many, its rows; the steps times rows, and the rows, of all before.
FIRST, STEPS, ROWS, AREA_BEFORE, ROWS_BEFORE = range(5)
COLUMNS = 5

# Steps of single rows that a further segment must save, because it packs the weights and begins the sums anew. Microseconds a
# step in an epoch of the sequences of benchmarks/ragged.py, one Zen 4 core, AVX-512 and AVX2; as many steps in equal lengths
# take 0.294 and 0.301:
#
#     16: 0.379, 0.401    32: 0.376, 0.412    64: 0.384, 0.416
SEGMENT = 16


class Chunk(NamedTuple):
    """Sequences that go through the network together."""

    samples: np.ndarray  # (B,) numbers of the samples, on which dropout depends
    lengths: np.ndarray  # (B,) steps of each row, not increasing where there are several segments
    segments: np.ndarray  # (n, COLUMNS)
    own_lengths: np.ndarray  # (B,) scratch: the same within one segment


@anywhere
def one_segment(T: int, B: int, segments: Any) -> Any:
    """Write the table (1, COLUMNS) of B rows that are taken to step T, whatever their lengths; returns it."""
    segments[0, FIRST] = segments[0, AREA_BEFORE] = segments[0, ROWS_BEFORE] = 0
    segments[0, STEPS] = T
    segments[0, ROWS] = B
    return segments


def whole_chunk(lengths: np.ndarray, T: int) -> Chunk:
    """All rows to step T in one segment, in any order."""
    B = len(lengths)
    table = one_segment(T, B, np.zeros((1, COLUMNS), np.int64))
    return Chunk(np.arange(B), lengths, table, np.empty(B, np.int64))


@outer
def find_segments(lengths: Any, table: Any) -> int:
    """Cut rows of these lengths, which do not increase, into segments; returns how many.

    A segment ends with one of its rows, where to go on with those that have ended would cost more than to begin anew.

    table  (B, COLUMNS)  out
    """
    n, first, rows, area, rows_before = 0, 0, lengths.size, 0, 0
    while first < lengths[0]:
        end, active, idle = lengths[rows - 1], rows, 0
        while end < lengths[0]:
            while lengths[active - 1] <= end:
                active -= 1
            idle += (rows - active) * (lengths[active - 1] - end)
            if idle > SEGMENT:
                break
            end = lengths[active - 1]
        table[n, FIRST] = first
        table[n, STEPS] = end - first
        table[n, ROWS] = rows
        table[n, AREA_BEFORE] = area
        table[n, ROWS_BEFORE] = rows_before
        n += 1
        area += (end - first) * rows
        rows_before += rows
        first, rows = end, active
    return n


@anywhere
def area_of(segments: Any) -> int:
    """Steps times rows of all segments."""
    last = segments.shape[0] - 1
    return segments[last, AREA_BEFORE] + segments[last, STEPS] * segments[last, ROWS]


@anywhere
def rows_of(segments: Any) -> int:
    """Rows of all segments, one that goes on counted again."""
    last = segments.shape[0] - 1
    return segments[last, ROWS_BEFORE] + segments[last, ROWS]


@anywhere
def most_rows(T: int, B: int, alike: bool) -> int:
    """:func:`rows_of` at most, of B sequences of at most T steps."""
    return B if alike else min(T * B, B * (B + 1) // 2)


@outer
def row_of_step(segments: Any, step: int) -> int:
    """The first row of a step, in what lies segment by segment."""
    s = 0
    while s < segments.shape[0] - 1 and step >= segments[s + 1, FIRST]:
        s += 1
    return segments[s, AREA_BEFORE] + (step - segments[s, FIRST]) * segments[s, ROWS]


@outer
def segment_of(values: Any, segments: Any, s: int) -> Any:
    """Segment s, (steps, rows, D), of values (area, D); (0, rows, D) of values (0, D)."""
    D = values.shape[1]
    steps = segments[s, STEPS] if values.shape[0] > 0 else 0
    return view(values, segments[s, AREA_BEFORE] * D if steps > 0 else 0, (steps, segments[s, ROWS], D))


@outer
def first_ended(segments: Any, s: int) -> int:
    """The first of the rows that end in segment s; those before go on."""
    return segments[s + 1, ROWS] if s < segments.shape[0] - 1 else 0


@outer
def lengths_within(chunk: Any, s: int) -> Any:
    """Steps of each row within segment s, (rows,), until the next call."""
    first, steps, rows = chunk.segments[s, FIRST], chunk.segments[s, STEPS], chunk.segments[s, ROWS]
    for b in range(rows):
        chunk.own_lengths[b] = max(0, min(steps, chunk.lengths[b] - first))
    return view(chunk.own_lengths, 0, (rows,))
