"""Which frames continue a table, and with which rows."""

from contextlib import nullcontext as quiet
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from grukit.data import continuation, given_context, read_table, tail_of
from grukit.data.times import Pace


def table_of(index, seed=0):
    values = np.random.default_rng(seed).normal(size=(len(index), 2))
    return read_table(values, pd.DataFrame(values, index))


INDEXES = {
    "hours": pd.date_range("2024-01-01", periods=30, freq="h"),
    "hours without freq": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=30, freq="h"), freq=None),
    "days over the change to winter time": pd.date_range("2024-10-15", periods=30, freq="D", tz="Europe/Paris"),
    "hours over the change to winter time": pd.DatetimeIndex(
        pd.date_range("2024-10-26 15:00", periods=30, freq="h", tz="Europe/Paris"), freq=None
    ),
    "month ends": pd.DatetimeIndex(pd.date_range("2024-01-31", periods=30, freq="ME"), freq=None),
    "quarters": pd.date_range("2020-01-01", periods=30, freq="QS"),
    "weeks": pd.DatetimeIndex(pd.date_range("2024-01-07", periods=30, freq="W"), freq=None),
    "weeks at an hour that the clock leaves out": pd.date_range("2025-01-05 02:30", periods=30, freq="W").tz_localize(
        "Europe/Berlin", nonexistent="shift_forward"
    ),
    "months whose midnight is there twice": pd.date_range("2014-11-01", periods=30, freq="MS").tz_localize(
        "America/Havana", ambiguous=np.ones(30, dtype=bool)
    ),
    "business days": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=30, freq="B"), freq=None),
    "own working week": pd.date_range(
        "2024-01-01", periods=30, freq=pd.offsets.CustomBusinessDay(weekmask="Mon Wed Fri")
    ),
    "periods": pd.period_range("2024-01-01", periods=30, freq="D"),
    "time deltas": pd.to_timedelta(np.arange(30) * 90, unit="s"),
    "weeks since": pd.to_timedelta(np.arange(30) * 14, unit="D"),
    "rows": pd.RangeIndex(30),
    "steps of 10": pd.Index(np.arange(100, 400, 10)),
    "small unsigned integers": pd.Index(np.arange(30, dtype="uint8")),
    "halves": pd.Index(np.arange(30) / 2),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
def test_the_next_step_continues_and_no_other(index):
    for n in (12, 17, 20):
        train = table_of(index[:n])
        tail = tail_of(train, 5)
        for first in range(30):
            table = table_of(index[first:])
            steps = tail.paces[()].steps_to(table.times[:1].tolist()[0])
            gap = first > n and steps <= 5  # a window would still reach back
            with (
                pytest.warns(UserWarning, match=f"and training ended at .*, {steps:.3g} steps before")
                if gap
                else quiet()
            ):
                context = continuation(tail, table, 5)
            if first == n:
                np.testing.assert_array_equal(context[()], train.values[-4:])
            else:
                assert context == {}, first
        assert 1.9 < tail.paces[()].steps_to(index[n + 1 : n + 2].tolist()[0]) < 5


def test_a_frame_without_a_step_has_no_next_one():
    for index in (
        pd.DatetimeIndex(["2024-01-01"]),
        pd.Index([3]),
        pd.Index(list("abc")),
        pd.Index([1, 2, 3]).astype(str),
    ):
        tail = tail_of(table_of(index), 5)
        assert tail.paces[()].step is None and continuation(tail, table_of(index), 5) == {}
    irregular = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06"])
    assert tail_of(table_of(irregular), 5).paces[()].step is None


def test_irregular_numbers_have_no_step():
    assert tail_of(table_of(pd.Index([0, 1, 2, 3, 17])), 5).paces[()].step is None


@pytest.mark.parametrize("index", [pd.Index(np.array([253, 254, 255], "uint8")), pd.Index([False, True])])
def test_an_index_at_the_end_of_its_type_is_no_error(index):
    tail_of(table_of(index), 5)


