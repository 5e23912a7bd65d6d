"""The loops on the CPU, compiled by Numba. See :mod:`grukit.kernels` for names, shapes and equations."""

from grukit.kernels.cpu.chunks import (
    N_SLOTS,
    Loss,
    Samples,
    Storage,
    chunk_work_size,
)
from grukit.kernels.cpu.epoch import Batches, train_batches
from grukit.kernels.cpu.inference import inference_work_size, pack_network, predict_chunks, states_size
from grukit.kernels.cpu.memory import aligned_empty
from grukit.kernels.cpu.network import (
    GRU,
    GRUResetBefore,
    layer_cache,
    network_backward,
    network_forward,
    work_size,
)
from grukit.kernels.cpu.optimizer import Optimizer, idle_optimizer, update
from grukit.kernels.cpu.service import Served, serve_windows
from grukit.kernels.cpu.session import Session, predict
from grukit.kernels.cpu.team import Team, single_threaded_blas

__all__ = [
    "GRU",
    "N_SLOTS",
    "Batches",
    "GRUResetBefore",
    "Loss",
    "Optimizer",
    "Samples",
    "Served",
    "Session",
    "Storage",
    "Team",
    "aligned_empty",
    "chunk_work_size",
    "idle_optimizer",
    "inference_work_size",
    "layer_cache",
    "network_backward",
    "network_forward",
    "pack_network",
    "predict",
    "predict_chunks",
    "serve_windows",
    "single_threaded_blas",
    "states_size",
    "train_batches",
    "update",
    "work_size",
]
