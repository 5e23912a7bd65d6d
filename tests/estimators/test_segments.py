"""Forecasters whose network reads several rows as one step."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
import reference
from forecasters import HOURS, small_forecaster

import grukit
from grukit.engines import missing_in_cuda

small = partial(small_forecaster, segment=4, early_stopping=False)


@pytest.fixture(scope="module")
def plain(noise):
    return small(calendar=None, normalize="last").fit(noise)


def by_hand(model, y):
    """A forecast from the rows of a window: changes in steps of four, the oldest filled up with zeros."""
    state = model._fitted
    mean, scale = next(iter(state.figures.values()))
    z = (y.to_numpy()[-12:] - mean) / scale
    changes = np.diff(z) if len(z) > 1 else np.zeros(1)
    scaled = (changes - state.x_scaler.mean) / state.x_scaler.scale
    steps = np.zeros(-(-len(scaled) // 4) * 4)
    steps[len(steps) - len(scaled) :] = scaled
    outputs, _ = reference.network_forward("gru", model.weights_, steps.reshape(-1, 1, 4))
    left = outputs[0] * state.y_scaler.scale[0]
    return (left + state.final.from_last(z[:, None], np.empty((1, 0)))[0]) * scale + mean


@pytest.mark.parametrize("n", [160, 30, 12, 11, 9, 5, 2])
def test_steps_are_counted_back_from_the_origin(plain, noise, n):
    np.testing.assert_allclose(plain.predict(context=noise.iloc[:n]), by_hand(plain, noise.iloc[:n]), rtol=1e-10)


def test_a_forecast_sees_the_window_and_nothing_else(plain, noise):
    origin = noise.iloc[:100]
    forecast = plain.predict(context=origin)
    pd.testing.assert_series_equal(plain.predict(context=origin.iloc[-12:]), forecast)
    other = origin.copy()
    other.iloc[:88] += 5.0
    pd.testing.assert_series_equal(plain.predict(context=other), forecast)
    other.iloc[88] += 5.0
    assert (plain.predict(context=other) != forecast).all()


def test_predictors_and_many_windows_at_once(plain, noise):
    fast, values = plain.predictor(), noise.to_numpy()
    np.testing.assert_allclose(fast(values[-12:]), plain.predict(), rtol=1e-12)
    windows = np.lib.stride_tricks.sliding_window_view(values, 12)[:20]
    each = [plain.predict(context=noise.iloc[: 12 + i]) for i in range(20)]
    np.testing.assert_allclose(fast(windows), each, rtol=1e-12)


def test_a_stream_says_why_there_is_none(plain):
    with pytest.raises(ValueError, match=r"segment=4 reads 4 rows at a time.*predictor\(\)"):
        plain.stream()


def test_what_a_fitted_model_tells_and_keeps(plain, noise, tmp_path):
    assert plain.summary().startswith("GRUForecaster of 3 steps after windows of 12 rows in segments of 4, 1 series")
    assert plain.weights_["weight_ih_l0"].shape == (12, 4)
    plain.save(tmp_path / "model.gru")
    for other in (grukit.load(tmp_path / "model.gru"), pickle.loads(pickle.dumps(plain))):
        pd.testing.assert_series_equal(other.predict(), plain.predict())
        pd.testing.assert_frame_equal(other.predict_interval(0.8), plain.predict_interval(0.8))
    assert missing_in_cuda(plain._fitted.spec) == "the GPU's kernels have no segment=4"
    assert small(device="auto", calendar=None).fit(noise).device_ == "cpu"


def test_the_same_bits_for_any_number_of_threads(noise):
    frame = pd.DataFrame({"a": noise, "b": -noise, "c": noise**2})
    one, two = (small(calendar=None, n_jobs=n_jobs).fit(frame) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one._fitted.parameters, two._fitted.parameters)
    pd.testing.assert_frame_equal(one.predict(), two.predict())


def test_training_goes_on_with_the_same_segment(noise):
    model = small(calendar=None, warm_start=True).fit(noise)
    with pytest.raises(ValueError, match="whose segment is 4; now it is 3"):
        model.set_params(segment=3).fit(noise)
    model.set_params(segment=4).fit(noise)
    assert len(model.history_) == 4


def test_covariates_holes_and_all_series_at_once(noise):
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"x": rng.normal(size=170)}, index=pd.date_range(HOURS[0], periods=170, freq="h"))
    y = pd.DataFrame({"a": noise, "b": 3 * X["x"].iloc[:160].to_numpy() + 1})
    y.iloc[[40, 41, 90], 0] = np.nan
    model = small(channels="joint", missing="mask", normalize=None).fit(y, X)
    forecast = model.predict(X)
    assert forecast.shape == (3, 2) and forecast.notna().all(axis=None)
    other = X.copy()
    other.iloc[163:] = 0.0  # beyond the horizon
    pd.testing.assert_frame_equal(model.predict(other), forecast)
    other.iloc[161] += 1.0
    assert (model.predict(other)["b"] != forecast["b"]).any()


def test_a_sine_goes_on_without_a_linear_part():
    y = pd.Series(20 + np.sin(2 * np.pi * np.arange(160) / 12), index=HOURS)
    settings = {"linear_lags": 0, "max_iter": 120, "hidden_layer_sizes": 16, "learning_rate_init": 0.01}
    forecast = small(12, normalize="last", calendar=None, **settings).fit(y).predict()
    np.testing.assert_allclose(forecast, 20 + np.sin(2 * np.pi * (160 + np.arange(12)) / 12), atol=0.05)


def test_one_step_at_a_time_as_well(noise):
    model = small(5, strategy="recursive", calendar=None).fit(noise)
    y = noise
    for _ in range(5):
        y = pd.concat([y, model.predict(context=y, horizon=1)])
    np.testing.assert_allclose(model.predict(), y.iloc[-5:], rtol=1e-10)


@pytest.mark.parametrize("segment", [0, -1, 2.0, True, "4"])
def test_what_is_no_segment(segment, noise):
    with pytest.raises(ValueError, match="segment"):
        small(segment=segment).fit(noise)


def test_a_segment_that_no_window_holds(noise):
    with pytest.raises(ValueError, match="segment=13 and window=12"):
        small(segment=13).fit(noise)
