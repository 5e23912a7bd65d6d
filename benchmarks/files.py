"""Size of a saved model beside its arrays, and seconds to save and to open it.

    python benchmarks/files.py [--write]

Each model is saved and opened nine times, in turns, into a temporary folder; medians. Saving ends with the file on the disk.
What was opened is compared with what was saved, to the bit, before anything is timed.
"""

import argparse
import pickle
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from _report import NETWORK_ALONE, machine, report, table

import grukit
from grukit import GRURegressor

MODELS = {"16 units": (16,), "2 layers of 256": (256, 256), "2 layers of 1,024": (1024, 1024)}
TIMES = 9


def fitted(sizes: tuple[int, ...]) -> GRURegressor:
    """A model of 64 features after one epoch, with the solver's moments."""
    rng = np.random.default_rng(0)
    return GRURegressor(sizes, max_iter=1, random_state=0, **NETWORK_ALONE).fit(
        rng.normal(size=(4, 3, 64)), rng.normal(size=4)
    )


def row(name: str, sizes: tuple[int, ...], path: Path) -> list[str]:
    model = fitted(sizes)
    model.save(path)
    again = grukit.load(path)
    state, found = model._fitted, again._fitted
    arrays = [state.parameters, *state.training.moments.values()]
    for one, other in zip(arrays, [found.parameters, *found.training.moments.values()], strict=True):
        np.testing.assert_array_equal(one, other)
    seconds: dict[str, list[float]] = {"save": [], "open": []}
    for _ in range(TIMES):
        began = time.perf_counter()
        model.save(path)
        saved = time.perf_counter()
        grukit.load(path)
        seconds["save"].append(saved - began)
        seconds["open"].append(time.perf_counter() - saved)
    size, bare = path.stat().st_size, sum(array.nbytes for array in arrays)
    times = [f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})" for values in seconds.values()]
    return [
        name,
        f"{state.spec.n_parameters:,}",
        f"{bare:,}",
        f"{size - bare:,}",
        f"{len(pickle.dumps(model)):,}",
        *times,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into the guide")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, sizes, Path(folder) / "model.gru") for name, sizes in MODELS.items()]
    header = [
        "model, 64 features",
        "parameters",
        "bytes of weights and moments",
        "bytes of all else in the file",
        "bytes as a pickle",
    ]
    text = table([*header, "s to save", "s to open"], rows)
    report("files", f"{text}\n\nMedians of {TIMES}, least and most in brackets. {machine()}.", write)


if __name__ == "__main__":
    main()
