"""GRUClassifier: labels in and out, probabilities, weights of classes, learning, errors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.utils.class_weight import compute_class_weight

from grukit import GRUClassifier

STILL = {"max_iter": 1, "learning_rate_init": 1e-30}  # trains without a change of the weights


ALONE = {"linear_lags": 0, "difference": False, "early_stopping": False}


def tiny(**changes):
    """The network alone."""
    small = {"hidden_layer_sizes": 4, "window": 4, "max_iter": 2, "random_state": 0}
    return GRUClassifier(**{**small, **ALONE, **changes})


def bias_of(model):
    return model.weights_["head.bias"]


@pytest.fixture
def data(hourly):
    """60 hours, and whether the sum of two readings is above zero."""
    X = hourly(60)
    return X, (X["a"] + X["a"].shift(1, fill_value=0) > 0).rename("alarm")


@pytest.fixture
def sequences():
    """9 sequences of 6 steps, a number of three classes at every step and two labels at every step."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 6, 2))
    return X, (np.digitize(X[..., 0], [-0.5, 0.8])), (X > 0.3).astype(int)


# --- Labels in and out -----------------------------------------------------------------------------------

TWO = {
    "bool": lambda y: y,
    "objects that are bool": lambda y: y.astype(object),
    "int": lambda y: y.map({False: -1, True: 1}),
    "int8": lambda y: y.astype("int8"),
    "float": lambda y: y.astype(float),
    "str": lambda y: y.map({False: "calm", True: "loud"}),
    "objects that are str": lambda y: y.map({False: "calm", True: "very loud"}).astype(object),
    "string": lambda y: y.map({False: "calm", True: "loud"}).astype("string"),
    "nullable bool": lambda y: y.astype("boolean"),
    "nullable int": lambda y: y.astype("Int64"),
    "category": lambda y: y.map({False: "calm", True: "loud"}).astype("category"),
    "category, more than there are": lambda y: pd.Series(
        pd.Categorical(y.map({False: 3, True: 7}), [9, 7, 3], ordered=True), y.index, name=y.name
    ),
    "intervals": lambda y: pd.cut(y.astype(float), [-1, 0.5, 2]).rename(y.name),
    "periods": lambda y: y.map({False: pd.Period("2024-01"), True: pd.Period("2024-02")}),
}


@pytest.mark.parametrize("change", TWO.values(), ids=TWO.keys())
def test_labels_of_any_dtype(data, change):
    X, y = data
    expected = tiny().fit(X, y.to_numpy().astype(int)).predict_proba(X)
    labels = change(y)
    model = tiny().fit(X, labels)
    assert model.classes_.tolist() == sorted(labels.unique())
    probabilities = model.predict_proba(X)
    np.testing.assert_array_equal(probabilities, expected)
    assert probabilities.columns.tolist() == model.classes_.tolist()
    prediction = model.predict(X)
    right = pd.Series(model.classes_[(expected[:, 1] > 0.5).astype(int)], X.index, name="alarm")
    if not (labels.dtype == object and isinstance(labels.iloc[0], bool)):  # those are found to be bool
        right = right.astype(labels.dtype)
    pd.testing.assert_series_equal(prediction, right)
    array = tiny().fit(X.to_numpy(), labels).predict(X.to_numpy())
    assert type(array) is np.ndarray and array.tolist() == prediction.tolist()
    assert model.score(X, labels) == accuracy_score(y, expected[:, 1] > 0.5)


def test_arrays_give_arrays(data):
    X, y = data[0], np.where(data[1], "loud", "no")
    model = tiny().fit(X, y)
    assert type(model.predict_proba(X)) is np.ndarray
    prediction = model.predict(X)
    assert type(prediction) is np.ndarray and prediction.dtype == y.dtype == model.classes_.dtype
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        column = tiny().fit(X, y[:, None])
    np.testing.assert_array_equal(column.predict(X), prediction)
    np.testing.assert_array_equal(tiny().fit(X, y.tolist()).predict(X), prediction)


