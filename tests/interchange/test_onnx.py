"""ONNX files against ONNX Runtime, and graphs that come from elsewhere."""

import sys

import numpy as np
import pytest
from configurations import configuration, difference

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402

with np.errstate(
    invalid="ignore"
):  # it computes as it is imported, and some builds of a BLAS raise the flag for nothing
    from onnx.backend.test.case.node import gru as node_cases

import grukit  # noqa: E402
from grukit import GRUClassifier, GRURegressor  # noqa: E402
from grukit.interchange import _flow, _onnx, from_onnx, to_onnx  # noqa: E402


def run(path, x):
    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"]).run(None, {"X": x})[0]


@pytest.mark.parametrize("seed", range(6))
def test_random_configurations_agree_with_predict(tmp_path, seed):
    assert difference(seed, tmp_path / "model.onnx") <= 1e-5


FEATURES = {
    "plain": {},
    "double": {"dtype": "float64"},
    "both": {"bidirectional": True, "hidden_layer_sizes": (4, 3)},
    "before, learned": {"cell": "gru_reset_before", "initial_state": "learned"},
    "linear and differences": {"linear_lags": 3, "difference": True, "outputs": 2},
    "linear at every step": {"linear_lags": 4, "anchor": 0, "per_step": True, "difference": [1]},
    "mask": {"missing": "mask", "difference": True, "linear_lags": 2},
    "two classes": {"classes": 2},
    "three classes": {"classes": 3},
}


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("steps", [1, 2, 40])
def test_every_part_is_in_the_file(fitted, tmp_path, name, steps):
    model, X = fitted(**FEATURES[name])
    to_onnx(model, tmp_path / "model.onnx")
    rng = np.random.default_rng(1)
    x = X.mean(axis=(0, 1)) + X.std(axis=(0, 1)) * rng.normal(size=(7, steps, 3))
    if name == "mask":
        x[rng.random(x.shape) < 0.3] = np.nan
    expected = model.predict(x) if isinstance(model, GRURegressor) else model.predict_proba(x)
    found = run(tmp_path / "model.onnx", x)
    spread = 1.0 if isinstance(model, GRUClassifier) else expected.std()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-5 * spread)


def test_a_file_tells_what_it_is_of(fitted, tmp_path):
    model, _ = fitted(classes=3)
    to_onnx(model, tmp_path / "model.onnx")
    proto = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    told = {each.key: each.value for each in proto.metadata_props}
    told.pop("grukit")  # for from_onnx
    assert told == {"columns": "null", "outputs": "null", "classes": "[0, 1, 2]", "window": "32"}
    assert [dim.dim_param or dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        "time",
        3,
    ]


def test_a_file_that_would_not_agree_is_not_written(fitted, tmp_path, monkeypatch):
    model, _ = fitted()
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    monkeypatch.setattr(_onnx, "CLOSE", 0.0)
    with pytest.raises(ValueError, match="The ONNX file was not written: .* differ from predict by"):
        to_onnx(model, path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"cell": "dual_state"}, "the cell 'dual_state'"), ({"missing": "decay"}, "missing='decay'")],
)
def test_what_onnx_cannot_say_is_refused(fitted, tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"ONNX has no operator for {message}"):
        to_onnx(fitted(**changes)[0], tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_extra_is_named_where_it_is_missing(fitted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'grukit\[onnx\]'"):
        to_onnx(fitted()[0], tmp_path / "model.onnx")
    with pytest.raises(ImportError, match=r"pip install 'grukit\[onnx\]'"):
        from_onnx(tmp_path / "model.onnx")


@pytest.fixture(params=["as to_onnx wrote it", "as any other graph"])
def reading(request, monkeypatch):
    """Both ways of reading a file of grukit's own."""
    if request.param == "as any other graph":
        monkeypatch.setattr(_onnx, "own_model", lambda *_: None)
    return request.param


@pytest.mark.parametrize("name", ["plain", "double", "both", "before, learned", "two classes", "three classes"])
def test_a_model_comes_back_from_its_file(fitted, tmp_path, name, reading):
    model, X = fitted(**FEATURES[name])
    to_onnx(model, tmp_path / "model.onnx")
    again = from_onnx(tmp_path / "model.onnx")
    assert type(again) is type(model)
    if isinstance(model, GRUClassifier):
        np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=2e-6)
    else:
        spread = model._fitted.y_scaler.scale.max()
        np.testing.assert_allclose(
            np.reshape(again.predict(X), np.shape(model.predict(X))), model.predict(X), atol=1e-5 * spread
        )


@pytest.mark.parametrize("seed", range(8))
def test_all_that_is_written_is_read(tmp_path, seed):
    model, X = configuration(seed)
    to_onnx(model, tmp_path / "model.onnx")
    again = from_onnx(tmp_path / "model.onnx")
    assert again.window == model.window
    state, found = model._fitted, again._fitted
    assert (found.spec, found.inputs.missing, found.y_scaler.link) == (
        state.spec,
        state.inputs.missing,
        state.y_scaler.link,
    )
    expected = model.predictor()(X)
    spread = np.ptp(expected) if isinstance(model, GRURegressor) else 1.0
    np.testing.assert_allclose(again.predictor()(X).reshape(expected.shape), expected, rtol=0, atol=1e-5 * spread)
    to_onnx(again, tmp_path / "again.onnx")
    graphs = [onnx.load(tmp_path / name).graph for name in ("model.onnx", "again.onnx")]
    assert graphs[0] == graphs[1]
    again.save(tmp_path / "model.gru")
    np.testing.assert_array_equal(grukit.load(tmp_path / "model.gru").predictor()(X), again.predictor()(X))


def test_what_a_file_says_of_itself_is_not_believed(fitted, tmp_path):
    """A graph that was changed is read node by node, and what is no chain of layers refused."""
    path = tmp_path / "model.onnx"
    to_onnx(fitted(linear_lags=2)[0], path)
    assert from_onnx(path).linear_lags == 2
    proto = onnx.load(path)
    next(node for node in proto.graph.node if node.op_type == "GRU").attribute.extend(
        [helper.make_attribute("clip", 0.1)]
    )
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ValueError, match="of which grukit knows"):
        from_onnx(path)


