"""It works unchanged inside scikit-learn's tools, and travels through pickle and joblib."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from compare import assert_same_weights
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from grukit import GRURegressor


@pytest.fixture
def data(hourly):
    """60 hours and the mean of each with the one before."""
    X = hourly(60)
    return X, X["a"].rolling(2, min_periods=1).mean().rename("load")


# --- Pipelines -----------------------------------------------------------------------------------------


def test_pipeline_with_pandas_output_continues_over_time(tiny, data):
    X, y = data
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), tiny()).fit(X[:40], y[:40])
    scaler = StandardScaler().set_output(transform="pandas").fit(X[:40])
    alone = tiny().fit(scaler.transform(X[:40]), y[:40])
    assert_same_weights(pipe[-1], alone)
    prediction = pipe.predict(X[40:])
    pd.testing.assert_series_equal(prediction, alone.predict(scaler.transform(X), context=None)[40:], check_freq=False)
    assert prediction.name == "load"
    assert pipe.score(X[40:], y[40:]) == pytest.approx(r2_score(y[40:], prediction))


def test_pipeline_with_arrays_does_not_continue(tiny, data):
    X, y = data
    pipe = make_pipeline(StandardScaler(), tiny()).fit(X[:40], y[:40])
    prediction = pipe.predict(X[40:])
    assert isinstance(prediction, np.ndarray)
    np.testing.assert_array_equal(prediction, pipe[-1].predict(pipe[0].transform(X[40:]), context=None))


def test_column_transformer_encodes_what_is_no_number(tiny, data):
    X, y = data
    X = X.assign(day=pd.Categorical(["x", "y", "z"] * 20))
    encode = ColumnTransformer(
        [("day", OneHotEncoder(sparse_output=False), ["day"]), ("rest", StandardScaler(), ["a", "b"])]
    ).set_output(transform="pandas")
    pipe = make_pipeline(encode, tiny()).fit(X[:40], y[:40])
    assert pipe[-1].feature_names_in_.tolist() == ["day__day_x", "day__day_y", "day__day_z", "rest__a", "rest__b"]
    prediction = pipe.predict(X[40:])
    pd.testing.assert_index_equal(prediction.index, X.index[40:], exact=False)
    whole = pipe[-1].predict(pipe[0].transform(X), context=None)[40:]
    np.testing.assert_array_equal(prediction, whole)


def test_pipeline_on_a_panel(tiny, panel):
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), tiny()).fit(panel, panel["a"])
    prediction = pipe.predict(panel)
    pd.testing.assert_index_equal(prediction.index, panel.index)
    np.testing.assert_array_equal(prediction.loc["v"], pipe.predict(panel.loc[["v"]]))


def test_default_output_set_to_pandas_changes_nothing(tiny, data):
    X, y = data
    with config_context(transform_output="pandas"):
        pipe = make_pipeline(MinMaxScaler(), tiny()).fit(X, y)
        assert isinstance(pipe.predict(X), pd.Series)
        np.testing.assert_array_equal(tiny().fit(X.to_numpy(), y).predict(X.to_numpy()), tiny().fit(X, y).predict(X))


# --- Searching and scoring -------------------------------------------------------------------------------


def test_cross_validation_gives_each_fold_its_history(tiny, data):
    X, y = data
    split = TimeSeriesSplit(3)
    by_hand = []
    for train, test in split.split(X):
        model = tiny().fit(X.iloc[train], y.iloc[train])
        by_hand.append(r2_score(y.iloc[test], model.predict(X.iloc[test], context=X.iloc[train])))
    np.testing.assert_allclose(cross_val_score(tiny(), X, y, cv=split), by_hand, rtol=1e-12)
    negative = cross_val_score(tiny(), X, y, cv=split, scoring="neg_mean_absolute_error")
    assert negative.shape == (3,) and (negative < 0).all()


def test_grid_search_over_time(tiny, data):
    X, y = data
    search = GridSearchCV(
        make_pipeline(StandardScaler().set_output(transform="pandas"), tiny(max_iter=10)),
        {"gruregressor__learning_rate_init": [1e-9, 0.02], "gruregressor__window": [2, 3]},
        cv=TimeSeriesSplit(2),
    ).fit(X, y)
    assert search.best_params_["gruregressor__learning_rate_init"] == 0.02  # the other learns nothing
    best = clone(search.best_estimator_).fit(X, y)
    pd.testing.assert_series_equal(search.predict(X), best.predict(X))


def test_cross_val_predict_of_sequences(tiny):
    X, y = np.random.default_rng(0).normal(size=(12, 5, 2)), np.arange(12.0)
    prediction = cross_val_predict(tiny(), X, y, cv=3)
    np.testing.assert_array_equal(prediction[:4], tiny().fit(X[4:], y[4:]).predict(X[:4]))


def test_permutation_importance_finds_the_column_that_matters(tiny, data):
    X, y = data
    model = tiny(max_iter=60, learning_rate_init=0.02, window=2).fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=3, random_state=0).importances_mean
    assert importance[0] > 0.3 > abs(importance[1])


# --- Targets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform",
    [{"transformer": MinMaxScaler()}, {"func": np.sinh, "inverse_func": np.arcsinh}],
    ids=["object", "functions"],
)
def test_transformed_targets_of_arrays(tiny, data, transform):
    x, y = data[0].to_numpy(), data[1].to_numpy()
    model = TransformedTargetRegressor(tiny(), **transform).fit(x, y)
    step = FunctionTransformer(**transform) if "func" in transform else transform["transformer"]
    inner = tiny().fit(x, step.fit_transform(y[:, None])[:, 0])
    expected = step.inverse_transform(inner.predict(x)[:, None])[:, 0]
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-6)


def test_transformed_targets_of_frames(tiny, data):
    X, y = data
    model = TransformedTargetRegressor(tiny(), transformer=MinMaxScaler()).fit(X, y)
    array = TransformedTargetRegressor(tiny(), transformer=MinMaxScaler()).fit(X.to_numpy(), y)
    np.testing.assert_allclose(np.ravel(model.predict(X)), array.predict(X.to_numpy()), rtol=1e-6)


# --- Metadata --------------------------------------------------------------------------------------------


def test_routing_of_sample_weight_and_context(tiny, data):
    X, y = data
    weight = np.linspace(0, 1, 40)
    with config_context(enable_metadata_routing=True):
        model = tiny().set_fit_request(sample_weight=True).set_predict_request(context=True)
        pipe = make_pipeline(FunctionTransformer(), model).fit(X[:40], y[:40], sample_weight=weight)
        routed = pipe.predict(X[40:], context=-X[:40])
    direct = tiny().fit(X[:40], y[:40], sample_weight=weight)
    assert_same_weights(pipe[-1], direct)
    np.testing.assert_array_equal(routed, direct.predict(X[40:], context=-X[:40]))
    assert not np.array_equal(routed, direct.predict(X[40:]))


def test_sample_weight_without_routing(tiny, data):
    X, y = data
    weight = np.linspace(0, 1, 60)
    pipe = make_pipeline(FunctionTransformer(), tiny()).fit(X, y, gruregressor__sample_weight=weight)
    assert_same_weights(pipe[-1], tiny().fit(X, y, sample_weight=weight))
    scores = cross_val_score(tiny(), X, y, cv=TimeSeriesSplit(2), params={"sample_weight": weight})
    by_hand = []
    for train, test in TimeSeriesSplit(2).split(X):
        model = tiny().fit(X.iloc[train], y.iloc[train], sample_weight=weight[train])
        by_hand.append(model.score(X.iloc[test], y.iloc[test]))
    np.testing.assert_allclose(scores, by_hand, rtol=1e-12)


# --- Copies ----------------------------------------------------------------------------------------------


def test_clone_has_the_parameters_and_nothing_else(tiny, data):
    X, y = data
    sizes = [4, 3]
    model = tiny(hidden_layer_sizes=sizes, callbacks=[print]).set_params(callbacks=None).fit(X, y)
    copy = clone(model)
    assert copy.get_params() == model.get_params() and copy.get_params()["hidden_layer_sizes"] is not sizes
    assert not [name for name in vars(copy) if name.endswith("_") or name.startswith("_")]
    assert_same_weights(copy.fit(X, y), model)


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("copy", [lambda m: pickle.loads(pickle.dumps(m)), through_joblib], ids=["pickle", "joblib"])
@pytest.mark.parametrize("kind", ["frame", "panel", "sequences"])
def test_a_stored_model_predicts_continues_and_trains_on_as_the_original(tiny, data, panel, copy, kind):
    X, y = data
    if kind == "frame":
        train, test = (X[:40], y[:40]), (X[40:], y[40:])
    elif kind == "panel":
        later = panel.index.get_level_values("time") >= "2024-01-01 12:00"
        train, test = (panel[~later], panel.loc[~later, "a"]), (panel[later], panel.loc[later, "a"])
    else:
        x = [X[i : i + 1 + i % 4] for i in range(20)]
        train, test = (x[:15], y[:15]), (x[15:], y[15:20])
    model = tiny().fit(*train)
    stored = copy(model)
    np.testing.assert_array_equal(stored.predict(test[0]), model.predict(test[0]))
    assert_same_weights(stored.partial_fit(*test), model.partial_fit(*test))  # random state and moments, too
    pd.testing.assert_frame_equal(stored.history_.drop(columns="seconds"), model.history_.drop(columns="seconds"))


def test_threads_may_share_a_model(tiny, data):
    X, y = data
    model = tiny(n_jobs=2).fit(X, y)
    expected = model.predict(X, context=None)
    parts = joblib.Parallel(4, prefer="threads")(joblib.delayed(model.predict)(X, context=None) for _ in range(20))
    for part in parts:
        pd.testing.assert_series_equal(part, expected)
    fits = joblib.Parallel(4, prefer="threads")(joblib.delayed(tiny(n_jobs=2).fit)(X, y) for _ in range(6))
    for fit in fits:
        assert_same_weights(fit, model)


def test_processes(tiny, data):
    X, y = data
    model = tiny().fit(X, y)
    for fitted in joblib.Parallel(2)(joblib.delayed(clone(model).fit)(X, y) for _ in range(2)):
        pd.testing.assert_series_equal(fitted.predict(X), model.predict(X))
    search = GridSearchCV(tiny(), {"window": [2, 4]}, cv=TimeSeriesSplit(2), n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# --- Looks -----------------------------------------------------------------------------------------------


def test_repr_shows_what_was_changed(data):
    X, y = data
    assert repr(GRURegressor(8, window=5)) == "GRURegressor(hidden_layer_sizes=8, window=5)"
    assert repr(GRURegressor()) == "GRURegressor()"
    html = GRURegressor(8)._repr_html_()
    assert "GRURegressor" in html and "hidden_layer_sizes" in html
    fitted = GRURegressor(4, window=3, max_iter=1).fit(X, y)
    assert (
        "fitted" in fitted._repr_html_() and repr(fitted) == "GRURegressor(hidden_layer_sizes=4, max_iter=1, window=3)"
    )