def test_several_labels(data):
    X, _ = data
    Y = pd.DataFrame({"high": X["a"] > 1, "low": X["a"] < -1, "b": X["b"] > 0}, X.index).rename_axis(columns="label")
    model = tiny(max_iter=30).fit(X, Y)
    assert model.classes_.tolist() == ["high", "low", "b"]
    probabilities, prediction = model.predict_proba(X), model.predict(X)
    pd.testing.assert_index_equal(probabilities.columns, Y.columns)
    pd.testing.assert_frame_equal(prediction, probabilities > 0.5)
    assert prediction.to_numpy().any() and not prediction.to_numpy().all()
    array = tiny(max_iter=30).fit(X.to_numpy(), Y.to_numpy().astype("int16"))
    assert array.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(array.predict_proba(X.to_numpy()), probabilities)
    assert array.predict(X.to_numpy()).dtype == np.int16
    assert model.score(X, Y) == (prediction == Y).all(axis=1).mean()
    assert tiny().fit(X, Y.astype({"b": int})).predict(X).dtypes.tolist() == [np.dtype("int64")] * 3
    assert tiny().fit(X, Y.astype("boolean")).predict(X).dtypes.tolist() == [pd.BooleanDtype()] * 3


def test_a_label_at_every_step(sequences):
    X, y, _ = sequences
    names = np.array(["low", "middle", "high"])
    model = tiny().fit(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (9, 6, 3)
    np.testing.assert_array_equal(model.predict(X), probabilities.argmax(axis=2))
    assert model.score(X, y) == np.mean(model.predict(X) == y)
    frames = [pd.DataFrame(x, pd.date_range("2024", periods=6), ["a", "b"]) for x in X]
    series = [pd.Series(names[t], x.index, name="level") for x, t in zip(frames, y, strict=True)]
    named = tiny().fit(frames, series)
    assert named.classes_.tolist() == ["high", "low", "middle"]
    for other in (tiny().fit(list(X), y), tiny().fit(X, list(y)), tiny().fit(X, y.tolist())):
        np.testing.assert_array_equal(other.predict_proba(X), probabilities)
    with pytest.warns(DataConversionWarning):
        np.testing.assert_array_equal(tiny().fit(X, y[..., None]).predict(X), model.predict(X))
    for piece, x, shares in zip(named.predict(frames), frames, named.predict_proba(frames), strict=True):
        assert piece.name == "level" and piece.dtype == series[0].dtype
        pd.testing.assert_index_equal(piece.index, x.index)
        pd.testing.assert_series_equal(piece, shares.idxmax(axis=1).rename("level"), check_dtype=False)


def test_a_label_at_every_step_of_unequal_sequences(sequences):
    X, y, both = sequences
    n = [1 + i % 6 for i in range(9)]
    ragged = [x[:k] for x, k in zip(X, n, strict=True)]
    model = tiny().fit(ragged, [t[:k] for t, k in zip(y, n, strict=True)])
    pieces = model.predict(ragged)
    assert [len(piece) for piece in pieces] == n
    whole = np.concatenate([t[:k] for t, k in zip(y, n, strict=True)])
    assert model.score(ragged, [t[:k] for t, k in zip(y, n, strict=True)]) == np.mean(np.concatenate(pieces) == whole)
    weight = np.arange(9.0)
    expected = accuracy_score(whole, np.concatenate(pieces), sample_weight=np.repeat(weight, n))
    assert model.score(ragged, [t[:k] for t, k in zip(y, n, strict=True)], weight) == expected
    several = tiny().fit(ragged, [t[:k] for t, k in zip(both, n, strict=True)])
    for piece, shares in zip(several.predict(ragged), several.predict_proba(ragged), strict=True):
        np.testing.assert_array_equal(piece, shares > 0.5)


def test_a_matrix_beside_sequences_is_read_by_its_width(sequences):
    X, y, _ = sequences
    per_step, indicator = (y > 0).astype(int), (y[:, :4] > 0).astype(int)
    assert tiny().fit(X, per_step).predict(X).shape == (9, 6)
    assert tiny().fit(X, indicator).predict(X).shape == (9, 4)
    as_frame = tiny().fit(X, pd.DataFrame(per_step))  # one row a sequence: six labels of each
    assert as_frame.predict_proba(X).shape == (9, 6) and as_frame.n_outputs_ == 6
    assert tiny(window=None).fit(X[..., 0], per_step).n_outputs_ == 6  # a row of X is one sample


def test_panels_and_history(panel):
    y = (panel["a"] > 0).map({True: "up", False: "down"}).rename("move")
    train = panel.index.get_level_values("time") < "2024-01-01 12:00"
    model = tiny().fit(panel[train], y[train])
    prediction = model.predict(panel[~train])
    pd.testing.assert_index_equal(prediction.index, panel.index[~train])
    np.testing.assert_array_equal(
        model.predict_proba(panel[~train]), model.predict_proba(panel, context=None)[~train]
    )  # the training tail is seen as history


# --- Probabilities and the loss --------------------------------------------------------------------------


def test_probabilities_sum_to_one_and_their_logarithms_keep_their_digits(data):
    X, y = data
    three = np.digitize(X["a"], [-1, 1])
    for target, n_classes in ((y, 2), (three, 3)):
        model = tiny().fit(X, target)
        probabilities = np.asarray(model.predict_proba(X))
        assert probabilities.shape == (60, n_classes)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), probabilities, rtol=1e-13)
        weights = {name: np.zeros_like(array) for name, array in model.weights_.items()}
        weights["head.bias"][-1] = 50.0  # the last class is sure, and nothing else matters
        model.weights_ = weights
        logarithms = np.asarray(model.predict_log_proba(X))
        np.testing.assert_allclose(logarithms[:, 0], -50, rtol=1e-15)
        np.testing.assert_allclose(logarithms[:, -1], -(n_classes - 1) * np.exp(-50), rtol=1e-12)


