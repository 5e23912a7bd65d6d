"""The demo of the command line: sea-surface temperature, months ahead, with intervals, beside simpler methods."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from grukit import GRUForecaster
from grukit.datasets import load_elnino
from grukit.metrics import score_forecasts
from grukit.plotting import ForecastDisplay, require_matplotlib

HORIZON = 6  # months ahead
COVERAGE = 0.9  # of intervals
TRAINING, TEST = slice(None, "2000-12"), slice("2001-01", "2010-12")
PLOTTED_STEP, PLOTTED_HISTORY = 3, 36
SETTINGS: dict[str, Any] = {}  # of GRUForecaster, beside the horizon and the seed: none, so that the defaults are seen
# The settings of ridge regression had the lowest errors over 1980-1989 and 1990-2000, each time trained on what came before.
# It is given the seasons as harmonics.
RIDGE_LAGS, N_HARMONICS = 6, 3
RIDGE = f"ridge on {RIDGE_LAGS} lags"


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
        _check_picture(arguments.output)
    sst = load_elnino()["sst"]
    n_origins = len(sst[TEST]) - HORIZON + 1
    print(
        f"Data: sea-surface temperature of the eastern equatorial Pacific (Nino 1+2), {len(sst)} monthly means in degC,\n"
        f"{sst.index[0]:%Y-%m} to {sst.index[-1]:%Y-%m}. Task: forecast the next {HORIZON} months, with an interval that has "
        f"the truth inside {COVERAGE:.0%} of the time.\nTraining sees data up to {TRAINING.stop}; then {n_origins} forecasts "
        f"are made, from the end of each month since, and set beside {TEST.start} to {TEST.stop}.\n"
    )
    model = GRUForecaster(**SETTINGS, horizon=HORIZON, random_state=arguments.seed)
    with show_compilation():  # of a run with one epoch, so that the time below is of training alone
        _forecasts(clone(model).set_params(max_iter=1), sst, 1)
    model.set_params(verbose=sys.stderr.isatty())
    table, seconds = _forecasts(model, sst, n_origins)
    print(_scores(table, sst, seconds))
    inside = table["truth"].between(table["lower"], table["upper"])
    print(
        f"\nErrors in degC over {n_origins} x {HORIZON} months. Seasonal naive: the same month a year before. The lags of "
        "ridge regression\nand its harmonics of the year were chosen for this series; GRUForecaster has its default "
        f"settings. Of the network that it\ntrained for {model.n_iter_} epochs, it adds {model.network_weight_:.0%} to its "
        f"linear part. Of its {COVERAGE:.0%} intervals, {inside.mean():.1%} had the truth inside;\nthe last column tells it "
        "of each step.\n"
    )
    model.update(sst[TEST])
    print(
        f"From the end of the data, by the same model, which is shown the months since {TRAINING.stop} without training:\n"
    )
    print(_future(model, inside.groupby(table["step"]).mean()))
    if not arguments.no_plot:
        _draw(model, sst, table, arguments.output)
        print(f"\nPicture: {arguments.output.absolute()}")


def _check_picture(path: Path) -> None:
    """Raise for what would otherwise go wrong after the training."""
    try:
        require_matplotlib()
    except ImportError as error:
        raise ImportError(f"{error}. Or use --no-plot.") from error
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"the folder of --output does not exist: {path.parent}")


def _forecasts(model: GRUForecaster, sst: pd.Series, n_origins: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Fit on the past and forecast from the last origins: the backtest, with ridge in a column, and seconds of each fit."""
    seconds = {}
    began = time.perf_counter()
    model.fit(sst[TRAINING])
    seconds["GRUForecaster"] = time.perf_counter() - began
    table = model.backtest(sst, n_splits=n_origins, stride=1, refit=False, coverage=COVERAGE)
    began = time.perf_counter()
    ridge, X = _ridge(sst)
    seconds[RIDGE] = time.perf_counter() - began
    origins = pd.DatetimeIndex(table["origin"].unique())
    changes = ridge.predict(X.loc[origins])
    rows = origins.get_indexer(table["origin"])
    return table.assign(**{RIDGE: sst[table["origin"]].to_numpy() + changes[rows, table["step"] - 1]}), seconds


