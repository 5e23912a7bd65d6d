"""The estimators as estimators of sktime: the numbers are those of grukit's."""

import inspect

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime", reason="sktime is not installed: pip install 'grukit[sktime]'")

from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.split import SlidingWindowSplitter
from sktime.transformations.boxcox import LogTransformer

import grukit
from grukit.interchange.sktime import GRUClassifier, GRUForecaster, GRURegressor

SMALL = {"hidden_layer_sizes": 4, "window": 8, "max_iter": 3, "n_jobs": None, "random_state": 0}
FH = [1, 3, 6]
pytestmark = pytest.mark.filterwarnings("ignore:The default of config:FutureWarning")  # at every construction


def plain(horizon=6, **changes):
    return grukit.GRUForecaster(**{**SMALL, "horizon": horizon, **changes})


def adapter(**changes):
    return GRUForecaster(**{**SMALL, **changes})


@pytest.fixture(scope="module")
def expected(sst):
    """Forecasts of six steps."""
    return plain().fit(sst).predict()


@pytest.fixture(scope="module")
def frame(sst):
    """Two columns on one index."""
    return pd.DataFrame({"a": sst, "b": 3 * sst.shift(2).bfill() - 5})


@pytest.fixture(scope="module")
def covariates(sst):
    """Two columns known ahead, for six steps more than the series have."""
    values = np.random.default_rng(0).normal(size=(126, 2))
    return pd.DataFrame(values, index=pd.date_range(sst.index[0], periods=126, freq="MS"), columns=["p", "q"])


@pytest.fixture(scope="module")
def hierarchy(frame):
    """Three series of two levels and two columns; one of them ends four rows before the others."""
    parts = {("x", "s"): frame, ("x", "t"): frame.iloc[20:-4] * 2, ("y", "s"): frame + 7}
    return pd.concat(parts, names=["region", "shop", "time"])


@pytest.mark.parametrize("kind", ["relative", "absolute", "index", "timedelta", "horizon"])
def test_horizons_of_any_kind(sst, expected, kind):
    days = sst.set_axis(pd.date_range("2024-01-01", periods=len(sst), freq="D", name="day"))
    y, model = (days, adapter()) if kind == "timedelta" else (sst, adapter())
    known = plain().fit(days).predict() if kind == "timedelta" else expected
    stamps = known.index[np.array(FH) - 1]
    fh = {
        "relative": ForecastingHorizon(FH, is_relative=True),
        "absolute": ForecastingHorizon(stamps, is_relative=False),
        "index": stamps,
        "timedelta": ForecastingHorizon(pd.to_timedelta(FH, unit="D"), is_relative=True),
        "horizon": FH,
    }[kind]
    pd.testing.assert_series_equal(model.fit(y, fh=fh).predict(), known[stamps], check_freq=False)
    assert model.estimator_.horizon == 6


@pytest.mark.parametrize("kind", ["periods", "range", "numbers", "nothing"])
def test_indexes_of_any_kind(sst, expected, kind):
    index = {
        "periods": sst.index.to_period("M"),
        "range": pd.RangeIndex(5, 5 + 2 * len(sst), 2),
        "numbers": pd.Index(np.arange(len(sst)) + 100),
        "nothing": pd.RangeIndex(len(sst)),
    }[kind]
    calendar = {} if kind == "periods" else {"calendar": None}
    y = sst.set_axis(index)
    fh = [2, 6, 12] if kind == "range" else FH  # sktime counts in units of the index
    found = adapter(**calendar).fit(y.to_numpy() if kind == "nothing" else y, fh=fh).predict()
    known = plain(**calendar).fit(y).predict().iloc[np.array(FH) - 1]
    if kind == "nothing":
        np.testing.assert_array_equal(np.ravel(found), known)
    else:
        pd.testing.assert_series_equal(found, known, check_freq=False, check_index_type=False)


def test_steps_between_rows_are_refused(sst):
    y = sst.set_axis(pd.RangeIndex(5, 5 + 2 * len(sst), 2))
    with pytest.raises(ValueError, match=r"fh=\[2, 3\] lies between the rows of y, which are 2 apart"):
        adapter().fit(y, fh=[2, 3])


