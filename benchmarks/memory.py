"""Peak memory of a fit on 200,000 rows x 8 features, window 64, 16 units, above the interpreter with its imports.

    python benchmarks/memory.py [--write]

The fit runs in a process of its own, twice: the first may compile, the second finds the kernels in the cache. The peak is
the kernel's own record of the process's resident memory (VmHWM), reset after the imports.
"""

import argparse
import subprocess
import sys

from _report import machine, report, table

CHILD = """
import sys
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

rows, features, window, hidden = map(int, sys.argv[1:])
imports = status("VmRSS")
rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(rows, features)), index=pd.date_range("2000", periods=rows, freq="h"))
X.columns = [f"x{i}" for i in range(features)]
y = X.sum(axis=1).rename("y")
frame = status("VmRSS")
reset_peak()
model = GRURegressor(hidden_layer_sizes=hidden, window=window, max_iter=1, random_state=0).fit(X, y)
print(imports, frame - imports, status("VmHWM") - imports)
"""


def measure(rows: int, features: int, window: int, hidden: int) -> list[float]:
    """MiB: interpreter with imports, the frame, peak of the fit (frame included) above the interpreter."""
    command = [sys.executable, "-c", CHILD, *map(str, (rows, features, window, hidden))]
    return [float(x) for x in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into the README")
    write = parser.parse_args().write
    size = (200_000, 8, 64, 16)
    rows = []
    for label in ("first fit, may compile", "kernels in the cache"):
        imports, frame, peak = measure(*size)
        rows.append([label, f"{imports:.0f}", f"{frame:.0f}", f"{peak:.0f}"])
    windows = size[0] * size[1] * size[2] * 4 / 2**20
    text = table(
        ["200,000 rows x 8 features, window 64, 16 units", "imports, MiB", "frame, MiB", "peak above imports, MiB"],
        rows,
    )
    report("memory", f"{text}\n\nAll windows as one float32 array would be {windows:.0f} MiB. {machine()}.", write)


if __name__ == "__main__":
    main()
