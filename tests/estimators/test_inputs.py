"""The kinds of X: a table, a panel, sequences as a 3-D array or a ragged list, rows as sequences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def assert_same_fit(one, other):
    """Compare weights and losses to the last bit."""
    assert one.loss_curve_ == other.loss_curve_
    for name, array in one.weights_.items():
        np.testing.assert_array_equal(array, other.weights_[name], err_msg=name)


# --- One table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.to_numpy(),
        lambda X: X.to_numpy().tolist(),
        lambda X: np.asfortranarray(X.to_numpy()),
        lambda X: X.to_numpy()[::-1].copy()[::-1],
        lambda X: np.repeat(X.to_numpy(), 2, axis=1)[:, ::2],
        lambda X: X.to_numpy().astype(object),
        lambda X: X.astype("Float64"),
        lambda X: X.astype("Float64").to_numpy(),
        lambda X: X.set_axis([3, 4], axis=1),
        lambda X: X.set_axis(pd.MultiIndex.from_product([["p"], ["q", "r"]]), axis=1),
        lambda X: X.reset_index(drop=True),
        lambda X: X.set_axis(np.arange(len(X)) - 7.5),
    ],
)
def test_however_a_table_is_written_the_fit_is_the_same(tiny, hourly, form):
    X = hourly(20)
    plain, other = tiny().fit(X, X["a"]), tiny().fit(form(X), X["a"].to_numpy())
    assert_same_fit(plain, other)
    np.testing.assert_array_equal(np.asarray(other.predict(form(X))), plain.predict(X))


def test_read_only_data(tiny, hourly):
    X = hourly(20)
    x, y, weight = X.to_numpy().copy(), X["a"].to_numpy().copy(), np.linspace(1, 2, 20)
    for array in (x, y, weight):
        array.setflags(write=False)
    before = x.copy()
    model = tiny().fit(x, y, sample_weight=weight)
    assert_same_fit(model, tiny().fit(X, X["a"], sample_weight=weight.copy()))
    np.testing.assert_array_equal(model.predict(x), tiny().fit(x.copy(), y, sample_weight=weight).predict(x.copy()))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("kind", ["table", "panel", "sequences", "3-D", "rows"])
def test_what_the_user_gave_is_left_as_it_was(tiny, hourly, panel, kind):
    data = {
        "table": hourly(20),
        "panel": panel.sort_index(level="time"),
        "sequences": [hourly(n) for n in (3, 5, 8)],
        "3-D": np.random.default_rng(0).normal(size=(6, 5, 2)),
        "rows": hourly(20),
    }
    X = data[kind]
    one_each = kind in ("sequences", "3-D")
    y = np.arange(float(len(X))) if one_each else X["a"].rename("load")
    weight = np.linspace(0, 1, len(X))
    copies = [x.copy() for x in X] if isinstance(X, list) else X.copy()
    y_before, weight_before = y.copy(), weight.copy()
    model = tiny(window=None if kind == "rows" else 4).fit(X, y, sample_weight=weight)
    model.predict(X)
    for x, before in zip(X, copies, strict=True) if isinstance(X, list) else [(X, copies)]:
        np.testing.assert_array_equal(np.asarray(x), np.asarray(before))
        if isinstance(x, pd.DataFrame):
            pd.testing.assert_frame_equal(x, before)
    np.testing.assert_array_equal(y, y_before)
    np.testing.assert_array_equal(weight, weight_before)


@pytest.mark.parametrize("dtype", ["bool", "boolean", "int8", "uint64", "Int64", "float16", "float32"])
def test_numbers_of_other_types(tiny, hourly, dtype):
    X = (hourly(20) > 0).astype(float)
    model = tiny().fit(X.astype(dtype), X["a"].astype(dtype))
    assert_same_fit(model, tiny().fit(X, X["a"]))
    prediction = model.predict(X.astype(dtype))
    np.testing.assert_array_equal(prediction, tiny().fit(X, X["a"]).predict(X))
    assert prediction.dtype == np.float64


def test_one_row_and_one_column(tiny, hourly):
    X = hourly(1, "a")
    model = tiny().fit(X, X["a"])
    np.testing.assert_allclose(model.predict(X), X["a"], rtol=1e-6)  # a constant is learned at once
    assert np.isfinite(model.predict(hourly(5, "a", seed=1))).all()


# --- Panels ------------------------------------------------------------------------------------------


def test_order_of_a_panels_rows_only_orders_the_output(tiny, panel):
    by_time = panel.sort_index(level="time")
    assert not by_time.index.equals(panel.index)
    model = tiny(shuffle=False, batch_size=100).fit(panel, panel["a"])
    other = tiny(shuffle=False, batch_size=100).fit(by_time, by_time["a"])
    # Series come in the order of their first row, which is the same here, so all else is, too.
    assert_same_fit(model, other)
    prediction = other.predict(by_time)
    pd.testing.assert_index_equal(prediction.index, by_time.index)
    pd.testing.assert_series_equal(prediction.loc[panel.index], model.predict(panel), rtol=0, atol=0)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_interleaving_of_series_gives_the_same_predictions(fitted_on_panel, panel, data):
    chosen = data.draw(st.lists(st.sampled_from("uv"), min_size=35, max_size=35))
    rows = {"u": list(range(20)), "v": list(range(20, 35))}
    order = [rows[name].pop(0) for name in chosen if rows[name]] + rows["u"] + rows["v"]
    shuffled = panel.iloc[order]
    expected = fitted_on_panel.predict(panel, context=None).iloc[order]
    pd.testing.assert_series_equal(fitted_on_panel.predict(shuffled, context=None), expected, rtol=0, atol=0)


@pytest.fixture(scope="module")
def fitted_on_panel(tiny, panel):
    """Fit on two series."""
    return tiny().fit(panel, panel["a"].rename("load"))


def test_weights_and_targets_follow_the_rows_of_an_interleaved_panel(tiny, panel):
    y, weight = pd.Series(np.arange(35.0), panel.index), pd.Series(np.linspace(0.5, 2, 35), panel.index)
    by_time = panel.sort_index(level="time")
    options = {"shuffle": False, "batch_size": 100}
    assert_same_fit(
        tiny(**options).fit(panel, y, sample_weight=weight),
        tiny(**options).fit(by_time, y[by_time.index], sample_weight=weight[by_time.index]),
    )


def test_a_panel_of_one_series_is_that_series(tiny, panel):
    assert_same_fit(
        tiny().fit(panel.loc[["u"]], panel.loc[["u"], "a"]), tiny().fit(panel.loc["u"], panel.loc["u", "a"])
    )


def test_unused_levels_and_categories_do_not_matter(tiny, panel):
    part = panel[panel.index.get_level_values("series") == "v"]
    assert "u" in part.index.levels[0]
    clean = part.set_axis(part.index.remove_unused_levels())
    categories = part.set_axis(part.index.set_levels(part.index.levels[0].astype("category"), level=0))
    expected = tiny().fit(clean, clean["a"])
    for X in (part, categories):
        model = tiny().fit(X, X["a"])
        assert_same_fit(model, expected)
        pd.testing.assert_index_equal(model.predict(X).index, X.index)


def test_numbers_and_stamps_name_series(tiny, hourly):
    X = hourly(10)
    for names in ([1, 2], [1.5, 2.5], [pd.Timestamp("2020"), pd.Timestamp("2021")]):
        data = pd.concat(dict(zip(names, (X, -X), strict=True)))
        prediction = tiny().fit(data, data["a"]).predict(data, context=None)
        np.testing.assert_array_equal(prediction.loc[names[1]], tiny().fit(data, data["a"]).predict(-X, context=None))


# --- Sequences ---------------------------------------------------------------------------------------


def test_a_3d_array_and_lists_of_the_same_content_give_the_same(tiny):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 6, 2)), rng.normal(size=12)
    model = tiny().fit(X, y)
    forms = [list(X), tuple(X), [pd.DataFrame(x) for x in X], np.asfortranarray(X), X.astype(object)]
    for form in forms:
        assert_same_fit(model, tiny().fit(form, y))
        np.testing.assert_array_equal(model.predict(form), model.predict(X))


def test_a_sequence_ends_at_its_own_last_step(tiny):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (1, 7, 3, 5)]
    model = tiny().fit(X, np.arange(4.0))
    predictions = model.predict(X)
    for i, x in enumerate(X):
        np.testing.assert_array_equal(model.predict(x[None]), predictions[i : i + 1])
        changed = x.copy()
        changed[0] += 1  # the whole of it is seen
        assert model.predict([changed])[0] != predictions[i]
        if len(x) > 1:
            assert model.predict([x[:-1]])[0] != predictions[i]


def test_window_does_not_cut_sequences(tiny):
    X, y = np.random.default_rng(0).normal(size=(8, 10, 2)), np.arange(8.0)
    assert_same_fit(tiny(window=2).fit(X, y), tiny(window=None).fit(X, y))


def test_rows_as_sequences_are_sequences_of_one_feature(tiny, hourly):
    X = hourly(15, "abcd")
    rows = tiny(window=None).fit(X, X["a"].rename("load"))
    sequences = tiny().fit(X.to_numpy()[:, :, None], X["a"].to_numpy())
    assert_same_fit(rows, sequences)
    prediction = rows.predict(X[::-1])  # the index is no time then
    np.testing.assert_array_equal(prediction, sequences.predict(X.to_numpy()[::-1, :, None]))
    assert prediction.name == "load" and prediction.index.equals(X.index[::-1])
    assert (rows.n_features_in_, sequences.n_features_in_) == (4, 1)


def test_many_targets_of_sequences(tiny):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 5, 2))
    y = pd.DataFrame(rng.normal(size=(9, 2)), columns=["p", "q"])
    model = tiny().fit(X, y)
    assert_same_fit(model, tiny().fit(list(X), y.to_numpy()))
    prediction = model.predict(X)
    assert isinstance(prediction, np.ndarray)
    # The first output is that of p: training on p far away moves it, not the other.
    assert model.weights_["head.weight"].shape == (2, 4)
    far = tiny().fit(X, y + [100, 0]).predict(X)
    np.testing.assert_allclose(far, prediction + [100, 0], atol=1e-4)


# --- A target at every step --------------------------------------------------------------------------


def test_targets_at_every_step_in_all_forms(tiny):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(7, 5, 2)), rng.normal(size=(7, 5, 2))
    model = tiny().fit(X, y)
    for other in (list(y), [pd.DataFrame(t) for t in y], tuple(y)):
        assert_same_fit(model, tiny().fit(X, other))
    whole = model.predict(X)
    assert isinstance(whole, np.ndarray) and whole.shape == (7, 5, 2)
    pieces = model.predict(list(X))
    assert isinstance(pieces, list)
    np.testing.assert_array_equal(np.stack(pieces), whole)
    # Step t is what the first t steps alone give.
    for t in range(1, 5):
        np.testing.assert_array_equal(model.predict(X[:, :t]), whole[:, :t])


def test_targets_at_every_step_of_ragged_frames(tiny, hourly):
    X = [hourly(n, seed=n) for n in (3, 8, 5)]
    y = [x["a"].rename("load") for x in X]
    model = tiny().fit(X, y)
    assert_same_fit(model, tiny().fit([x.to_numpy() for x in X], [t.to_numpy() for t in y]))
    predictions = model.predict(X)
    for prediction, x in zip(predictions, X, strict=True):
        assert isinstance(prediction, pd.Series) and prediction.name == "load"
        pd.testing.assert_index_equal(prediction.index, x.index)
        np.testing.assert_array_equal(prediction, model.predict([x.to_numpy()])[0])
    frames = tiny().fit(X, [x[["b", "a"]] for x in X]).predict(X)
    assert [list(f.columns) for f in frames] == [["b", "a"]] * 3


def test_without_an_axis_of_outputs_predictions_have_none(tiny):
    X = np.random.default_rng(0).normal(size=(4, 5, 2))
    flat, deep = tiny().fit(X, list(X[:, :, 0])), tiny().fit(X, X[:, :, :1])
    assert_same_fit(flat, deep)
    np.testing.assert_array_equal(flat.predict(X), deep.predict(X)[:, :, 0])


def test_rows_as_sequences_with_a_target_at_every_step(tiny, hourly):
    X = hourly(12, "abc").to_numpy()
    model = tiny(window=None).fit(X, X[:, :, None])
    sequences = tiny().fit(X[:, :, None], X[:, :, None])
    assert_same_fit(model, sequences)
    np.testing.assert_array_equal(model.predict(X), sequences.predict(X[:, :, None]))


def test_rows_of_a_frame_with_a_target_at_every_step(tiny, hourly):
    X = hourly(12, "abc")
    model = tiny(window=None).fit(X, X.to_numpy()[:, :, None])
    with pytest.warns(UserWarning, match="fitted with feature names"):
        array = model.predict(X.to_numpy())
    assert array.shape == (12, 3, 1)
    np.testing.assert_array_equal(model.predict(X), array)


def test_score_over_all_steps_weighs_sequences(tiny):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (3, 8, 5)]
    y = [x[:, 0] for x in X]
    model = tiny().fit(X, y)
    weight = np.array([1.0, 0.0, 2.0])
    p, t = np.concatenate(model.predict(X)), np.concatenate(y)
    w = np.repeat(weight, [3, 8, 5])
    r2 = 1 - (w * (t - p) ** 2).sum() / (w * (t - np.average(t, weights=w)) ** 2).sum()
    assert model.score(X, y, sample_weight=weight) == pytest.approx(r2)
    assert model.score(X, y) != pytest.approx(r2)


# --- Kinds do not mix --------------------------------------------------------------------------------


def test_kinds_do_not_mix(tiny, hourly):
    table, sequences = hourly(10).to_numpy(), np.random.default_rng(0).normal(size=(10, 5, 2))
    on_table, on_sequences = tiny().fit(table, table[:, 0]), tiny().fit(sequences, table[:, 0])
    on_rows = tiny(window=None).fit(table, table[:, 0])
    for model, X, words in [
        (on_table, sequences, "X is read as sequences here and was read as table in fit"),
        (on_table, [table, table], "X is read as sequences here and was read as table in fit"),
        (on_sequences, table, "X is read as table here and was read as sequences in fit"),
        (on_rows, sequences, "X is read as sequences here and was read as rows in fit"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.predict(X)
    with pytest.raises(ValueError, match="was read as sequences in fit"):
        on_sequences.partial_fit(table, table[:, 0])
    # A new fit may be of any kind.
    assert np.isfinite(on_sequences.fit(table, table[:, 0]).predict(table)).all()


def test_fifty_samples_with_a_weight_are_held_out_of_by_themselves(tiny):
    X = np.random.default_rng(0).normal(size=(51, 4, 2))
    weights = np.r_[np.ones(50), 0.0]
    auto = tiny(early_stopping="auto")
    assert auto.fit(X, X[:, -1, 0], sample_weight=weights).validation_curve_ is not None
    assert auto.fit(X, X[:, -1, 0], sample_weight=np.r_[0.0, weights[1:]]).validation_curve_ is None


def test_the_summary_tells_the_penalty_of_one_output_and_the_range_of_several(tiny, hourly):
    X = hourly(60)
    exact = X.shift(1, fill_value=0.0)
    apart = pd.concat([exact["a"].where(X["b"] > 0), 0.1 * X["b"] + X["a"].where(X["b"] <= 0) ** 2], axis=1)
    one, several = (tiny(linear_lags=3, missing="mask").fit(X, y) for y in (exact["a"], apart))
    assert f"penalty {one.linear_alpha_:.3g}\n" in one.summary()
    low, high = several.linear_alpha_.min(), several.linear_alpha_.max()
    assert low < high and f"penalty {low:.3g} to {high:.3g}\n" in several.summary()
