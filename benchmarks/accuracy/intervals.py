"""Where the errors that calibrate a forecaster's intervals come from: the last tenth of the origins, or folds in time.

    python benchmarks/accuracy/intervals.py [--splits 12]

Backtests from origins spread over the last 40 % of bundled series without their last ten horizons, and of an autoregression.
``quantiles`` are intervals between quantiles, calibrated by folds. Errors and interval scores are over those of ``split``.
"""

import time
from collections.abc import Iterator

import pandas as pd
from _common import argparse, machine, table
from _forecast_tasks import MACRO, autoregression, macro

from grukit import GRUForecaster, datasets
from grukit.metrics import score_forecasts

COVERAGE = 0.9
KINDS = {
    "split": {"calibration": "split"},
    "folds": {"calibration": "folds"},
    "quantiles": {"calibration": "folds", "quantiles": (0.05, 0.25, 0.5, 0.75, 0.95)},
}


def series() -> Iterator[tuple[str, pd.Series | pd.DataFrame, int, int]]:
    """Name, series, horizon and window."""
    bundled = [
        ("El Nino, monthly", datasets.load_elnino()["sst"], 12, 48),
        ("sunspots, yearly", datasets.load_sunspots()["sunspots"], 5, 24),
        ("macrodata, quarterly, 6 series", macro(*MACRO), 4, 20),
    ]
    for name, y, horizon, window in bundled:
        yield name, y.iloc[: -10 * horizon], horizon, window
    yield "autoregression, noise t(5)", autoregression(480, (1.2, -0.4), 5).reset_index(drop=True), 12, 24


def scores(y: pd.Series | pd.DataFrame, horizon: int, window: int, splits: int, settings: dict) -> dict[str, float]:
    """Coverage, mean error and interval score over the deviation of each series, and seconds of one processor a fit."""
    stride = max(1, int((0.4 * len(y) - horizon) / (splits - 1)))
    started = time.process_time()
    model = GRUForecaster(horizon=horizon, window=window, random_state=0, n_jobs=1, **settings)
    rows = model.backtest(y, n_splits=splits, stride=stride, coverage=COVERAGE)
    spent = (time.process_time() - started) / splits
    found = score_forecasts(rows, y, by="series", coverage=COVERAGE).xs("model", level="forecast")
    deviations = y.std() if isinstance(y, pd.DataFrame) else pd.Series(y.std(), index=found.index)
    relative = found[["MAE", "interval score"]].div(deviations.loc[found.index], axis=0).mean()
    return {"coverage": found["coverage"].mean(), **relative, "seconds": spent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=12)
    options = parser.parse_args()
    lines = []
    for name, y, horizon, window in series():
        base: dict[str, float] = {}
        for kind, settings in KINDS.items():
            found = scores(y, horizon, window, options.splits, settings)
            base = base or found
            ratios = [f"{found[each] / base[each]:.2f}" for each in ("interval score", "MAE")]
            lines.append([name, kind, f"{found['coverage']:.1%}", *ratios, f"{found['seconds']:.2f}"])
            print(" | ".join(lines[-1]), flush=True)
    header = ["series", "calibrated by", f"inside {COVERAGE:.0%}", "interval score", "error", "processor s a fit"]
    print(table(header, lines))
    print(machine())


if __name__ == "__main__":
    main()
