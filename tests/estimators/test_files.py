"""Models in files: what was saved comes back to the bit, and what cannot be said is refused before anything is written."""

import datetime
import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from plain import PLAIN, for_labels
from records import changed, check_same, check_same_but_time, check_same_model, put, put_array, through
from sklearn.exceptions import NotFittedError

import grukit
from grukit import GRUClassifier, GRURegressor
from grukit.estimators._documents import FORMAT
from grukit.files import read_tensors, write_tensors


def frame(n, columns=("a", "b"), start="2024-03-29", seed=0, tz=None, freq="h"):
    values = np.random.default_rng(seed).normal(size=(n, len(columns))).cumsum(axis=0)
    return pd.DataFrame(values, index=pd.date_range(start, periods=n, freq=freq, tz=tz), columns=pd.Index(columns))


CHOSEN = {"hidden_layer_sizes": 4, "window": 5, "max_iter": 3, "random_state": 0}  # and the rest by default
ALONE = {**CHOSEN, **PLAIN}
COMPILED = {**ALONE, "dtype": "float64"}  # for which other tests compile all cells and options, too


def regressions():
    """Settings, X, y and X to predict, of every kind of record."""
    X = frame(90)
    y = X["a"].shift(-1).fillna(0).rename("next")
    late = frame(30, start="2024-04-01 18:00", seed=1)
    yield "defaults", CHOSEN, X, y, late
    yield "anchored", {**CHOSEN, "anchor": "b", "difference": ["a"], "linear_lags": 2, "dtype": "float64"}, X, y, late
    zone = frame(90, tz="Europe/Berlin")
    yield "time zone", CHOSEN, zone, zone["a"].rename(None), frame(20, start="2024-04-01 19:00", tz="Europe/Berlin")
    monthly = frame(90, columns=(pd.Timestamp("2024-01-01"), ("x", 1)), freq="MS").set_axis(
        pd.period_range("2010-01", periods=90, freq="M"), axis=0
    )
    two = pd.DataFrame(monthly.to_numpy(), monthly.index, pd.MultiIndex.from_tuples([("y", 1), ("y", 2)]))
    after = frame(20, monthly.columns).set_axis(pd.period_range("2017-07", periods=20, freq="M"), axis=0)
    yield "periods", {**CHOSEN, "anchor": ("x", 1)}, monthly, two, after
    panel = pd.concat({("u", 1): frame(50), ("v", 2): frame(40, seed=1)})
    more = pd.concat({("u", 1): frame(9, start="2024-03-31 02:00"), ("w", 2): frame(8, seed=1)})
    yield "panel", CHOSEN, panel, panel["b"], more
    gone = frame(60).mask(np.random.default_rng(2).random((60, 2)) < 0.3)
    goes_on = frame(20, start="2024-03-31 12:00")
    yield "mask", {**ALONE, "missing": "mask"}, gone, frame(60)["a"], goes_on
    yield "decay", {**COMPILED, "missing": "decay"}, gone, frame(60)["a"], goes_on
    rng = np.random.default_rng(3)
    stacked = {**COMPILED, "hidden_layer_sizes": (4, 3), "bidirectional": True, "initial_state": "learned"}
    sequences = rng.normal(size=(12, 6, 2))
    yield "sequences", stacked, sequences, rng.normal(size=(12, 2)), sequences[:5]
    yield "steps", {**COMPILED, "cell": "gru_reset_before"}, sequences, rng.normal(size=(12, 6, 1)), sequences[:5]
    counts = frame(60)
    yield (
        "counts",
        {**COMPILED, "loss": "poisson", "solver": "sgd", "dropout": 0.2},
        counts,
        counts["a"].abs().round(),
        counts,
    )
    rows = rng.normal(size=(20, 7))
    two_states = {**COMPILED, "window": None, "cell": "dual_state", "solver": "lbfgs"}
    yield "rows", two_states, rows, rows.sum(axis=1), rows[:3]


