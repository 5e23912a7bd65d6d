"""Threads that run one kernel together.

Plain Python threads that release the GIL, not Numba's parallel target: its threading layers abort on concurrent calls or
after a fork, and every one of them has to be installed, chosen and warmed up. A team waits at barriers between batches.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from grukit.kernels.cpu.compiler.jit import outer

ARRIVED, STOP = 0, 8  # entries of a team's control array, 64 bytes apart so that they share no cache line
CONTROL_SIZE = 16
SPINS = 200  # looks at the counter before a waiting thread offers its core to others, about a microsecond

_yield_processor = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


def _element(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


@intrinsic
def _add(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Atomically array[index] += value; returns the value before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _element(context, builder, signature, args), args[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), codegen


@intrinsic
def _load(typingctx: Any, array: Any, index: Any) -> Any:
    """Atomically read array[index]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_element(context, builder, signature, args), "seq_cst", 8)

    return types.int64(array, types.intp), codegen


@outer
def stopped(control: Any) -> bool:
    """Whether a thread of the team asked all to stop."""
    return _load(control, STOP) != 0  # type: ignore[call-arg]


@outer
def barrier(control: Any, team: int) -> None:
    """Wait until all ``team`` threads are here, or one asks all to stop.

    The counter only ever grows; the arrivals at one barrier make it a whole multiple of the team.
    """
    if team == 1:
        return
    goal = (_add(control, ARRIVED, 1) // team + 1) * team  # type: ignore[call-arg]
    spins = 0
    while _load(control, ARRIVED) < goal and not stopped(control):
        spins += 1
        if spins > SPINS:
            _yield_processor()


class Team:
    """``n_threads`` threads for kernels whose first arguments are (thread, team, control); a context manager."""

    def __init__(self, n_threads: int = 1):
        self.n_threads = n_threads

    def __enter__(self) -> "Team":
        self._pool = ThreadPoolExecutor(self.n_threads - 1, "grukit") if self.n_threads > 1 else None
        return self

    def __exit__(self, *error: Any) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, function: Callable[..., Any], *args: Any) -> None:
        """Call ``function(thread, team, control, *args)`` in every thread and wait for all of them."""
        control = np.zeros(CONTROL_SIZE, dtype=np.int64)
        if self.n_threads == 1:  # nobody to start or to wait for, which takes as long as a small batch
            function(0, 1, control, *args)
            return
        others = []

        def part(thread: int) -> None:
            try:
                function(thread, self.n_threads, control, *args)
            except BaseException:  # while compiling, say: nobody may wait for a thread that never comes
                control[STOP] = 1
                raise

        try:
            for thread in range(1, self.n_threads):
                assert self._pool is not None
                others.append(self._pool.submit(part, thread))
            part(0)
        except BaseException:  # Ctrl-C between two calls
            control[STOP] = 1
            raise
        finally:
            wait(others)
        for other in others:
            other.result()
