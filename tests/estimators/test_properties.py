"""Whatever kind of index, numbers, shape, length or order: the right answer or a documented error, of every estimator.

The oracle is the same numbers in the plainest form: float64, in an array or on an index of hours, in order.
"""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from plain import PLAIN, for_labels
from thorough import FULL

from grukit import GRUClassifier, GRUForecaster, GRURegressor

TIMES = 40 if FULL else 1  # as many examples
FEW = settings(max_examples=25 * TIMES, deadline=None)
SETTINGS = {"hidden_layer_sizes": 4, "window": 4, "max_iter": 2, "random_state": 0}
N, H = 40, 3
VALUES = np.random.default_rng(0).integers(-50, 50, (N, 2)).cumsum(axis=0)  # whole, so that types of integers hold them
DOCUMENTED = (ValueError, TypeError)


def forecaster(**changes):
    return GRUForecaster(**{**SETTINGS, "horizon": H, "dtype": "float64", "calendar": None, **changes})


def regressor(**changes):
    return GRURegressor(**{**PLAIN, **SETTINGS, **changes})


def classifier(**changes):
    return GRUClassifier(**for_labels({**PLAIN, **SETTINGS, **changes}))


@st.composite
def indexes(draw):
    """N + H entries of an index, of a kind that pandas has for times, periods and numbers."""
    n, kind = N + H, draw(st.sampled_from(["times", "periods", "numbers", "deltas", "objects"]))
    name = draw(st.sampled_from([None, "when", 3]))
    if kind == "times":
        freq = draw(
            st.sampled_from(["s", "15min", "h", "6h", "D", "B", "W", "W-WED", "MS", "ME", "QE", "YS", "2D", "3h"])
        )
        zone = draw(st.sampled_from([None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
        start = draw(st.sampled_from(["1969-12-30", "2000-02-28", "2024-03-29", "2024-10-26"]))
        index = pd.date_range(start, periods=n, freq=freq, tz=zone)
        return index.as_unit(draw(st.sampled_from(["s", "ms", "us", "ns"]))).rename(name)
    if kind == "periods":
        freq = draw(st.sampled_from(["h", "D", "W", "M", "Q", "Y", "2D", "3M"]))
        return pd.period_range("2001-01-01", periods=n, freq=freq, name=name)
    if kind == "numbers":
        start, step = draw(st.integers(-(10**9), 10**9)), draw(st.integers(1, 1000))
        whole = pd.RangeIndex(start, start + n * step, step, name=name)
        dtype = draw(st.sampled_from(["range", "int64", "float64", "Int64", "uint64"]))
        if dtype == "range" or (dtype == "uint64" and start < 0):
            return whole
        return pd.Index(whole.to_numpy(), dtype=dtype, name=name)
    if kind == "deltas":
        return pd.timedelta_range(
            draw(st.sampled_from(["0s", "-3D"])), periods=n, freq=draw(st.sampled_from(["s", "h", "D"]))
        )
    days = [datetime.date(2024, 2, 20) + datetime.timedelta(int(i)) for i in range(n)]
    return pd.Index(draw(st.sampled_from([days, [pd.Timestamp(day) for day in days]])), dtype=object, name=name)


NUMBERS = [
    "float32",
    "float64",
    "int16",
    "int64",
    "Int16",
    "Int64",
    "Float64",
    "int32[pyarrow]",
    "double[pyarrow]",
    "O",
]


# --- the same numbers in another form ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plainly():
    """What each estimator gives for the plain form: forecasts, predictions, probabilities."""
    X, y = VALUES.astype(float), VALUES[:, 0].astype(float)
    return {
        "forecaster": forecaster().fit(y).predict().to_numpy(),
        "frame": forecaster().fit(X).predict().to_numpy(),
        "regressor": regressor().fit(X, y).predict(X),
        "classifier": classifier().fit(X, y > 0).predict_proba(X),
    }


@FEW
@given(index=indexes(), dtype=st.sampled_from(NUMBERS))
def test_a_forecast_depends_on_no_index_and_no_type_of_numbers(plainly, index, dtype):
    y = pd.Series(VALUES[:, 0], index[:N], dtype="float64", name="load").astype(dtype)
    if dtype == "O":
        with pytest.raises(ValueError, match=r"y must hold numbers; its dtype is object\. Convert it"):
            forecaster().fit(y)
        return
    model = forecaster().fit(y)
    forecast = model.predict()
    np.testing.assert_array_equal(forecast.to_numpy(), plainly["forecaster"])
    assert forecast.name == "load" and forecast.index.name == index.name
    ahead = pd.DatetimeIndex(index) if index.dtype == object else index
    assert forecast.index.tolist() == ahead.tolist()[N:]
    pd.testing.assert_series_equal(model.predict(context=y), forecast)
    frame = pd.DataFrame(VALUES, index[:N], ["a", "b"]).astype(dtype)
    np.testing.assert_array_equal(forecaster().fit(frame).predict().to_numpy(), plainly["frame"])


@FEW
@given(index=indexes(), dtype=st.sampled_from(NUMBERS))
def test_a_prediction_depends_on_no_index_and_no_type_of_numbers(plainly, index, dtype):
    X = pd.DataFrame(VALUES, index[:N], ["a", "b"]).astype(dtype)
    if dtype == "O":
        with pytest.raises(ValueError, match="X: column 'a' has dtype object; every column must hold numbers"):
            regressor().fit(X, VALUES[:, 0])
        return
    prediction = regressor().fit(X, X["a"].astype("float64")).predict(X)
    np.testing.assert_array_equal(prediction.to_numpy(), plainly["regressor"])
    pd.testing.assert_index_equal(prediction.index, X.index)
    labels = pd.Series(VALUES[:, 0] > 0, X.index)
    probabilities = classifier().fit(X, labels).predict_proba(X)
    np.testing.assert_array_equal(np.asarray(probabilities), plainly["classifier"])


# --- panels ------------------------------------------------------------------------------------------------------------------

HOURS = pd.date_range("2024", periods=N, freq="h", name="time")
PANEL = pd.concat(
    {
        "u": pd.Series(VALUES[:, 0], HOURS),
        "v": pd.Series(VALUES[:25, 1], HOURS[:25]),
        "w": pd.Series(-VALUES[5:, 0], HOURS[5:]),
    },
    names=["unit", "time"],
).rename("load") * 1.0  # fmt: skip


@pytest.fixture(scope="module")
def on_panel():
    return {"forecaster": forecaster().fit(PANEL), "classifier": classifier().fit(PANEL.to_frame(), PANEL > 0)}


@st.composite
def orders(draw):
    """Rows of the panel, each series in its own order."""
    rows = {name: np.flatnonzero(PANEL.index.get_level_values(0) == name).tolist() for name in "uvw"}
    chosen = draw(st.lists(st.sampled_from("uvw"), min_size=20, max_size=60))
    first = [rows[name].pop(0) for name in chosen if rows[name]]
    return [*first, *(row for name in draw(st.permutations("uvw")) for row in rows[name])]


@FEW
@given(order=orders(), names=st.sampled_from([str, lambda name: ord(name), lambda name: (name, name)]))
def test_the_order_and_the_names_of_series_change_no_forecast(on_panel, order, names):
    model, mixed = on_panel["forecaster"], PANEL.iloc[order]
    wanted = model.predict()
    found = model.predict(context=mixed)
    pd.testing.assert_series_equal(found.loc[wanted.index], wanted, check_freq=False, rtol=1e-12)
    framed = model.predict(context=mixed.to_frame())
    np.testing.assert_array_equal(framed["load"].to_numpy(), found.to_numpy())
    classified, proba = on_panel["classifier"], on_panel["classifier"].predict_proba(PANEL.to_frame(), context=None)
    other = classified.predict_proba(mixed.to_frame(), context=None)
    np.testing.assert_array_equal(np.asarray(other), np.asarray(proba)[order])
    if names is not str:
        index = mixed.index
        keys = [names(name) for name in index.get_level_values(0)]
        arrays = [*zip(*keys, strict=True)] if isinstance(keys[0], tuple) else [keys]
        renamed = mixed.set_axis(pd.MultiIndex.from_arrays([*arrays, index.get_level_values(1)]))
        own = forecaster().fit(PANEL.iloc[order]).predict()
        np.testing.assert_array_equal(forecaster().fit(renamed).predict().to_numpy(), own.to_numpy())


@FEW
@given(columns=st.permutations("abc"), n=st.integers(1, 3))
def test_the_order_and_number_of_columns_change_no_forecast(columns, n):
    y = pd.DataFrame(np.column_stack([VALUES, -VALUES[:, 0]]), HOURS, list("abc"))
    model = forecaster().fit(y)
    part = model.predict(context=y[columns[:n]])
    pd.testing.assert_frame_equal(part, model.predict()[columns[:n]], rtol=1e-12)


# --- columns -----------------------------------------------------------------------------------------------------------------


@FEW
@given(columns=st.lists(st.sampled_from("abcd"), min_size=0, max_size=4))
def test_covariates_are_those_of_fit_or_an_error(columns):
    """In their order: an answer, or an error that names them."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N + H, 4)), pd.date_range(HOURS[0], periods=N + H, freq="h"), list("abcd"))
    y = pd.Series(VALUES[:, 0] * 1.0, HOURS)
    model, table = forecaster().fit(y, X[["a", "b"]]), regressor().fit(X[["a", "b"]], X["c"])
    wanted = model.predict(X[["a", "b"]])
    if columns == ["a", "b"]:
        pd.testing.assert_series_equal(
            model.predict(X[columns].iloc[N - 2 :]), wanted
        )  # further rows are not looked at
        return
    with pytest.raises(DOCUMENTED, match="columns? |feature"):
        model.predict(X[columns])
    with pytest.raises(DOCUMENTED, match="columns? |feature"):
        table.predict(X[columns])


# --- gaps --------------------------------------------------------------------------------------------------------------------


@FEW
@given(gone=st.sets(st.integers(1, N - 2), max_size=12), zone=st.sampled_from([None, "Europe/Berlin"]))
def test_a_row_that_is_not_there_is_a_value_that_is_not_known(gone, zone):
    """Of a forecaster that knows missing values; another names the first."""
    index = pd.date_range("2024-03-30", periods=N, freq="h", tz=zone)
    y = pd.Series(VALUES[:, 0] * 1.0, index)
    gone = sorted(gone)
    blank = y.copy()
    blank.iloc[gone] = np.nan
    short = y.drop(index[gone])
    masked = forecaster(missing="mask")
    pd.testing.assert_series_equal(masked.fit(short).predict(), forecaster(missing="mask").fit(blank).predict())
    if not gone:
        pd.testing.assert_series_equal(forecaster().fit(y).predict(), forecaster().fit(blank).predict())
        return
    with pytest.raises(ValueError, match=f"(?s)y contains NaN at {index[gone[0]]}".replace("+", r"\+")):
        forecaster().fit(blank)
    with pytest.raises(ValueError, match=f"{index[gone[0]]} is missing".replace("+", r"\+")):
        forecaster().fit(short)


# --- shapes and settings -----------------------------------------------------------------------------------------------------


@settings(max_examples=60 * TIMES, deadline=None)
@given(data=st.data())
def test_any_length_and_setting_gives_a_forecast_or_a_documented_error(data):
    draw = data.draw
    n, columns, horizon = draw(st.integers(1, 24)), draw(st.integers(0, 3)), draw(st.integers(1, 6))
    power = draw(st.sampled_from([-300, -30, 0, 0, 0, 30, 100]))
    values = np.random.default_rng(n).normal(size=(n, max(columns, 1))).cumsum(axis=0) * 10.0**power
    if draw(st.booleans()):
        values[:, 0] = draw(st.sampled_from([0.0, 3.0])) * 10.0**power
    if draw(st.booleans()):
        values[draw(st.integers(0, n - 1)), 0] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 0.0]))
    y = pd.DataFrame(values) if columns else pd.Series(values[:, 0])
    options = {
        "horizon": horizon,
        "window": draw(st.integers(1, 12)),
        "linear_lags": draw(st.sampled_from(["auto", 0, 1, 4, 12])),
        "normalize": draw(st.sampled_from(["auto", "last", "mean", None])),
        "missing": draw(st.sampled_from(["error", "error", "mask"])),
        "channels": draw(st.sampled_from(["shared", "shared", "joint"])),
        "strategy": draw(st.sampled_from(["direct", "direct", "recursive"])),
        "calibration_fraction": draw(st.sampled_from([None, 0.1, 0.5])),
        "early_stopping": draw(st.sampled_from(["auto", False, True])),
    }
    model = forecaster(**options)
    try:
        model.fit(y)
    except DOCUMENTED as error:
        event(f"refused: {str(error)[:40]}")
        assert not hasattr(model, "n_iter_")
        return
    event("fitted")
    forecast = model.predict()
    assert forecast.index.tolist() == list(range(n, n + horizon))
    assert forecast.shape == ((horizon, columns) if columns else (horizon,))
    assert np.isfinite(forecast.to_numpy()).all()
    seen = np.nanmax(np.abs(y.to_numpy())) or 1.0
    assert np.abs(forecast.to_numpy()).max() < 1000 * seen
