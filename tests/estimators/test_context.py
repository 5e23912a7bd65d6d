"""History before the first row of ``predict``, and between calls of ``partial_fit``."""

import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from compare import assert_same_weights

WINDOW = 4
TRAIN, TEST = slice(0, 25), slice(25, 40)
INDEXES = {
    "hourly": pd.date_range("2024-01-01", periods=40, freq="h"),
    "hourly, no freq": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=40, freq="h"), freq=None),
    "nanoseconds": pd.date_range("2024-01-01", periods=40, freq="2min", unit="ns"),
    "time zone, over the change to summer time": pd.date_range(
        "2024-03-30 00:00", periods=40, freq="h", tz="Europe/Paris"
    ),
    "days, time zone, no freq": pd.DatetimeIndex(
        pd.date_range("2024-03-10", periods=40, freq="D", tz="Europe/Paris"), freq=None
    ),
    "month starts": pd.date_range("2020-01-01", periods=40, freq="MS"),
    "month ends, no freq": pd.DatetimeIndex(pd.date_range("2020-01-31", periods=40, freq="ME"), freq=None),
    "business days": pd.date_range("2024-01-01", periods=40, freq="B"),
    "business days, no freq": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=40, freq="B"), freq=None),
    "periods": pd.period_range("2020-01", periods=40, freq="M"),
    "time deltas": pd.timedelta_range("0h", periods=40, freq="15min"),
    "row numbers": pd.RangeIndex(40),
    "years": pd.Index(np.arange(1980, 2020)),
    "every fifth": pd.RangeIndex(100, 300, 5),
    "nullable integers": pd.Index(np.arange(40), dtype="Int64"),
}


def with_index(hourly, index):
    return hourly(len(index)).set_axis(index)


def gap_is_noticed():
    """Expect the warning of a frame that starts some steps after training ended."""
    return pytest.warns(UserWarning, match=r"have no history .*: X starts at .* training ended at .* steps before")


def same(a, b):
    """Whether two predictions are equal to the last bit."""
    return np.array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
def test_a_frame_that_continues_sees_the_training_tail(tiny, hourly, index):
    X = with_index(hourly, index)
    model = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    whole = model.predict(X, context=None)[TEST]
    alone = model.predict(X[TEST], context=None)
    assert same(model.predict(X[TEST]), whole)
    assert same(model.predict(X[TEST], context="auto"), whole)
    assert same(model.predict(X[TEST], context=X[TRAIN]), whole)
    assert same(model.predict(X[TEST], context=X[TRAIN][-WINDOW + 1 :]), whole)
    # Without it only the first rows differ, and all of them do.
    np.testing.assert_array_equal(np.flatnonzero(alone != whole), np.arange(WINDOW - 1))
    # One row continues too.
    assert same(model.predict(X[25:26]), whole[:1])


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
@pytest.mark.parametrize("first", [0, 24, 26])
def test_a_frame_that_starts_elsewhere_sees_none(tiny, hourly, index, first):
    X = with_index(hourly, index)
    model = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    with gap_is_noticed() if first > 25 else nullcontext():
        prediction = model.predict(X[first:])
    assert same(prediction, model.predict(X[first:], context=None))


def test_a_frame_of_another_step_does_not_continue(tiny, hourly):
    X = hourly(40)
    model = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    slower = X[TEST].set_axis(pd.date_range(X.index[25], periods=15, freq="2h"))
    with pytest.warns(
        UserWarning, match="X starts at 2024-01-02 01:00:00 and training ended at 2024-01-02 00:00:00, 1 step"
    ):
        prediction = model.predict(slower)
    assert same(prediction, model.predict(slower, context=None))
    years = X.set_axis(np.arange(1980, 2020))
    model = tiny().fit(years[TRAIN], years[TRAIN]["a"])
    decades = years[TEST].set_axis(2005 + 10 * np.arange(15))
    with pytest.warns(UserWarning, match="X starts at 2005 and training ended at 2004, 1 step"):
        prediction = model.predict(decades)
    assert same(prediction, model.predict(decades, context=None))


