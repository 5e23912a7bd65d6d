"""One run on an NVIDIA GPU: is the CUDA engine right, and how fast is it beside PyTorch. Nine minutes at most.

    python benchmarks/gpu.py [--simulate] [--name NAME] [--write]

Needs numba-cuda; PyTorch with CUDA for the comparison, compute-sanitizer and ncu for theirs; nothing is downloaded. What
is missing is said at once. Correctness comes first: what disagrees with float64 is not timed. The tables come last, and
everything goes to ``benchmarks/results``. ``--simulate`` runs the checks of numbers, on tiny sizes, in Numba's simulator.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from _report import ROOT, machine, report, table

LIMIT = 540  # seconds
TESTS = ROOT / "tests"
BEGAN = time.perf_counter()


def missing(simulate: bool) -> tuple[list[str], list[str]]:
    """What must be there and is not, and what is left out because something is not there."""
    from importlib.util import find_spec

    from grukit import engines

    needed, left_out = [], []
    lacking = engines.missing_for_cuda()
    if simulate:
        needed += [f"{name} is not installed" for name in ("numba_cuda", "greenlet") if not find_spec(name)]
        return needed, []
    if lacking:
        needed.append(lacking)
    if not find_spec("torch"):
        left_out.append("PyTorch is not installed: no comparison")
    for tool in ("compute-sanitizer", "ncu"):
        if not shutil.which(tool):
            left_out.append(f"{tool} is not on the path")
    return needed, left_out


class Run:
    """The sections of the run, their results, and the clock."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}
        self.failed: list[str] = []

    def left(self) -> float:
        """Seconds until the limit."""
        return LIMIT - (time.perf_counter() - BEGAN)

    def section(self, name: str, work: Callable[[], Any], share: float = 60) -> Any:
        """Do ``work`` where ``share`` seconds are left; an error is a result, and the run goes on."""
        if self.left() < share:
            self.results[name] = f"not run: {self.left():.0f} s left"
        else:
            began = time.perf_counter()
            print(f"== {name}", flush=True)
            try:
                self.results[name] = work()
            except Exception as error:  # the sections after it still say something
                self.results[name] = f"{type(error).__name__}: {error}"
                self.failed.append(name)
            print(f"   {time.perf_counter() - began:.0f} s: {str(self.results[name])[:2000]}", flush=True)
        return self.results[name]


def versions() -> dict[str, str]:
    """The packages, the driver and the GPU."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("grukit", "numba", "numba-cuda", "cuda-bindings", "cuda-core", "numpy", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    query = "name,driver_version,memory.total,clocks.max.sm,power.limit"
    if shutil.which("nvidia-smi"):
        asked = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
        found["GPU"] = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return found


def sanitized() -> dict[str, str]:
    """The tiny cases under compute-sanitizer."""
    found = {}
    if shutil.which("compute-sanitizer"):
        for tool in ("memcheck", "racecheck", "synccheck"):
            command = ["compute-sanitizer", "--tool", tool, sys.executable, __file__, "--tiny"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=50)
            found[tool] = (re.findall(r"(?:ERROR|RACECHECK) SUMMARY: .*", done.stdout) or [done.stderr[-300:]])[-1]
    return found


def profiled() -> str:
    """What ncu says of the two main kernels: use of the FMA pipe, bank conflicts."""
    if not shutil.which("ncu"):
        return "ncu is not on the path"
    metrics = (
        "sm__inst_executed_pipe_fma.avg.pct_of_peak_sustained_active,"
        "l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum,gpu__time_duration.sum"
    )
    command = ["ncu", "--metrics", metrics, "--csv", "--kernel-name", "regex:gru", "--launch-count", "4"]
    done = subprocess.run([*command, sys.executable, __file__, "--tiny"], capture_output=True, text=True, timeout=40)
    return done.stdout[-3000:] or done.stderr[-500:]


def on_gpu(run: Run) -> str:
    """All sections on a GPU; the tables."""
    import gpu_checks
    import gpu_fits
    import gpu_timing

    run.section("variants", gpu_checks.compiled_variants)
    wrong = run.section("numbers", lambda: gpu_checks.disagreements(gpu_checks.CASES), 90)
    fits = run.section("fits", gpu_checks.fits)
    run.section("speed of the device", gpu_timing.device_speed)
    steps = run.section("training step", lambda: gpu_timing.steps(wrong, run.left), 60)
    whole = run.section("whole fit", gpu_fits.whole_fits, 60)
    run.section("sanitizer", sanitized, 100)
    run.section("profile", profiled, 45)
    texts = [table(*rows) for rows in (gpu_timing.step_table(steps), gpu_fits.fit_table(whole)) if rows]
    return "\n\n".join([*texts, f"Disagreements with float64: {wrong or 'none'}. Fits: {fits}."])


def in_simulator(run: Run) -> str:
    """The checks of numbers."""
    import gpu_checks

    wrong = run.section("numbers", lambda: gpu_checks.disagreements(gpu_checks.TINY), 0)
    fits = run.section("fits", lambda: gpu_checks.fits(rows=14, epochs=1, units=3, graphs=False), 0)
    return f"Simulated; nothing is timed. Disagreements with float64: {wrong or 'none'}. Fits: {fits}."


def prepare_simulator() -> None:
    """Turn this process into a simulated GPU; the shims are the tests'."""
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
    sys.path.insert(0, str(TESTS / "kernels" / "cuda"))
    import simulator

    simulator.install()
    from grukit import engines
    from grukit.kernels.cuda import activations, batches, optimizer

    engines.missing_for_cuda = lambda: ""
    activations.math = simulator.Float64Math()
    batches.BLOCKS = optimizer.BLOCKS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulate", action="store_true", help="in Numba's simulator, as far as it goes")
    parser.add_argument(
        "--tiny", action="store_true", help="only the tiny cases, on the GPU: for other tools to look at"
    )
    parser.add_argument("--name", help="of the GPU in the file's name; default: what nvidia-smi says")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    args = parser.parse_args()
    sys.path[:0] = [str(TESTS), str(TESTS / "kernels" / "cuda")]
    needed, left_out = missing(args.simulate)
    for sentence in left_out:
        print(sentence)
    if needed:
        sys.exit("Cannot run: " + "; ".join(needed) + ".")
    if args.simulate:
        prepare_simulator()
    if args.tiny:
        import gpu_checks

        sys.exit("; ".join(gpu_checks.disagreements(gpu_checks.TINY)) or 0)
    run = Run()
    found = run.section("versions", versions, 0)
    text = in_simulator(run) if args.simulate else on_gpu(run)
    gpu = args.name or ("simulator" if args.simulate else found.get("GPU", "gpu").split(",")[0])
    text += f"\n\n{gpu}. {machine()}."
    if not args.simulate:
        save(run, gpu)
    print()
    report("gpu", text, args.write and not args.simulate)
    if run.failed or run.results["numbers"]:
        sys.exit(f"Failed: {run.failed or run.results['numbers']}")


def save(run: Run, gpu: str) -> None:
    """Write everything to ``benchmarks/results``."""
    slug = re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-")
    path: Path = ROOT / "benchmarks" / "results" / f"gpu-{slug}-{date.today().isoformat()}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **run.results}, indent=1, default=str) + "\n")
    print(f"\nSaved: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
