"""Large products by cuBLAS, called through ctypes where it is installed; no package of its own.

cuBLAS stores matrices by columns: a row-major product c = a b is its c^T = b^T a^T, so the factors change places and a
row-major factor that is not turned is one that cuBLAS need not turn either.
"""

import ctypes
from functools import cache
from typing import Any, NamedTuple

from grukit.kernels.cuda._cuda import cuda

# Values of cublas_api.h and library_types.h.
KEPT, TURNED = 0, 1  # cublasOperation_t
TYPES = {"float32": 0, "float64": 1}  # cudaDataType
# cublasComputeType_t; the precision is float32's.
COMPUTE = {("float32", "full"): 68, ("float32", "tf32"): 77, ("float64", "full"): 70, ("float64", "tf32"): 70}
DEFAULT_ALGORITHM = -1


@cache
def library() -> Any:
    """The library and a handle, or None where it is not installed."""
    from cuda import pathfinder

    try:
        path = pathfinder.load_nvidia_dynamic_lib("cublas").abs_path
    except pathfinder.DynamicLibNotFoundError:
        return None
    cublas, handle = ctypes.CDLL(path), ctypes.c_void_p()
    cuda.current_context()  # the handle belongs to it
    _check("cublasCreate_v2", cublas.cublasCreate_v2(ctypes.byref(handle)))
    return cublas, handle


def _check(name: str, status: int) -> None:
    if status:
        raise RuntimeError(f"cuBLAS: {name} failed with status {status}.")


def address(array: Any, at: int = 0) -> ctypes.c_void_p:
    """Where number ``at`` of a device array lies."""
    return ctypes.c_void_p(array.__cuda_array_interface__["data"][0] + at * array.dtype.itemsize)


def stream_handle(stream: Any) -> ctypes.c_void_p:
    """The driver's handle of 0, a stream, or a graph that is being recorded."""
    core = getattr(stream, "stream", stream)
    return ctypes.c_void_p(0 if core == 0 else int(core.handle))


class CublasProduct(NamedTuple):
    """A product into ``out``, row m of which begins at ``at`` + m ``ld``; ready to be repeated, like a ``Launch``."""

    form: str  # which factor is turned: "nn", "nt" or "tn"
    a: Any  # (M, K), turned (K, M)
    b: Any  # (K, N), turned (N, K)
    out: Any  # (S, size); only the first slot is written
    at: int
    ld: int
    precision: str  # "full" or "tf32"

    def run(self, stream: Any) -> None:
        """Put it on the stream."""
        cublas, handle = library()
        a, b, dtype = self.a, self.b, self.a.dtype.name
        K, M = a.shape if self.form[0] == "t" else a.shape[::-1]
        N = b.shape[0] if self.form[1] == "t" else b.shape[1]
        number, kind = (ctypes.c_double if dtype == "float64" else ctypes.c_float), TYPES[dtype]
        turned = [TURNED if letter == "t" else KEPT for letter in self.form]
        leads = [array.strides[0] // array.dtype.itemsize for array in (a, b)]
        _check("cublasSetStream_v2", cublas.cublasSetStream_v2(handle, stream_handle(stream)))
        status = cublas.cublasGemmEx(
            handle, turned[1], turned[0], int(N), int(M), int(K), ctypes.byref(number(1)),
            address(b), kind, leads[1], address(a), kind, leads[0], ctypes.byref(number(0)),
            address(self.out, self.at), kind, self.ld, COMPUTE[dtype, self.precision], DEFAULT_ALGORITHM,
        )  # fmt: skip
        _check("cublasGemmEx", status)
