"""Forecasters in files: all that an opened one does has the same bits, and a record that is none is refused."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from records import changed, check_same_but_time, check_same_model, put, put_array, through

import grukit
from grukit import GRUForecaster
from grukit.estimators._documents import FORMAT
from grukit.files import read_tensors
from grukit.metrics import score_forecasts

SMALL = {
    "hidden_layer_sizes": 4,
    "window": 12,
    "max_iter": 2,
    "random_state": 0,
    "dtype": "float64",
    "horizon": 3,
    "calibration": "split",
}


def walk(index, name="load", seed=0):
    return pd.Series(np.random.default_rng(seed).normal(size=len(index)).cumsum(), index=index, name=name)


def hours(n, tz=None, start="2024-03-25"):
    return pd.date_range(start, periods=n, freq="h", tz=tz, name="time")


def two(index, columns=("north", "south")):
    return pd.DataFrame({0: walk(index), 1: 50 + walk(index, seed=1)}).set_axis(pd.Index(columns), axis=1)


def panel(series):
    """A panel of walks, of {number: (rows, first stamp)}."""
    own = {("unit", k): walk(hours(n, start=start), seed=k) for k, (n, start) in series.items()}
    return pd.concat(own, names=["kind", "number"])


def cases():
    """Settings, series, later rows, X and past_X, of every kind of record."""
    whole = walk(hours(163, "Europe/Berlin"))  # whose clocks change in the last day
    yield "a series in a time zone", {}, whole[:160], whole[160:], None, None
    wide = two(hours(163))
    yield "columns", {"normalize": "mean"}, wide[:160], wide[160:], None, None
    yield "columns together", {"channels": "joint", "calendar": None}, wide[:160], wide[160:], None, None
    pairs = pd.MultiIndex.from_tuples([("u", 1), ("v", 2)], names=["kind", "number"])
    paired = two(pd.period_range("2001-01", periods=163, freq="M")).set_axis(pairs, axis=1)
    yield "levels of columns, months", {}, paired[:160], paired[160:], None, None
    first = "2024-03-25"
    unequal = panel({0: (160, first), 1: (90, first), 2: (6, first)})
    later = panel({0: (3, "2024-03-31 16:00"), 7: (5, "2024-03-30")})  # one goes on, another is new
    yield "a panel", {"normalize": None}, unequal, later, None, None
    yield "a panel in a frame", {"missing": "mask"}, unequal.drop(unequal.index[[20, 30]]).to_frame(), later, None, None
    X = pd.DataFrame({"price": walk(hours(180), seed=2), ("a", 1): walk(hours(180), seed=3)})
    past = pd.DataFrame({pd.Timestamp("2024-01-01"): walk(hours(180), seed=4)})
    driven = walk(hours(163))
    yield "covariates", {"missing": "mask"}, driven[:160].drop(hours(160)[[3, 50]]), driven[160:], X, past
    yield "one by one", {"strategy": "recursive", "linear_lags": 2}, driven[:160], driven[160:], X, None
    yield "no intervals", {"calibration_fraction": None, "calendar": ["hour"]}, driven[:160], driven[160:], None, None
    yield "quantiles", {"quantiles": [0.05, 0.5, 0.95]}, wide[:160], wide[160:], None, None
    held = {"adaptation_rate": 0.05, "calibration": "auto", "calendar": None}  # by folds
    yield "coverage held online", held, driven[:160], driven[160:], None, None
    floats = walk(pd.Index(0.1 * np.arange(163)), None)
    yield "floats", {}, floats.iloc[:160], floats.iloc[160:], None, None
    for name, index in {
        "numbers": pd.RangeIndex(10, 10 + 5 * 163, 5),
        "durations": pd.timedelta_range("1h", periods=163, freq="90s"),
        "business days": pd.bdate_range("2020-01-01", periods=163),
        "month ends": pd.date_range("2001-01", periods=163, freq="ME"),
        "open days": pd.date_range("2001-01", periods=163, freq=pd.offsets.CustomBusinessDay(holidays=["2001-05-01"])),
        "weeks": pd.date_range("2001-01", periods=163, freq="W-WED"),
        "two days": pd.date_range("2001-01", periods=163, freq=pd.DateOffset(days=2)),
        "quarters": pd.period_range("1960Q1", periods=163, freq="Q-NOV"),
        "seconds": pd.date_range("2001-01", periods=163, freq="10s", unit="s", tz="UTC"),
        "nullable": pd.Index(np.arange(163), dtype="Int64"),
    }.items():
        y = walk(index)
        yield name, {"calibration_fraction": None}, y[:160], y[160:], None, None


def same(one, other):
    (pd.testing.assert_series_equal if isinstance(one, pd.Series) else pd.testing.assert_frame_equal)(one, other)


@pytest.mark.parametrize(
    ("changes", "y", "later", "X", "past"), [pytest.param(*row, id=name) for name, *row in cases()]
)
def test_an_opened_forecaster_does_the_same_to_the_bit(tmp_path, changes, y, later, X, past):
    model = GRUForecaster(**{**SMALL, **changes}).fit(y, X, past)
    again = through(model, tmp_path)
    pickled = pickle.loads(pickle.dumps(model))
    check_same_model(model, again)
    check_same_model(model, pickled)
    assert model.summary() == again.summary()
    context = y.iloc[: len(y) // 2]
    for other in (again, pickled):
        same(model.predict(X), other.predict(X))
        same(model.predict(X, context, past), other.predict(X, context, past))
        if model.calibration_fraction:
            same(model.predict_interval([0.5, 0.9], X), other.predict_interval([0.5, 0.9], X))
        other.update(later, X, past)
    model.update(later, X, past)
    check_same_model(model, again)
    same(model.predict(X), again.predict(X))
    same(model.predict(X), pickled.predict(X))
    check_same_model(model, through(model, tmp_path))
    for each in (model, again):
        each.set_params(warm_start=True).fit(y, X, past)
    check_same_but_time(model, again)


def test_backtests_and_predictors_of_an_opened_forecaster(tmp_path):
    y = walk(hours(200))
    model = GRUForecaster(**SMALL, calendar=None).fit(y[:160])
    again = through(model, tmp_path)
    one, other = (each.backtest(y, refit=False, n_splits=4, coverage=0.8) for each in (model, again))
    pd.testing.assert_frame_equal(one, other)
    np.testing.assert_array_equal(model.predictor()(y[:12]), again.predictor()(y[:12]))
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")  # whose arrays cannot be written to
    for each in (model, mapped):
        each.update(y[160:])
    same(model.predict(), mapped.predict())


@pytest.mark.parametrize("columns", [[1.5, np.nan], [None, "south"]], ids=["NaN", "None"])
def test_a_column_without_a_name_is_the_same_series_in_a_copy(tmp_path, columns):
    """A NaN equals no other, so that the column counted as new: its own mean and deviation were of the context's rows."""
    y = two(hours(90), columns)
    static = pd.DataFrame({"area": [1.0, 2.0]}, index=y.columns)
    model = GRUForecaster(**SMALL).fit(y[:80], static=static)
    expected = model.predict(context=y[:60])
    for copied in (pickle.loads(pickle.dumps(model)), through(model, tmp_path)):
        pd.testing.assert_frame_equal(copied.predict(context=y[:60]), expected)
    table = model.backtest(y, n_splits=2, refit=False)
    assert len(score_forecasts(table, y, by="series")) == 4
    later = model.update(y[80:]).predict()
    pd.testing.assert_frame_equal(later, model.predict(context=y))


