"""normalize="window": forecasts relative to each window's own mean and deviation."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, small_forecaster
from thorough import FULL

from grukit import load
from grukit.data import Horizons, Layout, Rows, fit_horizon

RNG = np.random.default_rng(0)
NOISE = pd.Series(RNG.normal(size=160).cumsum() + np.sin(np.arange(160) / 3), index=HOURS, name="load")
small = partial(small_forecaster, horizon=4, window=8, calendar=None, normalize="window")


def by_hand(model, window):
    """A forecast from what the record says, with loops over nothing but the network's steps."""
    state = model._fitted
    mean, scale = next(iter(state.figures.values()))
    rows = (window - mean) / scale
    base, spread = rows.mean(), np.sqrt(rows.var() + (0.01 * state.final.unit) ** 2)
    x = (rows - base) / spread
    w = model.weights_
    h = np.zeros(4)
    for value in x:
        i = w["weight_ih_l0"][:, 0] * value + w["bias_ih_l0"]
        q = w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        r, z = 1 / (1 + np.exp(-i[:4] - q[:4])), 1 / (1 + np.exp(-i[4:8] - q[4:8]))
        h = (1 - z) * np.tanh(i[8:] + r * q[8:]) + z * h
    output = (w["head.weight"] @ h + w["head.bias"]) * state.y_scaler.scale / state.final.unit
    (lags, coef, intercept), *_ = state.final.maps
    ahead = x[::-1][:lags] @ coef + intercept + output
    return mean + scale * (base + spread * ahead)


@pytest.fixture(scope="module")
def fitted():
    return small(early_stopping=False, max_iter=5, calibration_fraction=None).fit(NOISE)  # all of the network


def test_a_forecast_by_hand(fitted):
    assert fitted.normalize_ == "window"
    assert np.abs(fitted.weights_["head.weight"]).max() > 0.01
    np.testing.assert_allclose(fitted.predict(), by_hand(fitted, NOISE.to_numpy()[-8:]), rtol=1e-10)
    np.testing.assert_allclose(fitted.predictor()(NOISE.to_numpy()[-20:]), fitted.predict(), rtol=1e-10)
    many = np.stack([NOISE.to_numpy()[first : first + 8] for first in range(0, 150, 7)])
    np.testing.assert_allclose(fitted.predictor()(many), [by_hand(fitted, each) for each in many], rtol=1e-9)


def test_forecasts_move_and_grow_with_the_window(fitted):
    recent = NOISE[-8:]
    forecast = fitted.predict(context=recent)
    state = fitted._fitted
    tiny = 0.01 * state.final.unit * next(iter(state.figures.values()))[1]
    np.testing.assert_allclose(fitted.predict(context=recent + 1e4), forecast + 1e4, rtol=1e-9)
    center = recent.mean()
    grown = fitted.predict(context=center + 1e4 * (recent - center))  # the floor is next to nothing then
    spread = [np.hypot(each * recent.std(ddof=0), tiny) for each in (1.0, 1e4)]
    np.testing.assert_allclose((grown - center) / spread[1], (forecast - center) / spread[0], rtol=3e-3, atol=1e-4)


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
def test_segments_and_a_decoder_of_such_windows():
    model = small(early_stopping=False, max_iter=5, calibration_fraction=None, segment=2, strategy="decoder").fit(NOISE)
    assert np.abs(model.weights_["head.weight"]).max() > 0.01
    np.testing.assert_allclose(model.predictor()(NOISE.to_numpy()[-8:]), model.predict(), rtol=1e-10)
    moved = model.predict(context=NOISE[-8:] + 1e4)
    np.testing.assert_allclose(moved, model.predict() + 1e4, rtol=1e-9)


