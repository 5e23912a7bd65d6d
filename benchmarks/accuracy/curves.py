"""Intervals by folds with and without the learning curve of the copies, on series that more rows teach much about.

    python benchmarks/accuracy/curves.py [--only Lorenz]

Draws of the chaotic systems of forecasts.py, other than those, with default settings; the last fifth of each is forecast from
up to 120 origins. Shares of truths inside intervals of 50, 80 and 90 %, and the interval score of those of 90 % over that
without the curve.
"""

from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
from _common import argparse, machine, table
from _forecast_tasks import ForecastTask, daily, fitting, make_task
from _timing import limit

from grukit import GRUForecaster, datasets
from grukit.metrics import score_forecasts

COVERAGES = (0.5, 0.8, 0.9)
LORENZ = ((3000, 0.05, 31, "x"), (2000, 0.03, 32, "y"), (2500, 0.06, 71, "x"), (2000, 0.04, 72, "z"))  # rows, dt, seed
MACKEY_GLASS = ((3000, 17, 33), (2000, 17, 73), (2500, 20, 74))  # rows, tau, seed


def series() -> Iterator[tuple[str, np.ndarray]]:
    """Name and values."""
    for n, dt, seed, column in LORENZ:
        yield f"Lorenz {column}, {n} rows by {dt}", datasets.make_lorenz(n, dt=dt, random_state=seed)[column]
    for n, tau, seed in MACKEY_GLASS:
        yield f"Mackey-Glass {tau}, {n} rows", datasets.make_mackey_glass(n, tau=tau, random_state=seed)["y"]


def judged(task: ForecastTask) -> list[float]:
    """Shares inside the intervals, and the score of the widest."""
    model = GRUForecaster(horizon=task.horizon, window=task.window, random_state=0, n_jobs=1)
    model.fit(task.y.iloc[: task.n_training])
    found = []
    for coverage in COVERAGES:
        rows = model.backtest(task.y, n_splits=task.n_origins, stride=task.stride, refit=False, coverage=coverage)
        own = score_forecasts(rows, task.y, coverage=coverage).loc["model"]
        found.append(float(own["coverage"]))
    return [*found, float(own["interval score"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="series whose names hold this")
    options, every, lines = parser.parse_args(), [], []
    limit(1)
    for name, values in series():
        for horizon in fitting(len(values)) if options.only in name else ():
            task = make_task(name, daily(values), horizon)
            with patch("grukit.estimators._forecast_folds.exponent", lambda sizes, blocks: 0.0):
                without = judged(task)
            own = judged(task)
            every.append([*without[:3], *own[:3], own[3] / without[3]])
            shares = [" ".join(f"{share:.0%}" for share in found[:3]) for found in (without, own)]
            lines.append([task.name, *shares, f"{every[-1][-1]:.2f}"])
            print(" | ".join(lines[-1]), flush=True)
    mean, score = np.mean(every, axis=0), np.exp(np.log(np.array(every)[:, -1]).mean())
    shares = [" ".join(f"{share:.1%}" for share in found) for found in (mean[:3], mean[3:6])]
    print(table(["task", "without", "with", "interval score"], [*lines, ["mean", *shares, f"{score:.2f}"]]))
    print(machine())


if __name__ == "__main__":
    main()
