"""JSON that is no value: refused with its place, without files, memory or other errors."""

import json
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from made_up import CODEC

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
    "business day of no days": {"custom_business_day": [1, "0000000", []]},
    "business day of what are none": {"custom_business_day": [1, "Mon Someday", []]},
    "business day of a list": {"custom_business_day": [1, [1, 1, 1, 1, 1, 0, 0], []]},
    "business day with a holiday that is no number": {"custom_business_day": [1, "Mon", ["now"]]},
    "business day, now and then": {"custom_business_day": [0.5, "Mon", []]},
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
    "levels of levels": {
        "multi_index": [
            {"range_index": [0, 2, 1, None]},
            {"multi_index": [{"range_index": [0, 2, 1, None]}, {"range_index": [0, 2, 1, None]}]},
        ]
    },
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
