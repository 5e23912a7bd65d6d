"""The estimators on a Dask cluster of processes: the bits of one process, whatever the workers do."""

import os
import pickle
import shutil
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from queue import SimpleQueue
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from child import run_code
from numba import typeof
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from thorough import FULL

from grukit import GRUClassifier, GRUForecaster, GRURegressor

reason = "Dask is not installed; the extra test has it"
distributed = pytest.importorskip("distributed", reason=reason)
dd = pytest.importorskip("dask.dataframe", reason=reason)
da = pytest.importorskip("dask.array", reason=reason)
cloudpickle = pytest.importorskip("cloudpickle", reason=reason)
cloudpickle.register_pickle_by_value(
    sys.modules[__name__]
)  # workers cannot import it, unless pytest is run by python -m

from grukit.dask import (  # noqa: E402
    DaskGRUClassifier,
    DaskGRUForecaster,
    DaskGRURegressor,
    _collections,
    _crew,
    _each,
    _tasks,
    _worker,
)
from grukit.dask._collections import Keys  # noqa: E402
from grukit.dask._part import Part, Place  # noqa: E402
from grukit.dask._rows import Cut, Rows  # noqa: E402
from grukit.dask._session import SharedSession  # noqa: E402
from grukit.dask._stack import Stack, StackedIndex  # noqa: E402
from grukit.dask._wire import Connection, Lost, Traffic, connect, listen  # noqa: E402
from grukit.dask._worker import Job, Server  # noqa: E402
from grukit.engines import select_engine  # noqa: E402
from grukit.kernels.cpu import Session  # noqa: E402
from grukit.model import NetworkSpec  # noqa: E402
from grukit.train import interrupts  # noqa: E402

SETTINGS = {"hidden_layer_sizes": 4, "window": 8, "max_iter": 3, "batch_size": 128, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    """Two workers of two threads, processes of their own. The last tests add a third, kill one, and send all but one home."""
    of_processes = {"processes": True, "dashboard_address": ":0", "silence_logs": "CRITICAL"}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, **of_processes) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def panel():
    """Series of unequal length, sorted by time: each lies in several partitions."""
    rng = np.random.default_rng(0)
    series = {
        name: pd.DataFrame(
            rng.normal(size=(n, 2)).cumsum(axis=0),
            index=pd.date_range("2024-01-01", periods=n, freq="h", name="ds"),
            columns=["a", "b"],
        )
        for name, n in (("u", 330), ("v", 200), ("w", 90))
    }
    X = pd.concat(series, names=["id"])
    return X.iloc[np.argsort(X.index.get_level_values("ds"), kind="stable")]


@pytest.fixture(scope="module")
def target(panel):
    return (panel["a"] - panel["b"] ** 2).groupby("id").shift(1).fillna(0.0).rename("y")


def long(frame, n=5):
    """A pandas object on an index of series and time as Dask's, in partitions of time."""
    return dd.from_pandas(frame.reset_index(), npartitions=n)


def beside(series, n=5):
    """What goes with the rows of :func:`long`."""
    return dd.from_pandas(series.reset_index(drop=True), npartitions=n)


def same(model, local):
    """Whether both learned the same, to the bit."""
    assert model.loss_curve_ == local.loss_curve_
    assert model.validation_curve_ == local.validation_curve_
    ours, theirs = model.weights_, local.weights_
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    return True


def under_way():
    """How many trainings a worker waits for, and how many it serves."""
    from grukit.dask import _worker

    return len(_worker._listeners), len(_worker._serving)


def test_without_a_client_fit_says_so(panel, target):  # before there is any
    with pytest.raises(ValueError, match=r"There is no Dask client. Create one"):
        DaskGRURegressor(**SETTINGS).fit(panel, target)


def test_a_fit_has_the_bits_of_one_process(client, panel, target):
    local = GRURegressor(**SETTINGS).fit(
        panel, target
    )  # with all that is chosen by itself, and epochs counted on folds
    model = DaskGRURegressor(**SETTINGS).fit(long(panel), beside(target))
    assert same(model, local)
    assert np.array_equal(model.linear_coef_, local.linear_coef_) and model.anchor_ == local.anchor_
    predicted = model.predict(long(panel))
    assert predicted.npartitions == 5 and predicted.name == "y"
    assert np.array_equal(predicted.compute(), local.predict(panel))
    assert np.array_equal(model.to_local().predict(panel), local.predict(panel))
    assert type(model.to_local()) is GRURegressor and model.to_local().get_params() == local.get_params()
    assert "2 workers" in model.device_reason_ and model.traffic_.steps > 5
    assert model.score(long(panel), beside(target)) == local.score(panel, target)


def test_solvers_and_weights(client, panel, target):
    weights = pd.Series(np.random.default_rng(1).integers(0, 3, len(panel)).astype(float), panel.index)
    settings = {**SETTINGS, "early_stopping": False, "solver": "lbfgs", "linear_lags": 0}
    local = GRURegressor(**settings).fit(panel, target, weights)
    assert same(DaskGRURegressor(**settings).fit(long(panel), beside(target), beside(weights)), local)
    assert same(DaskGRURegressor(**settings).fit(panel, target, weights), local)  # pandas as it is


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
def test_dropout_is_drawn_for_the_same_samples(client, panel, target):
    settings = {**SETTINGS, "early_stopping": True, "dropout": 0.2, "recurrent_dropout": 0.1}
    local = GRURegressor(**settings).fit(panel, target)
    assert same(DaskGRURegressor(**settings).fit(long(panel), beside(target)), local)


