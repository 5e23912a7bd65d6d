"""``fit_each``: a small network for each of 1,000 series, beside a loop of PyTorch fits of the same size.

    python benchmarks/each.py [--series 1000] [--epochs 100] [--sample 10] [--threads 1] [--write]

Series of 200 rows, one feature, window 32, 8 units, batches of 16, Adam, gradients clipped to the norm 1. PyTorch starts
from the same weights and takes the same windows in the same order, on one thread; before anything is timed, the loss curves
must agree. It fits a sample of the series, whose mean is taken for all. All take turns: ``fit_each`` on a part of the panel,
a fit of PyTorch, and ``fit_each`` with default settings on five series. What more ``--threads`` gain, only a quiet machine
tells.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _report import NETWORK_ALONE, machine, report, table
from _timing import limit

ROWS, WINDOW, HIDDEN, BATCH, RATE, CLIP = 200, 32, 8, 16, 0.003, 1.0


def panel(n_series: int) -> tuple[Any, Any, Any]:
    """Noisy swings, each of its own period; the next value; weights, zero for rows whose windows would be short."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    times = pd.date_range("2024", periods=ROWS, freq="D")
    index = pd.MultiIndex.from_product([range(n_series), times], names=["series", "time"])
    swings = np.sin(np.arange(ROWS + 1) * rng.uniform(0.2, 1.0, (n_series, 1)) + rng.uniform(0, 6, (n_series, 1)))
    values = swings + 0.2 * rng.normal(size=swings.shape)
    X = pd.DataFrame({"value": values[:, :-1].ravel()}, index)
    weights = np.tile((np.arange(ROWS) >= WINDOW - 1).astype(float), n_series)
    return X, pd.Series(values[:, 1:].ravel(), index, name="next"), pd.Series(weights, index)


def regressor(epochs: int, n_jobs: int) -> Any:
    """The network alone, all epochs."""
    from grukit import GRURegressor

    return GRURegressor(
        HIDDEN, window=WINDOW, batch_size=BATCH, learning_rate_init=RATE, clip_norm=CLIP, max_iter=epochs,
        n_iter_no_change=epochs, weight_init="uniform", random_state=0, n_jobs=n_jobs, **NETWORK_ALONE,
    )  # fmt: skip


def fit_torch(X: Any, y: Any, epochs: int) -> list[float]:
    """One series, by a loop as one writes it; the loss of each epoch."""
    import numpy as np
    import torch

    from grukit.model import NetworkSpec, initialize

    random_state, spec = np.random.RandomState(0), NetworkSpec("gru", 1, (HIDDEN,), 1)
    weights = spec.views(initialize(spec, "uniform", "float32", random_state))
    network = torch.nn.ModuleDict({"layer": torch.nn.GRU(1, HIDDEN), "head": torch.nn.Linear(HIDDEN, 1)})
    names = {name: name if "head" in name else f"layer.{name}" for name in weights}
    network.load_state_dict({names[name]: torch.from_numpy(own.copy()) for name, own in weights.items()})
    y = y[WINDOW - 1 :]
    rows, targets = (((own - own.mean()) / own.std()).astype("float32") for own in (X, y))
    windows = torch.from_numpy(rows).unfold(0, WINDOW, 1).T[:, :, None].contiguous()  # time first
    targets = torch.from_numpy(targets)[:, None]
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    curve = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.from_numpy(random_state.permutation(len(y))).split(BATCH):
            outputs = network["head"](network["layer"](windows[:, batch])[1][-1])
            loss = torch.nn.functional.mse_loss(outputs, targets[batch])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        curve.append(total / len(y))
    return curve


def check(X: Any, y: Any, weights: Any, epochs: int) -> None:
    """Both learn the same, and ``fit_each`` gives the bits of ``fit``."""
    import numpy as np

    few = X.index.get_level_values("series") < 2
    each = regressor(epochs, 2).fit_each(X[few], y[few], weights[few])
    for series, model in each.items():
        alone = regressor(epochs, 1).fit(X.loc[series], y.loc[series], weights.loc[series])
        if any(not np.array_equal(own, alone.weights_[name]) for name, own in model.weights_.items()):
            raise AssertionError(f"Series {series}: fit_each gives other bits than fit.")
        theirs = fit_torch(X.loc[series, "value"].to_numpy(), y.loc[series].to_numpy(), epochs)
        np.testing.assert_allclose(model.loss_curve_, theirs, rtol=5e-3)


