"""Values as JSON and arrays: what comes back, what cannot be said, what is no value."""

import datetime
import enum
import json
import zoneinfo
from decimal import Decimal

import dateutil.tz
import numpy as np
import pandas as pd
import pytest
from made_up import CODEC, Pair, Record, Stretch, Stretches


def through(value):
    tree, arrays = CODEC.encode(value, "value")
    found = CODEC.decode(json.loads(json.dumps(tree, allow_nan=False)), arrays, "value")
    assert not arrays
    return found


def check_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True):
            check_same(a, b)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            check_same(a, b)
    elif isinstance(one, dict):
        check_same(list(one.items()), list(other.items()))
    else:
        assert one == other or (one != one and other != other)


SAYABLE = [
    None,
    True,
    0,
    -(2**70),
    0.1,
    -0.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "é\ud800\0",
    [1, [2.5, None]],
    (1, ("a",)),
    {"a": 1, 2: "b", (1, "c"): None, None: []},
    {},
    datetime.date(2024, 2, 29),
    b"\0\xff",
    pd.Timestamp("2024-01-01 12:00:00.123456789"),
    pd.Timestamp("1677-09-22").as_unit("s"),
    pd.Timestamp("2024-07-01", tz="Europe/Berlin"),
    pd.Timestamp("2024-07-01", tz="UTC"),
    pd.Timestamp("2024-07-01 12:00+05:30"),
    pd.Timedelta("1 day 3 us"),
    pd.Timedelta(5, "s").as_unit("s"),
    pd.Period("2024-03", "M"),
    pd.Period("2024Q1", "Q-NOV"),
    pd.Period("2024-03-01 10:00", "15min"),
    pd.offsets.MonthEnd(3),
    pd.offsets.Hour(2),
    pd.offsets.BusinessDay(),
    pd.offsets.CustomBusinessDay(2, weekmask="Mon Tue Sat", holidays=["2024-01-01", "1890-05-01"]),
    pd.offsets.CustomBusinessDay(calendar=np.busdaycalendar("1111000", ["2024-12-25"])),
    pd.offsets.QuarterBegin(1, startingMonth=2),
    pd.DateOffset(days=2),
    pd.DateOffset(2, months=1),
    pd.offsets.Week(weekday=3),
    np.dtype("float32"),
    np.dtype("M8[s]"),
    np.dtype("<U7"),
    np.dtype(object),
    pd.Int64Dtype(),
    pd.BooleanDtype(),
    pd.StringDtype(),
    pd.CategoricalDtype(["b", "a"], ordered=True),
    pd.CategoricalDtype([3, 1]),
    pd.DatetimeTZDtype("us", "Europe/Berlin"),
    pd.CategoricalDtype([pd.Timestamp("2024-01-01")]),
    pd.Index(["a", "b"], name="c"),
    pd.Index([1, "a", None, 2.5], name=("x", 1)),
    pd.Index([]),
    pd.Index([1.5, np.nan]),
    pd.RangeIndex(2, 8, 3, name="r"),
    pd.Index([True, False]),
    pd.Index([1, 2], dtype="int8"),
    pd.Index([1, 2], dtype="Int64"),
    pd.DatetimeIndex(["2024-01-01", "2024-03-01"], tz="Europe/Berlin"),
    pd.TimedeltaIndex(["1h", "2h"]),
    pd.period_range("2024-01", periods=3, freq="M"),
    pd.CategoricalIndex(["a", "b", "a"]),
    pd.Index([("a", 1), ("b", 2)], tupleize_cols=False),
    datetime.datetime(2024, 1, 1, 12, 30, 0, 7),
    pd.Interval(0, 1.5, "left"),
    pd.Interval(pd.Timestamp("2024-01-01", tz="Asia/Tokyo"), pd.Timestamp("2024-02-01", tz="Asia/Tokyo")),
    pd.interval_range(0, 3, name="i"),
    pd.interval_range(pd.Timestamp("2024-01-01"), periods=2),
    pd.cut([0.0, 1.0, 2.0], 2).dtype,
    pd.IntervalDtype("int64", "both"),
    pd.IntervalDtype(pd.DatetimeTZDtype("ns", "Asia/Tokyo"), "left"),
    pd.PeriodDtype("Q-NOV"),
    pd.SparseDtype("float64"),
    pd.UInt8Dtype(),
    pd.Float32Dtype(),
    np.dtype(">i4"),
    np.dtype("S3"),
    np.dtype("m8[D]"),
    pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("a", 2)], names=["x", None]),
    pd.MultiIndex.from_arrays([["a", "b"]], names=["x"]),
    np.arange(6, dtype="int16").reshape(2, 3),
    np.array([True]),
    np.array(["2024-01-01", "NaT"], "M8[s]"),
    np.array([5], "m8[h]"),
    np.array(["a", "long"]),
    np.array(["a"], "<U9"),
    np.array([["a"], [None]], object),
    np.array([b"ab", b"c"]),
    np.empty((0, 2), object),
    np.array([pd.Timestamp("2024-01-01", tz="UTC"), (1, 2)], dtype=object)[:1],
    Pair(1, None),
    Record(Pair(2, 0.5), np.arange(3.0), ("a", "b"), {"k": Pair(1, 2)}),
]


@pytest.mark.parametrize("value", SAYABLE, ids=lambda value: f"{type(value).__name__} {value!r:.40}")
def test_a_value_comes_back(value):
    if isinstance(value, Record):
        found = through(value)
        assert (found.pair, found.names, found.anything) == (value.pair, value.names, value.anything)
        np.testing.assert_array_equal(found.array, value.array)
    else:
        check_same(value, through(value))


