"""Time and peak memory of a fit against rows, window, hidden units, features and threads.

    python benchmarks/scaling.py [--quick] [--output scaling.png]

One axis is swept while the others keep their middle value. Each point is a process of its own, after a fit of a few rows that
loads the kernels. The memory is the peak of what Python and NumPy allocate in a further fit, the frame not counted (memory.py
has the peak of a whole process). Printed are the fitted exponents, over the whole axis and, of the time, from the last value
but one to the last: 1 is linear. A second table has panels of more and more series of 10 rows: what a fit takes besides its
epoch (reading, checking, scaling, tails), and a prediction of the next step of each.
"""

import argparse
import subprocess
import sys

import numpy as np
from _report import machine, table

FIXED = {"rows": 20_000, "window": 48, "hidden": 32, "features": 8, "threads": 1}
AXES = {
    "rows": [5_000, 10_000, 20_000, 40_000, 80_000],
    "window": [12, 24, 48, 96, 192],
    "hidden": [8, 16, 32, 64, 128],
    "features": [2, 4, 8, 16, 32],
    "threads": [1, 2],
}
CHILD = """
import sys, time, tracemalloc
sys.path.insert(0, sys.argv[1])
rows, window, hidden, features, threads, repeats = map(int, sys.argv[2:])
from _timing import limit
limit(threads)
import numpy as np, pandas as pd
from _report import NETWORK_ALONE
from grukit import GRURegressor

X = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, features))).add_prefix("x")
y = X.sum(axis=1).rename("y")
model = GRURegressor(hidden, window=window, max_iter=1, random_state=0, n_jobs=threads, **NETWORK_ALONE)
model.fit(X[:70], y[:70])
seconds = []
for _ in range(repeats):
    began = time.perf_counter()
    model.fit(X, y)
    seconds.append(time.perf_counter() - began)
tracemalloc.start()
model.fit(X, y)
print(min(seconds), tracemalloc.get_traced_memory()[1] / 2**20)
"""
SERIES, SERIES_ROWS = [10, 100, 1_000, 10_000, 100_000], 10
PANEL = """
import sys, time
sys.path.insert(0, sys.argv[1])
series, rows, repeats = map(int, sys.argv[2:])
from _timing import limit
limit(1)
import numpy as np, pandas as pd
from _report import NETWORK_ALONE
from grukit import GRURegressor

times = pd.date_range("2024", periods=rows + 1, freq="h")
index = pd.MultiIndex.from_product([[f"s{i:06}" for i in range(series)], times], names=["series", "time"])
X = pd.DataFrame(np.random.default_rng(0).normal(size=(len(index), 2)), index=index, columns=["a", "b"])
train, after = X[index.get_level_values(1) < times[-1]], X[index.get_level_values(1) == times[-1]]
y = train["a"].rename("y")
model = GRURegressor(8, window=rows, max_iter=1, random_state=0, **NETWORK_ALONE)
model.fit(train[: 3 * rows], y[: 3 * rows])
fits, predictions = [], []
for _ in range(repeats):
    began = time.perf_counter()
    model.fit(train, y)
    fits.append(time.perf_counter() - began - model.history_["seconds"].sum())
    began = time.perf_counter()
    model.predict(after)
    predictions.append(time.perf_counter() - began)
print(min(fits), min(predictions))
"""


