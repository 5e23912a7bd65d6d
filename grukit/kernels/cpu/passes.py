"""What Python calls apart from training and prediction: one pass of a network, and what it needs.

The loops themselves are parts of the kernels of training and prediction and have no Python entry: called from Python, they
would crash. Here each is a kernel of its own, cached on disk.
"""

from grukit.kernels.cpu import chunks, inference, network, optimizer
from grukit.kernels.cpu._jit import kernel

gather = kernel(chunks.gather.py_func)
initial_states = kernel(network.initial_states.py_func)
network_forward = kernel(network.network_forward.py_func)
network_backward = kernel(network.network_backward.py_func)
begin_states = kernel(inference.begin_states.py_func)
update = kernel(optimizer.update.py_func)
