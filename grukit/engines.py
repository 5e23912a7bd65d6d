"""Which kernels run: the CPU's or a GPU's. Each engine is a module with the same names."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

# "auto" takes a GPU from this many multiplications a training step on. An estimate, to be replaced by a measurement: a
# step takes the GPU about 0.5 ms however small it is (20 launches, two passes over the time steps), in which one CPU core
# does 2.5e7 multiplications; twice that, so as not to lose.
GPU_PAYS = 5e7

# All that the GPU's kernels know of a network. Whatever else a specification says must be as if it were not there.
CUDA_CELLS = ("gru", "gru_reset_before")
CUDA_LOSSES = ("squared_error", "absolute_error", "huber", "quantile", "poisson")
CUDA_FIELDS = ("cell", "n_inputs", "hidden_layer_sizes", "n_outputs", "per_step", "dropout", "recurrent_dropout")

NO_GPU = "no NVIDIA GPU with its driver was found"
NO_PACKAGE = (
    'the package numba-cuda is not installed: pip install "grukit[cuda13]", or "grukit[cuda12]" for a driver below 580'
)


class Engine(NamedTuple):
    """An engine and why it was taken."""

    kernels: ModuleType
    device: str  # "cpu" or "cuda"
    reason: str  # one sentence


def select_engine(device: str, spec: Any = None, n_steps: int = 0, required: bool = True, lacks: str = "") -> Engine:
    """Pick the engine for ``device``.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        "auto": the GPU where one is present, its kernels have all that the network asks for, and the work is large enough.
    spec : NetworkSpec, default=None
        The network. None: any that both engines have.
    n_steps : int, default=0
        Time steps of all sequences that are taken at once, such as the batch size times the window; of a prediction, which
        has no backward pass, a third of them. "auto" takes the GPU where they, times the network's weights, are enough.
    required : bool, default=True
        Whether "cuda" must be had. False, for predictions of a fitted model, which open anywhere: the CPU where it cannot.
    lacks : str, default=""
        What else the GPU's kernels have not, if anything.

    Raises
    ------
    RuntimeError
        For "cuda", where there is no GPU, where its package is not installed, or where the network has what the GPU's
        kernels have not.
    """
    # Imported below, so that importing grukit does not import numba.
    lacking = "" if device == "cpu" else missing_for_cuda() or missing_in_cuda(spec) or lacks
    if device == "cuda" and lacking and required:
        raise RuntimeError(f"device='cuda': {lacking}. Or use device='cpu' or 'auto'.")
    if device == "cpu":
        reason = "The CPU was asked for."
    elif lacking:
        reason = f"The CPU, because {lacking}."
    elif device == "cuda":
        return Engine(_cuda_kernels(), "cuda", "The GPU was asked for.")
    elif spec is not None and (work := 3.0 * spec.n_parameters * n_steps) >= GPU_PAYS:
        return Engine(_cuda_kernels(), "cuda", f"The GPU, because there are {work:.1g} multiplications at a time.")
    else:
        reason = f"The CPU, because the GPU pays from about {GPU_PAYS:.0g} multiplications at a time."
    with _interrupted_later():
        from grukit.kernels import cpu

    return Engine(cpu, "cpu", reason)


def with_memory(engine: Engine, device: str, spec: Any, samples: list[Any], n_rows: int, training: bool) -> Engine:
    """The engine, or the CPU's where it is a GPU whose memory does not suffice for ``n_rows`` of the samples at a time.

    Raises
    ------
    RuntimeError
        For training on the device "cuda"; predictions open anywhere.
    """
    if engine.device == "cpu":
        return engine
    network = spec.for_kernels(engine.kernels, seed=0 if training else None)
    lacks = engine.kernels.missing_memory(network, samples, n_rows, training)
    return select_engine(device, spec, required=training, lacks=lacks) if lacks else engine


def _cuda_kernels() -> ModuleType:
    with _interrupted_later():
        from grukit.kernels import cuda

    return cuda


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Let Ctrl-C wait until the kernels are imported: Numba that was imported by halves cannot be imported again.

    Every later fit of the process would fail.
    """
    if "grukit.kernels.cpu" in sys.modules or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler, came = signal.getsignal(signal.SIGINT), []
    if not callable(handler):  # it is ignored, or none of Python's
        yield
        return
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        handler(*came[-1])


def missing_for_cuda() -> str:
    """What this machine lacks for the GPU's kernels, or nothing. Asks the driver itself: numba.cuda takes 0.5 s."""
    if not _count_gpus():
        return NO_GPU
    return "" if find_spec("numba_cuda") else NO_PACKAGE


def missing_in_cuda(spec: Any) -> str:
    """What the GPU's kernels lack for a network, or nothing. The one place that says so."""
    if spec is None:
        return ""
    if spec.cell not in CUDA_CELLS:
        return f"the GPU's kernels have no cell={spec.cell!r}"
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name not in CUDA_FIELDS and value != field.default:
            what = f"{field.name}={value!r}" if isinstance(value, str | int | float) else field.name
            return f"the GPU's kernels have no {what}"
    return ""


@cache  # looking in vain for the driver's library takes 0.1 ms, as long as a prediction
def _count_gpus() -> int:
    """GPUs that the CUDA driver shows to this process; none where there is no driver or it fails."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        count = ctypes.c_int(0)
        return 0 if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) else count.value
    except (OSError, AttributeError):  # no such library; a library without these functions
        return 0