class Clock:
    """Seconds a series, one entry a turn: by the clock, of the processor, and of these outside of compiled kernels."""

    def __init__(self):
        self.turns: list[tuple[float, float, float]] = []

    def time(self, call: Callable[[], object], n_series: int) -> None:
        """Time a call that fits so many series."""
        from grukit.kernels.cpu import session

        kernel, inside = session.train_batches, [0.0]

        def timed(*args: Any) -> None:
            began = time.thread_time()
            kernel(*args)
            inside[0] += time.thread_time() - began

        session.train_batches = timed
        began, worked = time.perf_counter(), time.process_time()
        call()
        spent, worked = time.perf_counter() - began, time.process_time() - worked
        session.train_batches = kernel
        self.turns.append((spent / n_series, worked / n_series, (worked - inside[0]) / n_series))

    @property
    def means(self) -> tuple[float, float, float]:
        """Means over the turns."""
        return tuple(sum(each) / len(self.turns) for each in zip(*self.turns, strict=True))


def measured(args: argparse.Namespace) -> dict[str, Clock]:
    """All contenders, in turns."""
    import numpy as np

    from grukit import GRURegressor

    X, y, weights = panel(args.series)
    check(X, y, weights, args.epochs)
    alone, usual = regressor(args.epochs, args.threads), GRURegressor(HIDDEN, random_state=0, n_jobs=args.threads)
    clocks = {name: Clock() for name in ("each", "torch", "usual")}
    for part in np.array_split(np.arange(args.series), args.sample):
        own, few = (np.isin(X.index.get_level_values("series"), some) for some in (part, part[:5]))
        first = X.loc[part[0], "value"].to_numpy(), y.loc[part[0]].to_numpy()
        clocks["each"].time(partial(alone.fit_each, X[own], y[own], weights[own]), len(part))
        clocks["torch"].time(partial(fit_torch, *first, args.epochs), 1)
        clocks["usual"].time(partial(usual.fit_each, X[few], y[few]), min(5, len(part)))
    return clocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--sample", type=int, default=10, help="turns, and fits of PyTorch that are timed")
    parser.add_argument("--threads", type=int, default=1, help="of fit_each")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    args = parser.parse_args()
    described = machine()
    limit(args.threads)
    import torch

    torch.set_num_threads(1)
    clocks = measured(args)
    theirs, rows = clocks["torch"].means, []
    named = {"each": "`fit_each`", "torch": "loop of PyTorch fits", "usual": "`fit_each` with default settings"}
    for name, what in named.items():
        spent, worked, outside = clocks[name].means
        ratios = ["", ""] if name == "usual" else [f"{theirs[0] / spent:.0f}", f"{theirs[1] / worked:.0f}"]
        share = "" if name == "torch" else f"{outside / worked:.0%}"
        rows.append([what, ratios[0], f"{1e3 * worked:,.0f}", ratios[1], share])
    header = [
        f"{args.series:,} series",
        "times faster",
        "processor, ms a series",
        "times less",
        "of it outside kernels",
    ]
    busy = f", {os.getloadavg()[0]:.0f} threads in all wanted a core" if hasattr(os, "getloadavg") else ""
    note = (
        f"{ROWS} rows a series, window {WINDOW}, {HIDDEN} units, batches of {BATCH}, {args.epochs} epochs; networks alone, "
        f"but for default settings. Threads: {args.threads}. PyTorch {torch.__version__}: the mean of {args.sample} fits, on "
        f"one thread, stands for all; default settings: of {5 * args.sample}. The losses of all epochs agree; the weights are "
        f"those of `fit` on each series alone, to the bit. {described}{busy}."
    )
    report("each", f"{table(header, rows)}\n\n{note}", args.write)


if __name__ == "__main__":
    main()