@pytest.mark.parametrize(("settings", "X", "y", "late"), [pytest.param(*row, id=name) for name, *row in regressions()])
def test_a_regressor_comes_back_to_the_bit(tmp_path, settings, X, y, late):
    model = GRURegressor(**settings).fit(X, y)
    again = through(model, tmp_path)
    check_same_model(model, again)
    check_same(np.asarray(model.predict(late)), np.asarray(again.predict(late)))
    if isinstance(late, pd.DataFrame):
        kind = pd.testing.assert_series_equal if y.ndim == 1 else pd.testing.assert_frame_equal
        kind(model.predict(late), again.predict(late))
    if settings.get("solver") != "lbfgs":
        check_same_but_time(model.partial_fit(X, y), again.partial_fit(X, y))
    for each in (model, again):
        each.set_params(warm_start=True).fit(X, y)
    check_same_but_time(model, again)


LABELS = {
    "strings": ["no", "yes"],
    "objects": np.array(["no", "yes"], object),
    "integers": [3, 7],
    "floats": [0.0, 1.0],
    "booleans": [False, True],
    "times": pd.to_datetime(["2024-01-01", "2024-02-01"]),
    "times with a zone": pd.to_datetime(["2024-01-01", "2024-02-01"]).tz_localize("Asia/Tokyo"),
    "time deltas": pd.to_timedelta(["1h", "2h"]),
    "periods": pd.period_range("2024-01", periods=2, freq="M"),
    "categories": pd.Categorical(["no", "yes"], ["yes", "no", "never"], ordered=True),
    "nullable": pd.array([3, 7], "Int64"),
    "nullable truth": pd.array([False, True], "boolean"),
    "text": pd.array(["no", "yes"], "string"),
    "bytes": [b"no", b"yes"],
    "moments": np.array([datetime.datetime(2024, 1, 1), datetime.datetime(2024, 2, 1)], object),
    "intervals": pd.cut([0.0, 1.0], 2),
    "dates": np.array([datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)], object),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind_come_back(tmp_path, kind):
    X = frame(40)
    y = pd.Series(LABELS[kind], name="label").take((X["a"].to_numpy() > X["b"]).astype(int)).set_axis(X.index)
    model = GRUClassifier(**for_labels(ALONE)).fit(X, y)
    again = through(model, tmp_path)
    check_same_model(model, again)
    pd.testing.assert_series_equal(model.predict(X), again.predict(X))
    pd.testing.assert_frame_equal(model.predict_proba(X), again.predict_proba(X))
    check_same_but_time(model.partial_fit(X, y), again.partial_fit(X, y))


def test_several_classes_labels_and_weights_come_back(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 5, 2))
    three = X.sum(axis=(1, 2)).round().clip(-1, 1).astype(int)
    model = GRUClassifier(**for_labels(ALONE), class_weight={np.int64(-1): 2, 0: np.float32(0.5), 1: 1}).fit(X, three)
    again = through(model, tmp_path)
    assert again.class_weight == model.class_weight
    check_same(model._fitted, again._fitted)
    several = GRUClassifier(**for_labels(ALONE)).fit(X, X[:, :, 0] > 0)
    assert several.classes_.tolist() == through(several, tmp_path).classes_.tolist()
    check_same_model(several, through(several, tmp_path))
    np.testing.assert_array_equal(several.predict_proba(X), through(several, tmp_path).predict_proba(X))


@pytest.fixture(scope="module")
def fitted():
    X = frame(60)
    return GRURegressor(**CHOSEN).fit(X, X["a"].rename("y")), X


def test_weights_have_their_names_in_the_file(fitted, tmp_path):
    model, _ = fitted
    model.save(tmp_path / "model.gru")
    _, arrays = read_tensors(tmp_path / "model.gru")
    for name, weights in model.weights_.items():
        np.testing.assert_array_equal(arrays[name], weights)


def test_predictors_and_streams_of_an_opened_model(fitted, tmp_path):
    model, X = fitted
    again = through(model, tmp_path)
    window = X.to_numpy()[-5:]
    assert model.predictor()(window) == again.predictor()(window)
    assert model.stream().step(window[0]) == again.stream().step(window[0])
    assert model.summary() == again.summary()


