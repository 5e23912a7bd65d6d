"""Where the time of a training step and of a prediction goes: each phase by itself, beside the whole.

    python benchmarks/phases.py [--turns 11] [--seconds 0.2] [--isa avx2] [--write]

The phases are the kernels' own functions, on arrays of the sizes that a chunk of the batch has, or of the few steps that the
phase before has left in the cache. What a step takes beyond their sum is gathering, the head, the loss, and what the phases
cost each other in cache; what a prediction takes, the call from Python, scaling, gathering, packing and the head.
"""

import argparse
import sys

from _report import machine, marked, of_instructions, report, table
from _timing import interleaved, limit

if __name__ == "__main__":
    limit(1, "avx2" if "avx2" in sys.argv else "native")  # before NumPy is imported

import numpy as np
from numba import njit
from peer_cases import CASES, Work
from peer_estimator import estimator_inference
from peer_grukit import KERNELS, Grukit, inference

from grukit.kernels.cpu.cells import gru_gates, recurrent
from grukit.kernels.cpu.cells.weight_gradients import add_gradients, begin_gradients, end_gradients, steps_of_gradients
from grukit.kernels.cpu.compiler.intrinsics import view
from grukit.kernels.cpu.compiler.jit import OPTIONS
from grukit.kernels.cpu.compiler.parts import KernelCompiler
from grukit.kernels.cpu.inference.predictions import go_in_rows
from grukit.kernels.cpu.products import vectors
from grukit.kernels.cpu.session import chunk_rows
from grukit.kernels.cpu.storage.layout import Weights
from grukit.kernels.cpu.storage.workspace import steps_together

compiled = njit(pipeline_class=KernelCompiler, **OPTIONS)


@compiled
def products_forward(n, x, h, packed, packed_n, packed_q, bias, entering, products):
    H = h.shape[2]
    for _ in range(n):
        for t in range(x.shape[0]):
            state = h[t % h.shape[0]]
            recurrent.side_by_side(x[t], state, entering)
            for gate in range(2):
                vectors.multiply(entering, packed[gate], H, vectors.ROW, bias, False, products[gate])
            vectors.multiply(state, packed_q, H, vectors.ROW, bias, False, products[2])
            vectors.multiply(x[t], packed_n, H, vectors.ROW, bias, False, products[3])


@compiled
def gates_forward(n, products, h, gates):
    for _ in range(n):
        for t in range(gates.shape[1]):
            gru_gates.step_forward(products, h[t], gates, t, h[t + 1])


@compiled
def gates_backward(n, d_states, h, gates, through, d):
    for _ in range(n):
        for t in range(gates.shape[1] - 1, -1, -1):
            gru_gates.step_backward(d_states, h[t], gates, t, through, d)


@compiled
def products_backward(n, steps, gates, packed, through):
    together, H = gates.shape[1], through.shape[1]
    for _ in range(n):
        for t in range(steps):
            for gate in range(3):
                begin = vectors.NOTHING if gate == 0 else vectors.OUT
                vectors.multiply(gates[gate, t % together], packed[gate], H, begin, packed[0], False, through)


@compiled
def weight_gradients(n, steps, x, h, gates, weights, scratch, no_x, d_weights):
    together, B = gates.shape[1], gates.shape[2]
    for _ in range(n):
        made = begin_gradients(weights, B, scratch, no_x)
        for first in range(0, steps, together):
            taken = min(together, steps - first)
            add_gradients(0, taken, x, h, h, recurrent.Q, gates, made, no_x, d_weights)
        end_gradients(made, d_weights)


@compiled
def lanes_of_inputs(n, x, w_ih, bias, gates):
    for _ in range(n):
        for t in range(x.shape[0]):
            vectors.affine_in_lanes(w_ih, bias, x[t], gates)


