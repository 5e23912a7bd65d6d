"""Forecasters with a decoder that goes on over the horizon."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import reference
from forecasters import HOURS, small_forecaster

import grukit
from grukit.engines import missing_in_cuda
from grukit.estimators._forecast_network import first_outputs
from grukit.interchange import to_keras, to_torch
from grukit.model import Decoder


def small(horizon=4, **changes):
    return small_forecaster(horizon, **{"strategy": "decoder", "early_stopping": False, "calendar": None, **changes})


@pytest.fixture(scope="module")
def known():
    values = np.random.default_rng(1).normal(size=(190, 1))
    return pd.DataFrame(values, pd.date_range(HOURS[0], periods=190, freq="h"), ["price"])


@pytest.fixture(scope="module")
def plain(noise):
    return small(normalize="last").fit(noise)


@pytest.fixture(scope="module")
def driven(noise, known):
    return small(segment=2, normalize="last").fit(noise, known)


def by_hand(model, y, X=None):
    """A forecast from the last rows, by the reference."""
    state = model._fitted
    k, H = state.layout.segment, state.layout.horizon
    mean, scale = next(iter(state.figures.values()))
    rows, values = y.to_numpy()[-12:], np.full((12 + H, 1 if X is None else 3), np.nan)
    values[:12, 0] = (rows - mean) / scale
    values[1:12, 0] = np.diff(values[:12, 0])
    if X is not None:
        first = X.index.get_loc(y.index[-1]) - 11
        price = ((X["price"].iloc[first : first + 12 + 2 * H] - state.levels.mean) / state.levels.scale).to_numpy()
        values[:, 1], values[:, 2] = price[: 12 + H], price[H:]  # what is known H steps ahead of each row, too
    values = (values - state.x_scaler.mean) / state.x_scaler.scale
    steps = np.zeros((-(-11 // k) * k, values.shape[1]))
    steps[len(steps) - 11 :] = values[1:12]
    ahead = state.spec.decoder
    x_ahead = reference.decoder_inputs(values, [12], ahead.steps, ahead.at_once, ahead.rows, ahead.columns)
    made, _ = reference.decoder_forward(
        "gru", model.weights_, steps.reshape(-1, 1, k * values.shape[1]), x_ahead, ahead.at_once
    )
    predictions = model.predict(X, context=y) - made.ravel() * state.y_scaler.scale * scale
    return predictions, made


def test_forecasts_are_the_linear_part_and_what_the_decoder_gives(plain, driven, noise, known):
    for model, X in ((plain, None), (driven, known)):
        for end in (160, 100):
            y = noise.iloc[:end]
            left, made = by_hand(model, y, X)
            assert np.abs(made).max() > 1e-3
            bare = pickle.loads(pickle.dumps(model))
            weights = bare.weights_
            weights["head.weight"][:], weights["head.bias"][:] = 0.0, 0.0
            bare.weights_ = weights
            np.testing.assert_allclose(left, bare.predict(X, context=y), rtol=1e-9)


def test_what_a_forecast_sees(driven, noise, known):
    y = noise.iloc[:100]
    forecast = driven.predict(known, context=y)
    pd.testing.assert_series_equal(driven.predict(known, context=y.iloc[-12:]), forecast)
    other = known.copy()
    other.iloc[104:] = 9.0  # beyond the horizon
    other.iloc[:88] = 9.0  # before the window
    pd.testing.assert_series_equal(driven.predict(other, context=y), forecast)
    for step in range(4):
        other = known.copy()
        other.iloc[100 + step] += 1.0
        assert (driven.predict(other, context=y) != forecast).any()


def test_predictors_streams_and_files(plain, driven, noise, known, tmp_path):
    values = noise.to_numpy()
    np.testing.assert_allclose(plain.predictor()(values[-12:]), plain.predict(), rtol=1e-12)
    windows = np.lib.stride_tricks.sliding_window_view(values, 12)[:20]
    each = [plain.predict(context=noise.iloc[: 12 + i]) for i in range(20)]
    np.testing.assert_allclose(plain.predictor()(windows), each, rtol=1e-12)
    stream = plain.stream()
    steps = [stream.step(value) for value in values[:12]]
    np.testing.assert_array_equal(steps, [plain.predict(context=noise.iloc[: 1 + i]) for i in range(12)])
    for model, X in ((plain, None), (driven, known)):
        model.save(tmp_path / "model.gru")
        for other in (grukit.load(tmp_path / "model.gru"), pickle.loads(pickle.dumps(model))):
            pd.testing.assert_series_equal(other.predict(X), model.predict(X))
            pd.testing.assert_frame_equal(other.predict_interval(0.8, X), model.predict_interval(0.8, X))


def test_what_is_told(plain, driven):
    assert "Decoder: gru, 4 units, 4 steps one after another, 0 columns known ahead" in plain.summary()
    assert "Decoder: gru, 4 units, 2 segments of 2 steps at once, 1 columns known ahead" in driven.summary()
    assert driven.weights_["weight_ih_decoder"].shape == (12, 2 + 2)
    assert missing_in_cuda(plain._fitted.spec) == "the GPU's kernels have no decoder"


def test_a_fit_that_was_ended_goes_on_to_the_bit(noise, known, tmp_path):
    settings = {"segment": 2, "normalize": "last", "max_iter": 4}

    def end(record):
        if record["epoch"] == 2:
            raise InterruptedError

    model = small(**settings, checkpoint=tmp_path / "run.ckpt", checkpoint_every=1, callbacks=end)
    with pytest.raises(InterruptedError):
        model.fit(noise, known)
    model.set_params(callbacks=None).fit(noise, known, resume=True)
    np.testing.assert_array_equal(model._fitted.parameters, small(**settings).fit(noise, known)._fitted.parameters)


def test_paths_backtests_and_later_rows(driven, noise, known):
    paths = driven.predict_samples(50, known, random_state=0)
    np.testing.assert_allclose(paths.mean(axis=1), driven.predict(known), atol=2 * noise.diff().std())
    table = driven.backtest(noise, known, n_splits=2)
    assert len(table) == 8 and table["prediction"].notna().all()
    later = known["price"].iloc[160:163].rename("load")
    moved, y = pickle.loads(pickle.dumps(driven)).update(later, known), pd.concat([noise, later])
    np.testing.assert_array_equal(moved.predict(known), driven.predict(known, context=y))


def test_other_libraries_have_no_place_for_it(plain, driven):
    for export, model in ((to_torch, plain), (to_keras, driven)):
        with pytest.raises(TypeError, match="Give a fitted GRURegressor or GRUClassifier; got GRUForecaster"):
            export(model)


def test_the_same_bits_for_any_number_of_threads(noise, known):
    frame = pd.DataFrame({"a": noise, "b": -noise, "c": noise**2})
    one, two = (small(segment=2, n_jobs=n_jobs).fit(frame, known) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one._fitted.parameters, two._fitted.parameters)
    pd.testing.assert_frame_equal(one.predict(known), two.predict(known))


def test_a_sine_goes_on_without_a_linear_part():
    y = pd.Series(20 + np.sin(2 * np.pi * np.arange(160) / 12), index=HOURS)
    settings = {"linear_lags": 0, "max_iter": 120, "hidden_layer_sizes": 16, "learning_rate_init": 0.01}
    forecast = small(12, normalize="last", **settings).fit(y).predict()
    np.testing.assert_allclose(forecast, 20 + np.sin(2 * np.pi * (160 + np.arange(12)) / 12), atol=0.05)


@pytest.mark.parametrize("segment", [None, 2])
def test_an_autoregression_of_second_order_goes_on(segment):
    rng, y = np.random.default_rng(0), np.zeros(1220)
    for t in range(2, 1220):
        y[t] = 1.5 * y[t - 1] - 0.8 * y[t - 2] + rng.normal()
    settings = {"normalize": None, "hidden_layer_sizes": 16, "window": 6, "max_iter": 20, "learning_rate_init": 0.005}
    settings |= {"early_stopping": True, "calibration_fraction": None, "linear_lags": 0, "batch_size": 32}
    model = small(4, segment=segment, **settings).fit(y[:1200])
    errors = []
    for end in range(1200, 1220, 2):
        wanted = list(y[end - 2 : end])
        for _ in range(4):
            wanted.append(1.5 * wanted[-1] - 0.8 * wanted[-2])
        errors.append(model.predict(context=y[:end]) - wanted[2:])
    assert np.abs(errors).mean() < 0.1 * y.std()


def test_a_switch_that_is_known_ahead_is_followed_step_by_step():
    """The next value is the last one, or minus it, as a known covariate says: no linear map follows."""
    rng, index = np.random.default_rng(1), pd.RangeIndex(620)
    X = pd.DataFrame({"turn": rng.choice([-1.0, 1.0], 620)}, index=index)
    y = pd.Series(np.cumprod(X["turn"].to_numpy()), index=index)
    settings = {"normalize": None, "hidden_layer_sizes": 16, "window": 4, "max_iter": 60, "learning_rate_init": 0.02}
    model = small(4, linear_lags=0, batch_size=32, **settings).fit(y.iloc[:-20], X)
    errors = [model.predict(X, context=y.iloc[:end]) - y.iloc[end : end + 4] for end in range(600, 616, 3)]
    assert np.abs(errors).mean() < 0.15


def test_a_switch_that_is_known_ahead_is_followed_by_segments():
    """The level is the size of what is known now, and half of what was known four steps ago, in another segment."""
    rng, index = np.random.default_rng(1), pd.RangeIndex(620)
    X = pd.DataFrame({"x": rng.choice([-1.0, 0.0, 1.2], 620)}, index=index)
    y = X["x"].abs() + 0.5 * X["x"].shift(4, fill_value=0.0)
    settings = {"normalize": None, "hidden_layer_sizes": 16, "max_iter": 60, "learning_rate_init": 0.01}
    model = small(6, segment=2, linear_lags=0, batch_size=32, **settings).fit(y.iloc[:-20], X)
    errors = [model.predict(X, context=y.iloc[:end]) - y.iloc[end : end + 6] for end in range(600, 614, 3)]
    assert np.abs(errors).mean() < 0.1


def test_quantiles_holes_and_all_series_at_once(noise, known):
    y = pd.DataFrame({"a": noise, "b": 3 * noise + 1})
    y.iloc[[40, 41, 90], 0] = np.nan
    X = known.copy()
    X.iloc[[50, 161]] = np.nan
    quantiles = (0.1, 0.5, 0.9)
    model = small(channels="joint", missing="mask", segment=2, quantiles=quantiles, max_iter=1).fit(y, X)
    assert model._fitted.spec.decoder.columns == (2, 6)
    found = model.predict_quantiles(X=X)
    assert found.notna().all(axis=None) and (found.diff(axis=1)[[("b", 0.5), ("b", 0.9)]] >= 0).all(axis=None)
    with pytest.warns(UserWarning, match="fitted with horizon=4"):
        assert len(model.predict(X, horizon=7)) == 7


def test_training_begins_at_the_mean_quantiles_of_the_steps_that_a_head_gives():
    wanted = np.random.default_rng(0).normal(size=(2 * 6, 3))  # of two series, six steps, three levels
    np.testing.assert_array_equal(first_outputs(None, wanted), wanted.ravel())
    one_by_one, at_once = Decoder(6, 1, 1, (), 2), Decoder(1, 3, 2, (), 2)
    series = np.split(wanted, 2)
    found = first_outputs(one_by_one, wanted)
    np.testing.assert_allclose(found, np.concatenate([own.mean(axis=0) for own in series]))
    within = [own[k::2].mean(axis=0) for own in series for k in range(2)]  # the same step of all segments
    np.testing.assert_allclose(first_outputs(at_once, wanted), np.concatenate(within))


def test_the_calendar_is_read_ahead(noise):
    model = small(calendar=("hour",)).fit(noise)
    assert model._fitted.spec.decoder.columns == (1, 2)
    assert model.predict().notna().all()
    with pytest.raises(ValueError, match="no stamps ahead"):
        model.stream()


def test_training_goes_on_with_the_same_strategy(noise):
    model = small(warm_start=True).fit(noise)
    with pytest.raises(ValueError, match="strategy is 'decoder'; now it is 'direct'"):
        model.set_params(strategy="direct").fit(noise)
    assert len(model.set_params(strategy="decoder").fit(noise).history_) == 4


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"horizon": 5, "segment": 2}, "horizon=5 is no multiple of segment=2"), ({"cell": "dual_state"}, "cell")],
)
def test_what_a_decoder_does_not_go_with(changes, told, noise):
    with pytest.raises(ValueError, match=told):
        small(**changes).fit(noise)


def test_what_is_known_ahead_of_all_windows_is_not_held():
    rng, peaks = np.random.default_rng(0), []
    X = pd.DataFrame(rng.normal(size=(1500, 2)), columns=["a", "b"])
    y = pd.DataFrame(rng.normal(size=(1500, 10)).cumsum(axis=0))
    settings = {
        "max_iter": 1,
        "hidden_layer_sizes": 2,
        "linear_lags": 2,
        "calibration_fraction": None,
        "batch_size": 256,
    }
    for strategy in ("direct", "decoder"):
        model = small(96, strategy=strategy, **settings).fit(y.iloc[:300], X)  # compiles
        tracemalloc.start()
        model.fit(y, X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 0.1 * 8 * y.size * 96 * 2, peaks
