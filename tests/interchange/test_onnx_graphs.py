"""Graphs that come from elsewhere: read as ONNX Runtime runs them, or refused."""

import tracemalloc

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from graphs import graph, head, run  # noqa: E402
from onnx import helper  # noqa: E402

from grukit import GRUClassifier  # noqa: E402
from grukit.interchange import _onnx_reader, from_onnx  # noqa: E402

HEAD = [("Squeeze", ["final", "i"], "s", {}), ("MatMul", ["s", "M"], "m", {}), ("Add", ["m", "c"], "Y", {})]
READABLE = {
    "last states": HEAD,
    "last step of all": [
        ("Squeeze", ["every", "one"], "e", {}),
        ("Gather", ["e", "last"], "g", {"axis": 0}),
        ("Gemm", ["g", "M", "c"], "Y", {"alpha": 2.0}),
    ],
    "slices": [
        ("Slice", ["every", "minus", "huge", "i"], "a", {}),
        ("Reshape", ["a", "shape"], "b", {}),
        ("MatMul", ["b", "M"], "Y", {}),
    ],
    "every step": [
        ("Transpose", ["every"], "a", {"perm": [2, 0, 1, 3]}),
        ("Reshape", ["a", "three"], "b", {}),
        ("MatMul", ["b", "M"], "Y", {}),
    ],
    "scaling after": [*HEAD[:-1], ("Sub", ["c", "m"], "x", {}), ("Div", ["x", "c"], "Y", {})],
}
MORE = {
    "one": np.array([1]),
    "minus": np.array([-1]),
    "huge": np.array([np.iinfo(np.int64).max]),
    "shape": np.array([-1, 3]),
    "three": np.array([0, 0, -1]),
}


@pytest.mark.parametrize("name", READABLE)
def test_ways_to_write_a_network_are_read(tmp_path, name):
    proto = graph(*READABLE[name], constants=MORE)
    path = tmp_path / "a.onnx"
    path.write_bytes(proto.SerializeToString())
    x = np.random.default_rng(1).normal(size=(5, 4, 2)).astype(np.float32)  # (T, B, D)
    expected = run(path, x)
    found = from_onnx(path).predict(np.swapaxes(x, 0, 1))
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)


def read(path, proto):
    """What from_onnx makes of a graph."""
    path.write_bytes(proto.SerializeToString())
    return from_onnx(path)


X = np.random.default_rng(1).normal(size=(5, 4, 2)).astype(np.float32)  # (T, B, D)


def check_read(path, proto, x=X):
    """Raise where it does not predict what ONNX Runtime gives."""
    model = read(path, proto)
    expected, sequences = run(path, x), np.swapaxes(x, 0, 1)
    found = model.predict_proba(sequences) if isinstance(model, GRUClassifier) else model.predict(sequences)
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-5, atol=1e-6)
    return model


def sliced(name, start, stop):
    """Outputs from start to stop; the nodes and constants."""
    ends = {"from": np.array([start]), "to": np.array([stop]), "along": np.array([1])}
    return ("Slice", [name, *ends], "Y", {}), ends


SOFTMAX = ("Softmax", ["m"], "p", {"axis": -1})
SOME = {
    "second of two": (sliced("p", 1, 2), 2),
    "two of three": (sliced("p", 0, 2), 3),
    "one of two": ((("Gather", ["p", "one"], "Y", {"axis": 1}), {"one": np.array([1])}), 2),
}


@pytest.mark.parametrize("name", SOME)
def test_some_outputs_of_a_softmax_are_no_softmax_of_them(tmp_path, name):
    (node, constants), n = SOME[name]
    nodes, constants = head(SOFTMAX, node, n=n, **constants)
    with pytest.raises(ValueError, match="some outputs of a softmax are taken"):
        read(tmp_path / "a.onnx", graph(*nodes, constants=constants))


@pytest.mark.parametrize("link", ["Sigmoid", "Exp"])
def test_some_outputs_of_what_is_done_to_each_alone_are_read(tmp_path, link):
    node, constants = sliced("p", 1, 3)
    nodes, constants = head((link, ["m"], "p", {}), node, **constants)
    model = check_read(tmp_path / "a.onnx", graph(*nodes, constants=constants))
    assert len(model.weights_["head.bias"]) == 2


PER_STEP = [("Squeeze", ["every", "one"], "e", {}), ("Transpose", ["e"], "m", {"perm": [1, 0, 2]})]
OLD_STEP = [("Squeeze", ["every"], "e", {"axes": [1]}), PER_STEP[1]]


def test_a_softmax_of_all_outputs_is_read(tmp_path):
    nodes, constants = head(("Softmax", ["m"], "Y", {}))
    check_read(tmp_path / "a.onnx", graph(*nodes, constants=constants))
    old = [("Squeeze", ["final"], "m", {"axes": [0]}), ("Softmax", ["m"], "Y", {})]
    check_read(tmp_path / "b.onnx", graph(*old, opset=11))
    check_read(tmp_path / "c.onnx", graph(*OLD_STEP, ("Softmax", ["m"], "Y", {"axis": 2}), opset=11))
    one = {"one": np.array([1])}
    check_read(tmp_path / "d.onnx", graph(*PER_STEP, ("Softmax", ["m"], "Y", {}), constants=one))


