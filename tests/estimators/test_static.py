"""What is known of each series: numbers and categories, read as constants beside the covariates."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, small_forecaster
from thorough import if_full

from grukit import load
from grukit.estimators._forecast_checks import check_forecast_state

HOURS = HOURS[:84]
Y = pd.DataFrame(np.random.default_rng(0).normal(size=(84, 4)).cumsum(axis=0), index=HOURS, columns=list("abcd"))
STATIC = pd.DataFrame({"size": [1.0, 2.0, 3.0, 6.0], "kind": ["shop", "depot", "shop", "shop"]}, index=list("abcd"))
small = partial(small_forecaster, horizon=4, window=8, normalize=None, calendar=None, early_stopping=False)


@pytest.fixture(scope="module")
def fitted():
    return small().fit(Y, static=STATIC)


def test_numbers_are_standardised_over_series_and_categories_are_one_or_zero(fitted):
    size = STATIC["size"].to_numpy()
    wanted = np.column_stack([(size - size.mean()) / size.std(), size == 2, size != 2])
    np.testing.assert_allclose(fitted._fitted.recent.constants, wanted, rtol=1e-14)
    assert fitted._fitted.columns.columns == ["size", "kind is depot", "kind is shop"]
    plain = small(standardize=False).fit(Y, static=STATIC)
    np.testing.assert_array_equal(plain._fitted.recent.constants[:, 0], size)
    assert "of each series size, kind" in fitted.summary()
    other = small().fit(Y, static=STATIC.iloc[::-1].assign(kind=STATIC["kind"].astype("category")))
    pd.testing.assert_frame_equal(other.predict(), fitted.predict())
    other = small().fit(Y, static=STATIC.convert_dtypes(dtype_backend="pyarrow"))
    pd.testing.assert_frame_equal(other.predict(), fitted.predict())
    other = small().fit(Y, static=STATIC.assign(kind=STATIC["kind"] == "shop"))  # in the same order
    pd.testing.assert_frame_equal(other.predict(), fitted.predict())


def test_forecasts_depend_on_what_is_told_and_a_series_is_known_by_its_name(fitted):
    forecast = fitted.predict()
    pd.testing.assert_frame_equal(fitted.predict(context=Y), forecast)
    pd.testing.assert_frame_equal(fitted.predict(context=Y, static=STATIC), forecast)
    other = STATIC.assign(kind="depot", size=STATIC["size"] + 1)
    assert (fitted.predict(context=Y, static=other) != forecast).all(axis=None)
    part = fitted.predict(context=Y, static=other.loc[["a"]])  # of the others what was known counts
    pd.testing.assert_frame_equal(part[["b", "c", "d"]], forecast[["b", "c", "d"]])
    assert (part["a"] != forecast["a"]).all()


def saw(direction, first, n):
    return pd.Series((first + direction * np.arange(n)) % 6.0, index=HOURS[:n])


def test_a_switch_by_a_category_is_learned_exactly():
    """Saws that rise or fall, seen one row at a time: only the category tells which way it goes."""
    y = pd.DataFrame({(way, k): saw(1 if way == "up" else -1, k, 42) for way in ("up", "down") for k in range(3)})
    y.columns = pd.Index([f"{way} {k}" for way, k in y.columns])
    told = pd.DataFrame({"way": [name.split()[0] for name in y.columns]}, index=y.columns)
    settings = {
        "window": 1,
        "horizon": 2,
        "normalize": None,
        "solver": "lbfgs",
        "hidden_layer_sizes": 12,
        "max_iter": 3000,
        "standardize": False,
    }
    model = small(**settings, calibration_fraction=None, tol=1e-9).fit(y, static=told)
    new = pd.DataFrame({"new up": saw(1, 3, 6), "new down": saw(-1, 3, 6)})
    new = pd.concat([new, y.iloc[:6]], axis=1)
    ways = pd.DataFrame({"way": ["up", "down"]}, index=["new up", "new down"])
    ahead = model.predict(context=new, static=ways)
    for name, wanted in {"new up": [3, 4], "new down": [3, 2], "up 0": [0, 1], "down 2": [2, 1]}.items():
        np.testing.assert_allclose(ahead[name], wanted, atol=1e-3, err_msg=name)
    blind = small(**settings, calibration_fraction=None, tol=1e-9).fit(y)
    assert np.abs(blind.predict() - model.predict()).max(axis=None) > 0.5


def test_what_is_told_of_others_does_not_count(fitted):
    other = STATIC.copy()
    other.loc["b"] = [1e3, "depot"]
    pd.testing.assert_series_equal(fitted.predict(context=Y, static=other)["a"], fitted.predict()["a"])
    longer = pd.concat(
        [STATIC, pd.DataFrame({"size": [99.0], "kind": ["z"]}, index=["z"])]
    )  # of a series that is not there
    pd.testing.assert_frame_equal(small().fit(Y, static=longer).predict(), fitted.predict())


def test_series_that_are_new(fitted):
    new = pd.DataFrame({"e": Y["a"] + 3})
    words = "static has no row of series e; its index names 'a', 'b', 'c'"
    with pytest.raises(ValueError, match=r"knows nothing of series e: give static, .* the columns \['size', 'kind'\]"):
        fitted.predict(context=new)
    with pytest.raises(ValueError, match=words):
        fitted.predict(context=new, static=STATIC)
    told = pd.DataFrame({"kind": ["shop"], "size": [1]}, index=["e"])  # in any order, as whole numbers
    assert fitted.predict(context=new, static=told).shape == (4, 1)
    unknown = told.assign(kind="kiosk")
    with pytest.raises(
        ValueError, match="Series e has the category 'kiosk' in the column 'kind' of static.*had 'depot', 'shop'"
    ):
        fitted.predict(context=new, static=unknown)
    lenient = small(handle_unknown="mean").fit(Y, static=STATIC)
    pd.testing.assert_frame_equal(lenient.predict(), fitted.predict())
    panel = pd.concat({"a": Y["a"], "b": Y["b"]}, names=["unit", "time"])
    grown = small(handle_unknown="mean").fit(panel, static=STATIC)
    grown.update(pd.concat({"e": Y["a"] + 3}, names=["unit", "time"]), static=unknown)
    size, shares = (1 - 1.5) / 0.5, [0.5, 0.5]
    np.testing.assert_allclose(grown._fitted.recent.constants[2], [size, *shares])
    assert grown.predict().index.get_level_values(0).unique().tolist() == ["a", "b", "e"]
    with pytest.raises(ValueError, match="static tells something else of series a"):
        grown.update(pd.concat({"a": Y["a"]}, names=["unit", "time"]), static=STATIC.assign(size=7), refit=1)
    grown.update(pd.concat({"a": Y["a"]}, names=["unit", "time"]), refit=1)
    assert len(grown.history_) == 3


BAD = {
    "two rows of series 'a'": pd.concat([STATIC, STATIC.iloc[:1]]),
    "static has no row of series d; its index names 'a', 'b', 'c'": STATIC.iloc[:3],
    "Column 'size' of static is nan for series c": STATIC.assign(size=[1, 2, np.nan, 3]),
    "Column 'size' of static is inf for series b": STATIC.assign(size=[1, np.inf, 2, 3]),
    "Column 'kind' of static is (None|nan) for series d": STATIC.assign(kind=["x", "y", "y", None]),
    "two columns of the name 'kind'": pd.concat([STATIC, STATIC[["kind"]]], axis=1),
    "static has no columns": STATIC[[]],
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_wrong_is_named(words):
    with pytest.raises(ValueError, match=words):
        small().fit(Y, static=BAD[words])


def test_kinds_that_are_none(fitted):
    with pytest.raises(TypeError, match="static must be a DataFrame, with a row for each series.*; got Series"):
        small().fit(Y, static=STATIC["kind"])
    with pytest.raises(TypeError, match="Column 'opened' of static holds datetime64"):
        small().fit(Y, static=STATIC.assign(opened=HOURS[:4]))
    with pytest.raises(ValueError, match="static tells series apart"):
        small(channels="joint").fit(Y, static=STATIC)
    with pytest.raises(ValueError, match="static goes with context"):
        fitted.predict(static=STATIC)
    with pytest.raises(ValueError, match=r"must have the columns \['size', 'kind'\], as in fit; got \['kind'\]"):
        fitted.predict(context=Y, static=STATIC[["kind"]])
    with pytest.raises(ValueError, match="Column 'size' of static held numbers in fit; series a has 'large'"):
        fitted.predict(context=Y, static=STATIC.assign(size="large"))
    with pytest.raises(ValueError, match="must have the columns None, as in fit"):
        small().fit(Y).predict(context=Y, static=STATIC)


def test_records_that_are_none_are_refused(fitted):
    state = fitted._fitted
    size, kind = state.columns.static
    for static, words in [
        ((size._replace(scale=0.0), kind), "columns.static scales 'size' by nothing"),
        ((size, kind._replace(categories=["shop"])), "columns.static has no 'kind'"),
        ((size, kind._replace(categories=["shop", []])), "columns.static has names that are none"),
    ]:
        form = replace(state.columns, static=static)
        with pytest.raises(ValueError, match=words):
            check_forecast_state(replace(state, columns=form, recent=replace(state.recent, form=form)))
    other = replace(state.recent, form=replace(state.columns, static=(size._replace(center=[1.0]), kind)))
    with pytest.raises(ValueError, match="recent.form.static is another"):
        check_forecast_state(replace(state, recent=other))


@pytest.mark.parametrize("normalize", ["last", "mean", "window", None])
def test_predictors_streams_and_files(tmp_path, normalize):
    model = small(normalize=normalize).fit(Y, static=STATIC)
    forecast = model.predict()
    for name in "bd":
        window = Y[name].to_numpy()[-8:]
        np.testing.assert_allclose(model.predictor(name)(window), forecast[name], rtol=1e-9)
        np.testing.assert_allclose(model.predictor(name)(np.stack([window, window + 1]))[0], forecast[name], rtol=1e-9)
    if normalize != "window":
        stream = model.stream()
        for row in Y.to_numpy()[-8:-1]:
            stream.step(row)
        again = model.stream()
        again.state = stream.state
        last = Y.to_numpy()[-1]
        np.testing.assert_array_equal(stream.step(last).T, model.predict(context=Y[-8:]))
        np.testing.assert_array_equal(again.step(last).T, model.predict(context=Y[-8:]))
        np.testing.assert_allclose(model.stream("c").step(Y["c"].iloc[-1]), model.predict(context=Y[["c"]][-1:])["c"])
    model.save(tmp_path / "model.gru")
    for other in (load(tmp_path / "model.gru"), pickle.loads(pickle.dumps(model))):
        assert other._fitted.columns == model._fitted.columns
        pd.testing.assert_frame_equal(other.predict(), forecast)
        later = pd.DataFrame(
            Y.to_numpy()[:3], pd.date_range(HOURS[-1] + HOURS.freq, periods=3, freq="h", name="time"), Y.columns
        )
        other.update(later)
        pd.testing.assert_frame_equal(other.predict(), model.predict(context=pd.concat([Y, later])))


@pytest.mark.parametrize("segment", [2, *if_full(None)])
def test_predictors_and_streams_know_what_a_decoder_reads_ahead(segment):
    model = small(strategy="decoder", segment=segment, calibration_fraction=None).fit(Y, static=STATIC)
    window = Y["d"].to_numpy()[-8:]
    np.testing.assert_allclose(model.predictor("d")(window), model.predict()["d"], rtol=1e-9)
    if segment is None:
        stream = model.stream("d")
        steps = [stream.step(value) for value in window]
        np.testing.assert_allclose(steps[-1], model.predict()["d"], rtol=1e-9)


def test_warm_starts_intervals_and_backtests(fitted):
    model = small(warm_start=True).fit(Y[:60], static=STATIC)
    assert len(model.fit(Y, static=STATIC).history_) == 4
    assert len(model.fit(Y).history_) == 6  # these series are known
    with pytest.raises(ValueError, match="Series a has the category 'x'"):
        model.fit(Y, static=STATIC.assign(kind="x"))
    wanted = fitted.predict_interval(0.5)
    pd.testing.assert_frame_equal(fitted.predict_interval(0.5, context=Y, static=STATIC), wanted)
    paths = [
        fitted.predict_samples(3, context=Y, static=STATIC, random_state=0),
        fitted.predict_samples(3, random_state=0),
    ]
    pd.testing.assert_frame_equal(*paths)
    table = small().backtest(Y, static=STATIC, n_splits=2, coverage=0.5)
    by_hand = small().fit(Y[:76], static=STATIC).predict()
    chosen = table[(table["origin"] == HOURS[75]) & (table["series"] == "c")]["prediction"]
    np.testing.assert_array_equal(chosen, by_hand["c"])
    early = small().fit(Y[:70], static=STATIC)
    other = early.backtest(Y, static=STATIC.assign(kind="shop"), n_splits=1, refit=False)
    changed = early.predict(context=Y[:80], static=STATIC.assign(kind="shop"))
    np.testing.assert_array_equal(other[other["series"] == "b"]["prediction"], changed["b"])


def test_names_of_several_levels_and_none():
    panel = pd.concat({("u", 1): Y["a"], ("u", 2): Y["b"]}, names=["kind", "number", "time"])
    index = pd.MultiIndex.from_tuples([("u", 2), ("u", 1)])
    told = pd.DataFrame({"size": [5.0, 1.0]}, index=index)
    model = small().fit(panel, static=told)
    np.testing.assert_array_equal(model._fitted.recent.constants[:, 0], [-1.0, 1.0])
    one = small().fit(Y["a"].to_numpy(), static=pd.DataFrame({"kind": ["shop"]}))
    np.testing.assert_array_equal(one._fitted.recent.constants, [[1.0]])
    assert np.isfinite(one.predict()).all()
    recursive = small(strategy="recursive", quantiles=None).fit(Y, static=STATIC)
    assert np.isfinite(recursive.predict()).all(axis=None)
