"""Targets in, predictions out."""

import numpy as np
import pandas as pd
import pytest

from grukit.data import independent_rows, read_sequences, read_table, read_targets, to_output, windows

VALUES = np.arange(8.0).reshape(4, 2)
FRAME = pd.DataFrame(VALUES, pd.date_range("2024", periods=4), columns=["a", "b"])
TABLE = windows(read_table(VALUES, FRAME), 2)


@pytest.mark.parametrize(
    ("y", "n_outputs", "squeeze", "names"),
    [
        (FRAME["a"], 1, True, ["a"]),
        (FRAME["a"].rename(None), 1, True, [None]),
        (FRAME[["a"]], 1, False, ["a"]),
        (FRAME, 2, False, ["a", "b"]),
        (VALUES[:, 0], 1, True, None),
        (VALUES[:, :1], 1, False, None),
        (VALUES[:, 0].tolist(), 1, True, None),
        (VALUES.tolist(), 2, False, None),
        (FRAME["a"] > 1, 1, True, ["a"]),
        (FRAME["a"].astype("Int64"), 1, True, ["a"]),
        (VALUES.astype("float32"), 2, False, None),
    ],
)
def test_the_form_is_remembered_and_given_back(y, n_outputs, squeeze, names):
    values, form = read_targets(y, TABLE, FRAME)
    assert (form.n_outputs, form.squeeze, form.per_step) == (n_outputs, squeeze, False)
    assert names == (None if form.names is None else list(form.names))
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, np.asarray(y, dtype=float).reshape(4, -1))
    back = to_output(values, FRAME, TABLE, form)
    if names is None:  # arrays give arrays
        assert type(back) is np.ndarray
    else:
        assert isinstance(back, pd.Series if squeeze else pd.DataFrame)
        pd.testing.assert_index_equal(back.index, FRAME.index)
    np.testing.assert_array_equal(back, np.asarray(y, dtype=float))
    plain = to_output(values, VALUES, TABLE, form)
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, np.asarray(y, dtype=float))


def test_targets_are_a_copy():
    y = VALUES[:, 0].copy()
    values, _ = read_targets(y, TABLE, FRAME)
    values[:] = -1
    np.testing.assert_array_equal(y, VALUES[:, 0])


def test_targets_at_every_step_come_back_in_pieces():
    X = [FRAME, FRAME[:2].to_numpy(), FRAME[1:]]
    sequences = read_sequences(X)
    y = [x if isinstance(x, pd.DataFrame) else x * 1 for x in X]
    values, form = read_targets(y, sequences, X)
    assert (form.n_outputs, form.per_step, form.squeeze, list(form.names)) == (2, True, False, ["a", "b"])
    back = to_output(values, X, sequences, form)
    pd.testing.assert_frame_equal(back[0], FRAME)
    pd.testing.assert_frame_equal(back[2], FRAME[1:], check_freq=False)
    assert type(back[1]) is np.ndarray
    np.testing.assert_array_equal(back[1], VALUES[:2])


def test_a_list_is_one_target_a_sequence_unless_its_entries_are_arrays():
    sequences = independent_rows(VALUES)
    _, form = read_targets([1.0, 2.0, 3.0, 4.0], sequences, VALUES)
    assert not form.per_step and form.squeeze
    _, form = read_targets([np.zeros(2)] * 4, sequences, VALUES)
    assert form.per_step and form.squeeze
    values, form = read_targets([np.float64(1.0)] * 4, sequences, VALUES)
    assert not form.per_step and values.tolist() == [[1.0]] * 4


def test_the_first_difference_of_two_indexes_is_named():
    for change, words in [
        (FRAME["a"].iloc[[0, 1, 3, 2]], "at row 2, X has 2024-01-03 00:00:00 and y has 2024-01-04 00:00:00"),
        (FRAME["a"].set_axis(list("abcd")), "at row 0, X has 2024-01-01 00:00:00 and y has a"),
        (FRAME["a"].to_period("D"), "at row 0, X has 2024-01-01 00:00:00 and y has 2024-01-01"),
    ]:
        with pytest.raises(ValueError, match=words):
            read_targets(change, TABLE, FRAME)
    # Two ways to write the same index are no difference.
    same = FRAME["a"].set_axis(pd.DatetimeIndex(FRAME.index.to_list(), freq=None).as_unit("ns"))
    assert read_targets(same, TABLE, FRAME)[1].n_outputs == 1