def test_a_classifier(client, panel, target):
    labels = target.gt(0).map({True: "rises", False: "falls"}).rename("next")
    local = GRUClassifier(**SETTINGS).fit(panel, labels)
    model = DaskGRUClassifier(**SETTINGS).fit(long(panel), beside(labels))
    assert same(model, local)
    assert list(model.predict(long(panel)).compute()) == list(local.predict(panel))
    probabilities = model.predict_proba(long(panel)).compute()
    assert np.array_equal(probabilities, local.predict_proba(panel)) and list(probabilities) == ["falls", "rises"]
    logarithms = model.predict_log_proba(long(panel)).compute()
    assert np.array_equal(logarithms, local.predict_log_proba(panel))
    assert model.score(long(panel), beside(labels)) == local.score(panel, labels)


def test_sequences_in_row_blocks(client):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(150, 8, 2))
    blocks = da.from_array(X, chunks=(40, 8, 1))
    each_step = X[:, :, :1].cumsum(axis=1)
    for y in (X[:, -1, 0], each_step):  # one a sequence, and one a step
        local = GRURegressor(**SETTINGS).fit(X, y)
        model = DaskGRURegressor(**SETTINGS).fit(blocks, da.from_array(y, chunks=60))
        assert same(model, local)
        predicted = model.predict(blocks)
        assert predicted.numblocks[0] == 4 and predicted.shape == y.shape
        assert np.array_equal(predicted.compute(), local.predict(X))
        assert model.score(blocks, da.from_array(y, chunks=60)) == local.score(X, y)
    assert model.score(blocks, y) == local.score(X, y)  # of an array as it is
    labels = (each_step[:, :, 0] > 0).astype(int)
    judge = GRUClassifier(**SETTINGS).fit(X, labels)
    spread = DaskGRUClassifier(**SETTINGS).fit(blocks, da.from_array(labels, chunks=60))
    assert same(spread, judge)
    assert spread.score(blocks, da.from_array(labels, chunks=60)) == judge.score(X, labels)


def test_a_forecaster(client, panel):
    y, X = panel["a"].rename("load"), panel[["b"]]
    settings = {**SETTINGS, "horizon": 3, "max_iter": 2}
    local = GRUForecaster(**settings).fit(y, past_X=X)
    model = DaskGRUForecaster(**settings).fit(long(y), past_X=long(X))
    assert same(model, local)
    pd.testing.assert_series_equal(model.predict(), local.predict())
    told = pd.DataFrame({"kind": ["x", "y", "x"]}, index=["u", "v", "w"])
    wanted = GRUForecaster(**settings).fit(y, static=told)
    assert same(DaskGRUForecaster(**settings).fit(long(y), static=told), wanted)
    with pytest.raises(ValueError, match="normalize='window' is not on Dask"):
        DaskGRUForecaster(**settings, normalize="window").fit(long(y))
    with pytest.raises(ValueError, match=r"y must have one column of values beside \['id', 'ds'\]; it has"):
        model.fit(long(panel))
    with pytest.raises(TypeError, match="y is a Series; a Dask DataFrame is wanted, in long form"):
        model.fit(beside(y))
    with pytest.raises(TypeError, match="y is a Array; a Dask DataFrame is wanted, in long form"):
        model.fit(da.from_array(y.to_numpy()))


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
def test_a_forecaster_that_reads_segments(client, panel):
    y = panel["a"].rename("load")
    segments = {**SETTINGS, "horizon": 3, "max_iter": 2, "segment": 3}  # the oldest of a window of eight rows is of two
    model, local = DaskGRUForecaster(**segments).fit(long(y)), GRUForecaster(**segments).fit(y)
    assert same(model, local) and model.summary() == local.summary()
    pd.testing.assert_series_equal(model.predict(), local.predict())


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
def test_a_forecaster_that_learns_numbers_of_categories(client, panel, monkeypatch):
    monkeypatch.setattr("grukit.data.embedded.MOST_ONE_HOT", 1)  # of the client, who tells the workers
    y, told = panel["a"].rename("load"), pd.DataFrame({"kind": ["x", "y", "x"]}, index=["u", "v", "w"])
    settings = {**SETTINGS, "horizon": 3, "max_iter": 2}
    model, local = (
        DaskGRUForecaster(**settings).fit(long(y), static=told),
        GRUForecaster(**settings).fit(y, static=told),
    )
    assert same(model, local) and local.weights_["embedding.0.weight"].shape == (3, 2)
    pd.testing.assert_series_equal(model.predict(), local.predict())