@pytest.mark.parametrize("class_weight", [None, {0: 0.5, 1: 2.0, 2: 3.0}, "balanced"])
@pytest.mark.parametrize("kind", ["two", "three", "two, every step", "three, every step"])
def test_the_loss_is_scikit_learns_log_loss(sequences, kind, class_weight):
    X, y, _ = sequences
    y = np.minimum(y, 1) if kind.startswith("two") else y
    weight = np.linspace(0.2, 2, 9)
    if not kind.endswith("step"):
        y = y[:, -1]
    if isinstance(class_weight, dict) and kind.startswith("two"):
        class_weight = {0: 0.5, 1: 2.0}
    model = tiny(class_weight=class_weight, **STILL).fit(X, y, sample_weight=weight)
    flat, each = y.ravel(), np.repeat(weight, y.size // 9)
    if class_weight == "balanced":
        n = np.bincount(flat, each)
        of_class = each.sum() / (len(n) * n)
    else:
        of_class = np.array([1.0] * 3 if class_weight is None else list(class_weight.values()))
    probabilities = model.predict_proba(X).reshape(flat.size, -1)
    expected = log_loss(flat, probabilities, sample_weight=each * of_class[flat])
    assert model.loss_ == pytest.approx(expected, rel=1e-6)
    shares = np.bincount(flat, each * of_class[flat]) / np.sum(each * of_class[flat])
    prior = np.log(shares) if len(shares) > 2 else np.log(shares[1:] / shares[:1])
    np.testing.assert_allclose(bias_of(model), prior, atol=1e-6)  # the initial bias is the log of the prior odds


def test_the_loss_of_several_labels_is_the_mean_over_them(sequences):
    X, _, both = sequences
    model = tiny(**STILL).fit(X, both)
    shares = model.predict_proba(X).reshape(-1, 2)
    each = [log_loss(both.reshape(-1, 2)[:, k], shares[:, k]) for k in range(2)]
    assert model.loss_ == pytest.approx(np.mean(each), rel=1e-6)
    prior = both.mean(axis=(0, 1))
    np.testing.assert_allclose(bias_of(model), np.log(prior / (1 - prior)), atol=1e-6)


def test_a_label_that_never_holds_starts_at_one_in_a_million(sequences):
    X, y, _ = sequences
    never = np.stack([y[:, 0] > 0, np.zeros(9, bool)], axis=1)
    assert bias_of(tiny(**STILL).fit(X, never))[1] == pytest.approx(np.log(1e-6), rel=1e-5)


# --- Weights ---------------------------------------------------------------------------------------------


def test_weights_of_classes_are_weights_of_samples(data):
    X, y = data
    labels, weight = np.where(y, "loud", "calm"), np.linspace(0.5, 1.5, 60)
    by_class = tiny(class_weight={"loud": 3.0, "calm": 0.5}).fit(X, labels, sample_weight=weight)
    by_sample = tiny().fit(X, labels, sample_weight=weight * np.where(y, 3.0, 0.5))
    np.testing.assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))
    left_out = tiny(class_weight={"loud": 3.0}).fit(X, labels)
    np.testing.assert_array_equal(
        left_out.predict_proba(X), tiny(class_weight={"loud": 3.0, "calm": 1}).fit(X, labels).predict_proba(X)
    )
    balanced = compute_class_weight("balanced", classes=np.array(["calm", "loud"]), y=labels)
    np.testing.assert_array_equal(
        tiny(class_weight="balanced").fit(X, labels).predict_proba(X),
        tiny(class_weight=dict(zip(["calm", "loud"], balanced, strict=True))).fit(X, labels).predict_proba(X),
    )


