"""How every CPU kernel is compiled."""

from numba import njit

from grukit.kernels.scalar import FASTMATH

# nogil: the threads of a team run the same kernel at once. error_model: division follows IEEE 754, because a kernel that
# raises in one thread would leave the others waiting. cache: the second process starts warm.
kernel = njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