@pytest.mark.parametrize("channels", ["shared", "joint"])
def test_columns_are_series_of_one_network(frame, channels):
    model, known = adapter(channels=channels).fit(frame, fh=FH), plain(channels=channels).fit(frame)
    rows = np.array(FH) - 1
    pd.testing.assert_frame_equal(model.predict(), known.predict().iloc[rows], check_freq=False)
    interval, bounds = model.predict_interval(coverage=[0.5, 0.9]), known.predict_interval([0.5, 0.9]).iloc[rows]
    assert interval.columns.tolist() == [(c, q, b) for c in "ab" for q in (0.5, 0.9) for b in ("lower", "upper")]
    np.testing.assert_array_equal(interval, bounds)
    levels = [0.25, 0.5, 0.05, 0.95]
    quantiles = model.predict_quantiles(alpha=levels)
    assert quantiles.columns.tolist() == [(c, q) for c in "ab" for q in levels]
    for name in "ab":
        np.testing.assert_array_equal(quantiles[name, 0.25], bounds[name, 0.5, "lower"])
        np.testing.assert_array_equal(quantiles[name, 0.5], known.predict()[name].iloc[rows])
        np.testing.assert_allclose(quantiles[name, 0.05], bounds[name, 0.9, "lower"], rtol=1e-12)
        np.testing.assert_allclose(quantiles[name, 0.95], bounds[name, 0.9, "upper"], rtol=1e-12)


def test_quantiles_that_were_trained(frame):
    model = adapter(quantiles=(0.1, 0.5, 0.8)).fit(frame, fh=FH)
    known, rows = plain(quantiles=(0.1, 0.5, 0.8)).fit(frame), np.array(FH) - 1
    own, bounds = known.predict_quantiles().iloc[rows], known.predict_interval(0.5).iloc[rows]
    found = model.predict_quantiles(alpha=[0.8, 0.25, 0.1, 0.5])
    for name in "ab":
        for level in (0.8, 0.1, 0.5):
            np.testing.assert_array_equal(found[name, level], own[name, level])
        np.testing.assert_array_equal(found[name, 0.25], bounds[name, "lower"])
    pd.testing.assert_frame_equal(model.predict(), known.predict().iloc[rows], check_freq=False)
    short = adapter(quantiles=(0.1, 0.5)).fit(frame[:12], fh=1)
    known = plain(1, quantiles=(0.1, 0.5)).fit(frame[:12]).predict_quantiles(0.1)
    np.testing.assert_array_equal(short.predict_quantiles(alpha=0.1), known)


def test_what_is_known_ahead(sst, covariates):
    model, known = adapter().fit(sst, X=covariates[:120], fh=FH), plain().fit(sst, X=covariates)
    found = model.predict(X=covariates[120:])
    pd.testing.assert_series_equal(found, known.predict(covariates).iloc[np.array(FH) - 1], check_freq=False)
    with pytest.raises(ValueError, match="X has no row at 1991-03-01"):
        model.predict(X=covariates[:122])
    with pytest.raises(ValueError, match=r"X must have the columns \['p', 'q'\]"):
        model.predict(X=covariates[["p"]])


def stacked(panel):
    """A panel of two columns as the forecaster takes it."""
    return pd.concat({name: panel[name] for name in panel}, names=["column", *panel.index.names])


def test_a_hierarchy_of_several_columns(hierarchy, covariates):
    X = pd.concat(dict.fromkeys(hierarchy.index.droplevel(-1).unique(), covariates), names=hierarchy.index.names)
    model = adapter().fit(hierarchy, X=X, fh=FH)
    found, interval = model.predict(X=X), model.predict_interval(X=X, coverage=0.5)
    known = plain().fit(stacked(hierarchy), X=covariates)
    ahead, bounds = known.predict(covariates), known.predict_interval(0.5, covariates)
    ends = {"s": "1990-12-01", "t": "1990-08-01"}
    for key, part in found.groupby(level=[0, 1]):
        stamps = pd.date_range(ends[key[1]], periods=7, freq="MS")[FH]  # of each series after its own end
        assert part.index.get_level_values("time").tolist() == stamps.tolist()
        for name in "ab":
            np.testing.assert_array_equal(part[name], ahead.loc[(name, *key)].loc[stamps])
            np.testing.assert_array_equal(
                interval.loc[key][name, 0.5, "upper"], bounds.loc[(name, *key)].loc[stamps, "upper"]
            )
    assert found.index.droplevel(-1).unique().tolist() == hierarchy.index.droplevel(-1).unique().tolist()


