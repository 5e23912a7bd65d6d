"""The default settings beside what a forecast must beat, on every bundled and generated series and any CSV.

    python benchmarks/accuracy/defaults.py [--csv PATH[:column,...] ...] [--variant NAME=...] [--peers] [--write]

Each task forecasts the next 1, 6, 24 or 96 values of a column, one output a step, from windows of 32 or 96 rows. The last
fifth of the time is the test block; training targets end before it, and nothing is chosen on it. The score is the root mean
square error over the standard deviation of the test targets; GRUs, perceptrons and PyTorch's GRU are averaged over seeds.

The ladder: last value; seasonal naive; ridge regression, HistGradientBoosting and a perceptron on the window's lags; with
``--peers`` PyTorch's GRU of the same size on the levels. HistGradientBoosting has one model a step, for several steps on the
lags of the target and the other columns' latest values, and is left out above 24 steps. Then classification: log loss and
accuracy beside logistic regression and HistGradientBoosting.

With ``--costs`` it prints instead what the default settings cost.

``--variant`` adds a model: ``NAME=parameter=value,...`` or ``NAME=module:callable``, called with window and random_state.
With ``--keep`` the result of every single run is kept in a folder, and runs that are there already are not repeated.
``--untimed`` leaves out seconds, which a machine that others keep busy cannot tell.
"""

import statistics
import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from _common import arguments, machine, save, table
from _costs import costs_table
from _kept import Kept
from _label_tasks import direction_tasks, label_ladder, sequence_tasks
from _ladder import LADDER, Contender
from _report import report
from _tasks import Task, bundled_tasks, csv_tasks
from _timing import limit
from _variants import Factory, factories
from threadpoolctl import threadpool_limits

QUICK = 6  # one task of so many


def forecast(make: Factory, task: Task, seed: int) -> tuple[float, float, int]:
    """Score on the test block, seconds of the fit, and the epoch that was kept."""
    model = make(window=task.window, random_state=seed)
    began = time.perf_counter()
    model.fit(task.X[task.train], task.target[task.train])
    seconds = time.perf_counter() - began
    return task.score(np.asarray(model.predict(task.X, context=None))), seconds, model.best_iter_


def rung(contender: Contender, task: Task, seed: int, quick: bool) -> float | None:
    """Score of one of the ladder; None where it takes no such task."""
    predictions = contender(task, seed, quick)
    return None if predictions is None else task.score(predictions)


def classify(make: Factory, task: Any, seed: int) -> tuple[float, float, float]:
    """Log loss and accuracy on unseen samples, seconds of the fit."""
    model = make(window=task.window, random_state=seed)
    began = time.perf_counter()
    model.fit(task.X_train, task.y_train)
    seconds = time.perf_counter() - began
    context = {} if task.window is None else {"context": None}
    return *task.score(np.asarray(model.predict_proba(task.X_test, **context))), seconds


def run_forecasts(
    tasks: Iterator[Task], models: dict[str, Factory], rungs: list[str], kept: Kept, args: Namespace
) -> list[dict[str, Any]]:
    """A record a task: the scores of the ladder, and of each model its scores, ratio to the ladder's best, seconds."""
    records = []
    for task in tasks:
        scores: dict[str, float] = {}
        for name in rungs:
            contender, seeded = LADDER[name]
            given = [
                kept(rung, (contender, task, seed, args.quick), task.name, name, seed)
                for seed in range(args.ladder_seeds if seeded else 1)
            ]
            if given[0] is not None:
                scores[name] = statistics.mean(given)
        best = min(scores, key=lambda name: scores[name])
        record: dict[str, Any] = {"task": task.name, "ladder": scores, "best": best, "models": {}}
        for name, make in models.items():
            runs = [kept(forecast, (make, task, seed), task.name, name, seed) for seed in range(args.seeds)]
            own, seconds, epochs = zip(*runs, strict=True)
            record["models"][name] = {
                "scores": own, "mean": statistics.mean(own), "ratio": statistics.mean(own) / scores[best],
                "seconds": None if args.untimed else statistics.median(seconds), "epochs": epochs,
            }  # fmt: skip
        records.append(record)
        print("   " + " | ".join(forecast_cells(record, rungs)), flush=True)
    return records


def run_labels(models: dict[str, Factory], kept: Kept, args: Namespace) -> list[dict[str, Any]]:
    """A record a task: log loss and accuracy of the ladder and of each model, means over seeds and, generated, draws."""
    records: dict[str, dict[str, Any]] = {}
    for seed in range(args.seeds):
        for task in chain(sequence_tasks(seed), direction_tasks()):
            record = records.setdefault(task.name, {"task": task.name, "ladder": {}, "models": {}})
            for name, scores in kept(label_ladder, (task, seed), task.name, "ladder", seed).items():
                record["ladder"].setdefault(name, []).append(scores)
            for name, make in models.items():
                scores = kept(classify, (make, task, seed), task.name, name, seed)
                record["models"].setdefault(name, []).append(scores)
            if args.quick and len(records) == 2:
                break
    return list(records.values())


def forecast_cells(record: dict[str, Any], ladder: list[str]) -> list[str]:
    """A row of the long table."""
    cells = [record["task"], *(f"{record['ladder'][name]:.3f}" if name in record["ladder"] else "" for name in ladder)]
    for own in record["models"].values():
        seconds = "" if own["seconds"] is None else f"{own['seconds']:.1f}"
        cells += [f"{own['mean']:.3f}", f"{own['ratio']:.2f} of {record['best']}", seconds]
    return cells


