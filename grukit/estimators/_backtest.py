"""Forecasts from several origins in the past, each by a copy that was fitted to what lies before it."""

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import joblib
import numpy as np
from sklearn.base import clone

from grukit.data import SeriesSet, backtest_origins, beside_truth, going_on, joined, read_series, up_to
from grukit.estimators._conformal import check_coverages
from grukit.estimators._forecast import forecast_state
from grukit.estimators._quantiles import point_of

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


class BacktestSettings(NamedTuple):
    """How a backtest is made, see ``GRUForecaster.backtest``."""

    n_splits: int
    stride: int | None
    train_size: int | None
    refit: bool
    coverage: float | None
    n_jobs: int | None
    static: Any


def check_splits(n_splits: Any, stride: Any, train_size: Any, n_jobs: Any) -> None:
    """Raise for what is no number of origins, steps, rows or processes."""
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0):
        raise ValueError(
            f"n_jobs must be a number of processes, not 0, -1 for as many as cores, or None; got {n_jobs!r}."
        )
    for name, value, optional in (
        ("n_splits", n_splits, False),
        ("stride", stride, True),
        ("train_size", train_size, True),
    ):
        if value is None and optional:
            continue
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a positive integer{' or None' if optional else ''}; got {value!r}.")


def _one_of(coverages: list[float]) -> float:
    """The one coverage that intervals of a backtest have."""
    if len(coverages) > 1:
        raise ValueError(f"coverage of a backtest must be one number between 0 and 1, or None; got {coverages}.")
    return coverages[0]


def backtest(model: "GRUForecaster", y: Any, X: Any, past_X: Any, settings: BacktestSettings) -> Any:
    """Forecasts beside the truth, in long form."""
    if settings.refit:
        horizon, grid = model.horizon, None
    else:
        state = forecast_state(model)
        horizon, grid = state.steps, state.grid
    series = read_series(y, model.missing != "error", grid)
    origins = backtest_origins(series, horizon, settings.n_splits, settings.stride)
    if not settings.refit:
        _check_unseen(model, series, origins[0], settings.coverage is not None)
        found = [_from_origin(model, y, X, past_X, series, origin, settings) for origin in origins]
    else:
        run = joblib.Parallel(n_jobs=settings.n_jobs)
        copies = [clone(model).set_params(checkpoint=None) for _ in origins]  # the file is of the model's own fit
        found = run(
            joblib.delayed(_from_origin)(copy, y, X, past_X, series, origin, settings)
            for copy, origin in zip(copies, origins, strict=True)
        )
    _warn_of_ended(series, origins[0])
    return joined(found)


def _warn_of_ended(series: SeriesSet, first: Any) -> None:
    """Warn of series that are in no forecast, since they end before the ``first`` origin or at it."""
    ended = [key for key, last in zip(series.keys, series.ends, strict=True) if last <= first]
    if ended and len(ended) < len(series.keys):
        names = ", ".join(str(key[0] if len(key) == 1 else key) for key in ended[:3])
        warnings.warn(
            f"{len(ended)} of {len(series.keys)} series end before the first origin, {first}, or at it, and are not judged: "
            f"{names}{', ...' if len(ended) > 3 else ''}. More splits, or a longer stride, begin earlier.",
            stacklevel=4,
        )


def _check_unseen(model: "GRUForecaster", series: SeriesSet, origin: Any, intervals: bool) -> None:
    """Raise where the model was fitted to truths after an origin, or holds the coverage of ``intervals`` by them."""
    state = forecast_state(model)
    ends, held = state.ends, {}
    if intervals and state.online is not None:
        held = dict(zip(state.recent.series.keys, state.recent.series.ends, strict=True))
    for s, (key, last) in enumerate(zip(series.keys, series.ends, strict=True)):
        if last <= origin:  # no truth is asked for
            continue
        end = ends.get(key)
        if end is not None and end > origin:
            raise ValueError(
                f"The model was fitted to rows up to {end}, which is after the origin {origin}: it has seen the truth. Fit it "
                "to earlier rows, make fewer splits, or use refit=True."
            )
        if key in held and held[key] > origin:
            raise ValueError(
                f"With adaptation_rate, intervals go by rows up to {held[key]}, which update brought, and that is after the "
                f"origin {origin}. Leave coverage out, make fewer splits, or use refit=True."
            )
        if end is None and max(ends.values()) > origin:
            warnings.warn(
                f"No series of fit is called as y{series.where(s)} is, and some went on to {max(ends.values())}, after the "
                f"origin {origin}: if it is one of them, the model has seen the truth.",
                stacklevel=4,
            )
            return


