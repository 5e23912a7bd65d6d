"""What a forecaster says beside its forecast: quantiles, and intervals around it."""

from abc import abstractmethod
from typing import Any

import numpy as np

from grukit.data import Observed, interval_columns, quantile_columns, sample_columns, write_forecasts
from grukit.estimators._adaptive import margins_of
from grukit.estimators._conformal import check_coverages
from grukit.estimators._forecast import forecast_state
from grukit.estimators._forecast_samples import check_samples, sample_paths, scores_of
from grukit.estimators._quantiles import chosen_levels, nearest_pair, pairs_of, point_of


class Intervals:
    """Quantiles and intervals of a forecaster."""

    def predict_quantiles(
        self, quantiles: Any = None, X: Any = None, context: Any = None, past_X: Any = None, *, static: Any = None
    ) -> Any:
        """Quantiles of the steps after the end of each series, as the network was trained for them.

        Nothing calibrates them: where the future is like what was trained on, a share of the truths as large as its level is
        below each. :meth:`predict_interval` is calibrated by truths that were no part of training.

        Parameters
        ----------
        quantiles : float or list of float, default=None
            Levels among those of the parameter ``quantiles``; None: all.
        X, context, past_X, static
            As in :meth:`predict`.

        Returns
        -------
        DataFrame
            A column a level; of a DataFrame y behind its columns, (column, quantile). None crosses another.

        Raises
        ------
        ValueError
            As :meth:`predict`, and for a model without quantiles, or levels that it was not fitted with.
        """
        chosen = chosen_levels(forecast_state(self).quantiles, quantiles)
        observed, ahead = self._ahead(X, context, past_X, static)
        series, columns = observed.series, quantile_columns([forecast_state(self).quantiles[m] for m in chosen])
        return write_forecasts(ahead[:, :, chosen], series.keys, series.ends, series.grid, series.form, columns)

    def predict_interval(
        self, coverage: Any = 0.9, X: Any = None, context: Any = None, past_X: Any = None, *, static: Any = None
    ) -> Any:
        """Intervals around the forecasts, by conformal calibration of each step ahead.

        Half the width of an interval is the ceil((n + 1) coverage)-th smallest absolute error at that step of forecasts from
        n origins that were no part of training, see the parameter ``calibration``: of the same series, or, where those are
        too few or the series is new, of all, in their standard deviations. With ``quantiles``, the interval between the two
        levels whose shares are nearest to ``coverage`` is widened, or narrowed, by as much as that many of these truths ask
        for, but always holds the median. It covers the truth of a new origin at least as often as it says, on average over
        origins, if that and those of calibration could be exchanged. With folds that is an estimate: their errors are those
        of copies, made smaller where the copies' learning curve is steep. A series that changes keeps no such promise, nor do
        all steps of one forecast at once. With ``adaptation_rate``, truths that :meth:`update` brings correct the widths,
        those of a context where it ends where the latest of these rows do. Of the coverages of one call, the interval of a
        larger one holds those of the smaller.

        Parameters
        ----------
        coverage : float or list of float, default=0.9
            How often the truth is to be inside.
        X, context, past_X, static
            As in :meth:`predict`.

        Returns
        -------
        DataFrame
            Columns lower and upper, of a list (coverage, bound); of a DataFrame y behind its columns.

        Raises
        ------
        ValueError
            As :meth:`predict`, and where nothing was kept to calibrate by, or too little for that coverage.

        References
        ----------
        Lei et al. (2018), Distribution-Free Predictive Inference for Regression.
        Romano, Patterson and Candes (2019), Conformalized Quantile Regression.
        Gibbs and Candes (2021), Adaptive Conformal Inference Under Distribution Shift.
        """
        coverages = check_coverages(coverage)
        observed, _, bounds = self._bounds(coverages, X, context, past_X, static)
        series, columns = observed.series, interval_columns(None if np.ndim(coverage) == 0 else coverages)
        return write_forecasts(np.stack(bounds, axis=2), series.keys, series.ends, series.grid, series.form, columns)

    def predict_samples(
        self,
        n_samples: int = 100,
        X: Any = None,
        context: Any = None,
        past_X: Any = None,
        *,
        static: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Paths that the steps after the end of each series may take, all steps of one together.

        To forecasts are added errors of forecasts that were no part of training, those that calibrate intervals, drawn with
        replacement: with ``strategy="direct"`` the errors of all steps from one origin, with "recursive" those of one step,
        drawn anew at every step and fed back. Of series that have fewer than 19 origins of their own, those of all, in their
        standard deviations. The same draw is taken for all series, so that series of one frame without missing values keep
        what they share; of columns with holes, a draw is of other times.

        Parameters
        ----------
        n_samples : int, default=100
            Paths.
        X, context, past_X, static
            As in :meth:`predict`.
        random_state : int, RandomState or None, default=None
            What is drawn.

        Returns
        -------
        DataFrame
            A column a path; of a DataFrame y behind its columns, (column, sample).

        Raises
        ------
        ValueError
            As :meth:`predict_interval`, and for a model with ``quantiles``.

        References
        ----------
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 8.5: residuals of a time series.
        """
        check_samples(forecast_state(self), n_samples)
        observed, ahead = self._ahead(X, context, past_X, static)
        series, columns = observed.series, sample_columns(n_samples)
        paths = sample_paths(self, forecast_state(self), observed, X, ahead[..., 0], n_samples, random_state)  # type: ignore[arg-type]
        return write_forecasts(paths, series.keys, series.ends, series.grid, series.form, columns)

    def _bounds(
        self, coverages: list[float], X: Any, context: Any, past_X: Any, static: Any = None
    ) -> tuple[Observed, np.ndarray, list[np.ndarray]]:
        """The series that are forecast, forecasts (S, H, M), and a lower and an upper bound (S, H) for each coverage."""
        state = forecast_state(self)
        scores, online = scores_of(state), state.online
        observed, ahead = self._ahead(X, context, past_X, static)
        if online is not None and context is not None:
            online = online.at(state.recent.series, observed.series)
        scale, bounds = state.figures_of(observed)[:, 1:], []
        median = point_of(state.quantiles, ahead)
        for each in coverages:
            pair = nearest_pair(state.quantiles, each)
            low, high = pairs_of(state.quantiles)[pair]
            margin = margins_of(scores, online, observed.series.keys, each, pair) * scale
            bounds.append([np.minimum(ahead[..., low] - margin, median), np.maximum(ahead[..., high] + margin, median)])
        order = np.argsort(coverages, kind="stable")
        lower = np.minimum.accumulate([bounds[at][0] for at in order])
        upper = np.maximum.accumulate([bounds[at][1] for at in order])
        places = np.argsort(order)
        return observed, ahead, [each[at] for at in places for each in (lower, upper)]

    @abstractmethod
    def _ahead(
        self, X: Any, context: Any, past_X: Any, static: Any = None, horizon: int | None = None
    ) -> tuple[Observed, np.ndarray]:
        """The series that are forecast, and forecasts (S, H, M)."""
