"""Forecasts: rules that are learned exactly, what may change a forecast and what must not, forms, errors."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS
from forecasters import small_forecaster as small
from sklearn.base import clone

from grukit import GRUForecaster
from grukit.data import Observed

N = np.arange(160)


@pytest.fixture(scope="module")
def driven():
    """A series driven by one covariate that is known ahead, and another that is not."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"price": rng.normal(size=180)}, index=pd.date_range(HOURS[0], periods=180, freq="h"))
    past = pd.Series(rng.normal(size=160), index=HOURS, name="wind")
    y = 10 + 2 * X["price"].iloc[:160].to_numpy() + past.shift(3, fill_value=0.0)
    return y.rename("load"), X, past


# --- rules ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", ["auto", "last", "mean", None])
def test_a_sine_goes_on(normalize):
    y = pd.Series(20 + np.sin(2 * np.pi * N / 12), index=HOURS)
    forecast = small(horizon=24, normalize=normalize, calendar=None).fit(y).predict()
    np.testing.assert_allclose(forecast, 20 + np.sin(2 * np.pi * (160 + np.arange(24)) / 12), atol=2e-4)


def test_an_autoregression_of_second_order_goes_on():
    y = np.zeros(160)
    y[:2] = 1.0, 0.7
    rng = np.random.default_rng(0)
    for t in range(2, 160):
        y[t] = 1.5 * y[t - 1] - 0.8 * y[t - 2] + (rng.normal() if t < 150 else 0.0)
    wanted = list(y[-2:])
    for _ in range(4):
        wanted.append(1.5 * wanted[-1] - 0.8 * wanted[-2])
    model = small(horizon=4, window=4, linear_lags=2, normalize=None, calendar=None, calibration_fraction=None)
    forecast = model.fit(pd.Series(y, index=HOURS)).predict()
    assert np.abs(forecast - wanted[2:]).max() < 0.3  # 0.05 is the standard error of coefficients of 150 noisy values


