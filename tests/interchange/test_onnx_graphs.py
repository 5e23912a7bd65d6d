"""Graphs that come from elsewhere: read as ONNX Runtime runs them, or not as something else."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from graphs import HEAD, X, check_read, graph, head, read, run  # noqa: E402

import grukit  # noqa: E402
from grukit.interchange import from_onnx  # noqa: E402

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


def test_constants_may_be_nodes(tmp_path):
    """As PyTorch writes what does not belong to the module."""
    proto = graph(*READABLE["last step of all"], constants=MORE)
    made = [onnx.helper.make_node("Constant", [], [each.name], value=each) for each in proto.graph.initializer]
    nodes = [*made, *proto.graph.node]
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.node.extend(nodes)
    check_read(tmp_path / "a.onnx", proto)


@pytest.mark.parametrize("scales", [(2.0, 0.5), (2.0, -0.5), (-2.0, -0.5)])
def test_scaling_before_may_turn_columns_round(tmp_path, scales):
    """A model's own scales are above 0: what is not is folded into the weights, and the model can be saved."""
    proto = graph(*HEAD, inputs=["x", "W", "R", "B"], constants={"k": np.array(scales, np.float32)})
    proto.graph.node.insert(0, onnx.helper.make_node("Mul", ["X", "k"], ["x"]))
    model = check_read(tmp_path / "a.onnx", proto)
    model.save(tmp_path / "a.gru")
    sequences = np.swapaxes(X, 0, 1)
    np.testing.assert_array_equal(grukit.load(tmp_path / "a.gru").predict(sequences), model.predict(sequences))
    assert (model._fitted.x_scaler.scale > 0).all()


def test_a_gru_may_have_one_output(tmp_path):
    proto = graph(*READABLE["last step of all"], constants=MORE)
    del proto.graph.node[0].output[1:]
    check_read(tmp_path / "a.onnx", proto)


def test_the_oldest_operators_that_are_read(tmp_path):
    """Version 7, with axes as attributes; the one before it is refused."""
    nodes = [("Squeeze", ["final"], "s", {"axes": [0]}), *HEAD[1:]]
    check_read(tmp_path / "a.onnx", graph(*nodes, opset=7))
    with pytest.raises(ValueError, match="its operators are of the version 6; those from 7 on are read"):
        read(tmp_path / "a.onnx", graph(*nodes, opset=6))


@pytest.mark.parametrize("shape", [(1, 1, 3), (3,)])
def test_constants_may_come_before_the_axis_of_directions_goes(tmp_path, shape):
    more = np.arange(3, dtype=np.float32).reshape(shape)
    nodes = [("Add", ["final", "more"], "moved", {}), ("Squeeze", ["moved", "i"], "s", {}), *HEAD[1:]]
    check_read(tmp_path / "a.onnx", graph(*nodes, constants={"more": more}))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_initial_states_of_both_directions_have_the_axes_of_the_layout(tmp_path, dtype):
    """Of which ONNX Runtime runs the one; in the other the batch comes first, of the states as well."""
    rng = np.random.default_rng(3)
    shapes = {"W": (2, 9, 2), "R": (2, 9, 3), "B": (2, 18), "h": (2, 1, 3), "M": (6, 1)}
    both = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()} | {"flat": np.array([0, -1])}
    settings = {"inputs": ["X", "W", "R", "B", "", "h"], "direction": "bidirectional"}
    joined = [("Reshape", ["turned", "flat"], "s", {}), ("MatMul", ["s", "M"], "Y", {})]
    proto = graph(("Transpose", ["final"], "turned", {"perm": [1, 0, 2]}), *joined, constants=both, **settings)
    steps_first = read(tmp_path / "a.onnx", proto)
    if dtype == "f4":
        each = np.repeat(both["h"], 4, axis=1)  # ONNX Runtime wants one for each sequence
        running = graph(
            *(("Transpose", ["final"], "turned", {"perm": [1, 0, 2]}), *joined),
            constants={**both, "h": each},
            **settings,
        )
        (tmp_path / "b.onnx").write_bytes(running.SerializeToString())
        expected = run(tmp_path / "b.onnx", X)
        np.testing.assert_allclose(steps_first.predict(np.swapaxes(X, 0, 1))[:, None], expected, rtol=1e-5, atol=1e-6)
    turned = {**both, "h": np.swapaxes(both["h"], 0, 1)}
    proto = graph(("Identity", ["final"], "turned", {}), *joined, constants=turned, layout=1, **settings)
    batch_first = read(tmp_path / "c.onnx", proto)
    for name, array in steps_first.weights_.items():
        np.testing.assert_array_equal(batch_first.weights_[name], array)


