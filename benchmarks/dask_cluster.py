"""What Dask workers send in a training step, and from when on a network's time would outweigh what they gain.

    python benchmarks/dask_cluster.py [--speed | --memory | --kill] [--write]

Bytes are counted in a fit on two worker processes, whose weights must equal those of one process to the bit. The model of a
cluster takes seconds of the processor from steps of one thread here, and for the rest a network of 10 Gbit/s: see ``model``.
Instead, ``--speed`` prints rows a second in one process and on 1 and 2 workers, ``--memory`` the memory of client and workers
that nothing but they can give back (RssAnon: pages of files are none), and ``--kill`` how many of ten fits, in each of which a
worker is killed in mid-epoch, end with the bits of one process.
"""

import argparse
import os
import signal
import threading
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from _report import NETWORK_ALONE, machine, report, table
from distributed import Client, LocalCluster

from grukit import GRURegressor
from grukit.dask import DaskGRURegressor

ROWS, SERIES, FEATURES, WINDOW = 24_000, 24, 8, 32
HIDDEN, BATCHES, WORKERS = (32, 128, 512), (64, 256, 1024), (2, 4, 8)
LARGE_ROWS, LARGE_PARTITIONS, LARGE_FEATURES, LIMIT = 4_600_000, 46, 16, 640  # MiB that a worker may hold
CHUNK, SLOTS = {32: 32, 128: 16, 512: 32}, 16  # samples in a chunk, see kernels/cpu/session.py
BYTES_A_SECOND, MESSAGE = 10e9 / 8, 100e-6  # of a network, and seconds of a message and its answer beside their bytes


def data(rows: int = ROWS) -> tuple[pd.DataFrame, pd.Series]:
    """A panel."""
    n = rows // SERIES
    index = pd.MultiIndex.from_product([range(SERIES), pd.date_range("2020", periods=n, freq="h")], names=["id", "ds"])
    values = np.random.default_rng(0).normal(size=(len(index), FEATURES))
    X = pd.DataFrame(values, index, [f"x{i}" for i in range(FEATURES)])
    return X, X.sum(axis=1).rename("y")


def settings(hidden: int, batch: int, epochs: int) -> dict[str, Any]:
    """A network alone, of so many epochs."""
    return {
        **NETWORK_ALONE,
        "hidden_layer_sizes": hidden,
        "window": WINDOW,
        "batch_size": batch,
        "max_iter": epochs,
        "random_state": 0,
    }


def cluster_of(workers: int, **options: Any) -> LocalCluster:
    """Processes of one thread."""
    return LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", **options)


def count() -> str:
    """Bytes a step on two workers, against what the sizes say."""
    X, y = data(8_000)
    rows = []
    with cluster_of(2) as cluster, Client(cluster):
        for hidden, batch in ((32, 64), (32, 256), (128, 256)):
            alone = GRURegressor(n_jobs=1, **settings(hidden, batch, 1)).fit(X, y)
            model = DaskGRURegressor(**settings(hidden, batch, 1)).fit(X, y)
            if any((model.weights_[name] != alone.weights_[name]).any() for name in alone.weights_):
                raise AssertionError(f"{hidden} units, {batch} samples: two workers give other bits than one process.")
            traffic, P = model.traffic_, model.n_parameters_
            numbers = (traffic.to_workers, traffic.from_workers, traffic.between_workers)
            counted = [f"{n / traffic.steps / 1024:,.0f}" for n in numbers]
            chunks = batch // CHUNK[hidden]
            rows.append([f"{hidden}", f"{P:,}", f"{batch}", f"{chunks}", *counted, f"{4 * P / 1024:,.0f}"])
    header = ["units", "parameters", "batch", "chunks", "to workers, KiB a step", "from workers", "between workers",
              "one gradient"]  # fmt: skip
    return table(header, rows)