def test_a_fit_goes_on_at_a_checkpoint(client, panel, target, tmp_path):
    settings, begun = {**SETTINGS, "early_stopping": False}, []

    def stop(record):
        begun.append(record["epoch"])
        return record["epoch"] == 2  # before it is written

    y = panel["a"].rename("load")
    for Model, Local, given, alone, own in (
        (DaskGRURegressor, GRURegressor, (long(panel), beside(target)), (panel, target), {}),
        (DaskGRUForecaster, GRUForecaster, (long(y),), (y,), {"horizon": 3}),
    ):
        written = {**settings, **own, "checkpoint": tmp_path / Model.__name__, "checkpoint_every": 1}
        Model(**written, callbacks=stop).fit(*given)
        begun.clear()
        copied = {**written, "checkpoint": shutil.copy(tmp_path / Model.__name__, tmp_path / "copy")}
        resumed = Model(**written, callbacks=lambda record: begun.append(record["epoch"])).fit(*given, resume=True)
        assert begun == [2, 3] and same(resumed, Local(**settings, **own).fit(*alone))
        assert same(resumed, Local(**copied).fit(*alone, resume=True))  # in one process


def test_a_series_goes_on_from_partition_to_partition_and_from_training(client, panel, target):
    settings = {**SETTINGS, "early_stopping": True}
    ends = panel.groupby("id").cumcount() < panel.groupby("id")["a"].transform("size") * 0.7
    model = DaskGRURegressor(**settings).fit(long(panel[ends]), beside(target[ends]))
    local, later = model.to_local(), panel[~ends]
    for n in (1, 4, 30):
        assert np.array_equal(model.predict(long(later, n)).compute(), local.predict(later))
        without = model.predict(long(later, n), context=None).compute()
        assert np.array_equal(without, local.predict(later, context=None))
    alone = panel.xs("u")
    one = DaskGRURegressor(series=None, **settings).fit(long(alone, 3), beside(target.xs("u"), 3))
    assert same(one, GRURegressor(**settings).fit(alone, target.xs("u")))
    assert np.array_equal(one.predict(long(alone, 3)).compute(), one.to_local().predict(alone))


def test_no_worker_holds_more_than_a_few_partitions(client, panel, target, monkeypatch):
    """Of a frame and what goes with it, and of blocks: as many are under way as there are threads, and one, and the next."""
    compute, gather, most, under_way = client.compute, client.gather, [0], set()

    def counted(part):
        future = compute(part)
        under_way.add(future.key)
        most[0] = max(most[0], len(under_way))
        return future

    def fetched(future):
        under_way.discard(future.key)
        return gather(future)

    monkeypatch.setattr(client, "compute", counted)
    monkeypatch.setattr(client, "gather", fetched)
    frame, (y,) = _collections.gather(client, long(panel, 20), {"y": beside(target, 20)}, Keys(["id"], "ds"))
    pd.testing.assert_frame_equal(frame, panel, check_index_type=False, check_freq=False)
    assert np.array_equal(y, target) and most == [2 + 4] and not under_way
    blocks = np.arange(240.0).reshape(40, 3, 2)
    X, (y,) = _collections.gather(client, da.from_array(blocks, chunks=(2, 2, 2)), {"y": None}, Keys([], "ds"))
    assert np.array_equal(X, blocks) and y is None and most == [2 + 4] and not under_way


def test_partitions_are_stacked_as_pandas_would():
    def stacked(parts, series):
        index, stack = StackedIndex(series, "ds"), Stack()
        for part in parts:
            index.append(part)
            stack.append(part.drop(columns=index.names))
        return stack.whole(index.whole())

    stamps = pd.date_range("2024-01-01", periods=4, freq="h")
    frame = pd.DataFrame({"id": list("aabb"), "ds": stamps, "x": [1.5, 2.0, np.nan, 4.0], "n": range(4)})
    for columns in (["x", "n"], ["x"], ["n"], []):  # numbers of two kinds, of one, whole ones, and none
        for whole in (frame[["id", "ds", *columns]], frame[["id", "ds", *columns]].assign(t="text", big=2**60 + 1)):
            wanted = whole.set_index(["id", "ds"])
            found = stacked([whole[:1], whole[1:1], whole[1:]], ["id"])
            pd.testing.assert_frame_equal(found, wanted, check_dtype=not {"x", "n"} <= set(wanted), check_freq=False)
    pd.testing.assert_frame_equal(
        stacked([frame[["ds", "x"]]], []), frame[["ds", "x"]].set_index("ds"), check_freq=False
    )
    pd.testing.assert_frame_equal(
        stacked([frame[:0], frame[:0]], ["id"]), frame[:0].set_index(["id", "ds"]), check_freq=False
    )
    zone, kinds = (
        frame.assign(ds=stamps.tz_localize("CET")),
        [frame[:2].astype({"x": np.float32}), frame[2:].astype({"n": bool})],
    )
    for parts in (
        [zone[:2], zone[2:]],
        kinds,
        [frame[:2], frame[2:].assign(x="text")],
        [frame[:2].assign(id="z"), frame],
    ):
        columns = ["id", "ds"] if len(parts[0].columns) else []
        pd.testing.assert_frame_equal(
            stacked(parts, ["id"]), pd.concat(parts).set_index(columns), check_dtype=False, check_freq=False
        )
    both = frame.assign(more=[None, 1, 1, 2])
    pd.testing.assert_frame_equal(
        stacked([both[:3], both[3:]], ["id", "more"]),
        both.set_index(["id", "more", "ds"]),
        check_dtype=False,
        check_freq=False,
    )


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_piece_has_the_rows_of_all_samples_that_start_in_it(n):
    rng = np.random.default_rng(n)
    table = SimpleNamespace(
        values=rng.normal(size=(900, 2)), targets=rng.normal(size=(900, 1)), step_weights=np.empty(0)
    )
    starts = np.concatenate([np.arange(0, 250), np.arange(400, 480), np.arange(700, 850)])  # in three intervals
    held = rng.permutation(np.arange(500, 560))
    parts = [SimpleNamespace(starts=each, lengths=rng.integers(1, 30, len(each))) for each in (starts, held)]
    cut = Cut.of(parts, n)
    pieces = [cut.piece(number, table, True) for number in range(len(cut.begins))]
    for part in parts:
        own, which = cut.starts_of(part, np.arange(len(part.starts)))
        for start, length, at, number in zip(part.starts, part.lengths, own, which, strict=True):
            piece = pieces[number]
            rows = slice(at - piece.first, at - piece.first + length)
            assert np.array_equal(piece.values[rows], table.values[start : start + length])
            assert np.array_equal(piece.targets[rows], table.targets[start : start + length])
    covered = {row for part in parts for s, m in zip(part.starts, part.lengths, strict=True) for row in range(s, s + m)}
    assert len(covered) <= sum(len(piece.values) for piece in pieces) <= len(covered) + 30 * len(pieces)


