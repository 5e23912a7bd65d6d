"""Errors, on their words: what was wrong, where, and what would be right."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from grukit import GRUForecaster, GRURegressor, engines

STAMP = "2024-01-01 03:00:00"


def with_value(frame, row, column, value):
    frame = frame.copy()
    frame.iloc[row, column] = value
    return frame


# --- X -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "score"])
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_missing_and_infinite_values_name_column_and_stamp(tiny, hourly, method, value, word):
    X = hourly(20)
    bad = with_value(X, 3, 1, value)
    model = tiny() if "fit" in method else tiny().fit(X, X["a"])
    arguments = (bad,) if method == "predict" else (bad, X["a"])
    remedy = "Fill or drop missing values first" if word == "NaN" else "Replace what is infinite first"
    with pytest.raises(ValueError, match=rf"Input X contains {word}.* in column 'b' at {STAMP} \(row 3\)\. {remedy}"):
        getattr(model, method)(*arguments)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: with_value(X, 3, 1, np.nan).to_numpy(), r"NaN in column 1 at row 3"),
        (lambda X: with_value(X.astype("Float64"), 3, 1, pd.NA), rf"NaN in column 'b' at {STAMP}"),
        (lambda X: with_value((X > 0).astype("boolean"), 3, 1, pd.NA), rf"NaN in column 'b' at {STAMP}"),
        (lambda X: with_value((X * 9).round().astype("Int64"), 3, 1, pd.NA), rf"NaN in column 'b' at {STAMP}"),
        (lambda X: with_value(with_value(X, 3, 1, np.nan), 7, 0, np.inf), r"'b' at .*, and 1 more entries"),
        (lambda X: with_value(with_value(X, 3, 0, np.inf), 3, 1, -np.inf), r"inf .*'a' at .*, and 1 more entries"),
        (lambda X: with_value(X, 3, 1, np.nan).set_axis([3, 4], axis=1), rf"column 4 at {STAMP}"),
    ],
)
def test_missing_values_in_other_tables(tiny, hourly, make, words):
    X = hourly(20)
    with pytest.raises(ValueError, match=words):
        tiny().fit(make(X), X["a"].to_numpy())


def test_missing_values_name_the_series(tiny, panel):
    with pytest.raises(
        ValueError, match=r"NaN in column 'a' at \('v', Timestamp\('2024-01-01 02:00:00'\)\) \(row 22\)"
    ):
        tiny().fit(with_value(panel, 22, 0, np.nan), panel["a"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: X[::-1], r"not sorted: 2024-01-01 18:00:00 \(row 1\) comes after 2024-01-01 19:00:00.*sort_index"),
        (lambda X: X.iloc[[0, 1, 3, 2, 4]], r"not sorted: 2024-01-01 02:00:00 \(row 3\)"),
        (lambda X: X.iloc[[0, 1, 2, 2, 3]], r"duplicates: 2024-01-01 02:00:00 \(row 3\)"),
        (lambda X: X.set_axis([pd.NaT, *X.index[1:]]), r"missing stamp at row 0"),
        (lambda X: X.set_axis([*X.index[:-1], pd.NaT]), r"missing stamp at row 19"),
        (lambda X: X.set_axis(["x", *range(19)]), "mixes types that have no order"),
        (lambda X: X.set_axis(np.r_[0:19, 3]), r"not sorted: 3 \(row 19\) comes after 18"),
        (lambda X: X.set_axis(np.r_[0:19, 18]), r"duplicates: 18 \(row 19\)"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "score"])
def test_the_time_index_must_rise(tiny, hourly, make, words, method):
    X = make(hourly(20))
    call = tiny().fit if method == "fit" else tiny().fit(hourly(20), hourly(20)["a"]).score
    with pytest.raises(ValueError, match=f"The time index.*{words}"):
        call(X, X["a"])


def test_the_time_index_of_a_panel_must_rise_in_each_series(tiny, hourly, panel):
    u, v = panel.loc["u"], panel.loc["v"]
    for bad, words in [
        (v.iloc[[0, 1, 1, 2]], r"index of series v has duplicates: 2024-01-01 01:00:00"),
        (v[::-1], r"index of series v is not sorted: 2024-01-01 13:00:00 .* comes after 2024-01-01 14:00:00"),
        (v.set_axis([*v.index[:-1], pd.NaT]), r"index of series v has a missing stamp"),
    ]:
        X = pd.concat({"u": u, "v": bad})
        with pytest.raises(ValueError, match=words):
            tiny().fit(X, X["a"])
    X = pd.concat({("x", 1): u, ("x", 2): v[::-1]})
    with pytest.raises(ValueError, match="index of series x/2 is not sorted"):
        tiny().fit(X, X["a"])
    X = panel.set_axis(pd.MultiIndex.from_arrays([["u"] * 34 + [None], panel.index.get_level_values(1)]))
    with pytest.raises(ValueError, match="series name is missing at row 34"):
        tiny().fit(X, X["a"])


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (["text"] * 20, "str|object"),
        (pd.Categorical(["u", "v"] * 10), "category"),
        (pd.Categorical([1, 2] * 10), "category"),
        (pd.date_range("2024", periods=20), "datetime64"),
        (pd.timedelta_range("1h", periods=20), "timedelta64"),
        (pd.period_range("2024", periods=20, freq="D"), "period"),
        (pd.array([1.5] * 20, dtype=object), "object"),
    ],
)
def test_columns_that_are_not_numbers_are_named_with_their_dtype(tiny, hourly, column, dtype):
    X = hourly(20)
    bad = X.assign(b=column)
    with pytest.raises(ValueError, match=rf"X: column 'b' has dtype .*({dtype}).*every column must hold numbers"):
        tiny().fit(bad, X["a"])
    with pytest.raises(ValueError, match=r"X\[1\]: column 'b' has dtype"):
        tiny().fit([X, bad], [0.0, 1.0])
    with pytest.raises(ValueError, match="X: column 'b' has dtype"):
        tiny().fit(X, X["a"]).predict(bad)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.5] * 20, r"Convert it, with X\['b'\]\.astype\(float\)\.$"),
        ([1, "2.5", Decimal("3.5"), None] * 5, r"Convert it, with X\['b'\]\.astype\(float\)\.$"),
        ([1.5] * 3 + ["n/a"] * 17, rf"At {STAMP} \(row 3\) it has 'n/a'\.$"),
        ([1.5] * 3 + [[2]] * 17, rf"At {STAMP} \(row 3\) it has \[2\]\.$"),
    ],
)
def test_of_objects_the_first_that_is_no_number_is_named(tiny, hourly, values, words):
    X = hourly(20)
    column = pd.Series(values, X.index, dtype=object)
    with pytest.raises(ValueError, match=rf"X: column 'b' has dtype object; every column must hold numbers\. {words}"):
        tiny().fit(X.assign(b=column), X["a"])
    with pytest.raises(
        ValueError, match=rf"y must hold numbers; its dtype is object\. {words}".replace(r"X\['b'\]", "y")
    ):
        tiny().fit(X, column)


def test_two_columns_of_one_name_are_refused(tiny, hourly):
    X = hourly(20, columns=("a", "b", "c"))
    doubled = X.set_axis(["a", "b", "b"], axis=1)
    for call in (tiny().fit, tiny().fit(X, X["a"]).score):
        with pytest.raises(ValueError, match="X has two columns named 'b'. Rename or drop one"):
            call(doubled, X["a"])
    with pytest.raises(ValueError, match="X has two columns named 'b'"):
        GRUForecaster(horizon=2, window=4).fit(X["a"].iloc[:15], X=doubled)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: X[:0], "0 sample"),
        (lambda X: X.to_numpy()[:0], "0 sample"),
        (lambda X: X.to_numpy()[:, :0], "0 feature"),
        (lambda X: [], "Expected 2D array|empty"),
        (lambda X: X["a"], "[Ee]xpected a? ?2"),
        (lambda X: X["a"].to_numpy(), "Expected 2D array, got 1D array"),
        (lambda X: X["a"].tolist(), "Expected 2D array, got 1D array"),
        (lambda X: 3.0, "Expected 2D array"),
        (lambda X: X.to_numpy() + 1j, "Complex data not supported"),
        (lambda X: X.assign(b=X["b"] + 1j), "Complex data not supported"),
        (lambda X: X.to_numpy()[:, :, None, None], "dim"),
        (lambda X: [[1.0, 2.0]] * 19 + [[1.0]], "inhomogeneous"),
        (lambda X: np.full((20, 2), "text"), "could not convert string to float"),
        (lambda X: X.set_axis(["a", "a"], axis=1), "'a'"),
        pytest.param(
            lambda X: X[[]],
            "0 feature|no column",
        ),
    ],
)
def test_what_is_no_table(tiny, hourly, make, words):
    X = hourly(20)
    with pytest.raises(ValueError, match=words):
        tiny().fit(make(X), X["a"].to_numpy())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: X[["a"]], "(?s)feature names.*missing.*b"),
        (lambda X: X.assign(c=1.0), "(?s)feature names.*unseen.*c"),
        (lambda X: X.rename(columns={"b": "B"}), "(?s)feature names.*unseen.*B.*missing.*b"),
        (lambda X: X[["b", "a"]], "(?s)feature names.*same order"),
        (lambda X: X[:0], "0 sample"),
    ],
)
def test_columns_at_predict_must_be_those_of_fit(tiny, hourly, make, words):
    X = hourly(20)
    model = tiny().fit(X, X["a"])
    for method, arguments in (("predict", ()), ("partial_fit", (X["a"],))):
        with pytest.raises(ValueError, match=words):
            getattr(model, method)(make(X), *arguments)


def test_columns_without_names_must_be_as_many_as_in_fit(tiny, hourly):
    x = hourly(20, "abc").to_numpy()
    model = tiny().fit(x[:, :2], x[:, 0])
    with pytest.raises(ValueError, match="X has 3 features, but GRURegressor is expecting 2 features"):
        model.predict(x)
    sequences = tiny().fit(x[None, :, :2], [0.0])
    with pytest.raises(ValueError, match="X has 3 features, but GRURegressor is expecting 2 features"):
        sequences.predict(x[None])


# --- Sequences ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: [X, X[["a"]]], r"X\[1\] has the columns \['a'\]; X\[0\] has \['a', 'b'\]"),
        (lambda X: [X, X[["b", "a"]]], r"X\[1\] has the columns \['b', 'a'\]"),
        (lambda X: [X.to_numpy(), X.to_numpy()[:, :1]], r"X\[1\] has 1 features; X\[0\] has 2"),
        (lambda X: [X, X[:0]], r"X\[1\] is empty: its shape is \(0, 2\)"),
        (lambda X: [X[:0], X], r"X\[0\] is empty: its shape is \(0, 2\)"),
        (lambda X: np.zeros((2, 0, 3)), r"X is empty: its shape is \(2, 0, 3\)"),
        (lambda X: np.zeros((0, 4, 3)), r"X is empty: its shape is \(0, 4, 3\)"),
        (lambda X: [X, with_value(X, 3, 1, np.nan)], rf"X\[1\] contains NaN in column 'b' at {STAMP} \(row 3\)"),
        (
            lambda X: [X.to_numpy(), with_value(X, 3, 1, np.inf).to_numpy()],
            r"X\[1\] contains inf.* in column 1 at row 3",
        ),
        (lambda X: np.full((2, 3, 4), np.nan), r"X\[0\] contains NaN in column 0 at row 0, and 11 more"),
        (lambda X: np.ones((2, 3, 4)) + 1j, "X holds complex numbers"),
        (lambda X: [X, X.to_numpy() + 1j], r"X\[1\] holds complex numbers"),
        (lambda X: np.full((2, 3, 4), "text"), "X must hold numbers"),
        pytest.param(
            lambda X: [X, with_value(X.astype("Float64"), 3, 1, pd.NA)],
            rf"X\[1\] contains NaN in column 'b' at {STAMP}",
        ),
    ],
)
def test_sequences_are_checked_one_by_one(tiny, hourly, make, words):
    with pytest.raises(ValueError, match=words):
        tiny().fit(make(hourly(5)), [0.0, 1.0])


def test_columns_of_sequences_at_predict(tiny, hourly):
    X = hourly(5)
    model = tiny().fit([X, X], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"feature names should match (.|\n)*\['a', 'b'\] in fit"):
        model.predict([X[["b", "a"]]])


# --- y -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda y: y[:-1], "X has 20, y has 19"),
        (lambda y: y.to_numpy()[:-1], "X has 20, y has 19"),
        (
            lambda y: y.shift(freq="h"),
            "different indexes: at row 0, X has 2024-01-01 00:00:00 and y has 2024-01-01 01:00",
        ),
        (
            lambda y: y.iloc[[0, 1, 2, 4, 3, *range(5, 20)]],
            f"at row 3, X has {STAMP} and y has 2024-01-01 04:00:00. Align them first.* with y.reindex\\(X.index",
        ),
        (lambda y: y.reset_index(drop=True), "different indexes: at row 0, X has 2024-01-01 00:00:00 and y has 0"),
        (lambda y: y.tz_localize("UTC"), r"different indexes: at row 0.*\+00:00\. Give both a time zone, or neither"),
        (lambda y: y.to_frame().reset_index(drop=True), "different indexes"),
        (lambda y: y.where(y.index != y.index[3]), rf"Input y contains NaN in column 'load' at {STAMP} \(row 3\)"),
        (lambda y: y.astype("Float64").where(y.index != y.index[3]), rf"y contains NaN in column 'load' at {STAMP}"),
        (
            lambda y: y.to_frame().where(y.to_frame() < np.inf).mask(y.to_frame() == y.iloc[3]),
            rf"y .*NaN.*'load' at {STAMP}",
        ),
        (lambda y: np.r_[np.zeros(7), -np.inf, np.zeros(12)], r"Input y contains inf.* at row 7"),
        (lambda y: y + 1j, "its dtype is complex128. Complex data not supported"),
        (lambda y: y.to_numpy() + 1j, "y holds complex numbers"),
        (lambda y: pd.Series(["text"] * 20, y.index), "y must hold numbers"),
        (lambda y: [[1, 2], *([1] for _ in range(19))], "y must hold numbers"),
        (lambda y: pd.DataFrame({"p": y, "q": "text"}), "y: column 'q' has dtype"),
        (lambda y: pd.DataFrame(index=y.index), r"shape=\(20, 0\)"),
        (lambda y: np.zeros((20, 1, 1)), r"y must have the shape \(n,\) or \(n, n_outputs\)"),
        (lambda y: None, "requires y to be passed, but the target y is None"),
        (lambda y: 1.0, "y must have the shape"),
        pytest.param(
            lambda y: pd.Series(y.index, y.index),
            "y",
        ),
        pytest.param(
            lambda y: pd.Series(["1", "2"] * 10, y.index),
            "y",
        ),
    ],
)
def test_targets_are_checked(tiny, hourly, make, words):
    X = hourly(20)
    with pytest.raises(ValueError, match=words):
        tiny().fit(X, make(X["a"].rename("load")))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: [x["a"] for x in X[:2]], "X has 3, y has 2"),
        (lambda X: [0.0, 1.0], "X has 3, y has 2"),
        (lambda X: [X[0]["a"], X[1]["a"][:-1], X[2]["a"]], r"y\[1\] has 5 steps; X\[1\] has 6"),
        (lambda X: [X[0], X[1][["a"]], X[2]], r"y\[1\] has 1 outputs; y\[0\] has 2"),
        (lambda X: [X[0], with_value(X[1], 3, 0, np.nan), X[2]], rf"y\[1\] contains NaN .* at {STAMP}"),
        (lambda X: [X[0], X[1].assign(b="text"), X[2]], r"y\[1\]: column 'b' has dtype"),
        pytest.param(
            lambda X: [X[0]["a"], X[1]["a"].shift(freq="h"), X[2]["a"]],
            r"y\[1\]",
        ),
        pytest.param(
            lambda X: [np.zeros((len(x), 2, 3)) for x in X],
            r"y\[0\]",
        ),
    ],
)
def test_targets_at_every_step_are_checked_one_by_one(tiny, hourly, make, words):
    X = [hourly(n) for n in (4, 6, 5)]
    with pytest.raises(ValueError, match=words):
        tiny().fit(X, make(X))


def test_poisson_needs_counts(tiny, hourly):
    X = hourly(20)
    with pytest.raises(ValueError, match=r"loss='poisson' needs y >= 0; the smallest value is -2"):
        tiny(loss="poisson").fit(X, X["a"].clip(lower=-2) * 0 - 2)
    one = np.arange(len(X)) - 2.0
    with pytest.raises(ValueError, match=r"loss='poisson' needs y >= 0; the smallest value is -2"):
        tiny(loss="poisson").fit(X, one)


def test_later_targets_must_be_like_the_first(tiny, hourly):
    X = hourly(20)
    with pytest.raises(ValueError, match="y has 2 outputs; the model was fitted with 1"):
        tiny().partial_fit(X, X["a"]).partial_fit(X, X)
    with pytest.raises(ValueError, match="y has 2 outputs; the model was fitted with 1"):
        tiny(warm_start=True).fit(X, X["a"]).fit(X, X)


def test_later_targets_at_every_step_are_told_apart(tiny):
    X = np.random.default_rng(0).normal(size=(6, 5, 2))
    with pytest.raises(ValueError, match="step"):
        tiny().partial_fit(X, X[:, 0, 0]).partial_fit(X, X[:, :, :1])


# --- Weights of samples -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.r_[-1.0, np.ones(19)], "(?i)negative"),
        (np.ones(19), r"\(19,\), expected \(20,\)"),
        (np.ones((20, 2)), "1D array"),
        (np.zeros(20), "zero"),
        (np.r_[np.nan, np.ones(19)], "NaN"),
        (np.r_[np.inf, np.ones(19)], "infinity"),
        (["a"] * 20, "sample_weight must hold numbers: .*'a'"),
        (np.full(20, np.datetime64("2024-01-01")), r"sample_weight must hold numbers; its dtype is datetime64\[D\]"),
        (pd.Series(1.0, range(20)), r"Align them first.* with sample_weight\.reindex\(X\.index\)"),
    ],
)
def test_sample_weight_is_checked(tiny, hourly, weight, words):
    X = hourly(20)
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=words):
            getattr(tiny(), method)(X, X["a"], sample_weight=weight)


@pytest.mark.parametrize("weighted", [slice(-3, None), slice(None, 20)])
def test_weights_must_leave_samples_on_both_sides_of_the_split(tiny, hourly, weighted):
    X, weight = hourly(40), np.zeros(40)
    weight[weighted] = 1
    with pytest.raises(ValueError, match="sample_weight"):
        tiny(early_stopping=True).fit(X, X["a"], sample_weight=weight)


# --- Early stopping, device, methods -------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "window"), [(60, 64), (60, 40), (100, 52)])
def test_early_stopping_by_itself_leaves_all_samples_to_training(tiny, hourly, rows, window):
    X = hourly(rows)
    for model in (tiny(early_stopping="auto", window=each).fit(X, X["a"]) for each in (window, 8)):
        assert "on 4 blocks in time" in model.stop_reason_
        assert model.validation_curve_ is not None


def test_early_stopping_by_itself_takes_samples_that_count(tiny, hourly):
    X = hourly(80)
    y = X["a"].copy()
    y[-8:] = np.nan  # as y = X.shift(-k) ends
    model = tiny(early_stopping="auto", missing="mask").fit(X, y)
    assert np.isfinite(model.validation_curve_).all()
    with pytest.raises(ValueError, match="No validation sample has a target"):
        tiny(early_stopping=True, missing="mask").fit(X, y)


def test_early_stopping_by_itself_with_many_short_series(tiny, hourly):
    X = pd.concat({f"s{i:03}": hourly(10) for i in range(110)}, names=["series", "time"])
    assert "on 4 blocks in time" in tiny(early_stopping="auto", window=16).fit(X, X["a"]).stop_reason_


def test_too_few_rows_for_early_stopping(tiny, hourly):
    X = hourly(5)
    words = r"of 5 samples, 1 are for validation and a gap of window=4 before them, so 0 are left for training"
    with pytest.raises(ValueError, match=words):
        tiny(early_stopping=True).fit(X, X["a"])
    tiny(early_stopping=True).fit(hourly(6), hourly(6)["a"])
    with pytest.raises(ValueError, match="early_stopping"):
        tiny(early_stopping=True).fit(np.zeros((1, 5, 2)), [0.0])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_cuda_is_refused_where_there_is_none(tiny, hourly, method, monkeypatch):
    monkeypatch.setattr(engines, "_count_gpus", lambda: 0)
    X = hourly(10)
    with pytest.raises(RuntimeError, match="device='cuda'"):
        getattr(tiny(device="cuda"), method)(X, X["a"])


def test_lbfgs_has_no_average(tiny, hourly):
    X = hourly(60)
    with pytest.raises(ValueError, match=r"averaging=0\.8 is of the weights after each epoch, which solver='lbfgs'"):
        tiny(solver="lbfgs", averaging=0.8).fit(X, X["a"])
    for averaging in ("auto", 0.0):
        assert tiny(solver="lbfgs", averaging=averaging, max_iter=2).fit(X, X["a"]).n_iter_ == 2


def test_lbfgs_has_no_partial_fit(tiny, hourly):
    X = hourly(10)
    with pytest.raises(ValueError, match=r"partial_fit needs a solver that trains in batches; solver='lbfgs'"):
        tiny(solver="lbfgs").partial_fit(X, X["a"])


@pytest.mark.parametrize("use", [lambda m, X: m.predict(X), lambda m, X: m.score(X, X["a"]), lambda m, X: m.weights_])
def test_nothing_before_fit(tiny, hourly, use):
    with pytest.raises(NotFittedError, match="This GRURegressor instance is not fitted yet"):
        use(tiny(), hourly(5))
    assert not hasattr(tiny(), "weights_")


# --- Parameters ----------------------------------------------------------------------------------------

BAD_VALUES = {
    "hidden_layer_sizes": [0, -1, 2.5, "abc", None],
    "window": [0, -3, 2.0, "all"],
    "cell": ["lstm", None, 1],
    "checkpoint": [1, ["run"]],
    "checkpoint_every": [0, 1.5],
    "bidirectional": ["yes", None],
    "dropout": [1, -0.1, None],
    "recurrent_dropout": [1.0, "a"],
    "initial_state": ["ones", None],
    "missing": ["drop", None],
    "loss": ["mse", None],
    "quantile": [0, 1, -0.1, 1.5, None, np.nan],
    "delta": [0, -1, "a"],
    "solver": ["adagrad", None],
    "alpha": [-1e-9, None, "a", np.nan],
    "averaging": [-0.1, 1, None, "all"],
    "batch_size": [0, -1, 2.5, "all", None],
    "learning_rate": ["linear", 0.1, None],
    "learning_rate_init": [0, -1, None, np.inf],
    "max_iter": [0, -1, 2.5, None],
    "shuffle": [None, "yes", 2],
    "tol": [-1, None, np.nan],
    "early_stopping": ["yes", None],
    "anchor": [],  # any label of a column
    "linear_lags": [-1, 2.5, "all", None, True],
    "difference": ["all", None, 2],
    "validation_fraction": [0, 1, 1.0, -0.5, None],
    "n_iter_no_change": [0, 1.5, None],
    "clip_norm": [0, -1, "a", np.nan],
    "standardize": [None, "yes"],
    "weight_init": ["zeros", None],
    "momentum": [-0.1, 1, 1.5, None],
    "nesterovs_momentum": [None, "yes"],
    "beta_1": [-0.1, 1, None],
    "beta_2": [-0.1, 1, None],
    "epsilon": [0, -1, None],
    "max_fun": [0, 2.5, None],
    "warm_start": [None, "yes"],
    "device": ["gpu", None, 0],
    "dtype": ["float16", None, np.float32],
    "precision": ["half", None, 10],
    "n_jobs": [1.5, "all"],
    "callbacks": [5, "a"],
    "random_state": ["a", -1, 1.5],
    "verbose": [-1, "yes"],
}


def test_no_parameter_is_left_out():
    assert set(BAD_VALUES) == set(GRURegressor().get_params()) == set(GRURegressor._parameter_constraints)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values])
def test_a_bad_parameter_is_named_with_its_value(name, value):
    X = np.zeros((5, 2))
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=rf"The '{name}' parameter of GRURegressor must be .* Got .*") as error:
            getattr(GRURegressor(**{name: value}), method)(X, X[:, 0])
        assert type(error.value).__name__ == "InvalidParameterError" and repr(value) in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_layer_sizes", ()),
        ("hidden_layer_sizes", (0,)),
        ("hidden_layer_sizes", (4, 0)),
        ("hidden_layer_sizes", (-1,)),
        ("hidden_layer_sizes", (2.7,)),
        ("hidden_layer_sizes", ("a",)),
        ("hidden_layer_sizes", ((2, 3),)),
        ("callbacks", [len, 5]),
        ("callbacks", ["a"]),
    ],
)
def test_what_is_inside_a_list_is_checked_too(tiny, hourly, name, value):
    X = hourly(8)
    with pytest.raises(ValueError, match=name):
        tiny(**{name: value}).fit(X, X["a"])


# --- After a failure -----------------------------------------------------------------------------------


def raise_runtime_error(record):
    raise RuntimeError("from the callback")


REFITS = {
    "NaN, the same columns": lambda m, X: m.fit(with_value(X, 3, 1, np.nan), X["a"]),
    "other columns and NaN": lambda m, X: m.fit(with_value(X.assign(c=1.0), 3, 1, np.nan), X["a"]),
    "other columns, y too short": lambda m, X: m.fit(X[["a"]], X["a"][:-1]),
    "an array, y too short": lambda m, X: m.fit(X.to_numpy(), X["a"][:-1]),
    "sequences, y too short": lambda m, X: m.fit(X.to_numpy()[None], [1.0, 2.0]),
    "other targets, weights of zero": lambda m, X: m.fit(X, X, sample_weight=np.zeros(len(X))),
    "too few rows": lambda m, X: m.set_params(early_stopping=True).fit(X[:4], X["a"][:4]),
    "no GPU": lambda m, X: m.set_params(device="cuda").fit(X, X["a"]),
    "a callback raises": lambda m, X: m.set_params(callbacks=raise_runtime_error, hidden_layer_sizes=6).fit(X, X["a"]),
    "partial_fit, NaN": lambda m, X: m.partial_fit(with_value(X, 3, 1, np.nan), X["a"]),
    "partial_fit, y too short": lambda m, X: m.partial_fit(X, X["a"][:-1]),
    "partial_fit, a callback raises": lambda m, X: m.set_params(callbacks=raise_runtime_error).partial_fit(X, X["a"]),
}


@pytest.mark.parametrize("refit", REFITS.values(), ids=REFITS.keys())
def test_after_a_failed_refit_the_old_model_still_predicts(tiny, hourly, refit, monkeypatch):
    monkeypatch.setattr(engines, "_count_gpus", lambda: 0)
    X = hourly(40)
    train, test = X[:25], X[25:]
    model = tiny().fit(train, train["a"].rename("load"))
    before, weights, losses = model.predict(test), model.weights_, model.loss_curve_
    with pytest.raises((ValueError, RuntimeError)):
        refit(model, train)
    model.set_params(device="auto")
    pd.testing.assert_series_equal(model.predict(test), before, rtol=0, atol=0)
    assert model.loss_curve_ == losses and model.n_features_in_ == 2 and model.feature_names_in_.tolist() == ["a", "b"]
    for name, array in model.weights_.items():
        np.testing.assert_array_equal(array, weights[name])


def test_after_a_failed_first_fit_the_model_is_not_fitted(tiny, hourly):
    X = hourly(20)
    model = tiny()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(with_value(X, 3, 1, np.nan), X["a"])
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_training_goes_on_after_a_failure_as_if_nothing_had_been(tiny, hourly):
    X = hourly(80)
    failed, plain = tiny(batch_size=20).fit(X, X["a"]), tiny(batch_size=20).fit(X, X["a"])
    with pytest.raises(RuntimeError, match="from the callback"):
        failed.set_params(callbacks=raise_runtime_error).partial_fit(X, X["a"])
    failed.set_params(callbacks=None).partial_fit(X, X["a"])
    pd.testing.assert_series_equal(failed.predict(X), plain.partial_fit(X, X["a"]).predict(X))


def test_a_failed_fit_can_be_followed_by_a_good_one(tiny, hourly):
    X = hourly(20)
    model = tiny()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(with_value(X.assign(c=1.0), 3, 1, np.nan), X["a"])
    model.fit(X, X["a"])
    np.testing.assert_array_equal(model.predict(X), tiny().fit(X, X["a"]).predict(X))


def test_a_table_of_lists_with_a_missing_value(tiny):
    rows = np.random.default_rng(0).normal(size=(20, 2)).tolist()
    rows[7][1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        tiny().fit(rows, np.zeros(20))


def test_one_row_has_no_difference(tiny, hourly):
    X = hourly(40)
    with pytest.raises(ValueError, match="A difference takes two rows; window=1 has one"):
        tiny(window=1, difference=["a"]).fit(X, X["a"])
    sequences = X.to_numpy().reshape(10, 4, 2)
    assert tiny(window=1, difference=True).fit(sequences, np.arange(10.0)).difference_ == [0, 1]
