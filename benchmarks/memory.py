"""Peak memory of a fit on 200,000 rows x 8 features, window 64, 16 units, above the interpreter with its imports.

    python benchmarks/memory.py [--write]

Each fit runs in a process of its own: with default settings, which add a linear part to the network, in a process that has to
compile and in one that finds the kernels in the cache, and of the network alone. The peak is the kernel's own record of the
process's resident memory (VmHWM), reset after the imports.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from _report import NETWORK_ALONE, ROOT, machine, report, table

SIZE = {"rows": 200_000, "features": 8, "window": 64, "units": 16}
CHILD = """
import json, sys
import numpy as np, pandas as pd
from grukit import GRURegressor
from grukit.engines import select_engine
select_engine("cpu")

def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024

def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

rows, features, window, units = map(int, sys.argv[1:5])
settings = json.loads(sys.argv[5])
imports = status("VmRSS")
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(rows, features)), index=pd.date_range("2000", periods=rows, freq="h"))
X.columns = [f"x{i}" for i in range(features)]
y = X.sum(axis=1).rename("y")
frame = status("VmRSS")
reset_peak()
model = GRURegressor(units, window=window, max_iter=1, random_state=0, **settings).fit(X, y)
print(imports, frame - imports, status("VmHWM") - imports)
"""


def measure(cache: str, settings: dict[str, Any]) -> list[float]:
    """MiB: interpreter with imports, the frame, peak of the fit (frame included) above the interpreter."""
    command = [sys.executable, "-c", CHILD, *map(str, SIZE.values()), json.dumps(settings)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return [float(x) for x in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    write = parser.parse_args().write
    cases = {
        "default settings, kernels compiled": {},
        "default settings": {},
        "the network alone": NETWORK_ALONE,
    }
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for name, settings in cases.items():
            rows.append([name, *(f"{size:.0f}" for size in measure(cache, settings))])
    header = "{rows:,} rows x {features} features, window {window}, {units} units".format(**SIZE)
    text = table([header, "imports, MiB", "frame, MiB", "peak above imports, MiB"], rows)
    windows = SIZE["rows"] * SIZE["features"] * SIZE["window"] * 4 / 2**20
    report("memory", f"{text}\n\nAll windows as one float32 array would be {windows:.0f} MiB. {machine()}.", write)


if __name__ == "__main__":
    main()