LIMITED = """
import hashlib, resource, sys
import dask.dataframe as dd, numpy as np, pandas as pd
from distributed import Client, LocalCluster
from grukit.dask import DaskGRURegressor

rows, features, parts = map(int, sys.argv[1:4])
settings = {**SETTINGS}

def partition(number):
    n = rows // parts
    frame = pd.DataFrame(np.random.default_rng(number).normal(size=(n, features))).add_prefix("x")
    frame.insert(0, "ds", pd.date_range("2020", periods=n, freq="min"))
    frame.insert(0, "id", number)
    return frame.assign(y=frame["x0"] * frame["x1"])

def bits(model):
    return hashlib.md5(b"".join(array.tobytes() for array in model.weights_.values())).hexdigest()

def has():
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmData"))

if sys.argv[4] == "alone":
    from grukit import GRURegressor
    whole = pd.concat([partition(number) for number in range(parts)]).set_index(["id", "ds"])
    print(bits(GRURegressor(**settings).fit(whole.drop(columns="y"), whole["y"])))
else:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster):
        def fit(parts):
            whole = dd.from_map(partition, range(parts), meta=partition(0).iloc[:0])
            return DaskGRURegressor(**settings).fit(whole.drop(columns="y"), whole["y"])

        fit(2)  # loads what there is to load
        limit = has() + int(float(sys.argv[4]) * rows * (features + 3) * 8)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        print(bits(fit(parts)))
"""


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="takes half a minute; GRUKIT_FULL_TESTS=1")
@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory that is not of files")
def test_a_client_needs_no_memory_for_the_rows():
    """With half of the frame's size beside what it has before, it comes to the bits of a process that has no limit."""
    settings = {
        "hidden_layer_sizes": 4,
        "window": 8,
        "max_iter": 1,
        "batch_size": 4096,
        "random_state": 0,
        "linear_lags": 2,
    }
    code = LIMITED.replace("{**SETTINGS}", repr(settings))
    alone, limited = (run_code(code, 600_000, 32, 50, way)[0] for way in ("alone", 0.5))
    assert limited == alone


def test_workers_forget(client, panel, target):
    DaskGRURegressor(**SETTINGS).fit(long(panel), beside(target))
    for _ in range(100):  # the scheduler hears of it soon
        kept = [key for key in client.who_has() if "Piece" in str(key) or "grukit" in str(key)]
        if not kept:
            break
        time.sleep(0.1)
    assert not kept
    assert set(client.run(under_way).values()) == {(0, 0)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.rename(columns={"id": "name"}), r"X has no column 'id', which the parameter series names; its"),
        (lambda X: X.rename(columns={"ds": "date"}), r"X has no column 'ds', which the parameter time names; its"),
        (lambda X: X.assign(a="text"), r"X: column 'a' has dtype"),
        (lambda X: X.assign(b=X["b"].where(X["b"] < X["b"].max())), r"contains NaN in column 'b' at \('[uvw]', "),
        (
            lambda X: pd.concat([X[X["id"] != "v"], X[X["id"] == "v"].iloc[::-1]], ignore_index=True),
            r"The time index of series v is not sorted: 2024-01-09 06:00:00 \(row 1\) comes after 2024-01-09 07:00:00",
        ),
        (
            lambda X: X.assign(
                ds=X["ds"].where((X["id"] != "w") | (X["ds"].dt.hour != 5), X["ds"] - pd.Timedelta("1h"))
            ),
            r"The time index of series w has duplicates: 2024-01-01 04:00:00 \(row 5\) is there more than once",
        ),
    ],
)
def test_bad_frames_are_named(client, panel, target, change, message):
    X = dd.from_pandas(change(panel.reset_index()), npartitions=3)
    with pytest.raises(ValueError, match=message):
        DaskGRURegressor(**SETTINGS).fit(X, dd.from_pandas(target.reset_index(drop=True), npartitions=3))


