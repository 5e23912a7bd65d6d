"""What categories of series cost a forecaster in training: numbers that are learned, beside an input for each.

    python benchmarks/categories.py [--turns 3] [--write]

Epochs of ``GRUForecaster`` on series that are told apart by a column of ``static``, as a multiple of those without it, in
turns on one core. Processor time, the least of three epochs. Seven minutes.
"""

import argparse
import statistics
import time

from _report import machine, report, table
from _timing import limit

CASES = {1_000: (16, 32, 64, 256, 1_000), 10_000: (10_000,)}  # series, and categories
ROWS = {1_000: 90, 10_000: 60}
MOST_INPUTS = 256  # a column of ones and zeros each, of which 1,000 take gigabytes


def epoch_of(y, n: int, most_one_hot: int) -> tuple[float, int]:
    """Seconds of an epoch with n categories, and the inputs that they are."""
    import numpy as np
    import pandas as pd

    from grukit import GRUForecaster
    from grukit.data import embedded

    ends: list[float] = []
    embedded.MOST_ONE_HOT = most_one_hot
    static = pd.DataFrame({"kind": [f"kind {i % n}" for i in range(y.shape[1])]}, y.columns) if n else None
    model = GRUForecaster(
        horizon=6, window=48, hidden_layer_sizes=32, max_iter=4, batch_size=64, calendar=None, calibration_fraction=None,
        early_stopping=False, normalize=None, linear_lags=1, random_state=0, n_jobs=1,
        callbacks=lambda _: ends.append(time.process_time()),
    ).fit(y, static=static)  # fmt: skip
    return float(np.diff(ends).min()), model.weights_["weight_ih_l0"].shape[1] - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/forecasting.md")
    args = parser.parse_args()
    limit(1)
    import numpy as np
    import pandas as pd

    rows = []
    for n_series, categories in CASES.items():
        walks = np.random.default_rng(0).normal(size=(ROWS[n_series], n_series)).cumsum(axis=0)
        y = pd.DataFrame(walks, columns=[f"series {i}" for i in range(n_series)])
        contenders = [(0, 0), *((n, 0) for n in categories), *((n, n) for n in categories if n <= MOST_INPUTS)]
        found: dict[tuple[int, int], list[float]] = {each: [] for each in contenders}
        widths = {each: epoch_of(y, *each)[1] for each in contenders}  # compiles
        for _ in range(args.turns):
            for each in contenders:
                found[each].append(epoch_of(y, *each)[0])
        plain = statistics.median(found.pop((0, 0)))
        for n in categories:
            times = [
                f"{statistics.median(found[n, most]) / plain:.2f}" if (n, most) in found else "" for most in (0, n)
            ]
            rows.append([f"{n_series:,}", f"{n:,}", str(widths[n, 0]), *times])
    header = ["series", "categories", "learned numbers each", "an epoch with these", "with an input for each"]
    note = "Times that of an epoch without categories; windows of 48 rows, 32 units, processor time."
    report("categories", f"{table(header, rows)}\n\n{note} {machine()}.", args.write)


if __name__ == "__main__":
    main()
