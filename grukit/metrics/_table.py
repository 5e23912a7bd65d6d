"""Errors of forecasts by series, step and origin, beside those of the seasonal naive forecast."""

import re
from typing import Any

import numpy as np
import pandas as pd

from grukit.data import SeriesSet, plain_name, read_series, rows_at
from grukit.metrics._scores import (
    check_coverage,
    check_season,
    inside,
    interval_scores,
    naive_error,
    percentages,
    pinball_losses,
    ratios,
)

ERRORS = ["MAE", "RMSE", "MASE", "RMSSE", "sMAPE"]
_QUANTILE = re.compile(r"q0\.\d+")  # a column of a backtest


def score_forecasts(
    forecasts: pd.DataFrame, y: Any, *, by: Any = None, season: int | None = None, coverage: float | None = None
) -> pd.DataFrame:
    """Errors of forecasts, and beside them those of the seasonal naive forecast from the same origins.

    Parameters
    ----------
    forecasts : DataFrame
        As ``GRUForecaster.backtest`` gives them: columns series, origin, step, time, truth, prediction and, for intervals,
        lower and upper. Rows without a truth are left out.
    y : Series, DataFrame or array
        The series, which hold what lies before each origin.
    by : {"series", "step", "origin"} or list of these, default=None
        Columns of which each value, or pair of values, has a row of its own. None: one for all.
    season : int, default=None
        Steps in a season. None: by the frequency of y; a day, a week or a year.
    coverage : float, default=None
        How often the truth is to be inside of lower and upper. None: intervals are not judged.

    Returns
    -------
    DataFrame
        Index: ``by``, then forecast, "model" or "seasonal naive". Columns MAE, RMSE, MASE, RMSSE and sMAPE; with ``coverage``
        also coverage, width and interval score; of forecasts with quantiles, in columns such as q0.1, also pinball, the mean
        of their pinball losses. Errors are scaled by those of the seasonal naive forecast in what lies before
        the origin, each by its own, before they are averaged over the rows; a series that never changed has none, and is
        left out of the averages. The naive forecast is the latest known value a whole number of seasons before, or, where
        less than a season lies before an origin, the last value. Errors and pinball losses are of the rows for which those of
        both are known. The interval of the naive forecast is as wide as its own errors before the origin ask for; it is
        judged, unlike that of the model, on the rows alone for which these are enough. Its quantiles are those of its own
        errors.

    Raises
    ------
    ValueError
        For a column that is not there, or a series, an origin or a number that cannot be.
    """
    rows, levels = _rows_of(forecasts, coverage), _levels(by)
    series = read_series(y, allow_nan=True)
    m = series.grid.season if season is None else season
    check_season(m)
    quantiles = {name: float(name[1:]) for name in rows.columns if _QUANTILE.fullmatch(str(name))}
    levels_asked = np.array(list(quantiles.values()))
    naive, scales = _beside(rows, series, int(m), coverage, levels_asked)
    truth, found = rows["truth"].to_numpy(), {}
    bounds = None if coverage is None else (rows["lower"].to_numpy(), rows["upper"].to_numpy())
    found["model"] = _scores(truth, rows["prediction"].to_numpy(), bounds, scales, coverage)
    half = naive["half"]
    naive_bounds = None if coverage is None else (naive["prediction"] - half, naive["prediction"] + half)
    found["seasonal naive"] = _scores(truth, naive["prediction"], naive_bounds, scales, coverage)
    if quantiles:
        own, theirs = rows[list(quantiles)].to_numpy(), naive["prediction"][:, None] + naive["quantiles"]
        found["model"]["pinball"] = pinball_losses(truth, own, levels_asked)
        found["seasonal naive"]["pinball"] = pinball_losses(truth, theirs, levels_asked)
    judged = [*ERRORS, "pinball"] if quantiles else ERRORS
    both = found["model"][judged].notna() & found["seasonal naive"][judged].notna()
    for scores in found.values():
        scores[judged] = scores[judged].where(both)
    keys = [rows[level] for level in levels] or [pd.Series(0, index=rows.index)]
    pieces = []
    for name, scores in found.items():
        means = scores.groupby(keys, sort=False, dropna=False).mean()
        means[["RMSE", "RMSSE"]] = np.sqrt(means[["RMSE", "RMSSE"]])
        pieces.append(means.assign(forecast=name).set_index("forecast", append=True))
    table = pd.concat(pieces)
    # The model and the naive forecast of each, in turns.
    places = np.arange(len(table)).reshape(len(found), -1).T.ravel()
    return table.iloc[places] if levels else table.droplevel(0)


def _levels(by: Any) -> list[str]:
    levels = [] if by is None else list(by) if isinstance(by, list | tuple) else [by]
    if not all(level in ("series", "step", "origin") for level in levels):
        raise ValueError(f"by must be of 'series', 'step' and 'origin'; got {by!r}.")
    return levels


