"""Values as JSON and arrays: what comes back, what cannot be said, what is no value."""

import datetime
import enum
import json
import sys
import tracemalloc
import zoneinfo
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import dateutil.tz
import numpy as np
import pandas as pd
import pytest

from grukit.files import Codec


class Pair(NamedTuple):
    one: int
    other: float | None


@dataclass(frozen=True)
class Record:
    pair: Pair
    array: np.ndarray
    names: tuple[str, ...]
    anything: Any


CODEC = Codec(Pair, Record)


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
    pd.offsets.CustomBusinessDay(holidays=["2024-01-01"]),
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


WRONG = {
    "no kind": {},
    "two kinds": {"tuple": [], "list": []},
    "unknown": {"callable": "os.system"},
    "no list": {"tuple": 1},
    "float": {"float": "1.5"},
    "float of a list": {"float": []},
    "dict": {"dict": [[1]]},
    "dict twice": {"dict": [[1, 2], [1, 3]]},
    "unhashable": {"dict": [[[], 1]]},
    "no array": {"array": "b"},
    "array of a list": {"array": []},
    "times": {"times": ["a", "V8"]},
    "times of an unknown unit": {"times": ["a", "M8[x]"]},
    "objects": {"objects": ["V", [1], [1]]},
    "objects of another size": {"objects": ["O", [2], [1]]},
    "objects of a negative size": {"objects": ["O", [-1, -1], [1]]},
    "strings": {"objects": ["U1", [1], [1]]},
    "long strings": {"objects": ["U1", [1], ["ab"]]},
    "huge strings": {"objects": ["U99999999999999999999", [1], [1]]},
    "date": {"date": "2024-13-01"},
    "bytes": {"bytes": "0g"},
    "random state": {"random_state": [1, 2, 3, 4]},
    "timestamp": {"timestamp": [1, "ns"]},
    "timestamp out of range": {"timestamp": [2**70, "ns", None]},
    "unit": {"timestamp": [1, "x", None]},
    "zone": {"timestamp": [1, "ns", "../../etc/passwd"]},
    "zone that is not there": {"timestamp": [1, "ns", "Nowhere/Land"]},
    "long zone": {"timestamp": [1, "ns", "x" * 300]},
    "zone that is a folder": {"timestamp": [1, "ns", "America"]},
    "type with a zone that is a folder": {"type": "datetime64[ns, America]"},
    "file of dateutil": {"timestamp": [1, "ns", "dateutil//etc/passwd"]},
    "zone of dateutil": {"timestamp": [1, "ns", "dateutil/Europe/Berlin"]},
    "type of a file of dateutil": {"type": "datetime64[ns, dateutil//etc/passwd]"},
    "type of a zone of dateutil": {"type": "datetime64[ns, dateutil/Europe/Berlin]"},
    "type of the local zone": {"type": "datetime64[ns, tzlocal()]"},
    "intervals of intervals": {"type": "interval[interval[int64, left], left]"},
    "intervals of files": {"type": "interval[datetime64[ns, dateutil//etc/passwd], left]"},
    "type of records": {"type": "f4,i4"},
    "type of bytes": {"type": "V8"},
    "wide strings": {"type": "<U99999999"},
    "any category": {"type": "category"},
    "interval of words": {"interval": ["a", 1, "left"]},
    "interval of another side": {"interval": [0, 1, "inside"]},
    "period": {"period": [1, "no frequency"]},
    "long frequency": {"period": [1, "M" * 99]},
    "offset": {"offset": 3},
    "date offset": {"date_offset": [1, {"x": 1}]},
    "date offset of a list": {"date_offset": [1, []]},
    "type": {"type": "x" * 1000},
    "unknown type": {"type": "no type"},
    "index": {"index": [[1], {"type": "M8[ns"}, None]},
    "index of bytes of one width": {"index": [["a"], {"type": "S1"}, None]},
    "index of a number": {"index": [1, {"type": "int64"}, None]},
    "range": {"range_index": [0, 5, 0, None]},
    "levels": {"multi_index": [1]},
    "unequal levels": {"multi_index": [{"range_index": [0, 1, 1, None]}, {"range_index": [0, 2, 1, None]}]},
    "long levels": {"multi_index": [{"range_index": [0, 2**34, 1, None]}]},
    "long categories": {"categories": [{"range_index": [0, 2**34, 1, None]}, False]},
    "index of a range": {"index": [{"range_index": [0, 2**34, 1, None]}, {"type": "int64"}, None]},
    "index of wide strings": {"index": [["a"] * 20, {"type": "|S99999"}, None]},
    "index of an array": {"index": [{"array": "a"}, {"type": "int64"}, None]},
    "categories": {"categories": [{"index": [["a", "a"], {"type": "object"}, None]}, False]},
    "record": {"Pair": {"one": 1}},
    "field": {"Pair": {"one": "1", "other": None}},
    "truth for a number": {"Pair": {"one": True, "other": None}},
    "more fields": {"Pair": {"one": 1, "other": 1, "more": 1}},
    "record of a list": {"Pair": []},
    "names": {
        "Record": {
            "pair": {"Pair": {"one": 1, "other": 1}},
            "array": {"array": "a"},
            "names": {"tuple": [1]},
            "anything": None,
        }
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_value_is_refused_with_its_place(name):
    with pytest.raises(ValueError, match=r"^value(\.|\[| )"):
        CODEC.decode(WRONG[name], {"a": np.arange(2)}, "value")


OPENED: list[str] = []
sys.addaudithook(lambda event, arguments: OPENED.append(str(arguments[0])) if event == "open" else None)


@pytest.mark.parametrize("path", ["/etc/passwd", "/usr/share/zoneinfo/Asia/Tokyo"])
@pytest.mark.parametrize("tree", ['{"type": "datetime64[ns, PATH]"}', '{"timestamp": [1, "ns", "PATH"]}'])
@pytest.mark.parametrize("name", ["dateutil/PATH", "PATH", "..PATH", "posixrules/..PATH"])
def test_no_value_opens_a_file(path, tree, name):
    OPENED.clear()
    with pytest.raises(ValueError, match="names no time zone|names no type"):
        CODEC.decode(json.loads(tree.replace("PATH", name.replace("PATH", path))), {}, "value")
    assert not [each for each in OPENED if each.startswith(("/etc", "/usr/share"))]


def test_hostile_values_take_no_memory():
    tracemalloc.start()
    try:
        for name in WRONG:
            with pytest.raises(ValueError, match="value"):
                CODEC.decode(WRONG[name], {"a": np.arange(2)}, "value")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30e6, peak


def test_no_room_is_an_error_of_the_value(monkeypatch):
    def none(*content, **more):
        raise MemoryError("no room")

    monkeypatch.setattr(pd, "RangeIndex", none)
    with pytest.raises(ValueError, match=r"value is no 'range_index': .* \(no room\)"):
        CODEC.decode({"range_index": [0, 1, 1, None]}, {}, "value")


def test_an_array_is_taken_once():
    with pytest.raises(ValueError, match=r"value\[1\] is no 'array'.*taken before"):
        CODEC.decode([{"array": "a"}, {"array": "a"}], {"a": np.arange(2)}, "value")