def test_stamps_of_a_panel_whose_series_end_apart(hierarchy):
    panel = hierarchy.loc["x", ["a"]]
    stamps = pd.DatetimeIndex(["1991-01-01", "1991-02-01"])
    model = adapter().fit(panel, fh=ForecastingHorizon(stamps, is_relative=False, freq="MS"))
    assert model.estimator_.horizon == 6  # from August 1990, where one of them ends
    known = plain().fit(panel).predict()
    pd.testing.assert_frame_equal(model.predict(), known[known.index.isin(stamps, level=-1)])


def test_a_joint_network_for_each_series_of_a_panel(hierarchy):
    panel = hierarchy.loc["x"]
    model = adapter(channels="joint").fit(panel, fh=FH)
    found, interval = model.predict(), model.predict_interval(coverage=0.5)
    for key in ("s", "t"):
        known = plain(channels="joint").fit(panel.loc[key])
        rows = known.predict().iloc[np.array(FH) - 1]
        pd.testing.assert_frame_equal(found.loc[key], rows, check_freq=False)
        np.testing.assert_array_equal(interval.loc[key], known.predict_interval([0.5]).loc[rows.index])


def test_rows_that_follow_move_the_end(sst):
    later = [
        plain().fit(sst[:100]).update(sst[100:110]).predict(),
        plain().fit(sst[:100]).update(sst[100:103]).predict(),
    ]
    model = adapter().fit(sst[:100], fh=FH).update(sst[100:105], update_params=False)
    model.update(sst[98:110], update_params=False)  # some of them for the second time
    rows = np.array(FH) - 1
    pd.testing.assert_series_equal(model.predict(), later[0].iloc[rows], check_freq=False)
    np.testing.assert_allclose(
        model.predict_interval(coverage=0.5).mean(axis=1), later[0].iloc[rows]
    )  # the forecast is in the middle
    pd.testing.assert_series_equal(model.estimator_.predict()["sst"], later[0])  # the estimator's end moved, too
    model.update(sst[90:103], update_params=False)  # back in time: nothing later is looked at
    pd.testing.assert_series_equal(model.predict(), later[1].iloc[rows], check_freq=False)
    model.update(sst[103:110], update_params=False)
    pd.testing.assert_series_equal(model.predict(), later[0].iloc[rows], check_freq=False)
    revised = sst[:110].where(sst.index[:110] != sst.index[105], 20.0)
    model.update(revised[104:107], update_params=False).update(revised[107:], update_params=False)
    known = plain().fit(sst[:100]).predict(context=revised).iloc[rows]
    pd.testing.assert_series_equal(model.predict(), known, check_freq=False)


@pytest.mark.parametrize("first", [0, 80])
def test_updates_one_after_another(sst, first):
    model, known = adapter().fit(sst[:80], fh=[1, 2, 3]), plain(3).fit(sst[:80])
    cv = SlidingWindowSplitter(fh=[1, 2, 3], window_length=10, step_length=9)
    found = model.update_predict(sst[first : first + 35], cv, update_params=False)
    assert found.shape[1] == 3
    for number, end in enumerate([10, 19, 28]):  # forwards from the end of fit, or from the start of the series
        ahead = known.predict(context=sst[first : first + end])
        pd.testing.assert_series_equal(found.iloc[:, number].dropna(), ahead, check_names=False, check_freq=False)


def test_coverage_is_held_online(sst):
    settings = {"adaptation_rate": 0.1, "calibration": "split"}
    model, known = adapter(**settings).fit(sst[:100], fh=FH), plain(**settings).fit(sst[:100])
    still = plain(calibration="split").fit(sst[:100]).update(sst[100:112]).predict_interval(0.8).iloc[np.array(FH) - 1]
    for end in range(101, 113):
        model.update(sst[end - 1 : end], update_params=False)
        known.update(sst[end - 1 : end])
    found, bounds = model.predict_interval(coverage=0.8), known.predict_interval(0.8).iloc[np.array(FH) - 1]
    np.testing.assert_array_equal(found, bounds)
    assert np.abs(bounds - still).to_numpy().max() > 0.01


