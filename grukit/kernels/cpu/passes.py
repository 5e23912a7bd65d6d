"""What Python calls besides training and prediction: one pass of a network, and what it needs.

The loops themselves are parts of the kernels of training and prediction and have no Python entry: called from Python, they
would crash. Here each is a kernel of its own, cached on disk.
"""

from typing import Any

from grukit.kernels.cpu.compiler.jit import kernel
from grukit.kernels.cpu.inference import layers
from grukit.kernels.cpu.network import forward_backward
from grukit.kernels.cpu.training import gathering
from grukit.kernels.cpu.training.optimizer import update as update_share

gather = kernel(gathering.gather.py_func)
initial_states = kernel(forward_backward.initial_states.py_func)
network_forward = kernel(forward_backward.network_forward.py_func)
network_backward = kernel(forward_backward.network_backward.py_func)
begin_states = kernel(layers.begin_states.py_func)


@kernel
def update(optimizer: Any, rate: float, norm: float, gradient: Any) -> None:
    """One optimiser step on all parameters, see :func:`grukit.kernels.cpu.training.optimizer.update`."""
    update_share(optimizer, 0, gradient.size, rate, norm, gradient)
    optimizer.step[0] += 1
