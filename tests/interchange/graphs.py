"""ONNX graphs of a GRU and other nodes, what ONNX Runtime makes of them, and what from_onnx does."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from grukit import GRUClassifier
from grukit.interchange import from_onnx


def run(path, x):
    """What ONNX Runtime gives for the input "X"."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": x})[0]


def graph(*nodes, constants=None, inputs=None, outputs=("Y",), n=2, opset=17, **attributes):
    """A graph of a GRU of two inputs and three units, and nodes after it."""
    rng = np.random.default_rng(0)
    shapes = {"W": (1, 9, n), "R": (1, 9, 3), "B": (1, 18), "M": (3, 1), "c": (1,), "last": (), "i": (1,), "t": (1,)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {"last": np.array(-1), "i": np.array([0]), "t": np.array([1, 1, 1], np.float32)[:, None, None]}
    arrays |= constants or {}
    gru = helper.make_node(
        "GRU",
        inputs or ["X", "W", "R", "B"],
        ["every", "final"],
        **{"hidden_size": 3, "linear_before_reset": 1, **attributes},
    )
    return onnx.ModelProto(graph=helper.make_graph(
        [gru, *(helper.make_node(kind, own, [out], **more) for kind, own, out, more in nodes)],
        "g",
        [helper.make_tensor_value_info("X", 1, ["T", "B", n])],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    ), ir_version=8, opset_import=[helper.make_opsetid("", opset)])  # fmt: skip


def head(*nodes, n=3, outputs="m", **constants):
    """Nodes of a head of n outputs on the last states, and nodes after it; and the constants of both."""
    matrix = np.random.default_rng(2).normal(size=(3, n)).astype(np.float32)
    return [("Squeeze", ["final", "i"], "s", {}), ("MatMul", ["s", "M"], outputs, {}), *nodes], {
        "M": matrix,
        **constants,
    }


HEAD = [("Squeeze", ["final", "i"], "s", {}), ("MatMul", ["s", "M"], "m", {}), ("Add", ["m", "c"], "Y", {})]
X = np.random.default_rng(1).normal(size=(5, 4, 2)).astype(np.float32)  # (T, B, D)


def read(path, proto):
    """What from_onnx makes of a graph."""
    path.write_bytes(proto.SerializeToString())
    return from_onnx(path)


def check_read(path, proto, x=X):
    """Raise where it does not predict what ONNX Runtime gives."""
    model = read(path, proto)
    expected, sequences = run(path, x), np.swapaxes(x, 0, 1)
    found = model.predict_proba(sequences) if isinstance(model, GRUClassifier) else model.predict(sequences)
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-5, atol=1e-6)
    return model
