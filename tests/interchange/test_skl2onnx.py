"""Pipelines that skl2onnx writes with a model at their end, in ONNX Runtime, against the pipelines."""

import sys

import numpy as np
import pandas as pd
import pytest
from plain import PLAIN, for_labels
from untrained import untrained

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is of the extra grukit[onnx]")

from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, StandardScaler  # noqa: E402

from grukit import GRUClassifier, GRURegressor  # noqa: E402
from grukit.interchange import register_skl2onnx  # noqa: E402

ROWS = np.array([10.0, -300.0, 0.5, 4.0, 0.0, 7.0, 1e3]) + np.array([2, 40, 0.1, 1, 1, 3, 100]) * (
    np.random.default_rng(0).normal(size=(40, 7))
)
SEEN, NEW = ROWS[:30], ROWS[20:]
SETTINGS = {**PLAIN, "hidden_layer_sizes": 7, "max_iter": 2, "random_state": 0, "window": None}


@pytest.fixture(autouse=True)
def registered():
    register_skl2onnx()


def regressor(**changes):
    return GRURegressor(**{**SETTINGS, **changes})


def classifier(**changes):
    return GRUClassifier(**for_labels({**SETTINGS, **changes}))


def fitted(model, y, X=SEEN, before=StandardScaler):
    """A pipeline; the model's weights are drawn."""
    with untrained():
        return make_pipeline(*([before()] if before else []), model).fit(X, y)


def converted(pipeline, shape=(None, 7), kind=DoubleTensorType, zipmap=False, **options):
    """What skl2onnx makes of it."""
    own = {id(pipeline): {"zipmap": zipmap, **options}} if isinstance(pipeline[-1], GRUClassifier) else None
    return skl2onnx.convert_sklearn(pipeline, initial_types=[("X", kind([*shape]))], options=own)


def run(proto, **inputs):
    """All that ONNX Runtime gives."""
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs or {"X": NEW})


def check_near(found, expected, tolerance=1e-5):
    """Raise where numbers differ by more than a share of their spread."""
    expected = np.reshape(expected, found.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * expected.std())


def target(K=1):
    y = 5 * SEEN[:, :1] + 100 + SEEN[:, :1] * np.arange(K)
    return y if K > 1 else y[:, 0]


PARTS = {
    "plain": {},
    "double, before, learned": {"dtype": "float64", "cell": "gru_reset_before", "initial_state": "learned"},
    "both, stacked, learned": {
        "bidirectional": True,
        "hidden_layer_sizes": (4, 3),
        "initial_state": "learned",
        "outputs": 3,
    },
    "linear, differences": {"linear_lags": 3, "difference": True, "outputs": 2},
}


@pytest.mark.parametrize("name", PARTS)
def test_a_scaler_and_a_regressor_of_rows(name):
    changes = dict(PARTS[name])
    K = changes.pop("outputs", 1)
    pipeline = fitted(regressor(**changes), target(K))
    proto = converted(pipeline)
    assert [dim.dim_value for dim in proto.graph.output[0].type.tensor_type.shape.dim][1:] == [K]
    [found] = run(proto)
    assert found.shape == (20, K) and found.dtype == np.float64
    check_near(found, pipeline.predict(NEW))


def test_float32_comes_and_goes():
    pipeline = fitted(regressor(), target())
    x = NEW.astype(np.float32)
    [found] = run(converted(pipeline, kind=FloatTensorType), X=x)
    assert found.dtype == np.float32
    check_near(found, pipeline.predict(x), 1e-4)  # the scaler's digits, not the model's


def test_the_conversion_by_an_example():
    pipeline = fitted(regressor(), target())
    [found] = run(skl2onnx.to_onnx(pipeline, SEEN[:1]))
    check_near(found, pipeline.predict(NEW))


def test_columns_that_are_scaled_apart():
    frame = pd.DataFrame(SEEN, columns=list("abcdefg"))
    apart = ColumnTransformer([("one", StandardScaler(), ["c", "a", "b"]), ("other", MinMaxScaler(), ["d", "g"])])
    with untrained():
        pipeline = Pipeline([("apart", apart), ("model", regressor())]).fit(frame, target())
    types = [(name, DoubleTensorType([None, 1])) for name in frame]
    proto = skl2onnx.convert_sklearn(pipeline, initial_types=types)
    used = {each.name for each in proto.graph.input}
    [found] = run(proto, **{name: NEW[:, [i]] for i, name in enumerate(frame) if name in used})
    check_near(found, pipeline.predict(pd.DataFrame(NEW, columns=frame.columns)))


LABELS = {
    "two": np.array([3, -1]),
    "three": np.array([0, 5, 2]),
    "text": np.array(["rain", "", "snow"]),
    "objects": np.array(["ä", "b"], object),
    "truth": np.array([False, True]),
    "whole": np.array([0.0, 2.0, 7.0]),
}