def of_panels(repeats: int) -> list[list[str]]:
    """Rows of the table of panels, the exponents last."""
    found = []
    for series in SERIES:
        command = [sys.executable, "-c", PANEL, sys.path[0], str(series), str(SERIES_ROWS), str(repeats)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append([float(number) for number in done.stdout.split()])
    cells = [[f"{series:,}", *(f"{number:.4f}" for number in row)] for series, row in zip(SERIES, found, strict=True)]
    slopes = [float(np.polyfit(np.log(SERIES[-3:]), np.log(column[-3:]), 1)[0]) for column in zip(*found, strict=True)]
    return [*cells, [f"exponent from {SERIES[-3]:,} on", *(f"{slope:.2f}" for slope in slopes)]]


def measure(sizes: dict[str, int], repeats: int) -> tuple[float, float]:
    """Seconds of an epoch, and MiB that the fit adds."""
    numbers = [str(sizes[axis]) for axis in AXES] + [str(repeats)]
    command = [sys.executable, "-c", CHILD, sys.path[0], *numbers]
    seconds, memory = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(seconds), float(memory)


def exponent(x: list[int], y: list[float]) -> float:
    """Slope of a straight line through the logarithms."""
    return float(np.polyfit(np.log(x), np.log(np.maximum(y, 0.01)), 1)[0])


def sweep(repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Measure every axis; the middle value, common to all, is measured once."""
    known, results = {}, {}
    for axis, values in AXES.items():
        for value in values:
            sizes = {**FIXED, axis: value}
            key = tuple(sizes.values())
            if key not in known:
                known[key] = measure(sizes, repeats)
                print(f"   {axis} {value:,}: {known[key][0]:.3f} s, {known[key][1]:.1f} MiB", flush=True)
            results.setdefault(axis, []).append(known[key])
    return results


def rows_of_table(results: dict[str, list[tuple[float, float]]]) -> list[list[str]]:
    rows = []
    for axis, measured in results.items():
        values, (seconds, memory) = AXES[axis], zip(*measured, strict=True)
        slopes = [exponent(values, seconds), exponent(values[-2:], seconds[-2:]), exponent(values, memory)]
        rows.append(
            [
                axis,
                f"{values[0]:,} to {values[-1]:,}",
                f"{seconds[0]:.3f} to {seconds[-1]:.3f}",
                f"{memory[0]:.1f} to {memory[-1]:.1f}",
                *(f"{slope:.2f}" for slope in slopes),
            ]
        )
    return rows


def draw(results: dict[str, list[tuple[float, float]]], path: str) -> None:
    """Time and memory of each axis, both scales logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = [axis for axis in results if axis != "threads"]
    figure, plots = plt.subplots(2, len(axes), figsize=(3 * len(axes), 5), sharex="col", sharey="row", squeeze=False)
    for column, axis in enumerate(axes):
        for row, label in enumerate(("seconds an epoch", "MiB added by the fit")):
            plot = plots[row, column]
            plot.loglog(AXES[axis], [measured[row] for measured in results[axis]], "o-")
            plot.set_xticks(AXES[axis], [f"{value:,}" for value in AXES[axis]], rotation=30)
            plot.set_xticks([], minor=True)
            plot.grid(True, alpha=0.3)
            if column == 0:
                plot.set_ylabel(label)
        plots[1, column].set_xlabel(axis)
    figure.suptitle(", ".join(f"{axis} {value:,}" for axis, value in FIXED.items()) + " where not swept")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"Drawn: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", help="draw a picture, a PNG or SVG file")
    parser.add_argument("--quick", action="store_true", help="a quarter of the rows, one fit each")
    args = parser.parse_args()
    if args.quick:
        FIXED["rows"] //= 4
        AXES["rows"] = [rows // 4 for rows in AXES["rows"]]
    print(f"{machine()}; {FIXED}")
    results = sweep(1 if args.quick else 2)
    header = ["axis", "values", "seconds an epoch", "MiB", "exponent of time", "at the end", "exponent of memory"]
    print("\n" + table(header, rows_of_table(results)))
    one, two = (measured[0] for measured in results["threads"])
    header = ["series", "a fit besides its epoch, s", "a prediction of each, s"]
    print(f"\nPanels of series of {SERIES_ROWS} rows:\n\n" + table(header, of_panels(1 if args.quick else 2)))
    print(f"\nTwo threads are {one / two:.2f} times as fast as one.")
    if args.output:
        draw(results, args.output)


if __name__ == "__main__":
    main()