def test_a_constant_window_stays_finite(fitted):
    flat = pd.Series(7.0, index=HOURS[:8], name="load")
    forecast = fitted.predict(context=flat)
    assert np.isfinite(forecast).all() and (forecast - 7.0).abs().max() < 0.2
    model = small().fit(pd.Series(3.0, index=HOURS[:60]))  # all of them are
    np.testing.assert_allclose(model.predict(), 3.0, atol=0.1)
    one = small().fit(NOISE).predict(context=NOISE[:1])  # one row has no deviation
    assert np.isfinite(one).all()


def test_least_squares_count_errors_in_units_of_the_series():
    """The map is that of weighted least squares, whose rows are the windows' own units."""
    rng = np.random.default_rng(1)
    y = (rng.normal(size=400) * np.repeat([0.3, 3.0], 200)).cumsum()
    rows, layout = Rows(y, np.empty((400, 0)), np.array([0, 400])), Layout(window=6, horizon=2)
    ends = np.arange(5, 390)
    linear = fit_horizon(rows, layout, 6, "window", ends, ends[:0], ends[:0]).linear
    windows = np.stack([y[end - 5 : end + 1][::-1] for end in ends])
    unit = np.sqrt(windows.var(axis=1).mean())
    assert linear.unit == pytest.approx(unit)
    base, spread = windows.mean(axis=1), np.sqrt(windows.var(axis=1) + (0.01 * unit) ** 2)
    np.testing.assert_allclose(linear.base(rows, ends), base)
    np.testing.assert_allclose(linear.spread(rows, ends), spread)
    z = (windows - base[:, None]) / spread[:, None]
    ahead = np.stack([y[end + 1 : end + 3] for end in ends])
    predicted = base[:, None] + spread[:, None] * (z @ linear.maps[0].coef + linear.maps[0].intercept)
    np.testing.assert_allclose(linear.predict(rows, ends), predicted, rtol=1e-9)
    # What is least at no penalty is nearly so at the one chosen, and no map is better in the series' own units.
    design = np.column_stack([z, np.ones(len(z))]) * spread[:, None]
    best = np.linalg.lstsq(design, ahead - base[:, None], rcond=None)[0]
    least = ((design @ best - (ahead - base[:, None])) ** 2).mean()
    assert least <= ((predicted - ahead) ** 2).mean() < 1.02 * least


def test_quantiles_that_training_begins_at_are_in_units_of_the_network_s_outputs():
    y = (np.random.default_rng(1).normal(size=200) * np.repeat([0.3, 3.0], 100)).cumsum()
    rows, layout = Rows(y, np.empty((200, 0)), np.array([0, 200])), Layout(window=6, horizon=2)
    ends = np.arange(5, 190)
    linear = fit_horizon(rows, layout, 6, "window", ends, ends[:0], ends[:0]).linear
    windows = np.stack([y[end - 5 : end + 1] for end in ends])
    factor = np.sqrt(windows.var(axis=1) / linear.unit**2 + 0.01**2)
    left = np.stack([y[end + 1 : end + 3] for end in ends]) - linear.predict(rows, ends)
    found = Horizons(rows, ends, layout, linear, 1.0, "float64").quantiles((0.1, 0.8))
    np.testing.assert_allclose(found, np.quantile(left / factor[:, None], (0.1, 0.8), axis=0).T, rtol=1e-9)


def test_nothing_after_the_origin_counts(fitted):
    other = NOISE.copy()
    other.iloc[100:] += 50 * RNG.normal(size=60)
    np.testing.assert_array_equal(fitted.predict(context=other[:100]), fitted.predict(context=NOISE[:100]))
    before = NOISE.copy()
    before.iloc[:92] = 1e3
    np.testing.assert_array_equal(fitted.predict(context=before[:100]), fitted.predict(context=NOISE[:100]))


