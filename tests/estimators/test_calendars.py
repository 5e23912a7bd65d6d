"""Histories over indexes of every kind: calendars that pandas cannot infer, gaps, other libraries' times, strings."""

import datetime as dt

import cftime
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

N, TEST = 120, slice(100, 120)


@pytest.fixture(scope="module")
def walk():
    """Make a frame of a random walk whose last rows are those of the first."""

    def make(index):
        values = np.random.default_rng(0).normal(size=(len(index), 2)).cumsum(axis=0)
        return pd.DataFrame(values, index=index, columns=["a", "b"])

    return make


def first_errors(model, X):
    """How far the first predictions of the rows after training are from those with all rows as history."""
    whole = model.predict(X, context=None).iloc[TEST]
    return np.abs(np.asarray(model.predict(X.iloc[TEST])) - np.asarray(whole))


def exchange_days(n, holidays):
    """Weekdays but for holidays, whose frequency pandas cannot infer."""
    days = pd.bdate_range("2023-01-02", periods=n + len(holidays))
    return pd.DatetimeIndex(np.delete(days, holidays), freq=None)


@pytest.mark.parametrize("holidays", [[], [99], [97], [40], [10, 50, 90], [99, 101], [105]], ids=str)
def test_exchange_days_go_on_wherever_holidays_lie(tiny, walk, holidays):
    X = walk(exchange_days(N, holidays))
    assert first_errors(tiny().fit(X[:100], X[:100]["a"]), X).max() == 0


@pytest.mark.parametrize("missing", [50, 70, 98])
def test_a_missing_day_long_ago_does_not_matter(tiny, walk, missing):
    X = walk(pd.DatetimeIndex(np.delete(pd.date_range("2024", periods=N + 1), missing), freq=None))
    assert first_errors(tiny().fit(X[:100], X[:100]["a"]), X).max() == 0


@pytest.mark.parametrize("regular_training", [False, True])
def test_jitter_does_not_matter(tiny, walk, regular_training):
    times = pd.date_range("2024", periods=N, freq="min") + pd.to_timedelta(
        np.random.default_rng(1).uniform(0, 0.2, N), unit="s"
    )
    if regular_training:
        times = times[:0].append([times[:100].floor("min"), times[100:]])
    X = walk(times)
    assert first_errors(tiny().fit(X[:100], X[:100]["a"]), X).max() == 0


def test_trading_hours_go_on_in_the_morning(tiny, walk):
    minutes = [pd.date_range(f"2024-01-{day:02d} 09:30", periods=20, freq="min") for day in (2, 3, 4, 5, 8, 9)]
    X = walk(minutes[0].append(minutes[1:]))  # training ends in the evening
    assert first_errors(tiny().fit(X[:100], X[:100]["a"]), X).max() == 0


def test_after_more_than_a_usual_gap_there_is_no_history_and_a_word_of_it(tiny, walk):
    X = walk(exchange_days(N + 8, [20]))
    model = tiny(window=12).fit(X[:100], X[:100]["a"])
    late = X[106:]
    words = rf"X starts at {late.index[0]} and training ended at {X.index[99]}, \d+ steps before.*context="
    with pytest.warns(UserWarning, match=words):
        prediction = model.predict(late)
    pd.testing.assert_series_equal(prediction, model.predict(late, context=None))
    # Farther than a window reaches, nothing is lost.
    model.predict(X[120:])


KINDS = {
    "Timestamp objects": lambda t: pd.Index(list(t), dtype=object),
    "datetime objects": lambda t: pd.Index(t.to_pydatetime(), dtype=object),
    "objects of other zones": lambda t: pd.Index(
        [each.tz_localize("UTC").astimezone(dt.timezone(dt.timedelta(hours=i % 3))) for i, each in enumerate(t)],
        dtype=object,
    ),
    "Arrow timestamps": lambda t: pd.Index(t, dtype=pd.ArrowDtype(pa.timestamp("us"))),
    "Arrow timestamps with a zone": lambda t: pd.Index(
        t.tz_localize("UTC"), dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))
    ),
    "Arrow durations": lambda t: pd.Index(t - t[0], dtype=pd.ArrowDtype(pa.duration("us"))),
    "timedelta objects": lambda t: pd.Index((t - t[0]).to_pytimedelta(), dtype=object),
    "days since": lambda t: pd.to_timedelta(np.arange(len(t)), unit="D").as_unit("s"),
    "intervals": lambda t: pd.IntervalIndex.from_arrays(t, t + pd.Timedelta("1h")),
    "intervals of numbers": lambda t: pd.interval_range(0, len(t)),
    "categories": lambda t: pd.CategoricalIndex(t),
    "period objects": lambda t: pd.Index(list(t.to_period("h")), dtype=object),
    "float32": lambda t: pd.Index(np.arange(len(t), dtype=np.float32) / 3),
    "cftime": lambda t: pd.Index(
        [cftime.datetime(2024, 1, 1, calendar="360_day") + dt.timedelta(hours=i) for i in range(len(t))]
    ),
}
DAYS = {
    "date objects": lambda t: pd.Index(pd.date_range("2024", periods=len(t)).date),
    "Arrow dates": lambda t: pd.Index(pd.date_range("2024", periods=len(t)).date, dtype=pd.ArrowDtype(pa.date32())),
}