def test_rows_may_be_missing_before_those_that_follow(sst):
    model = adapter(missing="mask").fit(sst[:100], fh=FH).update(sst[102:105], update_params=False)
    context = sst[:105].drop(sst.index[100:102])
    known = plain(missing="mask").fit(sst[:100]).predict(context=context).iloc[np.array(FH) - 1]
    pd.testing.assert_series_equal(model.predict(), known, check_freq=False)


def test_rows_that_do_not_follow_are_refused(sst, covariates):
    model = adapter().fit(sst[:100], X=covariates[:100], fh=FH)
    before = model.predict(X=covariates)
    with pytest.raises(ValueError, match="y goes on at 1989-07-01 .* ended at 1989-04-01 .* must begin at 1989-05-01"):
        model.update(sst[102:104], X=covariates, update_params=False)
    with pytest.raises(ValueError, match="X has no row at 1989-05-01"):
        model.update(sst[100:104], update_params=False)
    with pytest.raises(ValueError, match=r"X must have the columns \['p', 'q'\], as in fit; got \['p'\]"):
        model.update(sst[100:104], X=covariates[["p"]])
    pd.testing.assert_series_equal(model.predict(X=covariates), before)
    model.update(sst[100:104], X=covariates, update_params=False)
    known = plain().fit(sst[:100], X=covariates).predict(covariates, context=sst[:104]).iloc[np.array(FH) - 1]
    pd.testing.assert_series_equal(model.predict(X=covariates), known, check_freq=False)


def test_rows_of_a_panel_that_follow(hierarchy):
    panel = hierarchy.loc["x", ["a"]]
    first = panel.groupby(level=0).head(80)
    new = panel.groupby(level=0).nth(slice(80, 85))
    new = pd.concat([new, pd.concat({"u": panel.loc["s"][:40] / 2}, names=["shop"])])  # and one that is new
    model = adapter().fit(first, fh=FH).update(new, update_params=False)
    known = plain().fit(first).update(new).predict()
    found = model.predict()
    for key in ("s", "t"):
        np.testing.assert_array_equal(found.loc[key], known.loc[key].iloc[np.array(FH) - 1])
    assert found.loc["u"].index[0] == pd.Timestamp("1984-05-01")


def test_an_update_trains_anew(sst):
    model = adapter().fit(sst[:100], fh=FH).update(sst[100:110])
    known = plain().fit(sst[:110]).predict().iloc[np.array(FH) - 1]
    pd.testing.assert_series_equal(model.predict(), known, check_freq=False)
    going_on = adapter(warm_start=True).fit(sst[:100], fh=FH).update(sst[100:110])
    known = plain(warm_start=True).fit(sst[:100]).fit(sst[:110]).predict().iloc[np.array(FH) - 1]
    pd.testing.assert_series_equal(going_on.predict(), known, check_freq=False)
    assert not np.allclose(model.predict(), going_on.predict(), rtol=1e-9)


def test_an_update_without_the_data_says_that_nothing_is_trained(sst):
    model = adapter()
    model.set_config(remember_data=False)
    model.fit(sst[:100], fh=FH)
    with pytest.warns(UserWarning, match="Nothing was trained"):
        model.update(sst[100:110])
    known = plain().fit(sst[:100]).update(sst[100:110]).predict().iloc[np.array(FH) - 1]
    pd.testing.assert_series_equal(model.predict(), known, check_freq=False)


def test_parameters_are_those_of_the_estimator():
    own = {
        name: value
        for name, value in grukit.GRUForecaster().get_params().items()
        if not name.startswith("checkpoint") and name != "handle_unknown"
    }
    assert GRUForecaster().get_params() == {**own, "horizon": None}
    theirs = inspect.signature(grukit.GRUForecaster).parameters
    assert list(inspect.signature(GRUForecaster).parameters) == [name for name in theirs if name in own]
    for name in own:
        assert f"\n{name} : " in inspect.getdoc(GRUForecaster), name
    copy = adapter(window=5, max_iter=7).clone().set_params(max_iter=9)
    assert (copy.window, copy.max_iter, copy.hidden_layer_sizes) == (5, 9, 4)
    with pytest.raises(ValueError, match="The 'window' parameter of GRUForecaster must be"):
        adapter(window=0).fit(pd.Series(np.arange(50.0)), fh=1)


