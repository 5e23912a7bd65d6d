"""`GRUForecaster` with default settings beside what a forecast must beat, and how often its intervals hold the truth.

    python benchmarks/accuracy/forecasts.py [--csv PATH[:column,...] ...] [--development] [--variant NAME=...] [--write]

Each task forecasts the next 1, 6, 24 or 96 values of a series, or of several in one frame, from origins in the last fifth
of its time, 120 at most, by what was fitted once to all before that. The score is MASE, the mean absolute error over that of
the seasonal naive forecast before the origin. The ladder: the seasonal naive forecast; RidgeCV of all steps on as many lags
as the window has; the same on changes from the latest value; HistGradientBoosting on the lags, a model a step, up to 24.

``--development`` takes the tasks by which rules may be chosen: given and bundled series without their last fifth, and
others. With ``--keep`` the result of every run is kept in a folder, and runs that are there already are not repeated.
``--variant`` adds a model with other parameters: NAME=parameter=value,...
"""

import statistics
import time
from argparse import Namespace
from typing import Any

import numpy as np
import pandas as pd
from _common import arguments, machine, save, table
from _forecast_ladder import LADDER, predictions
from _forecast_tasks import ForecastTask, tasks
from _kept import Kept
from _report import report
from _summaries import above_one, standing
from _timing import limit
from _variants import read_parameters
from threadpoolctl import threadpool_limits

from grukit import GRUForecaster
from grukit.metrics import score_forecasts

COVERAGES = (0.5, 0.8, 0.9)
NAIVE = "seasonal naive"
Parameters = dict[str, Any]


def forecasts(task: ForecastTask, seed: int, parameters: Parameters) -> dict[str, Any]:
    """Scores of the model and of the naive forecast, and what was chosen."""
    model = GRUForecaster(**{"horizon": task.horizon, "window": task.window, "random_state": seed, **parameters})
    began = time.process_time()
    model.fit(task.y.iloc[: task.n_training])
    found: dict[str, Any] = {"seconds": time.process_time() - began, "weight": model.network_weight_, "coverage": {}}
    found |= {"normalize": model.normalize_, "epoch": model.best_iter_}
    for coverage in COVERAGES:
        rows = model.backtest(task.y, n_splits=task.n_origins, stride=task.stride, refit=False, coverage=coverage)
        scores = score_forecasts(rows, task.y, coverage=coverage)
        own, naive = scores.loc["model"], scores.loc[NAIVE]
        found["coverage"][str(coverage)] = [own["coverage"], own["width"] / naive["width"], naive["coverage"]]
        found["MASE"], found[NAIVE] = own["MASE"], naive["MASE"]
    return found


def rung(task: ForecastTask, name: str) -> float | None:
    """MASE of one of the ladder; None where it takes no such task."""
    found = predictions(name, task)
    if found is None:
        return None
    columns, values = pd.DataFrame(task.y).columns, np.asarray(task.y, dtype=float).reshape(len(task.y), -1)
    each = np.array(found).reshape(len(columns), len(task.origins), task.horizon)
    series, origin, step = (each_at.ravel() for each_at in np.indices(each.shape))
    at = task.origins[origin] + step + 1
    rows = {
        "series": columns[series] if task.y.ndim == 2 else np.full(len(series), task.y.name, dtype=object),
        "origin": task.y.index[task.origins[origin]], "step": step + 1, "time": task.y.index[at],
        "truth": values[at, series], "prediction": each.ravel(),
    }  # fmt: skip
    return float(score_forecasts(pd.DataFrame(rows), task.y).loc["model", "MASE"])


def run(task: ForecastTask, models: dict[str, Parameters], kept: Kept, args: Namespace) -> dict[str, Any]:
    """A record of the task: MASE of the ladder, and of each model its runs and ratio to the ladder's best."""
    place = "development" if args.development else "judged"
    ladder = {name: kept(rung, (task, name), place, task.name, name) for name in LADDER}
    runs = {
        model: [kept(forecasts, (task, seed, own), place, task.name, model, seed) for seed in range(args.seeds)]
        for model, own in models.items()
    }
    scores = {name: score for name, score in ladder.items() if score is not None}
    scores[NAIVE] = next(iter(runs.values()))[0][NAIVE]
    best = min(scores, key=lambda name: scores[name])
    means = {name: statistics.mean(each["MASE"] for each in own) for name, own in runs.items()}
    ratios = {name: mean / scores[best] for name, mean in means.items()}
    return {"task": task.name, "ladder": scores, "best": best, "runs": runs, "mean": means, "ratio": ratios}