def test_counts_and_labels_come_back(tmp_path, reading):
    for seed in range(40):
        model, X = configuration(seed)
        state = model._fitted
        if (
            state.y_scaler.link in ("log", "logit")
            and state.choices.differenced is None
            and state.inputs.missing == "error"
        ):
            to_onnx(model, tmp_path / "model.onnx")
            again = from_onnx(tmp_path / "model.onnx")
            assert again._fitted.y_scaler.link == state.y_scaler.link
            np.testing.assert_allclose(again.predictor()(X), model.predictor()(X), rtol=1e-4, atol=1e-6)


def node_tests():
    """The package's own tests of the operator: node, inputs, outputs by name."""
    cases = {}

    def note(node, inputs, outputs, name, **_):
        cases[name] = node, inputs, dict(zip([each for each in node.output if each], outputs, strict=True))

    with pytest.MonkeyPatch.context() as patch, np.errstate(invalid="ignore"):
        patch.setattr(node_cases, "expect", note)
        for name in dir(node_cases.GRU):
            if name.startswith("export_"):
                getattr(node_cases.GRU, name)()
    return cases


NODES = node_tests()


def with_constants(node, inputs, outputs):
    """A model of one node, whose weights are constants."""
    (x, *arrays), (_, *names) = inputs, [each for each in node.input if each]
    return onnx.ModelProto(
        graph=helper.make_graph(
            [node],
            "g",
            [helper.make_tensor_value_info("X", 1, x.shape)],
            [helper.make_tensor_value_info(name, 1, None) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in zip(names, arrays, strict=True)],
        )
    )


@pytest.mark.parametrize("name", NODES)
def test_the_node_tests_of_onnx(tmp_path, name):
    node, inputs, outputs = NODES[name]
    (tmp_path / "node.onnx").write_bytes(with_constants(node, inputs, outputs).SerializeToString())
    layout = next((each.i for each in node.attribute if each.name == "layout"), 0)
    x = inputs[0] if layout else np.swapaxes(inputs[0], 0, 1)
    for output, expected in outputs.items():
        found = from_onnx(tmp_path / "node.onnx", output=output).predict(x)
        if output == "Y_h":
            expected = expected if layout else np.swapaxes(expected, 0, 1)
        else:
            expected = expected if layout else np.transpose(expected, (2, 0, 1, 3))
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-6, atol=1e-6)


def test_there_are_node_tests():
    assert {"test_gru_defaults", "test_gru_with_initial_bias", "test_gru_seq_length", "test_gru_batchwise"} <= set(
        NODES
    )


def graph(*nodes, constants=None, inputs=None, outputs=("Y",), n=2, **attributes):
    """A file of a GRU of two inputs and three units, and nodes after it."""
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
    ), ir_version=8, opset_import=[helper.make_opsetid("", 17)])  # fmt: skip


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


def test_a_linear_part_of_another_graph_is_refused(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_onnx, "own_model", lambda *_: None)
    to_onnx(fitted(linear_lags=2)[0], tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="its operator, on such numbers, is no part of|as of a linear part"):
        from_onnx(tmp_path / "a.onnx")


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


def test_small_matrices_with_a_large_product_are_refused(tmp_path, monkeypatch):
    tall, wide = np.ones((3, 1), "f4"), np.ones((1, 30_000), "f4")
    thin = [*HEAD[:1], ("MatMul", ["s", "tall"], "a", {}), ("MatMul", ["a", "wide"], "b", {})]
    back = [*thin, ("MatMul", ["b", "narrow"], "Y", {})]
    path = tmp_path / "a.onnx"
    path.write_bytes(graph(*back, constants={"tall": tall, "wide": wide, "narrow": wide.T.copy()}).SerializeToString())
    assert from_onnx(path).n_outputs_ == 1
    monkeypatch.setattr(_flow, "LARGEST_PRODUCT", 80_000)
    with pytest.raises(ValueError, match="more than 80,000 numbers"):
        from_onnx(path)


def test_a_wrong_window_is_refused(tmp_path):
    with pytest.raises(ValueError, match="window must be a positive integer, None or 'auto'; got 'all'"):
        from_onnx(tmp_path / "a.onnx", window="all")


def test_no_onnx_file(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"\xff" * 99)
    with pytest.raises(ValueError, match=r"a\.onnx is no ONNX file, or damaged"):
        from_onnx(tmp_path / "a.onnx")
    (tmp_path / "b.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.onnx cannot be read as a network"):
        from_onnx(tmp_path / "b.onnx")
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "c.onnx")
