"""Series in all the forms that users hold them in, and forecasts written alike."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from grukit.data.series import read_series
from grukit.data.written import interval_columns, write_forecasts

HOURS = pd.date_range("2024-01-01", periods=6, freq="h", name="time")
FRAME = pd.DataFrame({"a": np.arange(6.0), "b": 10 + np.arange(6.0)}, index=HOURS)


def written(series, values, columns=None):
    return write_forecasts(np.asarray(values, float), series.keys, series.ends, series.grid, series.form, columns)


def test_a_series():
    series = read_series(FRAME["a"])
    assert series.values.tolist() == FRAME["a"].tolist() and series.keys == [("a",)]
    ahead = written(series, [[1, 2]])
    wanted = pd.Series([1.0, 2.0], index=pd.date_range(HOURS[-1], periods=3, freq="h", name="time")[1:], name="a")
    pd.testing.assert_series_equal(ahead, wanted)


def test_a_frame():
    series = read_series(FRAME)
    assert series.values.tolist() == [*FRAME["a"], *FRAME["b"]] and series.keys == [("a",), ("b",)]
    ahead = written(series, [[1, 2], [3, 4]])
    index = pd.date_range(HOURS[-1], periods=3, freq="h", name="time")[1:]
    pd.testing.assert_frame_equal(ahead, pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=index))


def test_a_panel_of_unequal_series_in_any_order_of_its_series():
    pieces = {"v": FRAME["b"].iloc[1:4], "u": FRAME["a"]}
    y = pd.concat(pieces, names=["unit", "time"]).rename("load")
    series = read_series(y)
    assert series.keys == [("v",), ("u",)] and series.lengths.tolist() == [3, 6]
    ahead = written(series, [[1, 2], [3, 4]])
    assert ahead.name == "load" and ahead.index.names == ["unit", "time"]
    assert ahead.loc["v"].index.tolist() == [HOURS[4], HOURS[5]]
    assert ahead.loc["u"].tolist() == [3.0, 4.0] and ahead.loc["u"].index[0] == HOURS[-1] + pd.Timedelta("1h")
    framed = written(read_series(y.to_frame()), [[1, 2], [3, 4]])
    pd.testing.assert_frame_equal(framed, ahead.to_frame())
    mixed = read_series(y.swaplevel().sort_index().swaplevel())  # rows of both series in turns
    assert sorted(mixed.values) == sorted(series.values)
    assert dict(zip(mixed.keys, mixed.lengths, strict=True)) == {("u",): 6, ("v",): 3}


def test_series_of_one_span_with_other_rows_missing():
    """As many rows from the same first to the same last: each has its own gaps."""
    y = pd.concat({"u": FRAME["a"].drop(HOURS[2]), "v": FRAME["b"].drop(HOURS[3])}, names=["unit", "time"])
    series = read_series(y, allow_nan=True)
    np.testing.assert_array_equal(series.values, [0, 1, np.nan, 3, 4, 5, 10, 11, 12, np.nan, 14, 15])
    with pytest.raises(ValueError, match="of series u has a gap: after 2024-01-01 01:00:00"):
        read_series(y)
    whole = pd.concat({"u": FRAME["a"], "v": FRAME["b"].drop(HOURS[3]).rename({HOURS[4]: HOURS[3] + HOURS.freq / 2})})
    with pytest.raises(ValueError, match="of series v"):
        read_series(whole)


def test_positions_are_those_in_time():
    y = pd.concat({"v": FRAME["b"].iloc[1:4], "u": FRAME["a"]})
    assert read_series(y).positions().tolist() == [1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert read_series(FRAME).positions().tolist() == [*range(6), *range(6)]


def test_the_last_rows():
    tail, rows = read_series(FRAME).tail(2)
    assert rows.tolist() == [4, 5, 10, 11] and tail.values.tolist() == [4.0, 5.0, 14.0, 15.0]


def test_columns_of_intervals():
    values = np.arange(8.0).reshape(1, 2, 4)
    several = written(read_series(FRAME["a"]), values, interval_columns([0.5, 0.9]))
    assert several.columns.tolist() == [(0.5, "lower"), (0.5, "upper"), (0.9, "lower"), (0.9, "upper")]
    assert several.columns.names == ["coverage", "bound"] and several.to_numpy().tolist() == values[0].tolist()
    values = np.arange(8.0).reshape(2, 2, 2)
    wide = written(read_series(FRAME), values, interval_columns(None))
    assert wide[("b", "upper")].tolist() == [5.0, 7.0] and wide.columns.names == ["series", "bound"]


def test_arrays_count_rows():
    ahead = written(read_series(np.arange(5.0)), [[1, 2]])
    pd.testing.assert_series_equal(ahead, pd.Series([1.0, 2.0], index=pd.RangeIndex(5, 7)))
    assert read_series(np.ones((4, 2))).keys == [(0,), (1,)]


def test_missing_values_and_rows():
    gappy = FRAME["a"].drop(HOURS[2]).astype("Float64")
    gappy[HOURS[3]] = pd.NA
    with pytest.raises(ValueError, match=r"y contains NaN at 2024-01-01 03:00:00 .*missing='mask'"):
        read_series(gappy)
    np.testing.assert_array_equal(read_series(gappy, allow_nan=True).values, [0, 1, np.nan, np.nan, 4, 5])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (FRAME["a"].iloc[:0], "y is empty"),
        (FRAME["a"].iloc[::-1], r"not sorted: 2024-01-01 04:00:00 .*\. Sort with y\.sort_index\(\); where"),
        (FRAME["a"].drop(HOURS[2]), "has a gap: after 2024-01-01 01:00:00"),
        (FRAME.assign(b="x"), "column 'b' has dtype"),
        (FRAME["a"].where(FRAME["a"] < 3, np.inf), r"inf \(infinity\) at 2024-01-01 03:00:00 .*\. Replace"),
        (pd.concat({"u": FRAME}), "a panel has one. Give"),
        (FRAME.set_axis(["a", "a"], axis=1), "two columns of the same name"),
        (pd.concat({"u": FRAME["a"].drop(HOURS[3])}), "series u has a gap"),
        (
            FRAME["a"].astype(object).where(FRAME["a"] != 3, "x"),
            r"numbers; its dtype is object. At 2024-01-01 03:00:00 \(row 3\) it has 'x'",
        ),
        (FRAME["a"].astype(object), r"its dtype is object. Convert it, with y.astype"),
        (FRAME["a"] + 1j, "y must hold numbers; its dtype is complex128"),
        (FRAME.astype(complex), "y: column 'a' has dtype complex128; every column must hold numbers"),
        (
            FRAME["a"].diff(),
            r"NaN at 2024-01-01 00:00:00 \(row 0\)\. Leave out the rows .* with y\.dropna\(\), or use missing",
        ),
        (FRAME["a"].where(FRAME["a"] < 4), r"\. Leave out the rows before the first value and after the last"),
        (FRAME["a"].where(FRAME["a"] != 3), r"\(row 3\)\. Fill it first, for instance with y\.interpolate\(\)"),
        (
            FRAME.reset_index(names="date"),
            r"'date' has dtype .* make it the index, with y\.set_index\('date'\); or drop it",
        ),
        (FRAME["a"].iloc[[0, 1, 1, 2]], r"The time index of y has duplicates: 2024-01-01 01:00:00"),
        (FRAME["a"].set_axis(list("abcdef")), "must hold times, periods or numbers"),
    ],
)
def test_what_is_refused(y, words):
    with pytest.raises(ValueError, match=words):
        read_series(y)


def test_a_frame_of_another_library_keeps_its_columns():
    series = read_series(pl.from_pandas(FRAME))
    assert series.keys == [("a",), ("b",)] and series.values.tolist() == [*FRAME["a"], *FRAME["b"]]
    assert written(series, [[1, 2], [3, 4]]).to_dict("list") == {"a": [1.0, 2.0], "b": [3.0, 4.0]}


def test_an_index_of_one_level_is_what_the_level_holds():
    y = FRAME["a"].set_axis(pd.MultiIndex.from_arrays([HOURS]))
    series = read_series(y)
    assert series.keys == [("a",)] and series.times[0].equals(HOURS) and series.values.tolist() == [0, 1, 2, 3, 4, 5]
    assert written(series, [[6, 7]]).index.tolist() == pd.date_range(HOURS[-1], periods=3, freq="h").tolist()[1:]


def test_a_panel_out_of_order_is_named():
    panel = pd.concat({"u": FRAME["a"], "v": FRAME["b"].iloc[[0, 2, 1]]})
    with pytest.raises(ValueError, match=r"time index of y of series v is not sorted: .* Sort with y\.sort_index\(\);"):
        read_series(panel)


def test_what_is_no_series():
    with pytest.raises(TypeError, match=r"or numbers, \(n,\) or \(n, n_series\); got dict\.$"):
        read_series({"a": [1.0]})
    with pytest.raises(TypeError, match="must be a Series, a DataFrame .*; got list"):
        read_series(["a", "b"])
    with pytest.raises(TypeError, match=r"or numbers, \(n,\) or .*; got ndarray, of shape \(4,\) and dtype complex128"):
        read_series(np.arange(4) + 1j)
    with pytest.raises(ValueError, match="series b has no value"):
        read_series(FRAME.assign(b=np.nan), allow_nan=True)


@pytest.mark.parametrize(
    "columns",
    [
        pd.MultiIndex.from_tuples([("north", 1), ("south", 2)], names=["site", "number"]),
        pd.CategoricalIndex(["a", "b"], categories=["b", "a", "c"], ordered=True, name="site"),
        pd.Index([2, 1], dtype="int32"),
    ],
    ids=["levels", "categories", "integers"],
)
def test_columns_stay_as_they_are(columns):
    series = read_series(FRAME.set_axis(columns, axis=1))
    pd.testing.assert_index_equal(written(series, [[1, 2], [3, 4]]).columns, columns, exact=True)
    wide = written(series, np.arange(8.0).reshape(2, 2, 2), interval_columns(None))
    assert wide.columns.names == [*(columns.names if columns.nlevels > 1 else [columns.name or "series"]), "bound"]
    outer = wide.columns.droplevel("bound")[::2]
    outer.names = columns.names
    pd.testing.assert_index_equal(outer, columns, exact=True)
    first = columns[0] if isinstance(columns[0], tuple) else (columns[0],)
    assert wide[(*first, "upper")].tolist() == [1.0, 3.0]


def test_a_context_is_called_one():
    grid = read_series(FRAME).grid
    hours = FRAME["a"]
    off = hours.set_axis([*HOURS[:3], *(HOURS[3:] + pd.Timedelta("20min"))])
    for y, words in (
        (hours.drop(HOURS[2]), r"index of context has a gap: .* with context\.asfreq"),
        (off, "index of context is not regular: .* with context.resample"),
        (hours.iloc[[0, 1, 1]], "index of context has duplicates"),
        (hours.set_axis(range(6)), "index of context holds numbers"),
        (pd.concat({"u": hours.drop(HOURS[2])}), "index of context of series u has a gap"),
    ):
        with pytest.raises(ValueError, match=words):
            read_series(y, grid=grid, what="context")


def test_values_of_months_on_one_day_are_told_what_they_are():
    days = pd.date_range("2000-01-01", periods=8, freq="MS") + pd.Timedelta(days=14)
    y = pd.Series(np.arange(8.0), index=days)
    with pytest.raises(
        ValueError, match=r"is not regular: .* If it has one value a month, with y\.to_period\('M'\)\.$"
    ):
        read_series(y)
    assert read_series(y.to_period("M")).grid.name == "M"
    with pytest.raises(ValueError, match=r"is not regular: .* or y\.asfreq\(\.\.\.\)\.$"):
        read_series(y.set_axis([*days[:-1], days[-1] + pd.Timedelta(days=1)]))