def test_weights_of_classes_at_every_step():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 1, 2))
    y = (X[:, 0, 0] + 0.5 * rng.normal(size=40) > 0.5).astype(int)
    options = {"class_weight": {0: 0.5, 1: 4.0}, "standardize": False, "shuffle": False}
    one = tiny(**options).fit(X, y)
    each = tiny(**options).fit(X, y[:, None])
    np.testing.assert_allclose(each.predict_proba(X)[:, 0], one.predict_proba(X), rtol=1e-5)
    assert not np.allclose(one.predict_proba(X), tiny(**{**options, "class_weight": None}).fit(X, y).predict_proba(X))


def test_a_class_without_weight_is_left_out(sequences):
    X, y, _ = sequences
    y = y.copy()
    y[3] = 2  # a sequence of nothing else
    model = tiny(class_weight={0: 1, 1: 1, 2: 0}, max_iter=20, batch_size=1).fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    assert model.predict_proba(X)[..., 2].max() < 0.01
    spoiled = np.where(np.arange(9)[:, None, None] == 3, 100.0, X)  # its inputs are not seen either
    again = tiny(class_weight={0: 1, 1: 1, 2: 0}, max_iter=20, batch_size=1).fit(spoiled, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


# --- Learning --------------------------------------------------------------------------------------------


def test_it_learns_what_was_two_steps_ago():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 1))
    before = np.roll(x[:, 0], 2)
    options = {"hidden_layer_sizes": 12, "window": 3, "max_iter": 40, "learning_rate_init": 0.02}
    two = np.where(before > 0, "up", "down")
    three = np.digitize(before, [-0.6, 0.6])
    several = np.stack([before > 0.5, x[:, 0] > 0], axis=1)
    for y, least in ((two, 0.95), (three, 0.9), (several, 0.9)):
        model = tiny(**options).fit(x[2:500], y[2:500])
        assert model.score(x[500:], y[500:]) > least
        assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]


def test_it_learns_a_label_at_every_step():
    x = np.random.default_rng(0).normal(size=(60, 10, 1))
    y = (np.cumsum(x[..., 0], axis=1) > 0).astype(int)
    model = tiny(hidden_layer_sizes=12, max_iter=60, learning_rate_init=0.03, batch_size=16).fit(x[:45], y[:45])
    assert model.score(x[45:], y[45:]) > 0.9


def test_early_stopping_and_lbfgs(data):
    X, y = data
    stopped = tiny(early_stopping=True, validation_fraction=0.3, max_iter=60, learning_rate_init=0.1).fit(X, y)
    assert stopped.best_iter_ == 1 + int(np.argmin(stopped.validation_curve_)) < stopped.n_iter_
    held_out = X.index[-18:]
    best = log_loss(y[held_out], stopped.predict_proba(X)[True][held_out])
    assert min(stopped.validation_curve_) == pytest.approx(best, rel=1e-5)
    lbfgs = tiny(solver="lbfgs", max_iter=60).fit(X, y)
    assert lbfgs.score(X, y) > 0.9