@compiled
def lanes_of_states(n, steps, w_rz, w_n, bias, h, gates, candidates):
    H = h.shape[0]
    for _ in range(n * steps):
        vectors.add_product_in_lanes(w_rz, h, gates[: 2 * H])
        vectors.affine_in_lanes(w_n, bias, h, candidates)


@compiled
def row_of_inputs(n, x, w_ih, bias, projected):
    for _ in range(n):
        vectors.multiply(x, w_ih, projected.shape[1], vectors.ROW, bias, False, projected)


@compiled
def row_of_states(n, steps, w_rz, w_n, bias, h, gates, candidates):
    H = h.shape[1]
    for t in range(n * steps):
        odd = t % 2 == 1
        if odd:
            vectors.multiply(h, w_n, H, vectors.ROW, bias, odd, candidates)
        vectors.multiply(h, w_rz, 2 * H, vectors.OUT, bias, odd, gates)
        if not odd:
            vectors.multiply(h, w_n, H, vectors.ROW, bias, odd, candidates)


@compiled
def gates_of_rows(n, steps, gates, candidates, h):
    for _ in range(n * steps):
        for b in range(h.shape[0]):
            gru_gates.step_of_row(gates[b], candidates[b], h[b])


@compiled
def gates_in_lanes(n, steps, gates, candidates, h):
    for _ in range(n * steps):
        gru_gates.step_in_lanes(view(gates, 0, (3, h.size)), view(candidates, 0, (h.size,)), view(h, 0, (h.size,)))


def array(*shape):
    out = KERNELS.aligned_empty(shape, np.float32)
    out[...] = np.random.default_rng(0).uniform(-0.5, 0.5, shape)
    return out