def test_the_same_moment_in_another_time_zone_continues(tiny, hourly):
    X = hourly(40).tz_localize("UTC")
    model = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    elsewhere = X[TEST].tz_convert("Asia/Tokyo")
    prediction = model.predict(elsewhere)
    assert same(prediction, model.predict(X, context=None)[TEST])
    pd.testing.assert_index_equal(prediction.index, elsewhere.index)
    # Without a time zone it is another clock, which nobody can compare.
    with pytest.raises(ValueError, match="holds times without a time zone, .*held times with a time zone.*tz_localize"):
        model.predict(X[TEST].tz_localize(None))


def test_one_missing_row_does_not_break_the_continuation(tiny, hourly):
    X = hourly(41).drop(pd.Timestamp("2024-01-01 20:00"))
    model = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    assert same(model.predict(X[TEST]), model.predict(X, context=None)[TEST])


def test_arrays_never_continue_but_take_context(tiny, hourly):
    X = hourly(40)
    x = X.to_numpy()
    model = tiny().fit(x[TRAIN], x[TRAIN][:, 0])
    assert same(model.predict(x[TEST]), model.predict(x[TEST], context=None))
    assert same(model.predict(x[TEST], context=x[TRAIN]), model.predict(x)[TEST])
    # An array after a frame, too.
    framed = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        prediction = framed.predict(x[TEST])
    assert same(prediction, framed.predict(X[TEST], context=None))


def test_context_of_one_row_windows_changes_nothing(tiny, hourly):
    X = hourly(40)
    model = tiny(window=1).fit(X[TRAIN], X[TRAIN]["a"])
    assert same(model.predict(X[TEST], context=X[TRAIN]), model.predict(X[TEST], context=None))
    assert same(model.predict(X[TEST]), model.predict(X, context=None)[TEST])


def test_explicit_context_wins_over_the_training_tail(tiny, hourly):
    X = hourly(40)
    model = tiny().fit(X[TRAIN], X[TRAIN]["a"])
    other = -X[TRAIN]
    expected = model.predict(pd.concat([other, X[TEST]]), context=None)[TEST]
    assert same(model.predict(X[TEST], context=other), expected)
    assert not same(model.predict(X[TEST]), expected)


# --- Panels ------------------------------------------------------------------------------------------


@pytest.fixture
def stops(hourly):
    """Make three series that end at different times, and what comes after: u goes on, v leaves a gap, w is new."""
    parts = {name: hourly(40, seed=i) for i, name in enumerate("uvw")}
    train = pd.concat({"u": parts["u"][:25], "v": parts["v"][:20]}, names=["series", "time"])
    test = pd.concat({"w": parts["w"][:10], "v": parts["v"][21:], "u": parts["u"][25:]}, names=["series", "time"])
    return parts, train, test


def test_each_series_of_a_panel_continues_by_itself(tiny, stops):
    parts, train, test = stops
    model = tiny().fit(train, train["a"])
    with gap_is_noticed():
        prediction = model.predict(test)
    assert same(prediction.loc["u"], model.predict(parts["u"], context=None)[25:])
    assert same(prediction.loc["v"], model.predict(parts["v"][21:], context=None))
    assert same(prediction.loc["w"], model.predict(parts["w"][:10], context=None))


def test_explicit_context_of_a_panel(tiny, stops):
    parts, train, test = stops
    model = tiny().fit(train, train["a"])
    prediction = model.predict(test, context=train)
    assert same(prediction.loc["u"], model.predict(parts["u"], context=None)[25:])
    joined = pd.concat([parts["v"][:20], parts["v"][21:]])  # v's gap is the user's affair
    assert same(prediction.loc["v"], model.predict(joined, context=None)[20:])
    assert same(prediction.loc["w"], model.predict(parts["w"][:10], context=None))


def test_continuation_of_a_panel_sorted_by_time(tiny, stops):
    parts, train, test = stops
    train, test = train.sort_index(level="time"), test.sort_index(level="time")
    model = tiny().fit(train, train["a"])
    with gap_is_noticed():
        prediction = model.predict(test)
    pd.testing.assert_index_equal(prediction.index, test.index)
    assert same(prediction.xs("u"), model.predict(parts["u"], context=None)[25:])
    assert same(model.predict(test, context=train).xs("u"), model.predict(parts["u"], context=None)[25:])