def _ridge(sst: pd.Series) -> tuple[Any, pd.DataFrame]:
    """Ridge regression of the changes up to each month ahead, fitted on the past, and its regressors at all months."""
    X = _calendar(pd.DatetimeIndex(sst.index)).assign(**{f"{k} months ago": sst.shift(k) for k in range(RIDGE_LAGS)})
    changes = pd.DataFrame({step: sst.shift(-step) - sst for step in range(1, HORIZON + 1)})
    # Months whose lags exist, and whose months ahead are of the past.
    past = slice(RIDGE_LAGS - 1, len(sst[TRAINING]) - HORIZON)
    return make_pipeline(StandardScaler(), Ridge()).fit(X.iloc[past], changes.iloc[past]), X


def _calendar(months: pd.DatetimeIndex) -> pd.DataFrame:
    """The time of year as sines and cosines, which say as much about the months ahead."""
    angle = 2 * np.pi * (months.month - 1) / 12
    waves = {f"{wave.__name__} {k}": wave(k * angle) for k in range(1, N_HARMONICS + 1) for wave in (np.sin, np.cos)}
    return pd.DataFrame(waves, index=months)


def _scores(table: pd.DataFrame, sst: pd.Series, seconds: dict[str, float]) -> str:
    """Errors of each method; of those with intervals how often the truth was inside, and how wide they are."""
    own = score_forecasts(table, sst, coverage=COVERAGE)
    ridge = score_forecasts(table.assign(prediction=table[RIDGE]), sst).loc["model"]
    methods = {"seasonal naive": own.loc["seasonal naive"], RIDGE: ridge, "GRUForecaster": own.loc["model"]}
    lines = [f"{'':<16}{'MAE':>8}{'RMSE':>8}{'inside':>9}{'width':>8}{'fit':>10}"]
    for name, scores in methods.items():
        inside, width = (f"{scores['coverage']:.1%}", f"{scores['width']:.2f}") if "coverage" in scores else ("-", "-")
        fit = f"{seconds[name]:.3f} s" if name in seconds else "-"
        lines.append(f"{name:<16}{scores['MAE']:>8.3f}{scores['RMSE']:>8.3f}{inside:>9}{width:>8}{fit:>10}")
    return "\n".join(lines)


def _future(model: GRUForecaster, inside: pd.Series) -> str:
    """The forecast from the end of the series, its interval, and how often such a one had the truth inside."""
    lines = [f"{'month':<8}{'degC':>8}{f'{COVERAGE:.0%} interval':>17}{f'inside, {TEST.start} to {TEST.stop}':>30}"]
    rows = zip(model.predict().items(), model.predict_interval(COVERAGE).to_numpy(), inside, strict=True)
    for (month, value), (lower, upper), share in rows:
        lines.append(f"{month:%Y-%m} {value:>8.1f}{f'{lower:.1f} to {upper:.1f}':>17}{share:>30.1%}")
    return "\n".join(lines)


def _draw(model: GRUForecaster, sst: pd.Series, table: pd.DataFrame, path: Path) -> None:
    # A figure without pyplot needs no display, and leaves the user's backend and open figures alone.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1])
    ahead = table[table["step"] == PLOTTED_STEP].set_index("time").rename_axis("Month")
    bounds = ahead[["lower", "upper"]].set_axis(
        pd.MultiIndex.from_product([[COVERAGE], ["lower", "upper"]], names=["coverage", "bound"]), axis=1
    )
    truth = ahead["truth"].rename("Sea-surface temperature")
    predictions = ahead["prediction"].rename(f"GRUForecaster, {PLOTTED_STEP} months before")
    ForecastDisplay(truth, predictions, intervals=bounds).plot(left, unit="°C")
    inside = truth.between(ahead["lower"], ahead["upper"]).mean()
    left.set_title(f"Eastern equatorial Pacific (Niño 1+2), {PLOTTED_STEP} months ahead: {inside:.0%} inside")
    history = sst.rename("Sea-surface temperature").rename_axis("Month")
    ForecastDisplay.from_forecaster(model, history, n_history=PLOTTED_HISTORY, unit="°C", ax=right)
    right.set_title(f"The next {HORIZON} months")
    right.set_ylabel("")
    right.margins(y=0.4)  # room for a legend of two lines
    right.legend(ncols=2, loc="upper center", columnspacing=1.2)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
    figure.savefig(path)
