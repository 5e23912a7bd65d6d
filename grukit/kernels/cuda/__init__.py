"""The loops on an NVIDIA GPU, compiled by Numba. See :mod:`grukit.kernels` for names, shapes and equations.

Importing this imports numba.cuda, which takes half a second; :func:`grukit.engines.select_engine` does it when a GPU is
taken. What an engine is asked for has the names and signatures of :mod:`grukit.kernels.cpu`; the records are the same.
"""

from grukit.kernels.cpu import GRU, Batches, Dropout, GRUResetBefore, Optimizer, Options, Samples
from grukit.kernels.cuda.inference import predict
from grukit.kernels.cuda.memory import missing_memory
from grukit.kernels.cuda.session import Session

__all__ = [
    "GRU",
    "Batches",
    "Dropout",
    "GRUResetBefore",
    "Optimizer",
    "Options",
    "Samples",
    "Session",
    "missing_memory",
    "predict",
]
