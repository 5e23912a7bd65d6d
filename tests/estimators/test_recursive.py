"""Forecasts that go on from forecasts: one step at a time, or beyond the horizon that was trained."""

from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, small_forecaster

small = partial(small_forecaster, window=8, calendar=None)


def recursive(horizon=5, **changes):
    return small(horizon, strategy="recursive", **changes)


def by_hand(model, y, steps, X=None):
    """One step ahead of a series that is given each forecast as its next value."""
    for _ in range(steps):
        y = pd.concat([y, model.predict(X, context=y, horizon=1)])
    return y.iloc[-steps:]


@pytest.mark.parametrize("normalize", ["last", "mean", None])
def test_each_forecast_is_fed_back(noise, normalize):
    model = recursive(normalize=normalize, early_stopping=False).fit(noise)
    np.testing.assert_allclose(model.predict(), by_hand(model, noise, 5), rtol=1e-10)
    assert model.n_parameters_ == small(1).fit(noise).n_parameters_
    assert model.summary().startswith("GRUForecaster of 5 steps, one by one, after windows of 8 rows")


def test_a_sine_goes_on():
    y = pd.Series(20 + np.sin(2 * np.pi * np.arange(160) / 12), index=HOURS)
    forecast = recursive(horizon=24, window=12).fit(y).predict()
    np.testing.assert_allclose(forecast, 20 + np.sin(2 * np.pi * (160 + np.arange(24)) / 12), atol=1e-3)


def test_an_autoregression_that_a_known_covariate_drives_goes_on():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=180)}, index=pd.date_range(HOURS[0], periods=180, freq="h"))
    y = np.zeros(180)
    for t in range(2, 180):
        y[t] = 1.2 * y[t - 1] - 0.6 * y[t - 2] + X["x"].iloc[t]
    model = recursive(horizon=12, window=4).fit(pd.Series(y[:160], index=HOURS), X)
    forecast = model.predict(X)
    np.testing.assert_allclose(forecast, y[160:172], atol=0.05)
    np.testing.assert_allclose(forecast, by_hand(model, pd.Series(y[:160], index=HOURS), 12, X), rtol=1e-8)


def test_a_network_learns_a_switch_that_no_linear_map_follows():
    """The next value is the last one, or minus it, as a known covariate says."""
    rng = np.random.default_rng(1)
    index = pd.RangeIndex(900)
    X = pd.DataFrame({"turn": rng.choice([-1.0, 1.0], 900)}, index=index)
    y = pd.Series(np.cumprod(X["turn"].to_numpy()), index=index)
    settings = {"normalize": None, "hidden_layer_sizes": 8, "window": 3, "max_iter": 60, "learning_rate_init": 0.02}
    model = recursive(horizon=6, **{**settings, "batch_size": 32}).fit(y.iloc[:-20], X)
    errors = [model.predict(X, context=y.iloc[:end]) - y.iloc[end : end + 6] for end in range(880, 894, 3)]
    assert np.abs(errors).mean() < 0.15
    ahead = X.copy()
    ahead.loc[882] *= -1
    forecast, other = (model.predict(each, context=y.iloc[:880]) for each in (X, ahead))
    np.testing.assert_allclose(other[2:], -forecast[2:], atol=0.4)  # from the turn on
    np.testing.assert_array_equal(other[:2], forecast[:2])


def test_nothing_after_the_origin_is_seen(noise):
    model = recursive().fit(noise)
    changed = noise.copy()
    changed.iloc[100:] += 50
    pd.testing.assert_series_equal(model.predict(context=changed.iloc[:100]), model.predict(context=noise.iloc[:100]))


def test_intervals_are_those_of_forecasts_that_are_fed_back(noise):
    model = recursive(early_stopping=False).fit(noise)
    before = copy(model)  # the linear part was fitted to what calibrated
    before._fitted = replace(model._fitted, final=model._fitted.linear)
    origins = range(160 - 5 - 19, 160 - 5)
    errors = [
        np.abs(before.predict(context=noise.iloc[: o + 1]).to_numpy() - noise.iloc[o + 1 : o + 6].to_numpy())
        for o in origins
    ]
    half = np.sort(errors, axis=0)[int(np.ceil(20 * 0.8)) - 1]
    np.testing.assert_allclose(model.predict_interval(0.8)["upper"] - model.predict(), half, rtol=1e-8)


def test_a_panel_and_masked_values(noise):
    y = pd.concat({"u": noise, "v": 5 - noise.iloc[:120]})
    model = recursive().fit(y)
    np.testing.assert_allclose(model.predict()["v"], by_hand_of_panel(model, y, "v", 5), rtol=1e-8)
    gappy = noise.drop(noise.index[[40, 41, 155]])
    assert recursive(missing="mask").fit(gappy).predict().notna().all()


def by_hand_of_panel(model, y, name, steps):
    y = y[[name]]
    for _ in range(steps):
        y = pd.concat([y, model.predict(context=y, horizon=1)])
    return y.iloc[-steps:]


@pytest.mark.parametrize("steps", [1, 3, 4, 6, 8, 11])
def test_fewer_and_more_steps_than_were_trained(noise, steps):
    model = small(4).fit(noise)
    direct = model.predict()
    if steps <= 4:
        pd.testing.assert_series_equal(model.predict(horizon=steps), direct.iloc[:steps])
        return
    with pytest.warns(UserWarning, match=f"fitted with horizon=4; the steps up to horizon={steps} are forecast from"):
        forecast = model.predict(horizon=steps)
    assert len(forecast) == steps and forecast.index[0] == direct.index[0]
    np.testing.assert_array_equal(forecast.iloc[:4], direct)
    y = pd.concat([noise, direct])
    if steps > 8:
        y = pd.concat([y, model.predict(context=y)])
    first = len(noise) + steps - 4  # the last block ends with the last step
    last = model.predict(context=y.iloc[:first])
    n_new = steps % 4 or 4
    np.testing.assert_allclose(forecast.iloc[-n_new:], last.iloc[-n_new:], rtol=1e-9)


def test_joint_series_go_on_beyond_the_horizon(noise):
    y = pd.DataFrame({"a": noise, "b": noise.shift(1, fill_value=0.0)})
    model = small(3, channels="joint").fit(y)
    with pytest.warns(UserWarning, match="as if these were known"):
        forecast = model.predict(horizon=6)
    np.testing.assert_allclose(forecast.iloc[3:], model.predict(context=pd.concat([y, forecast.iloc[:3]])), rtol=1e-9)


def test_what_is_refused(noise):
    past = noise.rename("wind")
    with pytest.raises(ValueError, match=r"goes on from its own forecasts, which past_X, \['wind'\], has none for"):
        recursive().fit(noise, past_X=past)
    with pytest.raises(ValueError, match="which channels='joint' has none for"):
        recursive(channels="joint").fit(noise.to_frame())
    model = small(4).fit(noise, past_X=past)
    with pytest.raises(ValueError, match=r"Beyond horizon=4 of fit, .* is not known there; got horizon=5"):
        model.predict(horizon=5)
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match="horizon must be a positive integer or None"):
            model.predict(horizon=wrong)
