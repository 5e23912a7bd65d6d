"""One pass of the network for Python, compiled once and cached on disk.

Training and prediction paste the loops of :mod:`grukit.kernels.cpu.network` into kernels of their own. Called from Python
as they are, they would be compiled in every process, 12 to 15 s of one core.
"""

from typing import Any

from grukit.kernels.cpu import network as loops
from grukit.kernels.cpu._jit import kernel

_forward, _backward = loops.network_forward, loops.network_backward


@kernel
def network_forward(network: Any, parameters: Any, x: Any, lengths: Any, samples: Any, work: Any, outputs: Any) -> None:
    """See :func:`grukit.kernels.cpu.network.network_forward`."""
    _forward(network, parameters, x, lengths, samples, work, outputs)


@kernel
def network_backward(
    network: Any,
    parameters: Any,
    x: Any,
    lengths: Any,
    samples: Any,
    work: Any,
    d_outputs: Any,
    d_x: Any,
    d_parameters: Any,
) -> None:
    """See :func:`grukit.kernels.cpu.network.network_backward`."""
    _backward(network, parameters, x, lengths, samples, work, d_outputs, d_x, d_parameters)