@pytest.mark.parametrize("second", [-1.0, 2.0])
def test_two_outputs_of_a_sigmoid_are_one_label_where_they_are_opposite(tmp_path, second):
    nodes, constants = head(("Sigmoid", ["m"], "Y", {}), n=2)
    constants["M"][:, 1] = second * constants["M"][:, 0]
    model = check_read(tmp_path / "a.onnx", graph(*nodes, constants=constants))
    labels = model.predict(np.swapaxes(X, 0, 1))
    assert labels.shape == ((4,) if second < 0 else (4, 2))


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


@pytest.mark.parametrize("end", [2**31 - 1, 2**31, 2**63 - 1])
def test_a_slice_to_the_end_in_any_type_is_the_last_step(tmp_path, end):
    check_read(tmp_path / "a.onnx", graph(*READABLE["slices"], constants={**MORE, "huge": np.array([end])}))


def ints(*numbers):
    return np.array(numbers)


def two_layers(n, by_sizes, *after, **constants):
    """Two GRUs in n directions, the second reshaped to by sizes or by a constant, and nodes after all their last states.

    As PyTorch writes them: initial states of zero for all layers at once, of which each takes its own.
    """
    rng = np.random.default_rng(0)
    shapes = {"W": (n, 9, 2), "R": (n, 9, 3), "B": (n, 18), "W1": (n, 9, 3 * n), "R1": (n, 9, 3), "B1": (n, 18)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in {**shapes, "M": (3 * n, 2)}.items()}
    arrays |= {"0": ints(0), "1": ints(1), "2": ints(2), "3": ints(3), "4": ints(4), "n": ints(n), "all": ints(2 * n)}
    arrays |= {
        "three": ints(0, 0, -1),
        "rest": ints(-1),
        "zero": np.float32(0),
        "second": ints(-n),
        "last": np.array(-1),
    }
    node = onnx.helper.make_node
    reshaped = [
        node("Transpose", ["every"], ["turned"], perm=[0, 2, 1, 3]),
        node("Shape", ["turned"], ["sizes"]),
        node("Slice", ["sizes", "0", "2"], ["outer"]),
        node("Slice", ["sizes", "2", "3"], ["directions"]),
        node("Slice", ["sizes", "3", "4"], ["units"]),
        node("Mul", ["directions", "units"], ["both"]),
        node("Reshape", ["both", "rest"], ["flat"]),
        node("Concat", ["outer", "flat"], ["wanted"], axis=0),
        node("Reshape", ["turned", "wanted" if by_sizes else "three"], ["below"]),
    ]
    settings = {"hidden_size": 3, "linear_before_reset": 1, "direction": "bidirectional" if n == 2 else "forward"}
    nodes = [
        node("Shape", ["X"], ["batch"], start=1, end=2),
        node("Concat", ["all", "batch", "3"], ["as_many"], axis=0),
        node("Expand", ["zero", "as_many"], ["begin"]),
        node("Slice", ["begin", "0", "n", "0"], ["begin0"]),
        node("Slice", ["begin", "n", "all", "0"], ["begin1"]),
        node("GRU", ["X", "W", "R", "B", "", "begin0"], ["every", "final"], **settings),
        *reshaped,
        node("GRU", ["below", "W1", "R1", "B1", "", "begin1"], ["", "final1"], **settings),
        node("Concat", ["final", "final1"], ["states"], axis=0),
        *(node(kind, own, [out], **more) for kind, own, out, more in after),
    ]
    proto = graph(constants={**arrays, **constants})
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return proto