def test_continuation_with_two_levels_of_names(tiny, hourly):
    X = hourly(40)
    names = ["country", "town", "time"]
    train = pd.concat({("fr", "p"): X[TRAIN], ("fr", "q"): 2 * X[TRAIN], ("de", "p"): -X[TRAIN]}, names=names)
    test = pd.concat({("de", "p"): -X[TEST], ("de", "q"): X[TEST]}, names=names)
    model = tiny().fit(train, train["a"])
    assert same(model.predict(test).loc["de", "p"], model.predict(-X, context=None)[TEST])
    assert same(model.predict(test).loc["de", "q"], model.predict(X[TEST], context=None))


def test_a_missing_level_of_a_series_name_is_an_error(tiny, hourly):
    index = pd.MultiIndex.from_arrays([["fr"] * 10 + ["de"] * 10, [None] * 10 + ["p"] * 10, hourly(20).index])
    X = hourly(20).set_axis(index)
    with pytest.raises(ValueError, match="series name is missing at row 0"):
        tiny().fit(X, X["a"])


# --- Errors ------------------------------------------------------------------------------------------


@pytest.fixture
def fitted(tiny, hourly):
    """Fit on the first part of 40 hours."""
    X = hourly(40)
    return tiny().fit(X[TRAIN], X[TRAIN]["a"]), X


@pytest.mark.parametrize("word", ["Auto", "none", ""])
def test_unknown_words_are_an_error(fitted, word):
    model, X = fitted
    with pytest.raises(ValueError, match=f"context must be 'auto', None, or a table.*{word!r}"):
        model.predict(X[TEST], context=word)


@pytest.mark.parametrize("last", [26, 40])
def test_context_that_overlaps_is_an_error_with_both_stamps(fitted, last):
    model, X = fitted
    words = f"context ends at {X.index[last - 1]}, which is not before X starts, at {X.index[25]}"
    with pytest.raises(ValueError, match=words):
        model.predict(X[TEST], context=X[:last])


def test_context_that_overlaps_names_the_series(tiny, panel):
    model = tiny().fit(panel, panel["a"])
    with pytest.raises(ValueError, match=r"not before X starts.*series \('v',\)"):
        model.predict(panel.loc[["v"]], context=panel)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X: X[["b", "a"]], "feature names"),
        (lambda X: X.rename(columns={"b": "c"}), "feature names"),
        (lambda X: X[["a"]], "feature names"),
        (lambda X: X.assign(b="text"), "context: column 'b' has dtype"),
        (
            lambda X: X.assign(a=X["a"].mask(X.index == X.index[3])),
            r"context contains NaN in column 'a' at 2024-01-01 03:00:00 \(row 3\)",
        ),
        (lambda X: X[::-1], "not sorted"),
        (lambda X: X[:0], "0 sample"),
    ],
)
def test_context_is_checked_like_X(fitted, change, words):
    model, X = fitted
    with pytest.raises(ValueError, match=words):
        model.predict(X[TEST], context=change(X[TRAIN]))


@pytest.mark.parametrize("change", [lambda X: X.tz_localize("UTC"), lambda X: X.reset_index(drop=True)])
def test_context_on_another_kind_of_index_is_an_error(fitted, change):
    model, X = fitted
    with pytest.raises(ValueError, match="context"):
        model.predict(X[TEST], context=change(X[TRAIN]))


def test_context_without_any_of_the_series_is_an_error(tiny, panel):
    model = tiny().fit(panel, panel["a"])
    later = panel.rename(index=lambda stamp: stamp + pd.Timedelta("1D"), level="time")
    for context in (panel.loc["u"], panel.rename(index={"u": "x", "v": "y"}, level="series")):
        with pytest.raises(ValueError, match="context"):
            model.predict(later, context=context)


@pytest.mark.parametrize("window", [4, None])
def test_context_of_sequences_is_an_error(tiny, window):
    X = np.random.default_rng(0).normal(size=(6, 5, 2) if window else (6, 5))
    model = tiny(window=window).fit(X, np.arange(6.0))
    for context in ("bogus", X):
        with pytest.raises(ValueError, match="context"):
            model.predict(X, context=context)


