"""A fit of ``GRUForecaster`` on a panel beside an epoch of ``GRURegressor`` and a PyTorch loop, and forecasts of all series.

    python benchmarks/forecast_speed.py [--series 1000] [--rows 1000] [--repeats 3] [--write]

Window 48, 32 units, horizon 24, batches of 64, one epoch, one thread. The regressor has the same windows, as rows of the same
panel, and the 24 values after each as its targets, so that both train one network, whose weights are found to give the same
forecasts in PyTorch. That loop takes its batches from ``unfold``, a view; some of them are timed and stand for all. Each
contender has a process of its own. Times are of the processor, which a busy machine leaves nearly as they are; the smallest
counts. Peaks are the kernel's record of resident memory (VmHWM), reset once the kernels are compiled and the panel is there.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from _report import NETWORK_ALONE, ROOT, machine, report, table
from _timing import limit

WINDOW, HIDDEN, HORIZON, BATCH, SAMPLE = 48, 32, 24, 64, 500
SETTINGS = {"window": WINDOW, "batch_size": BATCH, "max_iter": 1, "random_state": 0, "n_jobs": 1}
ONE_FIT = {"calibration_fraction": None, "early_stopping": False}
ALONE = {**ONE_FIT, "calendar": None, "normalize": None, "linear_lags": 0}


def panel(n_series: int, n_rows: int) -> Any:
    """Daily waves with noise, of one length, hour by hour."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    phases, hours = rng.integers(0, 24, (n_series, 1)), np.arange(n_rows)
    values = np.sin(2 * np.pi * (hours + phases) / 24) + 0.3 * rng.normal(size=(n_series, n_rows))
    index = [[f"s{s:05}" for s in range(n_series)], pd.date_range("2024-01-01", periods=n_rows, freq="h")]
    return pd.Series(values.ravel(), pd.MultiIndex.from_product(index, names=["series", "time"]), name="y")


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The fewest seconds of the processor."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def resident(key: str) -> float:
    """MiB that the process holds (VmRSS), or held at most (VmHWM)."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


def fitted(model: Any, *data: Any, small: tuple[Any, ...], repeats: int) -> dict[str, float]:
    """Seconds and peak of a fit, after one of few rows, which compiles."""
    model.fit(*small)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return {"seconds": seconds(lambda: model.fit(*data), repeats), "peak": resident("VmHWM") - before}


def of_regressor(y: Any, repeats: int, calendar: bool = False) -> dict[str, Any]:
    """``GRURegressor`` on the windows with a whole horizon after them; with the columns of the forecaster's calendar."""
    import numpy as np
    import pandas as pd

    from grukit import GRURegressor

    ahead = {f"{step} ahead": y.groupby(level=0).shift(-step) for step in range(1, HORIZON + 1)}
    targets = pd.DataFrame(ahead).dropna()
    X = y[targets.index].to_frame()
    if calendar:
        times = X.index.get_level_values(1)
        for name, turns in {"hour": times.hour / 24, "dayofweek": times.day_of_week / 7}.items():
            X[f"sine of {name}"], X[f"cosine of {name}"] = np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)
    model = GRURegressor(HIDDEN, **SETTINGS, **NETWORK_ALONE)
    return fitted(model, X, targets, small=(X[:200], targets[:200]), repeats=repeats)


def of_forecaster(y: Any, repeats: int, **settings: Any) -> dict[str, Any]:
    """``GRUForecaster``, and its forecasts of all series."""
    from grukit import GRUForecaster

    model = GRUForecaster(HIDDEN, horizon=HORIZON, **SETTINGS, **settings)
    found = fitted(model, y, small=(y[y.index.get_level_values(0) < "s00003"],), repeats=repeats)
    recent = y.groupby(level=0).tail(WINDOW)
    wide = y.reset_index().pivot_table("y", "time", "series")
    calls = {
        "`predict()`": model.predict,
        "`predict(context=...)` of the last 48 rows of a panel": lambda: model.predict(context=recent),
        "`predict(context=...)` of all rows of a panel": lambda: model.predict(context=y),
        "`predict(context=...)` of a frame of all series": lambda: model.predict(context=wide[-WINDOW:]),
    }
    for call in calls.values():
        call()
    found["predict"] = {name: seconds(call, 2 * repeats) for name, call in calls.items()}
    if settings == ALONE:
        _check(model, y)
    return found


