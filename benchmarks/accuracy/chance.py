"""How many tasks of forecasts.py would be within 2 points of what intervals say, if chance alone were off.

    python benchmarks/accuracy/chance.py [--csv PATH] [--repeats 200]

The tasks' lengths, horizons and origins, with forecasts that know the process, an autoregression y' = phi y + noise of normal
distribution, so that no method forecasts better: intervals between the true quantiles, and by conformal calibration with as
many errors as a task has. Six series of a frame count as one. ``binomial``: origins that share nothing, one step ahead.
"""

import numpy as np
from _common import argparse, machine, table
from _forecast_tasks import ForecastTask, tasks
from scipy.stats import binom, norm

from grukit.estimators._conformal import rank_of
from grukit.estimators._forecast_folds import MOST_ORIGINS

COVERAGES = np.array([0.5, 0.8, 0.9])
PHIS = (0.0, 0.9, 1.0)
POINTS = 0.02 + 1e-9


def expected(task: ForecastTask) -> np.ndarray:
    """Chance of each coverage that as many of independent truths are inside."""
    shares = np.arange(task.n_origins + 1) / task.n_origins
    each = binom.pmf(np.arange(task.n_origins + 1)[:, None], task.n_origins, COVERAGES)
    return np.where(abs(shares[:, None] - COVERAGES) <= POINTS, each, 0.0).sum(axis=0)


def calibrating(task: ForecastTask) -> np.ndarray:
    """Origins whose errors calibrate: the later half of those that train, or the last tenth of many."""
    n = task.n_training - task.horizon
    return np.arange(n // 2 if n <= MOST_ORIGINS else n - n // 10, n)


def errors(noise: np.ndarray, origins: np.ndarray, horizon: int, phi: float) -> np.ndarray:
    """Absolute errors (n, H) of the best forecasts, in standard deviations of each step."""
    own, found = np.zeros(len(origins)), []
    for step in range(1, horizon + 1):
        own = phi * own + noise[origins + step]
        found.append(abs(own) / np.sqrt((phi ** (2 * np.arange(step))).sum()))
    return np.stack(found, axis=1)


def held(task: ForecastTask, phi: float, rng: np.random.Generator) -> np.ndarray:
    """Shares of the truths inside (2, 3), of intervals between true quantiles and of calibrated ones."""
    noise, at = rng.normal(size=len(task.y)), calibrating(task)
    judged, own = errors(noise, task.origins, task.horizon, phi), errors(noise, at, task.horizon, phi)
    margins = np.sort(own, axis=0)[np.minimum(rank_of(len(at), COVERAGES), len(at)) - 1]  # (3, H)
    true = np.broadcast_to(norm.ppf((1 + COVERAGES) / 2)[:, None], margins.shape)
    return np.array([[(judged <= wide).mean() for wide in widths] for widths in (true, margins)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", nargs="*", default=[])
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    every, rng = list(tasks(False, options.csv)), np.random.default_rng(0)
    lines = [["binomial", "true quantiles", *(f"{n:.0f}" for n in sum(map(expected, every))), "", "", ""]]
    for phi in PHIS:
        found = np.array([[held(task, phi, rng) for _ in range(options.repeats)] for task in every])
        off = abs(found - COVERAGES)
        within, mean = (off <= POINTS).mean(axis=1).sum(axis=0), 100 * off.mean(axis=(0, 1))
        for name, counts, points in zip(("true quantiles", "calibrated"), within, mean, strict=True):
            lines.append([f"phi {phi:g}", name, *(f"{n:.0f}" for n in counts), *(f"{n:.1f}" for n in points)])
    named = [f"{coverage:.0%}" for coverage in COVERAGES]
    print(
        table(
            [
                "errors",
                "intervals",
                *(f"of {len(every)}, {at}" for at in named),
                *(f"points off, {at}" for at in named),
            ],
            lines,
        )
    )
    print(machine())


if __name__ == "__main__":
    main()