@pytest.mark.parametrize("kind", ["fitted", "opened", "unfitted"])
def test_estimators_are_pickled_and_saved_by_joblib(fitted, tmp_path, kind):
    model, X = fitted
    model = {"fitted": model, "opened": through(model, tmp_path), "unfitted": GRUClassifier(**for_labels(ALONE))}[kind]
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert again.get_params() == model.get_params()
        if kind != "unfitted":
            check_same_model(model, again)
            pd.testing.assert_series_equal(model.predict(X), again.predict(X))


class Odd:
    """A label that can be compared, and that no file knows."""

    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        return self.number < other.number


def test_what_a_file_cannot_hold_is_named_and_nothing_is_written(fitted, tmp_path):
    _, X = fitted
    path = tmp_path / "model.gru"
    changed = {
        "callbacks": (lambda record: None, r"parameters\['callbacks'\] is <function"),
        "random_state": (np.random.RandomState(1), r"parameters\['random_state'\] is a RandomState, shared"),
        "tol": (-1, "tol"),
        "hidden_layer_sizes": ((0,), "hidden_layer_sizes"),
    }
    for name, (value, message) in changed.items():
        other = GRURegressor(**{**CHOSEN, "callbacks": None}).fit(X, X["a"])
        other.set_params(**{name: value})
        with pytest.raises(ValueError, match=message):
            other.save(path)
    labels = np.array([Odd(0), Odd(1)], object)[(X["a"] > X["b"]).astype(int)]
    with pytest.raises(ValueError, match=r"fitted\.classes\.values\[0\] is .*Odd, which no file can hold"):
        GRUClassifier(**for_labels(ALONE)).fit(X.to_numpy(), labels).save(path)
    with pytest.raises(NotFittedError):
        GRURegressor().save(path)
    noted = GRURegressor(**CHOSEN).fit(X, X["a"])
    noted.note = "mine"
    with pytest.raises(ValueError, match="note is an attribute that was set from outside"):
        noted.save(path)

    class Mine(GRURegressor):
        pass

    with pytest.raises(ValueError, match=r"Mine is no estimator of grukit's own"):
        Mine(**CHOSEN).fit(X, X["a"]).save(path)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_where_a_new_one_cannot_be_written(fitted, tmp_path):
    model, X = fitted
    model.save(tmp_path / "model.gru")
    before = (tmp_path / "model.gru").read_bytes()
    other = GRURegressor(**CHOSEN).fit(X, X["a"]).set_params(callbacks=[print])
    with pytest.raises(ValueError, match="print"):
        other.save(tmp_path / "model.gru")
    assert (tmp_path / "model.gru").read_bytes() == before
    (tmp_path / "link").symlink_to(tmp_path / "model.gru")
    with pytest.raises(FileExistsError, match="symbolic link"):
        model.save(tmp_path / "link")


