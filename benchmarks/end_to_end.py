"""``fit`` and ``predict`` on a frame of 100,000 rows beside skorch and a hand-written PyTorch loop.

    python benchmarks/end_to_end.py [--rows 100000] [--epochs 1] [--threads 2] [--repeats 3]

8 features, window 48, 32 units, batches of 64, Adam, gradients clipped to the norm 1. The target can be learnt from the last
rows of a window. All start from the same weights and take the same windows in the same random order, so the training losses
must be the same but for rounding. The PyTorch loop cuts its batches from ``unfold``, a view; skorch is given the same view.
Peers that are not installed are left out.
"""

import argparse
import statistics
from typing import Any

from _report import NETWORK_ALONE, machine, report, table
from _timing import limit, seconds_of

FEATURES, WINDOW, HIDDEN, BATCH, RATE, CLIP = 8, 48, 32, 64, 0.003, 1.0


def frame(rows: int) -> tuple[Any, Any]:
    """Random features, and a target made of the last 24 rows: a decaying mean, squashed, with a product and noise."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    index = pd.date_range("2010", periods=rows, freq="h")
    X = pd.DataFrame(rng.normal(size=(rows, FEATURES)), index=index).add_prefix("x")
    kept = X["x0"].ewm(halflife=6).mean() * 4
    y = np.tanh(kept) + 0.5 * X["x1"] * X["x2"].shift(1, fill_value=0) + 0.1 * rng.normal(size=rows)
    return X, y.rename("y")


def weights_and_orders(n: int, epochs: int) -> tuple[dict[str, Any], list[Any]]:
    """Initial weights and the order of n windows in each epoch, as ``GRURegressor`` draws them for ``random_state=0``."""
    import numpy as np

    from grukit.model import NetworkSpec, initialize

    spec, random_state = NetworkSpec("gru", FEATURES, (HIDDEN,), 1), np.random.RandomState(0)
    weights = spec.views(initialize(spec, "uniform", "float32", random_state))
    return weights, [random_state.permutation(n) for _ in range(epochs)]


class OfGrukit:
    """``GRURegressor`` as users call it. The first rows, whose windows would be short, have the weight zero."""

    def __init__(self, X: Any, y: Any, epochs: int, threads: int):
        from grukit import GRURegressor

        self.X, self.y = X, y
        self.weights = (X.reset_index().index >= WINDOW - 1).astype(float)
        self.model = GRURegressor(
            HIDDEN, window=WINDOW, batch_size=BATCH, learning_rate_init=RATE, clip_norm=CLIP, max_iter=epochs,
            n_iter_no_change=epochs, weight_init="uniform", random_state=0, n_jobs=threads, **NETWORK_ALONE,
        )  # fmt: skip
        self.model.fit(X[:70], y[:70])  # compile

    def fit(self) -> None:
        """All epochs from the start."""
        self.model.fit(self.X, self.y, self.weights)

    def predict(self) -> Any:
        """One prediction a row, those with a whole window."""
        return self.model.predict(self.X).to_numpy()[WINDOW - 1 :]

    @property
    def loss(self) -> float:
        """Mean training loss of the last epoch."""
        return self.model.loss_curve_[-1]


def torch_network() -> Any:
    """The network with grukit's initial weights."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.GRU(FEATURES, HIDDEN, batch_first=True)
            self.head = torch.nn.Linear(HIDDEN, 1)

        def forward(self, x: Any) -> Any:
            return self.head(self.layer(x)[1][-1])

    network = Network()
    weights, _ = weights_and_orders(0, 0)
    names = {k: k if "head" in k else f"layer.{k}" for k in weights}
    network.load_state_dict({names[k]: torch.from_numpy(v.copy()) for k, v in weights.items()})
    return network


def standardized(X: Any, y: Any) -> tuple[Any, Any, Any]:
    """float32 windows (n, window, features), a view of the table; targets (n, 1); the target's mean and deviation."""
    import torch

    table = torch.from_numpy(((X - X.mean()) / X.std(ddof=0)).to_numpy("float32", copy=True))
    y = y[WINDOW - 1 :]
    scale = y.mean(), y.std(ddof=0)
    targets = torch.from_numpy(((y - scale[0]) / scale[1]).to_numpy("float32", copy=True))[:, None]
    return table.unfold(0, WINDOW, 1).transpose(1, 2), targets, scale


