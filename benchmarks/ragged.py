"""Sequences of unequal length against as many steps in equal ones, and a few windows against one at a time.

    python benchmarks/ragged.py [--turns 7] [--write]

512 sequences of lognormal length, 8 inputs, 32 units, batches of 64: an epoch and a prediction, each by the step and beside
PyTorch's ``nn.GRU`` of packed sequences. Contenders run in turns, on one core.
"""

import argparse
from collections.abc import Callable
from importlib.util import find_spec

from _report import NETWORK_ALONE, machine, marked, report, table
from _timing import interleaved, limit

if __name__ == "__main__":
    limit(1)

import numpy as np
from _steps import adam, take_steps

from grukit import GRURegressor
from grukit.engines import select_engine
from grukit.model import NetworkSpec, initialize
from grukit.train import Problem, predict

KERNELS = select_engine("cpu").kernels
N, INPUTS, UNITS, BATCH, LONGEST = 512, 8, 32, 64, 710
FEW = (1, 2, 4, 8, 16)


def lengths_of(n: int, longest: int) -> np.ndarray:
    """Lognormal lengths, half of them below 30, with the longest of the case."""
    logarithms = np.random.default_rng(0).normal(0, 1, n)
    logarithms *= np.log(longest / 30) / logarithms.max()
    return np.maximum(1, np.round(30 * np.exp(logarithms))).astype(np.int64)


def samples(lengths: np.ndarray):
    """Sequences of these lengths, one after another."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(int(lengths.sum()), INPUTS)).astype(np.float32)
    targets = rng.normal(size=(len(lengths), 1)).astype(np.float32)
    return KERNELS.Samples(values, targets, np.cumsum(lengths) - lengths, lengths, np.ones(len(lengths), np.float32))


class Trainer:
    """Epochs over samples; a context manager."""

    def __init__(self, data, spec: NetworkSpec, parameters: np.ndarray):
        self.n = len(data.starts)
        self.problem = Problem(KERNELS, spec, data, "squared_error", 0.0, batch_size=BATCH)
        self.optimizer = adam(spec, parameters.copy())

    def epochs(self, n: int) -> None:
        """Train on every batch n times."""
        rng = np.random.default_rng(2)
        for _ in range(n):
            take_steps(self.problem.session, rng.permutation(self.n), BATCH)

    def __enter__(self) -> "Trainer":
        self.problem.__enter__()
        self.problem.session.begin(self.optimizer)
        return self

    def __exit__(self, *error) -> None:
        self.problem.__exit__(*error)


def packed_sequences(data) -> dict[str, Callable[[int], object]]:
    """PyTorch's epoch and prediction: a batch packed, forward, loss, backward, clipping, Adam."""
    import torch

    torch.manual_seed(0)
    layer, head = torch.nn.GRU(INPUTS, UNITS), torch.nn.Linear(UNITS, 1)
    parameters = [*layer.parameters(), *head.parameters()]
    adam = torch.optim.Adam(parameters, 1e-3)
    rows = [torch.from_numpy(data.values[s : s + n]) for s, n in zip(data.starts, data.lengths, strict=True)]
    targets = torch.from_numpy(data.targets)

    def outputs(chosen: np.ndarray):
        packed = torch.nn.utils.rnn.pack_sequence([rows[i] for i in chosen], enforce_sorted=False)
        return head(layer(packed)[1][0])

    def train(n: int) -> None:
        for _ in range(n):
            order = np.random.default_rng(2).permutation(len(rows))
            for first in range(0, len(rows), BATCH):
                chosen = order[first : first + BATCH]
                adam.zero_grad()
                torch.nn.functional.mse_loss(outputs(chosen), targets[chosen]).backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                adam.step()

    def infer(n: int) -> None:
        with torch.inference_mode():
            for _ in range(n):
                for first in range(0, len(rows), BATCH):
                    outputs(np.arange(first, min(first + BATCH, len(rows))))

    return {"train": train, "predict": infer}


def unequal(turns: int) -> list[list[str]]:
    """Rows of the table of sequences: microseconds by the step of a sequence."""
    lengths = lengths_of(N, LONGEST)
    ragged, equal = samples(lengths), samples(np.full(N, round(lengths.mean())))
    spec = NetworkSpec("gru", INPUTS, (UNITS,), 1)
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(0))
    peers = packed_sequences(ragged) if find_spec("torch") else {}
    rows = []
    with Trainer(ragged, spec, parameters) as one, Trainer(equal, spec, parameters) as other:

        def outputs(data) -> Callable[[int], object]:
            return lambda n: [predict(KERNELS, spec, parameters, data) for _ in range(n)]

        for what, works in {
            "train": {"ragged": one.epochs, "equal": other.epochs},
            "predict": {"ragged": outputs(ragged), "equal": outputs(equal)},
        }.items():
            works |= {"torch": peers[what]} if peers else {}
            times = interleaved(works, turns, 0.5, 1000)
            a, b = (1e6 * times[name].median for name in ("ragged", "equal"))
            a, b = a / lengths.sum(), b / equal.lengths.sum()
            torch = f"{1e6 * times['torch'].median / lengths.sum():.2f}" if peers else ""
            rows.append([what, f"{a:.3f}", f"{b:.3f}", f"{a / b:.2f}", torch])
    return rows


def few(steps: int, units: int, turns: int) -> list[list[str]]:
    """Rows of the table of a few windows: microseconds of predict, and of as many calls of a predictor."""
    X = np.random.default_rng(0).normal(size=(max(FEW), steps, INPUTS))
    model = GRURegressor(units, max_iter=1, n_jobs=1, **NETWORK_ALONE).fit(X, X[:, 0, 0])
    predictor, rows = model.predictor(), []
    for n in FEW:
        works = {
            "predict": lambda k, n=n: [model.predict(X[:n]) for _ in range(k)],
            "predictor": lambda k, n=n: [predictor(x) for _ in range(k) for x in X[:n]],
        }
        one, other = (1e6 * each.median for each in interleaved(works, turns, 0.2, 10_000).values())
        rows.append([f"{steps}, {INPUTS}, {units}", str(n), f"{one:,.0f}", f"{other:,.0f}", f"{one / other:.2f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=7, help="how often each is timed")
    parser.add_argument("--write", action="store_true", help="put the tables into their page")
    args = parser.parse_args()
    if args.write:
        marked("ragged")
    header = ["", "unequal, µs a step", "equal", "ratio", "PyTorch, packed"]
    text = table(header, unequal(args.turns)) + "\n\n"
    header = ["steps, inputs, units", "windows", "predict, µs", "as many predictor calls", "ratio"]
    text += table(header, [row for units in (32, 128) for row in few(168, units, args.turns)])
    lengths = lengths_of(N, LONGEST)
    note = f"{N} sequences of {lengths.min()} to {lengths.max()} steps, {lengths.mean():.0f} on average; {machine()}."
    report("ragged", f"{text}\n\n{note}", args.write)


if __name__ == "__main__":
    main()
