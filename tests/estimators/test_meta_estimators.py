"""scikit-learn's tools that expect arrays of numbers, and what becomes of an index on the way to them."""

import pickle
from datetime import UTC

import numpy as np
import pandas as pd
import pytest
from plain import PLAIN
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from grukit import GRUClassifier, GRURegressor


@pytest.fixture(scope="module")
def steps():
    """A frame, targets, and labels of two and of three classes, on one index."""
    values = np.random.default_rng(0).normal(size=(150, 2))
    X = pd.DataFrame(values, pd.date_range("2024", periods=150, freq="h"), ["a", "b"])
    two = pd.Series(np.where(X["a"] > 0, "up", "down"), X.index)
    three = pd.Series(np.array(["p", "q", "r"])[np.digitize(X["a"], [-0.4, 0.4])], X.index, name="class")
    return X, X["a"].rename("y"), two, three


def small(estimator, **changes):
    return estimator(**{"hidden_layer_sizes": 4, "window": 4, "max_iter": 3, "random_state": 0, **changes})


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_of_a_frame_is_that_of_its_numbers(steps, method, n_classes):
    X, labels = steps[0], steps[n_classes]
    split = TimeSeriesSplit(2)
    model = CalibratedClassifierCV(small(GRUClassifier), method=method, cv=split).fit(X, labels)
    arrays = CalibratedClassifierCV(small(GRUClassifier), method=method, cv=split)
    # Arrays have no history from before a fold; the rows after the first window have the same one.
    expected = arrays.fit(X.to_numpy(), labels.to_numpy()).predict_proba(X.to_numpy())
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found - expected).mean() < 0.01  # labels a row off: 0.04 to 0.09


@pytest.mark.skipif(
    "temperature" not in CalibratedClassifierCV._parameter_constraints["method"][0].options, reason="since 1.8"
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_by_a_temperature_takes_labels_as_an_array(steps, n_classes):
    """scikit-learn 1.9 itself looks for ``y[0]`` there, so a Series on another index fails with every classifier."""
    X, labels = steps[0], steps[n_classes].to_numpy()
    model = CalibratedClassifierCV(small(GRUClassifier), method="temperature", cv=TimeSeriesSplit(2))
    found = model.fit(X, labels).predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    expected = model.fit(X.to_numpy(), labels).predict_proba(X.to_numpy())
    assert (
        np.abs(found - expected).mean() < 0.01
    )  # labels a row off: 0.04 and 0.05; probabilities as they were: 0.07 and 0.02


@pytest.mark.parametrize("frozen", [False, True])
def test_stacking_of_fitted_models(steps, frozen):
    X, y, _, three = steps
    fitted = small(GRURegressor).fit(X, y)
    if frozen:
        model = StackingRegressor([("gru", FrozenEstimator(fitted))], Ridge(alpha=1e-9), cv=TimeSeriesSplit(2))
        model.set_params(cv="prefit")
    else:
        model = StackingRegressor([("gru", fitted)], Ridge(alpha=1e-9), cv="prefit")
    stacked = model.fit(X, y)
    np.testing.assert_array_equal(stacked.transform(X)[:, 0], fitted.predict(X))
    slope, intercept = np.polyfit(fitted.predict(X), y, 1)
    np.testing.assert_allclose(stacked.predict(X), slope * fitted.predict(X) + intercept, atol=1e-5)
    classifier = small(GRUClassifier).fit(X, three)
    stacked = StackingClassifier([("gru", classifier)], LogisticRegression(), cv="prefit").fit(X, three)
    np.testing.assert_array_equal(stacked.transform(X), classifier.predict_proba(X))


def test_predictions_are_plain_series_that_can_be_reshaped(steps):
    X, y, _, _ = steps
    prediction = small(GRURegressor).fit(X, y).predict(X)
    assert type(prediction) is pd.Series
    np.testing.assert_array_equal(prediction.reshape(-1, 1), prediction.to_numpy()[:, None])
    np.testing.assert_array_equal(prediction.reshape((50, 3)), prediction.to_numpy().reshape(50, 3))
    again = pickle.loads(pickle.dumps(prediction))
    pd.testing.assert_series_equal(again, prediction)
    assert not hasattr(prediction + 1, "reshape") and not hasattr(again, "reshape")


def test_probabilities_are_iterated_by_class_when_transposed(steps):
    X, _, _, three = steps
    shares = small(GRUClassifier).fit(X, three).predict_proba(X)
    for k, row in enumerate(shares.T):
        np.testing.assert_array_equal(row, shares.iloc[:, k])
    assert list(shares) == ["p", "q", "r"] and shares.T.index.tolist() == ["p", "q", "r"]
    assert type(shares.T + 0) is pd.DataFrame


@pytest.mark.parametrize("estimator", [GRURegressor, Ridge])
def test_transformed_targets_with_pandas_output(steps, estimator):
    X, y, _, _ = steps
    inner = small(estimator) if estimator is GRURegressor else estimator()
    plain = TransformedTargetRegressor(clone(inner), transformer=StandardScaler()).fit(X, y)
    with config_context(transform_output="pandas"):
        model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, y)
        found = np.asarray(model.predict(X))
    np.testing.assert_allclose(found.ravel(), np.ravel(plain.predict(X)), rtol=1e-6)