def label_table(records: list[dict[str, Any]]) -> str:
    """Log loss (accuracy), means over the seeds, and of a model the lowest accuracy too."""
    rows = []
    for record in records:
        cells = [record["task"]]
        for scores in record["ladder"].values():
            loss, accuracy = np.mean(scores, axis=0)
            cells.append(f"{loss:.3f} ({accuracy:.2f})")
        for runs in record["models"].values():
            loss, accuracy, _ = np.mean(runs, axis=0)
            cells += [f"{loss:.3f} ({accuracy:.2f})", f"{min(run[1] for run in runs):.2f}"]
        rows.append(cells)
    names = list(records[0]["ladder"]) + [cell for name in records[0]["models"] for cell in (name, "lowest accuracy")]
    return table(["log loss (accuracy)", *names], rows)


def summary(records: list[dict[str, Any]], name: str) -> str:
    """How one model stands against each rung and against the best of them, and every task where it is behind."""
    rungs: dict[str, list[float]] = {}
    for record in records:
        own = record["models"][name]
        for rung, score in record["ladder"].items():
            rungs.setdefault(rung, []).append(own["mean"] / score)
        rungs.setdefault("the best of these", []).append(own["ratio"])
    behind = sorted((record["models"][name]["ratio"], record["task"], record["best"]) for record in records)[::-1]
    rung_of_worst = behind[0]
    rows = []
    for rung in sorted(rungs, key=lambda rung: rung.startswith("the best")):
        ratios = rungs[rung]
        ahead = sum(ratio < 1 for ratio in ratios)
        rows.append([rung, f"{statistics.median(ratios):.2f}", f"{max(ratios):.2f}", f"{ahead} of {len(ratios)}"])
    named = "; ".join(f"{task} {ratio:.2f} ({rung})" for ratio, task, rung in behind if ratio > 1.0)
    seconds = [record["models"][name]["seconds"] for record in records]
    timed = None not in seconds
    took = f" Seconds of a fit: median {statistics.median(seconds):.1f}, at most {max(seconds):.1f}." if timed else ""
    return (
        table([f"error of {name} as a share of that of", "median", "worst", "ahead"], rows)
        + f"\n\nWorst: {rung_of_worst[1]}. Above 1.00, in brackets the best of the ladder: {named or 'none'}."
        + took
    )


def main() -> None:
    parser = arguments(__doc__, device=False)
    parser.add_argument("--csv", nargs="*", default=[], help="PATH or PATH:column,...; its first column is the time")
    parser.add_argument(
        "--variant", action="append", default=[], help="NAME=parameter=value,... or NAME=module:callable"
    )
    parser.add_argument("--only", default="", help="tasks whose names hold this")
    parser.add_argument("--what", choices=["forecasts", "labels", "both"], default="both")
    parser.add_argument("--without", nargs="*", default=[], choices=[*LADDER], help="rungs of the ladder to leave out")
    parser.add_argument("--costs", action="store_true", help="only what a default fit and a predictor's call cost")
    parser.add_argument("--ladder-seeds", type=int, help="of the perceptron and PyTorch's GRU; as many as --seeds")
    parser.add_argument("--untimed", action="store_true", help="leave out seconds, of a machine that others kept busy")
    parser.add_argument("--keep", help="folder in which the result of every run is kept and looked up")
    args = parser.parse_args()
    if args.write and (args.quick or args.only or args.what != "both" or args.costs):
        parser.error("--write is for the whole suite, not for --quick, --only, --what or --costs.")
    described = machine()
    limit(1)
    threadpool_limits(1)  # NumPy's pool is there already
    if args.costs:
        print(f"{costs_table()}\n\n{described}")
        return
    if args.quick:
        args.seeds = 1
    args.ladder_seeds = args.ladder_seeds or args.seeds
    tasks = (task for task in chain(bundled_tasks(), *map(csv_tasks, args.csv)) if args.only in task.name)
    if args.quick:
        tasks = (task for number, task in enumerate(tasks) if number % QUICK == QUICK - 1)
    rungs = [name for name in LADDER if name not in args.without and (args.peers or name != "PyTorch")]
    parts, content, short, kept = [], {"machine": described, "seeds": args.seeds}, "", Kept(args.keep)
    if args.what != "labels":
        models = factories(args.variant, "GRURegressor", args.quick)
        content["forecasts"] = records = run_forecasts(tasks, models, rungs, kept, args)
        header = ["task", *rungs, *chain(*([name, "ratio", "seconds"] for name in models))]
        parts.append(table(header, [forecast_cells(record, rungs) for record in records]))
        parts += [summary(records, name) for name in models]
        short = summary(records, "grukit")
    if args.what != "forecasts":
        content["labels"] = records = run_labels(factories(args.variant, "GRUClassifier", args.quick), kept, args)
        parts.append(label_table(records))
        short = "\n\n".join(filter(None, [short, parts[-1]]))
    save("defaults", "\n\n".join(parts), content, args.write)
    if args.write:
        seeded = [name for name in rungs if LADDER[name][1]]
        means = f"Means of {args.seeds} seeds" + (
            f", of {args.ladder_seeds} for {' and '.join(seeded)}" if seeded else ""
        )
        left_out = [name for name in LADDER if name not in rungs]
        missing = f" Left out: {', '.join(left_out)}." if left_out else ""
        report("defaults", f"{short}\n\n{means}, one thread.{missing} {described}.", write=True)


if __name__ == "__main__":
    main()