def labels(kind):
    return LABELS[kind][np.argsort(np.argsort(SEEN[:, 0])) * len(LABELS[kind]) // len(SEEN)]


@pytest.mark.parametrize("kind", LABELS)
def test_a_classifier_gives_labels_and_probabilities(kind):
    pipeline = fitted(classifier(), labels(kind))
    label, probabilities = run(converted(pipeline))
    expected = pipeline.predict_proba(NEW)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    assert len(set(pipeline.predict(NEW))) > 1
    np.testing.assert_array_equal(label, pipeline.predict(NEW))


@pytest.mark.parametrize("names", [None, ["wet", "cold", "dark"]])
def test_several_labels_at_once(names):
    y = SEEN[:, :3] > SEEN[:, :3].mean(axis=0)
    pipeline = fitted(classifier(), y if names is None else pd.DataFrame(y, columns=names))
    label, probabilities = run(converted(pipeline))
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(NEW), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(label, pipeline.predict(NEW))
    assert 0 < label.mean() < 1


@pytest.mark.parametrize("kind", ["three", "text"])
def test_what_skl2onnx_makes_of_probabilities(kind):
    pipeline = fitted(classifier(), labels(kind))
    x, names = NEW.astype(np.float32), pipeline.classes_.tolist()
    expected = pipeline.predict_proba(x)
    label, told = run(converted(pipeline, kind=FloatTensorType, zipmap=True), X=x)
    np.testing.assert_array_equal(label, pipeline.predict(x))
    np.testing.assert_allclose([[each[name] for name in names] for each in told], expected, rtol=0, atol=1e-4)
    label, *columns = run(converted(pipeline, zipmap="columns"))
    np.testing.assert_allclose(np.stack(columns, axis=1), pipeline.predict_proba(NEW), rtol=0, atol=1e-5)
    number, _ = run(converted(pipeline, nocl=True))
    np.testing.assert_array_equal(pipeline.classes_[number], pipeline.predict(NEW))
    *_, own = run(converted(pipeline, output_class_labels=True))
    assert own.tolist() == names


@pytest.mark.parametrize("per_step", [False, True])
def test_sequences_of_several_features(per_step):
    rng = np.random.default_rng(0)
    X = 20 + 3 * rng.normal(size=(30, 6, 3))
    y = X.sum(axis=2, keepdims=True) if per_step else X.sum(axis=(1, 2))
    pipeline = fitted(regressor(missing="mask", window=32), y, X, before=None)
    x = 20 + 3 * rng.normal(size=(5, 9, 3))
    x[0, 3, 1] = np.nan
    [found] = run(converted(pipeline, (None, None, 3)), X=x)
    assert found.shape == ((5, 9, 1) if per_step else (5, 1))
    check_near(found, pipeline.predict(x))


def test_labels_at_every_step():
    X = np.random.default_rng(0).normal(size=(30, 6, 3))
    pipeline = fitted(classifier(window=32), [np.where(x[:, 0] > 0, "up", "down") for x in X], X, before=None)
    label, probabilities = run(converted(pipeline, (None, None, 3)), X=X)
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(label, pipeline.predict(X))
    with pytest.raises(ValueError, match="Probabilities at every step make no dictionaries"):
        converted(pipeline, (None, None, 3), FloatTensorType, zipmap=True)


def test_windows_of_a_table():
    """As the file of to_onnx: the graph is given the windows, and no rows of which it would have to know the history."""
    pipeline = fitted(regressor(window=4, linear_lags=2), target())
    with pytest.raises(ValueError, match=r"a prediction sees 4 of them, also of the history .* pipeline\[:-1\]"):
        converted(pipeline)
    alone = Pipeline(pipeline.steps[-1:])
    windows = np.lib.stride_tricks.sliding_window_view(pipeline[:-1].transform(NEW), 4, axis=0).swapaxes(1, 2)
    [found] = run(converted(alone, (None, None, 7)), X=windows.copy())
    check_near(found, pipeline.predict(NEW, context=None)[3:])


REFUSED = {
    "columns": (regressor(), target(), (None, 6), r"shape \[None, 6\]; it reads \[None, 7\] or \[None, None, 1\]"),
    "features": (regressor(), target(), (None, None, 2), r"shape \[None, None, 2\]; it reads .*\[None, None, 1\]"),
    "cell": (regressor(cell="dual_state"), target(), (None, 7), "ONNX has no operator for the cell 'dual_state'"),
    "large": (
        classifier(),
        np.array([0, 2**64 - 1], np.uint64)[(target() > 150).astype(int)],
        (None, 7),
        "labels are whole numbers or text; .* 18446744073709551615",
    ),
    "times": (
        classifier(),
        np.array(["2020-01-01", "2024-01-01"], "M8[ns]")[(target() > 150).astype(int)],
        (None, 7),
        "labels are whole numbers or text",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_said_is_refused(name):
    model, y, shape, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        converted(fitted(model, y, before=None), shape)


def test_columns_that_are_inputs_of_their_own_are_refused():
    types = [(name, DoubleTensorType([None, 1])) for name in "abcdefg"]
    with pytest.raises(ValueError, match="GRURegressor takes one input with all columns; it is given 7"):
        skl2onnx.convert_sklearn(fitted(regressor(), target(), before=None), initial_types=types)


def test_rows_of_a_model_of_sequences_are_refused():
    X = np.random.default_rng(0).normal(size=(30, 6, 3))
    with pytest.raises(ValueError, match=r"fitted on sequences: declare X of shape \[None, None, 3\]"):
        converted(fitted(regressor(), X.sum(axis=(1, 2)), X, before=None), (None, 3))


def test_doubles_are_no_dictionaries_and_old_operators_no_graph():
    pipeline = fitted(classifier(), labels("two"))
    with pytest.raises(ValueError, match="dictionaries of probabilities of float32 alone"):
        converted(pipeline, zipmap=True)
    pipeline = fitted(regressor(), target())
    with pytest.raises(ValueError, match="target_opset must be at least 17; got 16"):
        skl2onnx.convert_sklearn(pipeline, initial_types=[("X", DoubleTensorType([None, 7]))], target_opset=16)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"the package skl2onnx: pip install 'grukit\[onnx\]'"):
        register_skl2onnx()