def test_series_that_share_an_index_share_it_in_the_file(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 40)), hours(60)).rename(columns=str)
    model = GRUForecaster(**{**SMALL, "calibration_fraction": None, "max_iter": 1}).fit(frame)
    again = through(model, tmp_path)
    assert len({id(times) for times in again._fitted.recent.series.times}) == 1
    _, arrays = read_tensors(tmp_path / "model.gru")
    assert arrays["fitted.recent.series.stamps"].shape == (12,)


def test_what_a_file_cannot_hold_is_named(tmp_path):
    import dateutil.tz

    index = hours(60).tz_localize(dateutil.tz.tzoffset("mine", 3600))
    model = GRUForecaster(**{**SMALL, "calibration_fraction": None}).fit(walk(index))
    with pytest.raises(
        ValueError, match=r"fitted\.recent\.series\.dtype is datetime64\[.*mine.*which no file can hold"
    ):
        model.save(tmp_path / "model.gru")
    assert list(tmp_path.iterdir()) == []


# --- records that are none --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file of a forecaster of two series with covariates, and what it was fitted to."""
    path = tmp_path_factory.mktemp("forecaster") / "model.gru"
    X = pd.DataFrame({"price": walk(hours(180, "Europe/Berlin"), seed=2)})
    model = GRUForecaster(**SMALL, calendar=("hour",)).fit(two(hours(160, "Europe/Berlin")), X)
    model.save(path)
    return path


