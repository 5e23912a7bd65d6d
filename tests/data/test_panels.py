"""Rows of frames and panels that follow one another, against loops over series; forecasts of several columns and steps."""

import numpy as np
import pandas as pd
import pytest

from grukit.data.panels import (
    after_ends,
    chosen_steps,
    ends_of,
    for_each_column,
    has_all,
    in_order,
    is_wide_panel,
    last_rows,
    one_column,
    quantiles_of,
    rows_apart,
    side_by_side,
    up_to_ends,
    with_rows,
)

TIMES = pd.period_range("2024-01", periods=9, freq="M", name="time")


def frame(rows, start=0.0):
    """Two columns at some of the times."""
    values = start + np.arange(2.0 * len(rows)).reshape(-1, 2)
    return pd.DataFrame(values, TIMES[list(rows)], ["a", "b"])


def panel(**series):
    """A panel of two levels before the time; "yx" is series (y, x)."""
    parts = {tuple(key): frame(rows, 100.0 * i) for i, (key, rows) in enumerate(series.items())}
    return pd.concat(parts, names=["first", "second", "time"])


@pytest.fixture
def known():
    """Three series that are neither sorted by name nor end together."""
    return panel(yx=range(5), ab=range(2, 8), yc=range(4))


def parts(rows):
    """The rows of each series, in the order in which they appear."""
    names = rows.index.droplevel(-1)
    return {key: rows[names == key].droplevel([0, 1]) for key in names.unique()}


def test_rows_are_ordered_by_the_appearance_of_series_and_by_time(known):
    mixed = known.iloc[[14, 3, 0, 7, 2, 1, 5, 4, 6, 8, 9, 10, 12, 11, 13]]
    expected = {key: parts(mixed)[key].sort_index() for key in (("y", "c"), ("y", "x"), ("a", "b"))}
    pd.testing.assert_frame_equal(in_order(mixed), pd.concat(expected, names=["first", "second", "time"]))
    pd.testing.assert_frame_equal(in_order(frame([2, 0, 1])), frame([2, 0, 1]).sort_index())


def test_last_rows_and_ends(known):
    for key, each in parts(last_rows(known, 2)).items():
        pd.testing.assert_frame_equal(each, parts(known)[key].tail(2))
    assert [end.tolist() for end in ends_of(known.index)] == [[TIMES[4]], [TIMES[7]], [TIMES[3]]]
    assert [type(end) for end in ends_of(known.index)] == [pd.PeriodIndex] * 3
    one = frame(range(5))
    pd.testing.assert_frame_equal(last_rows(one, 2), one.tail(2))
    assert ends_of(one.index)[0].equals(one.index[-1:])


def test_how_far_rows_are_apart(known):
    assert rows_apart(known.index) == 1
    numbers = pd.MultiIndex.from_tuples([("u", 3), ("u", 6), ("u", 9), ("v", 0), ("v", 3)])
    assert rows_apart(numbers) == 3 and rows_apart(pd.RangeIndex(4, 20, 4)) == 4 and rows_apart(pd.Index([7])) == 1


def test_rows_of_the_same_time_are_replaced_and_new_series_come_last(known):
    new = panel(yc=range(3, 6), zz=range(2), yx=range(5, 7)) + 0.5
    found = with_rows(known, new)
    assert list(parts(found)) == [("y", "x"), ("a", "b"), ("y", "c"), ("z", "z")]
    for key, each in parts(found).items():
        own = [parts(rows)[key] for rows in (new, known) if key in parts(rows)]
        pd.testing.assert_frame_equal(each, own[0].combine_first(own[1]) if len(own) == 2 else own[0])


def test_rows_after_the_last_one_given_are_left_out(known):
    given = panel(ab=range(3, 5), yc=range(2)).index
    found = parts(up_to_ends(known, given))
    assert [len(found[key]) for key in (("y", "x"), ("a", "b"), ("y", "c"))] == [5, 3, 2]
    assert found["a", "b"].index[-1] == TIMES[4]
    assert up_to_ends(frame(range(6)), TIMES[1:3]).index.equals(TIMES[:3])
    later = parts(after_ends(known, given))
    assert [len(later[key]) for key in (("y", "x"), ("a", "b"), ("y", "c"))] == [5, 3, 2]
    assert later["a", "b"].index[0] == TIMES[5] and ("y", "c") in later
    assert after_ends(frame(range(6)), TIMES[1:3]).index.equals(TIMES[3:6])


def test_whether_rows_are_as_they_were_known(known):
    more = with_rows(known, panel(yx=range(5, 7), zz=range(2)))
    assert has_all(more, known) and not has_all(known, more)
    assert has_all(known.where(known > 3), known.where(known > 3)) and not has_all(known.where(known > 3), known)
    assert not has_all(with_rows(known, known.iloc[[3]] + 1e-9), known)


def test_columns_become_series_and_columns_again(known):
    assert is_wide_panel(known) and not is_wide_panel(known[["a"]]) and not is_wide_panel(frame(range(3)))
    stacked = one_column(known)
    assert stacked.index.names == ["column", "first", "second", "time"] and stacked.name is None
    for name in known:
        pd.testing.assert_series_equal(stacked.loc[name], known[name], check_names=False)
    X = for_each_column(known, pd.Index([0, "b"]))
    pd.testing.assert_frame_equal(X.loc[0], known)
    pd.testing.assert_frame_equal(X.loc["b"], known)
    ahead = panel(yx=range(5, 8), ab=range(5, 8))
    wide = pd.MultiIndex.from_product([["a", "b"], ["lower", "upper"]])
    bounds = pd.DataFrame({"lower": one_column(ahead) - 1, "upper": one_column(ahead) + 2})
    found = side_by_side(bounds, 2, wide)
    for name in ahead:
        pd.testing.assert_series_equal(found[name, "lower"], ahead[name] - 1, check_names=False)
        pd.testing.assert_series_equal(found[name, "upper"], ahead[name] + 2, check_names=False)
    pd.testing.assert_frame_equal(side_by_side(one_column(ahead), 2, ahead.columns), ahead)


def test_steps_are_chosen_series_by_series():
    ahead = panel(yx=range(4), ab=range(2, 6))
    found = chosen_steps(ahead, [np.array([1, 4]), np.array([3])])
    pd.testing.assert_frame_equal(found, ahead.iloc[[0, 3, 6]])


def test_quantiles_are_bounds_of_intervals():
    point = frame(range(3))
    columns = pd.MultiIndex.from_product([["a", "b"], [0.5, 0.8], ["lower", "upper"]])
    intervals = pd.DataFrame(np.arange(24.0).reshape(3, 8), point.index, columns)
    levels = [0.9, 0.25, 0.5]
    found = quantiles_of(point, None, intervals, levels, pd.MultiIndex.from_product([["a", "b"], levels]))
    expected = [intervals["a", 0.8, "upper"], intervals["a", 0.5, "lower"], point["a"]]
    expected += [intervals["b", 0.8, "upper"], intervals["b", 0.5, "lower"], point["b"]]
    np.testing.assert_array_equal(found, np.column_stack(expected))
    trained = pd.DataFrame({("a", 0.25): point["a"] - 50, ("b", 0.25): point["b"] - 70})
    found = quantiles_of(point, trained, intervals, levels, pd.MultiIndex.from_product([["a", "b"], levels]))
    expected[1], expected[4] = point["a"] - 50, point["b"] - 70
    np.testing.assert_array_equal(found, np.column_stack(expected))
    middle = quantiles_of(point, None, None, [0.5], pd.MultiIndex.from_product([["a", "b"], [0.5]]))
    np.testing.assert_array_equal(middle, point)
