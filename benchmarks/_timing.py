"""Cores, threads and clocks: what every timed comparison shares. Imports no numerical library."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

POOLS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")


# AVX2 on a processor with AVX-512. What cannot be kept from AVX-512: onnxruntime, which asks the processor alone.
AVX2 = {
    "NUMBA_CPU_NAME": "znver3",
    "NUMBA_CPU_FEATURES": "",  # otherwise those of the processor at hand
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def limit(threads: int, isa: str = "native") -> None:
    """Pin the process to ``threads`` cores, every library to as many threads, and to AVX2; call before the first import."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for pool in POOLS:
        os.environ[f"{pool}_NUM_THREADS" if "TF" not in pool else f"{pool}_THREADS"] = str(threads)
    xla = []
    if isa == "avx2":
        os.environ.update(AVX2)
        xla = ["--xla_cpu_max_isa=AVX2"]
    if threads == 1:
        xla += ["--xla_cpu_multi_thread_eigen=false", "intra_op_parallelism_threads=1"]
    else:
        # OpenMP threads that spin while they wait make PyTorch a hundred times slower once another process wants a core.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if xla:
        os.environ["XLA_FLAGS"] = " ".join(xla)


@dataclass
class Times:
    """Seconds of one unit of work, one number a turn."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Half of the turns were faster."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the turns was faster, a quarter slower."""
        if len(self.seconds) < 3:
            return min(self.seconds), max(self.seconds)
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high


def seconds_of(call: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def interleaved(
    works: dict[str, Callable[[int], object]], turns: int, turn_seconds: float, most: int
) -> dict[str, Times]:
    """Time several contenders in turns, A B C A B C ..., so that a slow minute hits all alike.

    ``works[name](n)`` does n units of work, at most ``most``; n is chosen so that a turn lasts about ``turn_seconds``.
    """
    units, seconds = {}, {name: [] for name in works}
    for name, work in works.items():
        work(1)
        n = 1
        while (took := seconds_of(lambda work=work, n=n: work(n))) < turn_seconds / 2 and n < most:
            n = min(most, n * max(2, int(turn_seconds / 2 / max(took, 1e-7))))
        units[name] = n
        work(n)
    for _ in range(turns):
        for name, work in works.items():
            seconds[name].append(seconds_of(lambda work=work, n=units[name]: work(n)) / units[name])
    return {name: Times(values) for name, values in seconds.items()}
