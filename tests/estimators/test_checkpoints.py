"""Training that was ended in the middle and goes on: to the bits that it would have come to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ended import Ended, check_same
from plain import PLAIN

import grukit
from grukit import GRUClassifier, GRUForecaster, GRURegressor
from grukit.estimators._checkpoints import Checkpoint
from grukit.files import read_tensors, write_tensors
from grukit.train import progress


def ends_after(epoch):
    def callback(record):
        if record["epoch"] == epoch:
            raise Ended

    return callback


X = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
SETTINGS = {**PLAIN, "hidden_layer_sizes": 4, "window": 5, "max_iter": 12, "random_state": 0, "checkpoint_every": 3}
KINDS = {
    "adam": {},
    "early stopping and the linear part": {
        "early_stopping": True,
        "linear_lags": 3,
        "anchor": "auto",
        "n_iter_no_change": 12,
    },
    "dropout": {"dropout": 0.2, "dtype": "float64"},  # for which others compile it
    "sgd, falling rates": {"solver": "sgd", "learning_rate": "cosine"},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.1},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epoch", [2, 3, 8, 12])
def test_a_fit_that_was_ended_goes_on_to_the_bit(tmp_path, kind, epoch):
    settings, target = {**SETTINGS, **KINDS[kind]}, X.sum(axis=1)
    whole = GRURegressor(**settings).fit(X, target)
    assert whole.n_iter_ > epoch or epoch == 12
    path = tmp_path / "run.ckpt"
    model = GRURegressor(**settings, checkpoint=path, callbacks=ends_after(min(epoch, whole.n_iter_)))
    with pytest.raises(Ended):
        model.fit(X, target)
    assert path.exists() == (epoch > 3)
    check_same(whole, model.set_params(callbacks=None).fit(X, target, resume=True))
    assert [each.name for each in tmp_path.iterdir()] == ["run.ckpt"]


@pytest.mark.filterwarnings("ignore:.*not finite:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("epoch", [3, 4, 5])
def test_the_average_goes_on_where_the_next_step_is_undone(tmp_path, epoch):
    """A step to weights without a finite loss, which the first batch of the next epoch shows: from the fourth on."""
    options = {"solver": "sgd", "learning_rate_init": 30.0, "clip_norm": None, "standardize": False, "batch_size": 80}
    settings = {**SETTINGS, **options, "momentum": 0.0, "averaging": 0.7, "max_iter": 6, "checkpoint_every": 1}
    target = np.abs(X[:, 0]) * 100
    whole = GRURegressor(**settings, checkpoint=tmp_path / "whole.ckpt").fit(X, target)
    model = GRURegressor(**settings, checkpoint=tmp_path / "run.ckpt", callbacks=ends_after(epoch))
    with pytest.raises(Ended):
        model.fit(X, target)
    check_same(whole, model.set_params(callbacks=None).fit(X, target, resume=True))
    one, other = (read_tensors(tmp_path / name)[1] for name in ("whole.ckpt", "run.ckpt"))
    assert one.keys() == other.keys() and any(name.endswith("average") for name in one)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_without_a_seed_the_weights_are_those_of_the_file(tmp_path):
    settings = {**SETTINGS, "random_state": None, "learning_rate_init": 1e-9, "checkpoint": tmp_path / "run.ckpt"}
    model = GRURegressor(**settings, callbacks=ends_after(4))
    with pytest.raises(Ended):
        model.fit(X, X[:, 0])
    begun = Checkpoint(tmp_path / "run.ckpt", {"parameters": {}})
    begun._check_mark = lambda mark: None
    begun.read()
    weights = begun.snapshots[0].parameters
    again = model.set_params(callbacks=None).fit(X, X[:, 0], resume=True)
    np.testing.assert_allclose(again._fitted.parameters, weights, atol=1e-6)
    assert again.n_iter_ == 12


def test_a_killed_process_goes_on_to_the_bit(tmp_path):
    code = (
        "import os, signal, sys, numpy as np\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from plain import PLAIN\n"
        "from grukit import GRURegressor\n"
        "X = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)\n"
        "def kill(record):\n"
        "    if record['epoch'] == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"GRURegressor(**{SETTINGS!r}, checkpoint=sys.argv[1], callbacks=kill).fit(X, X.sum(axis=1))\n"
    )
    path = tmp_path / "run.ckpt"
    done = subprocess.run([sys.executable, "-c", code, path], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    model = GRURegressor(**SETTINGS, checkpoint=str(path)).fit(X, X.sum(axis=1), resume=True)
    check_same(GRURegressor(**SETTINGS).fit(X, X.sum(axis=1)), model)


def test_a_warm_start_and_a_classifier_go_on(tmp_path):
    settings = {name: value for name, value in SETTINGS.items() if name != "anchor"}
    labels = X.sum(axis=1) > 0
    whole, model = (GRUClassifier(**settings, warm_start=True).fit(X, labels) for _ in range(2))
    whole.fit(X, labels)
    model.set_params(checkpoint=tmp_path / "run.ckpt", callbacks=ends_after(20))
    with pytest.raises(Ended):
        model.fit(X, labels)
    check_same(whole, model.set_params(callbacks=None).fit(X, labels, resume=True))
    assert whole.n_iter_ == 24


@pytest.fixture
def begun(tmp_path):
    """A model whose fit was ended after eight epochs."""
    model = GRURegressor(**SETTINGS, checkpoint=tmp_path / "run.ckpt", callbacks=ends_after(8))
    with pytest.raises(Ended):
        model.fit(X, X.sum(axis=1))
    return model.set_params(callbacks=None)


OTHERS = [
    ({"learning_rate_init": 0.01}, r"learning_rate_init=0\.003, and now learning_rate_init=0\.01"),
    ({"window": 4}, "window=5"),
    ({"hidden_layer_sizes": 5}, "hidden_layer_sizes=4"),
    ({"random_state": 1}, "random_state=0"),
    ({"max_iter": 13}, "max_iter=12"),
]


@pytest.mark.parametrize(("changes", "message"), OTHERS)
def test_other_parameters_are_refused(begun, changes, message):
    with pytest.raises(ValueError, match=rf"run\.ckpt cannot be resumed: it was written with {message}"):
        begun.set_params(**changes).fit(X, X.sum(axis=1), resume=True)


def test_another_class_is_named_before_parameters_that_differ_with_it(begun):
    known = GRUClassifier().get_params()
    settings = {name: value for name, value in begun.get_params().items() if name in known}
    settings["alpha"] = 0.01  # of which a regressor has "auto"
    with pytest.raises(ValueError, match="written with class='GRURegressor', and now class='GRUClassifier'"):
        GRUClassifier(**settings).fit(X, X[:, 0] > 0, resume=True)


def test_other_data_are_refused(begun):
    other = X.copy()
    other[7, 1] += 1e-9
    for data, target in ((other, X.sum(axis=1)), (X, other[:, 0]), (X[:-1], X[:-1, 0])):
        with pytest.raises(ValueError, match="it is of other training data"):
            begun.fit(data, target, resume=True)
    with pytest.raises(ValueError, match="it is of other training data"):
        begun.fit(X, X.sum(axis=1), sample_weight=np.r_[np.ones(79), 2.0], resume=True)


def test_other_validation_data_are_refused(tmp_path):
    settings = {**SETTINGS, "early_stopping": True, "checkpoint": tmp_path / "run.ckpt"}
    model = GRURegressor(**settings, callbacks=ends_after(8))
    with pytest.raises(Ended):
        model.fit(X, X[:, 0], X_val=X[:9], y_val=X[:9, 0])
    with pytest.raises(ValueError, match=r"it is of other validation data\.$"):
        model.fit(X, X[:, 0], X_val=X[:9], y_val=X[:9, 1], resume=True)
    sequences = np.random.default_rng(1).normal(size=(60, 3, 2))
    drawn = GRURegressor(**{**settings, "random_state": None}, callbacks=ends_after(4))
    with pytest.raises(Ended):
        drawn.fit(sequences, sequences[:, 0, 0])
    with pytest.raises(ValueError, match="other training data: with random_state=None each fit draws the part"):
        drawn.fit(sequences, sequences[:, 0, 0], resume=True)


def test_what_has_no_effect_may_change(begun):
    begun.set_params(n_jobs=2, verbose=False, checkpoint_every=1, warm_start=True).fit(X, X.sum(axis=1), resume=True)
    check_same(GRURegressor(**SETTINGS).fit(X, X.sum(axis=1)), begun)


def test_the_device_is_compared_as_what_it_comes_to(begun, monkeypatch):
    """By itself, and on the workers of a Dask cluster, a fit without a GPU is one on the CPU."""
    begun.set_params(device="cpu").fit(X, X.sum(axis=1), resume=True)
    check_same(GRURegressor(**SETTINGS).fit(X, X.sum(axis=1)), begun)
    monkeypatch.setattr("grukit.estimators._checkpoints.missing_for_cuda", lambda: "")  # as if there were a GPU
    with pytest.raises(ValueError, match="it was written with device='cpu', and now device='auto'"):
        begun.set_params(device="auto").fit(X, X.sum(axis=1), resume=True)


def test_damaged_and_other_files_are_refused(begun, tmp_path):
    path = tmp_path / "run.ckpt"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="damaged"):
        begun.fit(X, X.sum(axis=1), resume=True)
    GRURegressor(**SETTINGS).fit(X, X.sum(axis=1)).save(path)
    with pytest.raises(ValueError, match="it is no checkpoint"):
        begun.fit(X, X.sum(axis=1), resume=True)


def entry(tree, *keys):
    """The pair of a key and its value in a dict of a document."""
    for key in keys[:-1]:
        tree = tree["tuple"][key] if isinstance(key, int) else tree[key]
    return next(pair for pair in tree["dict"] if pair[0] == keys[-1])


def value(*keys, new):
    def change(snapshot):
        entry(snapshot, *keys)[1] = new

    return change


def name(*keys, new):
    def change(snapshot):
        entry(snapshot, *keys)[0] = new

    return change


WRONG = {
    "moments": (name("moments", "second_moment", new="third_moment"), "its optimiser has the moments .*'third_moment'"),
    "records": (value("records", 1, "epoch", new=3), "its records have an entry that is not of epoch 2"),
    "an entry": (name("records", 0, "loss", new="losses"), "its records have an entry that is not of epoch 1"),
    "a word": (value("records", 0, "loss", new="small"), "its records have an entry that is not of epoch 1"),
    "a number that no column holds": (value("records", 0, "loss", new=10**30), "that is not of epoch 1"),
    "best epoch": (value("progress", "best_iter", new=9), r"its best_iter is 9, of 6 epochs"),
    "kept epoch": (value("progress", "kept_iter", new=1.0), r"its kept_iter is 1\.0, of 6 epochs"),
    "progress": (name("progress", "n_waiting", new="n_left"), "it counts other things"),
    "steps": (name("steps", "failures", new="n_left"), "it counts other things"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_snapshot_that_is_none_is_refused(begun, tmp_path, kind):
    """With a checksum that is right."""
    change, message = WRONG[kind]
    metadata, arrays = read_tensors(tmp_path / "run.ckpt")
    told = json.loads(metadata["grukit checkpoint"])
    change(told["snapshots"][0]["Snapshot"])
    if kind == "moments":  # whose arrays are named by them
        pair = entry(told["snapshots"][0]["Snapshot"], "moments", "third_moment")
        arrays["snapshots[0].moments['third_moment']"] = arrays.pop(pair[1]["array"])
        pair[1]["array"] = "snapshots[0].moments['third_moment']"
    write_tensors(tmp_path / "run.ckpt", {"grukit checkpoint": json.dumps(told)}, arrays)
    with pytest.raises(ValueError, match=message):
        begun.fit(X, X.sum(axis=1), resume=True)


def test_what_a_checkpoint_needs(tmp_path):
    with pytest.raises(ValueError, match="resume=True goes on at the file of the parameter checkpoint"):
        GRURegressor(**SETTINGS).fit(X, X[:, 0], resume=True)
    with pytest.raises(ValueError, match="checkpoint must be the path of a file; got ''"):
        GRURegressor(**SETTINGS, checkpoint="").fit(X, X[:, 0])
    path = tmp_path / "run.ckpt"
    with pytest.raises(ValueError, match="solver='lbfgs' does not have"):
        GRURegressor(**{**SETTINGS, "solver": "lbfgs"}, checkpoint=path).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="the same in the next process"):
        GRURegressor(**{**SETTINGS, "random_state": np.random.RandomState(0)}, checkpoint=path).fit(X, X[:, 0])
    trained = []
    for wrong, words in ((tmp_path / "none" / "run.ckpt", "there is no folder .*none"), (tmp_path, "is a folder")):
        with pytest.raises(OSError, match=words):
            GRURegressor(**SETTINGS, checkpoint=wrong, callbacks=trained.append).fit(X, X[:, 0])
    assert trained == []
    GRURegressor(**SETTINGS, checkpoint=path).partial_fit(X, X[:, 0])
    assert list(tmp_path.iterdir()) == []


def test_a_fit_that_counts_epochs_on_blocks_refuses_the_checkpoint_of_another(begun):
    counting = GRURegressor(**{**SETTINGS, "early_stopping": "auto"}, checkpoint=begun.checkpoint)
    with pytest.raises(ValueError, match=r"run\.ckpt cannot be resumed: this fit counts epochs on blocks in time"):
        counting.fit(X, X.sum(axis=1), resume=True)
    begun.checkpoint.unlink()
    assert "blocks in time" in counting.fit(X, X.sum(axis=1), resume=True).stop_reason_


def test_the_progress_bar_goes_on_where_training_does(begun, monkeypatch):
    class Bar:
        n = 0

        def update(self, n=1):
            self.n += n

        def set_postfix_str(self, *arguments, **options):
            """Show nothing."""

        close = set_postfix_str

    bar = Bar()
    monkeypatch.setattr(progress, "progress_bar", lambda n_epochs, unit: bar)
    begun.set_params(verbose=True).fit(X, X.sum(axis=1), resume=True)
    assert bar.n == begun.n_iter_ == 12


def test_a_saved_model_names_no_checkpoint(begun, tmp_path):
    begun.fit(X, X.sum(axis=1), resume=True).save(tmp_path / "model.gru")
    assert grukit.load(tmp_path / "model.gru").checkpoint is None
    assert b"run.ckpt" not in (tmp_path / "model.gru").read_bytes()


FORECASTS = {
    "hidden_layer_sizes": 4,
    "window": 12,
    "horizon": 3,
    "dtype": "float64",
    "max_iter": 12,
    "random_state": 0,
    "calibration": "split",
}
WALK = pd.Series(
    np.random.default_rng(0).normal(size=120).cumsum(), pd.date_range("2024-01-01", periods=120, freq="h"), name="load"
)


@pytest.fixture
def begun_forecaster(tmp_path):
    """A forecaster whose fit was ended after eight epochs."""
    path = tmp_path / "run.ckpt"
    model = GRUForecaster(**FORECASTS, checkpoint=path, checkpoint_every=3, callbacks=ends_after(8))
    with pytest.raises(Ended):
        model.fit(WALK, WALK.rename("known"))
    assert path.exists()
    return model.set_params(callbacks=None)


def test_a_forecaster_goes_on_to_the_bit(begun_forecaster):
    whole = GRUForecaster(**FORECASTS).fit(WALK, WALK.rename("known"))
    assert whole.n_iter_ == 12
    check_same(whole, begun_forecaster.fit(WALK, WALK.rename("known"), resume=True))
    for key, errors in whole._fitted.scores.errors.items():
        np.testing.assert_array_equal(errors, begun_forecaster._fitted.scores.errors[key])


def test_a_forecaster_refuses_other_data_and_parameters(begun_forecaster):
    y, X = WALK.copy(), WALK.rename("known")
    y.iloc[60] += 1e-9
    for series, known in ((y, X), (WALK, y.rename("known"))):
        with pytest.raises(ValueError, match=r"it is of other training data\.$"):
            begun_forecaster.fit(series, known, resume=True)
    with pytest.raises(ValueError, match="with horizon=3, and now horizon=2"):
        begun_forecaster.set_params(horizon=2).fit(WALK, X, resume=True)
    with pytest.raises(ValueError, match="resume=True goes on at the file of the parameter checkpoint"):
        GRUForecaster(**FORECASTS).fit(WALK, resume=True)


def test_a_backtest_writes_no_checkpoint(begun_forecaster):
    path = begun_forecaster.checkpoint
    content = path.read_bytes()
    begun_forecaster.backtest(WALK, WALK.rename("known"), n_splits=1)
    assert path.read_bytes() == content


def test_copies_that_calibrate_write_no_checkpoint(tmp_path):
    settings = {**FORECASTS, "calibration": "folds", "max_iter": 4}
    path = tmp_path / "run.ckpt"
    model = GRUForecaster(**settings, checkpoint=path, checkpoint_every=2, callbacks=ends_after(3))
    with pytest.raises(Ended):
        model.fit(WALK)
    resumed = model.set_params(callbacks=None).fit(WALK, resume=True)
    whole = GRUForecaster(**settings).fit(WALK)
    check_same(whole, resumed)
    for key, errors in whole._fitted.scores.errors.items():
        np.testing.assert_array_equal(errors, resumed._fitted.scores.errors[key])
    content = path.read_bytes()
    resumed.fit(WALK, resume=True)  # at the end of its own training
    check_same(whole, resumed)
    assert path.read_bytes() == content
