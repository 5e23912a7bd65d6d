"""What Numba's CUDA simulator lacks, for tests alone. Call :func:`install` before the first kernel is made.

Started with ``NUMBA_ENABLE_CUDASIM=1``, Numba runs each CUDA thread as a Python thread. It has no launch bounds, no
aligned arrays, no warp shuffles and no libdevice. Arrays that nobody wrote to hold NaN here, so that a number that is read
too early is seen.
"""

import copy
import inspect
import random
import sys
import threading

import numpy as np
from greenlet import getcurrent, greenlet
from numba import cuda
from numba.cuda import libdevice
from numba.cuda.errors import normalize_kernel_dimensions
from numba.cuda.simulator import kernel, kernelapi
from numba.cuda.simulator.cudadrv import devicearray, devices
from numba.cuda.simulator.kernel import BlockThread

MULTIPROCESSORS = 2  # few, so that a block gets several sequences


class _Block:
    """Runs the threads of a block by turns, each up to its next barrier. The simulator's own way, an operating-system
    thread for each, is twenty times slower.
    """  # fmt: skip

    def __init__(self, f, grid_dim, block_dim, debug):
        self._f, self._block_dim, self._debug = f, block_dim, debug

    def run(self, grid_point, *args):
        self.lanes, order, real = {}, random.Random(0), threading.current_thread
        turns = []
        for block_point in np.ndindex(*self._block_dim):
            thread = BlockThread(lambda: self._f(*args), self, grid_point, block_point, self._debug)
            thread.at_barrier, thread.exchanged = False, 0
            turns.append((thread, greenlet(thread.run)))
        try:
            while turns:
                order.shuffle(turns)  # so that a barrier that is missing is missed
                for thread, turn in turns:
                    if not thread.at_barrier:
                        threading.current_thread = lambda thread=thread: thread
                        turn.switch()
                        if thread.exception:
                            raise thread.exception[0].with_traceback(thread.exception[1])
                turns = [(thread, turn) for thread, turn in turns if not turn.dead]
                if all(thread.at_barrier for thread, _ in turns):
                    for thread, _ in turns:
                        thread.at_barrier = False
        finally:
            threading.current_thread = real


def _barrier(self):
    """Wait for all threads of the block."""
    threading.current_thread().at_barrier = True
    getcurrent().parent.switch()


def _shuffle(self, mask, value, lane_mask):
    """Exchange with the lane whose number differs in the bits of ``lane_mask``; nobody else waits."""
    thread = threading.current_thread()
    lanes, partner = thread._manager.lanes, thread.thread_id ^ lane_mask
    lanes[thread.thread_id, thread.exchanged] = value
    while (partner, thread.exchanged) not in lanes:
        getcurrent().parent.switch()
    thread.exchanged += 1
    return lanes.pop((partner, thread.exchanged - 1))


class Float64Math:
    """``math`` whose results are NumPy's float64: float32 plus a Python float would be float32 here."""

    exp, tanh = staticmethod(np.exp), staticmethod(np.tanh)


def _poisoned(shape, dtype):
    array = np.empty(shape, getattr(np, getattr(dtype, "name", ""), dtype))
    array.fill(np.nan if array.dtype.kind == "f" else -(2**30))
    return array


def _shared(self, shape, dtype, alignment=None):
    """One array for all threads of a block that come by the same line."""
    caller = sys._getframe(1)
    key = caller.f_code.co_filename, caller.f_lineno
    if key not in self._allocations:
        self._allocations[key] = _poisoned(shape, dtype)
    return self._allocations[key]


def _configured(self, configuration):
    """A kernel with its grid; the simulator would write the grid into the one kernel that all launches share."""
    configured = copy.copy(self)
    configured.grid_dim, configured.block_dim = normalize_kernel_dimensions(*configuration[:2])
    return configured


def install():
    """Add what is missing to the simulator."""
    jit = cuda.jit
    known = set(inspect.signature(jit).parameters)
    cuda.jit = lambda *args, **options: jit(*args, **{k: v for k, v in options.items() if k in known})
    cuda.device_array = lambda shape, dtype=np.float64: devicearray.FakeCUDAArray(_poisoned(shape, dtype))
    kernelapi.FakeCUDAShared.array = _shared
    kernelapi.FakeCUDALocal.array = lambda self, shape, dtype: _poisoned(shape, dtype)
    kernelapi.FakeCUDAModule.syncthreads = _barrier
    kernelapi.FakeCUDAModule.shfl_xor_sync = _shuffle
    kernel.BlockManager = _Block
    kernel.FakeCUDAKernel.__getitem__ = _configured
    devices.FakeCUDADevice.MULTIPROCESSOR_COUNT = MULTIPROCESSORS
    devicearray.FakeCUDAArray.__cuda_array_interface__ = property(lambda self: self._ary.__array_interface__)
    libdevice.fast_expf = np.exp
    libdevice.fast_fdividef = lambda a, b: a / b
