"""What users hold their numbers in: lists, masked arrays, arrays and frames of other libraries."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr
from sklearn.exceptions import NotFittedError

from grukit import GRUClassifier
from grukit.inspection import gates

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 5, 2))
Y = X[:, :, 0].sum(axis=1)
RAGGED = [RNG.normal(size=n) for n in (3, 5, 4, 6, 7, 8)]
SUMS = np.array([x.sum() for x in RAGGED])


class Tensor:
    """An array of another library, as PyTorch's: it can be made one of NumPy's."""

    def __init__(self, values):
        self.values, self.shape, self.ndim = values, values.shape, values.ndim

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


FORMS = {
    "nested lists": X.tolist(),
    "lists of arrays": [[row for row in x] for x in X],
    "tensor": Tensor(X),
    "list of tensors": [Tensor(x) for x in X],
    "tuple of arrays": tuple(X),
    "xarray": xr.DataArray(X, dims=["sequence", "step", "feature"]),
    "list of xarrays": [xr.DataArray(x) for x in X],
    "array of objects": np.array([*X, np.zeros((3, 2))], dtype=object)[:-1],
    "masked array": np.ma.masked_array(X),
}


@pytest.mark.parametrize("form", FORMS)
def test_sequences_in_any_container_are_the_same_sequences(tiny, form):
    expected = tiny().fit(X, Y)
    model = tiny().fit(FORMS[form], Y)
    assert model.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(model.predict(FORMS[form]), expected.predict(X))
    np.testing.assert_array_equal(expected.predict(FORMS[form]), expected.predict(X))
    assert model.score(FORMS[form], Y) == expected.score(X, Y)
    np.testing.assert_array_equal(gates(model, FORMS[form]), gates(expected, X))


@pytest.mark.parametrize("window", [4, None])
@pytest.mark.parametrize("make", [list, tuple, lambda x: np.array(x, dtype=object)], ids=["list", "tuple", "objects"])
def test_one_dimensional_arrays_of_unequal_length_are_univariate_sequences(tiny, window, make):
    expected = tiny(window=window).fit([x[:, None] for x in RAGGED], SUMS)
    model = tiny(window=window).fit(make(RAGGED), SUMS)
    np.testing.assert_array_equal(model.predict(make(RAGGED)), expected.predict([x[:, None] for x in RAGGED]))
    # Afterwards those of equal length are no table.
    equal = [x[:3] for x in RAGGED]
    np.testing.assert_array_equal(model.predict(equal), expected.predict([x[:, None] for x in equal]))
    np.testing.assert_array_equal(model.predict(equal[:1]), expected.predict([equal[0][:, None]]))


def test_series_of_unequal_length_keep_their_index(tiny):
    days = [pd.Series(x, pd.date_range("2024", periods=len(x)), name="x") for x in RAGGED]
    model = tiny().fit(days, [x.cumsum() for x in days])
    for series, prediction in zip(days, model.predict(days), strict=True):
        pd.testing.assert_index_equal(series.index, prediction.index)


def test_arrays_of_equal_length_are_still_the_rows_of_a_table(tiny):
    rows = [*X[:, 0]]
    np.testing.assert_array_equal(tiny().fit(rows, Y).predict(rows), tiny().fit(X[:, 0], Y).predict(X[:, 0]))


def test_lists_of_numbers_of_unequal_length_are_an_error(tiny):
    with pytest.raises(ValueError, match="inhomogeneous"):
        tiny().fit([[1.0, 2.0]] * 19 + [[1.0]], Y)


def test_targets_at_every_step_in_an_array_of_objects(tiny):
    sums = [x.cumsum() for x in RAGGED]
    expected = tiny().fit(RAGGED, sums).predict(RAGGED)
    found = tiny().fit(RAGGED, np.array(sums, dtype=object)).predict(RAGGED)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


# --- Masked arrays -----------------------------------------------------------------------------------


def masked(values, where):
    hidden = np.where(where, 1e9, values)  # what must never be seen
    return np.ma.masked_array(hidden, mask=where)


def test_a_masked_entry_is_a_missing_value(tiny):
    where = RNG.random(X.shape) < 0.2
    with pytest.raises(ValueError, match="contains NaN"):
        tiny().fit(masked(X, where), Y)
    gaps = np.where(where, np.nan, X)
    for missing in ("mask", "decay"):
        settings = {"missing": missing, "dtype": "float64"}
        expected = tiny(**settings).fit(gaps, Y)
        found = tiny(**settings).fit(masked(X, where), Y)
        np.testing.assert_array_equal(found.predict(masked(X, where)), expected.predict(gaps))
        listed = tiny(**settings).fit([*masked(X, where)], Y)
        np.testing.assert_array_equal(listed.predict(gaps), expected.predict(gaps))


def test_a_masked_entry_of_a_table_of_integers_and_of_targets(tiny):
    table, where = np.arange(80).reshape(40, 2), np.arange(80).reshape(40, 2) % 7 == 3
    y, gone = table[:, 0] * 1.0, np.arange(40) % 5 == 2
    expected = tiny(missing="mask").fit(np.where(where, np.nan, table), np.where(gone, np.nan, y))
    found = tiny(missing="mask").fit(masked(table, where), masked(y, gone))
    np.testing.assert_array_equal(found.predict(table), expected.predict(table))
    with pytest.raises(ValueError, match="Input y contains NaN.*row 2"):
        tiny().fit(table, masked(y, gone))


def test_a_masked_label_is_missing():
    labels = np.ma.masked_array(["a", "b"] * 10, mask=np.arange(20) == 4)
    with pytest.raises(ValueError, match=r"the label at row 4 is missing\. A label cannot be missing"):
        GRUClassifier(4, max_iter=2).fit(X, labels)


# --- Other libraries' frames -------------------------------------------------------------------------


def test_a_frame_of_another_library_has_names(tiny):
    frame = pl.DataFrame({"a": X[:, 0, 0], "b": X[:, 0, 1]})
    model = tiny().fit(frame, Y)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(model.predict(frame), tiny().fit(X[:, 0], Y).predict(X[:, 0]))
    with pytest.raises(ValueError, match=r"(?s)names should match.*same order.*\['a', 'b'\] in fit; \['b', 'a'\] here"):
        model.predict(frame.select("b", "a"))


TIMES = pd.date_range("2024", periods=20, freq="h")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.DataFrame({"x": Y, "day": pl.Series(TIMES.to_numpy()).dt.date()}), "column 'day' has dtype Date"),
        (lambda: pl.DataFrame({"x": Y, "t": pl.Series(TIMES.to_numpy())}), r"column 't' has dtype Datetime"),
        (lambda: pl.DataFrame({"d": pl.Series((TIMES - TIMES[0]).to_numpy())}), "column 'd' has dtype Duration"),
        (lambda: pl.DataFrame({"x": Y, "s": ["text"] * 20}), "column 's' has dtype String"),
        (lambda: TIMES.to_numpy()[:, None], r"X must hold numbers; its dtype is datetime64"),
        (lambda: (TIMES - TIMES[0]).to_numpy()[:, None], r"X must hold numbers; its dtype is timedelta64"),
        (lambda: TIMES.to_numpy().reshape(20, 1, 1), r"X must hold numbers; its dtype is datetime64"),
        (
            lambda: [TIMES.to_numpy()[i : i + 3, None] for i in range(20)],
            r"X\[0\] must hold numbers; its dtype is datetime",
        ),
        (lambda: TIMES.to_frame(name="t"), "column 't' has dtype datetime64"),
    ],
)
def test_times_are_no_numbers(tiny, make, words):
    with pytest.raises(ValueError, match=words):
        tiny().fit(make(), Y)


def test_columns_of_another_library_may_hold_missing_numbers_and_truths(tiny):
    frame = pl.DataFrame({"a": [None, *range(19)], "b": [True, None] * 10})
    plain = np.column_stack([[np.nan, *range(19)], [1.0, np.nan] * 10])
    expected = tiny(missing="mask").fit(plain, Y).predict(plain)
    np.testing.assert_array_equal(tiny(missing="mask").fit(frame, Y).predict(frame), expected)


@pytest.mark.parametrize(
    "make", [lambda: TIMES.to_numpy(), lambda: pl.Series(TIMES.to_numpy())], ids=["numpy", "polars"]
)
def test_times_are_no_targets(tiny, make):
    with pytest.raises(ValueError, match=r"y must hold numbers; its dtype is datetime64"):
        tiny().fit(X, make())


# --- Columns and targets by name ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        pd.MultiIndex.from_tuples([("x", 1), ("x", 2)]),
        pd.Index([2020, 2021]),
        pd.DatetimeIndex(["2020", "2021"]),
        pd.Index(["a", 3]),
        pd.Index([True, False]),
    ],
    ids=["MultiIndex", "ints", "dates", "mixed", "booleans"],
)
def test_the_order_of_columns_of_every_kind_is_checked(tiny, columns):
    frame = pd.DataFrame(X[:, 0], columns=columns)
    model = tiny().fit(frame, Y)
    assert not hasattr(model, "feature_names_in_")
    model.predict(frame)
    with pytest.raises(ValueError, match="(?s)feature names should match.*in the same order"):
        model.predict(frame.iloc[:, ::-1])
    with pytest.raises(ValueError, match="(?s)feature names should match.*unseen at fit time"):
        model.predict(frame.set_axis(["p", "q"], axis=1))
    listed = tiny().fit([pd.DataFrame(x, columns=columns) for x in X], Y)
    with pytest.raises(ValueError, match="(?s)feature names should match.*in the same order"):
        listed.predict([pd.DataFrame(x, columns=columns).iloc[:, ::-1] for x in X])


def test_columns_of_y_are_those_of_fit(tiny, hourly):
    frame = hourly(60)
    y = pd.DataFrame({"cold": frame["a"], "hot": frame["a"] + 100})
    model = tiny(max_iter=60, warm_start=True).fit(frame, y)
    words = r"columns of y must be those of fit, in that order: \['cold', 'hot'\]. Here they are \['hot', 'cold'\]"
    before = model.predict(frame)
    for attempt in (model.fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match=words):
            attempt(frame, y[["hot", "cold"]])
    pd.testing.assert_frame_equal(model.predict(frame), before)
    assert model.score(frame, y) == model.score(frame, y.to_numpy())
    assert tiny(max_iter=60).fit(frame, y[["hot", "cold"]]).predict(frame)["hot"].between(95, 105).all()


def test_names_of_several_labels_are_those_of_fit(hourly):
    frame = hourly(60)
    y = pd.DataFrame({"up": frame["a"] > 0, "big": frame["b"] > 0}).astype(int)
    model = GRUClassifier(4, window=4, max_iter=3, random_state=0).fit(frame, y)
    for attempt in (model.partial_fit, model.score):
        with pytest.raises(ValueError, match=r"columns of y must be those of fit, in that order: \['up', 'big'\]"):
            attempt(frame, y[["big", "up"]])


def test_nothing_is_fitted_by_a_failed_fit(tiny, hourly):
    model = tiny()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(hourly(20), np.full(20, np.nan))
    with pytest.raises(NotFittedError):
        model.predict(hourly(20))
    assert not any(hasattr(model, name) for name in ("n_features_in_", "feature_names_in_", "weights_", "history_"))