# --- partial_fit -------------------------------------------------------------------------------------


def test_partial_fit_sees_the_end_of_the_frame_before(tiny, hourly):
    X = hourly(40)
    continued = tiny().partial_fit(X[TRAIN], X[TRAIN]["a"]).partial_fit(X[TEST], X[TEST]["a"])
    # The same by hand: the rows of the first frame as history, of no weight.
    by_hand = tiny().partial_fit(X[TRAIN], X[TRAIN]["a"]).partial_fit(X, X["a"], sample_weight=np.arange(40) >= 25)
    assert_same_weights(continued, by_hand)
    x = X.to_numpy()
    arrays = tiny().partial_fit(x[TRAIN], x[TRAIN][:, 0]).partial_fit(x[TEST], x[TEST][:, 0])
    assert not np.array_equal(arrays.weights_["weight_hh_l0"], continued.weights_["weight_hh_l0"])


def test_partial_fit_on_a_frame_that_does_not_continue_sees_no_history(tiny, hourly):
    X = hourly(40)
    x = X.to_numpy()
    gap = tiny().partial_fit(X[:20], X[:20]["a"]).partial_fit(X[25:], X[25:]["a"])
    arrays = tiny().partial_fit(x[:20], x[:20, 0]).partial_fit(x[25:], x[25:, 0])
    assert_same_weights(gap, arrays)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_frames_shorter_than_the_window_add_up(tiny, hourly, size):
    X = hourly(40)
    model = tiny(window=7).partial_fit(X[:20], X[:20]["a"])
    for first in range(20, 35, size):
        model.partial_fit(X[first : first + size], X[first : first + size]["a"])
    assert same(model.predict(X[first + size :]), model.predict(X, context=None)[first + size :])


@pytest.mark.parametrize("index", ["hourly, no freq", "row numbers"])
def test_short_frames_add_up_without_a_freq(tiny, hourly, index):
    X = with_index(hourly, INDEXES[index])
    model = tiny(window=7).partial_fit(X[:20], X[:20]["a"])
    for row in range(20, 30):
        model.partial_fit(X[row : row + 1], X[row : row + 1]["a"])
    assert same(model.predict(X[30:]), model.predict(X, context=None)[30:])


def test_partial_fit_keeps_the_tails_of_series_that_pause(tiny, stops):
    parts, train, _ = stops
    later = pd.concat({"u": parts["u"][25:30]}, names=["series", "time"])
    model = tiny().partial_fit(train, train["a"]).partial_fit(later, later["a"])
    test = pd.concat({"u": parts["u"][30:], "v": parts["v"][20:]}, names=["series", "time"])
    prediction = model.predict(test)
    assert same(prediction.loc["u"], model.predict(parts["u"], context=None)[30:])
    assert same(prediction.loc["v"], model.predict(parts["v"], context=None)[20:])


def test_a_new_fit_forgets_the_old_tail(tiny, hourly, stops):
    parts, train, _ = stops
    model = tiny().fit(train, train["a"])
    model.fit(train.loc[["v"]], train.loc[["v"], "a"])
    test = pd.concat({"u": parts["u"][25:]}, names=["series", "time"])
    assert same(model.predict(test), model.predict(test, context=None))
    x = train.to_numpy()
    model.fit(x, x[:, 0])
    with pytest.warns(UserWarning, match="fitted without feature names"):
        assert same(model.predict(test), model.predict(test, context=None))


# --- The index of a panel, and floats ------------------------------------------------------------------


def test_no_warning_from_pandas(tiny, hourly, panel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny().fit(panel, panel["a"])
        X = with_index(hourly, INDEXES["hourly, no freq"])
        tiny().fit(X, X["a"])


def test_floats_continue_despite_rounding(tiny, hourly):
    X = hourly(40).set_axis(np.arange(40) * 0.1)
    for n in range(20, 30):
        model = tiny(max_iter=1).fit(X.iloc[:n], X.iloc[:n]["a"])
        assert same(model.predict(X.iloc[n:]), model.predict(X, context=None).iloc[n:]), n