@pytest.mark.parametrize("kind", [*KINDS, *DAYS])
def test_times_of_every_kind_go_on(tiny, walk, kind):
    X = walk({**KINDS, **DAYS}[kind](pd.date_range("2024", periods=N, freq="h")))
    model = tiny().fit(X.iloc[:100], X.iloc[:100]["a"])
    assert first_errors(model, X).max() == 0
    with pytest.warns(UserWarning, match=r"training ended at .*, 3 steps before"):
        model.predict(X.iloc[102:])
    pd.testing.assert_index_equal(model.predict(X.iloc[TEST]).index, X.index[TEST])


@pytest.mark.parametrize("kind", [kind for kind in [*KINDS, *DAYS] if kind != "float32" and "numbers" not in kind])
def test_times_of_every_kind_tell_decay_how_long_ago(tiny, walk, kind):
    hours = pd.date_range("2024", periods=N, freq="h")
    make = {**KINDS, **DAYS}[kind]
    X = walk(make(hours)).mask(np.random.default_rng(2).random((N, 2)) < 0.4)
    kept = np.sort(np.random.default_rng(3).permutation(N)[:60])  # of unequal distance
    y = X["b"].fillna(0.0).iloc[kept]
    step = pd.Timedelta("1D") if kind in DAYS else pd.Timedelta("1h")
    plain = X.iloc[kept].set_axis(pd.DatetimeIndex(pd.Timestamp("2024") + step * kept))
    model = tiny(missing="decay", dtype="float64").fit(X.iloc[kept], y)
    right = tiny(missing="decay", dtype="float64").fit(plain, y.set_axis(plain.index))
    np.testing.assert_array_equal(model.predict(X.iloc[kept], context=None), right.predict(plain, context=None))
    wrong = tiny(missing="decay", dtype="float64").fit(plain.to_numpy(), y.to_numpy())  # every step counts as one
    assert not np.array_equal(wrong.loss_curve_, model.loss_curve_)


def test_an_index_of_strings_tells_no_history_and_says_so(tiny, walk):
    X = walk(pd.Index([f"row {i:03d}" for i in range(N)]))
    model = tiny().fit(X[:100], X[:100]["a"])
    with pytest.warns(
        UserWarning, match="cannot be told whether that is the next step, from an index that holds values of"
    ):
        prediction = model.predict(X[TEST])
    pd.testing.assert_series_equal(prediction, model.predict(X[TEST], context=None))
    model.predict(X[:100])  # those of training lose nothing


def test_another_kind_of_index_than_in_fit(tiny, walk):
    X = walk(pd.date_range("2024", periods=N, freq="h"))
    model = tiny().fit(X[:100], X[:100]["a"])
    with pytest.warns(UserWarning, match="its index holds numbers and that of fit held times without a time zone"):
        model.predict(X[TEST].reset_index(drop=True))


@pytest.mark.parametrize("first", [False, True])
def test_a_time_zone_on_one_side_only_is_an_error(tiny, walk, first):
    X = walk(pd.date_range("2024", periods=N, freq="h"))
    train, test = (X[:100].tz_localize("UTC"), X[TEST]) if first else (X[:100], X[TEST].tz_localize("Asia/Tokyo"))
    model = tiny().fit(train, train["a"])
    with pytest.raises(ValueError, match=f"time zone, the first {test.index[0].date()}.*tz_localize"):
        model.predict(test)
    with pytest.raises(ValueError, match="cannot be compared"):
        model.predict(test, context=train)
    with pytest.raises(ValueError, match="time zone"):
        model.partial_fit(test, test["a"])


# --- Panels ------------------------------------------------------------------------------------------


def test_one_series_of_a_panel_without_its_name(tiny, walk):
    X = walk(pd.date_range("2024", periods=N, freq="h"))
    panel = pd.concat({"a": X, "b": -X}, names=["series", "time"])
    train = panel[panel.index.get_level_values("time") < X.index[100]]
    model = tiny().fit(train, train["a"])
    expected = model.predict(panel.loc[["b"]].iloc[100:])
    with pytest.warns(UserWarning, match=r"its index has 1 level and that of fit had 2 levels.*X\.loc\[\[name\]\]"):
        nameless = model.predict(panel.loc["b"].iloc[100:])
    assert np.abs(nameless.to_numpy() - expected.to_numpy())[:3].max() > 0.01
    with pytest.warns(UserWarning, match="its index has 3 levels and that of fit had 2 levels"):
        model.predict(pd.concat({"x": panel.iloc[100:120]}))
    model.predict(X[:50])  # nothing that windows could reach back to


