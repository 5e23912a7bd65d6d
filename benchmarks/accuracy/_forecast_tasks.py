"""Forecasting tasks of whole series: those that the defaults are judged by, and others by which they were chosen."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _tasks import MAX_ROWS, TEST, random_walk

from grukit import datasets

HORIZONS = (1, 6, 24, 96)
MOST_ORIGINS = 120  # of a task
TIMES_AHEAD = 15  # a series has as many horizons at least


class ForecastTask(NamedTuple):
    """Forecast the last part of a series, or of each of several, from origins there, with what lies before.

    Attributes
    ----------
    name : str
    y : Series, or DataFrame of series
    horizon, window : int
        Steps ahead, and rows that are seen.
    n_training : int
        Rows that train.
    n_origins, stride : int
        Origins in the rest, up to the last one whose horizon ends with the series, and steps from one to the next.
    """

    name: str
    y: Any
    horizon: int
    window: int
    n_training: int
    n_origins: int
    stride: int

    @property
    def origins(self) -> np.ndarray:
        """Rows that forecasts are made from."""
        last = len(self.y) - 1 - self.horizon
        return last - np.arange(self.n_origins)[::-1] * self.stride


def make_task(name: str, y: Any, horizon: int, end: float = 1.0) -> ForecastTask:
    """A task on the first ``end`` of the time, of which the last fifth is forecast."""
    y = y.iloc[: round(end * len(y))]
    y = y.rename("y") if y.ndim == 1 else y  # a name, by which forecasts and series are put beside each other
    n_training = round((1 - TEST) * len(y))
    room = len(y) - horizon - n_training + 1  # origins: the last row that trains, and those after it
    stride = -(-room // MOST_ORIGINS)
    window = 96 if horizon > 24 else 48
    return ForecastTask(f"{name}, {horizon} ahead", y, horizon, window, n_training, -(-room // stride), stride)


def fitting(length: int) -> list[int]:
    """The horizons that are short enough for a series."""
    return [horizon for horizon in HORIZONS if TIMES_AHEAD * horizon <= length]


def daily(values: Any) -> pd.Series:
    """A series of numbers as one of days."""
    return pd.Series(np.asarray(values, dtype=float), index=pd.date_range("2000", periods=len(values), freq="D"))


def macro(*columns: str) -> Any:
    """Columns of macrodata; one is a series."""
    table = datasets.load_macrodata()
    return table[columns[0]] if len(columns) == 1 else table[list(columns)]


def autoregression(n_steps: int, coefficients: tuple[float, ...], seed: int) -> pd.Series:
    """With noise of Student's distribution with five degrees of freedom."""
    rng, values = np.random.default_rng(seed), [0.0] * len(coefficients)
    for _ in range(n_steps):
        values.append(float(np.dot(coefficients, values[: -len(coefficients) - 1 : -1]) + rng.standard_t(5)))
    return daily(values)


def threshold(n_steps: int, seed: int) -> pd.Series:
    """A threshold autoregression of two regimes (Tong 1990)."""
    rng, values = np.random.default_rng(seed), [0.0, 0.0]
    for _ in range(n_steps):
        last, delayed = values[-1], values[-2]
        values.append(0.62 + 1.25 * last - 0.43 * delayed if delayed <= 3.25 else 2.25 + 1.52 * last - 1.24 * delayed)
        values[-1] += 0.25 * rng.normal()
    return daily(values)


def seasonal(n_steps: int, period: int, seed: int) -> pd.Series:
    """A drifting level times a season, with noise; hours."""
    rng, steps = np.random.default_rng(seed), np.arange(n_steps)
    level = 10 + 0.1 * rng.normal(size=n_steps).cumsum()
    values = level * (1 + 0.3 * np.sin(2 * np.pi * steps / period)) + rng.normal(size=n_steps)
    return pd.Series(values, index=pd.date_range("2020", periods=n_steps, freq="h"))


Source = tuple[str, Callable[[], Any]]
MACRO = ("realgdp", "realcons", "realinv", "unemp", "infl", "tbilrate")
BUNDLED: list[Source] = [
    ("El Nino", lambda: datasets.load_elnino()["sst"]),
    ("sunspots", lambda: datasets.load_sunspots()["sunspots"]),
    ("CO2", lambda: datasets.load_co2()["co2"].interpolate()),
    ("Nile", lambda: datasets.load_nile()["volume"]),
    ("macrodata, realgdp", partial(macro, "realgdp")),
    ("macrodata, unemp", partial(macro, "unemp")),
    ("macrodata, 6 series", partial(macro, *MACRO)),
]
JUDGED: list[Source] = [
    *BUNDLED,
    ("sines", lambda: datasets.make_sines(3000, random_state=0)["y"]),
    ("Lorenz", lambda: daily(datasets.make_lorenz(3000, dt=0.05, random_state=0)["x"])),
    ("Mackey-Glass", lambda: daily(datasets.make_mackey_glass(3000, random_state=0)["y"])),
    ("NARMA, y alone", lambda: daily(datasets.make_narma(3000, random_state=0)["y"])),
    ("random walk", lambda: random_walk()["walk"]),
    ("threshold autoregression", lambda: threshold(800, 0)),
    ("season of a drifting level", lambda: seasonal(2000, 24, 0)),
]
CHOSEN_BY: list[Source] = [
    ("macrodata, realcons", partial(macro, "realcons")),
    ("macrodata, realinv", partial(macro, "realinv")),
    ("sines", lambda: datasets.make_sines(1500, periods=(12, 50.3), noise=0.4, random_state=11)["y"]),
    ("Lorenz", lambda: daily(datasets.make_lorenz(1500, dt=0.08, random_state=12)["z"])),
    ("Mackey-Glass", lambda: daily(datasets.make_mackey_glass(1500, tau=23, random_state=13)["y"])),
    ("NARMA, y alone", lambda: daily(datasets.make_narma(1200, random_state=14)["y"])),
    ("random walk", lambda: random_walk(700, seed=15)["walk"]),
    ("autoregression", lambda: autoregression(500, (1.2, -0.4), 16)),
    ("threshold autoregression", lambda: threshold(500, 17)),
    ("season of a drifting level", lambda: seasonal(1000, 12, 18)),
]


def tasks(development: bool, csv: list[str]) -> Iterator[ForecastTask]:
    """Those that are judged; for ``development``, others: bundled and given series without their last fifth, other draws."""
    end = 1.0 - TEST if development else 1.0
    given = [(*each, end) for each in chain(BUNDLED, *map(csv_sources, csv))]
    made = [(*each, 1.0) for each in (CHOSEN_BY if development else JUDGED[len(BUNDLED) :])]
    for name, make, share in [*given, *made]:
        y = make()
        for horizon in fitting(round(share * len(y))):
            yield make_task(name, y, horizon, share)


def csv_sources(given: str) -> list[Source]:
    """Columns of a CSV whose first column is the time: PATH, its first and last column, or PATH:a,b."""
    path, _, chosen = given.partition(":")
    table = pd.read_csv(path, index_col=0, parse_dates=True).iloc[:MAX_ROWS].ffill().dropna()
    columns = chosen.split(",") if chosen else list(dict.fromkeys([table.columns[0], table.columns[-1]]))
    return [(f"{Path(path).stem} {column}", partial(table.__getitem__, column)) for column in columns]
