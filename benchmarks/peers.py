"""grukit beside PyTorch, Keras/TensorFlow, JAX and onnxruntime: training steps, inference, and an estimator's calls.

    python benchmarks/peers.py [--cases small,wide | --cases REGEX] [--threads 2] [--isa avx2] [--quick] [--save]
                               [--write]

A training step is everything that a user pays for: gathering the windows of a batch, forward, squared loss, backward,
clipping, Adam. All contenders have the same weights, windows and batches, float32, and the same cores and threads. Before a
case of kernels is timed, grukit's loss and gradients are compared with the tests' NumPy reference in float64 and with
PyTorch, and each peer's losses of three steps, or outputs, with grukit's; what disagrees is reported and not timed; so are
the outputs of an estimator's ``predict``. An epoch of its ``fit`` is of the same weights and batches, and is not compared.
The runs take turns. ``--isa avx2`` keeps every contender from AVX-512 but onnxruntime and the products in JAX, which cannot
be told; the newest results saved with and without it are shown side by side. Peers that are not installed are left out;
``pip install ".[bench]"`` installs them.
"""

import argparse
from collections.abc import Callable
from typing import Any

from _report import machine, marked, of_instructions, report
from _timing import interleaved, limit
from peer_tables import TABLES, describe, save, side_by_side, tables

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
    from peer_estimator import estimator_inference
    from peer_grukit import inference

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


def estimators(work: Any, peers: dict[str, type]) -> tuple[dict[str, Step], dict[str, str]]:
    """An epoch of everybody's training, or everybody's predictions of all sequences, if these agree with grukit's.

    grukit checks and standardises its inputs. The peers standardise theirs, with NumPy, and check nothing.
    """
    import numpy as np
    from peer_estimator import Estimator

    estimator, works, notes = Estimator(work), {}, {}
    if work.case.kind == "fit":
        batches = estimator.epoch()
        works["grukit"] = lambda n: [estimator.fit() for _ in range(n)]
        for name, peer in [(name, kind(work)) for name, kind in peers.items() if kind.train is not None]:
            works[name] = lambda n, peer=peer: [
                (estimator.measure(), estimator.scale_with_numpy(), peer.train(batches)) for _ in range(n)
            ]
        return works, notes
    estimator.measure()
    expected = estimator.outputs()
    works["grukit"] = lambda n: [estimator.predict() for _ in range(n)]
    for name, kind in peers.items():
        peer = kind(work)
        call = peer.inference(estimator.standardized())
        notes[name] = getattr(peer, "note", "")
        outputs = np.asarray(call()).reshape(expected.shape)
        if not np.allclose(outputs, expected, rtol=1e-4, atol=1e-4):
            notes[name] = f"not timed: its outputs differ by {np.abs(outputs - expected).max():.1e}"
            continue
        works[name] = lambda n, call=call: [(estimator.scale_with_numpy(), call()) for _ in range(n)]
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
    if case.kind in ("fit", "predict"):
        works, notes = estimators(work, peers)
        return {"case": case, "times": interleaved(works, turns, turn_seconds, MOST), "notes": notes, "wrong": []}
    wrong = check_gradients(work, peers)
    if wrong:
        return {"case": case, "times": {}, "notes": {}, "wrong": wrong}
    with Grukit(work) as grukit:
        works, notes = trainers(work, grukit, peers)
        times = interleaved(works, turns, turn_seconds, MOST)
    return {"case": case, "times": times, "notes": notes, "wrong": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="small,medium,large,wide", help="groups, or a regular expression")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--isa", choices=("native", "avx2"), default="native", help="instructions at most")
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--save", action="store_true", help="write the times to benchmarks/results")
    parser.add_argument("--write", action="store_true", help="save, and write the tables into docs/performance.md")
    args = parser.parse_args()
    described = machine()
    limit(args.threads, args.isa)
    from peer_cases import select
    from peer_frameworks import installed

    peers, versions = installed()
    from grukit.kernels import cpu

    instructions = cpu.target().name
    pages = {name: of_instructions(name, instructions) for name in TABLES}
    if args.write:
        for name in (*pages.values(), "peers_isa"):
            marked(name)
    peak, _ = cpu.measured_speed()
    print(f"{described}\n{args.threads} threads; {instructions}, {peak:.0f} GFLOP/s at most; {versions}")
    results = []
    for case in select(args.cases):
        results.append(run(case, peers, args))
        describe(results[-1], peak)
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    note = f"Medians, {args.threads} thread(s) each, {instructions}, a core's peak {peak:.0f} GFLOP/s. "
    note += f"{packages}. {described}."
    notes = {
        "peers": "grukit: the compiled kernels without an estimator's checks; ratios are to it or predictor(), the faster.",
        "peers_estimator": "grukit: `GRURegressor` with its checks and scaling; the peers scale with NumPy and check nothing.",
    }
    print()
    for name, kinds in TABLES.items():
        report(pages[name], f"{tables(kinds, results, peak, list(peers))}\n\n{notes[name]} {note}", args.write)
    if args.save or args.write:
        save(results, peak, versions, args)
    print()
    report("peers_isa", side_by_side(), args.write)


if __name__ == "__main__":
    main()