def test_a_gap_in_some_series_is_told_once(tiny, walk):
    X = walk(pd.date_range("2024", periods=N, freq="h"))
    train = pd.concat({name: X[:100] for name in "abc"}, names=["series", "time"])
    test = pd.concat({"a": X[102:], "b": X[102:], "c": X[100:]}, names=["series", "time"])
    model = tiny().fit(train, train["a"])
    with pytest.warns(UserWarning, match=r"3 steps before \(series a\)\. 1 more series are like that") as caught:
        prediction = model.predict(test)
    assert len(caught) == 1
    np.testing.assert_array_equal(prediction.loc["c"], model.predict(X, context=None)[100:])


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            pd.MultiIndex.from_product([range(2000, 2010), list("uvw")]),
            "Level 0 of the index holds numbers and the last",
        ),
        (pd.MultiIndex.from_product([[str(i) for i in range(10)], list("uvw")]), None),
        (pd.MultiIndex.from_product([pd.date_range("2000", periods=10), list("uvw")]), "Level 0 .* holds times"),
        (pd.MultiIndex.from_product([pd.date_range("2000", periods=10), range(3)]), "Level 0 .* holds times"),
    ],
    ids=["year, firm", "strings", "dates, firm", "dates, number"],
)
def test_a_panel_with_the_time_first(tiny, walk, index, words):
    X = walk(index)
    if words is None:  # nothing tells
        tiny().fit(X, X["a"])
        return
    with pytest.raises(ValueError, match=rf"{words}.*swaplevel"):
        tiny().fit(X, X["a"])


@pytest.mark.parametrize("name", ["year", "Date", "time", "period", "Quarter", "timestamp"])
def test_a_level_named_like_a_time_that_is_not_the_last(tiny, walk, name):
    X = walk(pd.MultiIndex.from_product([range(2000, 2010), range(3)], names=[name, "firm"]))
    with pytest.warns(
        UserWarning, match=f"Level 0 of the index is named '{name}' and the last level 'firm'.*swaplevel"
    ):
        tiny().fit(X, X["a"])
    right = X.swaplevel().sort_index()
    tiny().fit(right, right["a"])  # no word of it


# --- What is not in order ----------------------------------------------------------------------------


def test_strings_that_are_sorted_as_text_only(tiny, walk):
    X = walk(pd.Index([f"1/{i + 1}" for i in range(N)]))
    with pytest.raises(
        ValueError, match=r"not sorted: 1/10 \(row 9\) comes after 1/9.*Strings sort as text; parse them"
    ):
        tiny().fit(X, X["a"])
    X = X.sort_index()
    with pytest.raises(ValueError, match=r"'1/\d+' \(row \d+\) before '1/\d+'\. Strings sort as text; parse them"):
        tiny().fit(X, X["a"])
    panel = pd.concat({"u": X, "v": X})
    with pytest.raises(ValueError, match="Strings sort as text"):
        tiny().fit(panel, panel["a"])


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%b %Y"])
def test_dates_as_strings_that_are_sorted_as_text_only(tiny, walk, form):
    X = walk(pd.date_range("2019-12-01", periods=20, freq="MS").strftime(form)).sort_index()
    with pytest.raises(ValueError, match="Strings sort as text"):
        tiny().fit(X, X["a"])


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m%d", "%Y-%m-%dT%H:%M", "day %Y-%j"])
def test_strings_in_the_order_of_time_are_accepted(tiny, walk, form):
    X = walk(pd.date_range("2023-12-25", periods=N).strftime(form))
    tiny().fit(X, X["a"])


def test_shuffled_rows_name_the_splitter(tiny, walk):
    X = walk(pd.date_range("2024", periods=N, freq="h")).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="not sorted.*a splitter or a search has shuffled them, use TimeSeriesSplit"):
        tiny().fit(X, X["a"])


def test_series_one_below_the_other_ask_for_their_names(tiny, walk):
    X = walk(pd.date_range("2024", periods=N, freq="h"))
    long = pd.concat([X.assign(id=i) for i in range(3)])
    with pytest.raises(ValueError, match=r"one below the other, name them in a MultiIndex.*set_index\(\[id, time\]\)"):
        tiny().fit(long, long["a"])
    shuffled = long.sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="MultiIndex"):
        tiny().fit(shuffled, shuffled["a"])
