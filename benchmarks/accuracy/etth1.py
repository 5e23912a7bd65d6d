"""ETTh1, horizon 96: all seven columns, all test windows, beside the seasonal naive forecast and published figures.

    python benchmarks/accuracy/etth1.py --csv ETTh1.csv [--horizon 96] [--seeds 3] [--ladder] [--write] [--quick]

The file is that of Zhou et al. (2021), hourly, with a column ``date`` and seven others; it is not part of this project
(CC BY-ND). Protocol: z-scores by the first 8640 rows; these train, early stopping watches the next 2880, and every window of
the 2880 after those is scored, MSE and MAE on z-scores. As always, the linear part of forecasts is fitted once more with what
was watched, when nothing is left to be chosen there. Other files of the same form work by the same command.

The network reads and decodes as SegRNN does (Lin et al. 2023): segments of a day, 720 rows less their latest value, all
segments of the horizon at once, no calendar, half of the inputs dropped; but of fewer units, and beside the linear part.

``--ladder`` adds ridge regression, a perceptron, PyTorch's GRU and HistGradientBoosting on the window less its latest value.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from _common import argparse, machine, table
from _etth1_ladder import LADDER, Windows
from _report import report

from grukit import GRUForecaster

TRAINING, WATCHED, TEST = 8640, 2880, 2880
PUBLISHED = [
    ("SegRNN, 720 rows (Lin et al. 2023)", "0.351", "0.392"),
    ("SegRNN, 96 rows", "0.368", "0.395"),
    ("NLinear (Zeng et al. 2023)", "0.374", "0.394"),
]


def scores_of(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """MSE and MAE."""
    return float(np.mean((truth - predicted) ** 2)), float(np.mean(np.abs(truth - predicted)))


def seasonal_naive(z: np.ndarray, horizon: int) -> tuple[float, float]:
    """The last day, repeated."""
    origins = np.arange(TRAINING + WATCHED - 1, TRAINING + WATCHED + TEST - horizon)
    steps = np.arange(1, horizon + 1)
    truth = z[origins[:, None] + steps]
    return scores_of(truth, z[origins[:, None] - 23 + (steps - 1) % 24])


def forecaster(z: pd.DataFrame, seed: int, options: argparse.Namespace) -> tuple[float, float, float, int]:
    """MSE, MAE, seconds of the fit, and the epoch whose weights are kept (0: the linear part alone)."""
    watched = WATCHED - options.horizon + 1  # origins whose values ahead lie in the watched part
    model = GRUForecaster(
        options.units,
        horizon=options.horizon,
        window=options.window,
        normalize=options.normalize,
        strategy=options.strategy,
        segment=options.segment,
        calendar=None,
        max_iter=options.epochs,
        learning_rate_init=options.rate,
        dropout=options.dropout,
        early_stopping=True,
        n_iter_no_change=3,
        validation_fraction=watched / (TRAINING + WATCHED - options.horizon),
        calibration_fraction=None,
        random_state=seed,
    )
    began = time.perf_counter()
    model.fit(z.iloc[: TRAINING + WATCHED])
    seconds = time.perf_counter() - began
    stride = 24 if options.quick else 1
    n_windows = (TEST - options.horizon) // stride + 1
    found = model.backtest(z, n_splits=n_windows, stride=stride, refit=False)
    scores = scores_of(found["truth"].to_numpy(), found["prediction"].to_numpy())
    print(
        f"seed {seed}: MSE {scores[0]:.4f}, MAE {scores[1]:.4f}; watched {min(model.validation_curve_):.4f}", flush=True
    )
    return *scores, seconds, model.best_iter_


def ladder(z: np.ndarray, options: argparse.Namespace) -> Iterator[list[str]]:
    """A row for each of the ladder, which train on the first part and may look at the watched one."""
    H, L, all_rows = options.horizon, options.window, TRAINING + WATCHED + TEST
    bounds = [(L - 1, TRAINING), (TRAINING - 1, TRAINING + WATCHED), (TRAINING + WATCHED - 1, all_rows)]
    parts = [Windows(z, np.arange(first, last - H), L, H) for first, last in bounds]
    for name, contender in LADDER.items():
        began = time.perf_counter()
        predicted = contender(parts[0], parts[1], parts[2].lags - parts[2].last) + parts[2].last
        seconds = f"{time.perf_counter() - began:.0f}"
        yield [name, *(f"{score:.4f}" for score in scores_of(parts[2].ahead, predicted)), "", seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True, help="the file")
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--window", type=int, default=720)
    parser.add_argument("--segment", type=int, default=24, help="rows that the network reads as one step")
    parser.add_argument("--strategy", choices=("direct", "decoder"), default="decoder")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--normalize", choices=("auto", "last", "mean"), default="last")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--ladder", action="store_true", help="ridge regression, a perceptron, PyTorch's GRU, trees too"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/accuracy.md")
    parser.add_argument("--quick", action="store_true", help="one seed, a small network, a day between windows")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.units, options.epochs, options.window = 1, 4, 1, 96
    frame = pd.read_csv(options.csv, index_col="date", parse_dates=True).iloc[: TRAINING + WATCHED + TEST]
    if len(frame) < TRAINING + WATCHED + TEST:
        sys.exit(f"{options.csv} has {len(frame)} rows; the protocol needs {TRAINING + WATCHED + TEST}.")
    early = frame.iloc[:TRAINING]
    z = (frame - early.mean()) / early.std(ddof=0)
    rows = [["seasonal naive", *(f"{score:.4f}" for score in seasonal_naive(z.to_numpy(), options.horizon)), "", ""]]
    if options.ladder:
        for row in ladder(z.to_numpy(), options):
            rows.append(row)
            print(" | ".join(row), flush=True)
    runs = [forecaster(z, seed, options) for seed in range(options.seeds)]
    medians = [statistics.median(run[i] for run in runs) for i in range(3)]
    segments = f" by {options.segment}" if options.segment else ""
    kind = f"GRUForecaster, {options.strategy}, {options.units} units, window {options.window}{segments}"
    name = f"{kind}, median of {options.seeds}"
    epochs = ", ".join(str(run[3]) for run in runs)
    rows.append([name, f"{medians[0]:.4f}", f"{medians[1]:.4f}", epochs, f"{medians[2]:.0f}"])
    if options.horizon == 96 and Path(options.csv).stem == "ETTh1":
        rows += [[f"{name}, published", mse, mae, "", ""] for name, mse, mae in PUBLISHED]
    text = table(["", "MSE", "MAE", "epoch kept", "seconds"], rows)
    report("etth1", f"{text}\n\n{machine()}.", options.write)


if __name__ == "__main__":
    main()