def other_softmaxes():
    nodes, constants = head(SOFTMAX[:2] + ("Y", {}), n=1)
    yield "of one output", graph(*nodes, constants=constants)
    rng = np.random.default_rng(3)
    shapes = {"W": (2, 9, 2), "R": (2, 9, 3), "B": (2, 18)}
    both = {name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    nodes = [("Transpose", ["final"], "turned", {"perm": [1, 0, 2]}), ("Softmax", ["turned"], "Y", {"axis": -1})]
    yield "of each direction", graph(*nodes, constants=both, direction="bidirectional")
    yield "of all steps", graph(*OLD_STEP, ("Softmax", ["m"], "Y", {}), opset=11)
    yield "along the batch", graph(*head(("Softmax", ["m"], "Y", {"axis": 0}))[0])


OTHER_SOFTMAXES = dict(other_softmaxes())


@pytest.mark.parametrize("name", OTHER_SOFTMAXES)
def test_another_softmax_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="no softmax of all the outputs, of two or more"):
        read(tmp_path / "a.onnx", OTHER_SOFTMAXES[name])


TO_INTEGERS = np.array([1.7, 2.7, -0.6], np.float32)
CASTS = {
    "to integers": (7, "another type than float"),
    "to truth": (9, "another type than float"),
    "to half": (10, "another type than float"),
}


@pytest.mark.parametrize("name", CASTS)
def test_casts_that_change_numbers_are_refused(tmp_path, name):
    to, message = CASTS[name]
    nodes, constants = head(("Cast", ["m"], "k", {"to": to}), ("Cast", ["k"], "Y", {"to": 1}))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.onnx", graph(*nodes, constants=constants))


@pytest.mark.parametrize("to", [6, 7, 9, 10, 11])
def test_constants_are_cast(tmp_path, to):
    casts = ("Cast", ["k"], "a", {"to": to}), ("Cast", ["a"], "b", {"to": 1})
    nodes, constants = head(*casts, ("Add", ["m", "b"], "Y", {}), k=TO_INTEGERS)
    check_read(tmp_path / "a.onnx", graph(*nodes, constants=constants))


def test_what_no_integer_is_is_not_cast(tmp_path):
    casts = ("Cast", ["k"], "a", {"to": 7}), ("Cast", ["a"], "b", {"to": 1})
    for wrong in (np.nan, np.inf, 1e30):
        nodes, constants = head(*casts, ("Add", ["m", "b"], "Y", {}), k=np.full(3, wrong, "f4"))
        with pytest.raises(ValueError, match="no whole number of 32 bits"):
            read(tmp_path / "a.onnx", graph(*nodes, constants=constants))


def test_dropout_is_read_unless_it_trains(tmp_path):
    for trains in (False, True):
        dropout = ("Dropout", ["m", "rate", "trains"], "Y", {})
        nodes, constants = head(dropout, rate=np.array(0.5, "f4"), trains=np.array(trains))
        if not trains:
            check_read(tmp_path / "a.onnx", graph(*nodes, constants=constants))
            continue
        with pytest.raises(ValueError, match="in training mode"):
            read(tmp_path / "a.onnx", graph(*nodes, constants=constants))


def typed(dtype):
    """A graph whose weights are of a type."""
    rng = np.random.default_rng(0)
    shapes = {"W": (1, 9, 2), "R": (1, 9, 3), "B": (1, 18), "M": (3, 1), "c": (1,)}
    return graph(*HEAD, constants={name: (2 * rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()})


@pytest.mark.parametrize(("dtype", "own"), [("f2", "float32"), ("f4", "float32"), ("f8", "float64")])
def test_weights_of_every_float_make_a_model_that_predicts(tmp_path, dtype, own):
    model = read(tmp_path / "a.onnx", typed(dtype))
    assert model.dtype == model.weights_["head.weight"].dtype == own
    expected = read(tmp_path / "b.onnx", typed("f8")).predict(np.swapaxes(X, 0, 1))
    np.testing.assert_allclose(model.predict(np.swapaxes(X, 0, 1)), expected, rtol={"f2": 1e-2}.get(dtype, 1e-5))


@pytest.mark.parametrize("dtype", ["i4", "?"])
def test_weights_that_are_no_floats_are_refused(tmp_path, dtype):
    with pytest.raises(ValueError, match="its weights are no constants of floats"):
        read(tmp_path / "a.onnx", typed(dtype))


@pytest.mark.parametrize("window", [0, -5, "a", 2.5, 2**40])
def test_a_window_that_is_none_is_refused(tmp_path, window):
    path = tmp_path / "a.onnx"
    path.write_bytes(graph(*HEAD).SerializeToString())
    with pytest.raises(ValueError, match="window"):
        from_onnx(path, window=window)


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


@pytest.mark.parametrize("end", [2**31 - 1, 2**31, 2**63 - 1])
def test_a_slice_to_the_end_in_any_type_is_the_last_step(tmp_path, end):
    check_read(tmp_path / "a.onnx", graph(*READABLE["slices"], constants={**MORE, "huge": np.array([end])}))


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


def test_there_is_room_for_small_matrices_with_a_large_product(tmp_path, monkeypatch):
    tall, wide = np.ones((3, 1), "f4"), np.ones((1, 30_000), "f4")
    thin = [*HEAD[:1], ("MatMul", ["s", "tall"], "a", {}), ("MatMul", ["a", "wide"], "b", {})]
    proto = graph(*thin, ("MatMul", ["b", "narrow"], "Y", {}),
                  constants={"tall": tall, "wide": wide, "narrow": wide.T.copy()})  # fmt: skip
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
        {"inputs": ["X", "W", "R", "B", "", "h"], "constants": {"h": np.ones((1, 2, 3), "f4")}},
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
