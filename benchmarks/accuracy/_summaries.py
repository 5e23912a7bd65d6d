"""What the suite of defaults says of its records: tables, medians, and every task where the default is behind."""

import statistics
from typing import Any

import numpy as np
from _common import table
from _variants import OLD


def standing(what: str, shares: dict[str, list[float]]) -> str:
    """How a model stands against each rung of a ladder, by its errors as shares of the rung's."""
    rows = [
        [rung, f"{statistics.median(own):.2f}", f"{max(own):.2f}", f"{sum(share < 1 for share in own)} of {len(own)}"]
        for rung, own in shares.items() if own
    ]  # fmt: skip
    return table([f"{what} as a share of that of", "median", "worst", "ahead"], rows)


def above_one(behind: list[tuple[float, str, str]]) -> str:
    """Every task where a model is behind, with the best of the ladder there; of ratios, tasks and rungs."""
    return "; ".join(f"{task} {ratio:.2f} ({rung})" for ratio, task, rung in behind if ratio > 1.0) or "none"


def forecast_cells(record: dict[str, Any], ladder: list[str]) -> list[str]:
    """A row of the long table."""
    cells = [record["task"], *(f"{record['ladder'][name]:.3f}" if name in record["ladder"] else "" for name in ladder)]
    for own in record["models"].values():
        seconds = "" if own["seconds"] is None else f"{own['seconds']:.1f}"
        cells += [f"{own['mean']:.3f}", f"{own['ratio']:.2f} of {record['best']}", seconds]
    return cells


def label_summary(records: list[dict[str, Any]]) -> str:
    """The log loss beside the best of the ladder, and every task where it is behind."""
    rows = []
    for record in records:
        losses = {rung: float(np.mean(scores, axis=0)[0]) for rung, scores in record["ladder"].items()}
        best = min(losses, key=lambda rung: losses[rung])
        rows.append((float(np.mean(record["models"]["grukit"], axis=0)[0]) / losses[best], record["task"], best))
    rows.sort(reverse=True)
    return (
        f"Log loss of grukit as a share of that of the best of the ladder: median "
        f"{statistics.median(ratio for ratio, *_ in rows):.2f}. Above 1.00: {above_one(rows)}."
    )


def against_old(records: list[dict[str, Any]]) -> str:
    """On how many tasks the default is better than the one of before, and the others; with the seeds that both have."""
    pairs = []
    for record in records:
        own, old = (_errors(record["models"][name]) for name in ("grukit", OLD))
        pairs.append((float(np.mean(own[: len(old)]) / np.mean(old)), record["task"]))
    worse = "; ".join(f"{task} {ratio:.2f}" for ratio, task in sorted(pairs, reverse=True) if ratio >= 1.0)
    median = statistics.median(ratio for ratio, _ in pairs)
    better = sum(ratio < 1 for ratio, _ in pairs)
    return (
        f"Beside the default of before, with the same seeds: a median of {median:.2f} of its error, better on {better} of "
        f"{len(pairs)}; not on: {worse or 'none'}."
    )


def _errors(own: Any) -> list[float]:
    """The scores of forecasts, or the log losses of labels."""
    return own["scores"] if isinstance(own, dict) else [run[0] for run in own]


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
    in_order = {rung: rungs[rung] for rung in sorted(rungs, key=lambda rung: rung.startswith("the best"))}
    seconds = [record["models"][name]["seconds"] for record in records]
    timed = None not in seconds
    took = f" Seconds of a fit: median {statistics.median(seconds):.1f}, at most {max(seconds):.1f}." if timed else ""
    return (
        standing(f"error of {name}", in_order)
        + f"\n\nWorst: {behind[0][1]}. Above 1.00, in brackets the best of the ladder: {above_one(behind)}."
        + took
    )