def test_an_index_that_was_lost_by_itself_is_still_an_error(steps):
    X, y, _, _ = steps
    with pytest.raises(ValueError, match="X and y have different indexes"):
        small(GRURegressor).fit(X, y.reset_index(drop=True))


@pytest.mark.parametrize("name", ["prediction_of_a_panel", "a_plain_frame"])
def test_a_scaler_in_a_pipeline(steps, name):
    X, y, _, _ = steps
    if name == "a_plain_frame":  # works, on the terms of y: numbers in its unit, without an index
        pipe = make_pipeline(StandardScaler(), small(GRURegressor, max_iter=60)).fit(X, y)
        found = pipe.predict(X)
        assert isinstance(found, np.ndarray) and np.corrcoef(found, y)[0, 1] > 0.8
        return
    panel = pd.concat({"u": X[:40], "v": X[40:80]}, names=["series", "time"])
    target = panel["a"].rename("y")
    with pytest.raises(ValueError, match=r'y has a MultiIndex.*set_output\(transform="pandas"\)'):
        make_pipeline(StandardScaler(), small(GRURegressor)).fit(panel, target)
    scaler = StandardScaler().set_output(transform="pandas")
    pipe = make_pipeline(scaler, small(GRURegressor, window=6)).fit(panel, target)
    moved = panel + 100.0 * (panel.index.get_level_values("series") == "u")[:, None]
    pd.testing.assert_series_equal(pipe.predict(moved).loc["v"], pipe.predict(panel).loc["v"])


def test_context_on_another_scale_than_X_is_told(steps):
    X, y = 300 + 7 * steps[0], steps[1]
    scaler = StandardScaler().set_output(transform="pandas")
    pipe = make_pipeline(scaler, small(GRURegressor, max_iter=60, window=12, **PLAIN)).fit(X[:100], y[:100])
    right = pipe[-1].predict(pipe[:-1].transform(X[100:]), context=pipe[:-1].transform(X[:100]))
    with pytest.warns(UserWarning, match=r"Column '[ab]' of context lies \d+ standard deviations .*pipeline\[:-1\]"):
        wrong = pipe.predict(X[100:], context=X[:100])
    assert np.abs(wrong - right)[:3].max() > 0.1
    pd.testing.assert_series_equal(pipe.predict(X[100:]), right)  # the tail of training is scaled


@pytest.mark.parametrize(
    ("X_index", "y_index"),
    [
        (pd.RangeIndex(20), pd.Index(np.arange(20.0))),
        (pd.Index(np.arange(20), dtype="Int64"), pd.Index(np.arange(20), dtype=object)),
        (pd.date_range("2024", periods=20, tz="UTC"), pd.date_range("2024", periods=20, tz=UTC)),
        (pd.date_range("2024", periods=20), pd.date_range("2024", periods=20).as_unit("s").astype(object)),
        (pd.MultiIndex.from_product([["u"], range(20)]), pd.MultiIndex.from_product([["u"], np.arange(20.0)])),
    ],
    ids=["float", "object", "zone", "Timestamps", "MultiIndex"],
)
def test_equal_labels_of_another_dtype_are_the_same_index(steps, X_index, y_index):
    X, y = steps[0][:20].set_axis(X_index), steps[1][:20]
    expected = small(GRURegressor).fit(X, y.set_axis(X_index))
    found = small(GRURegressor).fit(X, y.set_axis(y_index))
    assert found.loss_curve_ == expected.loss_curve_
    with pytest.raises(ValueError, match="different indexes: at row 3"):
        small(GRURegressor).fit(X, y.set_axis(y_index[[0, 1, 2, 4, 3, *range(5, 20)]]))