def test_arrays_have_no_tail():
    values = np.zeros((5, 2))
    assert tail_of(read_table(values, values), 3) is None
    assert continuation(None, table_of(INDEXES["hours"]), 3) == {}
    assert continuation(tail_of(table_of(INDEXES["hours"][:20]), 3), read_table(values, values), 3) == {}


@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_a_tail_is_one_row_less_than_a_window(window):
    train = table_of(INDEXES["hours"][:20])
    np.testing.assert_array_equal(tail_of(train, window).rows[()], train.values[max(0, 21 - window) :])


def test_a_tail_joins_with_the_rows_before():
    train = table_of(INDEXES["hours"][10:13])
    before = np.random.default_rng(1).normal(size=(4, 2))
    joined = np.concatenate([before, train.values])
    for window in (2, 4, 6, 8, 20):
        tail = tail_of(train, window, {(): before})
        np.testing.assert_array_equal(tail.rows[()], joined[-(window - 1) :])
    assert len(tail_of(train, 1, {(): before}).rows[()]) == 0


def test_a_tail_is_a_copy():
    train = table_of(INDEXES["hours"])
    tail = tail_of(train, 3)
    before = tail.rows[()].copy()
    train.values[:] = 0
    np.testing.assert_array_equal(tail.rows[()], before)


def test_given_context_is_cut_to_what_a_window_can_see():
    history, table = table_of(INDEXES["hours"][:20]), table_of(INDEXES["hours"][25:])
    for window in (1, 2, 5, 50):
        context = given_context(history, table, window)
        np.testing.assert_array_equal(context[()], history.values[max(0, 21 - window) :])


PANELS = {
    "hours": lambda n: pd.date_range("2024", periods=n, freq="h"),
    "days across a change of the clock": lambda n: pd.date_range("2024-03-20", periods=n, tz="Europe/Berlin"),
    "hours across a change of the clock": lambda n: pd.date_range(
        "2024-03-29", periods=n, freq="h", tz="Europe/Berlin"
    ),
    "two days": lambda n: pd.date_range("2024", periods=n, freq="2D"),
    "weeks": lambda n: pd.date_range("2024", periods=n, freq="W-WED"),
    "months of 31 days": lambda n: pd.date_range("2024-07-01", periods=min(n, 3), freq="MS"),
    "four weeks": lambda n: pd.date_range("2024", periods=n, freq="28D"),
    "exchange days": lambda n: pd.bdate_range("2024", periods=n),
    "deltas": lambda n: pd.to_timedelta(np.arange(n), unit="D"),
    "periods": lambda n: pd.period_range("2024", periods=n, freq="M"),
    "every other period": lambda n: pd.period_range("2024", periods=2 * n, freq="M")[::2],
    "numbers": lambda n: pd.Index(np.arange(n) * 3),
    "milliseconds": lambda n: pd.date_range("2024", periods=n, freq="7ms").as_unit("ms"),
    "no rule": lambda n: pd.DatetimeIndex(
        pd.Timestamp("2024") + pd.to_timedelta(np.random.default_rng(n).integers(1, 99, n).cumsum(), unit="min")
    ),
}


@pytest.mark.parametrize("kind", PANELS)
def test_the_paces_of_a_panel_are_those_of_each_series(kind):
    pieces = [PANELS[kind](n) for n in (1, 2, 3, 5, 3, 80)]
    times, offsets = pieces[0].append(pieces[1:]), np.cumsum([0, *map(len, pieces)])
    for pace, (first, last) in zip(Pace.of_each(times, offsets), pairwise(offsets), strict=True):
        piece = times[first:last]
        expected = Pace.of(piece)
        assert (pace.last, pace.kind, pace.typical) == (expected.last, expected.kind, expected.typical)
        assert pace.longest == expected.longest
        assert (pace.step is None) == (expected.step is None)
        if expected.step is not None:
            assert [pace.last + pace.step, piece[0] + pace.step] == [
                expected.last + expected.step,
                piece[0] + expected.step,
            ]