STATE = ("fitted", "ForecastState")
SERIES = (*STATE, "recent", "Observed", "series", "PackedSeries")
FORM = (*SERIES, "form", "SeriesForm")
LAYOUT = (*STATE, "layout", "Layout")
LINEAR = (*STATE, "final", "LinearHorizon")
DEEP = {"tuple": [["x"]]}  # a list in it cannot be a name


def both_grids(value):
    def change(document, arrays):
        for keys in ((*STATE, "grid", "Grid"), (*SERIES, "grid", "Grid")):
            at = document
            for key in keys:
                at = at[key]
            at["step"] = value

    return change


def scaled(name, factor):
    def change(document, arrays):
        arrays[name] = arrays[name] * np.array(factor).astype(arrays[name].dtype)

    return change


def online(document, arrays):
    put(*STATE, "online", value=ONLINE)(document, arrays)
    arrays["head.none"] = np.zeros((0, 0, 1))


OBJECTIVE = (*STATE, "training", "TrainingState", "objective", "Objective")
NO_ERRORS = {"dict": [[{"tuple": ["north"]}, {"array": "head.none"}]]}
ONLINE = {"Online": {"rate": 0.1, "errors": NO_ERRORS}}
ERRORS = "fitted.scores.errors[('north',)]"
WRONG = {
    "another record": (put(*STATE[:1], value=["a"]), "fitted is no ForecastState"),
    "a regressor's": (put("class", value="GRURegressor"), "parameters holds adaptation_rate, which GRURegressor"),
    "window": (put(*LAYOUT, "window", value=13), r"inputs\.window and layout\.window differ"),
    "no window": (put(*LAYOUT, "window", value=0), "layout has a size that is none"),
    "horizon": (put(*LAYOUT, "horizon", value=1 << 40), r"layout\.horizon is not that of the network"),
    "series together": (put(*LAYOUT, "n_joint", value=3), r"layout\.horizon is not that of the network"),
    "columns": (put(*LAYOUT, "n_known", value=2), "columns are not as many as the layout tells"),
    "steps": (put(*STATE, "steps", value=4), "steps is 4"),
    "missing": (put(*STATE, "inputs", "InputForm", "missing", value="mask"), r"spec\.n_inputs does not fit"),
    "decay": (put(*STATE, "inputs", "InputForm", "missing", value="decay"), r"inputs\.missing is 'decay'"),
    "features": (put(*STATE, "inputs", "InputForm", "kind", value="rows"), "inputs is of a table"),
    "names": (put(*STATE, "columns", "CovariateForm", "known", value=[["x"]]), "columns have names that are none"),
    "calendar": (put(*STATE, "columns", "CovariateForm", "calendar", value={"tuple": ["tide"]}), "calendar is"),
    "levels": (put_array("fitted.levels.mean", np.zeros(2)), r"levels\.mean has the shape \(2,\)"),
    "inputs": (put_array("fitted.x_scaler.scale", np.zeros(5)), r"x_scaler holds numbers that scale nothing"),
    "outputs": (put_array("fitted.y_scaler.mean", np.zeros(4)), r"y_scaler\.mean has the shape \(4,\)"),
    "weights": (put_array("head.bias", np.full(3, np.nan)), "parameters hold NaN"),
    "moments": (put_array("fitted.training.moments['step']", np.zeros(2, "i8")), r"training\.moments\['step'\]"),
    "normalize": (put(*LINEAR, "normalize", value="first"), r"final\.normalize is 'first'"),
    "unit": (put(*LINEAR, "unit", value=0.0), r"final\.unit is 0"),
    "another unit": (put(*LINEAR, "unit", value=2.0), "linear and final are relative to something else"),
    "another layout": (put(*LINEAR, "layout", "Layout", "horizon", value=4), r"final\.layout is another"),
    "lags": (put(*LINEAR, "maps", "tuple", 0, "LagMap", "n_lags", value=13), r"final\.maps have the lags \[13, 6"),
    "lags in order": (put(*LINEAR, "maps", "tuple", 1, "LagMap", "n_lags", value=12), r"final\.maps have the lags"),
    "coefficients": (put_array("fitted.final.maps[0].coef", np.zeros((40, 3))), r"final\.maps\.coef has the shape"),
    "infinity": (scaled("fitted.final.maps[0].intercept", np.inf), r"final\.maps hold NaN or infinity"),
    "kind": (put(*FORM, "kind", value="list"), r"form\.kind is 'list'"),
    "frame": (put(*FORM, "names", value="north"), r"form\.names are not the columns of 2 series"),
    "wide": (put(*FORM, "names", value={"range_index": [0, 2**62, 1, None]}), r"form\.names are not the columns"),
    "framed": (put(*FORM, "framed", value=True), r"form\.framed is of a panel"),
    "panel": (put(*FORM, "kind", value="panel"), "keys have other levels than the panel"),
    "series": (put(*FORM, "kind", value="series"), "form is of one series"),
    "level": (put(*FORM, "levels", value=[["x"]]), r"recent\.series is no PackedSeries: .*unhashable"),
    "keys": (put(*SERIES, "keys", value=[{"tuple": ["a"]}, {"tuple": ["a"]}]), "keys name a series twice"),
    "key": (put(*SERIES, "keys", value=[DEEP, {"tuple": ["a"]}]), "no PackedSeries: .*unhashable"),
    "keys' lengths": (put(*SERIES, "keys", value=[{"tuple": []}, {"tuple": ["a"]}]), "keys are of unequal length"),
    "values": (put_array("fitted.recent.series.values", np.zeros(23)), "offsets do not cut 23 entries"),
    "no values": (put_array("fitted.recent.series.values", np.full(24, np.nan)), "recent holds NaN"),
    "offsets": (put_array("fitted.recent.series.offsets", np.array([0, 25, 24])), "offsets do not cut 24 entries"),
    "which": (put_array("fitted.recent.series.which", np.array([0, 1])), "which tells of an index that is not there"),
    "bounds": (put_array("fitted.recent.series.bounds", np.array([0, 11])), "bounds do not cut 12 entries"),
    "stamps": (scaled("fitted.recent.series.stamps", -1), "its stamps are not in order"),
    "dtype": (put(*SERIES, "dtype", value={"type": "bool"}), "stamps are not|is no type of times"),
    "other stamps": (put(*SERIES, "dtype", value={"type": "period[M]"}), r"stamps are not 'times with a time zone'"),
    "zone": (put(*SERIES, "dtype", value={"type": "datetime64[us, dateutil//etc/passwd]"}), "names no time zone"),
    "backwards": (both_grids({"offset": "-1h"}), r"grid\.step is <-1"),
    "no step": (both_grids({"date_offset": [1, {"hour": 3}]}), r"grid\.step is|hour"),
    "a number": (both_grids(1), r"grid\.step is 1"),
    "another grid": (put(*STATE, "grid", "Grid", "step", value={"offset": "2h"}), "grid is not that of recent"),
    "covariates": (put_array("fitted.recent.covariates", np.zeros((24, 4))), r"recent\.covariates has the shape"),
    "rows": (put(*LAYOUT, "window", value=11), r"inputs\.window and layout"),
    "figures": (put(*STATE, "figures", "dict", 0, 1, value={"tuple": [0.0, 0.0]}), "figures hold numbers that scale"),
    "huge figures": (put(*STATE, "figures", "dict", 0, 1, value={"tuple": [10**400, 1]}), "figures hold numbers that"),
    "no number": (put(*STATE, "figures", "dict", 0, 1, value={"tuple": [{"float": "nan"}, 1]}), "figures hold numbers"),
    "no figures": (put(*STATE, "figures", value={"dict": []}), "figures are of no series"),
    "a figure": (put(*STATE, "figures", "dict", 0, 1, value={"tuple": [0.0]}), r"fitted\.figures is .* another type"),
    "ends": (put(*STATE, "ends", "dict", 0, 1, value=3), "ends are not times with a time zone"),
    "no ends": (put(*STATE, "ends", value={"dict": []}), "ends are not times with a time zone"),
    "asked": (put(*STATE, "asked", value={"dict": [["tide", 1]]}), "asked does not tell of calendar"),
    "scores": (put_array(ERRORS, np.zeros((19, 4, 1))), r"scores\.errors has the shape \(19, 4, 1\)"),
    "pairs": (put_array(ERRORS, np.zeros((19, 3, 2))), r"scores\.errors has the shape \(19, 3, 2\)"),
    "residuals": (put_array(ERRORS.replace("errors", "residuals"), np.zeros((19, 4))), r"scores\.residuals has the shape"),
    "no errors": (put_array(ERRORS, np.full((19, 3, 1), np.inf)), r"scores\.errors are no errors"),
    "quantiles": (put(*OBJECTIVE, "parameter", value={"tuple": [0.1, 0.5]}), "objective has no levels of quantiles"),
    "loss": (put(*OBJECTIVE, "loss", value="poisson"), r"training\.objective\.loss is 'poisson'"),
    "link": (put(*OBJECTIVE, "link", value="log"), r"training\.objective\.link is 'log'"),
    "online": (online, r"online\.errors has the shape \(0, 0, 1\)"),
    "scored": (put(*STATE, "scores", "Scores", "errors", value={"dict": []}), "scores have no errors|nothing tells of"),
    "a tail": (put(*STATE, "labels", value={"TargetForm": {"n_outputs": 1, "per_step": False, "squeeze": True,
                                                          "names": None, "dtype": None}}), "labels, classes or a tail"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_record_that_is_none_is_refused(saved, tmp_path, name):
    change, message = WRONG[name]
    path = tmp_path / "model.gru"
    path.write_bytes(saved.read_bytes())
    changed(path, change)
    with pytest.raises(ValueError, match=message) as raised:
        grukit.load(path)
    assert str(raised.value).startswith(f"{path} cannot be opened: ")


GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("name", ["forecaster", "panel"])
@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_files_of_every_format_are_read_and_go_on(version, name):
    model = grukit.load(GOLDEN / f"format_{version}_{name}.gru")
    expected = np.load(GOLDEN / f"format_{version}_{name}.npz")
    values = np.random.default_rng(0).normal(size=(180, 2)).cumsum(axis=0)
    X = pd.DataFrame(values, hours(180, "Europe/Berlin", "2024-03-30"), ["price", "open"])
    known, past = (X, X["open"].rename("wind")) if name == "panel" else (None, None)
    forecast = model.predict(known)
    np.testing.assert_allclose(forecast, expected["prediction"], rtol=1e-9)
    np.testing.assert_allclose(model.predict_interval(0.9, known), expected["interval"], rtol=1e-9)
    if name == "forecaster":
        assert forecast.index[0] == X.index[160]
        goes_on = X["price"][160:163].rename("a")
    else:
        assert [stamp for _, stamp in forecast.index] == [*X.index[160:163], *X.index[120:123]]
        goes_on = pd.concat({"south": X["open"][120:123]}, names=["unit", "time"]).rename("load")
    moved = model.update(goes_on, known, past).predict(known)
    assert np.isfinite(moved).all()
    assert moved.index[-1] != forecast.index[-1]
