"""The default settings beside what a forecast must beat, on every bundled and generated series and any CSV.

    python benchmarks/accuracy/defaults.py [--csv PATH[:column,...] ...] [--variant NAME=...] [--peers] [--old] [--write]

Each task forecasts the next 1, 6, 24 or 96 values of a column, one output a step, from windows of 32 or 96 rows. The last
fifth of the time is the test block; training targets end before it, and nothing is chosen on it. The score is the root mean
square error over the standard deviation of the test targets; GRUs, perceptrons and PyTorch's GRU are averaged over seeds.

The ladder: last value; seasonal naive; ridge regression, HistGradientBoosting and a perceptron on the window's lags; with
``--peers`` PyTorch's GRU of the same size on the levels. HistGradientBoosting has one model a step, for several steps on the
lags of the target and the other columns' latest values, and is left out above 24 steps, PyTorch's GRU above 500,000 steps of
all windows of an epoch. Then classification: log loss and accuracy beside logistic regression and HistGradientBoosting.

With ``--costs`` it prints instead what the default settings cost.

``--old`` adds the default settings of before, with as many seeds as the ladder; ``--variant`` another model:
``NAME=parameter=value,...`` or ``NAME=module:callable``, called with window and random_state.
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
from _summaries import against_old, forecast_cells, label_summary, label_table, summary
from _tasks import Task, bundled_tasks, csv_tasks
from _timing import limit
from _variants import OLD, Factory, factories
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
            seeds = range(args.ladder_seeds if name == OLD else args.seeds)
            runs = [kept(forecast, (make, task, seed), task.name, name, seed) for seed in seeds]
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
                if name == OLD and seed >= args.ladder_seeds:
                    continue
                scores = kept(classify, (make, task, seed), task.name, name, seed)
                record["models"].setdefault(name, []).append(scores)
            if args.quick and len(records) == 2:
                break
    return list(records.values())


def main() -> None:
    parser = arguments(__doc__, device=False)
    parser.add_argument("--csv", nargs="*", default=[], help="PATH or PATH:column,...; its first column is the time")
    parser.add_argument(
        "--variant", action="append", default=[], help="NAME=parameter=value,... or NAME=module:callable"
    )
    parser.add_argument("--old", action="store_true", help="also the default settings of before")
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
        models = factories(args.variant, "GRURegressor", args.quick, args.old)
        content["forecasts"] = records = run_forecasts(tasks, models, rungs, kept, args)
        header = ["task", *rungs, *chain(*([name, "ratio", "seconds"] for name in models))]
        parts.append(table(header, [forecast_cells(record, rungs) for record in records]))
        parts += [summary(records, name) for name in models]
        parts += [against_old(records)] if args.old else []
        short = "\n\n".join([summary(records, "grukit"), *parts[len(models) + 1 :]])
    if args.what != "forecasts":
        models = factories(args.variant, "GRUClassifier", args.quick, args.old)
        content["labels"] = records = run_labels(models, kept, args)
        told = [label_table(records), label_summary(records), *([against_old(records)] if args.old else [])]
        parts += told
        short = "\n\n".join(filter(None, [short, *told]))
    save("defaults", "\n\n".join(parts), content, args.write)
    if args.write:
        seeded = [name for name in rungs if LADDER[name][1]] + [OLD] * args.old
        means = f"Means of {args.seeds} seeds" + (
            f", of {args.ladder_seeds} for {' and '.join(seeded)}" if seeded else ""
        )
        left_out = [name for name in LADDER if name not in rungs]
        missing = f" Left out: {', '.join(left_out)}." if left_out else ""
        report("defaults", f"{short}\n\n{means}, one thread.{missing} {described}.", write=True)


if __name__ == "__main__":
    main()