def test_what_does_not_go_together_is_refused(client, panel, target):
    model = DaskGRURegressor(**SETTINGS)
    with pytest.raises(ValueError, match=r"y has 4 partitions and X has 5: their rows go together by place"):
        model.fit(long(panel), beside(target, 4))
    with pytest.raises(ValueError, match=r"Partition 0 of y has \d+ rows and that of X has \d+"):
        model.fit(long(panel), beside(target.iloc[:-50]))
    with pytest.raises(ValueError, match=r"Partition 0 of y and of X have different indexes: at row 0"):
        model.fit(long(panel), dd.from_pandas(target.reset_index(drop=True).set_axis(range(7, 627)), npartitions=5))
    with pytest.raises(TypeError, match=r"y is a Dask collection and X is none"):
        model.fit(panel, beside(target))
    with pytest.raises(ValueError, match=r"Dask workers train on their CPUs; device must be 'auto' or 'cpu'"):
        DaskGRURegressor(device="cuda").fit(long(panel), beside(target))
    with pytest.raises(ValueError, match=r"The column 'ds' cannot be the time and name series, too"):
        DaskGRURegressor(series=["id", "ds"]).fit(long(panel), beside(target))
    model.fit(long(panel), beside(target))
    with pytest.raises(ValueError, match=r"X has no column 'id', which the parameter series names"):
        model.predict(long(panel).drop(columns="id"))
    with pytest.raises(ValueError, match=r"context is 'auto' or None; give earlier rows as rows of X"):
        model.predict(long(panel), context=panel)


def test_what_is_done_in_this_process(client, panel, target):
    X, y = panel.sort_index(), target.sort_index()
    each = DaskGRURegressor(**SETTINGS).fit_each(X, y)
    assert same_each(each, GRURegressor(**SETTINGS).fit_each(X, y))
    part = DaskGRURegressor(**SETTINGS).partial_fit(X, y)
    assert part.traffic_ == Traffic(0, 0, 0, 0)
    assert np.array_equal(part.predict(X), GRURegressor(**SETTINGS).partial_fit(X, y).predict(X))


def same_each(each, local):
    """Whether both hold the same models, by name, and report the same."""
    assert list(each) == list(local) and type(each) is type(local)
    reports = (report.set_axis(report.index.astype(object)) for report in (each.report_, local.report_))
    pd.testing.assert_frame_equal(*reports, check_exact=True)
    return all(type(own) is type(local[name]) and same(own, local[name]) for name, own in each.items())


def test_fit_each_in_partitions(client, panel, target):
    settings = {**SETTINGS, "early_stopping": True, "n_jobs": 2}
    weights = pd.Series(np.random.default_rng(1).integers(1, 3, len(panel)).astype(float), panel.index)
    short = panel.copy()
    short.loc["w", "a"] = np.nan
    with pytest.warns(FitFailedWarning, match=r"1 of 3 series could not be fitted, see report_; the first, 'w': "):
        local = GRURegressor(**settings).fit_each(short, target, weights)
    model = DaskGRURegressor(**settings)
    for n in (1, 5):  # series that lie in one partition, and in several
        with pytest.warns(FitFailedWarning, match=r"1 of 3 series could not be fitted, see report_; the first, 'w': "):
            each = model.fit_each(long(short, n), beside(target, n), beside(weights, n))
        assert same_each(each, local)
    assert np.array_equal(each.predict(panel.drop("w", level="id")), local.predict(panel.drop("w", level="id")))
    assert each["u"].n_jobs == 2 and not model.__sklearn_is_fitted__()
    bad = long(panel), beside(target, 4)
    with pytest.raises(ValueError, match=r"y has 4 partitions and X has 5: their rows go together by place"):
        model.fit_each(*bad)
    with pytest.raises(ValueError, match=r"Partition \d of y has \d+ rows and that of X has \d+"):
        model.fit_each(long(panel), beside(target.iloc[:-50]))
    with pytest.raises(TypeError, match=r"y is a Series; a Series or DataFrame of Dask's is wanted, as X is one"):
        model.fit_each(long(panel), target)
    with pytest.raises(ValueError, match=r"None of the 3 series could be fitted; the first, 'u': "):
        model.fit_each(long(panel.assign(a=np.nan)), beside(target))
    with pytest.raises(ValueError, match=r"the parameter series must name the column that tells them apart"):
        DaskGRURegressor(series=None, **SETTINGS).fit_each(long(panel), beside(target))


def test_fit_each_of_forecasters_in_partitions(client, panel):
    y, X = panel["a"].rename("load"), panel[["b"]]
    settings = {**SETTINGS, "horizon": 3, "max_iter": 2}
    local = GRUForecaster(**settings).fit_each(y, past_X=X)
    each = DaskGRUForecaster(**settings).fit_each(long(y), past_X=long(X, 3))
    assert same_each(each, local)
    pd.testing.assert_series_equal(each.predict(), local.predict(), check_index_type=False)
    with pytest.raises(ValueError, match=r"y must have one column of values beside \['id', 'ds'\]; it has"):
        DaskGRUForecaster(**settings).fit_each(long(panel))
    with pytest.raises(TypeError, match="past_X is a DataFrame; a Dask DataFrame is wanted, in long form"):
        DaskGRUForecaster(**settings).fit_each(long(y), past_X=X)