def test_a_rule_that_grows_with_the_window_is_learned():
    """Waves of any size and level: y(t + 1) = 2 cos(w) (y(t) - level) - (y(t - 1) - level) + level."""
    rng, t = np.random.default_rng(3), np.arange(60)
    waves = {k: 10.0 ** rng.uniform(-2, 3) * (np.sin(2 * np.pi * t / 12 + k) + rng.normal(0, 3)) for k in range(12)}
    y = pd.DataFrame(waves, index=HOURS[:60])
    model = small(window=12, horizon=6, max_iter=1, standardize=False).fit(y[:48])
    error = (model.predict(context=y[:54]) - y[54:]).abs().max() / y.std()
    assert error.max() < 1e-2


def test_missing_values_quantiles_covariates_joint_and_files(tmp_path):
    holes = NOISE.copy()
    holes.iloc[[40, 41, 99, 158]] = np.nan
    masked = small(missing="mask", quantiles=(0.2, 0.5, 0.8)).fit(holes)
    fan = masked.predict_quantiles()
    assert (fan.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    state = masked._fitted
    own = ((holes[-8:] - holes[-8:].mean()) / holes[-8:].std(ddof=0)).dropna()
    windows = state.final.windows(*_of(state, holes), np.array([159]))
    np.testing.assert_allclose(windows.relative.mean[159] * own.size, np.nansum(_of(state, holes)[0].y[-8:]))
    two = pd.DataFrame({"a": NOISE, "b": 50 - 100 * NOISE.shift(3).bfill()})
    known = pd.DataFrame({"x": np.sin(np.arange(164.0))}, index=pd.date_range(HOURS[0], periods=164, freq="h"))
    joint = small(channels="joint").fit(two, X=known)
    forecast = joint.predict(X=known)
    moved = joint.predict(context=two + np.array([5.0, -3.0]), X=known)
    np.testing.assert_allclose(moved, forecast + np.array([5.0, -3.0]), rtol=1e-9)
    assert len(joint.predict_interval(0.5, X=known)) == 4
    joint.save(tmp_path / "joint.gru")
    pd.testing.assert_frame_equal(load(tmp_path / "joint.gru").predict(X=known), forecast)
    assert "relative to their mean, in their standard deviations" in joint.summary()


def _of(state, y):
    mean, scale = next(iter(state.figures.values()))
    rows = Rows((y.to_numpy() - mean) / scale, np.empty((len(y), 0)), np.array([0, len(y)]))
    return rows, rows.network_values(state.layout)


def test_training_goes_on_and_a_fit_has_the_same_bits_for_any_n_jobs():
    one, other = small(n_jobs=1).fit(NOISE[:120]), small(n_jobs=2).fit(NOISE[:120])
    np.testing.assert_array_equal(one._fitted.parameters, other._fitted.parameters)
    other.set_params(warm_start=True, early_stopping=False, calibration_fraction=None, max_iter=3).fit(NOISE)
    np.testing.assert_array_equal(one.update(NOISE, refit=3)._fitted.parameters, other._fitted.parameters)


def test_recursive_and_beyond_the_horizon():
    model = small(strategy="recursive").fit(NOISE)
    whole = model.predict()
    by_steps, known = [], NOISE
    for _ in range(4):
        ahead = model.predict(context=known, horizon=1)
        by_steps.append(ahead.iloc[0])
        known = pd.concat([known, ahead])
    np.testing.assert_allclose(whole, by_steps, rtol=1e-9)


def test_what_has_no_windows_says_so(fitted, monkeypatch):
    with pytest.raises(ValueError, match="normalize='window' each row changes how all rows before are read"):
        fitted.stream()
    monkeypatch.setattr("grukit.engines.missing_for_cuda", lambda: "")  # as if there were a GPU
    with pytest.raises(
        RuntimeError, match="device='cuda': the GPU's kernels have no normalize='window'. Or use device='cpu'"
    ):
        small(device="cuda").fit(NOISE)
    model = small(max_iter=1).fit(NOISE)
    assert model.device_ == "cpu" and "the GPU's kernels have no normalize='window'" in model.device_reason_
    model.set_params(device="cuda").predict()  # predictions open anywhere
