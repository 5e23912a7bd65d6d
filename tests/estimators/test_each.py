"""One small model a series: the bits of a fit of each series alone, whatever stands beside it; what is told of bad ones."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from plain import PLAIN, for_labels
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from grukit import GRUClassifier, GRUForecaster, GRURegressor
from grukit.inspection import gates
from grukit.interchange import to_onnx, to_torch
from grukit.plotting import ForecastDisplay, LossCurveDisplay

SMALL = {"hidden_layer_sizes": 4, "window": 4, "max_iter": 3, "random_state": 0}
LENGTHS = {"north": 60, "south": 35, "east": 48}


def table_of(length, seed):
    rng = np.random.default_rng(seed)
    index = pd.date_range("2024-01-01", periods=length, freq="h", name="time")
    return pd.DataFrame(rng.normal(size=(length, 2)), index, columns=["a", "b"]).cumsum()


@pytest.fixture(scope="module")
def panel():
    """Three series of unequal length, whose rows lie between one another."""
    tables = {name: table_of(length, seed) for seed, (name, length) in enumerate(LENGTHS.items())}
    return pd.concat(tables, names=["place", "time"]).sort_index(level="time", sort_remaining=False)


@pytest.fixture(scope="module")
def target(panel):
    return (panel["a"].groupby("place").shift(1).fillna(0) * panel["b"]).rename("product")


def assert_same(one, other):
    """To the bit: weights, linear part, history, reason, predictions of all that was trained on."""
    for name, weights in other.weights_.items():
        np.testing.assert_array_equal(one.weights_[name], weights)
    pd.testing.assert_frame_equal(
        one.history_.drop(columns="seconds"), other.history_.drop(columns="seconds"), check_exact=True
    )
    assert (one.stop_reason_, one.best_iter_) == (other.stop_reason_, other.best_iter_)
    assert one.get_params() == other.get_params()


def only(data, *names):
    return data[data.index.get_level_values("place").isin(names)]


def regressors(changes):
    return GRURegressor(**{**SMALL, **changes})


# --- bits -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    "changes", [{}, PLAIN, {**PLAIN, "early_stopping": True}, {"solver": "lbfgs", "early_stopping": False}],
    ids=["defaults", "network", "early stopping", "lbfgs"],
)  # fmt: skip
def test_each_model_is_that_of_its_series_alone(panel, target, changes, n_jobs):
    model = regressors({**changes, "n_jobs": n_jobs})
    each = model.fit_each(panel, target)
    assert list(each) == list(LENGTHS) and len(each) == 3
    for name, own in each.items():
        alone = regressors({**changes, "n_jobs": n_jobs}).fit(panel.loc[name], target.loc[name])
        assert_same(own, alone)
        pd.testing.assert_series_equal(own.predict(panel.loc[name]), alone.predict(panel.loc[name]), check_exact=True)
    with pytest.raises(NotFittedError):
        model.predict(panel)  # which stays as it was


@pytest.mark.parametrize("as_array", [False, True])
def test_weights_and_several_outputs_are_cut_with_the_series(panel, target, as_array):
    y = pd.DataFrame({"product": target, "sum": panel.sum(axis=1)})
    weights = pd.Series(np.random.default_rng(5).uniform(0, 2, len(panel)), panel.index)
    given = (y.to_numpy(), weights.to_numpy()) if as_array else (y, weights)
    each = regressors({}).fit_each(panel, *given)
    for name, own in each.items():
        assert_same(own, regressors({}).fit(panel.loc[name], y.loc[name], weights.loc[name]))
        assert (own.weights_["head.weight"] == each.weights_[name]["head.weight"]).all()
    predictions = each.predict(panel)
    assert predictions.shape == (len(panel), 2) and isinstance(predictions, np.ndarray) == as_array
    if not as_array:
        assert predictions.index.equals(panel.index) and list(predictions) == ["product", "sum"]


def test_a_random_state_is_drawn_from_by_each_series_for_itself(panel, target):
    state = np.random.RandomState(7)
    before = state.get_state()[1].copy()
    each = regressors({**PLAIN, "random_state": state}).fit_each(panel, target)
    np.testing.assert_array_equal(state.get_state()[1], before)
    for name, own in each.items():
        alone = regressors({**PLAIN, "random_state": 7}).fit(panel.loc[name], target.loc[name])
        np.testing.assert_array_equal(own.weights_["head.weight"], alone.weights_["head.weight"])


def test_missing_values_that_are_allowed(panel, target):
    holes = panel.copy()
    holes.iloc[::7, 1] = np.nan
    for missing in ("mask", "decay"):
        settings = {"missing": missing, "dtype": "float64"}  # for which other tests compile the decay
        each = regressors(settings).fit_each(holes, target)
        for name, own in each.items():
            alone = regressors(settings).fit(holes.loc[name], target.loc[name])
            assert_same(own, alone)
            pd.testing.assert_series_equal(
                each.predict(holes).xs(name), alone.predict(holes.loc[name]), check_exact=True, check_freq=False
            )


# --- predictions ----------------------------------------------------------------------------------------------------------


def test_a_panel_is_predicted_as_each_series_alone(panel, target):
    times = panel.index.get_level_values("time")
    past, later = times < "2024-01-02", times >= "2024-01-02"
    each = regressors({}).fit_each(panel[past], target[past])
    for rows, context in ((panel[later], "auto"), (panel[later], None), (panel[later], panel[past]), (panel, None)):
        predictions = each.predict(rows, context)
        assert predictions.index.equals(rows.index) and predictions.name == "product"
        for name, own in each.items():
            given = context.loc[name] if isinstance(context, pd.DataFrame) else context
            alone = own.predict(rows.loc[name], given)
            pd.testing.assert_series_equal(predictions.xs(name), alone, check_exact=True, check_freq=False)
    some = only(panel[later], "north", "east")
    pd.testing.assert_series_equal(
        each.predict(some), only(each.predict(panel[later]), "north", "east"), check_exact=True
    )


def test_a_context_on_another_scale_is_told(panel, target):
    each = regressors({}).fit_each(panel, target)
    far = panel.groupby("place").head(3).assign(a=1e4)
    far.index = far.index.set_levels(far.index.levels[1] - pd.Timedelta(days=9), level=1)
    with pytest.warns(UserWarning, match="Column 'a' of context lies") as told:
        each.predict(panel, far)
    assert len(told) == 1


def test_series_that_are_not_there_are_named(panel, target):
    each = regressors(PLAIN).fit_each(only(panel, "north", "south"), only(target, "north", "south"))
    with pytest.raises(ValueError, match="Series 'east' is none of those that were fitted"):
        each.predict(panel)
    with pytest.raises(KeyError, match="'east'"):
        each["east"]
    with pytest.raises(
        ValueError, match=r"X must be a panel as in fit_each, a DataFrame with a MultiIndex \(place, time\)"
    ):
        each.predict(panel.loc["north"])
    assert "east" not in each and each.get("east") is None


def test_several_levels_name_a_series(panel, target):
    deeper = pd.concat({1: panel, 2: panel * 2}, names=["year"]).sort_index()
    y = pd.concat({1: target, 2: target}, names=["year"]).sort_index()
    each = regressors(PLAIN).fit_each(deeper, y)
    assert list(each)[:2] == [(1, "east"), (1, "north")] and each.report_.index.names == ["year", "place"]
    alone = regressors(PLAIN).fit(deeper.loc[(2, "east")], y.loc[(2, "east")])
    assert_same(each[2, "east"], alone)
    np.testing.assert_array_equal(each.predict(deeper).loc[(2, "east")], alone.predict(deeper.loc[(2, "east")]))


@pytest.mark.parametrize(
    "show",
    [
        LossCurveDisplay.from_estimator,
        lambda models: ForecastDisplay.from_estimator(models, None, None),
        lambda models: gates(models, None),
        to_torch,
        lambda models: to_onnx(models, "models.onnx"),
    ],
)
def test_what_takes_one_model_says_how_to_give_one(panel, target, show):
    models = GRURegressor(**SMALL).fit_each(panel, target)
    first = next(iter(models))
    with pytest.raises(TypeError, match=rf"GRURegressor.*got <GRURegressor fitted to each .*models\['{first}'\]"):
        show(models)


def test_a_pickle_predicts_the_same(panel, target):
    each = regressors({}).fit_each(panel, target)
    opened = pickle.loads(pickle.dumps(each))
    pd.testing.assert_series_equal(opened.predict(panel), each.predict(panel), check_exact=True)
    pd.testing.assert_frame_equal(opened.report_, each.report_)


# --- bad series -----------------------------------------------------------------------------------------------------------


def test_bad_series_are_reported_and_the_others_fitted(panel, target):
    bad = panel.copy()
    bad.loc[("south", bad.loc["south"].index[4]), "b"] = np.nan
    swapped = table_of(20, 9).iloc[[0, 2, 1, *range(3, 20)]]
    short = table_of(3, 9)
    more = pd.concat({"mixed": swapped, "short": short}, names=["place", "time"])
    both = pd.concat([bad, more])
    y = pd.concat([target, pd.Series(0.5, more.index)]).rename("product")
    changes = {**PLAIN, "early_stopping": True}
    first = r"3 of 5 series could not be fitted, see report_; the first, 'south': Input X contains NaN in column 'b'"
    with pytest.warns(FitFailedWarning, match=first) as told:
        each = regressors(changes).fit_each(both, y)
    assert len(told) == 1 and told[0].filename == __file__
    report = each.report_
    assert report.index.tolist() == ["north", "south", "east", "mixed", "short"] and report.index.name == "place"
    assert report["error"].isna().tolist() == [True, False, True, False, False]
    for name, table in (("south", bad.loc["south"]), ("mixed", swapped), ("short", short)):
        with pytest.raises(ValueError, match=r"NaN|not sorted|left for training") as error:
            regressors(changes).fit(table, y.loc[name].set_axis(table.index))
        assert report.loc[name, "error"] == str(error.value) and report.loc[name, "epochs"] == 0
        assert np.isnan(report.loc[name, "loss"]) and name not in each
    assert list(each) == ["north", "east"] and "2 series, 3 more could not be fitted" in repr(each)
    for name, own in each.items():
        assert_same(own, regressors(changes).fit(panel.loc[name], target.loc[name]))
        told_of = report.loc[name, ["loss", "epochs", "best_epoch", "stop_reason"]].tolist()
        assert told_of == [own.loss_, own.n_iter_, own.best_iter_, own.stop_reason_]
    with pytest.raises(KeyError, match="Series 'south' could not be fitted: Input X contains NaN"):
        each["south"]
    with pytest.raises(ValueError, match="Series 'mixed' could not be fitted: The time index is not sorted"):
        each.predict(pd.concat({"mixed": swapped.sort_index()}, names=["place", "time"]))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_series_that_diverge_are_told_at_once(panel, target, n_jobs):
    changes = {**PLAIN, "early_stopping": True, "n_jobs": n_jobs, "learning_rate_init": 1e30}
    first = r"^3 of 3 series did not converge, see stop_reason and loss in report_; the first, 'north': Training diverged in"
    before = warnings.showwarning
    with pytest.warns(ConvergenceWarning, match=first) as told:
        each = regressors(changes).fit_each(panel, target)
    assert len(told) == 1 and told[0].filename == __file__
    assert each.report_["stop_reason"].str.startswith("Training diverged in epoch").all()
    assert warnings.showwarning is before
    with pytest.warns(ConvergenceWarning) as told:
        alone = regressors(changes).fit(panel.loc["north"], target.loc["north"])
    assert len(told) > 1
    assert_same(each["north"], alone)
    bad = panel.assign(b=panel["b"].where(panel.index.get_level_values("place") != "north"))
    with (
        pytest.warns(FitFailedWarning, match=r"1 of 3 series could not be fitted"),
        pytest.warns(ConvergenceWarning, match=r"^2 of 3 series did not .* the first, 'south'"),
    ):
        regressors(changes).fit_each(bad, target)


def test_where_no_series_can_be_fitted_is_an_error(panel, target):
    with pytest.raises(ValueError, match=r"None of the 3 series could be fitted; the first, 'north': .* NaN"):
        regressors(PLAIN).fit_each(panel.assign(b=np.nan), target)


def test_a_constant_series_is_predicted_exactly(panel):
    y = pd.Series(np.where(panel.index.get_level_values("place") == "south", 0.1, panel["a"]), panel.index, name="y")
    assert (regressors({}).fit_each(panel, y).predict(panel).xs("south") == 0.1).all()


# --- errors ---------------------------------------------------------------------------------------------------------------


def test_errors_come_before_any_work(panel, target, monkeypatch):
    monkeypatch.setattr(GRURegressor, "fit", None)
    fit_each = regressors(PLAIN).fit_each
    for X in (panel.loc["north"], panel.to_numpy(), panel["a"]):
        with pytest.raises(ValueError, match=r"X must be a panel with a MultiIndex \(series, ..., time\); got "):
            fit_each(X, target)
    with pytest.raises(ValueError, match="needs y"):
        fit_each(panel, None)
    with pytest.raises(ValueError, match="X has 143, y has 142"):
        fit_each(panel, target.to_numpy()[1:])
    with pytest.raises(ValueError, match="X and y have different indexes: at row 0"):
        fit_each(panel, target.iloc[::-1])
    with pytest.raises(ValueError, match="X and sample_weight have different indexes"):
        fit_each(panel, target, target.iloc[::-1])
    nameless = pd.concat([panel.iloc[:-1], panel.iloc[-1:].rename(index={panel.index[-1][0]: np.nan})])
    with pytest.raises(ValueError, match="The series name is missing at row 142"):
        fit_each(nameless, target.to_numpy())
    with pytest.raises(ValueError, match="X is empty"):
        fit_each(panel.iloc[:0], target.iloc[:0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": None}, "window=None"),
        ({"device": "cuda"}, "trains on the CPU"),
        ({"checkpoint": "x.ckpt"}, "checkpoint is a file of one fit"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must be"),
    ],
)
def test_parameters_that_many_fits_cannot_have(panel, target, changes, message):
    with pytest.raises(ValueError, match=message):
        regressors(changes).fit_each(panel, target)


def test_parameters_are_checked_once_before(panel, target):
    with pytest.raises(InvalidParameterError, match="max_iter"):
        regressors({"max_iter": 0}).fit_each(panel, target)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_other_errors_end_all_of_it(panel, target, monkeypatch, error):
    begun, fit, before = [], GRURegressor.fit, warnings.filters.copy()

    def failing(self, X, y, sample_weight):
        begun.append(len(X))
        raise error

    monkeypatch.setattr(GRURegressor, "fit", failing)
    many = pd.concat({number: panel.loc["south"] for number in range(200)}, names=["number"])
    with pytest.raises(error):
        regressors({"n_jobs": 1}).fit_each(many, np.zeros(len(many)))
    assert 0 < len(begun) < 200 and warnings.filters == before
    monkeypatch.setattr(GRURegressor, "fit", fit)
    assert len(regressors(PLAIN).fit_each(panel, target)) == 3


def test_a_bar_counts_the_series_where_it_is_asked_for(panel, target, capsys):
    regressors(PLAIN).fit_each(panel, target)
    assert capsys.readouterr() == ("", "")
    each = regressors({**PLAIN, "verbose": True}).fit_each(panel, target)
    out, err = capsys.readouterr()
    assert out == "" and "3/3" in err and "series" in err and "epoch" not in err
    assert each["north"].verbose is True


# --- classifiers ----------------------------------------------------------------------------------------------------------


def test_classifiers_may_know_different_classes(panel):
    kinds = np.where(panel["a"] > 0, "up", "down").astype(object)
    kinds[(panel.index.get_level_values("place") == "east") & (panel["b"].to_numpy() > 0)] = "aside"
    y = pd.Series(kinds, panel.index, name="way")
    model = GRUClassifier(**{**for_labels(PLAIN), **SMALL})
    each = model.fit_each(panel, y)
    labels, probabilities = each.predict(panel), each.predict_proba(panel)
    assert each.classes_.tolist() == probabilities.columns.tolist() == ["aside", "down", "up"]
    assert labels.name == "way" and labels.index.equals(panel.index) and probabilities.index.equals(panel.index)
    for name, own in each.items():
        alone = GRUClassifier(**{**for_labels(PLAIN), **SMALL}).fit(panel.loc[name], y.loc[name])
        assert_same(own, alone)
        assert labels.xs(name).tolist() == alone.predict(panel.loc[name]).tolist()
        wanted = alone.predict_proba(panel.loc[name]).reindex(columns=each.classes_, fill_value=0.0)
        np.testing.assert_array_equal(probabilities.xs(name), wanted)
    with pytest.warns(FitFailedWarning, match="1 of 3 series .* 'south': y holds one class only, 'up'"):
        model.fit_each(panel, y.where(y.index.get_level_values("place") != "south", "up"))


def test_several_labels_a_sample(panel):
    y = pd.DataFrame({"high": panel["a"] > 0, "steep": panel["b"] > 0}).astype(int)
    each = GRUClassifier(**{**for_labels(PLAIN), **SMALL}).fit_each(panel, y)
    own = each["south"]
    np.testing.assert_array_equal(each.predict(panel).xs("south"), own.predict(panel.loc["south"]))
    np.testing.assert_array_equal(each.predict_proba(panel).xs("south"), own.predict_proba(panel.loc["south"]))
    assert each.predict(panel).columns.tolist() == each.classes_.tolist() == ["high", "steep"]


# --- forecasters ----------------------------------------------------------------------------------------------------------


def forecaster(**changes):
    settings = {"hidden_layer_sizes": 4, "window": 12, "max_iter": 2, "random_state": 0, "dtype": "float64"}
    return GRUForecaster(horizon=3, **{**settings, **changes})


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("framed", [False, True])
def test_each_forecaster_is_that_of_its_series_alone(panel, framed, n_jobs):
    series = panel[["a"]] if framed else panel["a"]
    each = forecaster(n_jobs=n_jobs).fit_each(series)
    forecasts, bounds = each.predict(), each.predict_interval(0.5, context=only(series, "north", "east"))
    assert forecasts.index.names == ["place", "time"] and type(forecasts) is type(series)
    for name, own in each.items():
        alone = forecaster(n_jobs=n_jobs).fit(series.loc[name])
        assert_same(own, alone)
        np.testing.assert_array_equal(forecasts.xs(name), alone.predict())
        if name != "south":
            np.testing.assert_array_equal(bounds.xs(name), alone.predict_interval(0.5))
        assert forecasts.xs(name).index.equals(alone.predict().index)
    with pytest.raises(ValueError, match="Series 'south': No origins were kept to calibrate intervals by"):
        each.predict_interval(0.5)
    later = only(series[series.index.get_level_values("time") < "2024-01-02"], "north", "south")
    np.testing.assert_array_equal(
        each.predict(context=later, horizon=2).xs("south"), each["south"].predict(context=later.loc["south"], horizon=2)
    )


def test_series_of_other_steps_each_have_their_own(panel):
    days = table_of(50, 3)["a"].set_axis(pd.date_range("2020", periods=50, freq="D", name="time"))
    both = pd.concat({"hours": panel["a"].loc["north"], "days": days}, names=["place"])
    forecasts = forecaster().fit_each(both).predict()
    assert forecasts.loc["days"].index[0] == days.index[-1] + pd.Timedelta(days=1)
    assert forecasts.loc["hours"].index[1] - forecasts.loc["hours"].index[0] == pd.Timedelta(hours=1)
    with pytest.raises(ValueError, match="step"):
        forecaster().fit(both)  # one network reads all in one step


def test_the_columns_of_a_frame(panel):
    wide = panel["a"].loc["north"].to_frame("north").assign(other=panel["b"].loc["north"], short=np.nan)
    wide.columns.name = "site"
    with pytest.warns(FitFailedWarning, match="1 of 3 series could not be fitted.*'short'"):
        each = forecaster().fit_each(wide)
    forecasts = each.predict()
    assert forecasts.columns.tolist() == ["north", "other"] and forecasts.columns.name == "site"
    bounds = each.predict_interval([0.5, 0.6])
    assert bounds.columns.names == ["site", "coverage", "bound"]
    for name in ("north", "other"):
        alone = forecaster().fit(wide[name])
        assert_same(each[name], alone)
        pd.testing.assert_series_equal(forecasts[name], alone.predict(), check_exact=True)
        pd.testing.assert_frame_equal(bounds[name], alone.predict_interval([0.5, 0.6]), check_exact=True)


def test_quantiles_of_each_series(panel):
    levels = (0.1, 0.5, 0.9)
    series = only(panel["a"], "north", "east")
    each, wide = forecaster(quantiles=levels).fit_each(series), panel.loc["north"]
    quantiles = each.predict_quantiles()
    for name, own in each.items():
        alone = forecaster(quantiles=levels).fit(series.loc[name])
        assert_same(own, alone)
        np.testing.assert_array_equal(quantiles.xs(name), alone.predict_quantiles())
        np.testing.assert_array_equal(each.predict().xs(name), alone.predict())
    of_columns = forecaster(quantiles=levels).fit_each(wide)
    np.testing.assert_array_equal(of_columns.predict_quantiles([0.1])["b"], of_columns["b"].predict_quantiles([0.1]))


def test_covariates_are_those_of_a_series_or_of_all(panel):
    times = pd.date_range("2024-01-01", periods=70, freq="h", name="time")
    shared = pd.DataFrame({"price": np.random.default_rng(4).normal(size=70)}, times)
    own_past = panel[["b"]]
    each = forecaster().fit_each(panel["a"], shared, own_past)
    of_panel = pd.concat({name: shared for name in LENGTHS}, names=["place"])
    again = forecaster().fit_each(panel["a"], of_panel, own_past)
    for name in LENGTHS:
        alone = forecaster().fit(panel["a"].loc[name], shared, own_past.loc[name])
        assert_same(each[name], alone)
        assert_same(again[name], alone)
        np.testing.assert_array_equal(each.predict(shared).xs(name), alone.predict(shared))
    with pytest.warns(FitFailedWarning, match="'south': X has no rows of series 'south'"):
        forecaster().fit_each(panel["a"], of_panel.drop("south"))
    with pytest.raises(ValueError, match="Series 'north': X has no row at 2024-01-03 12:00:00"):
        each.predict(shared[:60])


def test_errors_of_forecasters(panel):
    for y in (panel["a"].loc["north"], panel["a"].to_numpy()):
        with pytest.raises(ValueError, match=r"or a DataFrame with a column a series; got .* is for fit"):
            forecaster().fit_each(y)
    with pytest.raises(ValueError, match="each a name of its own"):
        forecaster().fit_each(panel.loc["north"].set_axis(["a", "a"], axis=1))
    with pytest.raises(ValueError, match="None of the 3 series .* channels='joint'"):
        forecaster(channels="joint").fit_each(panel["a"])
    each = forecaster().fit_each(only(panel["a"], "north", "east"))
    with pytest.raises(ValueError, match="Series 'south' is none of those"):
        each.predict(context=panel["a"])