class OfTorch:
    """A loop as one writes it: windows by ``unfold``, a permutation an epoch, ``clip_grad_norm_``, Adam."""

    def __init__(self, X: Any, y: Any, epochs: int, threads: int):
        import torch

        torch.set_num_threads(threads)
        self.torch, self.X, self.y, self.epochs = torch, X, y, epochs

    def fit(self) -> None:
        """All epochs from the start, standardising included."""
        torch = self.torch
        windows, targets, self.scale = standardized(self.X, self.y)
        self.network = torch_network()
        optimizer = torch.optim.Adam(self.network.parameters(), lr=RATE, fused=True)
        for order in weights_and_orders(len(targets), self.epochs)[1]:
            total = 0.0
            for batch in torch.from_numpy(order).split(BATCH):
                loss = torch.nn.functional.mse_loss(self.network(windows[batch]), targets[batch])
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
                optimizer.step()
                total += float(loss.detach()) * len(batch)
            self.loss = total / len(targets)

    def predict(self) -> Any:
        """One prediction a window, 1024 at a time."""
        windows, _, (mean, deviation) = standardized(self.X, self.y)
        with self.torch.inference_mode():
            outputs = self.torch.cat([self.network(part) for part in windows.split(1024)])
        return outputs.numpy()[:, 0] * deviation + mean


class OfSkorch:
    """``skorch.NeuralNetRegressor`` on the view of all windows, with its own loop and gradient clipping."""

    def __init__(self, X: Any, y: Any, epochs: int, threads: int):
        import skorch
        import torch

        torch.set_num_threads(threads)
        self.X, self.y, self.epochs = X, y, epochs
        self.sampler = Orders()
        clipping = skorch.callbacks.GradientNormClipping(gradient_clip_value=CLIP)
        self.net = skorch.NeuralNetRegressor(
            torch_network, max_epochs=epochs, batch_size=BATCH, lr=RATE, optimizer=torch.optim.Adam,
            optimizer__fused=True, train_split=None, iterator_train__sampler=self.sampler,
            iterator_valid__batch_size=1024, callbacks=[clipping], verbose=0,
        )  # fmt: skip

    def fit(self) -> None:
        """All epochs from the start, standardising included."""
        windows, targets, self.scale = standardized(self.X, self.y)
        self.sampler.orders = weights_and_orders(len(targets), self.epochs)[1]
        self.net.fit(windows, targets)
        self.loss = self.net.history[-1]["train_loss"]

    def predict(self) -> Any:
        """One prediction a window."""
        windows, _, (mean, deviation) = standardized(self.X, self.y)
        return self.net.predict(windows)[:, 0] * deviation + mean


class Orders:
    """A sampler with a given order for each epoch."""

    def __init__(self):
        self.orders: list[Any] = []

    def __len__(self) -> int:
        return len(self.orders[0])

    def __iter__(self) -> Any:
        return iter(self.orders.pop(0).tolist())


CONTENDERS = {"grukit": OfGrukit, "torch loop": OfTorch, "skorch": OfSkorch}


def measured(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Seconds of fit and predict in turns, the loss, and the R^2 of the predictions, by contender."""
    from sklearn.metrics import r2_score

    X, y = frame(args.rows)
    results, contenders = {}, {}
    for name, kind in CONTENDERS.items():
        try:
            contenders[name] = kind(X, y, args.epochs, args.threads)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        results[name] = {"fit": [], "predict": []}
    for _ in range(args.repeats):
        for name, contender in contenders.items():
            results[name]["fit"].append(seconds_of(contender.fit))
            results[name]["predict"].append(seconds_of(contender.predict))
    for name, contender in contenders.items():
        results[name]["loss"] = contender.loss
        results[name]["r2"] = r2_score(y[WINDOW - 1 :], contender.predict())
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    args = parser.parse_args()
    described = machine()
    limit(args.threads)
    results = measured(args)
    best = {what: statistics.median(results["grukit"][what]) for what in ("fit", "predict")}
    rows = []
    for name, result in results.items():
        row = [name]
        for what in ("fit", "predict"):
            seconds = statistics.median(result[what])
            row += [f"{seconds:.2f}", f"{seconds / best[what]:.1f}"]
        rows.append([*row, f"{result['loss']:.4f}", f"{result['r2']:.4f}"])
    header = ["", "fit, s", "times grukit", "predict, s", "times grukit", "training loss", "R² of predict"]
    size = f"{args.rows:,} rows, {FEATURES} features, window {WINDOW}, {HIDDEN} units, epochs: {args.epochs}"
    report("end_to_end", f"{table(header, rows)}\n\n{size}, threads: {args.threads}. {described}.", args.write)


if __name__ == "__main__":
    main()