def test_series_are_dealt_out_evenly_where_they_lie_in_several_partitions():
    names = pd.Index(list("abcdef"), name="id")
    found = [pd.Series([10] * 6, names), pd.Series([10] * 6, names), pd.Series([10] * 3, names[:3])]
    index, homes = _each._homes(found)
    assert list(index) == list(names) and index.name == "id"
    assert homes.tolist() == [0, 0, 1, 2, 2, 2]  # 30, 30, 30, 20, 20 and 20 rows, by where the middle of each is of 150
    index, homes = _each._homes([found[0][:2], found[0][2:3], found[0][3:]])
    assert list(index) == list(names) and homes.tolist() == [0, 0, 1, 2, 2, 2]  # each where it is


def test_copies_share_the_client_and_pickles_have_none(client, panel, target):
    model = DaskGRURegressor(client=client, **SETTINGS).fit(panel, target)
    assert clone(model).client is client
    opened = pickle.loads(pickle.dumps(model))
    assert opened.client is None and same(opened, model)


def test_searches_on_joblib_s_dask_backend(client, panel, target):
    import joblib

    X, y = panel.xs("u"), target.xs("u")
    base = GRURegressor(**{**SETTINGS, "max_iter": 2, "early_stopping": False})
    search = GridSearchCV(base, {"hidden_layer_sizes": [2, 4]}, cv=TimeSeriesSplit(2))
    with joblib.parallel_backend("dask", client=client):
        found = clone(search).fit(X, y)
    alone = clone(search).fit(X, y)
    assert np.array_equal(found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert same(found.best_estimator_, alone.best_estimator_)


def test_messages_arrive_whole_and_cut_off_ones_are_told():
    ours, theirs = (Connection(each) for each in tcp_pair())
    arrays = [np.arange(6.0).reshape(2, 3), np.empty((0, 4), np.float32), np.array([True])]
    ours.send("some", arrays, number=3)
    told, received = theirs.receive()
    assert told == {"kind": "some", "number": 3}
    assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(arrays, received, strict=True))
    assert ours.sent == theirs.received > 48
    ours.socket.sendall(b"\0\0")
    ours.close()
    with pytest.raises(Lost, match="the connection was closed"):
        theirs.receive()
    with pytest.raises(Lost):
        theirs.send("more")
    theirs.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="as on Linux")
def test_a_machine_that_vanishes_is_noticed_after_half_a_minute():
    for each in map(Connection, tcp_pair()):
        idle, interval, count, unacknowledged = (
            each.socket.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{name}"))
            for name in ("KEEPIDLE", "KEEPINTVL", "KEEPCNT", "USER_TIMEOUT")
        )
        assert idle + interval * count == 30 and unacknowledged == 30_000  # seconds, milliseconds
        each.close()


def test_an_interrupted_batch_leaves_no_answer_to_the_next(client, panel, target, monkeypatch):
    """Ctrl-C between the questions of the first batch and their answers: what comes then is not taken for another's."""
    settings, answer = {**SETTINGS, "early_stopping": True}, _crew.Crew.answer

    def interrupt(*args):
        raise KeyboardInterrupt

    def train(session, batches, stop_at):
        with monkeypatch.context() as patch:
            patch.setattr(_crew.Crew, "answer", interrupt)
            Session.train(session, batches, stop_at)

    interrupted = []
    for where, Model in ((Session, GRURegressor), (SharedSession, DaskGRURegressor)):
        interrupts._last[0] = -np.inf  # or it would be a second one
        with monkeypatch.context() as patch:
            patch.setattr(where, "train", interrupt if where is Session else train)
            with pytest.warns(ConvergenceWarning, match="Training was interrupted in epoch 1"):
                interrupted.append(Model(**settings).fit(panel, target))
    interrupts._last[0] = -np.inf
    assert _crew.Crew.answer is answer and same(*interrupted)
    assert set(client.run(under_way).values()) == {(0, 0)}


def test_a_worker_without_the_next_says_so_and_may_have_another():
    with serving(job_of("0123456789abcdef")) as address:
        friend = connect(address, "0123456789abcdef", "client")
        assert friend.receive()[0] == {"kind": "ready", "kept": []}
        friend.send("join", generation=1, worker=0, peers=[address, ("127.0.0.1", 0)], owners=[])  # nobody is at port 0
        told = friend.receive()[0]
        assert told["kind"] == "lost" and "127.0.0.1:0 cannot be reached" in told["message"]
        friend.send("join", generation=2, worker=0, peers=[address], owners=[])
        assert friend.receive()[0] == {"kind": "joined"}
        friend.send("goodbye")
        assert friend.receive()[0] == {"kind": "goodbye", "between": 0}
        friend.close()


def test_tables_that_are_read_only_ask_for_no_other_kernels():
    job = job_of("0123456789abcdef")
    for each in (job.network.layers, job.loss.parameters):
        each.flags.writeable = False
    share = Server(job, threading.Event()).share
    assert typeof(share.network) == typeof(job_of("").network) and typeof(share.loss) == typeof(job_of("").loss)


def job_of(token):
    kernels = select_engine("cpu").kernels
    network, loss = NetworkSpec("gru", 1, (2,), 1).for_kernels(kernels), kernels.Loss(0, np.zeros(1), 32)
    return Job(token, "here", network, loss, "float32", 27, 4, True, 1, False)


