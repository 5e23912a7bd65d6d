"""Samples on the device, uploaded once, and the launch that gathers a piece of them."""

from typing import Any, NamedTuple

import numpy as np

from grukit.kernels.cuda import batches as around
from grukit.kernels.cuda._cuda import Launch, compiled, cuda, pieces
from grukit.kernels.cuda.network import NetworkLaunches

MOST_ROWS = 1024  # sequences of a piece; a larger batch is taken in pieces


class DeviceSamples(NamedTuple):
    """Samples on the device, and the order in which they are taken."""

    values: Any  # (N, D)
    targets: Any  # (n, K) or (N, K), or None where there are none
    starts: Any  # (n,) int32
    lengths: Any  # (n,) int32
    weights: Any  # (n,), or None
    order: Any  # (n,) int32


def upload(samples: Any, known: dict[int, tuple[Any, Any]]) -> DeviceSamples:
    """Copy samples to the device, in their own order.

    ``known`` has the tables that are there already, by the identity of the host's array, which it keeps alive: training
    and validation samples share them.
    """
    for table in samples[:2]:
        if id(table) not in known:
            known[id(table)] = table, cuda.to_device(np.ascontiguousarray(table)) if table.size else None
    starts, lengths = (cuda.to_device(array.astype(np.int32)) for array in (samples.starts, samples.lengths))
    weights = cuda.to_device(np.ascontiguousarray(samples.weights)) if samples.weights.size else None
    order = cuda.to_device(np.arange(len(samples.starts), dtype=np.int32))
    return DeviceSamples(known[id(samples.values)][1], known[id(samples.targets)][1], starts, lengths, weights, order)


def gather(plan: NetworkLaunches, samples: DeviceSamples, control: Any) -> Launch:
    """The launch that fills a piece's inputs."""
    args = (samples.order, samples.values, samples.starts, samples.lengths, control, plan.x, plan.chunk, plan.lengths)
    return Launch(compiled(around.gather, around.THREADS), pieces(plan.x.size, around.THREADS), around.THREADS, args)