def torch_network() -> Any:
    """The recurrent layer and the head of the forecaster."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.GRU(1, HIDDEN, batch_first=True)
            self.head = torch.nn.Linear(HIDDEN, HORIZON)

        def forward(self, x: Any) -> Any:
            return self.head(self.layer(x)[1][-1])

    return Network()


def _check(model: Any, y: Any) -> None:
    """Assert that the forecaster's weights give its forecasts in PyTorch, up to a factor and a term of each series."""
    import numpy as np
    import torch

    network = torch_network()
    own = {name if "head" in name else f"layer.{name}": value for name, value in model.weights_.items()}
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in own.items()})
    values = y.to_numpy().reshape(-1, len(y) // y.index.levshape[0])
    mean, scale = np.array([model._fitted.figures[key] for key in model._fitted.recent.series.keys]).T[:, :, None]
    inputs = model._fitted.x_scaler.transform(((values - mean) / scale)[:, -WINDOW:].reshape(-1, 1), "float32")
    with torch.inference_mode():
        outputs = network(torch.from_numpy(inputs.reshape(-1, WINDOW, 1))).numpy()
    expected = model._fitted.y_scaler.inverse(outputs) * scale + mean
    np.testing.assert_allclose(model.predict().to_numpy().reshape(-1, HORIZON), expected, rtol=1e-4, atol=1e-4)


def of_torch(y: Any, repeats: int) -> dict[str, Any]:
    """A loop as one writes it; a sample of its batches stands for all."""
    import torch

    torch.set_num_threads(1)
    network, n_series = torch_network(), y.index.levshape[0]
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    values = torch.from_numpy(y.to_numpy(dtype="float32").reshape(n_series, -1))
    values = (values - values.mean(1, keepdim=True)) / values.std(1, keepdim=True)
    windows, ahead = values[:, :-HORIZON].unfold(1, WINDOW, 1), values[:, WINDOW:].unfold(1, HORIZON, 1)
    n = windows.shape[0] * windows.shape[1]  # those of the first rows, which see less, are left out

    def train() -> None:
        for batch in torch.randperm(n).split(BATCH)[:SAMPLE]:
            at = batch // windows.shape[1], batch % windows.shape[1]
            loss = torch.nn.functional.mse_loss(network(windows[at][..., None]), ahead[at])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()

    train()
    of_all = n_series * (values.shape[1] - HORIZON) / (min(SAMPLE, -(-n // BATCH)) * BATCH)
    taken = seconds(train, repeats) * of_all
    return {"seconds": taken, "peak": resident("VmHWM") - before}


CONTENDERS = {
    "`GRURegressor`, the network alone": of_regressor,
    "`GRURegressor` with the columns of the calendar": lambda y, repeats: of_regressor(y, repeats, calendar=True),
    "`GRUForecaster`, the network alone": lambda y, repeats: of_forecaster(y, repeats, **ALONE),
    "`GRUForecaster` with its linear part and calendar": lambda y, repeats: of_forecaster(y, repeats, **ONE_FIT),
    "PyTorch loop": of_torch,
}


def measured(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """What one contender takes, in a process of its own."""
    sizes = ["--series", str(args.series), "--rows", str(args.rows), "--repeats", str(args.repeats)]
    command = [sys.executable, __file__, "--only", name, *sizes]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    args = parser.parse_args()
    described = machine()
    limit(1)
    if args.only:
        print(json.dumps(CONTENDERS[args.only](panel(args.series, args.rows), args.repeats)))
        return
    results = {name: measured(name, args) for name in CONTENDERS}
    least = next(iter(results.values()))["seconds"]
    rows = [
        [name, f"{each['seconds']:.1f}", f"{each['seconds'] / least:.2f}", f"{each['peak']:.0f}"]
        for name, each in results.items()
    ]
    fits = table(["a fit of one epoch", "processor, s", "times `GRURegressor`", "peak above the panel, MiB"], rows)
    forecasts = [[name, f"{1000 * took:.0f}"] for name, took in results[list(CONTENDERS)[3]]["predict"].items()]
    size = f"{args.series:,} series of {args.rows:,} rows, window {WINDOW}, {HIDDEN} units, horizon {HORIZON}"
    note = f"{size}, batches of {BATCH}, one thread; {SAMPLE} batches of PyTorch stand for all. {described}."
    ahead = table([f"{HORIZON} steps of {args.series:,} series", "processor, ms"], forecasts)
    report("forecast_speed", f"{fits}\n\n{ahead}\n\n{note}", args.write)


if __name__ == "__main__":
    main()
