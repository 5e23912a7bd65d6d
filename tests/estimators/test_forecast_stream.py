"""Forecasts from a state that advances a row at a time, against those of predict."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from grukit import GRUForecaster

W = 12
SMALL = {
    "hidden_layer_sizes": 4,
    "window": W,
    "max_iter": 2,
    "random_state": 0,
    "dtype": "float64",
    "horizon": 3,
    "calibration_fraction": None,
}
HOURS = pd.date_range("2024-03-25", periods=160, freq="h", tz="Europe/Berlin", name="time")


def walks(*names, index=HOURS):
    values = np.random.default_rng(0).normal(size=(len(index), len(names))).cumsum(axis=0)
    return pd.DataFrame(50 + 3 * values, index, list(names))


def fitted(y, **changes):
    return GRUForecaster(**{**SMALL, "calendar": None, "early_stopping": False, **changes}).fit(y)


def by_steps(model, y, stream=None):
    """Forecasts (n, ..., H) after each row."""
    stream = stream or model.stream()
    return np.array([stream.step(row, time) for row, time in zip(y.to_numpy(), y.index, strict=True)])


def by_predict(model, y):
    """The same from contexts."""
    return np.array([model.predict(context=y.iloc[: n + 1]).to_numpy().T for n in range(len(y))])


@pytest.mark.parametrize("normalize", ["last", "mean", None])
@pytest.mark.parametrize("lags", ["auto", 1, 0])
def test_a_stream_forecasts_as_predict_does_to_the_last_bit(normalize, lags):
    y = walks("load")["load"]
    model = fitted(y, normalize=normalize, linear_lags=lags)
    recent = y.iloc[70 : 70 + W]
    np.testing.assert_array_equal(by_steps(model, recent), by_predict(model, recent))


def test_many_series_advance_together():
    y = walks("a", "b", "c")
    model = fitted(y)
    recent = y.iloc[40 : 40 + W]
    expected = by_predict(model, recent)
    np.testing.assert_array_equal(by_steps(model, recent), expected)
    one = model.stream("b")
    np.testing.assert_array_equal([one.step(value) for value in recent["b"]], expected[:, 1])
    np.testing.assert_array_equal(by_steps(model, recent[["c", "a"]], model.stream(["c", "a"])), expected[:, [2, 0]])
    panel = pd.concat(dict(recent.items()), names=["unit"])
    kept = fitted(pd.concat(dict(y.items()), names=["unit"]))
    assert kept.stream(("a",)).step(1.0).tolist() == kept.stream("a").step(1.0).tolist()
    last = kept.predict(context=panel).to_numpy().reshape(3, 3)
    np.testing.assert_array_equal(by_steps(kept, recent)[-1], last)


def test_series_that_are_read_together():
    y = walks("a", "b")
    model = fitted(y, channels="joint", calendar=("hour",))
    recent = y.iloc[40 : 40 + W]
    np.testing.assert_allclose(by_steps(model, recent), by_predict(model, recent), rtol=1e-13)
    with pytest.raises(ValueError, match="all series advance together"):
        model.stream("a")


def test_missing_values_are_told():
    y = walks("load")["load"]
    y.iloc[[20, 43, 44, 47]] = np.nan
    for normalize in ("last", "mean", None):
        model = fitted(y, missing="mask", normalize=normalize)
        recent = y.iloc[41 : 41 + W]
        np.testing.assert_array_equal(by_steps(model, recent), by_predict(model, recent))


def test_quantiles_give_their_median():
    y = walks("a", "b")
    model = fitted(y, quantiles=(0.1, 0.5, 0.9))
    recent = y.iloc[40 : 40 + W]
    np.testing.assert_array_equal(by_steps(model, recent), by_predict(model, recent))


@pytest.mark.parametrize("index", [HOURS, pd.period_range("2001-01", periods=160, freq="M")], ids=["hours", "months"])
def test_a_calendar_goes_by_the_time_of_the_row(index):
    """A sine of one number and one of many may differ in the last bit, so only here there is a tolerance."""
    y = walks("load", index=index)["load"]
    model = fitted(y, calendar=("hour", "dayofweek") if index is HOURS else ("month",), normalize=None)
    recent = y.iloc[130 : 130 + W]  # whose clocks change among them
    expected = by_predict(model, recent)
    np.testing.assert_allclose(by_steps(model, recent), expected, rtol=1e-13)
    if index is HOURS:
        elsewhere = recent.tz_convert("Asia/Tokyo")
        np.testing.assert_allclose(by_steps(model, elsewhere), expected, rtol=1e-13)


def test_a_stream_in_float32_agrees_to_rounding():
    y = walks("load")["load"]
    model = fitted(y, dtype="float32", early_stopping="auto")
    recent = y.iloc[70 : 70 + W]
    np.testing.assert_allclose(by_steps(model, recent), by_predict(model, recent), rtol=1e-6)


def test_after_the_window_the_layers_still_know_the_rows_before():
    """As a model would that has as long a window, but reads as many rows for its linear part."""
    y = walks("load")["load"]
    model = fitted(y, normalize="last", linear_lags=4)
    recent = y.iloc[60:100]
    steps = by_steps(model, recent)
    state, longer = model._fitted, fitted(y, normalize="last", linear_lags=4)
    layout = replace(state.layout, window=40)
    longer._fitted = replace(
        state, layout=layout, linear=replace(state.linear, layout=layout), final=replace(state.final, layout=layout)
    )
    np.testing.assert_array_equal(steps, by_predict(longer, recent))
    assert np.abs(steps[-1] - by_predict(model, recent)[-1]).max() > 0


@pytest.mark.parametrize("changes", [{}, {"normalize": None}, {"channels": "joint", "normalize": "mean"}], ids=str)
def test_the_state_is_all_there_is(changes):
    y = walks("a", "b")
    model = fitted(y, **changes)
    for n in (0, 1, 2, 30):
        stream, other = model.stream(), model.stream()
        by_steps(model, y.iloc[:n], stream)
        other.step([1.0, 2.0])
        other.state = stream.state
        copy = pickle.loads(pickle.dumps(stream))
        rest = y.iloc[n : n + 6]
        expected = by_steps(model, rest, stream)
        np.testing.assert_array_equal(by_steps(model, rest, other), expected)
        np.testing.assert_array_equal(by_steps(model, rest, copy), expected)
        assert copy.n_steps == stream.n_steps == n + 6
    assert stream.state[-1].shape == (W, 2)
    np.testing.assert_array_equal(stream.state[-1], y.iloc[36 - W : 36])
    stream.reset()
    assert stream.n_steps == 0
    np.testing.assert_array_equal(stream.step([1.0, 2.0]), model.stream().step([1.0, 2.0]))


def test_several_threads_and_later_training():
    y = walks("load")["load"]
    model = fitted(y)
    one, stream = model.stream(), model.stream()
    expected = [one.step(50.0) for _ in range(101)][-1]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(stream.step, [50.0] * 100))
    model.set_params(warm_start=True).fit(y)
    np.testing.assert_array_equal(stream.step(50.0), expected)


@pytest.mark.parametrize(("call", "words"), [
    (lambda m: m.stream().step([1.0]), r"A row of 2 series has the shape \(2,\); got \(1,\)"),
    (lambda m: m.stream("a").step([1.0, 2.0]), r"A row of 1 series has the shape \(1,\); got \(2,\)"),
    (lambda m: m.stream().step([1.0, np.nan]), "A step must hold finite numbers"),
    (lambda m: m.stream("c"), r"series must name one of those of fit, such as \['a', 'b'\]; got 'c'"),
    (lambda m: setattr(m.stream(), "state", [np.zeros((2, 4))]), r"latest values.*\(n, 2\), n up to 12; got \(2, 4\)"),
    (lambda m: setattr(m.stream(), "state", [np.zeros((2, 3)), np.zeros((1, 2))]), "arrays of the shapes"),
    (lambda m: setattr(m.stream(), "state", [np.zeros((2, 4)), np.full((1, 2), np.nan)]), "hold NaN or infinity"),
    (lambda m: setattr(m.stream(), "state", [np.full((2, 4), np.inf), np.zeros((1, 2))]), "NaN or infinity"),
])  # fmt: skip
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call(fitted(walks("a", "b")))


def test_an_error_leaves_the_state_as_it_was():
    model = fitted(walks("a", "b"), normalize="last")
    stream, other = model.stream(), model.stream()
    for each in (stream, other):
        each.step([50.0, 51.0])
    with pytest.raises(ValueError, match="finite"):
        stream.step([np.inf, 1.0])
    with pytest.raises(ValueError, match="hold NaN"):
        stream.state = [np.zeros((2, 4)), np.full((1, 2), np.nan)]
    assert stream.n_steps == 1
    np.testing.assert_array_equal(stream.step([50.0, 52.0]), other.step([50.0, 52.0]))


def test_what_has_no_stream():
    y = walks("load")["load"]
    with pytest.raises(ValueError, match=r"also has the covariates \['known'\]"):
        GRUForecaster(**SMALL, calendar=None).fit(y, y.rename("known")).stream()
    with pytest.raises(ValueError, match="strategy='recursive' does not"):
        fitted(y, strategy="recursive").stream()
    both_ways = fitted(y)
    both_ways._fitted = replace(both_ways._fitted, spec=replace(both_ways._fitted.spec, bidirectional=True))
    with pytest.raises(ValueError, match="reads a window from both ends"):
        both_ways.stream()
    with pytest.raises(NotFittedError):
        GRUForecaster().stream()
    hourly = fitted(y, calendar=("hour",)).stream()
    for time in (None, "2024-01-01", pd.Timestamp("2024-01-01"), pd.Period("2024-01", "M")):
        with pytest.raises(
            ValueError, match=r"time must be the stamp of the row, one of times with a time zone, .*hour"
        ):
            hourly.step(1.0, time)
    assert hourly.n_steps == 0