def seconds_of_step(hidden: int, batch: int = 64) -> tuple[float, int]:
    """Processor seconds of a step of one thread, and the parameters."""
    X, y = data(SERIES * 2 * WINDOW)
    times = []
    for epochs in (1, 1, 2):  # the first one compiles
        began = time.process_time()
        model = GRURegressor(n_jobs=1, **settings(hidden, batch, epochs)).fit(X, y)
        times.append(time.process_time() - began)
    return (times[2] - times[1]) / -(-len(X) // batch), model.n_parameters_


def model(seconds: float, P: int, chunk: int, batch: int, workers: int) -> float:
    """How many times as fast as one process a cluster would be, of workers of one thread.

    The parameters pass the client's wire once for each worker that has a chunk; each computes its chunks; then the sum of the
    partial gradients goes from worker to worker and to the client. Windows from other workers come meanwhile, on the worker's
    own wire; where they take longer than the rest, they count instead.
    """
    chunks = -(-batch // chunk)
    at_work = min(workers, chunks, SLOTS)
    compute = seconds * (batch / 64) * -(-chunks // at_work) / chunks
    wire = 4 * P * 2 * at_work / BYTES_A_SECOND + MESSAGE * (1 + at_work) / 2
    windows = batch / at_work * (workers - 1) / workers * WINDOW * FEATURES * 4 / BYTES_A_SECOND
    return seconds * (batch / 64) / max(compute + wire, windows)


def cluster_on_paper() -> str:
    """Speed-ups by rows a batch, parameters and workers."""
    rows = []
    for hidden in HIDDEN:
        seconds, P = seconds_of_step(hidden)
        for batch in BATCHES:
            gains = [f"{model(seconds, P, CHUNK[hidden], batch, workers):.2f}" for workers in WORKERS]
            rows.append([f"{hidden}", f"{P:,}", f"{batch}", f"{1e3 * seconds * batch / 64:.2f}", *gains])
    header = ["units", "parameters", "batch", "one thread, ms a step", *(f"{n} workers" for n in WORKERS)]
    return table(header, rows)


def speed() -> str:
    """Rows a second of an epoch: in one process on one thread, and on workers."""
    X, y = data()
    rows = []
    for hidden, batch in ((32, 256), (128, 256)):
        own = settings(hidden, batch, 3)
        found = [_rows_a_second(GRURegressor(n_jobs=1, **own), X, y)]
        for workers in (1, 2):
            with cluster_of(workers) as cluster, Client(cluster):
                DaskGRURegressor(**own).fit(X[:500], y[:500])  # loads the kernels
                found.append(_rows_a_second(DaskGRURegressor(**own), X, y))
        rows.append([f"{hidden}", f"{batch}", *(f"{each:,.0f}" for each in found), f"{found[2] / found[1]:.2f}"])
    return table(["units", "batch", "one process, rows/s", "1 worker", "2 workers", "2 against 1"], rows)


def _rows_a_second(model: Any, X: pd.DataFrame, y: pd.Series) -> float:
    """Of the faster of the epochs after the first."""
    return len(X) / model.fit(X, y).history_["seconds"][1:].min()


def _series(number: int) -> pd.DataFrame:
    """One series of a long frame, a partition of its own, which a worker makes."""
    n = LARGE_ROWS // LARGE_PARTITIONS
    frame = pd.DataFrame(np.random.default_rng(number).normal(size=(n, LARGE_FEATURES))).add_prefix("x")
    frame.insert(0, "ds", pd.date_range("2020", periods=n, freq="min"))
    frame.insert(0, "id", number)
    return frame.assign(y=frame["x0"] * frame["x1"])


class Watch(threading.Thread):
    """Looks every 5 ms at this process's memory that is not of files; a context manager."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.peak = _status("RssAnon")
        self._over = threading.Event()

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Look, until it is over."""
        while not self._over.wait(0.005):
            self.peak = max(self.peak, _status("RssAnon"))


def begin_watch(dask_worker: Any) -> None:
    """Of a worker, which Dask fills in."""
    dask_worker.watch = Watch().__enter__()


def end_watch(dask_worker: Any) -> tuple[float, float]:
    """Of a worker: MiB before, and peak."""
    dask_worker.watch.__exit__()
    return dask_worker.watch.before, dask_worker.watch.peak


def memory() -> str:
    """Peak anonymous memory during fits of more data than a worker may hold, above what each process had before the first."""
    import dask.dataframe as dd

    X, y = data(500)
    rows = []
    with cluster_of(2, memory_limit=f"{LIMIT}MiB") as cluster, Client(cluster) as client:
        DaskGRURegressor(**settings(4, 4096, 1)).fit(X, y)  # loads the kernels
        frame = dd.from_map(_series, range(LARGE_PARTITIONS), meta=_series(0).iloc[:0])
        size = len(_series(0).columns) * 8 * LARGE_ROWS / 2**20
        if size <= LIMIT:
            raise AssertionError(f"The frame has {size:.0f} MiB: a worker may hold it.")
        alone, at_first = settings(4, 4096, 1), {}
        chosen = {name: value for name, value in alone.items() if name not in NETWORK_ALONE} | {"linear_lags": 4}
        for fit, given in (("the network alone", alone), ("with all that is chosen", chosen)):
            begun = client.run(begin_watch)
            with Watch() as own:
                DaskGRURegressor(**given).fit(frame.drop(columns="y"), frame["y"])
            if client.scheduler_info(n_workers=-1)["workers"].keys() != begun.keys():
                raise AssertionError("A worker was ended for what it held, and another came for it.")
            found = {"client": (own.before, own.peak), **client.run(end_watch)}
            for number, (name, (before, peak)) in enumerate(found.items()):
                label, limit = ("client", "none") if name == "client" else (f"worker {number}", f"{LIMIT}")
                # What an allocator keeps of the first fit counts in the second.
                before = at_first.setdefault(name, before)
                above = peak - before
                rows.append([fit, label, limit, f"{size:.0f}", f"{before:.0f}", f"{above:.0f}", f"{above / size:.2f}"])
    return table(["fit", "process", "limit, MiB", "the frame, MiB", "before, MiB", "peak above, MiB", "frames"], rows)


def kill() -> str:
    """Ten fits on three workers, of which SIGKILL ends one in the third epoch, later each time."""
    X, y = data(4_800)
    own, same = settings(8, 96, 6), 0
    alone = GRURegressor(n_jobs=1, **own).fit(X, y)
    for turn in range(10):
        with cluster_of(3, silence_logs="CRITICAL") as cluster, Client(cluster) as client:
            victim = sorted(client.run(os.getpid).values())[turn % 3]

            def end(record: dict[str, Any], victim: int = victim, turn: int = turn) -> None:
                if record["epoch"] == 2:
                    threading.Timer(0.002 * (turn + 1), os.kill, (victim, signal.SIGKILL)).start()

            model = DaskGRURegressor(callbacks=end, **own)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                model.fit(X, y)
        if not any("was lost" in str(each.message) for each in told):
            raise AssertionError("The worker was killed after the fit; take more rows.")
        same += all((model.weights_[name] == alone.weights_[name]).all() for name in alone.weights_)
    return f"{same} of 10 fits during which a worker was killed have the bits of one process."


def _status(key: str) -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speed", action="store_true", help="time fits on 1 and 2 workers, on a quiet machine")
    parser.add_argument("--memory", action="store_true", help="measure the memory of a fit on 4,600,000 rows")
    parser.add_argument("--kill", action="store_true", help="kill a worker in each of ten fits")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/dask.md")
    args = parser.parse_args()
    if args.kill:
        print(kill())
    elif args.speed:
        report("dask_speed", f"{speed()}\n\nEpochs of {ROWS:,} rows. {machine()}.", args.write)
    elif args.memory:
        report("dask_memory", f"{memory()}\n\n{LARGE_ROWS:,} rows. {machine()}.", args.write)
    else:
        note = (
            f"Windows of {WINDOW} rows of {FEATURES} features, two workers, the same bits as one process. Below, how many "
            "times as fast as one thread workers of one thread would be: seconds of the processor measured here, chunks dealt "
            "out, 10 Gbit/s for the parameters to each worker and for the sum from each to the next, 0.05 ms a message."
        )
        report("dask_cluster", f"{count()}\n\n{note}\n\n{cluster_on_paper()}\n\n{machine()}.", args.write)


if __name__ == "__main__":
    main()