def phases_of_inference(case):
    """As :func:`phases`, of a prediction of one row or of many, which go in lanes or in as many rows."""
    T, D, H = case.steps, case.inputs, case.hidden[0]
    one = case.batch == 1
    rows, chunks = (1, 1) if one else (vectors.LANES, case.batch // vectors.LANES)
    bias, bias_n, w_ih, w_rz, w_n = array(3 * H), array(H), array(D * 3 * H), array(H * 2 * H), array(H * H)
    together = steps_together(T, rows * 3 * H)
    if one or go_in_rows(np.array(case.hidden), 32):
        x, h, gates, candidates = array(together * rows, D), array(rows, H), array(rows, 3 * H), array(rows, H)
        inputs, states, step_gates = row_of_inputs, row_of_states, gates_of_rows
        projected, turns = array(together * rows, 3 * H), T / together
    else:
        x, h, gates, candidates = array(T, D, rows), array(H, rows), array(3 * H, rows), array(H, rows)
        inputs, states, step_gates, projected, turns = lanes_of_inputs, lanes_of_states, gates_in_lanes, gates, 1
    step = 2 * T * case.batch * 3 * H
    return {
        "input products": (lambda n: inputs(round(n * chunks * turns), x, w_ih, bias, projected), step * D),
        "recurrent products": (lambda n: states(n * chunks, T, w_rz, w_n, bias_n, h, gates, candidates), step * H),
        "gates": (lambda n: step_gates(n * chunks, T, gates, candidates, h), 0),
    }


def phases(work, optimizer):
    """Name -> a function that does the phase n times for all chunks of a batch, and its multiplications, times two."""
    case = work.case
    T, D, H = case.steps, case.inputs, case.hidden[0]
    B = min(case.batch, chunk_rows(work.spec.for_kernels(KERNELS)))
    chunks = case.batch // B

    x, h, gates = array(T, B, D), array(T + 1, B, H), array(4, T, B, H)
    flat_h, flat_gates = h.reshape(T + 1, B * H), gates.reshape(4, T, B * H)
    # What the loops read has just been made by the step or the steps before, and is in the cache.
    together = min(T, steps_of_gradients(B))
    recent = array(4, together, B, H)
    scratch, through, gradient = array(10**6 + 80 * H * (H + D)), array(B, H), array(work.spec.n_parameters)
    weights, d_weights = (Weights(array(3 * H, D), array(3 * H, H), array(3 * H), array(3 * H)) for _ in range(2))
    packed, packed_n, packed_q, packed_3 = array(2, (D + H) * H), array(D * H), array(H * H), array(3, H * H)
    bias, entering, d, none, no_x = array(H), array(B, D + H), array(B * H), array(0, B, H), array(0, B, D)
    step = 2 * T * case.batch * 3 * H
    products = array(4, B, H)
    forward = x, h[:2], packed, packed_n, packed_q, bias, entering, products
    gradients = x[:together], h[:together], recent, weights, scratch, no_x, d_weights
    return {
        "products forward": (lambda n: products_forward(n * chunks, *forward), step * (H + D)),
        "gates forward": (lambda n: gates_forward(n * chunks, products.reshape(4, B * H), flat_h, flat_gates), 0),
        "gates backward": (lambda n: gates_backward(n * chunks, none, flat_h, flat_gates, through.ravel(), d), 0),
        "products backward": (lambda n: products_backward(n * chunks, T, recent, packed_3, through), step * H),
        "weight gradients": (lambda n: weight_gradients(n * chunks, T, *gradients), step * (H + D)),
        "optimiser": (lambda n: [KERNELS.update(optimizer, 1e-3, 1.0, gradient) for _ in range(n)], 0),
    }


def profile(whole, own, args):
    """Cells of a row: the whole in microseconds, each phase's share, the rest's, the products' share of the core's peak."""
    times = interleaved(
        {"whole": whole, **{name: run for name, (run, _) in own.items()}}, args.turns, args.seconds, 2000
    )
    total, sums = times["whole"].median, sum(times[name].median for name in own)
    flops = sum(count for _, count in own.values())
    seconds = sum(times[name].median for name, (_, count) in own.items() if count)
    shares = [f"{times[name].median / total:.0%}" for name in own]
    return [f"{1e6 * total:,.0f}", *shares, f"{1 - sums / total:.0%}", f"{flops / seconds / 1e9 / args.peak:.0%}"]


def profile_of_training(work, args):
    with Grukit(work) as grukit:
        taken = grukit.optimizer
        arrays = {name: value.copy() for name, value in taken._asdict().items() if isinstance(value, np.ndarray)}
        own, batches = phases(work, taken._replace(**arrays)), work.batches(2000)
        return list(own), profile(lambda n: grukit.train(batches[:n]), own, args)


def profile_of_inference(work, args):
    call = estimator_inference(work)["predictor()"] if work.case.batch == 1 else inference(work)
    own = phases_of_inference(work.case)
    return list(own), profile(lambda n: [call() for _ in range(n)], own, args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn")
    parser.add_argument("--isa", choices=("native", "avx2"), default="native", help="instructions at most")
    parser.add_argument("--write", action="store_true", help="put the tables into their page")
    args = parser.parse_args()
    instructions = KERNELS.target().name
    page = of_instructions("phases", instructions)
    if args.write:
        marked(page)  # or exit, before anything is measured
    args.peak, _ = KERNELS.measured_speed()
    text = []
    for kind, title, measure in (
        ("train", "one training step", profile_of_training),
        ("infer", "inference", profile_of_inference),
    ):
        rows, names = [], []
        for case in CASES:
            if case.kind == kind and len(case.hidden) == 1:
                names, cells = measure(Work(case, 1), args)
                rows.append([case.name.removeprefix(kind).strip(), *cells])
        header = [f"{title}: rows, steps, inputs, units", "whole, us", *names, "the rest", "products, of the peak"]
        text.append(table(header, rows))
    note = f"Medians, one thread, {instructions}, a core's peak {args.peak:.0f} GFLOP/s. "
    note += "Inference of one row is a predictor's call."
    report(page, "\n\n".join([*text, f"{note} {machine()}."]), args.write)


if __name__ == "__main__":
    main()
