"""pandas in, pandas out: index, names, columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

INDEXES = {
    "hours": lambda n: pd.date_range("2024-01-01", periods=n, freq="h", name="time"),
    "no freq": lambda n: pd.DatetimeIndex(pd.date_range("2024-01-01", periods=n, freq="h"), freq=None),
    "irregular": lambda n: pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(n) ** 2, unit="min"),
    "time zone": lambda n: pd.date_range("2024-03-30", periods=n, freq="h", tz="Europe/Paris"),
    "month ends": lambda n: pd.date_range("2024-01-31", periods=n, freq="ME"),
    "business days": lambda n: pd.date_range("2024-01-01", periods=n, freq="B"),
    "periods": lambda n: pd.period_range("2024-01", periods=n, freq="Q"),
    "time deltas": lambda n: pd.timedelta_range("1D", periods=n, freq="6h"),
    "range": lambda n: pd.RangeIndex(5, 5 + n),
    "integers": lambda n: pd.Index(np.arange(n) * 3 - 4, name="step"),
    "floats": lambda n: pd.Index(np.arange(n) / 7),
    "words": lambda n: pd.Index([f"t{i:03d}" for i in range(n)]),
    "dates": lambda n: pd.Index(list(pd.date_range("2024", periods=n).date)),
    "categories": lambda n: pd.CategoricalIndex([f"t{i:03d}" for i in range(n)], ordered=True),
    "intervals": lambda n: pd.interval_range(0, n),
    "nullable": lambda n: pd.Index(np.arange(n), dtype="Int64"),
    "panel": lambda n: pd.MultiIndex.from_arrays(
        [["u"] * (n // 2) + ["v"] * (n - n // 2), range(n)], names=["series", "time"]
    ),
    "panel of three levels": lambda n: pd.MultiIndex.from_arrays(
        [["x"] * n, [1] * (n // 2) + [2] * (n - n // 2), pd.period_range("2024", periods=n, freq="M")]
    ),
}
INDEX_KINDS = st.sampled_from(sorted(INDEXES))


@settings(max_examples=60, deadline=None)
@given(kind=INDEX_KINDS, n=st.integers(1, 40), n_outputs=st.sampled_from([1, 2]))
def test_predictions_carry_the_index_of_X_and_the_names_of_y(tiny, kind, n, n_outputs):
    x = np.random.default_rng(n).normal(size=(n, 2))
    X = pd.DataFrame(x, index=INDEXES[kind](n), columns=["a", "b"])
    y = X["a"].rename("load") if n_outputs == 1 else X.rename(columns={"a": "load", "b": "price"})
    model = tiny(max_iter=1).fit(X, y)
    prediction = model.predict(X, context=None)
    pd.testing.assert_index_equal(prediction.index, X.index, exact=True)
    if n_outputs == 1:
        assert isinstance(prediction, pd.Series) and prediction.name == "load"
    else:
        assert isinstance(prediction, pd.DataFrame) and list(prediction.columns) == ["load", "price"]
    if not isinstance(X.index, pd.MultiIndex):
        np.testing.assert_array_equal(prediction, tiny(max_iter=1).fit(x, x[:, 0] if n_outputs == 1 else x).predict(x))


@settings(max_examples=30, deadline=None)
@given(kind=INDEX_KINDS, n=st.integers(2, 40), data=st.data())
def test_any_part_of_a_frame_keeps_its_index(tiny, kind, n, data):
    X = pd.DataFrame(np.random.default_rng(n).normal(size=(n, 2)), index=INDEXES[kind](n), columns=["a", "b"])
    first = data.draw(st.integers(0, n - 1))
    part = X[first : data.draw(st.integers(first + 1, n))]
    model = tiny(max_iter=1).fit(X, X["a"])
    pd.testing.assert_index_equal(model.predict(part).index, part.index, exact=True)


def test_a_multiindex_of_one_level_is_one_series(tiny, hourly):
    X = hourly(12)
    expected = tiny().fit(X, X["a"]).predict(X)
    X.index = pd.MultiIndex.from_arrays([X.index])
    prediction = tiny().fit(X, X["a"]).predict(X)
    np.testing.assert_array_equal(prediction, expected)
    pd.testing.assert_index_equal(prediction.index, X.index)


@pytest.mark.parametrize("name", [None, "load", 7, ("p", "q"), pd.Timestamp("2024"), "a"])
def test_names_of_a_series(tiny, hourly, name):
    X = hourly(8)
    prediction = tiny().fit(X, X["a"].rename(name)).predict(X)
    assert isinstance(prediction, pd.Series) and prediction.name == name


@pytest.mark.parametrize(
    "columns",
    [
        pd.Index(["p", "q"]),
        pd.Index([1, 2]),
        pd.Index(["p", 2], dtype=object),
        pd.Index(["p", "p"]),
        pd.period_range("2024", periods=2, freq="Y"),
        pytest.param(
            pd.Index(["p", "q"], name="meter"),
        ),
        pytest.param(
            pd.MultiIndex.from_tuples([("p", 1), ("q", 2)]),
        ),
    ],
)
def test_columns_of_a_frame(tiny, hourly, columns):
    X = hourly(8)
    model = tiny().fit(X, X.set_axis(columns, axis=1))
    prediction = model.predict(X)
    pd.testing.assert_index_equal(prediction.columns, columns)
    np.testing.assert_array_equal(prediction, tiny().fit(X, X.to_numpy()).predict(X))


def test_a_frame_of_one_column_gives_a_frame(tiny, hourly):
    X = hourly(8)
    frame = tiny().fit(X, X[["a"]]).predict(X)
    assert isinstance(frame, pd.DataFrame)
    pd.testing.assert_series_equal(frame["a"], tiny().fit(X, X["a"]).predict(X))


def test_each_output_is_in_its_own_column(tiny, hourly):
    X = hourly(30)
    y = X.assign(a=X["a"] + 1000).rename(columns={"a": "high", "b": "low"})
    prediction = tiny().fit(X, y).predict(X)
    assert (prediction["high"] > 900).all() and (prediction["low"].abs() < 100).all()


def test_array_targets_and_array_inputs(tiny, hourly):
    X = hourly(12)
    x = X.to_numpy()
    series = tiny().fit(X, X["a"]).predict(X)
    unnamed = tiny().fit(X, x[:, 0]).predict(X)
    if isinstance(unnamed, pd.Series):  # a frame in, a Series out
        assert unnamed.name is None
        pd.testing.assert_index_equal(unnamed.index, X.index)
    np.testing.assert_array_equal(unnamed, series)
    plain = tiny().fit(x, X["a"]).predict(x)
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, series)
    two = tiny().fit(x, x).predict(x)
    np.testing.assert_array_equal(two, tiny().fit(X, X).predict(X))


def test_predictions_are_the_users_to_change(tiny, hourly):
    X = hourly(12)
    model = tiny().fit(X, X["a"])
    before = model.predict(X)
    again = model.predict(X)
    again.iloc[:] = 0
    again.index = range(12)
    pd.testing.assert_series_equal(model.predict(X), before)
    assert X.index.equals(hourly(12).index)


def test_the_name_follows_the_last_fit(tiny, hourly):
    X = hourly(12)
    model = tiny(warm_start=True).fit(X, X["a"].rename("old")).fit(X, X["a"].rename("new"))
    assert model.predict(X).name == "new"


def test_feature_names(tiny, hourly):
    X = hourly(12)
    model = tiny().fit(X, X["a"])
    assert model.feature_names_in_.tolist() == ["a", "b"] and model.n_features_in_ == 2
    model.fit(X.to_numpy(), X["a"])
    assert not hasattr(model, "feature_names_in_")
    sequences = tiny().fit([X, X], [0.0, 1.0])
    assert sequences.feature_names_in_.tolist() == ["a", "b"]
