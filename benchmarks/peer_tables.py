"""What ``peers.py`` prints and saves of the times of its contenders."""

import argparse
import json
import re
from typing import Any

from _report import ROOT, machine, table
from _timing import Times

# Names of markers: kind of case, header of its rows, grukit's columns.
TABLES = {
    "peers": [
        ("train", "one training step: rows", ["grukit"]),
        ("infer", "inference: rows", ["grukit", "predictor()", "predict(array)", "predict(frame)"]),
    ],
    "peers_estimator": [
        ("fit", "an epoch of `fit`: sequences", ["grukit"]),
        ("predict", "`predict`: sequences", ["grukit"]),
    ],
}


def describe(result: dict[str, Any], peak: float) -> None:
    """Print one case."""
    case, times = result["case"], result["times"]
    for sentence in result["wrong"]:
        print(f"   NOT TIMED: {sentence}")
    if "grukit" not in times:
        return
    ours = own(times)
    speed = case.flops / ours / 1e9
    for name, t in times.items():
        low, high = (f"{q * 1e6:,.1f}" for q in t.quartiles)
        ratio = "" if name == "grukit" else f"{t.median / ours:8.2f} x"
        print(f"   {name:16}{t.median * 1e6:14,.1f} us  ({low} to {high}){ratio}  {result['notes'].get(name, '')}")
    for name in sorted(set(result["notes"]) - set(times)):
        print(f"   {name:16}{result['notes'][name]}")
    print(f"   grukit: {speed:.1f} GFLOP/s, {speed / peak:.0%} of the core's peak", end="")
    if best := fastest_peer(times):
        ratio = times[best].median / ours
        met = "met" if ratio >= case.target else f"missed by {case.target / ratio:.2f} x"
        print(f"; fastest peer {best}: {ratio:.2f} x, target {case.target:g} x: {met}", end="")
    print(flush=True)


def own(times: dict[str, Times]) -> float:
    """The time of grukit: for inference, of its two ways without checks, the faster."""
    return min(times[name].median for name in ("grukit", "predictor()") if name in times)


def fastest_peer(times: dict[str, Times]) -> str | None:
    peers = [name for name in times if not name.startswith(("grukit", "predict"))]
    return min(peers, key=lambda name: times[name].median, default=None)


def shown(times: dict[str, Times], names: list[str], ratios: bool) -> list[str]:
    """Cells: microseconds, or ratios to grukit."""
    ours = own(times)
    cells = []
    for name in names:
        t = times.get(name)
        cells.append("" if t is None else decimals(t.median / ours) if ratios else f"{t.median * 1e6:,.0f}")
    return cells


def decimals(ratio: float) -> str:
    """Two digits at least: 0.12, 2.4, 39."""
    return f"{ratio:.2f}" if ratio < 1 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def tables(
    kinds: list[tuple[str, str, list[str]]], results: list[dict[str, Any]], peak: float, peers: list[str]
) -> str:
    """A table for each kind of cases, as in ``TABLES``."""
    text = []
    for kind, title, ways in kinds:
        timed = [r for r in results if r["case"].kind == kind and "grukit" in r["times"]]
        names = [name for name in peers if any(name in r["times"] for r in timed)]
        rows = []
        for r in timed:
            share = r["case"].flops / own(r["times"]) / 1e9 / peak
            rows.append(
                [
                    r["case"].name.removeprefix(kind).strip(),
                    *shown(r["times"], ways, False),
                    f"{share:.0%}",
                    *shown(r["times"], names, True),
                ]
            )
        header = [f"{title}, steps, inputs, units", *(f"{name}, us" for name in ways), "of peak"]
        if rows:
            text.append(table([*header, *(f"{name} / grukit" for name in names)], rows))
    return "\n\n".join(text)


def save(results: list[dict[str, Any]], peak: float, versions: dict[str, str], args: argparse.Namespace) -> None:
    """Write all times to ``benchmarks/results``."""
    *name, cores, _, date = machine().split(", ")
    slug = re.sub(r"[^a-z0-9]+", "-", f"{' '.join(name)} {cores}".lower()).strip("-")
    path = ROOT / "benchmarks" / "results" / f"peers-{slug}-{args.isa}-{date}.json"
    path.parent.mkdir(exist_ok=True)
    cases = {
        r["case"].name: {
            "seconds": {name: t.seconds for name, t in r["times"].items()},
            "notes": r["notes"],
            "wrong": r["wrong"],
            "target": r["case"].target,
        }
        for r in results
    }
    content = {
        "machine": machine(),
        "threads": args.threads,
        "isa": args.isa,
        "peak GFLOP/s": peak,
        "versions": versions,
        "cases": cases,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nSaved: {path.relative_to(ROOT)}")


def side_by_side() -> str:
    """The newest saved results of each processor and instruction set: grukit's time, and the fastest peer's divided by it.

    Of as many threads as the newest results.
    """
    saved = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "results").glob("peers-*.json"))]
    saved.sort(key=lambda content: content["machine"].split(", ")[-1])  # the date
    newest = {_setting(each): each for each in saved if each["threads"] == saved[-1]["threads"]}
    if len(newest) < 2:
        return ""
    newest = dict(sorted(newest.items(), reverse=True))
    rows = []
    for name in dict.fromkeys(name for each in newest.values() for name in each["cases"]):
        row = [name]
        for each in newest.values():
            found = each["cases"].get(name, {"seconds": {}})["seconds"]
            times = {who: Times(seconds) for who, seconds in found.items()}
            best = fastest_peer(times) if "grukit" in times else None
            ratio = f"{decimals(times[best].median / own(times))} ({best})" if best else ""
            row += [f"{own(times) * 1e6:,.0f}" if "grukit" in times else "", ratio]
        rows.append(row)
    header = [cell for setting in newest for cell in (f"{' '.join(setting)}, us", "fastest peer / grukit")]
    machines = "; ".join(dict.fromkeys(f"{' '.join(setting)}: {each['machine']}" for setting, each in newest.items()))
    return f"{table(['', *header], rows)}\n\nMedians, {saved[-1]['threads']} thread(s) each. {machines}."


def _setting(content: dict[str, Any]) -> tuple[str, str]:
    """The kind of processor, as LLVM names it, and the instruction set."""
    return content["machine"].split("(")[-1].split(")")[0], content["isa"]
