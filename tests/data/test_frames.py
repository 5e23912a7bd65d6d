"""How a frame falls into series, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import check_array

from grukit.data import check_columns, check_finite, plain_numbers, read_table
from grukit.data.order import check_text


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.sampled_from("abc"), min_size=1, max_size=25))
def test_rows_of_a_series_come_together_in_their_order(names):
    n = len(names)
    values = np.arange(float(n))[:, None]
    index = pd.MultiIndex.from_arrays([names, pd.date_range("2024", periods=n, freq="h")])
    table = read_table(values, pd.DataFrame(values, index))
    assert sorted(key[0] for key in table.keys) == sorted(set(names))
    for s, (name,) in enumerate(table.keys):
        piece = slice(table.offsets[s], table.offsets[s + 1])
        expected = [i for i in range(n) if names[i] == name]
        np.testing.assert_array_equal(table.values[piece, 0], expected)
        assert table.times[piece].equals(index.get_level_values(1)[expected])
    np.testing.assert_array_equal(table.to_user_order(table.values), values)
    np.testing.assert_array_equal(table.from_user_order(values), table.values)
    np.testing.assert_array_equal(table.to_user_order(table.from_user_order(np.arange(n))), np.arange(n))


def test_an_array_has_no_times():
    values = np.zeros((3, 2))
    table = read_table(values, values)
    assert table.times is None and table.keys == [()] and table.offsets.tolist() == [0, 3]
    assert table.values is values


def test_a_frame_is_one_series():
    values = np.zeros((3, 2))
    frame = pd.DataFrame(values, pd.period_range("2024", periods=3, freq="Y"))
    table = read_table(values, frame)
    assert table.keys == [()] and table.times is frame.index and table.order is None


@given(
    st.lists(st.sampled_from([0.0, 1e308, -1e308, np.nan, np.inf, -np.inf]), min_size=1, max_size=12),
    st.sampled_from(["float32", "float64"]),
)
def test_everything_that_is_not_finite_is_found(values, dtype):
    with np.errstate(over="ignore"):
        array = np.array(values, dtype)[:, None]  # in float32 the large ones are infinite
    bad = ~np.isfinite(array[:, 0])
    if not bad.any():
        check_finite(array, "X")
        return
    first, others = int(np.argmax(bad)), int(bad.sum()) - 1
    kind = "NaN" if np.isnan(array[first, 0]) else r"inf \(infinity\)"
    remedy = "Fill or drop" if kind == "NaN" else "Replace what is infinite"
    more = rf", and {others} more entries that are NaN or infinite\. {remedy}" if others else rf"\. {remedy}"
    with pytest.raises(ValueError, match=rf"X contains {kind} in column 0 at row {first}{more}"):
        check_finite(array, "X")


def test_columns_of_numbers_pass_and_others_are_named():
    numbers = {"i": [1], "f": [1.5], "b": [True], "n": pd.array([1], "Int64"), "u": np.array([1], "uint8")}
    check_columns(pd.DataFrame(numbers))
    check_columns(np.array(["text"]))  # arrays are checked elsewhere
    with pytest.raises(ValueError, match=r"context: column \('p', 1\) has dtype category"):
        check_columns(pd.DataFrame({("p", 1): pd.Categorical([1])}), "context")
    # A name that is there twice
    with pytest.raises(ValueError, match="column 'x' has dtype datetime64"):
        check_columns(pd.concat([pd.Series([1.0], name="x"), pd.Series(pd.to_datetime(["2024"]), name="x")], axis=1))


@pytest.mark.parametrize(
    "stamps",
    [
        ["2024-01-01 00:00:00", "2024-01-01 00:00:00.5", "2024-01-01 00:00:01"],
        ["2024-01-01T00:00:00.25", "2024-01-01T00:00:00.3", "2024-01-01T00:00:00.35"],
    ],
)
def test_fractions_of_seconds_are_in_order_as_text(stamps):
    check_text(pd.Index(stamps))


@pytest.mark.parametrize("stamps", [["1", "10", "2"], ["2024-1-10", "2024-1-9"], ["step 1", "step 10", "step 2"]])
def test_text_in_another_order_than_what_it_holds(stamps):
    with pytest.raises(ValueError, match="Strings sort as text"):
        check_text(pd.Index(stamps))


@pytest.mark.parametrize(
    ("frame", "plain"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, np.nan]}), True),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}), True),
        (pd.DataFrame({"a": [1, 2]}), True),
        (np.array([[2**60 + 1, -3]]), True),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [True, False]}), False),
        (pd.DataFrame({"a": [1.0, 2.0], "b": pd.array([1, None], dtype="Int64")}), False),
        (pd.DataFrame({"a": [1.0, 2.0], "b": pd.to_datetime(["2024", "2025"])}), False),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1j, 2.0]}), False),
        (pd.DataFrame(index=range(3)), False),
        (pd.DataFrame({"a": [1.0, 2.0], "b": pd.Categorical([1, 2])}), False),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), False),
        (np.ones((2, 2), np.float32), True),
        (np.ones((2, 2), np.float16), False),
        (np.ones((0, 2)), False),
        (np.ones(2), False),
        (np.array([[1.0]]).view(np.matrix), False),
        (np.ma.masked_array([[1.0]], [[True]]), False),
        ([[1.0]], False),
    ],
)
def test_plain_numbers_are_what_check_array_gives(frame, plain):
    values = plain_numbers(frame)
    assert (values is not None) == plain
    if plain:
        expected = check_array(frame, dtype=(np.float64, np.float32), ensure_all_finite=False)
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected)
