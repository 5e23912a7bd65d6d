"""Which kernels run: the CPU's or a GPU's. Each engine is a module with the same names."""

from types import ModuleType
from typing import NamedTuple


class Engine(NamedTuple):
    """An engine and why it was taken."""

    kernels: ModuleType
    device: str  # "cpu" or "cuda"
    reason: str  # one sentence


def select_engine(device: str) -> Engine:
    """Pick the engine for ``device``: "auto", "cpu" or "cuda".

    Raises
    ------
    RuntimeError
        For "cuda": this version has no CUDA kernels.
    """
    if device == "cuda":
        raise RuntimeError("device='cuda': this version of grukit has no CUDA kernels; use device='cpu' or 'auto'.")
    # Imported here, so that importing grukit does not import numba.
    from grukit.kernels import cpu

    if device == "cpu":
        return Engine(cpu, "cpu", "The CPU was asked for.")
    return Engine(cpu, "cpu", "This version of grukit has kernels for the CPU only.")