@contextmanager
def serving(job):
    """The address of a server that runs in a thread, and has ended when this does."""
    over = threading.Event()
    with listen("127.0.0.1") as listener, Server(job, over) as server:
        thread = threading.Thread(target=server.run, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            over.set()
            thread.join(10)
    assert not thread.is_alive()


def test_a_worker_does_not_wait_for_ever_for_a_client(monkeypatch):
    monkeypatch.setattr(_worker, "PATIENCE", 0.2)
    token = "0123456789abcdef"
    listener = listen("127.0.0.1")
    peer = connect(listener.getsockname(), token, "fetcher")  # which is no client
    message = r"No client came to 127\.0\.0\.1:\d+ within 0\.2 s: it cannot reach"
    with listener, Server(job_of(token), threading.Event()) as server, pytest.raises(RuntimeError, match=message):
        server.run(listener)
    peer.close()


def test_a_fit_that_cannot_begin_leaves_nothing_behind(client, panel, target, monkeypatch):
    def refuse(address, token, role):
        for _ in range(1000):  # until the workers' tasks have begun, and wait
            if set(client.run(under_way).values()) == {(0, 1)}:
                raise Lost("the network is down")
            time.sleep(0.01)

    model = DaskGRURegressor(**SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(_crew, "connect", refuse)
        with pytest.raises(RuntimeError, match=r"Training cannot begin on the Dask workers: the network is down"):
            model.fit(long(panel), beside(target))
    assert set(client.run(under_way).values()) == {(0, 0)}
    model.fit(long(panel), beside(target))
    assert model.traffic_.steps > 5


def test_all_that_are_lost_at_once_are_named_and_how_often_there_were_any_is_told(monkeypatch):
    crew = _crew.Crew(SimpleNamespace(token=""), 0, None, Traffic())
    crew.members = [_tasks.Member(name, ("127.0.0.1", 0), None) for name in ("a", "b", "c")]
    monkeypatch.setattr(crew, "_meet", lambda: crew.members.__delitem__(slice(2)))
    monkeypatch.setattr(crew, "_join", lambda: None)
    with pytest.warns(RuntimeWarning, match=r"Of 3 Dask workers a, b were lost \(gone\)\. Training goes on with 1; "):
        crew.regroup(Lost("gone"))
    crew.tries = _crew.TRIES
    with pytest.raises(RuntimeError, match=r"Dask workers were lost 6 times in a row, the last time: gone again"):
        crew.regroup(Lost("gone again"))


def test_a_task_that_the_cluster_has_forgotten_keeps_no_other_from_ending(client):
    """As of a worker that is lost."""
    recruits, address = _tasks.Recruits(client, None), min(client.nthreads())
    forgotten = client.submit(time.sleep, 0.1, pure=False)
    client.cancel([forgotten])
    other = client.submit(time.sleep, 0.2, pure=False)
    recruits.token = "0123456789abcdef"
    recruits._members = [_tasks.Member(address, ("127.0.0.1", 0), task) for task in (forgotten, other)]
    recruits.end(2)
    assert other.status == "finished" and recruits._members == []


def test_what_a_task_raised_is_told_where_it_hangs_up(client):
    ours, theirs = map(Connection, tcp_pair())
    failed = client.submit(int, "seven", pure=False)
    theirs.close()
    with pytest.raises(ValueError, match="invalid literal for int"):
        _tasks.Member("there", ("127.0.0.1", 0), failed, ours).wait()
    ours.close()


@pytest.mark.parametrize("scheme", ["tls", "wss"])
def test_a_cluster_that_encrypts_is_refused(scheme):
    scheduler = SimpleNamespace(address=f"{scheme}://10.0.0.1:8786")
    with pytest.raises(ValueError, match=rf"encrypts its connections \({scheme}://\). Those that training opens"):
        _tasks.check_client(SimpleNamespace(asynchronous=False, scheduler=scheduler))


def test_who_has_no_token_is_not_heard(monkeypatch):
    token = "0123456789abcdef"
    monkeypatch.setattr(_worker, "TOKEN_PATIENCE", 0.3)
    with serving(job_of(token)) as address:
        stranger = connect(address, token.replace("a", "b"), "client")
        with pytest.raises(Lost):
            stranger.receive()
        stranger.close()
        with socket.create_connection(address) as silent:
            silent.settimeout(10)
            assert silent.recv(1) == b""  # hung up
        friend = connect(address, token, "client")
        assert friend.receive()[0]["kind"] == "ready"
        time.sleep(0.4)  # who was welcomed may be silent for longer
        friend.send("join", generation=1, worker=0, peers=[address], owners=[])
        assert friend.receive()[0]["kind"] == "joined"
        friend.send("compute", [np.zeros(27, np.float32)], group=7, first=0, last=1, slots=[0, 1], wanted=True)
        assert friend.receive()[0] == {"kind": "error", "message": "KeyError: 7"}
        friend.close()


def test_who_comes_again_is_told_what_is_kept():
    """A client that hung up without a word finds its rows, and what it had asked is no concern of the part it begins."""
    token = "0123456789abcdef"
    with serving(job_of(token)) as address:
        for kept in ([], [3]):
            friend = connect(address, token, "client")
            assert friend.receive()[0] == {"kind": "ready", "kept": kept}
            friend.send("keep", [np.arange(4.0).reshape(4, 1)], number=3, first=10)
            friend.send("join", generation=1 + len(kept), worker=0, peers=[address], owners=[0])
            assert friend.receive()[0]["kind"] == "joined"
            friend.close()
        other = Rows(job_of(token), Place(1, 1, [address, address], [0] * 4), {})
        (rows,) = other._fetch(3, np.array([10, 13]), np.array([12, 14]))
        assert rows.tolist() == [[0.0], [1.0], [3.0]]
        other.close()


def test_what_a_client_asked_before_it_came_again_ends_no_part(monkeypatch):
    """On a busy machine a worker may read what came over a connection that was given up after what came over the next."""
    token, none = "0123456789abcdef", np.zeros(0, np.int64)
    monkeypatch.setattr(_worker, "PATIENCE", 0.3)
    with serving(job_of(token)) as address:
        first, second = (connect(address, token, "client") for _ in range(2))
        for friend in (first, second):
            assert friend.receive()[0]["kind"] == "ready"
        second.send("join", generation=2, worker=0, peers=[address], owners=[])
        assert second.receive()[0]["kind"] == "joined"
        first.send("join", generation=1, worker=0, peers=[address], owners=[])
        with pytest.raises(Lost):
            first.receive()  # hung up, for nobody is there any more
        first.close()
        time.sleep(0.5)  # longer than a worker without a client waits
        second.send("group", [none] * 7, group=1, n=0, length=None)
        second.send("forget", group=1)
        second.send("goodbye")
        assert second.receive()[0]["kind"] == "goodbye"
        second.close()


def test_the_error_of_who_keeps_rows_is_told():
    """Of two workers, the one that should keep piece 3 does not, and says so to the one that asks for it."""
    token = "0123456789abcdef"
    with serving(job_of(token)) as address:
        rows = Rows(job_of(token), Place(1, 0, [address], [0] * 4), {})
        with pytest.raises(RuntimeError, match=r"The worker at 127\.0\.0\.1:\d+ failed: KeyError: 3"):
            rows._fetch(3, np.array([0]), np.array([2]))
        rows.close()


def test_a_part_that_is_left_lets_nobody_wait():
    """Neither who waits for the sum of the worker before, nor who waits for rows."""
    job = job_of("0123456789abcdef")
    with listen("127.0.0.1") as silent:  # accepts, and never answers
        place = Place(1, 1, [silent.getsockname()] * 2, [0])
        part = Part(job, place, {}, None, SimpleQueue())
        told, none = {"kind": "group", "group": 1, "n": 1, "length": 4}, np.zeros(1, np.int64)
        part.answer(None, told, [none, none[:0], none, none, none, np.ones(1), np.zeros((1, 1))])
        ours, theirs = map(Connection, tcp_pair())
        asked = {"kind": "compute", "group": 1, "first": 0, "last": 1, "slots": [0, 1], "wanted": True}
        waiting = threading.Thread(target=part.answer, args=(ours, asked, [np.zeros(27, np.float32)]))
        waiting.start()
        while not part._computing.locked():
            time.sleep(0.01)
        part.close()
        assert theirs.receive()[0]["kind"] == "lost"
        waiting.join(10)
        assert not waiting.is_alive()
        with pytest.raises(Lost):
            part.answer(None, told, [])
    ours.close(), theirs.close()


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        return one, listener.accept()[0]


def test_a_killed_worker_changes_no_bit(client, panel, target):
    settings = {**SETTINGS, "early_stopping": True, "max_iter": 12, "loss": "huber", "alpha": 0.1}
    local = GRURegressor(**settings).fit(panel, target)
    client.cluster.scale(3)  # for the four chunks of a batch: the one in the middle takes a sum, and gives one
    client.wait_for_workers(3, timeout=60)
    victim = sorted(client.run(os.getpid).items())[1][1]

    def kill(record):
        if record["epoch"] == 2:
            threading.Timer(0.002, os.kill, (victim, signal.SIGKILL)).start()

    model = DaskGRURegressor(callbacks=kill, **settings)
    with pytest.warns(RuntimeWarning, match=r"Of 3 Dask workers tcp://\S+ was lost .* Training goes on with 2"):
        model.fit(long(panel), beside(target))
    assert same(model, local)


def test_one_worker_comes_to_the_same_bits(client, panel, target):
    for _ in range(600):  # one that was killed comes again, where its nanny does not give up, as on a busy machine
        if len(client.nthreads()) == len(client.cluster.workers):
            break
        time.sleep(0.1)
    others = sorted(client.nthreads())[1:]
    client.retire_workers(others, close_workers=True)
    settings = {**SETTINGS, "early_stopping": True}
    model = DaskGRURegressor(client=client, **settings).fit(long(panel, 3), beside(target, 3))
    assert "1 worker of" in model.device_reason_
    assert same(model, GRURegressor(**settings).fit(panel, target))


def test_a_decoder_is_refused_before_any_work():
    with pytest.raises(ValueError, match="strategy='decoder' reads rows ahead of windows"):
        DaskGRUForecaster(strategy="decoder", horizon=2).fit(pd.Series(np.arange(40.0)))
