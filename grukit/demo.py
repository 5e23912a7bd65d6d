"""The demo of the command line: sea-surface temperature, months ahead, beside simpler methods."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from grukit import GRURegressor
from grukit.datasets import load_elnino
from grukit.plotting import ForecastDisplay, LossCurveDisplay, require_matplotlib

HORIZONS = range(1, 7)  # months ahead
TEST = slice("2001-01", "2010-12")  # months forecast
# Its target farthest ahead, 2000-12, is the last before the test months.
LAST_TRAINING_MONTH = pd.Timestamp("2000-06-01")
PLOTTED_HORIZON = 3
# The settings of both models had the lowest errors over 1980-1989 and 1990-2000, each time trained on what came before. The
# GRU is given the seasons as harmonics, and is a network alone: the linear part that GRURegressor adds by itself is left out,
# so that the table sets a network beside a linear model.
N_HARMONICS = 3
RIDGE_LAGS = 6
GRU_SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": 32,
    "window": 24,
    "alpha": 0.3,
    "batch_size": 32,
    "max_iter": 300,
    "early_stopping": True,
    "n_iter_no_change": 20,
    "learning_rate_init": 0.003,
    "anchor": None,
    "linear_lags": 0,
    "difference": False,
}


class _Result(NamedTuple):
    """A method's forecasts, one row a month forecast, one column a horizon; seconds of fit and predict."""

    forecasts: pd.DataFrame
    fit_seconds: float | None
    predict_seconds: float


def run_demo(arguments: argparse.Namespace, show_compilation: Callable[[], AbstractContextManager[None]]) -> None:
    """Forecast, print the table, draw the picture.

    Parameters
    ----------
    arguments : argparse.Namespace
        ``output`` (Path of the picture), ``no_plot`` (bool), ``seed`` (int).
    show_compilation : callable
        Returns a context manager that says so where kernels are compiled within it.

    Raises
    ------
    ImportError
        Where a picture is wanted and matplotlib is missing.
    FileNotFoundError
        Where the picture's folder, or the data, is missing.
    """
    if not arguments.no_plot:
        # What would go wrong after the training goes wrong before it.
        try:
            require_matplotlib()
        except ImportError as error:
            raise ImportError(f"{error}. Or use --no-plot.") from error
        if not arguments.output.absolute().parent.is_dir():
            raise FileNotFoundError(f"the folder of --output does not exist: {arguments.output.parent}")
    sst = load_elnino()["sst"]
    print(
        f"Data: sea-surface temperature of the eastern equatorial Pacific (Nino 1+2), {len(sst)} monthly means in degC,\n"
        f"{sst.index[0]:%Y-%m} to {sst.index[-1]:%Y-%m}. Task: forecast the next {len(HORIZONS)} months. Training sees data "
        f"up to 2000-12; each month\nof {TEST.start} to {TEST.stop} is then forecast 1 to {len(HORIZONS)} months ahead."
    )
    model = GRURegressor(**GRU_SETTINGS, random_state=arguments.seed)
    X = _calendar(pd.DatetimeIndex(sst.index)).assign(sst=sst)
    print()
    with show_compilation():  # of a run with one epoch, so that the times below are of training alone
        _forecast(clone(model).set_params(max_iter=1), X, sst)
    model.set_params(verbose=sys.stderr.isatty())
    ridge = make_pipeline(StandardScaler(), Ridge())
    results = {
        "seasonal naive": _seasonal_naive(sst),
        f"ridge on {RIDGE_LAGS} lags": _forecast(ridge, _with_lags(X, RIDGE_LAGS), sst),
        "GRURegressor": _forecast(model, X, sst),
    }
    print(_table(results, sst))
    print(
        f"\nErrors in degC over {len(sst[TEST])} months x {len(HORIZONS)} horizons. Seasonal naive: the same month a year "
        f"before. The GRU ran {model.n_iter_} epochs."
    )
    if not arguments.no_plot:
        _draw(model, sst, results["GRURegressor"].forecasts, arguments.output)
        print(f"Picture: {arguments.output.absolute()}")


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    outcome = run()
    return outcome, time.perf_counter() - began


def _calendar(months: pd.DatetimeIndex) -> pd.DataFrame:
    """The time of year as sines and cosines, which say as much about the months ahead."""
    angle = 2 * np.pi * (months.month - 1) / 12
    waves = {f"{wave.__name__} {k}": wave(k * angle) for k in range(1, N_HARMONICS + 1) for wave in (np.sin, np.cos)}
    return pd.DataFrame(waves, index=months)


def _with_lags(X: pd.DataFrame, n_lags: int) -> pd.DataFrame:
    return X.assign(**{f"sst {k} months ago": X["sst"].shift(k) for k in range(1, n_lags)}).dropna()


def _horizon_name(horizon: int) -> str:
    return f"+{horizon} month" if horizon == 1 else f"+{horizon} months"


def _forecast(estimator: Any, X: pd.DataFrame, sst: pd.Series) -> _Result:
    """Train on the past, forecast the test months. The targets are changes from the latest temperature known."""
    changes = pd.DataFrame({_horizon_name(h): sst.shift(-h) - sst for h in HORIZONS}).loc[X.index]
    past = slice(None, LAST_TRAINING_MONTH)
    later = X[LAST_TRAINING_MONTH:].iloc[1:]
    _, fit_seconds = _timed(lambda: estimator.fit(X[past], changes[past]))
    predicted, predict_seconds = _timed(lambda: estimator.predict(later))
    predicted = pd.DataFrame(np.asarray(predicted), index=later.index, columns=changes.columns)
    # From the month in which a forecast is made to the month that it is about.
    forecasts = pd.DataFrame({_horizon_name(h): (predicted[_horizon_name(h)] + sst).shift(h) for h in HORIZONS})
    return _Result(forecasts[TEST], fit_seconds, predict_seconds)


def _seasonal_naive(sst: pd.Series) -> _Result:
    year_before, seconds = _timed(lambda: sst.shift(12)[TEST])
    return _Result(pd.DataFrame({_horizon_name(h): year_before for h in HORIZONS}), None, seconds)


def _table(results: dict[str, _Result], sst: pd.Series) -> str:
    lines = [f"{'':<16}{'MAE':>8}{'RMSE':>8}{'fit':>10}{'predict':>11}"]
    for name, result in results.items():
        errors = result.forecasts.sub(sst[TEST], axis="index").to_numpy()
        mae, rmse = np.mean(np.abs(errors)), np.sqrt(np.mean(errors**2))
        fit = "-" if result.fit_seconds is None else f"{result.fit_seconds:.3f} s"
        lines.append(f"{name:<16}{mae:>8.3f}{rmse:>8.3f}{fit:>10}{result.predict_seconds:>9.4f} s")
    return "\n".join(lines)


def _draw(model: GRURegressor, sst: pd.Series, forecasts: pd.DataFrame, path: Path) -> None:
    # A figure without pyplot needs no display, and leaves the user's backend and open figures alone.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1])
    name = _horizon_name(PLOTTED_HORIZON)
    truth = sst[TEST].rename("Sea-surface temperature").rename_axis("Month")
    predictions = forecasts[name].rename(f"GRU forecast, made {PLOTTED_HORIZON} months before")
    ForecastDisplay(truth, predictions).plot(left, unit="°C")
    left.set_title(f"Eastern equatorial Pacific (Niño 1+2), {PLOTTED_HORIZON} months ahead")
    LossCurveDisplay.from_estimator(model, ax=right)
    right.set_title("Training of the GRU")
    right.margins(y=0.25)  # room for the legend
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
    figure.savefig(path)
