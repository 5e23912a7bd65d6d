"""The last part in time, after a gap that no window crosses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grukit.data import ALL_ALIKE, HeldOut, Samples, independent_rows, read_table, select_samples, windows
from grukit.data.split import split_at_random, split_in_time


def rows_seen(sequences, samples):
    pieces = [range(sequences.starts[i], sequences.starts[i] + sequences.lengths[i]) for i in samples]
    return {row for piece in pieces for row in piece}


def table_of(frame):
    return read_table(frame.to_numpy(), frame)


@settings(max_examples=80, deadline=None)
@given(n=st.integers(4, 60), fraction=st.floats(0.01, 0.9), window=st.integers(1, 8))
def test_one_series(n, fraction, window):
    n_last = int(np.ceil(fraction * n))
    assume(n - n_last - window > 0)
    values = np.zeros((n, 1))
    table = read_table(values, values)
    training, validation = split_in_time(fraction, window, table)
    np.testing.assert_array_equal(validation, np.arange(n - n_last, n))
    np.testing.assert_array_equal(training, np.arange(n - n_last - window))
    sequences = windows(table, window)
    assert not rows_seen(sequences, training) & rows_seen(sequences, validation)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 60), fraction=st.floats(0.01, 0.99))
def test_samples_that_stand_alone_are_drawn(n, fraction):
    n_validation = int(np.ceil(fraction * n))
    assume(n_validation < n)
    training, validation = split_at_random(n, fraction, np.random.RandomState(0), None)
    np.testing.assert_array_equal(np.sort(np.r_[training, validation]), np.arange(n))
    assert len(validation) == n_validation
    again = split_at_random(n, fraction, np.random.RandomState(0), None)
    np.testing.assert_array_equal(again[1], validation)


def test_another_seed_draws_others():
    drawn = {tuple(split_at_random(40, 0.2, np.random.RandomState(seed), None)[1]) for seed in range(5)}
    assert len(drawn) == 5


def test_every_class_gives_its_share():
    classes = np.repeat(np.arange(10), 12)
    training, validation = split_at_random(120, 1 / 6, np.random.RandomState(3), classes)
    np.testing.assert_array_equal(np.bincount(classes[validation]), 2)
    np.testing.assert_array_equal(np.bincount(classes[training]), 10)


@pytest.mark.parametrize("classes", [[0] * 19 + [1], list(range(10)) * 2], ids=["one of a class", "many classes"])
def test_too_few_of_a_class_are_drawn_without_regard_to_it(classes):
    training, validation = split_at_random(20, 0.2, np.random.RandomState(0), np.array(classes))
    assert (len(training), len(validation)) == (16, 4)


def held_out_of(samples, fraction, required, window=None, table=None):
    held_out = HeldOut(fraction, np.random.RandomState(0), None, required)
    return select_samples(samples, held_out, window, table, fold=False)


def test_nothing_left_of_samples_that_stand_alone():
    samples = Samples(independent_rows(np.zeros((3, 1))), np.zeros((3, 1)), np.ones(3), False, ALL_ALIKE)
    with pytest.raises(ValueError, match="of 3 samples, 3 are for validation, so 0 are left"):
        held_out_of(samples, 0.9, required=True)
    training, validation = held_out_of(samples, 0.9, required=False)
    assert (len(training.sequences), validation) == (3, None)


def hours(n, start="2024-01-01", freq="h"):
    return pd.DataFrame({"x": np.zeros(n)}, pd.date_range(start, periods=n, freq=freq))


@pytest.mark.parametrize("by_time", [False, True])
def test_a_panel_is_cut_at_one_time(by_time):
    late = hours(20, "2024-01-01 20:00")
    panel = pd.concat({"u": hours(40), "v": late, "w": hours(10)}, names=["series", "time"])
    panel = panel.sort_index(level="time") if by_time else panel
    table = table_of(panel)
    training, validation = split_in_time(0.25, 4, table)
    cut = pd.Timestamp("2024-01-02 06:00")  # 40 hours, of which the last 10
    assert (table.times[validation] >= cut).all() and (table.times[training] < cut - pd.Timedelta("4h")).all()
    assert len(validation) == 20 and len(training) == 26 + 6 + 10
    sequences = windows(table, 4)
    assert not rows_seen(sequences, training) & rows_seen(sequences, validation)


@pytest.mark.parametrize(
    "other",
    [hours(60, "2024-01-01 00:30"), hours(60).iloc[::3], hours(600, freq="6min")],
    ids=["between", "holes", "finer"],
)
def test_no_row_of_a_panel_is_seen_by_both_parts(other):
    table = table_of(pd.concat({"u": hours(60), "v": other}))
    training, validation = split_in_time(0.2, 8, table)
    sequences = windows(table, 8)
    assert len(training) and len(validation)
    assert not rows_seen(sequences, training) & rows_seen(sequences, validation)


@pytest.mark.parametrize(("n", "fraction", "window"), [(5, 0.2, 4), (5, 0.99, 1), (1, 0.5, 1), (3, 0.1, 50)])
def test_nothing_left_is_an_error_with_the_numbers(n, fraction, window):
    values = np.zeros((n, 1))
    table = read_table(values, values)
    samples = Samples(windows(table, window), values, np.ones(n), False, ALL_ALIKE)
    words = rf"of {n} samples, \d are for validation and a gap of window={window}.* 0 are left"
    with pytest.raises(ValueError, match=words):
        held_out_of(samples, fraction, True, window, table)
    training, validation = held_out_of(samples, fraction, False, window, table)
    assert (len(training.sequences), validation) == (n, None)
