"""The saved results of the accuracy benchmarks, one line each.

    python benchmarks/accuracy/summary.py [--write]

Reads the newest ``benchmarks/results/accuracy-*.json`` of each script; ``--write`` puts the table into docs/accuracy.md.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from _report import ROOT, report, table


def saved(name: str) -> dict[str, Any] | None:
    """The newest result of a script."""
    paths = sorted((ROOT / "benchmarks" / "results").glob(f"accuracy-{name}-2*.json"))
    return json.loads(paths[-1].read_text()) if paths else None


def line(task: str, naive: str, published: str, own: dict[str, Any], form: str) -> list[str]:
    """A row of the table from one contender's scores."""
    scores = own["scores"]
    spread = f"{format(min(scores), form)} to {format(max(scores), form)}"
    return [task, naive, published, format(statistics.median(scores), form), spread, f"{own['parameters']:,}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/accuracy.md")
    args = parser.parse_args()
    rows, machines = [], set()
    if result := saved("adding"):
        machines.add(result["machine"])
        for steps, published in (("600", "5.3e-05 (GRU), 0.164 (LSTM), 5.8e-05 (TCN)"), ("200", ""), ("50", "")):
            own = find(result["results"], steps, "grukit")
            rows.append(line(f"adding problem, T = {steps}, MSE", "0.167", published, own, ".2g"))
    if result := saved("jsb"):
        machines.add(result["machine"])
        own = find(result["results"], "grukit")
        rows.append(line("JSB Chorales, nats a frame", "10.49", "8.43 (GRU), 8.45 (LSTM), 8.10 (TCN)", own, ".3f"))
    if result := saved("copy-memory"):
        machines.add(result["machine"])
        own = find(result["results"], "grukit")
        rows.append(line("copy memory, T = 50, symbols recalled", "12.5%", "", own, ".2%"))
    if result := saved("missing"):
        machines.add(result["machine"])
        mean, decay = result["results"]["mean"], result["results"]["decay"]
        naive = f"{statistics.median(mean['scores']):.4f} (mean)"
        rows.append(line("40 % removed, unexplained variance, GRU-D", naive, "", decay, ".4f"))
    text = table(["task", "naive", "published", "grukit, median", "range over seeds", "parameters"], rows)
    note = "Published: Bai, Kolter and Koltun (2018), Table 1. One thread. "
    report("accuracy", f"{text}\n\n{note}{'; '.join(sorted(machines))}.", args.write)
    if result := saved("cells"):
        report("cells", cells_table(result), args.write)


def cells_table(result: dict[str, Any]) -> str:
    """The cells side by side, all of about as many parameters."""
    tasks = {
        "adding-50": ("adding, T = 50, MSE", ".1e"),
        "adding-200": ("adding, T = 200, MSE", ".1e"),
        "copy-50": ("copy, T = 50, recalled", ".0%"),
    }
    names = {key.split(",")[0]: None for task in tasks for key in result["results"][task]}
    rows = []
    for name in names:
        row = [f"`{name}`"]
        for task, (_, form) in tasks.items():
            own = find(result["results"][task], f"{name},")
            row.append(format(statistics.median(own["scores"]), form))
        rows.append(row)
    header = ["cell, about 3,500 parameters, small budget", *(title for title, _ in tasks.values())]
    return f"{table(header, rows)}\n\nMedians of 3 seeds. {result['machine']}."


def find(results: Any, *words: str) -> dict[str, Any]:
    """The contender whose keys hold all words, one a level."""
    for key, value in results.items():
        if words[0] in key:
            return value if "scores" in value else find(value, *words[1:])
    raise KeyError(words)


if __name__ == "__main__":
    main()
