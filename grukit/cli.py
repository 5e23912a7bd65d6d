"""The command line: ``python -m grukit demo``, ``forecast``, ``info`` and ``warmup``. Only these modules print."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from grukit import GRURegressor, __version__
from grukit.arguments import png, seed
from grukit.demo import run_demo
from grukit.engines import select_engine
from grukit.forecast_cli import add_forecast
from grukit.info import DTYPES, cache_folder, run_info
from grukit.model import CELLS

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
# Predictors and streams have code of their own for differences of the inputs and for a linear part, each there or not.
LINEAR: list[dict[str, Any]] = [{}, {"anchor": None, "linear_lags": 0}]
SERVED = [{"difference": difference, **linear} for difference in (False, True) for linear in LINEAR]


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
    except (ImportError, OSError, MemoryError) as error:
        print(f"grukit {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grukit", description="Gated recurrent units for pandas time series.")
    parser.add_argument("--version", action="version", version=f"grukit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{demo,forecast,info,warmup}")
    demo = commands.add_parser(
        "demo",
        help="forecast sea-surface temperature and compare with simpler methods",
        description="Forecast the monthly sea-surface temperature of the Pacific and compare with simpler methods.",
    )
    demo.add_argument(
        "--output",
        type=png,
        default=Path("grukit-demo.png"),
        metavar="FILE.png",
        help="picture (default: %(default)s)",
    )
    demo.add_argument("--no-plot", action="store_true", help="draw no picture; needs no matplotlib")
    demo.add_argument("--seed", type=seed, default=0, help="seed of the network (default: %(default)s)")
    demo.set_defaults(run=lambda arguments: run_demo(arguments, show_compilation))
    add_forecast(commands)
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
    info.set_defaults(run=run_info)
    return parser


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
    """Compile the kernels of each cell and type, without options and with those that go together."""
    for cell in arguments.cell or sorted(set(CELLS) - {"dual_state_basic"}):  # whose kernels are those of "dual_state"
        for dtype in arguments.dtype or DTYPES:
            for option in list(OPTIONS)[: 1 if arguments.plain else None]:
                if "missing" in OPTIONS[option] and CELLS[cell].n_states > 1:
                    continue
                began = time.perf_counter()
                _call_kernels({"cell": cell, "dtype": dtype, **OPTIONS[option]})
                what = ", ".join(filter(None, [cell, dtype, option]))
                print(f"{what}: {time.perf_counter() - began:.1f} s")
    print(f"Kernels are cached in {cache_folder(select_engine('cpu').kernels)}")


def _call_kernels(settings: dict[str, Any]) -> None:
    """Call every kernel that fits, predictions and predictors of these settings call, but those for very large tables."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    # With decay there is no predictor, and dropout is no part of one.
    serves = not {"missing", "dropout"} & set(settings)
    for served in SERVED if serves else [{}]:
        model = GRURegressor(2, window=4, max_iter=1, early_stopping=True, **settings, **served).fit(X, X[:, 0])
        model.predict(X)
        if serves:
            model.predictor()(X)
