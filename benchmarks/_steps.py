"""Training steps without an estimator: what a session of the kernels is given."""

from typing import Any

import numpy as np

from grukit.kernels import cpu
from grukit.model import NetworkSpec
from grukit.train import SOLVERS


def adam(spec: NetworkSpec, parameters: np.ndarray) -> cpu.Optimizer:
    """Adam at its start, clipping gradients to the norm 1, as ``GRURegressor`` has it by default."""
    return cpu.Optimizer(
        solver=SOLVERS["adam"],
        momentum=0.0,
        nesterov=False,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=0.0,
        clip_norm=1.0,
        parameters=parameters,
        previous=parameters.copy(),
        penalized=spec.penalized(parameters.dtype),
        first_moment=np.zeros_like(parameters),
        second_moment=np.zeros_like(parameters),
        step=np.zeros(1, np.int64),
    )


def take_steps(session: Any, order: np.ndarray, size: int, rate: float = 1e-3) -> np.ndarray:
    """Train on the samples in this order, ``size`` a step; returns the records (m, 3) of the m steps."""
    m = -(-len(order) // size)
    records = np.zeros((m, 3))
    session.train(cpu.Batches(order, size, np.full(m, rate), records, np.zeros(1, np.int64), True), m)
    return records
