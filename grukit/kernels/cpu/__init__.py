"""The loops on the CPU, compiled by Numba. See :mod:`grukit.kernels` for names, shapes and equations."""

from grukit.kernels.cpu.chunks import (
    N_SLOTS,
    Loss,
    Samples,
    Storage,
    chunk_work_size,
    mean_loss,
    predict_chunks,
)
from grukit.kernels.cpu.epoch import Batches, train_batches
from grukit.kernels.cpu.network import (
    GRU,
    GRUResetBefore,
    layer_cache,
    network_backward,
    network_forward,
    work_size,
)
from grukit.kernels.cpu.optimizer import Optimizer, update
from grukit.kernels.cpu.team import Team

__all__ = [
    "GRU",
    "N_SLOTS",
    "Batches",
    "GRUResetBefore",
    "Loss",
    "Optimizer",
    "Samples",
    "Storage",
    "Team",
    "chunk_work_size",
    "layer_cache",
    "mean_loss",
    "network_backward",
    "network_forward",
    "predict_chunks",
    "train_batches",
    "update",
    "work_size",
]