LAST = [("Gather", ["states", "last"], "s", {}), ("MatMul", ["s", "M"], "Y", {})]
OF_ONE = [
    ("Slice", ["states", "second", "all", "0"], "own", {}),
    ("Transpose", ["own"], "turned_own", {"perm": [1, 0, 2]}),
    ("Flatten", ["turned_own"], "s", {}),
    ("MatMul", ["s", "M"], "Y", {}),
]


@pytest.mark.parametrize("by_sizes", [False, True])
@pytest.mark.parametrize(("n", "after"), [(1, LAST), (1, OF_ONE), (2, OF_ONE)], ids=["gathered", "sliced", "both ways"])
def test_several_layers_as_pytorch_writes_them(tmp_path, n, after, by_sizes):
    model = check_read(tmp_path / "a.onnx", two_layers(n, by_sizes, *after))
    assert model.hidden_layer_sizes == (3, 3) and model.bidirectional == (n == 2)


def test_layers_of_an_input_whose_sizes_are_fixed(tmp_path):
    proto = two_layers(1, False, *LAST, three=ints(*X.shape[:2], 3))
    for dim, n in zip(proto.graph.input[0].type.tensor_type.shape.dim, X.shape, strict=True):
        dim.dim_value = n
    check_read(tmp_path / "a.onnx", proto)
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "B"
    with pytest.raises(ValueError, match=r"the axes TBRH are reshaped to \[0, 4, 3\]"):
        read(tmp_path / "a.onnx", proto)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ([("Gather", ["states", "0"], "s", {}), ("MatMul", ["s", "M"], "Y", {})], "not what its last GRU gives"),
        ([("Slice", ["states", "0", "all", "0"], "Y", {})], "something else than the last states of one layer"),
        ([("Slice", ["states", "0", "1", "2"], "Y", {})], "something else than the last states of one layer"),
        ([("Gather", ["states", "4"], "Y", {})], "something else than the last states of one layer"),
        ([("Transpose", ["states"], "Y", {})], "it joins the states of several layers"),
        ([("Flatten", ["final1"], "Y", {"axis": 2})], "it joins the rows with other axes"),
        ([("Mul", ["outer", "outer"], "q", {}), ("Reshape", ["final1", "q"], "Y", {})], "a shape that is not known"),
        ([("Reshape", ["final1", "outer"], "Y", {})], "a shape that is not known"),
    ],
)
def test_what_else_is_done_with_layers_and_sizes_is_refused(tmp_path, after, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.onnx", two_layers(1, True, *after))


def test_sizes_do_not_grow(tmp_path):
    """Doubled sixty times, by number and by value: no longer known, before they fill the memory."""
    names = [f"q{i}" for i in range(60)]
    for kind, more in (("Concat", {"axis": 0}), ("Mul", {})):
        grown = [(kind, [a, a], b, more) for a, b in zip(["outer" if more else "units", *names], names, strict=False)]
        with pytest.raises(ValueError, match="its operator, on such numbers, is no part|a shape that is not known"):
            read(tmp_path / "a.onnx", two_layers(1, True, *grown, ("Reshape", ["final1", names[-1]], "Y", {})))


def test_initial_states_of_a_batch_that_begins_alike(tmp_path):
    begin = np.repeat(np.array([[[0.5, -0.5, 0.25]]], np.float32), 4, axis=1)
    check_read(tmp_path / "a.onnx", graph(*HEAD, inputs=["X", "W", "R", "B", "", "h"], constants={"h": begin}))
