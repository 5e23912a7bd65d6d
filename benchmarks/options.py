"""What the options of a network cost in training, beside the plain GRU.

    python benchmarks/options.py [--seconds 1] [--turns 15] [--write]

Training steps as ``fit`` takes them, gathering to update, in turns (A B C A B C ...) on one core. Dropout of the recurrent
state should cost at most 1.15 times the plain step.
"""

import argparse
from dataclasses import replace

from _timing import interleaved, limit

SIZES = [(32, 24, 1, 32), (64, 96, 8, 64), (64, 168, 8, 128)]  # batch, steps, inputs, units
OPTIONS = {
    "plain": {},
    "recurrent dropout 0.2": {"recurrent_dropout": 0.2},
    "dropout 0.2": {"dropout": 0.2},
    "learned initial state": {"learned_state": True},
    "bidirectional": {"bidirectional": True},
    "missing values decay": {"decay": True},
    "gru_reset_before": {"cell": "gru_reset_before"},
    "dual_state": {"cell": "dual_state"},
}


def steps_of(sizes: tuple[int, int, int, int], options: dict):
    """A function that takes n training steps of a network with some options."""
    import numpy as np
    from _steps import adam, take_steps

    from grukit.engines import select_engine
    from grukit.model import NetworkSpec, initialize
    from grukit.train import Problem

    kernels, (B, T, D, H), rng = select_engine("cpu").kernels, sizes, np.random.default_rng(0)
    n = 1024
    spec = replace(NetworkSpec("gru", 2 * D if options.get("decay") else D, (H,), 1), **options)
    values = rng.normal(size=(n + T, D)).astype("float32")
    if spec.decay:
        values[rng.random(values.shape) < 0.4] = np.nan
        values = np.column_stack([values, np.ones(len(values), "float32")])
    samples = kernels.Samples(
        values, rng.normal(size=(n, 1)).astype("float32"), np.arange(n), np.full(n, T), np.ones(n, "float32")
    )
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(0))
    problem = Problem(kernels, spec, samples, "squared_error", 0.0, batch_size=B)
    problem.session.begin(adam(spec, parameters))
    problem.__enter__()
    return lambda m: take_steps(problem.session, rng.integers(0, n, m * B), B)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    args = parser.parse_args()
    limit(1)
    from _report import machine, report, table

    rows = {name: [name] for name in OPTIONS}
    for sizes in SIZES:
        times = interleaved(
            {name: steps_of(sizes, options) for name, options in OPTIONS.items()}, args.turns, args.seconds, 10_000
        )
        plain = times["plain"].median
        for name, own in times.items():
            low, high = (quartile / plain for quartile in own.quartiles)
            rows[name].append(f"{own.median / plain:.2f} ({low:.2f} to {high:.2f})")
    header = ["one training step, times the plain GRU's", *(",".join(map(str, sizes)) for sizes in SIZES)]
    note = "Rows, steps, inputs, units; medians and quartiles, one thread."
    report("options", f"{table(header, list(rows.values()))}\n\n{note} {machine()}.", args.write)


if __name__ == "__main__":
    main()
