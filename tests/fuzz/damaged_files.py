"""Damaged and hostile files for ``grukit.load``."""

import copy
import json
from pathlib import Path

import numpy as np

import grukit
from grukit.files import read_tensors
from grukit.files.tensors import NAMES, parts_of

GOLDEN = Path(__file__).parents[1] / "golden"
ODD = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    17,
    -(2**31),
    2**31,
    2**40,
    2**62,
    2**63,
    2**64,
    10**400,
    0.5,
    -0.0,
    1e308,
    1e999,
    "",
    "a",
    "../x",
    "/etc/passwd",
    "\0",
    "\ud800",
    "x" * 5000,
    [],
    [[]],
    {},
    {"a": 1},
    {"tuple": []},
    {"array": "head.bias"},
    {"array": "../x"},
    {"float": "nan"},
    {"range_index": [0, 2**62, 1, None]},
    {"dict": [[1, 2], [1, 2]]},
    {"type": "object"},
    {"offset": "D"},
    {"os.system": ["true"]},
    {"timestamp": [0, "ns", "../../etc/localtime"]},
    {"objects": ["U999999999", [1], ["a"]]},
    {"index": [[1, 2], {"type": "category"}, None]},
    {"type": "datetime64[ns, dateutil//etc/passwd]"},
    {"timestamp": [0, "ns", "dateutil//etc/passwd"]},
    {"type": "<U99999999"},
    {"type": "f4,i4"},
    {"multi_index": [{"range_index": [0, 2**34, 1, None]}]},
    {"categories": [{"range_index": [0, 2**34, 1, None]}, False]},
    {"index": [{"range_index": [0, 2**34, 1, None]}, {"type": "int64"}, None]},
    {"index": [["a"] * 20, {"type": "S99999999"}, None]},
]


def nested(rng):
    depth = rng.choice([10, 500, 5000])
    value = None
    for _ in range(depth):
        value = [value] if rng.random() < 0.5 else {"tuple": [value]}
    return value


def spots(tree, found=None):
    """Every place in a tree: a container and a key."""
    found = [] if found is None else found
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        found.append((tree, key))
        spots(value, found)
    return found


def change_tree(tree, rng):
    """Change one place of a tree, in place: another value, one from elsewhere in it, gone, or there twice."""
    places = spots(tree)
    holder, key = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0:
        holder[key] = copy.deepcopy(rng.choice(ODD))
    elif kind == 1:
        other, at = rng.choice(places)
        holder[key] = copy.deepcopy(other[at])
    elif kind == 2:
        del holder[key]
    elif kind == 3 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = rng.choice([holder[key] + 1, -holder[key], holder[key] * 2, 0, int(holder[key] == 0) + 0.5])
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[rng.choice(["x", "../x", f"{key} "])] = holder.pop(key)


def change_bytes(data, rng):
    """Bits flipped, bytes cut, repeated, made up."""
    data, n = bytearray(data), len(data)
    kind = rng.randrange(6)
    at = rng.randrange(n)
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for _ in range(rng.choice([1, 2, 8, 64])):
            data[rng.randrange(n)] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del data[at : at + rng.choice([1, 8, 100])]
    elif kind == 3:
        data[at:at] = data[at : at + rng.choice([1, 8, 1000])]
    elif kind == 4:
        data[at : at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, (1 << 40).to_bytes(8, "little"), rng.randbytes(8)])
    else:
        data = bytearray(rng.randbytes(rng.randrange(200)))
    return bytes(data)


def packed(entries, data):
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + data


def look_at(model):
    """What a model tells of its training."""
    return model.summary(), model.history_, model.loss_, model.loss_curve_, model.validation_curve_


class Files:
    """Inputs for ``load``."""

    entry = "grukit"  # of the document

    def __init__(self):
        self.take(sorted(GOLDEN.glob("format_*.gru")))

    def take(self, paths):
        """Files that are damaged."""
        self.good = [path.read_bytes() for path in paths]
        self.read = [read_tensors(path) for path in paths]

    arrays = (
        lambda a, rng: a[:0],
        lambda a, rng: a.ravel(),
        lambda a, rng: np.concatenate([a.ravel()] * 2),
        lambda a, rng: a[None],
        lambda a, rng: a.T,
        lambda a, rng: a.astype(rng.choice(list(NAMES))),
        lambda a, rng: np.full(a.shape, rng.choice([np.nan, np.inf, -1, 0, 127, 1e30])),
    )

    def make(self, rng):
        """One file's bytes."""
        kind = rng.randrange(4)
        if kind == 0:
            return change_bytes(rng.choice(self.good), rng)
        if kind == 1:  # the header alone
            good = rng.choice(self.good)
            n = int.from_bytes(good[:8], "little")
            entries = json.loads(good[8 : 8 + n])
            for _ in range(rng.choice([1, 1, 3])):
                change_tree(entries, rng)
            content = packed(entries, good[8 + n :])
            if rng.random() < 0.1:
                text = content[8:].replace(b'"head.bias"', b'"head.weight"', 1)  # a name twice
                content = len(text).to_bytes(8, "little") + text
            return content
        return self.with_document(rng)

    def with_document(self, rng):
        """A changed document, or changed arrays, with a right checksum."""
        metadata, arrays = rng.choice(self.read)
        document, arrays = json.loads(metadata[self.entry]), dict(arrays)
        for _ in range(rng.choice([1, 1, 2, 5])):
            if rng.random() < 0.7:
                change_tree(document, rng)
            else:
                name = rng.choice(list(arrays) or ["x"])
                array = arrays.get(name, np.zeros(1))
                with np.errstate(invalid="ignore"):
                    arrays[name] = rng.choice(self.arrays)(array, rng)
        if rng.random() < 0.02:
            holder, key = rng.choice(spots(document))
            holder[key] = nested(rng)
        try:
            metadata = {self.entry: json.dumps(document)}
        except RecursionError:
            metadata = {self.entry: "[" * 20_000}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        return b"".join(parts_of(metadata, arrays))

    def open(self, path):
        """Open, and predict."""
        model = grukit.load(path)
        look_at(model)
        return model
