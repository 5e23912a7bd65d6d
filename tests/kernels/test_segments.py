"""Chunks of sequences of unequal length: how they are cut into segments, and batches into chunks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grukit.engines import select_engine
from grukit.kernels.cpu.session import sort_batches
from grukit.kernels.cpu.storage.segments import (
    AREA_BEFORE,
    COLUMNS,
    FIRST,
    ROWS,
    ROWS_BEFORE,
    SEGMENT,
    STEPS,
    area_of,
    find_segments,
    first_ended,
    most_rows,
    row_of_step,
    rows_of,
)
from grukit.kernels.cpu.training.chunks import end_of_chunk

KERNELS = select_engine("cpu").kernels
ANY_LENGTHS = st.lists(st.integers(1, 90), min_size=1, max_size=40)


def segments_of(lengths):
    """The table of sorted lengths."""
    lengths = np.array(lengths)
    table = np.full((len(lengths), COLUMNS), -1)
    return table[: find_segments.py_func(lengths, table)]


@given(ANY_LENGTHS)
def test_every_step_of_every_row_is_in_one_segment(lengths):
    lengths = np.sort(lengths)[::-1]
    segments = segments_of(lengths)
    places, row = set(), 0
    for s, (first, steps, rows, area_before, rows_before) in enumerate(segments):
        assert first == (segments[s - 1, FIRST] + segments[s - 1, STEPS] if s else 0)
        assert area_before == row and rows_before == segments[:s, ROWS].sum()
        assert rows == (lengths > first).sum()  # at its first step nobody has ended
        ended = first_ended.py_func(segments, s)
        assert all(first < n <= first + steps for n in lengths[ended:rows])
        for t in range(first, first + steps):
            assert row_of_step.py_func(segments, t) == row
            places |= {(t, b) for b in range(rows)}
            row += rows
        idle = sum(first + steps - n for n in lengths[ended:rows])
        assert idle <= SEGMENT
    assert segments[-1, FIRST] + segments[-1, STEPS] == lengths[0]
    assert places >= {(t, b) for b, n in enumerate(lengths) for t in range(n)}
    assert area_of(segments) == row
    assert lengths.sum() <= row <= lengths[0] * len(lengths)
    assert rows_of(segments) <= most_rows(lengths[0], len(lengths), bool((lengths == lengths[0]).all()))


def test_equal_lengths_are_one_segment():
    assert segments_of([9] * 32).tolist() == [[0, 9, 32, 0, 0]]
    assert segments_of([1]).tolist() == [[0, 1, 1, 0, 0]]


def test_a_long_sequence_goes_on_alone():
    segments = segments_of([200, 20, 20, 20])
    assert segments[:, [FIRST, STEPS, ROWS, AREA_BEFORE, ROWS_BEFORE]].tolist() == [
        [0, 20, 4, 0, 0],
        [20, 180, 1, 80, 4],
    ]


def chunks_of(lengths, rows):
    """Sizes of the chunks of a batch."""
    none = np.empty(0)
    samples = KERNELS.Samples(none, none, none, np.array(lengths), none)
    batch, first, sizes = np.arange(len(lengths)), 0, []
    while first < len(lengths):
        last = end_of_chunk.py_func(samples, batch, first, rows, sum(lengths))
        sizes.append(last - first)
        first = last
    return sizes


def test_chunks_hold_as_many_rows_or_steps():
    assert chunks_of([7] * 70, 32) == [32, 32, 6]
    assert chunks_of([7] * 69 + [3], 32) == [32, 32, 6]
    assert chunks_of([90, 90] + [3] * 62, 32) == [3, 32, 29]


@given(ANY_LENGTHS, st.integers(1, 16))
def test_no_chunk_has_more_rows_and_together_they_have_all(lengths, rows):
    lengths = sorted(lengths, reverse=True)
    sizes = chunks_of(lengths, rows)
    assert sum(sizes) == len(lengths) and 1 <= min(sizes) <= max(sizes) <= rows


def test_batches_are_sorted_by_length_and_alike_ones_stay():
    order = np.array([3, 0, 4, 1, 2, 5, 6])
    lengths = np.array([5, 2, 9, 2, 5, 7, 7])  # in the order taken: 2 5 5 | 2 9 7 | 7
    batches = KERNELS.Batches(order, 3, np.zeros(3), np.zeros((3, 3)), np.zeros(1, np.int64), True)
    sort_batches(lengths, batches, 2)
    assert order.tolist() == [0, 4, 3, 2, 5, 1, 6]
    batches.done[0] = 1
    sort_batches(lengths, batches, 3)
    assert order.tolist() == [0, 4, 3, 2, 5, 1, 6]


@pytest.mark.parametrize("lengths", [[1], [3, 3, 3]])
def test_sorting_leaves_alike_ones(lengths):
    order = np.arange(len(lengths))[::-1].copy()
    batches = KERNELS.Batches(order, 2, np.zeros(2), np.zeros((2, 3)), np.zeros(1, np.int64), True)
    sort_batches(np.array(lengths), batches, 2)
    assert order.tolist() == list(range(len(lengths)))[::-1]
