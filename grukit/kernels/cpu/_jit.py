"""How the CPU kernels are compiled.

Numba compiles and optimises every function on its own and then again inside each caller. Only what Python calls is cached
and has a Python entry (``kernel``); the loops have none (``inner``); and what only puts loops in order is pasted into its
caller before types are inferred (``inlined``). So the first fit compiles in 11 s of one 2.6 GHz core instead of 21 s.
"""

from numba import njit

from grukit.kernels.scalar import FASTMATH

# nogil: the threads of a team run the same kernel at once. error_model: division follows IEEE 754, because a kernel that
# raises in one thread would leave the others waiting. cache: the second process starts warm.
kernel = njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
inner = njit(  # type: ignore[call-overload]
    nogil=True, fastmath=FASTMATH, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)
inlined = njit(nogil=True, fastmath=FASTMATH, error_model="numpy", inline="always")