def _from_origin(
    model: "GRUForecaster", y: Any, X: Any, past_X: Any, series: SeriesSet, origin: Any, settings: BacktestSettings
) -> Any:
    """Forecasts from one origin."""
    past = up_to(y, origin, settings.train_size if settings.refit else None)
    judged = going_on(past, origin, series)
    context: dict[str, Any] = {"context": judged, "past_X": past_X, "static": settings.static}
    if settings.refit:
        model.fit(past, X, past_X, static=settings.static)
        if judged is past:
            context = {"context": None, "past_X": None}
    bounds = {}
    if settings.coverage is None:
        observed, ahead = model._ahead(X, **context)
    else:
        observed, ahead, (lower, upper) = model._bounds([settings.coverage], X, **context)
        bounds = {"lower": lower, "upper": upper}
    levels = forecast_state(model).quantiles
    names = [f"q{np.format_float_positional(level, trim='-')}" for level in levels]  # never as a power of ten
    quantiles = {name: ahead[..., m] for m, name in enumerate(names)}
    forecasts = {"prediction": point_of(levels, ahead), **bounds, **quantiles}
    return beside_truth(forecasts, observed.series.keys, observed.series.ends, origin, series)


class Backtests:
    """The backtest of a forecaster."""

    def backtest(
        self,
        y: Any,
        X: Any = None,
        past_X: Any = None,
        *,
        static: Any = None,
        n_splits: int = 5,
        stride: int | None = None,
        train_size: int | None = None,
        refit: bool = True,
        coverage: float | None = None,
        n_jobs: int | None = None,
    ) -> Any:
        """Forecast from several origins in the past, and put the truth beside.

        Parameters
        ----------
        y, X, past_X, static
            As in :meth:`fit`.
        n_splits : int, default=5
            Origins: the last one of which the whole horizon is known, and those before it.
        stride : int, default=None
            Steps from an origin to the next. None: the horizon, so that no truth is used twice.
        train_size : int, default=None
            Rows of each series before an origin that a copy is fitted to. None: all.
        refit : bool, default=True
            Fit a copy to what lies before each origin, with these parameters; this estimator need not be fitted, and is not
            changed. False: forecast with this one as it was fitted, which must not have seen what lies after an origin.
        coverage : float, default=None
            Of intervals; None: none are made.
        n_jobs : int, default=None
            Processes of joblib that fit copies; None: one, -1: as many as cores.

        Returns
        -------
        DataFrame
            Columns series, origin (the last stamp that is known), step (1 to the horizon), time, truth, prediction and, with
            ``coverage``, lower and upper, with ``quantiles`` a column of each level, such as q0.1; a row for each step of
            each series from each origin. See ``grukit.metrics.score_forecasts``.

        Raises
        ------
        ValueError
            As :meth:`fit`; where y is too short for as many origins; and, without ``refit``, for an origin before the end of
            what the model was fitted to, or, with ``coverage`` and ``adaptation_rate``, of what :meth:`update` brought.

        Warns
        -----
        UserWarning
            Where series end before the first origin and so have no rows. Without ``refit``, for a series by a name that
            ``fit`` did not have, from origins before the end of one that it had.
        """
        check_splits(n_splits, stride, train_size, n_jobs)
        coverage = None if coverage is None else _one_of(check_coverages(coverage))
        settings = BacktestSettings(n_splits, stride, train_size, refit, coverage, n_jobs, static)
        return backtest(self, y, X, past_X, settings)  # type: ignore[arg-type]
