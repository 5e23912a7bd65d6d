"""How long whole fits take on the GPU and on the CPU: where ``device="auto"`` should switch."""

import time
from importlib.util import find_spec
from typing import Any

import numpy as np
from _report import NETWORK_ALONE
from gpu_timing import Shape, theirs

from grukit import GRURegressor


def whole_fits() -> list[dict[str, Any]]:
    """Seconds of two epochs on 100,000 rows, on the CPU and on the GPU, after everything was compiled.

    PyTorch's figure is its measured step times the number of steps: its loop has nothing else.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 4)).astype(np.float32)
    y, found = X[:, 0] + np.roll(X[:, 1], 1), []
    for units, window, batch in ((8, 12, 64), (16, 24, 64), (32, 48, 128), (64, 48, 256)):
        seconds = {}
        for device in ("cpu", "cuda"):
            model = GRURegressor(
                units, window=window, batch_size=batch, max_iter=1, n_jobs=-1, device=device, random_state=0,
                **NETWORK_ALONE,
            )  # fmt: skip
            model.fit(X[:2000], y[:2000])
            began = time.perf_counter()
            model.set_params(max_iter=2).fit(X, y)
            seconds[device] = time.perf_counter() - began
        if find_spec("torch"):
            n_steps = 2 * -(-len(X) // batch)
            seconds["torch"] = 1e-3 * n_steps * theirs(Shape(units, batch, window, 4, 0), False)["step"]
        parameters = model.n_parameters_
        found.append(
            {
                "shape": [units, window, batch],
                "multiplications": 3 * parameters * window * batch,
                "seconds": seconds,
            }
        )
        print(f"   {found[-1]}", flush=True)
    return found


def fit_table(found: Any) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows."""
    if not isinstance(found, list):
        return None
    rows = [
        [
            ", ".join(map(str, case["shape"])),
            f"{case['multiplications']:.1e}",
            *(f"{case['seconds'].get(name, np.nan):.1f}" for name in ("cpu", "cuda", "torch")),
        ]
        for case in found
    ]
    return [
        "two epochs on 100,000 rows: units, window, batch",
        "multiplications a step",
        "CPU, s",
        "GPU, s",
        "PyTorch, s",
    ], rows
