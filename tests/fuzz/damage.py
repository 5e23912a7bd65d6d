"""Damaged and hostile files for ``grukit.load``, ``from_onnx`` and ``fit(..., resume=True)``.

    python tests/fuzz/damage.py [inputs of each] [seed]

Files that are good are truncated, have bits flipped, bytes removed, repeated and made up, headers of any size, sizes and
offsets that are negative, huge or overlap, names twice or of other files, documents nested deeply or with values of other
kinds, also with a checksum that is right again. Each is opened: a documented error may come, or a model, which then
predicts; anything else is printed with the input's number, and the process may not take more than ``ROOM`` of memory besides
what it had.
"""

import random
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from damaged_checkpoints import Checkpoints
from damaged_files import Files
from damaged_graphs import Graphs

from grukit import GRUForecaster

KINDS = (Files, Graphs, Checkpoints)
DOCUMENTED = (ValueError, ImportError)
ROOM = 512 << 20  # bytes
OPENED: list[str] = []
sys.addaudithook(lambda event, arguments: OPENED.append(str(arguments[0])) if event == "open" else None)


FAR = 10_000  # rows or steps that a damaged forecaster may ask for; more only take time


def forecasts(model):
    """Forecast with a forecaster that a damaged file gave."""
    state = model._fitted
    more = max(state.steps, state.layout.horizon)
    if state.layout.window > FAR or more > FAR:
        return
    ends = state.recent.series.ends
    ahead = pd.Index([stamp for end in ends for stamp in state.grid.ahead(end, more)]).unique().sort_values()
    X = pd.DataFrame(0.0, ahead, pd.Index(state.columns.known, tupleize_cols=False)) if state.columns.known else None
    with np.errstate(all="ignore"):
        model.predict(X)
        model.predict_interval(0.5, X)
        if not state.columns.columns:
            model.stream().step(np.zeros(len(state.figures)))
        model.predictor()(np.zeros(state.layout.window))


def predicts(model):
    """Predict with a model that a damaged file gave; its numbers may be odd."""
    state = model._fitted
    if isinstance(model, GRUForecaster):
        forecasts(model)
        return
    x = np.random.default_rng(0).normal(size=(3, 4, state.n_features))
    if state.inputs.missing != "decay" and x.size < 1 << 20:
        with np.errstate(all="ignore"):
            model.predictor()(x)


def run(kind, n, seed=0):
    """Open many inputs; what came of them, and those that brought something undocumented."""
    inputs, found, wrong = kind(), Counter(), []
    path = Path(tempfile.mkdtemp()) / "input"
    for i in range(n):
        rng = random.Random(f"{seed} {i}")
        content = inputs.make(rng)
        path.write_bytes(content)
        OPENED.clear()
        opened = False
        try:
            model = inputs.open(path)
            opened = True
            predicts(model)
            found["a model"] += 1
        except DOCUMENTED as error:
            found[f"a model, then {type(error).__name__}" if opened else type(error).__name__] += 1
        except Exception:
            wrong.append((i, content, traceback.format_exc()))
        if others := [name for name in OPENED if "passwd" in name]:
            wrong.append((i, content, f"it opened {others}"))
    path.unlink(missing_ok=True)
    path.parent.rmdir()
    return found, wrong


@contextmanager
def limited():
    """Let this process have no more than ROOM besides what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def main():
    """Print counts."""
    n, seed = (int(each) for each in [*sys.argv[1:], "1000", "0"][:2])
    warnings.simplefilter("ignore")
    for kind in KINDS:
        run(kind, 20, "warm")  # what is compiled and imported once
    before, failed = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, False
    for kind in KINDS:
        with limited():
            found, wrong = run(kind, n, seed)
        print(f"{kind.__name__}: {sum(found.values())} of {n} inputs with what is documented: {dict(found)}")
        for i, _, text in wrong[:5]:
            print(f"input {i} of seed {seed}:\n{text}")
        print(f"{len(wrong)} with anything else")
        failed |= bool(wrong)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"peak memory {more / 1024:.0f} MiB above that of the first inputs, at most {ROOM >> 20} MiB allowed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