RECORD = ("fitted", "FittedState")
SPEC = (*RECORD, "spec", "NetworkSpec")
WRONG = {
    "format": (
        put("format", value=2),
        r"format version 2, written by grukit '0\.1\.0'; this grukit reads the version 1",
    ),
    "no format": (put("format", value="1"), "no format version"),
    "class": (
        put("class", value="os.system"),
        r"holds a 'os\.system'; this grukit knows GRUClassifier, GRUForecaster, GRURegressor",
    ),
    "another class": (put("class", value="GRUClassifier"), "parameters holds anchor, which GRUClassifier"),
    "more": (lambda document, arrays: document.update(more=1), "exactly the entries"),
    "parameters": (put("parameters", value=[1]), "parameters holds"),
    "a parameter": (put("parameters", "dict", 0, value=["alpha", -1]), "'alpha' parameter"),
    "a new parameter": (
        put("parameters", "dict", 0, value=["beta_3", -1]),
        "parameters holds beta_3, which GRURegressor",
    ),
    "no record": (put("fitted", value=3), "fitted is no FittedState"),
    "another record": (
        put("fitted", value={"Scaler": {}}),
        r"fitted has not exactly the fields of Scaler: mean, scale, link",
    ),
    "a field's type": (put(*RECORD, "inputs", "InputForm", "window", value="5"), r"fitted\.inputs\.window is '5'"),
    "cell": (put(*SPEC, "cell", value="lstm"), r"spec\.cell is 'lstm'"),
    "size": (put(*SPEC, "n_inputs", value=3), "weights 'weight_ih_l0', .* has the shape"),
    "negative size": (put(*SPEC, "n_inputs", value=-2), "spec has the sizes"),
    "huge size": (
        put(*SPEC, "hidden_layer_sizes", value={"tuple": [1 << 30] * 5}),
        "weights 'weight_ih_l0', .* has the shape",
    ),
    "many layers": (put(*SPEC, "hidden_layer_sizes", value={"tuple": [4] * 9999}), "weights .* is not there"),
    "no layers": (put(*SPEC, "hidden_layer_sizes", value={"tuple": []}), "spec has the sizes"),
    "steps": (put(*SPEC, "per_step", value=True), "outputs is of other outputs"),
    "decay": (put(*SPEC, "decay", value=True), "weights 'weight_ih_l0'|decay.input_weight"),
    "weights": (put_array("weight_hh_l0", np.zeros((12, 5), "f4")), "weights 'weight_hh_l0'"),
    "weights' type": (put_array("weight_hh_l0", np.zeros((12, 4))), "weights 'weight_hh_l0', .* of float64"),
    "NaN": (put_array("head.bias", np.full(1, np.nan, "f4")), "parameters hold NaN"),
    "scaler": (put_array("fitted.x_scaler.mean", np.zeros(3)), r"x_scaler\.mean has the shape \(3,\)"),
    "scale": (put_array("fitted.x_scaler.scale", np.zeros(2)), "x_scaler holds numbers that scale nothing"),
    "moments": (put_array("fitted.training.moments['first_moment']", np.zeros(3, "f4")), r"moments\['first_moment'\]"),
    "lags": (put_array("fitted.choices.final.coef", np.zeros((5, 3, 1))), r"choices\.final\.coef has the shape"),
    "one axis": (put_array("fitted.choices.final.coef", np.zeros(5)), r"choices\.final\.coef has the shape"),
    "tail": (put_array("fitted.tail.rows[()]", np.zeros((4, 3))), r"tail\.rows holds an array of the shape \(4, 3\)"),
    "long tail": (
        put_array("fitted.tail.rows[()]", np.zeros((6, 2))),
        r"tail\.rows holds an array of the shape \(6, 2\)",
    ),
    "random state": (put_array("fitted.training.random_state", np.zeros(9, "u4")), "none of MT19937"),
    "one more array": (lambda document, arrays: arrays.update({"../x": np.zeros(1)}), r"nothing tells of: \.\./x"),
    "one array less": (
        lambda document, arrays: arrays.pop("fitted.levels.mean"),
        r"fitted\.levels\.mean is no 'array'",
    ),
    "names": (put(*RECORD, "outputs", "TargetForm", "names", value=["a", "b"]), r"outputs\.names are not 1"),
    "records": (
        put(*RECORD, "training", "TrainingState", "records", "tuple", 0, "dict", 1, value=["loss", 10**30]),
        r"training\.records has an entry that is of no epoch",
    ),
    "kind": (put(*RECORD, "inputs", "InputForm", "kind", value="images"), r"inputs\.kind is 'images'"),
    "columns": (
        put(*RECORD, "inputs", "InputForm", "features", "Features", "n", value=3),
        r"inputs\.features are not those of 2",
    ),
    "loss": (
        put(*RECORD, "training", "TrainingState", "objective", "Objective", "loss", value="none"),
        r"objective\.loss is 'none'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_document_that_is_none_is_refused(fitted, tmp_path, name):
    change, message = WRONG[name]
    path = tmp_path / "model.gru"
    fitted[0].save(path)
    changed(path, change)
    with pytest.raises(ValueError, match=message) as raised:
        grukit.load(path)
    assert str(raised.value).startswith(f"{path} cannot be opened: ")


def test_other_files_are_refused(fitted, tmp_path):
    write_tensors(tmp_path / "a", {"x": "1"}, {})
    with pytest.raises(ValueError, match=r"a is no model of grukit: its metadata has \['x'\]"):
        grukit.load(tmp_path / "a")
    deep = "[" * 100_000 + "]" * 100_000
    write_tensors(tmp_path / "b", {"grukit": f'{{"format": 1, "version": {deep}}}'}, {})
    with pytest.raises(ValueError, match="the document is nested too deeply"):
        grukit.load(tmp_path / "b")
    fitted[0].save(tmp_path / "c")
    nested = 0
    for _ in range(900):  # which is read, but not what it is made of
        nested = [nested]
    changed(tmp_path / "c", put(*RECORD, "outputs", "TargetForm", "names", value=nested))
    with pytest.raises(ValueError, match="its document is nested too deeply"):
        grukit.load(tmp_path / "c")
    with pytest.raises(FileNotFoundError):
        grukit.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        grukit.load(tmp_path)


def test_what_metadata_a_pipeline_hands_on_is_left_out(fitted, tmp_path):
    _, X = fitted
    with sklearn.config_context(enable_metadata_routing=True):
        model = GRURegressor(**CHOSEN).set_fit_request(sample_weight=True).fit(X, X["a"])
    again = through(model, tmp_path)
    check_same_model(model, again)
    assert again.get_metadata_routing().fit.requests["sample_weight"] is None  # as of one that was asked for nothing
    assert model.get_metadata_routing().fit.requests["sample_weight"] is True


LABELS_OF_A_FILE = {
    "a file": ({"type": "datetime64[ns, dateutil//etc/passwd]"}, "names no time zone"),
    "wide": ({"type": "<U99999999"}, "names no type"),
}


@pytest.mark.parametrize("kind", LABELS_OF_A_FILE)
def test_a_type_of_labels_opens_nothing_and_takes_no_room(fitted, tmp_path, kind):
    value, message = LABELS_OF_A_FILE[kind]
    path = tmp_path / "model.gru"
    fitted[0].save(path)
    changed(path, put(*RECORD, "outputs", "TargetForm", "dtype", value=value))
    with pytest.raises(ValueError, match=rf"fitted\.outputs\.dtype is no 'type': .*{message}"):
        grukit.load(path)


def test_files_of_panels_grow_with_the_number_of_series(tmp_path):
    sizes = []
    for n in (50, 100):
        keys = ["/data/customers/2024/" + "a long common path/" * 5 + f"{k:05}.csv" for k in range(n)]
        panel = pd.concat({key: frame(8) for key in keys})
        model = GRURegressor(**{**ALONE, "max_iter": 1}).fit(panel, panel["a"])
        check_same_model(model, through(model, tmp_path))
        sizes.append((tmp_path / "model.gru").stat().st_size)
    assert sizes[1] < 2.02 * sizes[0], sizes


GOLDEN = Path(__file__).parents[1] / "golden"
VERSIONS = sorted(int(path.stem.split("_")[1]) for path in GOLDEN.glob("format_*_regressor.gru"))


def test_there_is_a_file_of_every_format():
    assert VERSIONS == list(range(1, FORMAT + 1))


@pytest.mark.parametrize("version", VERSIONS)
def test_files_of_every_format_are_read_and_go_on(version):
    values = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
    X = pd.DataFrame(values, pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin"), ["a", "b"])
    names = ("regressor", "classifier")
    regressor, classifier = (grukit.load(GOLDEN / f"format_{version}_{name}.gru") for name in names)
    expected = {name: np.load(GOLDEN / f"format_{version}_{name}.npz")["prediction"] for name in names}
    predicted = regressor.predict(X[50:])
    np.testing.assert_allclose(predicted, expected["regressor"], rtol=1e-6)
    assert predicted.name == "y"
    assert regressor.difference_ == ["b"]
    np.testing.assert_allclose(classifier.predict_proba(X[50:]), expected["classifier"], rtol=1e-6)
    assert classifier.predict(X[50:]).cat.categories.tolist() == ["low", "high"]
    before = regressor.n_iter_
    assert len(regressor.partial_fit(X[50:], X["a"][50:].rename("y")).history_) == before + 1
