"""Values as JSON and arrays, and back: a closed list of kinds, of which no other is written or read.

What JSON has stands for itself: None, booleans, integers, finite floats, strings, lists. All else is an object of one entry,
whose name tells the kind: ``{"tuple": [...]}``, ``{"array": "name of the array"}``, ``{"timestamp": [...]}``, or the name of a
record, ``{"Scaler": {"mean": ..., "scale": ..., "link": ...}}``.
"""

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import numpy as np

from grukit.files.pandas_values import pandas_reader, pandas_value
from grukit.files.records import fits, later_of, names_of
from grukit.files.tensors import NAMES


class Codec:
    """Writes and reads values, records among them.

    Parameters
    ----------
    *records : type
        Dataclasses and named tuples. Their names and those of their fields are what files have; a field's type is checked.
    packed : mapping of type to type, default=None
        Records that files hold in another form: one that ``of(record)`` makes and ``opened()`` turns back.
    """

    def __init__(self, *records: type, packed: Mapping[type, Any] | None = None):
        self.packed = dict(packed or {})
        records += tuple(self.packed.values())
        self.records = {record.__name__: record for record in records}
        self.hints = {record.__name__: get_type_hints(record) for record in records}

    def encode(self, value: Any, where: str) -> tuple[Any, dict[str, np.ndarray]]:
        """A value as JSON, and its arrays by name.

        Raises
        ------
        ValueError
            Naming what a file cannot hold, by ``where`` and the fields and positions from there.
        """
        writer = _Writer(self)
        return writer.write(value, where), writer.arrays

    def decode(self, tree: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
        """The value; the arrays that it takes are taken out of ``arrays``.

        Raises
        ------
        ValueError
            Where it is none, naming the place.
        """
        return _Reader(self, arrays).read(tree, where)


class _Writer:
    def __init__(self, codec: Codec):
        self.codec = codec
        self.arrays: dict[str, np.ndarray] = {}
        self.alike: dict[str, int] = {}

    def write(self, value: Any, where: str) -> Any:
        """A value as JSON."""
        if isinstance(value, np.bool_ | np.integer | np.floating | np.str_):
            value = value.item()
        if type(value) in self.codec.packed:
            value = self.codec.packed[type(value)].of(value)
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return self._each(value, where)
        if kind.__name__ in self.codec.records and kind is self.codec.records[kind.__name__]:
            return {
                kind.__name__: {name: self.write(getattr(value, name), f"{where}.{name}") for name in names_of(kind)}
            }
        if kind is tuple:
            return {"tuple": self._each(value, where)}
        if kind is dict:
            keys = [self.write(k, f"{where} (a key)") for k in value]
            values = [self.write(v, f"{where}[{k!r:.80}]") for k, v in value.items()]
            return {"dict": [list(pair) for pair in zip(keys, values, strict=True)]}
        if kind is np.ndarray:
            return self._array(value, where)
        if kind is datetime.date or (kind is datetime.datetime and value.tzinfo is None):
            return {kind.__name__: value.isoformat()}
        if kind is bytes:
            return {"bytes": value.hex()}
        if kind is np.random.RandomState:
            return {"random_state": self._random_state(value, where)}
        found = pandas_value(value, lambda part, name: self.write(part, f"{where}.{name}"))
        if found is None:
            zone = "" if getattr(value, "tz", None) is None else f" in the time zone {value.tz!r:.80}"
            raise ValueError(
                f"{where} is {value!r:.80}, a {kind.__module__}.{kind.__qualname__}{zone}, which no file can hold."
            )
        return found

    def _each(self, values: Any, where: str) -> list[Any]:
        return [self.write(value, f"{where}[{i}]") for i, value in enumerate(values)]

    def _array(self, array: np.ndarray, where: str) -> Any:
        plain = array.dtype.newbyteorder("=")
        if plain in NAMES:
            return {"array": self._named(array, where)}
        if plain.kind in "mM":
            return {"times": [self._named(array.astype(plain).view(np.int64), where), plain.str[1:]]}
        if plain.kind not in "OUS":
            raise ValueError(f"{where} is an array of {array.dtype}, which no file can hold.")
        shape, members = list(array.shape), self._each(array.ravel().tolist(), where)
        return {"objects": [plain.kind if plain.kind == "O" else plain.str[1:], shape, members]}

    def _named(self, array: np.ndarray, where: str) -> str:
        name = where
        while name in self.arrays:  # two keys that are written alike
            self.alike[where] = self.alike.get(where, 1) + 1
            name = f"{where} {self.alike[where]}"
        self.arrays[name] = array
        return name

    def _random_state(self, random_state: np.random.RandomState, where: str) -> Any:
        state: Any = random_state.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(f"{where} draws from {state['bit_generator']}, which no file can hold; only MT19937.")
        key = self._array(state["state"]["key"], where)
        return [key, int(state["state"]["pos"]), int(state["has_gauss"]), float(state["gauss"])]


class _Reader:
    def __init__(self, codec: Codec, arrays: dict[str, np.ndarray]):
        self.codec, self.arrays = codec, arrays
        self.kinds: dict[str, Callable[[Any, str], Any]] = {
            "float": lambda x, where: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[x],
            "tuple": lambda x, where: tuple(self._each(x, where)),
            "dict": lambda x, where: self._dict(x, where),
            "array": lambda x, where: self._take(x),
            "times": lambda x, where: self._take(x[0]).view(_time_type(x[1])),
            "objects": self._objects,
            "date": lambda x, where: datetime.date.fromisoformat(x),
            "datetime": lambda x, where: datetime.datetime.fromisoformat(x),
            "bytes": lambda x, where: bytes.fromhex(x),
            "random_state": self._random_state,
        }

    def read(self, tree: Any, where: str) -> Any:
        """A value from JSON."""
        if isinstance(tree, list):
            return self._each(tree, where)
        if not isinstance(tree, dict):
            if isinstance(tree, float) and not math.isfinite(tree):
                raise ValueError(f"{where} is a number out of range.")
            return tree
        if len(tree) != 1:
            raise ValueError(f"{where} is an object of {len(tree)} entries, where one tells the kind.")
        [(kind, content)] = tree.items()
        if kind in self.codec.records:
            return self._record(kind, content, where)
        reader = self.kinds.get(kind) or pandas_reader(kind, lambda part: self.read(part, where))
        if reader is None:
            raise ValueError(f"{where} is a {kind!r:.80}, which this version does not know.")
        try:
            return reader(content, where)
        except _WRONG as error:
            if isinstance(error, ValueError) and str(error).startswith(where):
                raise
            raise ValueError(f"{where} is no {kind!r}: {content!r:.80} ({error}).") from error

    def _each(self, values: Any, where: str) -> list[Any]:
        if not isinstance(values, list):
            raise ValueError(f"{where} is no list.")
        return [self.read(value, f"{where}[{i}]") for i, value in enumerate(values)]

    def _dict(self, items: Any, where: str) -> dict[Any, Any]:
        found = {}
        for key, value in items:
            own = self.read(key, f"{where} (a key)")
            found[own] = self.read(value, f"{where}[{own!r:.80}]")
        if len(found) < len(items):
            raise ValueError(f"{where} has a key twice.")
        return found

    def _take(self, name: Any) -> np.ndarray:
        if name not in self.arrays:
            raise ValueError(f"there is no array {name!r:.80}, or it was taken before")
        return self.arrays.pop(name)

    def _objects(self, content: Any, where: str) -> np.ndarray:
        name, shape, members = content
        if name != "O" and not (name[:1] in ("U", "S") and name[1:].isdigit()):
            raise ValueError("unknown type")
        values = self._each(members, where)
        if not all(isinstance(n, int) and n >= 0 for n in shape) or math.prod(shape) != len(values):
            raise ValueError("it has another size")
        array = np.empty(len(values), object)
        array[:] = values
        if name == "O":
            return array.reshape(shape)
        if not all(type(value) is (str if name[0] == "U" else bytes) for value in values):
            raise ValueError("its members are of another type")
        widest = max((len(value) for value in values), default=0)
        if not widest <= int(name[1:]) <= widest + WIDER // max(len(values), 1):
            raise ValueError("its type is of another width than its members")
        return array.astype(name).reshape(shape)

    def _random_state(self, content: Any, where: str) -> np.random.RandomState:
        key, position, has_gauss, gauss = (self.read(part, where) for part in content)
        sane = type(position) is int and 0 <= position <= 624 and has_gauss in (0, 1) and isinstance(gauss, float)
        if not (sane and isinstance(key, np.ndarray) and key.shape == (624,) and key.dtype == np.uint32):
            raise ValueError("its state is none of MT19937")
        random_state = np.random.RandomState()
        random_state.set_state(("MT19937", key, position, has_gauss, gauss))
        return random_state

    def _record(self, name: str, content: Any, where: str) -> Any:
        record, hints = self.codec.records[name], self.codec.hints[name]
        names = set(names_of(record))
        if not isinstance(content, dict) or not names - later_of(record) <= set(content) <= names:
            raise ValueError(f"{where} has not exactly the fields of {name}: {', '.join(names_of(record))}.")
        values = {field: self.read(value, f"{where}.{field}") for field, value in content.items()}
        for field, value in values.items():
            if not fits(value, hints[field]):
                raise ValueError(f"{where}.{field} is {value!r:.80}, where {name} has another type.")
        try:
            found = record(**values)
            return found.opened() if record in self.codec.packed.values() else found
        except _WRONG as error:
            raise ValueError(f"{where} is no {name}: {error}") from error


WIDER = 1 << 20  # characters that strings of one width may have in all beyond those of the widest

# What the constructors of NumPy, pandas and the records raise for what is no value of theirs; OSError for time zones.
_WRONG = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NotImplementedError, AssertionError, OSError,
    MemoryError,
)  # fmt: skip


def _time_type(name: Any) -> np.dtype:
    if not isinstance(name, str) or name[:2] not in ("M8", "m8"):
        raise ValueError("unknown type")
    return np.dtype(name)
