"""What the default settings cost: a fit by its parts, and a call of a predictor with and without the linear part."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _common import NETWORK_ALONE, table
from _timing import interleaved

ROWS, COLUMNS, WINDOW = 14_000, 7, 32


def costs_table() -> str:
    """Processor seconds of a default fit and of its parts, and microseconds of a predictor's call."""
    rng = np.random.default_rng(0)
    t = np.arange(ROWS + 1.0)[:, None]
    daily = np.sin(2 * np.pi * t / 24 + np.arange(COLUMNS))
    X = daily + 0.05 * rng.normal(size=(ROWS + 1, COLUMNS)).cumsum(axis=0) + 0.3 * rng.normal(size=(ROWS + 1, COLUMNS))
    return f"{_fit_table(X[:-1], X[1:, 0])}\n\n{_call_table(X[:, :1])}"


def _fit_table(X: np.ndarray, y: np.ndarray) -> str:
    from grukit import GRURegressor
    from grukit.estimators import _base

    GRURegressor(window=WINDOW, max_iter=1, random_state=0).fit(X, y)  # compiles
    parts: dict[str, float] = {}
    whole = {name: getattr(_base, name) for name in ("begin", "left_by", "train", "or_alone")}
    for name, function in whole.items():
        setattr(_base, name, _timed(function, name, parts))
    began = time.process_time()
    epochs: list[dict[str, float]] = []
    GRURegressor(window=WINDOW, random_state=0, callbacks=epochs.append).fit(X, y)
    seconds = time.process_time() - began
    for name, function in whole.items():
        setattr(_base, name, function)
    rows = [
        [f"a default fit, {len(epochs)} epochs", f"{seconds:.2f}", "100 %"],
        *(
            [what, f"{parts[name]:.3f}", f"{parts[name] / seconds:.1%}"]
            for name, what in (
                ("begin", "choosing, and the linear part of the training samples"),
                ("left_by", "the linear part of the validation samples"),
                ("train", "training beside the linear part"),
                ("or_alone", "the network alone"),
            )
        ),
    ]
    size = f"{len(X):,} rows of {X.shape[1]} columns, window {WINDOW}"
    return table([size, "processor seconds", "share"], rows)


def _timed(function: Callable[..., Any], name: str, parts: dict[str, float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.process_time()
        result = function(*arguments, **options)
        parts[name] = parts.get(name, 0.0) + time.process_time() - began
        return result

    return timed


def _call_table(x: np.ndarray) -> str:
    """The least of many turns each: others on the machine only add."""
    from grukit import GRURegressor

    settings = {"window": WINDOW, "max_iter": 1, "random_state": 0}
    contenders = {
        "the network alone": GRURegressor(**settings, **NETWORK_ALONE),
        "with a linear part of 32 rows": GRURegressor(**settings, difference=False, early_stopping=False),
    }
    window, works = np.ascontiguousarray(x[-WINDOW:]), {}
    for name, model in contenders.items():
        predict = model.fit(x[:2000], x[1:2001, 0]).predictor()

        def work(n: int, predict: Any = predict) -> None:
            for _ in range(n):
                predict(window)

        works[name] = work
    times = {name: min(each.seconds) * 1e6 for name, each in interleaved(works, 501, 0.001, 10**6).items()}
    first = next(iter(times.values()))
    rows = [[name, f"{least:.2f}", f"{least - first:+.2f}"] for name, least in times.items()]
    return table(["a predictor's call, 32 rows of one column", "microseconds", "more"], rows)
