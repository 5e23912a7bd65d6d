"""How seconds of predictions, and of a model for each series, grow with the partitions of a Dask frame, on 1 and 2 workers.

    python benchmarks/dask_partitions.py [--write]

The workers, processes of one thread, hold the frame. The fastest of three turns counts.
"""

import argparse

import dask.dataframe as dd
import numpy as np
import pandas as pd
from _report import machine, report, table
from _timing import seconds_of
from dask_cluster import cluster_of, settings
from distributed import Client, wait

from grukit.dask import DaskGRURegressor

PARTITIONS, SERIES, ROWS = (4, 8, 16, 32), 20, 1000  # series of each partition, and rows of each series


def partitions() -> str:
    """Seconds of predictions and of a model for each series by partitions, which the workers hold, on 1 and 2 workers."""
    measured: dict[tuple[str, int], list[float]] = {}
    for workers in (1, 2):
        with cluster_of(workers) as cluster, Client(cluster):
            for n in PARTITIONS:
                frame = dd.from_map(_whole_series, range(n)).persist()
                wait(frame)
                X, y = frame[["id", "ds", "x0", "x1"]], frame["y"]
                model = DaskGRURegressor(series="id", time="ds", **settings(32, 256, 1))
                model = model.fit(X.partitions[:1], y.partitions[:1])
                own = DaskGRURegressor(series="id", time="ds", **{**settings(8, 16, 20), "early_stopping": False})
                own.fit_each(X.partitions[:workers], y.partitions[:workers])  # loads the kernels
                for name, work in (
                    ("predict", lambda model=model, X=X: wait(model.predict(X).persist())),
                    ("fit_each", lambda own=own, X=X, y=y: own.fit_each(X, y)),
                ):
                    measured.setdefault((name, workers), []).append(min(seconds_of(work) for _ in range(3)))
    rows = []
    for (name, workers), seconds in measured.items():
        exponent = np.polyfit(np.log(PARTITIONS), np.log(seconds), 1)[0]
        gain = measured[name, 1][-1] / seconds[-1]
        rows.append([f"`{name}`", f"{workers}", *(f"{each:.2f}" for each in seconds), f"{exponent:.2f}", f"{gain:.2f}"])
    header = ["", "workers", *(f"{n} partitions, s" for n in PARTITIONS), "exponent", "against 1 worker"]
    return table(header, rows)


def _whole_series(number: int) -> pd.DataFrame:
    """A partition of a long frame, of whole series."""
    rng, n = np.random.default_rng(number), SERIES * ROWS
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["x0", "x1"])
    frame.insert(0, "ds", np.tile(pd.date_range("2020", periods=ROWS, freq="h"), SERIES))
    frame.insert(0, "id", number * SERIES + np.repeat(np.arange(SERIES), ROWS))
    return frame.assign(y=frame["x0"] - frame["x1"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/dask.md")
    args = parser.parse_args()
    note = f"{SERIES} series of {ROWS} rows a partition; `predict` of 32 units, `fit_each` of 8 for 20 epochs. {machine()}."
    report("dask_partitions", f"{partitions()}\n\n{note}", args.write)


if __name__ == "__main__":
    main()
