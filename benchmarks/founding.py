"""The founding example: 100 sequences of 10 random numbers, 10 units, Adam, squared loss, batches of 32, 100 epochs.

    python benchmarks/founding.py [--repeats 7] [--write]

GRURegressor beside a hand-written PyTorch loop (where torch is installed) with the same initial weights and the same
batches. Before anything is timed, the two loss curves must agree. Both on one thread; the runs are interleaved.
"""

import argparse
import statistics
import time

import numpy as np
from _report import NETWORK_ALONE, machine, report, table

from grukit import GRURegressor
from grukit.model import NetworkSpec, initialize

EPOCHS, BATCH, HIDDEN, RATE = 100, 32, 10, 0.001


def data():
    rng = np.random.default_rng(0)
    return rng.random((100, 10, 1)).astype("float32"), rng.random(100).astype("float32")


def fit_grukit(X, y):
    model = GRURegressor(
        HIDDEN, batch_size=BATCH, max_iter=EPOCHS, learning_rate_init=RATE, shuffle=False, tol=0.0,
        n_iter_no_change=EPOCHS, clip_norm=None, standardize=False, weight_init="uniform", random_state=0,
        **NETWORK_ALONE,
    )  # fmt: skip
    return model.fit(X, y).loss_curve_


def fit_torch(X, y):
    import torch

    torch.set_num_threads(1)
    spec = NetworkSpec("gru", 1, (HIDDEN,), 1)
    weights = spec.views(initialize(spec, "uniform", "float32", np.random.RandomState(0)))
    layer, head = torch.nn.GRU(1, HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, 1)
    layer.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items() if "head" not in k})
    head.load_state_dict(
        {k.removeprefix("head."): torch.from_numpy(v.copy()) for k, v in weights.items() if "head" in k}
    )
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    curve = []
    for _ in range(EPOCHS):
        total = 0.0
        for start in range(0, len(X), BATCH):
            x, target = X[start : start + BATCH], y[start : start + BATCH]
            loss = torch.nn.functional.mse_loss(head(layer(x)[0][:, -1])[:, 0], target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(x)
        curve.append(total / len(X))
    return curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    args = parser.parse_args()
    X, y = data()
    began = time.perf_counter()
    ours = fit_grukit(X, y)
    first = time.perf_counter() - began
    fits = {"grukit": fit_grukit}
    try:
        import torch
    except ImportError:
        print("torch is not installed: its column is left out.")
    else:
        fits[f"torch {torch.__version__}"] = fit_torch
        np.testing.assert_allclose(ours, fit_torch(X, y), rtol=1e-3)
    seconds = {name: [] for name in fits}
    for _ in range(args.repeats):
        for name, fit in fits.items():
            began = time.perf_counter()
            fit(X, y)
            seconds[name].append(time.perf_counter() - began)
    best = statistics.median(seconds["grukit"])
    rows = [
        [name, f"{statistics.median(s):.3f}", f"{min(s):.3f} to {max(s):.3f}", f"{statistics.median(s) / best:.1f}"]
        for name, s in seconds.items()
    ]
    text = table(["100 epochs of 4 batches", "median, s", "range, s", "times grukit"], rows)
    note = f"First fit of the process: {first:.2f} s. One thread each, the same loss curve. {machine()}."
    report("founding", f"{text}\n\n{note}", args.write)


if __name__ == "__main__":
    main()