# --- Going on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "other", "dtype"),
    [
        (np.array(["b", "b"]), "aaa", np.dtype("<U3")),
        (np.array([0, 0], "uint8"), 300, np.dtype(np.int64)),
        (pd.Series([1, 1], dtype="Int8"), 1000, np.dtype(np.int64)),
        (pd.Series([1, 1], dtype="Int8"), 2, pd.Int8Dtype()),
        (pd.Series(["b", "b"], dtype="category"), "aaa", None),
    ],
)
def test_labels_are_whole_where_the_type_of_a_part_is_too_small_for_other_classes(y, other, dtype):
    X = pd.DataFrame({"x": [0.0, 1.0]}) if isinstance(y, pd.Series) else np.array([[0.0], [1.0]])
    model = tiny().partial_fit(X, y, classes=[*y.tolist(), other])
    for goes_on in (
        lambda: model,
        lambda: model.partial_fit(X, y),
        lambda: model.set_params(warm_start=True).fit(X, y),
    ):
        goes_on().weights_ = {**model.weights_, "head.bias": [1e3 if model.classes_[1] == other else -1e3]}
        predicted = model.predict(X)
        assert predicted.tolist() == [other] * 2
        assert dtype is None or predicted.dtype == dtype


def test_partial_fit(data):
    X, y = data
    labels = y.map({False: "calm", True: "loud"})
    model = tiny()
    for part in np.split(np.arange(60), 3):
        model.partial_fit(X.iloc[part], labels.iloc[part], classes=["loud", "other", "calm"])
    assert model.classes_.tolist() == ["calm", "loud", "other"] and model.n_iter_ == 3
    assert model.predict_proba(X)["other"].max() < 0.05
    with pytest.raises(ValueError, match=r"y holds the label 'new'; the classes are \['calm', 'loud', 'other'\]"):
        model.partial_fit(X, labels.replace("calm", "new"))
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        model.partial_fit(X, labels, classes=["calm", "loud"])
    for few in ([], ["loud"]):
        with pytest.raises(ValueError, match="classes must hold all labels that may come, two at least"):
            tiny().partial_fit(X, labels, classes=few)
    one = labels == "loud"
    model.partial_fit(X[one], labels[one])  # one class is enough now
    with pytest.raises(ValueError, match="class_weight='balanced' needs all of y"):
        tiny(class_weight="balanced").partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit needs a solver that trains in batches"):
        tiny(solver="lbfgs").partial_fit(X, y)


def test_warm_start(data):
    X, y = data
    model = tiny(warm_start=True).fit(X, y).fit(X, y)
    assert model.n_iter_ == 4
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"y holds the label 0; the classes are \[False, True\]"):
        model.fit(X, np.arange(60) % 3)
    with pytest.raises(ValueError, match="y has 2 labels a sample; the model was fitted with 1"):
        model.fit(X, np.eye(2)[np.arange(60) % 2])
    pd.testing.assert_frame_equal(model.predict_proba(X), before)
    assert tiny().fit(X, np.arange(60) % 3).fit(X, y).classes_.tolist() == [False, True]


# --- With others -----------------------------------------------------------------------------------------


def test_predictors_and_streams_give_probabilities(data, sequences):
    X, y = data
    x = X.to_numpy()
    for target in (y, np.digitize(X["a"], [-1, 1]), np.stack([y, ~y], axis=1)):
        model = tiny(window=5).fit(x, target)
        expected = model.predict_proba(x)
        np.testing.assert_allclose(model.predictor()(x[3:8]), expected[7], rtol=1e-5)
        np.testing.assert_allclose(model.predictor()(np.stack([x[3:8], x[4:9]])), expected[7:9], rtol=1e-5)
        stream = pickle.loads(pickle.dumps(model.stream()))
        np.testing.assert_allclose([stream.step(row) for row in x[:5]], expected[:5], rtol=1e-5)
    X, y, _ = sequences
    model = tiny().fit(X, y)
    np.testing.assert_allclose(model.predictor()(X), model.predict_proba(X), rtol=1e-5)


def test_scikit_learns_tools(data):
    X, y = data
    labels = y.map({False: "calm", True: "loud"})
    for scoring in ("accuracy", "neg_log_loss", "roc_auc"):
        scores = cross_val_score(tiny(), X, labels, cv=TimeSeriesSplit(2), scoring=scoring)
        assert np.isfinite(scores).all()
    search = GridSearchCV(tiny(max_iter=15), {"learning_rate_init": [1e-9, 0.05]}, cv=TimeSeriesSplit(2)).fit(X, labels)
    assert search.best_params_ == {"learning_rate_init": 0.05} and search.classes_.tolist() == ["calm", "loud"]
    model = tiny().fit(X, labels)
    copy = pickle.loads(pickle.dumps(model))
    pd.testing.assert_series_equal(copy.predict(X), model.predict(X))
    unseen = labels.replace("calm", "never seen")
    assert 0 < model.score(X, unseen) == np.mean(unseen == model.predict(X)) < model.score(X, labels)


