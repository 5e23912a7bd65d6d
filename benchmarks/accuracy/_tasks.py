"""Forecasting tasks from bundled, generated and given series: what is known, what is asked, and how it is split in time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from grukit import datasets

MAX_ROWS = 10_000  # of a series; the first ones
TEST = 0.2  # share of the time, the last


@dataclass(frozen=True)
class Task:
    """Forecast the next ``horizon`` values of one column, one output a step.

    Attributes
    ----------
    name : str
    X : DataFrame of shape (n, D)
        A table in time order, or a panel.
    y : DataFrame of shape (n, horizon)
        The target column's next values; NaN where they lie beyond the end.
    column : str
        The target column in X.
    window : int
        Rows that a prediction sees.
    train, test : ndarray of shape (n,), bool
        Training rows know their targets before the first test row; both have complete targets.
    """

    name: str
    X: pd.DataFrame
    y: pd.DataFrame
    column: str
    window: int
    train: np.ndarray
    test: np.ndarray

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return self.y.shape[1]

    @property
    def target(self) -> pd.Series | pd.DataFrame:
        """What an estimator is given as y: a Series for one step, a DataFrame for several."""
        return self.y.iloc[:, 0] if self.horizon == 1 else self.y

    @cached_property
    def first_rows(self) -> np.ndarray:
        """Number of the first row of each row's series (n,)."""
        if self.X.index.nlevels == 1:
            return np.zeros(len(self.X), dtype=int)
        number = self.X.groupby(level=list(range(self.X.index.nlevels - 1))).ngroup().to_numpy()
        new = np.append(True, number[1:] != number[:-1])
        return np.maximum.accumulate(np.where(new, np.arange(len(self.X)), 0))

    @cached_property
    def lags(self) -> np.ndarray:
        """Lags 0, 1, ... of all columns, shape (n, window, D); those from before a series are the training mean."""
        values = self.X.to_numpy(dtype=float)
        back = np.arange(len(values))[:, None] - np.arange(self.window)
        known = (back >= self.first_rows[:, None])[:, :, None]
        return np.where(known, values[np.maximum(back, 0)], values[self.train].mean(axis=0))

    def score(self, predictions: np.ndarray) -> float:
        """Root mean square error of predictions (n or n_test rows) on the test rows, over the targets' standard deviation."""
        predictions = np.asarray(predictions, dtype=float).reshape(len(predictions), -1)
        if len(predictions) == len(self.X):
            predictions = predictions[self.test]
        truth = self.y.to_numpy()[self.test]
        return float(np.sqrt(np.mean((predictions - truth) ** 2)) / truth.std())


def make_task(
    name: str, X: pd.DataFrame, column: str, horizon: int, window: int = 32, end: float = 1.0, test: float = TEST
) -> Task:
    """A task on the first ``end`` of the time; the last ``test`` of that is the test block."""
    series = X.groupby(level=list(range(X.index.nlevels - 1)))[column] if X.index.nlevels > 1 else X[column]
    y = pd.concat({f"{column}+{step}": series.shift(-step) for step in range(1, horizon + 1)}, axis=1)
    times = X.index.get_level_values(-1)
    position = times.unique().sort_values().get_indexer(times)
    n_steps = int(np.ceil(end * (position.max() + 1)))
    split = round((1 - test) * n_steps)
    complete = y.notna().all(axis=1).to_numpy() & (position + horizon < n_steps)
    title = f"{name}, {horizon} ahead" + (f", window {window}" if window != 32 else "")
    return Task(title, X, y, column, window, complete & (position + horizon < split), complete & (position >= split))


def random_walk(n_steps: int = 3000, seed: int = 0) -> pd.DataFrame:
    """Sum of independent normal steps: nothing beats the last value."""
    steps = np.random.default_rng(seed).normal(size=n_steps)
    return pd.DataFrame({"walk": steps.cumsum()}, index=pd.date_range("2000", periods=n_steps, freq="D"))


# Name, how to make the table, target column, horizons at a window of 32, horizons at a window of 96.
Source = tuple[str, Callable[[], pd.DataFrame], str, tuple[int, ...], tuple[int, ...]]
SERIES: list[Source] = [
    ("elnino", datasets.load_elnino, "sst", (1, 6, 24), (6,)),
    ("elnino, changes", lambda: datasets.load_elnino().diff().dropna(), "sst", (1, 6), ()),
    ("sunspots", datasets.load_sunspots, "sunspots", (1, 6), ()),
    ("sunspots, changes", lambda: datasets.load_sunspots().diff().dropna(), "sunspots", (1,), ()),
    ("co2", lambda: datasets.load_co2().ffill(), "co2", (1, 6, 24), (24,)),
    ("co2, changes", lambda: datasets.load_co2().ffill().diff().dropna(), "co2", (1, 6), ()),
    ("nile", datasets.load_nile, "volume", (1,), ()),
    ("nile, changes", lambda: datasets.load_nile().diff().dropna(), "volume", (1,), ()),
    ("macrodata, realgdp", datasets.load_macrodata, "realgdp", (1, 6), ()),
    ("macrodata, realgdp, changes", lambda: datasets.load_macrodata().diff().dropna(), "realgdp", (1,), ()),
    ("macrodata, unemp", datasets.load_macrodata, "unemp", (1, 6), ()),
    ("macrodata, infl", datasets.load_macrodata, "infl", (1,), ()),
    ("grunfeld panel, invest", datasets.load_grunfeld, "invest", (1,), ()),
    ("sines", lambda: datasets.make_sines(3000, random_state=0), "y", (1, 24), (96,)),
    ("Lorenz", lambda: datasets.make_lorenz(3000, dt=0.05, random_state=0)[["x"]], "x", (1, 6, 24), ()),
    ("Mackey-Glass", lambda: datasets.make_mackey_glass(3000, random_state=0), "y", (1, 6, 24), (96,)),
    ("NARMA", lambda: datasets.make_narma(3000, random_state=0), "y", (1,), ()),
    ("random walk", random_walk, "walk", (1, 24), ()),
]  # fmt: skip


def bundled_tasks(end: float = 1.0, test: float = TEST) -> Iterator[Task]:
    """Tasks on bundled and generated series."""
    for name, make, column, *horizons in SERIES:
        X = make()
        if column not in X:
            column = str(X.columns[0])
        for window, ahead in zip((32, 96), horizons, strict=True):
            for horizon in ahead:
                yield make_task(name, X, column, horizon, window, end, test)


def csv_tasks(given: str, end: float = 1.0, test: float = TEST) -> Iterator[Task]:
    """Tasks on the columns of a CSV whose first column is the time: PATH, its first and last column, or PATH:a,b."""
    path, _, chosen = given.partition(":")
    X = pd.read_csv(path, index_col=0, parse_dates=True).iloc[:MAX_ROWS].ffill().dropna()
    columns = chosen.split(",") if chosen else list(dict.fromkeys([X.columns[0], X.columns[-1]]))
    for column in columns:
        for window, ahead in ((32, (1, 6, 24)), (96, (24, 96))):
            for horizon in ahead:
                yield make_task(f"{Path(path).stem} {column}", X, column, horizon, window, end, test)
