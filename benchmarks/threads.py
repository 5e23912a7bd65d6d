"""Training steps with two threads against one: the same kernel, the same batches, the same bits.

    python benchmarks/threads.py [--turns 9] [--write]

Both run in turns, one thread pinned to one core and two to two. A case whose parameters differ by a bit is an error.
"""

import argparse
import os
from collections.abc import Callable

from _report import machine, report, table
from _timing import interleaved, limit, seconds_of

limit(2)

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402
from peer_cases import Case, Work  # noqa: E402
from peer_grukit import Grukit  # noqa: E402

from grukit.kernels.cpu.team import Team, barrier  # noqa: E402

SIZES = [
    (64, 24, 1, (32,)),
    (64, 48, 8, (32,)),
    (128, 48, 8, (32,)),
    (64, 96, 8, (64,)),
    (64, 96, 8, (64, 64)),
    (64, 168, 8, (128,)),
    (128, 96, 16, (256,)),
]


def pinned(threads: int, call: Callable[[], object]) -> object:
    """Call it with as many cores as threads, those that start meanwhile included."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(cores)[:threads])
    try:
        return call()
    finally:
        os.sched_setaffinity(0, cores)


@njit(nogil=True)
def barriers(thread: int, team: int, control: np.ndarray, n: int) -> None:
    for _ in range(n):
        barrier(control, team)


def barrier_ns(n: int = 100_000) -> float:
    """Nanoseconds of a barrier of two threads: how near their cores are, which a virtual machine may change meanwhile."""
    with Team(2) as team:
        team.run(barriers, 1)
        return 1e9 / n * seconds_of(lambda: team.run(barriers, n))


def compare(case: Case, turns: int) -> list[str]:
    """A row of the table."""
    trainers = {threads: Grukit(Work(case, threads)) for threads in (1, 2)}
    batches = trainers[1].work.batches(2_000)
    with trainers[1], trainers[2]:
        for trainer in trainers.values():
            trainer.train(batches[:5])
        if not np.array_equal(*(trainer.optimizer.parameters for trainer in trainers.values())):
            raise AssertionError(f"{case.name}: two threads give other bits than one.")
        works = {
            str(threads): lambda n, threads=threads: pinned(threads, lambda: trainers[threads].train(batches[:n]))
            for threads in trainers
        }
        one, two = interleaved(works, turns, 0.5, len(batches)).values()
    ratios = [a / b for a, b in zip(one.seconds, two.seconds, strict=True)]
    sizes = f"{case.batch}, {case.steps}, {case.inputs}, {' + '.join(map(str, case.hidden))}"
    low, high = np.quantile(ratios, [0.25, 0.75])
    times = [f"{1e6 * each.median:,.0f}" for each in (one, two)]
    return [sizes, *times, f"{one.median / two.median:.2f}", f"{low:.2f} to {high:.2f}", f"{barrier_ns():.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=9, help="how often each is timed")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    args = parser.parse_args()
    rows = [compare(Case("train", *sizes, target=1.0), args.turns) for sizes in SIZES]
    header = [
        "batch, steps, inputs, hidden",
        "one thread, µs",
        "two, µs",
        "ratio of the medians",
        "quartiles",
        "a barrier, ns",
    ]
    note = f"A training step; the parameters are the same to the bit. Medians of {args.turns} turns. "
    note += (
        f"Two threads wait at three barriers a step; how long one takes shows how near their cores are. {machine()}."
    )
    report("threads", f"{table(header, rows)}\n\n{note}", args.write)


if __name__ == "__main__":
    main()
