"""Windows and sequences as pieces of one table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grukit.data import Features, independent_rows, is_sequences, read_sequences, read_table, windows


def make_table(lengths):
    """Make a panel table with series named 0, 1, ... and distinct numbers."""
    index = pd.MultiIndex.from_tuples([(s, t) for s, n in enumerate(lengths) for t in range(n)])
    values = np.arange(2.0 * len(index)).reshape(-1, 2)
    return read_table(values, pd.DataFrame(values, index))


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    window=st.integers(1, 6),
    before=st.lists(st.integers(0, 5), min_size=4, max_size=4),
)
def test_windows_are_the_last_rows_of_each_series(lengths, window, before):
    table = make_table(lengths)
    context = {(s,): -1.0 - np.arange(2.0 * n).reshape(-1, 2) - 100 * s for s, n in enumerate(before) if n}
    result = windows(table, window, context)
    assert len(result) == sum(lengths) and not result.exchangeable
    i = 0
    for s in range(len(lengths)):
        rows = table.values[table.offsets[s] : table.offsets[s + 1]]
        past = context.get((s,), np.empty((0, 2)))
        for n in range(1, len(rows) + 1):
            expected = np.concatenate([past, rows[:n]])[-window:]
            got = result.values[result.starts[i] : result.starts[i] + result.lengths[i]]
            np.testing.assert_array_equal(got, expected)
            i += 1


def test_windows_share_the_tables_memory():
    table = make_table([50, 30])
    assert windows(table, 10).values is table.values
    assert windows(table, 10, {}).values is table.values


@given(st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_take_keeps_the_rows(chosen):
    whole = windows(make_table([5, 3]), 3)
    part = whole.take(np.array(chosen))
    assert part.values is whole.values and len(part) == len(chosen)
    np.testing.assert_array_equal(part.starts, [whole.starts[i] for i in chosen])
    np.testing.assert_array_equal(part.lengths, [whole.lengths[i] for i in chosen])


def test_independent_rows():
    values = np.arange(12.0).reshape(4, 3)
    sequences = independent_rows(values)
    assert sequences.exchangeable and sequences.values.shape == (12, 1)
    for i, row in enumerate(values):
        piece = sequences.values[sequences.starts[i] : sequences.starts[i] + sequences.lengths[i], 0]
        np.testing.assert_array_equal(piece, row)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_a_ragged_list_is_cut_where_it_was(lengths):
    arrays = [np.random.default_rng(i).normal(size=(n, 2)) for i, n in enumerate(lengths)]
    for X in (arrays, [pd.DataFrame(a, columns=["p", "q"]) for a in arrays]):
        sequences = read_sequences(X)
        columns = Features.of(X, 2).columns
        assert (None if columns is None else list(columns)) == (None if X is arrays else ["p", "q"])
        for i, a in enumerate(arrays):
            piece = slice(sequences.starts[i], sequences.starts[i] + sequences.lengths[i])
            np.testing.assert_array_equal(sequences.values[piece], a)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.zeros((2, 3)), False),
        (np.zeros((2, 3, 4)), True),
        (np.zeros((2, 3, 4, 5)), False),
        (pd.DataFrame(np.zeros((2, 3))), False),
        ([np.zeros((2, 3)), np.zeros((4, 3))], True),
        ((np.zeros((2, 3)),), True),
        ([pd.DataFrame(np.zeros((2, 3))), np.zeros((4, 3))], True),
        ([np.zeros(3), np.zeros(3)], False),
        ([[0.0, 1.0], [2.0, 3.0]], False),
        ([], False),
        (None, False),
    ],
)
def test_what_is_a_set_of_sequences(X, expected):
    assert is_sequences(X) is expected


def test_the_samples_of_each_series_alone_are_those_of_its_own_table():
    table, context = make_table([4, 1, 6]), {(2,): np.full((2, 2), -1.0)}
    each = list(windows(table, 3, context).of_each(table.offsets))
    assert len(each) == 3
    for s, own in enumerate(each):
        rows = table.values[table.offsets[s] : table.offsets[s + 1]]
        alone = windows(read_table(rows, rows), 3, {(): context[(s,)]} if (s,) in context else None)
        for name in ("values", "starts", "lengths", "begins"):
            np.testing.assert_array_equal(getattr(own, name), getattr(alone, name))
        assert own.starts.dtype == alone.starts.dtype and not own.exchangeable
