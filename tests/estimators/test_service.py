"""Predictors and streams against predict."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from plain import PLAIN
from thorough import if_full

from grukit import GRURegressor
from grukit.estimators import _large

CELLS = ["gru", "gru_reset_before"]


@pytest.fixture(scope="module")
def fitted():
    """Make a model of two layers on three features far from zero, fitted on arrays; window 9."""
    models = {}

    def make(dtype="float64", cell="gru", n_outputs=0, loss="squared_error"):
        key = (dtype, cell, n_outputs, loss)
        if key not in models:
            rng = np.random.default_rng(0)
            X = 100 + 3 * rng.normal(size=(60, 3))
            y = np.abs(X[:, 0] - 100) if not n_outputs else X[:, :n_outputs]
            model = GRURegressor(
                (5, 4), window=9, max_iter=2, dtype=dtype, cell=cell, loss=loss, random_state=0, **PLAIN
            )
            models[key] = model.fit(X, y), X
        return models[key]

    return make


@pytest.mark.parametrize(("cell", "dtype"), [
    *(("gru", dtype) for dtype in ("float32", "float64")), ("gru_reset_before", "float64"),
    *if_full(("gru_reset_before", "float32")),
])  # fmt: skip
def test_a_window_and_a_batch_agree_with_predict(fitted, cell, dtype):
    model, X = fitted(dtype, cell)
    expected = model.predict(X)
    predict = model.predictor()
    batch = np.stack([X[i : i + 9] for i in range(40)])
    tolerance = 1e-6 if dtype == "float32" else 0
    np.testing.assert_allclose([predict(window) for window in batch], expected[8:48], rtol=tolerance)
    np.testing.assert_allclose(predict(batch), expected[8:48], rtol=tolerance)
    assert isinstance(predict(batch[0]), float)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stream_agrees_with_predict_to_the_last_bit(fitted, cell):
    model, X = fitted("float64", cell)
    stream = model.stream()
    steps = np.array([stream.step(x) for x in X[:9]])
    np.testing.assert_array_equal(steps, model.predict(X[:9]))
    assert stream.n_steps == 9
    many = model.stream(n_series=12)
    together = [many.step(np.stack([X[t + i] for i in range(12)])) for t in range(9)]
    expected = [model.predict(X[i : i + 9], context=None)[-1] for i in range(12)]
    np.testing.assert_array_equal(together[-1], expected)


def test_a_stream_in_float32_agrees_to_rounding(fitted):
    model, X = fitted("float32")
    for n_series in (1, 12):
        stream = model.stream(n_series)
        steps = np.array([np.ravel(stream.step(np.stack([x] * n_series)))[-1] for x in X[:9]])
        np.testing.assert_allclose(steps, model.predict(X[:9]), rtol=1e-5)


def test_a_streams_history_is_longer_than_the_window(fitted):
    model, X = fitted()
    whole = GRURegressor(**{**model.get_params(), "window": 60}).fit(X, np.abs(X[:, 0] - 100))
    whole.weights_ = model.weights_
    stream = model.stream()
    np.testing.assert_array_equal([stream.step(x) for x in X], whole.predict(X))


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_outputs_have_the_axis_that_y_had(fitted, n_outputs):
    model, X = fitted(n_outputs=n_outputs)
    expected = model.predict(X)
    np.testing.assert_array_equal(model.predictor()(X[11:20]), expected[19])
    np.testing.assert_array_equal(model.predictor()(X[None, 11:20]), expected[19:20])
    stream = model.stream()
    np.testing.assert_array_equal(np.stack([stream.step(x) for x in X[:9]]), expected[:9])
    assert model.stream().step(X[:1]).shape == (1, n_outputs)


def test_an_output_at_every_step(fitted):
    X = np.random.default_rng(0).normal(size=(6, 7, 2))
    model = GRURegressor(4, max_iter=2, dtype="float64", random_state=0, **PLAIN).fit(X, X[:, :, :1])
    np.testing.assert_array_equal(model.predictor()(X), model.predict(X))
    np.testing.assert_array_equal(model.predictor()(X[3]), model.predict(X)[3])
    stream = model.stream()
    np.testing.assert_array_equal([stream.step(x) for x in X[3]], model.predict(X)[3])


def test_poisson_gives_rates(fitted):
    model, X = fitted(loss="poisson")
    assert model.predictor()(X[1:10]) == model.predict(X)[9] > 0


def test_the_state_goes_on_where_it_was(fitted):
    model, X = fitted()
    stream = model.stream()
    for x in X[:20]:
        stream.step(x)
    state, other_stream = stream.state, pickle.loads(pickle.dumps(stream))
    rest = [stream.step(x) for x in X[20:30]]
    assert rest == [other_stream.step(x) for x in X[20:30]]
    assert other_stream.n_steps == 30
    other = model.stream()
    other.state = state
    assert rest == [other.step(x) for x in X[20:30]]
    assert [layer.shape for layer in state] == [(1, 5), (1, 4)]
    stream.reset()
    assert stream.n_steps == 0
    assert stream.step(X[0]) == model.stream().step(X[0])


def test_a_stream_that_joblib_maps_from_a_file_goes_on(fitted, tmp_path):
    """Its states are then read-only, and the kernels, which ask nothing, write into them."""
    model, X = fitted()
    stream = model.stream()
    stream.step(X[0])
    joblib.dump(stream, tmp_path / "stream")
    mapped, copied = joblib.load(tmp_path / "stream", mmap_mode="r"), copy.copy(stream)
    expected = stream.step(X[1])
    assert mapped.step(X[1]) == expected == copied.step(X[1])
    for states, error in ((stream._states[:-1], "shape"), (np.array(["?"] * 9), "could not convert")):
        with pytest.raises(ValueError, match=error):
            copied.__setstate__({**stream.__getstate__(), "_states": states})
    copied.__setstate__({**stream.__getstate__(), "_states": stream._states.astype(">f8")})
    assert copied.step(X[2]) == stream.step(X[2])


def test_later_training_does_not_reach_them(fitted):
    _, X = fitted()
    model = GRURegressor(4, window=5, max_iter=1, random_state=0, **PLAIN).fit(X, X[:, 0])
    predict, stream = model.predictor(), model.stream()
    before = predict(X[:5])
    model.partial_fit(X, X[:, 0])
    assert predict(X[:5]) == before != model.predictor()(X[:5])
    assert stream.step(X[0]) != model.stream().step(X[0])


def test_several_threads_at_once(fitted):
    model, X = fitted("float32")
    predict = model.predictor()
    windows = [X[i : i + 9] for i in range(50)] * 20
    expected = [predict(window) for window in windows]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(predict, windows)) == expected
        batches = list(pool.map(predict, [np.stack(windows[:40])] * 20))
    np.testing.assert_array_equal(batches, [batches[0]] * 20)
    stream = model.stream()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(stream.step, [X[0]] * 200))
    one = model.stream()
    for _ in range(200):
        last = one.step(X[0])
    assert stream.n_steps == 200
    assert stream.step(X[0]) == one.step(X[0])
    assert np.isfinite(last)


@pytest.mark.parametrize(("call", "words"), [
    (lambda m: m.predictor()(np.zeros((9, 2))), r"A window has the shape \(n_steps, 3\).*got \(9, 2\)"),
    (lambda m: m.predictor()(np.zeros(3)), r"A window has the shape"),
    (lambda m: m.predictor()(np.zeros((0, 3))), r"got \(0, 3\)"),
    (lambda m: m.stream().step(np.zeros(2)), r"A step of 1 series has the shape \(1, 3\); got \(2,\)"),
    (lambda m: m.stream(2).step(np.zeros(3)), r"A step of 2 series has the shape \(2, 3\); got \(3,\)"),
    (lambda m: m.stream().step([1.0, np.nan, 2.0]), "A step must hold finite numbers"),
    (lambda m: m.stream(0), "n_series must be a positive integer; got 0"),
    (lambda m: m.stream(True), "n_series must be a positive integer; got True"),
    (lambda m: setattr(m.stream(), "state", [np.zeros((1, 5))]), r"The state has arrays of the shapes"),
    (lambda m: setattr(m.stream(), "state", [np.full((1, 5), np.nan), np.zeros((1, 4))]), "NaN or infinity"),
])  # fmt: skip
def test_errors(fitted, call, words):
    with pytest.raises(ValueError, match=words):
        call(fitted()[0])


def test_before_fit():
    for make in (GRURegressor().predictor, GRURegressor().stream):
        with pytest.raises(ValueError, match="not fitted yet"):
            make()


@pytest.mark.parametrize(
    "changes", [{"linear_lags": 4}, {"difference": True}, {"linear_lags": 1, "anchor": 0}], ids=str
)
def test_the_state_of_a_model_that_looks_back_holds_the_latest_rows(changes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).cumsum(axis=0)
    options = {**PLAIN, "max_iter": 2, "random_state": 0, **changes}
    model = GRURegressor(5, window=9, **options).fit(X[:-1], X[1:, 0])
    for n in (0, 1, 2, 20):
        stream, other = model.stream(), model.stream()
        for x in X[:n]:
            stream.step(x)
        other.step(X[50])
        other.state = stream.state
        assert [stream.step(x) for x in X[n : n + 6]] == [other.step(x) for x in X[n : n + 6]]
    if changes != {"linear_lags": 1, "anchor": 0}:
        state = stream.state
        with pytest.raises(ValueError, match="one of the latest rows"):
            stream.state = state[:-1]
        with pytest.raises(ValueError, match=r"latest rows, .*got \(9, 1, 2\)"):
            stream.state = [*state[:-1], np.zeros((9, 1, 2))]
        with pytest.raises(ValueError, match="NaN or infinity"):
            stream.state = [*state[:-1], np.full_like(state[-1], np.nan)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_numbers_are_scaled_by_the_kernels_to_the_same_bits(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    X = (50 + 3 * rng.normal(size=(20, 6, 3))).astype(dtype)
    X[:, :, 2] = 7.0  # a scale of one
    model = GRURegressor(5, max_iter=2, random_state=0, **PLAIN).fit(X, X[:, :, 0].sum(axis=1))
    before = model.predict(X), model.predictor()(X)
    monkeypatch.setattr(_large, "MANY", 1)
    np.testing.assert_array_equal(model.predict(X), before[0])
    np.testing.assert_array_equal(model.predictor()(X), before[1])
    X.setflags(write=False)
    np.testing.assert_array_equal(model.predict(X), before[0])
    np.testing.assert_array_equal(model.predict(np.asfortranarray(X)), before[0])
