"""What the command line's ``info`` shows: versions, cores, libraries, GPUs and folders."""

import argparse
import ctypes
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import joblib
from threadpoolctl import threadpool_info

from grukit import __version__
from grukit.cores import free_cores
from grukit.engines import select_engine

PACKAGES = ("numpy", "scipy", "pandas", "numba", "llvmlite", "scikit-learn", "matplotlib")
DTYPES = ("float32", "float64")


def run_info(arguments: argparse.Namespace) -> None:
    """Print a line for each thing.

    Parameters
    ----------
    arguments : argparse.Namespace
        ``speed`` (bool): whether to measure one core, which takes a second or two.
    """
    engine = select_engine("auto")
    new_line = "\n" + 15 * " "
    rows = {
        "grukit": __version__,
        "python": f"{platform.python_version()} ({platform.platform()})",
        **{name: _version_of(name) for name in PACKAGES},
        "cores": f"{joblib.cpu_count()} available to this process",
        "n_jobs='auto'": f"{free_cores()} at most, where they pay",
        **_processor(select_engine("cpu").kernels, arguments.speed),
        "BLAS": new_line.join(_blas_libraries()) or "none found",
        "GPU": new_line.join(_gpu_names()) or "none found",
        "CUDA kernels": _cuda_kernels(),
        "device='auto'": f"{engine.device}. {engine.reason}",
        "kernel cache": cache_folder(engine.kernels),
        "compiling": select_engine("cpu").kernels.COMPILING,
    }
    for name, value in rows.items():
        print(f"{name + ':':<15}{value}")


def _processor(kernels: Any, measure: bool) -> dict[str, str]:
    """The vector instructions that the kernels are compiled for, and, where asked for, what a core does with them."""
    instructions = kernels.target()
    tiles = (f"{tile.rows} x {tile.columns} of {dtype}" for dtype, tile in zip(DTYPES, instructions[1:], strict=True))
    rows = {"instructions": f"{instructions.name}, in tiles of {' and '.join(tiles)}"}
    if measure:
        peak, products = kernels.measured_speed()
        rows["speed"] = f"{products:.0f} GFLOP/s in products on one core, {products / peak:.0%} of its peak"
    return rows


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _blas_libraries() -> list[str]:
    """Name, version, threads and file of each BLAS that numpy and scipy have loaded."""
    return [
        f"{library['internal_api']} {library['version']}, {library['num_threads']} threads "
        f"({os.path.basename(library['filepath'])})"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


def _cuda_kernels() -> str:
    try:
        select_engine("cuda")
    except RuntimeError as error:
        return f"none. {error}"
    return "yes"


def cache_folder(kernels: Any) -> str:
    """Where numba keeps the compiled kernels, in subfolders of the first folder of its own that can be written."""
    paths = [kernel.stats.cache_path for kernel in (kernels.train_batches, kernels.predict_chunks)]
    return "none: no folder that can be written was found" if None in paths else os.path.commonpath(paths)


def _gpu_names() -> list[str]:
    """Names of the GPUs that the CUDA driver shows to this process; none where there is no driver or it fails."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return []
        return [_gpu_name(driver, ordinal) for ordinal in range(count.value)]
    except (OSError, AttributeError):  # no such library; a library without these functions
        return []


def _gpu_name(driver: Any, ordinal: int) -> str:
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    if driver.cuDeviceGet(ctypes.byref(device), ordinal) or driver.cuDeviceGetName(name, len(name), device):
        return f"device {ordinal}, name not available"
    return name.value.decode(errors="replace")