def test_a_switch_that_is_known_ahead_is_followed():
    """The level is one of two, as a known covariate says; what follows is known but for the covariate."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"open": rng.integers(0, 2, 170)}, index=pd.date_range(HOURS[0], periods=170, freq="h"))
    y = pd.Series(np.where(X["open"].iloc[:160] == 1, 8.0, 3.0), index=HOURS)
    model = small(horizon=6, calendar=None).fit(y, X)
    for ahead in (X.iloc[160:], 1 - X.iloc[160:]):
        forecast = model.predict(ahead)
        np.testing.assert_allclose(forecast, np.where(ahead["open"].iloc[:6] == 1, 8.0, 3.0), atol=0.05)


def test_the_network_learns_what_no_linear_map_does():
    """The sign of the change is the product of two known covariates, each of mean zero: no linear map of them helps."""
    rng = np.random.default_rng(0)
    index = pd.date_range("2024-01-01", periods=900, freq="h")
    X = pd.DataFrame(rng.choice([-1.0, 1.0], size=(900, 2)), index=index, columns=["a", "b"])
    y = pd.Series((X["a"] * X["b"]).to_numpy(), index=index)
    common = {
        "horizon": 1,
        "window": 2,
        "normalize": None,
        "calendar": None,
        "random_state": 0,
        "learning_rate_init": 0.02,
    }
    model = GRUForecaster(8, max_iter=60, batch_size=32, **common).fit(y.iloc[:-60], X)
    errors = []
    for end in range(840, 899, 3):
        context = y.iloc[end - 2 : end]
        errors.append(abs(model.predict(X, context=context).iloc[0] - y.iloc[end]))
    assert np.mean(errors) < 0.1
    linear = GRUForecaster(
        8, max_iter=1, learning_rate_init=1e-9, **{k: v for k, v in common.items() if k != "learning_rate_init"}
    )
    assert np.sqrt(linear.fit(y.iloc[:-60], X).history_["loss"].iloc[0]) > 0.9  # of its own root mean square


# --- what may change a forecast -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", ["last", None])
def test_nothing_after_the_origin_changes_a_forecast(driven, normalize):
    """Neither the series nor covariates known to the origin: the forecast from a context ends with it."""
    y, X, past = driven
    model = small(normalize=normalize).fit(y, X, past)
    origin = 100
    known, wind = X.copy(), past.copy()
    forecast = model.predict(X, context=y.iloc[:origin], past_X=past)
    wind.iloc[origin:] += 100.0
    known.iloc[origin + 3 :] += 100.0  # beyond the horizon
    pd.testing.assert_series_equal(model.predict(known, context=y.iloc[:origin], past_X=wind), forecast)
    known.iloc[origin + 2] += 1.0  # the last step ahead
    moved = model.predict(known, context=y.iloc[:origin], past_X=wind) - forecast
    assert np.abs(moved.iloc[2] - 2.0) < 0.2  # as the rule has it
    assert np.abs(moved.iloc[2]) > 5 * np.abs(moved.iloc[:2]).max()


def test_only_the_window_is_seen(noise):
    model = small(calibration_fraction=None).fit(noise)  # with the whole of the network
    changed = noise.copy()
    changed.iloc[: 160 - 12] += 50.0
    pd.testing.assert_series_equal(model.predict(context=changed), model.predict(context=noise))
    pd.testing.assert_series_equal(model.predict(context=noise), model.predict())
    changed.iloc[-12] += 1.0
    assert not np.allclose(model.predict(context=changed), model.predict())


def test_what_is_held_out_trains_nothing(noise):
    """Values that no target of training holds: neither weights nor figures see them, nor the linear part of training."""
    cut = 160 - 19 - 3  # origins of calibration are the last 19, and none of training reaches what lies ahead of those
    changed = noise.copy()
    changed.iloc[cut + 1 :] = changed.iloc[cut + 1 :] * 3 + 40
    one, other = (small(early_stopping=False).fit(y) for y in (noise, changed))
    for name, weights in one.weights_.items():
        np.testing.assert_array_equal(weights, other.weights_[name])
    assert one._fitted.figures == other._fitted.figures
    for mine, its in zip(one._fitted.linear.maps, other._fitted.linear.maps, strict=True):
        np.testing.assert_array_equal(mine.coef, its.coef)
    context = noise.iloc[:100]
    alone = [small(early_stopping=False, linear_lags=0).fit(y).predict(context=context) for y in (noise, changed)]
    pd.testing.assert_series_equal(*alone)
    assert not one.predict(context=context).equals(other.predict(context=context))  # the linear part is fitted to all
    changed.iloc[cut - 1] += 1.0
    third = small(early_stopping=False).fit(changed)
    assert not np.array_equal(third._fitted.linear.maps[0].coef, one._fitted.linear.maps[0].coef)


def test_a_forecast_moves_with_the_series(noise):
    for normalize in ("last", "mean"):
        model = small(normalize=normalize).fit(noise)
        np.testing.assert_allclose(model.predict(context=noise + 1e3), model.predict() + 1e3, rtol=1e-9)
        short = noise.iloc[-3:]
        np.testing.assert_allclose(model.predict(context=short + 1e3), model.predict(context=short) + 1e3, rtol=1e-9)


def test_units_do_not_matter(noise):
    one, other = (small().fit(y) for y in (noise, 1000 * noise - 7))
    np.testing.assert_allclose(other.predict(), 1000 * one.predict() - 7, rtol=1e-6)


def test_other_series_of_a_shared_network_do_not_change_a_forecast_and_those_of_a_joint_do():
    rng = np.random.default_rng(0)
    y = pd.DataFrame(rng.normal(size=(160, 2)).cumsum(axis=0), index=HOURS, columns=["a", "b"])
    changed = y.assign(b=y["b"] * 2)
    for channels, same in (("shared", True), ("joint", False)):
        options = {"normalize": "last", "early_stopping": False, "calibration_fraction": None}
        model = small(channels=channels, **options).fit(y)
        kept = model.predict(context=changed)["a"]
        assert np.array_equal(kept, model.predict()["a"]) is same
    assert np.array_equal(
        small(normalize="last").fit(y).predict(context=y[["a"]])["a"], small(normalize="last").fit(y).predict()["a"]
    )


def test_a_joint_network_learns_what_one_series_does_to_another():
    rng = np.random.default_rng(0)
    a = rng.choice([-1.0, 1.0], 500)
    y = pd.DataFrame({"a": a, "b": np.roll(a, 1) * np.roll(a, 2)}, index=pd.RangeIndex(500))
    settings = {"window": 4, "normalize": None, "learning_rate_init": 0.02, "max_iter": 60, "batch_size": 32}
    model = small(horizon=1, channels="joint", hidden_layer_sizes=8, **settings).fit(y.iloc[2:440])
    errors = [model.predict(context=y.iloc[e - 4 : e])["b"].iloc[0] - y["b"].iloc[e] for e in range(441, 500, 4)]
    assert np.abs(errors).mean() < 0.15


# --- many series ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panel(noise):
    return pd.concat({"u": noise, "v": 5 - noise.iloc[:120], "w": noise.iloc[150:]}, names=["unit", "time"]).rename(
        "load"
    )


def test_a_panel_of_series_of_unequal_length_and_end(panel):
    model = small().fit(panel)  # w is shorter than the window
    forecast = model.predict()
    assert forecast.name == "load" and forecast.index.names == ["unit", "time"]
    assert forecast.loc["v"].index[0] == HOURS[120] and forecast.loc["w"].index[0] == HOURS[-1] + pd.Timedelta("1h")
    alone = model.predict(context=panel[["v"]])
    np.testing.assert_array_equal(alone, forecast["v"])
    new = model.predict(context=panel[["u"]].rename({"u": "new"}))
    assert new.index.get_level_values("unit").unique().tolist() == ["new"]
    assert np.abs(new.to_numpy() - forecast["u"].to_numpy()).max() < 3 * panel["u"].std()


def test_a_series_is_known_by_its_name(noise):
    frame = pd.DataFrame({"a": noise, "b": 1000 * noise})
    model = small(normalize=None).fit(frame)
    for name in frame:
        np.testing.assert_array_equal(model.predict(context=frame[name]), model.predict()[name])
    new = model.predict(context=frame["b"].rename("c"))  # by its own mean and deviation
    assert not np.allclose(new, model.predict()["b"], rtol=1e-3)
    alone = small(normalize=None).fit(noise)
    np.testing.assert_array_equal(alone.predict(context=noise.to_frame())["load"], alone.predict())
    assert not np.allclose(alone.predict(context=noise.rename("other")), alone.predict())


def test_series_of_any_scale_share_a_network():
    rng = np.random.default_rng(0)
    base = 20 + np.sin(2 * np.pi * N / 12) + 0.01 * rng.normal(size=160)
    y = pd.DataFrame({"mW": 1e9 * base, "kW": base, "noise": rng.normal(size=160)}, index=HOURS)
    forecast = small(horizon=12, window=24, max_iter=5).fit(y).predict()
    wanted = 20 + np.sin(2 * np.pi * (160 + np.arange(12)) / 12)
    assert np.abs(forecast["kW"] - wanted).max() < 0.3
    assert np.abs(forecast["mW"] / 1e9 - wanted).max() < 0.3


def test_covariates_of_a_panel(panel):
    hours = pd.date_range(HOURS[0], periods=170, freq="h")
    rng = np.random.default_rng(3)
    X = pd.concat({u: pd.DataFrame({"x": rng.normal(size=170)}, index=hours) for u in "uvw"}, names=["unit", "time"])
    y = (7 + 3 * X["x"].reindex(panel.index)).rename("load")
    model = small(calendar=None, standardize=False).fit(y, X)  # one rule in one unit
    forecast = model.predict(X)
    np.testing.assert_allclose(forecast, 7 + 3 * X["x"].reindex(forecast.index), atol=0.2)
    shared = small(calendar=None).fit(panel, X.loc["u"]).predict(X.loc["u"])  # one X for all
    assert len(shared) == 9 and shared.notna().all()
    with pytest.raises(ValueError, match="X has no rows of series v"):
        model.predict(X.loc[["u", "w"]])


# --- forms ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-03-29", periods=80, freq="h", tz="Europe/Berlin"),
        pd.date_range("2024-01-25", periods=80, freq="D", tz="Europe/Berlin"),
        pd.bdate_range("2024-01-01", periods=80),
        pd.date_range("2000-01-31", periods=80, freq="ME"),
        pd.date_range("2000-01-02", periods=80, freq="W"),
        pd.period_range("2000-01", periods=80, freq="Q"),
        pd.RangeIndex(100, 260, 2),
    ],
    ids=lambda index: str(getattr(index, "freqstr", "rows")),
)
def test_a_forecast_has_the_index_of_y(index):
    y = pd.Series(np.sin(np.arange(80.0)), index=index.rename("when"), name="load")
    forecast = small(horizon=5, max_iter=1).fit(y.iloc[:-5]).predict()
    assert forecast.name == "load"
    pd.testing.assert_index_equal(forecast.index, y.index[-5:], exact=True)
    if hasattr(index, "freq"):
        assert forecast.index.freq == index.freq


def test_the_calendar():
    days = pd.date_range("2020", periods=900, freq="D")
    week = np.random.default_rng(0).normal(size=900) + 3.0 * (np.arange(900) % 7 == 0)
    year = pd.Series(week, index=days)
    assert small(max_iter=1).fit(year).calendar_ == ("dayofweek", "dayofyear")
    assert small(max_iter=1).fit(year.iloc[:100]).calendar_ == ("dayofweek",)
    assert small(max_iter=1, calendar=("month",)).fit(year).calendar_ == ("month",)
    assert small(max_iter=1, calendar=None).fit(year).calendar_ == ()
    assert small(max_iter=1).fit(year.reset_index(drop=True)).calendar_ == ()
    weekend = (year.index.dayofweek if not hasattr(year.index, "day_of_week") else year.index.day_of_week) >= 5
    y = pd.Series(np.where(weekend, 1.0, 5.0), index=year.index)
    short = {"horizon": 7, "window": 2, "max_iter": 40, "learning_rate_init": 0.01, "normalize": None}
    forecast = small(**{**short, "hidden_layer_sizes": 8, "calendar": ("dayofweek",)}).fit(y.iloc[:-10]).predict()
    assert np.abs(forecast - y.iloc[-10:-3]).max() < 0.5  # two rows of history do not tell the day


def test_a_calendar_that_tells_nothing_is_not_read():
    """Random numbers forecast no better with the day of the week; covariates and what is static of series stay."""
    days = pd.date_range("2020", periods=300, freq="D")
    drawn = pd.DataFrame(np.random.default_rng(1).normal(size=(300, 3)), index=days, columns=["a", "b", "x"])
    static = pd.DataFrame({"kind": ["one", "two"]}, index=["a", "b"])
    model = small(max_iter=1).fit(drawn[["a", "b"]], drawn[["x"]], static=static)
    assert model.calendar_ == () and model._fitted.columns.columns == ["x", "kind is one", "kind is two"]
    asked = small(max_iter=1, calendar=("dayofweek",)).fit(drawn[["a", "b"]], drawn[["x"]], static=static)
    assert asked.calendar_ == ("dayofweek",)
    without = small(max_iter=1, calendar=None).fit(drawn[["a", "b"]], drawn[["x"]], static=static)
    np.testing.assert_array_equal(model._fitted.parameters, without._fitted.parameters)


def test_missing_values_and_rows(noise):
    gappy = noise.drop(noise.index[[40, 41, 90]]).copy()
    gappy.iloc[20] = np.nan
    for normalize in ("last", "mean", None):
        forecast = small(missing="mask", normalize=normalize).fit(gappy).predict()
        assert forecast.notna().all() and np.abs(forecast - noise.iloc[-1]).max() < 10
    model = small(missing="mask", normalize="last").fit(gappy)
    recent = noise.copy()
    recent.iloc[-2:] = np.nan  # the truth of the origin itself is not known
    assert model.predict(context=recent).notna().all()
    with pytest.raises(ValueError, match=r"has a gap: after 2024-01-02 15:00:00 .*; 2024-01-02 16:00:00 is missing"):
        small().fit(gappy.fillna(1.0))
    with pytest.raises(ValueError, match="y contains NaN at 2024-01-01 20:00:00"):
        small().fit(gappy)


def test_a_short_series_is_data():
    y = pd.Series([1.0, 2.0, 4.0, 3.0, 5.0])
    forecast = small(horizon=2, window=30).fit(y).predict()
    assert forecast.index.tolist() == [5, 6] and forecast.notna().all()
    with pytest.raises(ValueError, match="longest series of y has 2 rows; with horizon=2 one of at least 3 is needed"):
        small(horizon=2).fit(y.iloc[:2])


def test_origins_calibrate_where_half_of_them_are_left_for_training():
    """19 calibrate, and those of training have no step ahead among theirs: of n rows and one step ahead, n - 20 are left."""
    y = pd.Series(np.random.default_rng(0).normal(size=60))
    calibrated = [n for n in range(30, 50) if small(horizon=1, max_iter=1).fit(y.iloc[:n])._fitted.scores is not None]
    assert calibrated == list(range(39, 50))


def test_a_device_that_is_not_there_is_told_before_any_work(noise, monkeypatch):
    monkeypatch.setattr("grukit.engines._count_gpus", lambda: 0)
    with pytest.raises(RuntimeError, match="device='cuda': no NVIDIA GPU"):
        small(device="cuda").fit(noise * np.nan)


def test_no_line_is_drawn_through_two_points():
    y = pd.Series([0.0, 5.0, 4.0, 4.5])
    model = small(horizon=2, normalize="last", max_iter=1).fit(y)
    assert model.linear_lags_ == 0 and np.abs(model.predict() - 4.5).max() < 0.5


def test_one_lag_is_fitted_to_few_origins_and_more_to_more():
    y = pd.Series(np.random.default_rng(0).normal(size=60).cumsum())
    settings = {"horizon": 1, "window": 2, "max_iter": 1, "normalize": None}
    found = [
        [small(**settings, linear_lags=lags).fit(y.iloc[:n]).linear_lags_ for n in (4, 5, 15, 60)] for lags in (1, 2)
    ]
    assert found == [[0, 1, 1, 1], [0, 1, 1, 2]]  # the shortest histories have a map of their own, of one lag


def test_a_constant_series_goes_on():
    y = pd.DataFrame({"a": 3.0, "b": np.sin(N)}, index=HOURS)
    np.testing.assert_allclose(small().fit(y).predict()["a"], 3.0, atol=0.2)
    np.testing.assert_allclose(small().fit(y["a"]).predict(), 3.0, atol=1e-12)
    large = small(normalize=None).fit(3e100 * np.ones(19))
    np.testing.assert_array_equal(large.predict(), 3e100)


# --- as an estimator ------------------------------------------------------------------------------------------------------


def test_same_seed_same_bits(noise):
    one = small(max_iter=5, batch_size=16).fit(noise)
    other = small(max_iter=5, batch_size=16, n_jobs=2).fit(noise)
    pd.testing.assert_series_equal(one.predict(), other.predict())
    # The whole of the network's part is taken.
    whole = {"max_iter": 5, "batch_size": 16, "calibration_fraction": None, "early_stopping": False}
    assert not np.array_equal(*(small(**whole, random_state=seed).fit(noise).predict() for seed in (0, 1)))
    frame = pd.DataFrame({"a": noise, "b": noise + 1, "c": -noise})
    model = small().fit(frame)
    pd.testing.assert_frame_equal(model.predict(context=frame[["c"]]), model.predict()[["c"]])


def test_pickle_and_clone(noise):
    model = small(calendar=("hour",)).fit(noise)
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_series_equal(again.predict(), model.predict())
    copy = clone(model)
    assert copy.get_params() == model.get_params() and not hasattr(copy, "weights_")
    assert len(model.history_) == model.n_iter_ == 2 and model.linear_lags_ == 12


def test_the_summary(driven):
    y, X, past = driven
    model = small(normalize="last", calendar=("hour",), early_stopping=False).fit(y, X, past)
    assert model.summary() == (
        "GRUForecaster of 3 steps after windows of 12 rows, 1 series; windows relative to their latest value\n"
        "Covariates: known ahead price; known up to the origin wind; calendar hour\n"
        "Layer 0: gru, 4 units\n"
        "Linear part: ridge regressions on 12 rows, of fewer where there is less history (6, 3, 1)\n"
        f"{model.n_parameters_} parameters of type float64\n"
        "Training: 2 epochs, the weights of epoch 2 are kept. All 2 epochs were run.\n"
        "Network: 0.00 times its part, by blocks in time that were no part of training\n"
        "Intervals: by the errors from 19 origins"
    )


def test_the_summary_of_few_lags(noise):
    one, two = (small(linear_lags=lags, normalize=None).fit(noise).summary() for lags in (1, 2))
    assert "Linear part: ridge regressions on 1 rows\n" in one
    assert "Linear part: ridge regressions on 2 rows, of fewer where there is less history (1)\n" in two


def test_a_failed_fit_leaves_the_model(noise):
    model = small().fit(noise)
    before = model.predict()
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(noise.where(noise.index != HOURS[5]))
    pd.testing.assert_series_equal(model.predict(), before)


def test_training_goes_on(noise):
    model = small(warm_start=True, max_iter=3, early_stopping=False).fit(noise.iloc[:140])
    first = model.weights_
    model.fit(noise)
    assert model.n_iter_ == 6 and not np.array_equal(model.weights_["weight_ih_l0"], first["weight_ih_l0"])
    assert model.predict().index[0] == HOURS[-1] + pd.Timedelta("1h")
    with pytest.raises(ValueError, match="goes on with a model whose horizon is 3; now it is 4"):
        model.set_params(horizon=4).fit(noise)
    changes = ({"calendar": None}, {"normalize": "mean"}, {"linear_lags": 3}, {"missing": "mask"}, {"window": 9})
    for change, value in (next(iter(each.items())) for each in changes):
        other = clone(model).set_params(horizon=3, calendar=["hour"]).fit(noise.iloc[:140])
        other.set_params(calendar=("hour",)).fit(noise)  # the same
        with pytest.raises(ValueError, match=f"goes on with a model whose {change} is .* now it is {value!r}"):
            other.set_params(**{change: value}).fit(noise)


@pytest.mark.parametrize(
    "options", [{"solver": "lbfgs"}, {"cell": "gru_reset_before"}, {"bidirectional": True}, {"dropout": 0.2}]
)
def test_options_of_training(noise, options):
    model = small(**{"max_iter": 8, "learning_rate_init": 0.01, **options})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=RuntimeWarning if options.get("solver") == "lbfgs" else ImportWarning)
        model.fit(noise)
    assert min(model.loss_curve_) < 1.0  # less than what the linear part leaves
    assert model.predict().notna().all()


def test_an_update_moves_the_origin(driven, panel):
    y, X, past = driven
    model = small().fit(y.iloc[:120], X, past.iloc[:120])
    wanted = [model.predict(X, context=y.iloc[:end], past_X=past) for end in (121, 140)]
    weights = model.weights_
    for (first, last), forecast in zip([(120, 121), (121, 140)], wanted, strict=True):
        assert model.update(y.iloc[first:last], X, past) is model
        pd.testing.assert_series_equal(model.predict(X), forecast)
    np.testing.assert_array_equal(model.weights_["head.weight"], weights["head.weight"])
    with pytest.raises(ValueError, match="y goes on at 2024-01-06 22:00:00.*, but .* at 2024-01-06 19:00:00; it"):
        model.update(y.iloc[142:], X, past)
    pd.testing.assert_series_equal(model.predict(X), wanted[1])
    many = small().fit(panel.groupby(level="unit").head(100))
    new = pd.concat({"v": panel["v"].iloc[100:], "x": panel["u"].iloc[:20]}, names=["unit", "time"]).rename("load")
    forecast = many.update(new).predict()
    assert forecast.index.get_level_values("unit").unique().tolist() == ["u", "v", "w", "x"]
    np.testing.assert_array_equal(forecast["v"], many.predict(context=panel[["v"]])["v"])
    assert forecast["x"].index[0] == HOURS[20] and forecast["u"].index[0] == HOURS[100]
    assert many._fitted.figures[("x",)] == pytest.approx(
        (new["x"].mean(), new["x"].std(ddof=0))
    )  # of more than a window
    frame = pd.DataFrame({"a": y, "b": -y})
    joint = small(channels="joint").fit(frame.iloc[:120])
    pd.testing.assert_frame_equal(joint.update(frame.iloc[120:]).predict(), joint.predict(context=frame))
    with pytest.raises(ValueError, match="has the columns of fit, in that order"):
        joint.update(frame[["a"]])


# --- errors ---------------------------------------------------------------------------------------------------------------


def test_covariates_that_do_not_cover_what_is_needed(driven):
    y, X, past = driven
    model = small().fit(y, X, past)
    with pytest.raises(ValueError, match=r"X must have the columns \['price'\], as in fit; got None"):
        model.predict()
    with pytest.raises(
        ValueError, match="index of X holds times with a time zone, .* times without .*, with tz_localize"
    ):
        model.predict(X.tz_localize("UTC"))
    with pytest.raises(ValueError, match="index of X holds numbers, .* Convert it first.$"):
        model.predict(X.reset_index(drop=True))
    with pytest.raises(ValueError, match="X has no row at 2024-01-07 17:00:00: .* to 2024-01-07 18:00:00"):
        model.predict(X.iloc[:161])
    with pytest.raises(ValueError, match="X contains NaN in column 'price' at 2024-01-07 18:00:00"):
        model.predict(X.assign(price=X["price"].where(X.index != X.index[162])))
    with pytest.raises(ValueError, match="past_X goes with context"):
        model.predict(X, past_X=past)
    with pytest.raises(ValueError, match=r"past_X must have the columns \['wind'\]"):
        model.predict(X, context=y)
    with pytest.raises(ValueError, match="X has no row at 2024-01-01 00:00:00"):
        small().fit(y, X.iloc[1:])
    with pytest.raises(TypeError, match="X must be a DataFrame or a Series"):
        small().fit(y, X.to_numpy())
    with pytest.raises(ValueError, match=r"X has the columns \['price'\], but fit had no X: leave it out"):
        small().fit(y).predict(X)


def test_contexts_that_do_not_fit(noise):
    model = small().fit(noise)
    with pytest.raises(ValueError, match="holds times with a time zone; the model was fitted with times without"):
        model.predict(context=noise.tz_localize("UTC"))
    with pytest.raises(ValueError, match="The time index of context has a gap|is not regular"):
        model.predict(context=noise.iloc[::2])
    with pytest.raises(ValueError, match="context contains NaN"):
        model.predict(context=noise.where(noise.index != HOURS[-3]))
    joint = small(channels="joint").fit(pd.DataFrame({"a": noise, "b": noise}))
    with pytest.raises(ValueError, match=r"context has the columns of y in fit, \['a', 'b'\]; got \['b'\]"):
        joint.predict(context=pd.DataFrame({"b": noise}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 0}, "'horizon' parameter"),
        ({"window": None}, "'window' parameter"),
        ({"normalize": "windows"}, "'normalize' parameter"),
        ({"calendar": ("moon",)}, "'moon' is none"),
        ({"calendar": "hour"}, "'calendar' parameter"),
        ({"missing": "decay"}, "'missing' parameter"),
        ({"channels": "joint"}, "reads all columns of a DataFrame"),
        ({"calibration_fraction": 1.0}, "'calibration_fraction' parameter"),
        ({"early_stopping": True, "horizon": 100}, "0, from which no step ahead"),
    ],
)
def test_parameters_that_are_refused(noise, changes, words):
    with pytest.raises(ValueError, match=words):
        small(**changes).fit(noise)
    with pytest.raises(ValueError, match="needs an index of times"):
        small(calendar=("hour",)).fit(noise.to_numpy())


def test_memory_grows_with_blocks_of_windows_not_with_windows_times_horizon(monkeypatch):
    for module in ("horizon", "horizon_maps", "horizon_ridge", "linear_horizon"):
        monkeypatch.setattr(f"grukit.data.{module}.BLOCK", 256)
    monkeypatch.setattr("grukit.train.problem.GATHERED", 256)
    y = pd.DataFrame(np.random.default_rng(0).normal(size=(1500, 10)).cumsum(axis=0))
    settings = {"window": 4, "max_iter": 1, "hidden_layer_sizes": 2, "linear_lags": 2, "calibration_fraction": None}
    model = small(96, **settings, batch_size=256)
    model.fit(y.iloc[:300])  # imports, compiles
    tracemalloc.start()
    model.fit(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * 8 * y.size * 96, peak


def test_memory_of_calibration_grows_with_blocks_of_regressors(monkeypatch):
    """5,000 origins calibrate; the regressors of all of them are 24 MB, those of a block 1.2."""
    monkeypatch.setattr("grukit.data.linear_horizon.BLOCK", 256)
    y = pd.DataFrame(np.random.default_rng(0).normal(size=(1500, 10)).cumsum(axis=0))
    model = small(1, window=600, linear_lags=600, normalize="last", max_iter=1).fit(y)
    state = model._fitted
    observed = Observed.read(y, None, None, None, False, (state.grid, state.columns))
    rows = observed.standardized(state.figures_of(observed), state.levels)
    ends = (rows.offsets[:-1, None] + np.arange(900, 1400)).ravel()
    tracemalloc.start()
    state.final.predict(rows, ends)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * 8 * len(ends) * 600, peak


@pytest.mark.parametrize("lags", ["auto", 3, 0])
@pytest.mark.parametrize("normalize", ["last", "mean", None])
def test_a_predictor_forecasts_windows_as_predict_does(noise, normalize, lags):
    y = pd.DataFrame({"a": noise, "b": 5 - 100 * noise})
    model = small(normalize=normalize, linear_lags=lags, calendar=None, early_stopping=False).fit(y)
    for name in y:
        predict = model.predictor(name)
        ends = [60, 100, 160]
        wanted = [model.predict(context=y.iloc[:end])[name] for end in ends]
        windows = np.array([y[name].iloc[end - 12 : end] for end in ends])
        np.testing.assert_allclose(predict(windows), wanted, rtol=1e-9)
        np.testing.assert_allclose(predict(windows[1]), wanted[1], rtol=1e-9)
        np.testing.assert_allclose(predict(y[name].iloc[:100]), wanted[1], rtol=1e-9)  # of more rows, the last are seen
        with pytest.raises(ValueError, match=f"at least {predict.n_rows} values"):
            predict(windows[:, 12 - predict.n_rows + 1 :])


def test_what_has_no_predictor(noise, driven):
    with pytest.raises(ValueError, match=r"this model has the calendar \('hour',\)\. .*, or fit with calendar=None"):
        small(calendar=("hour",)).fit(noise).predictor()
    with pytest.raises(ValueError, match=r"has the covariates \['wind', 'price'\]\. Use predict\(context=\.\.\.\)\."):
        small(calendar=None).fit(*driven).predictor()
    bare = {"calendar": None}
    with pytest.raises(ValueError, match="strategy='recursive' does not"):
        small(strategy="recursive", **bare).fit(noise).predictor()
    with pytest.raises(ValueError, match=r"one of those of fit, such as \['a', 'b'\]; got None"):
        small(**bare).fit(pd.DataFrame({"a": noise, "b": noise})).predictor()
    with pytest.raises(ValueError, match="channels='joint'"):
        small(**bare, channels="joint").fit(pd.DataFrame({"a": noise, "b": -noise})).predictor("a")
    y, X, _ = driven
    with pytest.raises(ValueError, match="covariates"):
        small(**bare).fit(y, X).predictor()
