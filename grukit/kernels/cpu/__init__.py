"""The loops on the CPU, compiled by Numba. See :mod:`grukit.kernels` for names, shapes and equations.

Each of these imports from itself and from those above it, and from nothing else here::

    compiler    how the kernels are compiled, and the intrinsics they use
    team        threads that run one kernel together
    products    of matrices and vectors, in tiles that the processor's registers hold
    storage     where numbers lie: parameters, workspaces, aligned arrays
    cells       one layer in one direction, and the choice of its cell
    network     all layers and the head, forward and backward, a decoder that goes on from there, and learned inputs
    training    chunks of a batch, an epoch, the optimisers
    inference   predictions layer by layer, in lanes, of a predictor or stream; it gathers its samples as training does
    passes      single passes of a network, for Python
    session     memory and threads for training
    sharing     memory and threads of one of several processes that train together
"""

from grukit.kernels.cpu.compiler.jit import COMPILING, watch_compiling
from grukit.kernels.cpu.compiler.target import target
from grukit.kernels.cpu.inference.layers import states_size
from grukit.kernels.cpu.inference.packing import pack_network
from grukit.kernels.cpu.inference.predictions import predict
from grukit.kernels.cpu.inference.rows import predict_chunks, predict_work_size
from grukit.kernels.cpu.inference.service import Lags, Served, ready_to_serve, serve_work_size
from grukit.kernels.cpu.passes import (
    begin_states,
    gather,
    initial_states,
    network_backward,
    network_forward,
    update,
)
from grukit.kernels.cpu.products.speed import measured_speed
from grukit.kernels.cpu.session import Session
from grukit.kernels.cpu.sharing import Share
from grukit.kernels.cpu.storage.layout import GRU, Decoder, Dropout, DualState, GRUResetBefore, Options
from grukit.kernels.cpu.storage.memory import aligned_empty
from grukit.kernels.cpu.storage.segments import whole_chunk
from grukit.kernels.cpu.storage.workspace import layer_cache, work_size
from grukit.kernels.cpu.team import Team
from grukit.kernels.cpu.training.chunks import Loss, Samples, chunk_work_size
from grukit.kernels.cpu.training.epoch import Batches, train_batches
from grukit.kernels.cpu.training.optimizer import Optimizer, idle_optimizer
from grukit.kernels.cpu.training.shares import plan_batches, take_step
from grukit.kernels.cpu.training.standardizing import Relative, Scaling, column_moments, standardize

__all__ = [
    "COMPILING",
    "GRU",
    "Batches",
    "Decoder",
    "Dropout",
    "DualState",
    "GRUResetBefore",
    "Lags",
    "Loss",
    "Optimizer",
    "Options",
    "Relative",
    "Samples",
    "Scaling",
    "Served",
    "Session",
    "Share",
    "Team",
    "aligned_empty",
    "begin_states",
    "chunk_work_size",
    "column_moments",
    "gather",
    "idle_optimizer",
    "initial_states",
    "layer_cache",
    "measured_speed",
    "network_backward",
    "network_forward",
    "pack_network",
    "plan_batches",
    "predict",
    "predict_chunks",
    "predict_work_size",
    "ready_to_serve",
    "serve_work_size",
    "standardize",
    "states_size",
    "take_step",
    "target",
    "train_batches",
    "update",
    "watch_compiling",
    "whole_chunk",
    "work_size",
]
