"""The command line: ``python -m grukit demo``, ``info`` and ``warmup``. Only this module and the demo print."""

import argparse
import ctypes
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event, Thread
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_info

from grukit import GRURegressor, __version__
from grukit.cores import free_cores
from grukit.demo import run_demo
from grukit.engines import select_engine
from grukit.model import CELLS

PACKAGES = ("numpy", "scipy", "pandas", "numba", "llvmlite", "scikit-learn", "matplotlib")
DTYPES = ("float32", "float64")
# Options that have kernels of their own, and settings that need them.
DROPOUT: dict[str, Any] = {"dropout": 0.5}
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "dropout": DROPOUT,
    "bidirectional": {"bidirectional": True},
    "bidirectional with dropout": {"bidirectional": True, **DROPOUT},
    "decay": {"missing": "decay"},
    "decay with dropout": {"missing": "decay", **DROPOUT},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments without the program's name; None: those of the process.

    Returns
    -------
    int
        Exit status: 0, or 1 where the command could not be done, after a message on the standard error.

    Raises
    ------
    SystemExit
        With status 2 for invalid arguments, with 0 after ``--help`` and ``--version``.
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ImportError, OSError) as error:
        print(f"grukit {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grukit", description="Gated recurrent units for pandas time series.")
    parser.add_argument("--version", action="version", version=f"grukit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{demo,info,warmup}")
    demo = commands.add_parser(
        "demo",
        help="forecast sea-surface temperature and compare with simpler methods",
        description="Forecast the monthly sea-surface temperature of the Pacific and compare with simpler methods.",
    )
    demo.add_argument(
        "--output",
        type=_png,
        default=Path("grukit-demo.png"),
        metavar="FILE.png",
        help="picture (default: %(default)s)",
    )
    demo.add_argument("--no-plot", action="store_true", help="draw no picture; needs no matplotlib")
    demo.add_argument("--seed", type=_seed, default=0, help="seed of the network (default: %(default)s)")
    demo.set_defaults(run=lambda arguments: run_demo(arguments, show_compilation))
    warmup = commands.add_parser(
        "warmup",
        help="compile the kernels into the cache, for instance of a container image",
        description="Compile the kernels into the cache on disk, so that later processes start warm.",
    )
    warmup.add_argument("--cell", choices=sorted(CELLS), action="append", help="may be repeated (default: all)")
    warmup.add_argument("--dtype", choices=DTYPES, action="append", help="may be repeated (default: all)")
    warmup.add_argument(
        "--plain",
        action="store_true",
        help="not those for dropout, bidirectional and missing='decay', which are others",
    )
    warmup.set_defaults(run=_warmup)
    info = commands.add_parser("info", help="show versions, cores, GPUs and folders", description="Show what is used.")
    info.add_argument("--speed", action="store_true", help="measure one core, in a second or two")
    info.set_defaults(run=_info)
    return parser


def _png(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"the picture is a PNG, so its name must end in .png: {text!r}")
    return path


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"the seed must be a whole number from 0 to 2**32 - 1: {text!r}")
    return int(text)


# -- demo --------------------------------------------------------------------------------------------------------------


@contextmanager
def show_compilation() -> Iterator[None]:
    """Say so where Numba compiles anything within it, and how long that took; on a terminal, show the progress."""
    from tqdm import tqdm

    bars: list[tqdm] = []

    def started() -> None:
        if not bars:
            print("Compiling the kernels.", flush=True)
            bars.append(tqdm(disable=None, leave=False, bar_format="{n_fmt} functions in {elapsed}"))

    def finished() -> None:
        bars[0].update()

    def redraw() -> None:  # between functions, too: the machine code of all of them comes last and takes longest
        while not done.wait(0.2):
            for bar in bars:
                bar.refresh()

    done, began = Event(), time.perf_counter()
    clock = Thread(target=redraw, daemon=True)
    clock.start()
    ignore = select_engine("cpu").kernels.watch_compiling(started, finished)
    try:
        yield
    finally:
        ignore()
        done.set()
        clock.join()
        for bar in bars:
            bar.close()
    if bars:
        print(f"Compiled in {time.perf_counter() - began:.1f} s.\n")


# -- warmup ------------------------------------------------------------------------------------------------------------


def _warmup(arguments: argparse.Namespace) -> None:
    """Call every kernel that a fitted model calls, for each cell and type, without options and with those that go together."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    for cell in arguments.cell or sorted(set(CELLS) - {"dual_state_basic"}):  # whose kernels are those of "dual_state"
        for dtype in arguments.dtype or DTYPES:
            for option in list(OPTIONS)[: 1 if arguments.plain else None]:
                decay = "missing" in OPTIONS[option]
                if decay and CELLS[cell].n_states > 1:
                    continue
                began = time.perf_counter()
                settings = {"cell": cell, "dtype": dtype, "early_stopping": True, **OPTIONS[option]}
                model = GRURegressor(2, window=4, max_iter=1, **settings).fit(X, X[:, 0])
                model.predict(X)
                if not decay:  # whose predictions need an index, and a predictor is given none
                    model.predictor()(X)
                what = ", ".join(filter(None, [cell, dtype, option]))
                print(f"{what}: {time.perf_counter() - began:.1f} s")
    print(f"Kernels are cached in {_cache_folder(select_engine('cpu').kernels)}")


# -- info --------------------------------------------------------------------------------------------------------------


def _info(arguments: argparse.Namespace) -> None:
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
        "kernel cache": _cache_folder(engine.kernels),
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


def _cache_folder(kernels: Any) -> str:
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
