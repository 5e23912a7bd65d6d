"""The loops on the CPU, compiled by Numba. See :mod:`grukit.kernels` for names, shapes and equations."""

from grukit.kernels.cpu.chunks import N_SLOTS, Loss, Samples, Storage, chunk_work_size
from grukit.kernels.cpu.epoch import Batches, train_batches
from grukit.kernels.cpu.inference import pack_network, predict_chunks, predict_work_size, states_size
from grukit.kernels.cpu.layout import GRU, Dropout, DualState, GRUResetBefore, Options
from grukit.kernels.cpu.memory import aligned_empty
from grukit.kernels.cpu.optimizer import Optimizer, idle_optimizer
from grukit.kernels.cpu.passes import (
    begin_states,
    gather,
    initial_states,
    network_backward,
    network_forward,
    update,
)
from grukit.kernels.cpu.service import Served, ready_to_serve, serve_work_size
from grukit.kernels.cpu.session import Session, predict
from grukit.kernels.cpu.team import Team, single_threaded_blas
from grukit.kernels.cpu.workspace import layer_cache, work_size

__all__ = [
    "GRU",
    "N_SLOTS",
    "Batches",
    "Dropout",
    "DualState",
    "GRUResetBefore",
    "Loss",
    "Optimizer",
    "Options",
    "Samples",
    "Served",
    "Session",
    "Storage",
    "Team",
    "aligned_empty",
    "begin_states",
    "chunk_work_size",
    "gather",
    "idle_optimizer",
    "initial_states",
    "layer_cache",
    "network_backward",
    "network_forward",
    "pack_network",
    "predict",
    "predict_chunks",
    "predict_work_size",
    "ready_to_serve",
    "serve_work_size",
    "single_threaded_blas",
    "states_size",
    "train_batches",
    "update",
    "work_size",
]
