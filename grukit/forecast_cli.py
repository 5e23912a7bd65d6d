"""``python -m grukit forecast``: the future of the series in a file."""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from grukit import GRUForecaster
from grukit.arguments import count, decimal, encoding, names, png, seed, separator, share, whole
from grukit.estimators._forecast_folds import rows_to_calibrate
from grukit.files import check_replaceable
from grukit.forecast_file import read_file
from grukit.forecast_static import read_static
from grukit.forecast_table import Wrong, is_parquet
from grukit.metrics import score_forecasts
from grukit.plotting import ForecastDisplay, require_matplotlib

SHOWN = 48  # rows of a forecast that are printed where no file is written


def add_forecast(commands: Any) -> None:
    """Add the command to the parsers of others."""
    parser = commands.add_parser(
        "forecast",
        help="forecast the series in a CSV or Parquet file",
        description="Forecast the series in a CSV or Parquet file, after a backtest beside the seasonal naive forecast.",
    )
    parser.add_argument("file", type=Path, help="a header and a row for each time (and series)")
    parser.add_argument("--time", required=True, metavar="COLUMN", help="times, or numbers of steps")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what is forecast")
    parser.add_argument("--series", metavar="COLUMN", help="names of the series, where there are several")
    parser.add_argument(
        "--known",
        type=names,
        default=[],
        metavar="A,B",
        help="columns known ahead: the file goes on with their rows for the horizon, in which the target is empty",
    )
    parser.add_argument("--past", type=names, default=[], metavar="A,B", help="columns known up to the last target")
    parser.add_argument(
        "--static",
        type=Path,
        metavar="FILE",
        help="a row for each series, of what never changes: a column of its name, others of numbers or categories",
    )
    parser.add_argument("--horizon", type=count, required=True, metavar="N", help="steps ahead")
    parser.add_argument("--coverage", type=share, metavar="SHARE", help="of intervals, such as 0.9 (default: none)")
    parser.add_argument("--window", type=count, default=48, metavar="N", help="rows of history (default: %(default)s)")
    parser.add_argument("--units", type=count, default=32, metavar="N", help="of the network (default: %(default)s)")
    parser.add_argument("--epochs", type=count, default=100, metavar="N", help="at most (default: %(default)s)")
    parser.add_argument(
        "--missing", choices=("error", "mask"), default="error", help="what empty targets and missing rows mean"
    )
    parser.add_argument("--splits", type=whole, default=3, metavar="N", help="of the backtest (default: %(default)s)")
    _add_format(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of the network (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the forecast as CSV or Parquet, by its ending")
    parser.add_argument("--plot", type=png, metavar="FILE.png", help="draw history and forecast of one series")
    parser.add_argument("--save", type=Path, metavar="MODEL.gru", help="write the fitted model, for grukit.load")
    parser.set_defaults(run=run_forecast)


def _add_format(parser: argparse.ArgumentParser) -> None:
    """How the file is written."""
    of = "(default: %(default)s)"
    parser.add_argument("--decimal", type=decimal, default=".", metavar="CHARACTER", help=f"of a CSV's numbers {of}")
    parser.add_argument(
        "--separator", type=separator, default=",", metavar="CHARACTER", help=f"of a CSV's columns, or tab {of}"
    )
    parser.add_argument("--encoding", type=encoding, default="utf-8", metavar="NAME", help=f"of a CSV {of}")
    parser.add_argument(
        "--time-format", metavar="FORMAT", help="of times, such as %%d/%%m/%%Y (default: told by the first of them)"
    )


def run_forecast(arguments: argparse.Namespace) -> None:
    """Read, judge, forecast, write.

    Raises
    ------
    SystemExit
        With status 2, after a message on the standard error, for what is wrong with the file or the arguments.
    """
    try:
        _run(arguments)
    except (ValueError, TypeError) as error:
        words = str(error).replace("missing='mask'", "--missing mask")
        print(f"grukit forecast: {arguments.file}: {words}", file=sys.stderr)
        raise SystemExit(2) from error


def _run(arguments: argparse.Namespace) -> None:
    _check_arguments(arguments)
    if arguments.plot:
        require_matplotlib()
    y, X, past_X = read_file(arguments)
    series = y.index.get_level_values(0).unique() if arguments.series else pd.Index([])
    static, n_series = read_static(arguments, series), max(len(series), 1)
    if arguments.plot and n_series > 1:
        raise Wrong(f"--plot draws one series; --series {arguments.series} names {n_series}.")
    model = GRUForecaster(
        arguments.units,
        horizon=arguments.horizon,
        window=arguments.window,
        max_iter=arguments.epochs,
        missing=arguments.missing,
        random_state=arguments.seed,
        verbose=sys.stderr.isatty(),
    )
    if arguments.coverage is not None and arguments.missing == "error":  # with holes there may be more steps than rows
        _check_calibrates(model, y, n_series, arguments)
    print(f"{n_series} series, {len(y)} rows up to {y.index.get_level_values(-1).max()}")
    known = {"X": X, "past_X": past_X, "static": static}
    if arguments.splits:
        _judge(model, y, n_series, known, arguments)
    model.fit(y, **known).set_params(verbose=False)
    forecast = model.predict(X).rename("prediction").to_frame()
    if arguments.coverage is not None:
        forecast = forecast.join(model.predict_interval(arguments.coverage, X))
    _write(forecast, arguments)
    if arguments.save:
        model.save(arguments.save)
        print(f"Model: {arguments.save}")
    if arguments.plot:
        _draw(model, y, X, past_X, arguments)


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Raise for what would go wrong once the training is done, or write over the data, and for what does not go together."""
    if arguments.static and not arguments.series:
        raise Wrong("--static tells series apart by their names; say which column holds these, with --series.")
    taken = {path.resolve(): "the file that is read" for path in (arguments.static, arguments.file) if path}
    for name in ("out", "plot", "save"):
        path = getattr(arguments, name)
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"the folder of --{name} does not exist: {path.parent}")
        if path.is_dir():
            raise IsADirectoryError(f"--{name} is a folder: {path}")
        if name == "save":
            check_replaceable(path)
        if name == "out" and path.suffix.lower() not in ("", ".csv", ".tsv", ".txt", ".parquet", ".pq"):
            raise Wrong(f"--out writes CSV, or Parquet to a name that ends in .parquet; got {path}.")
        before = taken.setdefault(path.resolve(), f"--{name}")
        if before != f"--{name}":
            raise Wrong(f"--{name} {path} would write over {before}.")


def _check_calibrates(model: GRUForecaster, y: pd.Series, n_series: int, arguments: argparse.Namespace) -> None:
    """Raise where the series cannot have the errors that intervals need, at the earliest origin of the backtest, too."""
    rows, share, horizon = y.index.get_level_values(-1).nunique(), arguments.coverage, arguments.horizon
    before, alike = arguments.splits * horizon, len(y) == n_series * rows  # of series that end apart, fewer may do
    for more in sorted({0, before}, reverse=True):
        n_origins = n_series * max(rows - more - horizon, 0) if alike else 0
        needed = rows_to_calibrate(model, share, n_series, n_origins)
        if rows - more < needed:
            splits = f", and {more} more for a backtest with --splits {arguments.splits}" if more else ""
            raise Wrong(
                f"--coverage {share:g} with --horizon {horizon} needs {needed} rows of a series{splits}; there are {rows}. "
                "Leave --coverage out, or give more rows, a shorter --horizon"
                + (", fewer --splits" if more else "")
                + (" or a smaller --coverage." if rows_to_calibrate(model, 0.5, n_series, n_origins) < needed else ".")
            )


def _judge(model: GRUForecaster, y: Any, n_series: int, known: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Print a backtest beside the seasonal naive forecast."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "[0-9]+ of [0-9]+ series end before the first origin")  # told below
            table = model.backtest(y, **known, n_splits=arguments.splits, coverage=arguments.coverage)
    except ValueError as error:
        if "time index" in str(error):  # which ends a fit, too
            raise
        raise Wrong(f"{error} Or leave the backtest out, with --splits 0.") from error
    scores = score_forecasts(table, y, coverage=arguments.coverage)
    n_judged = table["series"].nunique()
    others = f", without {n_series - n_judged} of {n_series} series, which end earlier" if n_judged < n_series else ""
    print(f"\nBacktest of {arguments.splits} origins, {arguments.horizon} steps each{others}:\n\n{_as_text(scores)}\n")


def _write(forecast: pd.DataFrame, arguments: argparse.Namespace) -> None:
    forecast.columns.name = None
    forecast.index.names = [*([arguments.series] if arguments.series else []), arguments.time]
    if arguments.out is None:
        more = f"\n... and {len(forecast) - SHOWN} more; --out writes all." if len(forecast) > SHOWN else ""
        print(_as_text(forecast.head(SHOWN)) + more)
        return
    table = forecast.reset_index()
    if is_parquet(arguments.out):
        table.to_parquet(arguments.out, index=False)
    else:
        table.to_csv(arguments.out, index=False, sep=arguments.separator, decimal=arguments.decimal)
    print(f"Forecast: {arguments.out}")


def _draw(model: GRUForecaster, y: Any, X: Any, past_X: Any, arguments: argparse.Namespace) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    ForecastDisplay.from_forecaster(model, y, X=X, past_X=past_X, coverage=arguments.coverage, ax=figure.subplots())
    figure.savefig(arguments.plot, dpi=150)
    print(f"Picture: {arguments.plot}")


def _as_text(frame: pd.DataFrame) -> str:
    return frame.to_string(float_format=lambda value: f"{value:.4g}")