NUMPYS = [(np.float32(0.1), float(np.float32(0.1))), (np.int8(3), 3), (np.bool_(True), True), (np.str_("a"), "a")]


@pytest.mark.parametrize(("value", "plain"), NUMPYS)
def test_numpys_numbers_become_pythons(value, plain):
    check_same(plain, through(value))


def test_a_random_state_draws_on():
    random_state = np.random.RandomState(3)
    random_state.normal(size=5)
    again = through(random_state)
    np.testing.assert_array_equal(again.normal(size=1001), random_state.normal(size=1001))


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


UNSAYABLE = [
    print,
    Decimal(1),
    Colour.RED,
    Text("a"),
    {1},
    1j,
    np.longdouble(1),
    np.datetime64("2024"),
    object(),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    datetime.time(1),
    np.dtype("i4,i4"),
    np.dtype("V8"),
    np.dtype("U100000"),
    pd.Timestamp("2024-01-01", tz=dateutil.tz.gettz("Europe/Berlin")),
    pd.DatetimeTZDtype("ns", dateutil.tz.gettz("Europe/Berlin")),
    pd.Series([1]),
    np.zeros(1, "f4,i4"),
    np.array([Decimal(1)]),
    [[1, print]],
    {"a": {2: print}},
    {print: 1},
    np.random.RandomState(np.random.PCG64(1)),
    pd.offsets.CustomBusinessDay(offset=datetime.timedelta(hours=1)),
    pd.offsets.CustomBusinessMonthEnd(holidays=["2024-01-01"]),
    pd.DateOffset(days=0.5),
    pd.Index([Decimal(1)]),
    Pair(1, print),
    np.random.default_rng(1),
]


@pytest.mark.parametrize("value", UNSAYABLE, ids=lambda value: type(value).__name__)
def test_what_cannot_be_said_is_named(value):
    with pytest.raises(ValueError, match=r"^value(\.\w+|\[[\w']+\]| \(a key\))* (is|draws)"):
        CODEC.encode(value, "value")


def test_a_zone_that_has_no_name_is_named():
    zone = dateutil.tz.gettz("Europe/Berlin")
    with pytest.raises(
        ValueError, match=r"^value is Timestamp\(.* in the time zone tzfile\(.*, which no file can hold"
    ):
        CODEC.encode(pd.Timestamp("2024-01-01", tz=zone), "value")


UTC = [zoneinfo.ZoneInfo("UTC"), dateutil.tz.tzutc(), datetime.UTC, "UTC"]


@pytest.mark.parametrize("zone", UTC, ids=lambda zone: f"{type(zone).__module__} {zone}")
def test_every_utc_is_the_same(zone):
    time = pd.Timestamp("2024-07-01 12:00", tz=zone)
    found = through(time)
    assert (found, str(found.tz)) == (time, "UTC")
    index = pd.date_range("2024-01-01", periods=3, tz=zone)
    assert (through(index) == index).all()
    assert through(index.dtype) == index.dtype == pd.DatetimeTZDtype(index.unit, "UTC")


def test_ranges_of_levels_and_categories_become_lists():
    levels = pd.MultiIndex.from_arrays([pd.RangeIndex(3, name="r"), ["a", "b", "c"]])
    tree, _ = CODEC.encode(levels, "value")
    assert "range_index" not in json.dumps(tree)
    pd.testing.assert_index_equal(through(levels), levels)
    dtype = pd.CategoricalDtype(pd.RangeIndex(3))
    assert "range_index" not in json.dumps(CODEC.encode(dtype, "value")[0])
    assert through(dtype) == dtype


def test_names_of_arrays_grow_with_their_number():
    """They are made of keys, cut; a sign more for each of those that are alike was quadratic."""
    prefix = "a long path of files/" * 5
    rows = {f"{prefix}{i}": np.arange(3.0) + i for i in range(500)}
    tree, arrays = CODEC.encode(rows, "value")
    assert max(map(len, arrays)) < 110
    found = CODEC.decode(json.loads(json.dumps(tree)), arrays, "value")
    assert list(found) == list(rows)
    for name in rows:
        np.testing.assert_array_equal(found[name], rows[name])


def test_names_of_arrays_that_look_numbered_are_kept_apart():
    key = "x" * 90
    value = {f"{key}{i}": np.array([i]) for i in range(4)}
    nested = {key[:79] + "' 2": np.array([7]), **value}
    check_same(nested, through(nested))


def test_the_place_is_named():
    with pytest.raises(
        ValueError, match=r"^x\[1\]\['a'\]\.other is .*builtin_function_or_method, which no file can hold"
    ):
        CODEC.encode([0, {"a": Pair(1, print)}], "x")


def test_a_record_that_is_packed_comes_back_as_it_was():
    stretches = Stretches([Stretch([1, 2, 3]), Stretch([7])])
    tree, arrays = CODEC.encode(stretches, "value")
    assert tree == {"Stretches": {"each": [{"Ends": {"first": 1, "last": 3}}, {"Ends": {"first": 7, "last": 7}}]}}
    assert CODEC.decode(tree, arrays, "value") == stretches
    tree["Stretches"]["each"][1]["Ends"]["last"] = 6
    with pytest.raises(ValueError, match=r"value\.each\[1\] is no Ends: it ends before it begins"):
        CODEC.decode(tree, arrays, "value")
    with pytest.raises(ValueError, match=r"value\.each is \[3\], where Stretches has another type"):
        CODEC.decode({"Stretches": {"each": [3]}}, {}, "value")