# --- Errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda y: y * 0, r"y holds one class only, .*0.*at least two"),
        (lambda y: y + 0.5, "Unknown label type: continuous"),
        (lambda y: y.astype(float).where(y.index != y.index[3]), r"y contains NaN in column 'alarm' at 2024-01-01 03:00"),
        (lambda y: y.astype("Int64").where(y.index != y.index[3]), r"y contains NaN .* at 2024-01-01 03:00"),
        (lambda y: y.astype(str).where(y.index != y.index[3]), r"the label at 2024-01-01 03:00:00 \(row 3\) is missing"),
        (lambda y: y.map({0: "a", 1: None}).to_numpy(), r"y contains NaN: the label at row \d+ is missing"),
        (lambda y: y.map({0: "a", 1: 1}), "labels that can be compared"),
        (lambda y: np.stack([y, 2 * y], axis=1), r"y has 2 columns.*row \d+, column 1 holds .*2"),
        (lambda y: np.stack([y, y], axis=1).astype(str), "y has 2 columns, so each must be 0 or 1"),
        (lambda y: pd.Series(y.index, y.index).shift(), r"label at 2024-01-01 00:00:00 \(row 0\) is missing"),
        (lambda y: pd.DataFrame({"p": y, "q": "text"}), "y: column 'q' has dtype"),
        (lambda y: y[:-1], "X has 60, y has 59"),
        (lambda y: y.shift(freq="h"), "different indexes: at row 0"),
        (lambda y: y + 1j, "complex"),
        (lambda y: np.zeros((60, 1, 1)), r"y must have the shape"),
        (lambda y: [[1, 2]] * 59 + [[1]], "y must hold labels: .*inhomogeneous"),
        (lambda y: None, "requires y to be passed"),
    ],
)  # fmt: skip
def test_labels_are_checked(data, make, words):
    X, y = data
    with pytest.raises(ValueError, match=words):
        tiny().fit(X, make(y.astype(int)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda y: list(y[:-1]), "X has 9, y has 8"),
        (lambda y: [*y[:-1], y[-1][:4]], r"y\[8\] has 4 steps; X\[8\] has 6"),
        (lambda y: [*y[:-1], y[-1].astype(str)], r"y\[8\] holds <U.* and y\[0\] holds int64"),
        (lambda y: [*y[:-1].astype(float), np.full(6, np.nan)], r"y\[8\] contains NaN"),
        (lambda y: y[:, :4], r"y has 4 columns"),
    ],
)
def test_labels_at_every_step_are_checked(sequences, make, words):
    X, y, _ = sequences
    with pytest.raises(ValueError, match=words):
        tiny().fit(X, make(y))


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ({0: 1.0, "1": 2.0}, r"class_weight has \['1'\], which are no classes, and leaves out the classes \[1\]"),
        ({0: -1.0, 1: 2.0}, "finite numbers that are not negative"),
        ({0: np.nan, 1: 2.0}, "finite numbers that are not negative"),
        ({0: 0.0, 1: 0.0}, "No training sample has a target and a positive weight"),
        ("even", "The 'class_weight' parameter of GRUClassifier must be"),
    ],
)
def test_weights_of_classes_are_checked(data, class_weight, words):
    X, y = data
    with pytest.raises(ValueError, match=words):
        tiny(class_weight=class_weight).fit(X, y.astype(int))


def test_what_does_not_go_together(data, sequences):
    X, y = data
    with pytest.raises(ValueError, match="class_weight is for one label a sample"):
        tiny(class_weight="balanced").fit(X, np.stack([y, ~y], axis=1))
    with pytest.raises(ValueError, match="classes is for one label a sample"):
        tiny().partial_fit(X, np.stack([y, ~y], axis=1), classes=[0, 1])
    for use in (tiny().predict, tiny().predict_proba, tiny().predict_log_proba):
        with pytest.raises(NotFittedError):
            use(X)
    X, y, both = sequences
    model = tiny().fit(X, y)
    with pytest.raises(ValueError, match="y has a label a sample; fit had it otherwise"):
        model.score(X, y[:, 0])
    with pytest.raises(ValueError, match="y has 2 labels a sample; the model was fitted with 1"):
        model.score(X, both)
