"""Files that to_onnx writes, against predict."""

import json
import sys

import numpy as np
import pytest
from configurations import configuration, difference
from plain import PLAIN, for_labels

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from graphs import run  # noqa: E402
from onnx import helper  # noqa: E402

import grukit  # noqa: E402
from grukit import GRUClassifier, GRURegressor  # noqa: E402
from grukit.interchange import _onnx, from_onnx, to_onnx  # noqa: E402


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


@pytest.mark.parametrize("steps", [1, 2, 6, 9])
def test_the_linear_part_of_a_table_counts_its_first_row_for_those_before(tmp_path, steps):
    X = np.random.default_rng(0).normal(size=(90, 3)).cumsum(axis=0)
    y = np.append(X[1:, 0] + np.diff(X[:, 0]), 0.0)[:, None] + [0.0, 100.0]
    model = GRURegressor(window=6, **{**PLAIN, "hidden_layer_sizes": 5, "max_iter": 3, "linear_lags": 6}).fit(X, y)
    assert model._fitted.choices.final.first_before
    to_onnx(model, tmp_path / "model.onnx")
    windows = np.stack([X[i : i + steps] for i in range(20, 27)])
    found, expected = run(tmp_path / "model.onnx", windows), model.predictor()(windows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * expected.std())
    again = from_onnx(tmp_path / "model.onnx").predictor()(windows)
    np.testing.assert_allclose(again, expected, rtol=0, atol=1e-5 * expected.std())


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


def test_a_regressor_s_file_has_no_classes(fitted, tmp_path):
    to_onnx(fitted()[0], tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="its outputs are no probabilities; classes are for softmax and sigmoid"):
        from_onnx(tmp_path / "model.onnx", classes=[0, 1])


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


def linked(kind):
    """A model whose outputs are no identities, and sequences."""
    X = np.random.default_rng(0).normal(size=(20, 6, 3))
    settings = {**PLAIN, "hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    if kind == "counts":
        return GRURegressor(**settings, loss="poisson").fit(X, np.abs(X.sum(axis=1)).round()), X
    return GRUClassifier(**for_labels(settings)).fit(X, X.sum(axis=1)[:, : 2 if kind == "two labels" else 3] > 0), X


@pytest.mark.parametrize(("kind", "link"), [("counts", "log"), ("two labels", "logit"), ("labels", "logit")])
def test_counts_and_labels_come_back(tmp_path, kind, link, reading):
    model, X = linked(kind)
    to_onnx(model, tmp_path / "model.onnx")
    again = from_onnx(tmp_path / "model.onnx")
    assert again._fitted.y_scaler.link == model._fitted.y_scaler.link == link
    np.testing.assert_allclose(again.predictor()(X), model.predictor()(X), rtol=1e-4, atol=1e-6)
    expected, found = model.predict(X), again.predict(X)
    if kind == "counts":
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    else:
        np.testing.assert_array_equal(found, expected)


LABELS = {
    "times": (np.array(["2024-01-01", "2025-06-30"], "M8[ns]"), ["2024-01-01", "2025-06-30"]),
    "days": (np.array(["2024-01-01", "2025-06-30"], "M8[D]"), ["2024-01-01", "2025-06-30"]),
    "bytes": (np.array([b"a", b"\xff"]), ["a", "\\xff"]),
    "truth": (np.array([False, True]), [False, True]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_a_file_tells_labels_that_can_be_read(tmp_path, kind):
    X = np.random.default_rng(0).normal(size=(20, 6, 3))
    labels, told = LABELS[kind]
    settings = {**PLAIN, "hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    model = GRUClassifier(**for_labels(settings)).fit(X, labels[(X.sum(axis=(1, 2)) > 0).astype(int)])
    to_onnx(model, tmp_path / "model.onnx")
    properties = {each.key: each.value for each in onnx.load(tmp_path / "model.onnx").metadata_props}
    found = json.loads(properties["classes"])
    assert [each.split("T")[0] if isinstance(each, str) else each for each in found] == told


def test_the_window_is_that_of_the_file(fitted, tmp_path):
    path = tmp_path / "model.onnx"
    for window in (7, None):
        model, _ = fitted(window=window)
        to_onnx(model, path)
        assert from_onnx(path).window == window
        assert from_onnx(path, window=5).window == 5
    proto = onnx.load(path)
    [told] = [each for each in proto.metadata_props if each.key == "window"]
    for wrong in ('"a"', "0", "[", "1e999", "NaN"):
        told.value = wrong
        path.write_bytes(proto.SerializeToString())
        with pytest.raises(ValueError, match=r"model\.onnx cannot be read as a network of GRUs: .*window"):
            from_onnx(path)
    proto.producer_name = "another"
    path.write_bytes(proto.SerializeToString())
    assert from_onnx(path).window == 32


def test_a_linear_part_of_another_graph_is_refused(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_onnx, "own_model", lambda *_: None)
    to_onnx(fitted(linear_lags=2)[0], tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="its operator, on such numbers, is no part of|as of a linear part"):
        from_onnx(tmp_path / "a.onnx")


def test_a_wrong_window_is_refused(tmp_path):
    with pytest.raises(ValueError, match="window must be a positive integer, None or 'auto'; got 'all'"):
        from_onnx(tmp_path / "a.onnx", window="all")
