"""Where a training step's time goes: each phase by itself, beside the whole step.

    python benchmarks/phases.py [--turns 11] [--seconds 0.2] [--write]

The phases are the kernels' own functions, on arrays of the sizes that a chunk of the batch has. What a step takes beyond their
sum is gathering, the head, the loss, and what the phases cost each other in cache.
"""

import argparse

from _timing import interleaved, limit

if __name__ == "__main__":
    limit(1)

import numpy as np
from _report import machine, report, table
from numba import njit
from peer_cases import CASES, Work
from peer_grukit import KERNELS, Grukit

from grukit.kernels.cpu.gru import _gru_step_backward, _gru_step_forward
from grukit.kernels.cpu.layout import Weights
from grukit.kernels.cpu.products import pack, panel_width, product_packed
from grukit.kernels.cpu.recurrent import PROJECTED, Q, layer_gradients, project_inputs
from grukit.kernels.cpu.session import chunk_rows
from grukit.kernels.scalar import FASTMATH

compiled = njit(fastmath=FASTMATH, error_model="numpy")


@compiled
def inputs_forward(n, x, w_ih, packed, biases, gates):
    _, T, B, H = gates.shape
    together = max(1, PROJECTED // (4 * B * H))
    for _ in range(n):
        pack(w_ih.T, H, packed)
        for t in range(0, T, together):
            project_inputs(x, packed, biases, t, min(t + together, T), gates)


@compiled
def products_forward(n, h, packed, width, part, products):
    H = h.shape[2]
    for _ in range(n):
        for t in range(h.shape[0] - 1):
            for gate in range(3):
                product_packed(h[t], packed[gate * H * H : (gate + 1) * H * H], width, part, products[gate])


@compiled
def gates_forward(n, products, q_bias, h, gates):
    for _ in range(n):
        for t in range(gates.shape[1]):
            _gru_step_forward(products, q_bias, h[t], gates, t, h[t + 1])


@compiled
def gates_backward(n, d_states, h, gates, through, d, side):
    H = side.shape[1] // 3
    for _ in range(n):
        for t in range(gates.shape[1] - 1, -1, -1):
            _gru_step_backward(d_states, h[t], gates, t, through, d)
            for gate in range(3):
                for b in range(side.shape[0]):
                    for j in range(H):
                        side[b, gate * H + j] = gates[gate, t, b * H + j]


@compiled
def products_backward(n, steps, side, packed, width, part, through):
    for _ in range(n * steps):
        product_packed(side, packed, width, part, through)


@compiled
def weight_gradients(n, x, h, weights, gates, scratch, d_x, d_weights):
    for _ in range(n):
        layer_gradients(x, h, h, Q, weights, gates, scratch, d_x, d_weights)


def phases(work, optimizer):
    """Name -> a function that does the phase n times for all chunks of a batch, and its multiplications, times two."""
    case, rng = work.case, np.random.default_rng(0)
    T, D, H = case.steps, case.inputs, case.hidden[0]
    B = min(case.batch, chunk_rows(work.spec.for_kernels(KERNELS)))
    chunks = case.batch // B

    def array(*shape):
        out = KERNELS.aligned_empty(shape, np.float32)
        out[...] = rng.uniform(-0.5, 0.5, shape)
        return out

    x, h, gates, side = array(T, B, D), array(T + 1, B, H), array(4, T, B, H), array(B, 3 * H)
    flat_h, flat_gates = h.reshape(T + 1, B * H), gates.reshape(4, T, B * H)
    scratch, packed, through, gradient = (
        array(4 * H * (H + D) + 8 * B * H),
        array(3 * H * H),
        array(B, H),
        array(work.spec.n_parameters),
    )
    weights, d_weights = (Weights(array(3 * H, D), array(3 * H, H), array(3 * H), array(3 * H)) for _ in range(2))
    products, biases, packed_ih, q_bias, d = array(3, B, H), array(3, H), array(3 * H * D), array(B * H), array(B * H)
    none, width, width_3 = array(0, B, H), panel_width_of(B, H, H), panel_width_of(B, 3 * H, H)
    step = 2 * T * case.batch * 3 * H
    return {
        "input products": (lambda n: inputs_forward(n * chunks, x, weights.w_ih, packed_ih, biases, gates), step * D),
        "recurrent products": (lambda n: products_forward(n * chunks, h, packed, width, scratch, products), step * H),
        "gates forward": (lambda n: gates_forward(n * chunks, products.reshape(3, B * H), q_bias, flat_h, flat_gates), 0),
        "gates backward": (lambda n: gates_backward(n * chunks, none, flat_h, flat_gates, through.ravel(), d, side), 0),
        "products backward": (lambda n: products_backward(n * chunks, T, side, packed, width_3, scratch, through), step * H),
        "weight gradients": (
            lambda n: weight_gradients(n * chunks, x, h[:T], weights, gates, scratch, array(0, B, D), d_weights),
            step * (H + D),
        ),
        "optimiser": (lambda n: [KERNELS.update(optimizer, 1e-3, 1.0, gradient) for _ in range(n)], 0),
    }  # fmt: skip


@compiled
def panel_width_of(rows, k, n):
    return panel_width(rows, k, n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    args = parser.parse_args()
    rows, names = [], []
    for case in CASES:
        if case.kind != "train" or len(case.hidden) > 1:
            continue
        work = Work(case, 1)
        with Grukit(work) as whole:
            taken = whole.optimizer
            arrays = {name: value.copy() for name, value in taken._asdict().items() if isinstance(value, np.ndarray)}
            own = phases(work, taken._replace(**arrays))
            batches = work.batches(2000)
            contenders = {"step": lambda n, whole=whole, batches=batches: whole.train(batches[:n])}
            contenders |= {name: run for name, (run, _) in own.items()}
            times = interleaved(contenders, args.turns, args.seconds, 2000)
        total = times["step"].median
        names = list(own)
        cells = [f"{times[name].median / total:.0%}" for name in names]
        flops = sum(count for _, count in own.values())
        seconds = sum(times[name].median for name, (_, count) in own.items() if count)
        rest = 1 - sum(times[name].median for name in names) / total
        rows.append(
            [
                case.name.removeprefix("train "),
                f"{1e6 * total:,.0f}",
                *cells,
                f"{rest:.0%}",
                f"{flops / seconds / 1e9:.0f}",
            ]
        )
    header = ["rows, steps, inputs, units", "step, us", *names, "the rest", "GFLOP/s of the products"]
    report("phases", f"{table(header, rows)}\n\nMedians, one thread. {machine()}.", args.write)


if __name__ == "__main__":
    main()
