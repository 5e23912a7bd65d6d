"""Outputs of all samples."""

from typing import Any

import numpy as np

from grukit.kernels.cuda import batches as around
from grukit.kernels.cuda._cuda import Launch, compiled, cuda, pieces
from grukit.kernels.cuda.memory import check_memory
from grukit.kernels.cuda.network import UNITS, NetworkLaunches
from grukit.kernels.cuda.samples import MOST_ROWS, gather, upload


def predict(network: Any, parameters: np.ndarray, samples: Any, n_threads: int, precision: str) -> np.ndarray:
    """Outputs of all samples, shape (n, K), or (N, K) with one for every row of ``samples.values``.

    As many sequences are taken together as there are, up to ``MOST_ROWS``; ``n_threads`` is the CPU's. ``precision``,
    "full" or "tf32", is that of large products.
    """
    n, T, K = len(samples.starts), int(samples.lengths.max()), int(network.layers[-1, UNITS])
    B = min(n, MOST_ROWS)
    check_memory(network, [samples], n, False)
    taken = upload(samples, {})
    plan = NetworkLaunches(network, cuda.to_device(parameters), T, B, False, precision)
    predictions = cuda.device_array((len(samples.values) if network.per_step else n, K), parameters.dtype)
    control = np.zeros(around.CONTROL_SIZE, np.int64)
    control[around.END] = n
    on_device = cuda.to_device(control)
    scatter = compiled(around.scatter, around.THREADS, network.per_step)
    args = (K, plan.chunk, plan.lengths, taken.starts, plan.outputs, predictions)
    launches = [
        gather(plan, taken, on_device),
        *plan.forward,
        Launch(scatter, pieces(plan.outputs.size, around.THREADS), around.THREADS, args),
        Launch(compiled(around.close_predicted, 1), 1, 1, (B, on_device)),
    ]
    for launch in launches * pieces(n, B):
        launch.run(0)
    return predictions.copy_to_host()
