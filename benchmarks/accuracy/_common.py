"""What the accuracy benchmarks share: options, recipes, seeds, PyTorch contenders trained the same way, and the record."""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from _report import ROOT, machine, table  # noqa: F401

RECURRENT_PRODUCTS = {"gru": 3, "lstm": 4}  # blocks of torch's weight matrices


@dataclass(frozen=True)
class Recipe:
    """How a net is trained, the same for every contender: Adam, the weights of the epoch with the best validation loss.

    ``validation`` is the share of the training samples held out for that, the last ones.
    """

    units: int
    epochs: int
    batch_size: int
    rate: float
    schedule: str
    validation: float
    clip: float = 1.0
    dropout: float = 0.0
    recurrent_dropout: float = 0.0

    def for_grukit(self) -> dict[str, Any]:
        """The parameters of an estimator. All epochs are run: patience would be one more thing to choose."""
        options = {
            "hidden_layer_sizes": self.units, "max_iter": self.epochs, "batch_size": self.batch_size,
            "learning_rate": self.schedule, "learning_rate_init": self.rate, "clip_norm": self.clip,
            "early_stopping": True, "validation_fraction": self.validation, "n_iter_no_change": self.epochs, "tol": 0.0,
        }  # fmt: skip
        drops = {"dropout": self.dropout, "recurrent_dropout": self.recurrent_dropout}
        return options | {name: value for name, value in drops.items() if value}


@dataclass
class Result:
    """What one contender reached, a number a seed."""

    scores: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    parameters: int = 0
    notes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of the scores."""
        return statistics.median(self.scores)

    def cells(self, form: str) -> list[str]:
        """Parameters, median and range of the scores, median seconds of a fit: four cells of a table."""
        low, high = format(min(self.scores), form), format(max(self.scores), form)
        seconds = f"{statistics.median(self.seconds):,.0f}"
        return [f"{self.parameters:,}", format(self.median, form), f"{low} to {high}", seconds]


def arguments(doc: str, peers: bool = True) -> argparse.ArgumentParser:
    """The options that all scripts take, or all but cells.py."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="each seed draws data, initial weights and order anew")
    parser.add_argument("--quick", action="store_true", help="a small budget: does it run, not how good is it")
    parser.add_argument("--write", action="store_true", help="save the result to benchmarks/results")
    if peers:
        parser.add_argument("--peers", action="store_true", help="PyTorch's GRU and LSTM too, trained the same way")
    parser.add_argument("--device", default="auto", help="grukit's engine")
    return parser


def over_seeds(name: str, seeds: int, run: Callable[[int], tuple[float, int, dict[str, Any]]]) -> Result:
    """Call ``run(seed)``, which returns the test score, the number of parameters and notes, for seed 0, 1, ..."""
    result = Result()
    for seed in range(seeds):
        began = time.perf_counter()
        score, result.parameters, notes = run(seed)
        result.seconds.append(time.perf_counter() - began)
        result.scores.append(score)
        result.notes.append(notes)
        said = ", ".join(f"{key} {value:.4g}" for key, value in notes.items() if not isinstance(value, list))
        print(f"   {name}, seed {seed}: {score:.4g} ({result.seconds[-1]:.0f} s) {said}", flush=True)
    return result


def save(name: str, text: str, content: dict[str, Any], write: bool) -> None:
    """Print a table; with ``write``, put it and all numbers into benchmarks/results/accuracy-NAME-DATE.json as well."""
    print(f"\n{text}\n\n{content['machine']}")
    if write:
        path = ROOT / "benchmarks" / "results" / f"accuracy-{name}-{date.today().isoformat()}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"table": text.split("\n"), **content}, indent=1, default=asdict) + "\n")
        print(f"Saved: {path.relative_to(ROOT)}")


# ---- PyTorch's GRU and LSTM, trained the same way -----------------------------------------------------------------------


def lstm_units(gru_units: int, n_inputs: int, n_outputs: int) -> int:
    """Units of an LSTM with as many parameters as a GRU of ``gru_units``, or the nearest number."""

    def parameters(units: int, blocks: int) -> int:
        return blocks * units * (units + n_inputs + 2) + n_outputs * (units + 1)

    wanted = parameters(gru_units, 3)
    return min(range(1, gru_units + 1), key=lambda units: abs(parameters(units, 4) - wanted))


def torch_network(kind: str, units: int, n_inputs: int, n_outputs: int, dropout: float) -> Any:
    """One layer and a linear head with grukit's default initial weights; the LSTM's forget gates begin open, bias 1.

    ``dropout`` falls on the layer's inputs, one mask for all steps of a sequence, as grukit's.
    """
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind](n_inputs, units, batch_first=True)
            self.head = torch.nn.Linear(units, n_outputs)
            with torch.no_grad():
                for parameter in (*self.layer.parameters(), self.head.bias):
                    parameter.zero_()
                for weights in self.layer.weight_ih_l0.split(units):
                    torch.nn.init.xavier_uniform_(weights)
                for weights in self.layer.weight_hh_l0.split(units):
                    torch.nn.init.orthogonal_(weights)
                torch.nn.init.xavier_uniform_(self.head.weight)
                if kind == "lstm":  # blocks i, f, g, o
                    self.layer.bias_ih_l0[units : 2 * units] = 1.0

        def forward(self, x: Any) -> Any:
            mask = torch.nn.functional.dropout(torch.ones(len(x), 1, n_inputs), dropout, self.training)
            return self.head(self.layer(x * mask)[0])

    return Network()


@dataclass(frozen=True)
class TorchTask:
    """Tensors of a task: X (n, T, D) float32, y (n, ...), and ``loss(outputs (B, T, K), y (B, ...))`` of a batch, a mean."""

    X: Any
    y: Any
    loss: Callable[[Any, Any], Any]
    n_outputs: int


def fit_torch(kind: str, recipe: Recipe, task: TorchTask, seed: int, start: Callable[[Any], None] | None = None) -> Any:
    """Train by ``recipe``; returns the network of the best epoch, in evaluation mode. ``start`` may change initial weights."""
    import torch

    from grukit.train.schedules import rates_of_epoch

    torch.manual_seed(seed)
    D, K = task.X.shape[2], task.n_outputs
    units = recipe.units if kind == "gru" else lstm_units(recipe.units, D, K)
    network = torch_network(kind, units, D, K, recipe.dropout)
    if start is not None:
        start(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    n_training = len(task.X) - math.ceil(recipe.validation * len(task.X))
    n_batches = -(-n_training // recipe.batch_size)
    best, kept = math.inf, {}
    for epoch in range(recipe.epochs):
        network.train()
        rates = rates_of_epoch(recipe.schedule, recipe.rate, epoch, recipe.epochs, n_batches)
        for batch, rate in zip(torch.randperm(n_training).split(recipe.batch_size), rates, strict=True):
            optimizer.param_groups[0]["lr"] = float(rate)
            optimizer.zero_grad()
            task.loss(network(task.X[batch]), task.y[batch]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
        network.eval()
        validation = float(task.loss(torch_outputs(network, task.X[n_training:]), task.y[n_training:]))
        if validation < best:
            best, kept = validation, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return network


def torch_outputs(network: Any, X: Any) -> Any:
    """Outputs (n, T, K) without gradients, 500 sequences at a time."""
    import torch

    with torch.inference_mode():
        return torch.cat([network(part) for part in X.split(500)])


def n_parameters(network: Any) -> int:
    """Numbers in a PyTorch network."""
    return sum(parameter.numel() for parameter in network.parameters())