def cells(record: dict[str, Any], name: str) -> list[str]:
    """A row of the long table: MASE of the ladder and the model, the ratio, the weight of its network."""
    ladder = [f"{record['ladder'][each]:.3f}" if each in record["ladder"] else "" for each in (NAIVE, *LADDER)]
    weights = [each["weight"] for each in record["runs"][name]]
    weight = " ".join("-" if each is None else f"{each:.2f}" for each in weights)
    return [record["task"], *ladder, f"{record['mean'][name]:.3f}", f"{record['ratio'][name]:.2f}", weight]


def summary(records: list[dict[str, Any]], name: str) -> str:
    """Against each of the ladder and the best of them, and every task where the model is behind."""
    rungs: dict[str, list[float]] = {each: [] for each in (NAIVE, *LADDER)}
    for record in records:
        for each, score in record["ladder"].items():
            rungs[each].append(record["mean"][name] / score)
    rungs["the best of these"] = [record["ratio"][name] for record in records]
    behind = sorted((record["ratio"][name], record["task"], record["best"]) for record in records)[::-1]
    told = f"Above 1.00, in brackets the best of the ladder: {above_one(behind)}."
    return f"{standing(f'MASE of {name}', rungs)}\n\n{told}"


def coverage_table(records: list[dict[str, Any]], name: str) -> str:
    """How often intervals hold the truth, by coverage and by task, and their width over that of the naive forecast's."""
    found = {
        record["task"]: np.mean([list(each["coverage"].values()) for each in record["runs"][name]], axis=0)
        for record in records
    }
    every = np.array(list(found.values()))  # (tasks, coverages, 3)
    rows = [
        [f"{nominal:.0%}", f"{own[:, 0].mean():.1%}", f"{np.median(own[:, 0]):.1%}",
         f"{own[:, 0].min():.0%} to {own[:, 0].max():.0%}", f"{(abs(own[:, 0] - nominal) <= 0.02).sum()} of {len(own)}",
         f"{np.nanmean(own[:, 2]):.1%}", f"{np.nanmedian(own[:, 1]):.2f}"]
        for nominal, own in zip(COVERAGES, np.swapaxes(every, 0, 1), strict=True)
    ]  # fmt: skip
    header = [
        "intervals of",
        "hold, mean",
        "median",
        "range",
        "within 2 points",
        "naive's hold",
        "width / naive's, median",
    ]
    each = [[task, *(f"{own[0]:.0%}" for own in at), *(f"{own[1]:.2f}" for own in at)] for task, at in found.items()]
    named = [f"{coverage:.0%}" for coverage in COVERAGES]
    return table(header, rows) + "\n\n" + table(["task", *named, *(f"width, {at}" for at in named)], each)


def main() -> None:
    parser = arguments(__doc__, peers=False, device=False)
    parser.set_defaults(seeds=1)
    parser.add_argument("--csv", nargs="*", default=[], help="PATH or PATH:column,...; its first column is the time")
    parser.add_argument("--development", action="store_true", help="the tasks by which rules may be chosen")
    parser.add_argument("--variant", action="append", default=[], help="NAME=parameter=value,...")
    parser.add_argument("--only", default="", help="tasks whose names hold this")
    parser.add_argument("--keep", help="folder in which the result of every run is kept and looked up")
    args = parser.parse_args()
    if args.write and (args.quick or args.only or args.development):
        parser.error("--write is for the whole suite, not for --quick, --only or --development.")
    described, kept = machine(), Kept(args.keep)
    limit(1)
    threadpool_limits(1)  # NumPy's pool is there already
    models: dict[str, Parameters] = {"grukit": {"max_iter": 2} if args.quick else {}}
    models |= dict(map(read_parameters, args.variant))
    records = []
    for task in tasks(args.development, args.csv):
        if args.only in task.name and not (args.quick and len(records) == 2):
            records.append(run(task, models, kept, args))
            print("   " + " | ".join(cell for name in models for cell in cells(records[-1], name)), flush=True)
    header = ["task", NAIVE, *LADDER, "grukit", "ratio", "weight"]
    text = "\n\n".join(part for name in models for part in (summary(records, name), coverage_table(records, name)))
    long = table(header, [cells(record, "grukit") for record in records])
    seeds = f"{args.seeds} seed{'' if args.seeds == 1 else 's'}"
    save("forecasts", f"{long}\n\n{text}", {"machine": described, "seeds": args.seeds, "records": records}, args.write)
    if args.write:
        report("forecasts", f"{long}\n\n{text}\n\nMeans of {seeds}, one thread. {described}.", write=True)


if __name__ == "__main__":
    main()
