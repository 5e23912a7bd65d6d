"""grukit beside PyTorch, Keras/TensorFlow, JAX and onnxruntime: a training step, and inference for 1 and 256 rows.

    python benchmarks/peers.py [--cases small,medium,large | --cases REGEX] [--threads 2] [--isa avx2] [--quick] [--save]
                               [--write]

A training step is everything that a user pays for: gathering the windows of a batch, forward, squared loss, backward,
clipping, Adam. All contenders have the same weights, windows and batches, float32, and the same cores and threads. Before a
case is timed, grukit's loss and gradients are compared with the tests' NumPy reference in float64 and with PyTorch, and each
peer's losses of three steps, or outputs, with grukit's; what disagrees is reported and not timed. The runs take turns.
``--isa avx2`` keeps every contender but onnxruntime, which cannot be told, from AVX-512; the newest results saved with and
without it are shown side by side. Peers that are not installed are left out;
``pip install ".[bench]"`` installs them.
"""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from _report import ROOT, machine, report, table
from _timing import Times, interleaved, limit

Step = Callable[[int], object]
MOST = 512  # steps in one turn


# --- checked, then timed ----------------------------------------------------------------------------------------------


def check_gradients(work: Any, peers: dict[str, type]) -> list[str]:
    """What is wrong with grukit's loss and gradients: nothing, or sentences."""
    from peer_grukit import disagreement, loss_and_gradient, reference_loss_and_gradient

    batch, case = work.batches(1)[0], work.case
    few = batch[: max(2, 200_000 // (case.steps * case.hidden[0]))]  # the reference is slow
    theirs = reference_loss_and_gradient(work, few)
    errors = {"reference in float64": disagreement(loss_and_gradient(work, few, "float64"), theirs)}
    allowed = {"reference in float64": 1e-9}
    if "torch" in peers:
        for dtype, most in (("float64", 1e-9), ("float32", 1e-3)):
            theirs = peers["torch"](work, dtype).loss_and_gradient(batch)
            errors[f"torch in {dtype}"] = disagreement(loss_and_gradient(work, batch, dtype), theirs)
            allowed[f"torch in {dtype}"] = most
    print("   gradients, largest relative difference: " + ", ".join(f"{k} {v:.0e}" for k, v in errors.items()))
    return [f"grukit and the {name} differ by {e:.1e}" for name, e in errors.items() if not e <= allowed[name]]


def trainers(work: Any, grukit: Any, peers: dict[str, type]) -> tuple[dict[str, Step], dict[str, str]]:
    """Everybody's training, where the losses of three steps agree with grukit's; and the notes on it."""
    import numpy as np

    three, works, notes = work.batches(3), {}, {}
    expected = grukit.train(three)
    for name, kind in {"grukit": None, **peers}.items():
        if kind is not None and kind.train is None:
            continue
        contender = grukit if kind is None else kind(work)
        if kind is not None:
            losses = contender.train(three)
            notes[name] = getattr(contender, "note", "")
            if not np.allclose(losses, expected, rtol=2e-3):
                notes[name] = f"not timed: its losses are {losses}, grukit's {expected}"
                continue
        works[name] = lambda n, contender=contender: contender.train(work.batches(n))
    return works, notes


def predictors(work: Any, peers: dict[str, type]) -> tuple[dict[str, Step], dict[str, str]]:
    """Everybody's inference, where the outputs agree with grukit's; and the notes on it."""
    import numpy as np
    from peer_grukit import estimator_inference, inference

    calls, works, notes = {"grukit": inference(work), **estimator_inference(work)}, {}, {}
    expected = calls["grukit"]()
    for name, kind in peers.items():
        peer = kind(work)
        calls[name] = peer.inference(work.sequences())
        notes[name] = getattr(peer, "note", "")
    for name, call in calls.items():
        outputs = np.asarray(call()).reshape(expected.shape)  # a predictor gives a float, or (B,)
        if not np.allclose(outputs, expected, rtol=1e-4, atol=1e-5):
            notes[name] = f"not timed: its outputs differ by {np.abs(outputs - expected).max():.1e}"
            continue
        works[name] = lambda n, call=call: [call() for _ in range(n)]
    return works, notes


def run(case: Any, peers: dict[str, type], args: argparse.Namespace) -> dict[str, Any]:
    """Check and time one case: the times of all contenders, the notes, and what is wrong."""
    from peer_cases import Work
    from peer_grukit import Grukit

    work = Work(case, args.threads)
    print(f"\n{case.name}", flush=True)
    turns, turn_seconds = (3, 0.02) if args.quick else (11, 0.15)
    if case.kind == "infer":
        works, notes = predictors(work, peers)
        return {"case": case, "times": interleaved(works, turns, turn_seconds, 10 * MOST), "notes": notes, "wrong": []}
    wrong = check_gradients(work, peers)
    if wrong:
        return {"case": case, "times": {}, "notes": {}, "wrong": wrong}
    with Grukit(work) as grukit:
        works, notes = trainers(work, grukit, peers)
        times = interleaved(works, turns, turn_seconds, MOST)
    return {"case": case, "times": times, "notes": notes, "wrong": []}


# --- printed ----------------------------------------------------------------------------------------------------------


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


def tables(results: list[dict[str, Any]], peak: float, peers: list[str]) -> str:
    """The README's two tables."""
    text = []
    for kind, title, ways in (
        ("train", "one training step", ["grukit"]),
        ("infer", "inference", ["grukit", "predictor()", "predict(array)", "predict(frame)"]),
    ):
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
        header = [f"{title}: rows, steps, inputs, units", *(f"{name}, us" for name in ways), "of peak"]
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
    """The newest saved results of each instruction set: grukit's time, and the fastest peer's divided by it."""
    newest = {}
    for path in sorted((ROOT / "benchmarks" / "results").glob("peers-*.json"), key=lambda path: path.stat().st_mtime):
        content = json.loads(path.read_text())
        newest[content.get("isa", "native")] = content["cases"]
    if len(newest) < 2:
        return ""
    rows = []
    for name in next(iter(newest.values())):
        row = [name]
        for cases in newest.values():
            times = {who: Times(seconds) for who, seconds in cases.get(name, {"seconds": {}})["seconds"].items()}
            best = fastest_peer(times) if "grukit" in times else None
            ratio = f"{decimals(times[best].median / own(times))} ({best})" if best else ""
            row += [f"{own(times) * 1e6:,.0f}" if "grukit" in times else "", ratio]
        rows.append(row)
    return table(["", *(cell for isa in newest for cell in (f"{isa}, us", "fastest peer / grukit"))], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="small,medium,large", help="groups, or a regular expression")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--isa", choices=("native", "avx2"), default="native", help="instructions at most")
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--save", action="store_true", help="write the times to benchmarks/results")
    parser.add_argument("--write", action="store_true", help="save, and write the tables into the README")
    args = parser.parse_args()
    described = machine()
    limit(args.threads, args.isa)
    from peer_cases import select
    from peer_frameworks import installed

    peers, versions = installed()
    from grukit.kernels import cpu

    peak, _ = cpu.measured_speed()
    instructions = cpu.target().name
    print(f"{described}\n{args.threads} threads; {instructions}, {peak:.0f} GFLOP/s at most; {versions}")
    results = []
    for case in select(args.cases):
        results.append(run(case, peers, args))
        describe(results[-1], peak)
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    note = "grukit: the compiled kernels without an estimator's checks; ratios are to it or predictor(), whichever is faster. "
    note += f"Medians, {args.threads} thread(s) each, {instructions}, a core's peak {peak:.0f} GFLOP/s. "
    note += f"{packages}. {described}."
    print()
    report("peers", f"{tables(results, peak, list(peers))}\n\n{note}", args.write)
    if args.save or args.write:
        save(results, peak, versions, args)
    print("\n" + side_by_side())


if __name__ == "__main__":
    main()
