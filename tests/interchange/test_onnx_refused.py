"""Graphs that are no network, damaged or hostile: refused with the node, in little memory."""

import tracemalloc

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from graphs import HEAD, graph, head, read  # noqa: E402
from onnx import helper  # noqa: E402

from grukit.interchange import _onnx_reader, from_onnx  # noqa: E402

NO_NUMBERS = {
    "NaN after": (("Add", ["m", "z"], "Y", {}), [np.nan, 1, 1], "head.bias holds NaN"),
    "infinity after": (("Mul", ["m", "z"], "Y", {}), [np.inf, 1, 1], "head.weight holds NaN"),
    "division by zero": (("Div", ["m", "z"], "Y", {}), [0, 1, 1], "divides by zero"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_not_finite_is_refused(tmp_path, name):
    node, numbers, message = NO_NUMBERS[name]
    nodes, constants = head(node, z=np.array(numbers, np.float32))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.onnx", graph(*nodes, constants=constants))


@pytest.mark.parametrize("kind", ["Add", "Mul"])
def test_a_scaling_of_inputs_that_is_not_finite_is_refused(tmp_path, kind):
    proto = graph(*HEAD, constants={"nan": np.array([1, np.nan], np.float32)}, inputs=["x", "W", "R", "B"])
    proto.graph.node.insert(0, helper.make_node(kind, ["X", "nan"], ["x"]))
    with pytest.raises(ValueError, match="holds"):
        read(tmp_path / "a.onnx", proto)


def test_operators_of_before_axes_were_broadcast_are_refused(tmp_path):
    with pytest.raises(ValueError, match="of the version 6; those from 7 on"):
        read(tmp_path / "a.onnx", graph(*HEAD, opset=6))


def bombs():
    """Small graphs that would take gigabytes."""
    joins = [("Concat", [f"c{k}"] * 2, f"c{k + 1}", {"axis": 1}) for k in range(30)]
    yield "joined again and again", graph(("Squeeze", ["final", "i"], "c0", {}), *joins, outputs=["c30"])
    twice = {"tall": np.ones((1, 1 << 19), "f4"), "M": np.ones((3, 1), "f4")}
    nodes = [*HEAD[:2], ("MatMul", ["m", "tall"], "a0", {})]
    more = [("Neg", [f"a{k}"], f"a{k + 1}", {}) for k in range(40)]
    yield "many results", graph(*nodes, *more, constants=twice, outputs=["a40"])
    wide = graph(*HEAD, n=1 << 19, inputs=["x", "W", "R", "B"], constants={
        "W": np.ones((1, 750, 1), "f4"), "R": np.ones((1, 750, 250), "f4"), "B": np.ones((1, 1500), "f4"),
        "M": np.ones((250, 1), "f4"), "P": np.ones((1 << 19, 1), "f4")})  # fmt: skip
    wide.graph.node.insert(0, helper.make_node("MatMul", ["X", "P"], ["x"]))
    yield "folded", wide
    casts = [("Cast", ["k"], f"k{i}", {"to": 11}) for i in range(99)]
    yield "constants cast", graph(*casts, *HEAD, constants={"k": np.ones(1 << 20, "?")})
    yield "of all states", graph(
        ("Squeeze", ["final", "i"], "c0", {}), *joins[:14], outputs=["c14"], constants={
            "W": np.ones((1, 1500, 2), "f4"), "R": np.ones((1, 1500, 500), "f4"), "B": np.ones((1, 3000), "f4")})  # fmt: skip


BOMBS = dict(bombs())


@pytest.mark.parametrize("name", BOMBS)
def test_small_graphs_of_many_numbers_are_refused(tmp_path, name):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="numbers, too many for its file"):
            read(tmp_path / "a.onnx", BOMBS[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500e6, peak


def test_what_is_too_large_is_refused_before_it_is_made(tmp_path):
    """Many inputs by one column, and that by many: half a gigabyte of two small constants."""
    constants = {"W": np.ones((1, 9, 500), "f4"), "a": np.ones((1 << 17, 1), "f4"), "b": np.ones((1, 500), "f4")}
    proto = graph(*HEAD, inputs=["x", "W", "R", "B"], constants=constants, n=1 << 17)
    for at, (one, other, out) in enumerate([("X", "a", "column"), ("column", "b", "x")]):
        proto.graph.node.insert(at, helper.make_node("MatMul", [one, other], [out]))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="numbers, too many for its file"):
            read(tmp_path / "a.onnx", proto)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6, peak


def test_there_is_room_for_small_matrices_with_a_large_product(tmp_path, monkeypatch):
    tall, wide = np.ones((3, 1), "f4"), np.ones((1, 30_000), "f4")
    thin = [*HEAD[:1], ("MatMul", ["s", "tall"], "a", {}), ("MatMul", ["a", "wide"], "b", {})]
    proto = graph(*thin, ("MatMul", ["b", "narrow"], "Y", {}),
                  constants={"tall": tall, "wide": wide, "narrow": wide.T.copy()})  # fmt: skip
    assert read(tmp_path / "a.onnx", proto).n_outputs_ == 1
    monkeypatch.setattr(_onnx_reader, "ROOM", 80_000 - proto.ByteSize())
    with pytest.raises(ValueError, match="more than 80,000 numbers"):
        read(tmp_path / "a.onnx", proto)


def test_the_room_that_is_asked_for_is_that_of_the_product(tmp_path, monkeypatch):
    """Three states by three columns of 30,000: 90,000 numbers, not so many for each of the states."""
    wide = np.ones((3, 30_000), "f4")
    proto = graph(HEAD[0], ("MatMul", ["s", "wide"], "b", {}), ("MatMul", ["b", "narrow"], "Y", {}),
                  constants={"wide": wide, "narrow": np.ones((30_000, 1), "f4")})  # fmt: skip
    monkeypatch.setattr(_onnx_reader, "ROOM", 260_000 - proto.ByteSize())
    assert read(tmp_path / "a.onnx", proto).n_outputs_ == 1
    monkeypatch.setattr(_onnx_reader, "ROOM", 80_000 - proto.ByteSize())
    with pytest.raises(ValueError, match="more than 80,000 numbers"):
        read(tmp_path / "a.onnx", proto)


REFUSED = {
    "another operator": ([*HEAD[:-1], ("Relu", ["m"], "Y", {})], {}, r"the node 'Relu' \(Relu\): its operator"),
    "another domain": ([("Add", ["final", "c"], "Y", {"domain": "ai.mine"})], {}, "domain 'ai.mine'"),
    "two results": ([*HEAD[:-1], ("Add", ["m", "m"], "Y", {})], {}, "two results are combined"),
    "a square": ([*HEAD[:-1], ("Mul", ["m", "m"], "Y", {})], {}, "two results are combined"),
    "after the link": ([*HEAD[:-1], ("Sigmoid", ["m"], "p", {}), ("Add", ["p", "c"], "Y", {})], {}, "after the link"),
    "division": ([*HEAD[:-1], ("Div", ["c", "m"], "Y", {})], {}, "divides by a result"),
    "a step": ([("Gather", ["every", "i"], "Y", {"axis": 0})], {}, "not the last of a layer"),
    "steps": (
        [("Slice", ["every", "i", "last1"], "Y", {})],
        {"constants": {"last1": np.array([-1])}},
        "some of the steps",
    ),
    "constant of steps": (
        [("Mul", ["every", "t"], "x", {}), ("Add", ["x", "k"], "Y", {})],
        {"constants": {"k": np.ones((4, 1, 1, 1), "f4")}},
        "differs between steps",
    ),
    "time flattened": (
        [("Reshape", ["every", "flat"], "Y", {})],
        {"constants": {"flat": np.array([1, -1])}},
        "are reshaped to",
    ),
    "an axis twice": ([("Transpose", ["every"], "Y", {"perm": [0, 0, 1, 3]})], {}, r"ordered by \[0, 0, 1, 3\]"),
    "lengths": (
        HEAD,
        {"inputs": ["X", "W", "R", "B", "n"], "constants": {"n": np.array([1, 2], "i4")}},
        "has sequence_lens",
    ),
    "clip": (HEAD, {"clip": 1.0}, "attributes"),
    "activations": (HEAD, {"activations": ["Relu", "Tanh"]}, r"activations \['relu', 'tanh'\]"),
    "direction": (HEAD, {"direction": "sideways"}, "direction 'sideways'"),
    "two directions": (HEAD, {"direction": "bidirectional"}, "one for each direction"),
    "weights of an LSTM": (HEAD, {"constants": {"W": np.ones((1, 12, 2), "f4")}}, r"shapes \(1, 12, 2\)"),
    "biases": (HEAD, {"constants": {"B": np.ones((1, 9), "f4")}}, "biases are no constant of the shape"),
    "initial states of each": (
        HEAD,
        {"inputs": ["X", "W", "R", "B", "", "h"], "constants": {"h": np.arange(6, dtype="f4").reshape(1, 2, 3)}},
        "must begin alike",
    ),
    "output that is not there": (HEAD, {"outputs": ["Z"]}, "output 'Z' is not made of its input"),
    "two outputs": (HEAD, {"outputs": ["Y", "every"]}, "choose one by output="),
    "its input": ([("Identity", ["X"], "Y", {})], {}, "not what its last GRU gives"),
    "missing input": ([("Identity", ["nothing"], "Y", {})], {}, "input 'nothing' is not there"),
    "infinite": (HEAD, {"constants": {"M": np.full((3, 1), np.inf, "f4")}}, "head.weight holds NaN"),
    "type": (HEAD, {"constants": {"M": np.ones((3, 1), "c8")}}, "has the type 14"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused_with_the_node(tmp_path, name):
    nodes, changes, message = REFUSED[name]
    path = tmp_path / "a.onnx"
    path.write_bytes(graph(*nodes, **changes).SerializeToString())
    with pytest.raises(ValueError, match=message) as raised:
        from_onnx(path)
    assert str(raised.value).startswith(str(path))


def test_constants_in_other_files_are_not_opened(tmp_path):
    proto = graph(*HEAD)
    tensor = next(each for each in proto.graph.initializer if each.name == "M")
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    path = tmp_path / "a.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="constant 'M' is in another file, which is not opened"):
        from_onnx(path)


def test_a_constant_of_another_size_than_it_says_is_refused(tmp_path):
    for shape in ((1 << 40, 1 << 40), (-3, -1), (3, 2), (1,) * 9):
        proto = graph(*HEAD)
        tensor = next(each for each in proto.graph.initializer if each.name == "M")
        tensor.ClearField("dims")
        tensor.dims.extend(shape)
        path = tmp_path / "a.onnx"
        path.write_bytes(proto.SerializeToString())
        with pytest.raises(ValueError, match=r"the constant 'M' has the shape"):
            from_onnx(path)


def test_no_onnx_file(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"\xff" * 99)
    with pytest.raises(ValueError, match=r"a\.onnx is no ONNX file, or damaged"):
        from_onnx(tmp_path / "a.onnx")
    (tmp_path / "b.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.onnx cannot be read as a network"):
        from_onnx(tmp_path / "b.onnx")
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "c.onnx")
