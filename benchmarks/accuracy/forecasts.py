"""Forecasts of the bundled series with default settings: errors and coverage beside the seasonal naive forecast.

    python benchmarks/accuracy/forecasts.py [--splits 10]

Backtests: from each origin, the last ones whose horizons do not overlap, a model fitted to all before it. ``linear`` is the
linear part alone: the same model whose network is not trained. Errors are scaled by the seasonal naive forecast's (MASE).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from _common import argparse, machine, table

from grukit import GRUForecaster, datasets
from grukit.metrics import score_forecasts

COVERAGE = 0.9


def tasks() -> Iterator[tuple[str, pd.Series | pd.DataFrame, int, int]]:
    """Name, series, horizon and window."""
    co2 = datasets.load_co2()["co2"]
    yield "CO2, weekly", co2.interpolate(), 26, 104
    yield "El Nino, monthly", datasets.load_elnino()["sst"], 12, 48
    yield "sunspots, yearly", datasets.load_sunspots()["sunspots"], 5, 24
    macro = datasets.load_macrodata()
    yield (
        "macrodata, quarterly, 6 series",
        macro[["realgdp", "realcons", "realinv", "unemp", "infl", "tbilrate"]],
        4,
        20,
    )
    rng, hours = np.random.default_rng(0), np.arange(3000)
    waves = [np.sin(2 * np.pi * hours / period) for period in (24, 37.7, 168)]
    index = pd.date_range("2024-01-01", periods=3000, freq="h")
    yield "three sines, noise 0.2, hourly", pd.Series(sum(waves) + 0.2 * rng.normal(size=3000), index=index), 24, 168


def scores(y: pd.Series | pd.DataFrame, horizon: int, window: int, splits: int, **settings: float) -> pd.DataFrame:
    """Of the model and of the naive forecast."""
    model = GRUForecaster(horizon=horizon, window=window, random_state=0, **settings)
    rows = model.backtest(y, n_splits=splits, coverage=COVERAGE)
    return score_forecasts(rows, y, coverage=COVERAGE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10)
    options = parser.parse_args()
    lines = []
    for name, y, horizon, window in tasks():
        found = scores(y, horizon, window, options.splits)
        linear = scores(y, horizon, window, options.splits, max_iter=1, learning_rate_init=1e-12)
        model, naive = found.loc["model"], found.loc["seasonal naive"]
        mases = [f"{each['MASE']:.3f}" for each in (model, linear.loc["model"], naive)]
        ratio = f"{model['interval score'] / naive['interval score']:.2f}"
        lines.append([name, str(horizon), *mases, f"{model['coverage']:.1%}", f"{naive['coverage']:.1%}", ratio])
        print(" | ".join(lines[-1]), flush=True)
    header = [
        "series",
        "steps",
        "MASE",
        "linear",
        "naive",
        f"inside {COVERAGE:.0%}",
        "naive's",
        "interval score / naive's",
    ]
    print(table(header, lines))
    print(machine())


if __name__ == "__main__":
    main()