def test_a_horizon_of_its_own_needs_no_fh_in_fit(sst, expected):
    model = adapter(horizon=6).fit(sst)
    pd.testing.assert_series_equal(model.predict(fh=[2]), expected[1:2], check_freq=False)
    with pytest.warns(UserWarning, match="fitted with horizon=6; the steps up to horizon=8"):
        assert model.predict(fh=[6, 8]).iloc[0] == expected.iloc[5]
    with pytest.raises(ValueError, match="Intervals reach as far as fit did, 6 steps; fh is 8 steps ahead"):
        model.predict_interval(fh=[6, 8])
    with pytest.raises(ValueError, match="`fh` must be passed to `fit`"):
        adapter().fit(sst)


def test_what_is_not_there_is_refused(sst):
    with pytest.raises(NotImplementedError, match="in-sample"):
        adapter().fit(sst, fh=[-1, 1])
    short = adapter().fit(sst[:30], fh=FH)
    assert not short.get_tag("capability:pred_int")
    with pytest.raises(NotImplementedError, match="prediction intervals"):
        short.predict_interval()
    assert short.fit(sst, fh=FH).get_tag("capability:pred_int")
    holes = sst.where(np.arange(len(sst)) != 50)
    with pytest.raises(ValueError, match="missing data"):
        adapter().fit(holes, fh=FH)
    known = plain(missing="mask").fit(holes).predict().iloc[np.array(FH) - 1]
    pd.testing.assert_series_equal(adapter(missing="mask").fit(holes, fh=FH).predict(), known, check_freq=False)


def test_within_a_pipeline(sst):
    pipe = TransformedTargetForecaster([LogTransformer(), adapter()]).fit(sst, fh=FH)
    known = np.exp(plain().fit(np.log(sst)).predict())
    np.testing.assert_allclose(pipe.predict(), known.iloc[np.array(FH) - 1], rtol=1e-12)


@pytest.fixture(scope="module")
def panel():
    """Series (40, 2, 20) and a number for each."""
    X = np.random.default_rng(0).normal(size=(40, 2, 20)).cumsum(axis=2)
    return X, X[:, 1].mean(axis=1)


SEQUENCES = {name: value for name, value in SMALL.items() if name != "window"}


def test_the_regressor_is_the_estimator(panel):
    X, y = panel
    known = grukit.GRURegressor(**SEQUENCES).fit(X.transpose(0, 2, 1), y)
    model = GRURegressor(**SEQUENCES).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), known.predict(X.transpose(0, 2, 1)))
    assert model.estimator_.loss_curve_ == known.loss_curve_
    without = {"window", "warm_start", "checkpoint", "checkpoint_every"}
    assert set(model.get_params()) == set(known.get_params()) - without


def test_the_classifier_is_the_estimator(panel):
    X, y = panel
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [-1, 1])]
    known = grukit.GRUClassifier(**SEQUENCES).fit(X.transpose(0, 2, 1), labels)
    model = GRUClassifier(**SEQUENCES).fit(X, labels)
    assert model.classes_.tolist() == ["high", "low", "mid"] == known.classes_.tolist()
    np.testing.assert_array_equal(model.predict_proba(X), known.predict_proba(X.transpose(0, 2, 1)))
    np.testing.assert_array_equal(model.predict(X), known.predict(X.transpose(0, 2, 1)))


def test_series_of_unequal_length(panel):
    X, y = panel
    lengths = np.random.default_rng(1).integers(5, 21, size=len(X))
    frames = [pd.DataFrame(each.T[:n]) for each, n in zip(X, lengths, strict=True)]
    known = grukit.GRURegressor(**SEQUENCES).fit([each.to_numpy() for each in frames], y)
    model = GRURegressor(**SEQUENCES).fit(frames, y)
    np.testing.assert_array_equal(model.predict(frames), known.predict([each.to_numpy() for each in frames]))
