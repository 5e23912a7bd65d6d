"""What the accuracy benchmarks share: options, recipes, seeds, and the record."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from _report import NETWORK_ALONE, ROOT, machine, table  # noqa: F401


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
    processor_seconds: list[float] = field(default_factory=list)  # fewer where others kept the processor busy
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


def arguments(doc: str, peers: bool = True, device: bool = True) -> argparse.ArgumentParser:
    """The options that scripts share; not all have peers, or a choice of the device."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="each seed draws data, initial weights and order anew")
    parser.add_argument("--quick", action="store_true", help="a small budget: does it run, not how good is it")
    parser.add_argument("--write", action="store_true", help="save the result to benchmarks/results")
    if peers:
        parser.add_argument("--peers", action="store_true", help="PyTorch's GRU and LSTM too, trained the same way")
    if device:
        parser.add_argument("--device", default="auto", help="grukit's engine")
    return parser


def over_seeds(name: str, seeds: int, run: Callable[[int], tuple[float, int, dict[str, Any]]]) -> Result:
    """Call ``run(seed)``, which returns the test score, the number of parameters and notes, for seed 0, 1, ..."""
    result = Result()
    for seed in range(seeds):
        began, began_working = time.perf_counter(), time.process_time()
        score, result.parameters, notes = run(seed)
        result.seconds.append(time.perf_counter() - began)
        result.processor_seconds.append(time.process_time() - began_working)
        result.scores.append(score)
        result.notes.append(notes)
        said = ", ".join(f"{key} {value:.4g}" for key, value in notes.items() if not isinstance(value, list))
        took = f"{result.seconds[-1]:.0f} s, {result.processor_seconds[-1]:.0f} s at work"
        print(f"   {name}, seed {seed}: {score:.4g} ({took}) {said}", flush=True)
    return result


def save(name: str, text: str, content: dict[str, Any], write: bool) -> None:
    """Print a table; with ``write``, put it and all numbers into benchmarks/results/accuracy-NAME-DATE.json as well."""
    print(f"\n{text}\n\n{content['machine']}")
    if write:
        path = ROOT / "benchmarks" / "results" / f"accuracy-{name}-{date.today().isoformat()}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"table": text.split("\n"), **content}, indent=1, default=asdict) + "\n")
        print(f"Saved: {path.relative_to(ROOT)}")