def _rows_of(forecasts: pd.DataFrame, coverage: float | None) -> pd.DataFrame:
    """The rows that have a truth, with all columns that are needed."""
    needed = ["series", "origin", "step", "truth", "prediction"]
    if coverage is not None:
        check_coverage(coverage)
        needed += ["lower", "upper"]
    lost = [name for name in needed if name not in getattr(forecasts, "columns", [])]
    if lost:
        raise ValueError(
            f"forecasts must have the columns {needed}, as GRUForecaster.backtest gives them; {lost} are not there."
        )
    rows = forecasts[forecasts["truth"].notna()]
    if len(rows) == 0:
        raise ValueError("forecasts has no row with a truth.")
    steps = rows["step"]
    if not pd.api.types.is_integer_dtype(steps.dtype) or steps.isna().any() or (steps < 1).any():
        raise ValueError(
            f"The column step of forecasts must hold integers, from 1 for the first after the origin on; it is {steps.dtype}, "
            f"from {steps.min()} to {steps.max()}."
        )
    judged = [name for name in rows.columns if name in needed[3:] or _QUANTILE.fullmatch(str(name))]
    plain = {name: _numbers(rows[name]) for name in judged}  # also of pandas' own kinds, and of Arrow's
    return rows.assign(step=steps.to_numpy(dtype=np.int64), **plain).reset_index(drop=True)


def _numbers(column: pd.Series) -> np.ndarray:
    """The numbers in a column of forecasts, NaN where one is missing."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise ValueError(f"The column {column.name} of forecasts must hold numbers; it is {column.dtype}.")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _beside(
    rows: pd.DataFrame, series: SeriesSet, season: int, coverage: float | None, levels: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The seasonal naive forecasts, half widths and quantiles of their errors, and what errors are scaled by, a row each."""
    number = {series.name_of(s): s for s in range(len(series))}
    n, ends = len(rows), dict[Any, int]()
    prediction, half, absolute, squared = (np.full(n, np.nan) for _ in range(4))
    quantiles = np.full((n, len(levels)), np.nan)
    for (name, origin), group in rows.groupby(["series", "origin"], sort=False, dropna=False):
        if plain_name(name) not in number:
            raise ValueError(f"forecasts are of series {name!r}; y has {list(number)[:5]}.")
        s = number[plain_name(name)]
        shared = id(series.times[s]), origin  # by most series
        if shared not in ends:
            ends[shared] = int(rows_at(series.times[s], pd.Index([origin]))[0])
        end = ends[shared]
        if end < 0:
            raise ValueError(f"forecasts are from the origin {origin}, which is not in the index of y.")
        past = series.values[series.offsets[s] : series.offsets[s] + end + 1]
        m = season if len(past) > season else 1
        own, steps = group.index.to_numpy(), group["step"].to_numpy()
        prediction[own] = _latest(past, m)[(steps - 1) % m]
        if len(past) > m:
            absolute[own], squared[own] = naive_error(past, m, 1), naive_error(past, m, 2)
        seasons = -(-steps // m)  # back to the latest known; what the steps of one ask for is alike
        for back in np.unique(seasons) if coverage is not None or len(levels) else ():
            changes, at = _changes(past, m * int(back)), own[seasons == back]
            if coverage is not None:
                half[at] = _half_width(changes, coverage)
            if len(levels) and len(changes):
                quantiles[at] = np.quantile(changes, levels)
    return {"prediction": prediction, "half": half, "quantiles": quantiles}, (absolute, squared)


def _latest(past: np.ndarray, m: int) -> np.ndarray:
    """The latest known value (m,) at each place of a season, beginning after the end; NaN where none is known."""
    seasons = np.append(np.full(-len(past) % m, np.nan), past).reshape(-1, m)
    known = ~np.isnan(seasons[::-1])
    return seasons[::-1][known.argmax(axis=0), np.arange(m)]


def _changes(past: np.ndarray, lag: int) -> np.ndarray:
    """The changes over ``lag`` steps that are known."""
    changes = past[lag:] - past[:-lag]
    return changes[~np.isnan(changes)]


def _half_width(changes: np.ndarray, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest of n absolute changes; NaN of too few."""
    rank = int(np.ceil((len(changes) + 1) * coverage - 1e-9))
    return float(np.sort(np.abs(changes))[rank - 1]) if 0 < rank <= len(changes) else np.nan


def _scores(
    truth: np.ndarray, predicted: np.ndarray, bounds: Any, scales: tuple[np.ndarray, np.ndarray], coverage: float | None
) -> pd.DataFrame:
    """Each row's errors, whose means are the scores, or their squares."""
    error = truth - predicted
    columns = {
        "MAE": np.abs(error),
        "RMSE": error**2,
        "MASE": ratios(np.abs(error), scales[0]),
        "RMSSE": ratios(error**2, scales[1]),
        "sMAPE": percentages(truth, predicted),
    }
    if coverage is not None:
        low, high = bounds
        columns["coverage"] = inside(truth, low, high)
        columns["width"] = high - low
        columns["interval score"] = interval_scores(truth, low, high, coverage)
    return pd.DataFrame(columns)
