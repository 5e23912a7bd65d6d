"""Damaged and hostile files for ``grukit.load`` and ``from_onnx``.

    python tests/fuzz/damage.py [inputs of each] [seed]

Files that are good are truncated, have bits flipped, bytes removed, repeated and made up, headers of any size, sizes and
offsets that are negative, huge or overlap, names twice or of other files, documents nested deeply or with values of other
kinds, also with a checksum that is right again. Each is opened: a documented error may come, or a model, which then
predicts; anything else is printed with the input's number, and the process may not take more than ``ROOM`` of memory besides
what it had.
"""

import copy
import json
import random
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import grukit
from grukit.files import read_tensors
from grukit.files.tensors import NAMES, _checksum

GOLDEN = Path(__file__).parents[1] / "golden"
DOCUMENTED = (ValueError, ImportError)
ROOM = 512 << 20  # bytes
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


class Files:
    """Inputs for ``load``."""

    def __init__(self):
        self.good = [path.read_bytes() for path in sorted(GOLDEN.glob("format_*.gru"))]
        self.read = [read_tensors(path) for path in sorted(GOLDEN.glob("format_*.gru"))]

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
        document, arrays = json.loads(metadata["grukit"]), dict(arrays)
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
            metadata = {"grukit": json.dumps(document)}
        except RecursionError:
            metadata = {"grukit": "[" * 20_000}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        entries, end = {"__metadata__": {**metadata, "crc32": _checksum(metadata, arrays)}}, 0
        for name, array in arrays.items():
            begin, end = end, end + array.nbytes
            entries[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        return packed(entries, b"".join(array.tobytes() for array in arrays.values()))

    def open(self, path):
        """Open, and predict."""
        model = grukit.load(path)
        model.summary()
        return model


class Graphs:
    """Inputs for ``from_onnx``."""

    def __init__(self):
        import onnx

        from grukit.interchange import from_keras, from_onnx, to_onnx

        self.onnx, self.open = onnx, from_onnx
        rng = np.random.default_rng(0)
        shapes = [(3, 12), (4, 12), (2, 12), (3, 12), (4, 12), (2, 12), (8, 2)]
        models = [grukit.load(path) for path in sorted(GOLDEN.glob("format_*.gru"))]
        models += [from_keras([rng.normal(size=shape) for shape in shapes], per_step=step) for step in (False, True)]
        self.good = []
        with tempfile.TemporaryDirectory() as folder:
            for model in models:
                to_onnx(model, Path(folder) / "a.onnx")
                self.good.append((Path(folder) / "a.onnx").read_bytes())

    def make(self, rng):
        """One file's bytes."""
        if rng.random() < 0.4:
            return change_bytes(rng.choice(self.good), rng)
        proto = self.onnx.ModelProto.FromString(rng.choice(self.good))
        for _ in range(rng.choice([1, 1, 3])):
            self.change(proto.graph, rng)
        return proto.SerializeToString()

    def change(self, graph, rng):
        """Change a node or a constant."""
        helper, node, tensor = self.onnx.helper, rng.choice(graph.node), rng.choice(graph.initializer)
        names = [each.name for each in graph.initializer] + [name for each in graph.node for name in each.output]
        kind = rng.randrange(10)
        if kind == 0:
            tensor.ClearField("dims")
            tensor.dims.extend(
                rng.choice([[-1], [2**40, 2**40], [0], [2**62], [1] * 40, [3, 12], [], [12], [1, 1, 12]])
            )
        elif kind == 1:
            tensor.data_type = rng.randrange(25)
        elif kind == 2:
            tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
        elif kind == 3:
            tensor.name = rng.choice([*names, "../x", ""])
        elif kind == 4:
            self.onnx.external_data_helper.set_external_data(tensor, rng.choice(["../x", "/etc/passwd", "a"]))
        elif kind == 5 and node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice([*names, "X", "", "nothing"])
        elif kind == 6:
            node.op_type = rng.choice(
                [*{each.op_type for each in graph.node}, "Gather", "Gemm", "Split", "If", "Loop", "Flatten", "Squeeze"]
            )
        elif kind == 7:
            values = [2**62, -1, 0, [1, 0, 2], [0, 0, -1], 1.5, "sideways", ["Relu"], rng.randrange(-4, 5)]
            name = rng.choice(
                [*(each.name for each in node.attribute), "axis", "perm", "layout", "hidden_size", "axes"]
            )
            kept = [each for each in node.attribute if each.name != name]
            node.ClearField("attribute")
            node.attribute.extend([*kept, helper.make_attribute(name, rng.choice(values))])
        elif kind == 8:
            del graph.node[rng.randrange(len(graph.node))]
            graph.node.append(node)
        else:
            graph.input[0].type.tensor_type.shape.dim[-1].dim_value = rng.choice([0, -1, 2**62, 2**19, 1, 2, 3])
            rng.choice(graph.output).name = rng.choice(names)


def predicts(model):
    """Predict with a model that a damaged file gave; its numbers may be odd."""
    state = model._fitted
    x = np.random.default_rng(0).normal(size=(3, 4, state.n_features))
    if state.inputs.missing != "decay" and x.size < 1 << 20:
        with np.errstate(all="ignore"):
            model.predictor()(x)


def run(kind, n, seed=0):
    """Open many inputs; what came of them, and those that brought something undocumented."""
    inputs, found, wrong = kind(), Counter(), []
    path = Path(tempfile.mkdtemp()) / "input"
    for i in range(n):
        rng = random.Random(f"{seed} {i}")
        path.write_bytes(inputs.make(rng))
        try:
            model = inputs.open(path)
            found["a model"] += 1
            predicts(model)
        except DOCUMENTED as error:
            found[type(error).__name__] += 1
        except Exception:
            wrong.append((i, path.read_bytes(), traceback.format_exc()))
    path.unlink(missing_ok=True)
    path.parent.rmdir()
    return found, wrong


def limited():
    """Let this process have no more than ROOM besides what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, resource.RLIM_INFINITY))


def main():
    """Print counts."""
    n, seed = (int(each) for each in [*sys.argv[1:], "1000", "0"][:2])
    warnings.simplefilter("ignore")
    for kind in (Files, Graphs):
        run(kind, 20, "warm")  # what is compiled and imported once
    limited()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in (Files, Graphs):
        found, wrong = run(kind, n, seed)
        print(f"{kind.__name__}: {sum(found.values())} of {n} inputs with what is documented: {dict(found)}")
        for i, _, text in wrong[:5]:
            print(f"input {i} of seed {seed}:\n{text}")
        print(f"{len(wrong)} with anything else")
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"peak memory {more / 1024:.0f} MiB above that of the first inputs, at most {ROOM >> 20} MiB allowed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
