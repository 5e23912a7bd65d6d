"""What a prediction sees: its window, never the future, never another series, never its neighbours in the batch."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def fitted(tiny, hourly):
    """Fit one model a window."""
    X = hourly(40)
    return {w: tiny(window=w).fit(X, X["a"]) for w in (1, 2, 3, 4, 7)}


def moved_rows(model, X, row):
    """Rows whose prediction changes when one row of X does."""
    changed = X.copy()
    changed.iloc[row] += 1.5
    return np.flatnonzero(model.predict(X, context=None).to_numpy() != model.predict(changed, context=None).to_numpy())


@settings(max_examples=40, deadline=None)
@given(window=st.sampled_from([1, 2, 3, 4, 7]), n=st.integers(1, 20), data=st.data())
def test_a_row_is_seen_by_the_next_window_rows_and_no_other(fitted, hourly, window, n, data):
    row = data.draw(st.integers(0, n - 1))
    moved = moved_rows(fitted[window], hourly(n, seed=3), row)
    np.testing.assert_array_equal(moved, np.arange(row, min(row + window, n)))


def test_the_last_row_of_training_is_seen_by_no_earlier_sample(tiny, hourly):
    X = hourly(30)
    weight = np.r_[np.ones(29), 0.0]
    changed = X.copy()
    changed.iloc[-1] = 1e6
    fits = [tiny().fit(x, X["a"], sample_weight=weight) for x in (X, changed)]
    for name, array in fits[0].weights_.items():
        np.testing.assert_array_equal(array, fits[1].weights_[name])


def test_first_rows_see_the_shorter_history_that_exists(fitted, hourly):
    X = hourly(12, seed=4)
    whole = fitted[7].predict(X)
    for n in range(1, 12):
        pd.testing.assert_series_equal(fitted[7].predict(X[:n]), whole[:n], check_freq=False, rtol=0, atol=0)


def test_a_window_longer_than_the_data_sees_all_of_it(tiny, hourly):
    X = hourly(9)
    long, exact = (tiny(window=w).fit(X, X["a"]).predict(X) for w in (1000, 9))
    short = tiny(window=8).fit(X, X["a"]).predict(X)
    np.testing.assert_array_equal(long, exact)
    assert not np.array_equal(long, short)


def test_no_window_crosses_into_another_series(tiny, panel):
    model = tiny().fit(panel, panel["a"])
    before = model.predict(panel, context=None)
    changed = panel.copy()
    changed.loc["u"] = changed.loc["u"].to_numpy() + 3
    after = model.predict(changed, context=None)
    np.testing.assert_array_equal(before.loc["v"], after.loc["v"])
    assert (before.loc["u"] != after.loc["u"]).all()


def test_series_of_a_panel_are_predicted_as_if_alone(tiny, panel):
    model = tiny().fit(panel, panel["a"])
    whole = model.predict(panel, context=None)
    for name in ("u", "v"):
        np.testing.assert_array_equal(model.predict(panel.loc[[name]], context=None), whole.loc[name])
        np.testing.assert_array_equal(model.predict(panel.loc[name], context=None), whole.loc[name])


def test_a_series_without_weight_does_not_touch_the_fit(tiny, panel):
    both = tiny().fit(panel, panel["a"], sample_weight=panel.index.get_level_values(0) == "u")
    alone = tiny().fit(panel.loc[["u"]], panel.loc[["u"], "a"])
    for name, array in both.weights_.items():
        np.testing.assert_array_equal(array, alone.weights_[name])
    np.testing.assert_array_equal(both.predict(panel.loc[["v"]]), alone.predict(panel.loc[["v"]]))


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 39), n=st.integers(1, 40))
def test_one_row_with_its_history_is_predicted_as_in_the_whole(fitted, hourly, first, n):
    X = hourly(80, seed=5)
    whole = fitted[4].predict(X)
    part = X[first : first + n]
    context = X[:first] if first else None
    np.testing.assert_array_equal(fitted[4].predict(part, context=context), whole[first : first + n])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 39), min_size=1, max_size=40))
def test_a_sequence_does_not_depend_on_its_neighbours(fitted_on_sequences, chosen):
    model, X, whole = fitted_on_sequences
    np.testing.assert_array_equal(model.predict([X[i] for i in chosen]), whole[chosen])


@pytest.fixture(scope="module")
def fitted_on_sequences(tiny):
    """Fit on 40 sequences of 1 to 9 steps."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(1 + i % 9, 2)) for i in range(40)]
    model = tiny().fit(X, rng.normal(size=40))
    return model, X, model.predict(X)


@pytest.mark.parametrize("hidden", [1, 5, 33, (8, 3)])
def test_neighbours_do_not_matter_for_odd_sizes_either(tiny, hidden):
    X = np.random.default_rng(0).normal(size=(37, 6, 3))
    model = tiny(hidden_layer_sizes=hidden, max_iter=1).fit(X, X[:, 0, 0])
    whole = model.predict(X)
    for part in (slice(0, 1), slice(36, 37), slice(3, 20), slice(5, 21)):
        np.testing.assert_array_equal(model.predict(X[part]), whole[part])
