"""What a fitted forecaster shows of what it learned."""

from typing import Any, ClassVar

from grukit.estimators._forecast import ForecastState, forecast_state
from grukit.estimators._forecast_server import ForecastPredictor
from grukit.estimators._forecast_stream import ForecastStream
from grukit.estimators._summary import forecast_summary_of
from grukit.estimators.attributes import FittedNetwork


class FittedForecaster(FittedNetwork):
    """What a forecaster shows of its :class:`ForecastState`."""

    _record: ClassVar[type] = ForecastState
    _chosen_by: ClassVar[tuple[str, ...]] = ()

    def summary(self) -> str:
        """Tell what was fitted in words: series, covariates, layers, what was chosen and why training ended.

        Returns
        -------
        str
            Lines.
        """
        return forecast_summary_of(forecast_state(self))

    def predictor(self, series: Any = None) -> ForecastPredictor:
        """Return an object for fast forecasts of windows of one series: checks are done once, a call takes microseconds.

        Parameters
        ----------
        series : label or tuple, default=None
            The series of ``fit`` whose mean and deviation count. None: the only one.

        Returns
        -------
        ForecastPredictor
            Called with the last values of the series, an array, or a batch of such windows. It keeps the model as it is now.

        Raises
        ------
        ValueError
            For a model with covariates, a calendar, missing values, ``channels="joint"`` or ``strategy="recursive"``, or a
            ``series`` that is not there.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        state = forecast_state(self)
        keys = list(state.figures)
        return ForecastPredictor(state, keys[0] if series is None and len(keys) == 1 else _key_of(series))

    def stream(self, series: Any = None) -> ForecastStream:
        """Return an object that takes a row of the series at a time, keeps the state, and forecasts from there.

        Parameters
        ----------
        series : label, tuple or list of these, default=None
            The series of ``fit`` that advance together, one or several, whose means and deviations count. None: all, in the
            order of ``fit``.

        Returns
        -------
        ForecastStream
            Its history is every row since it began, which is empty. It keeps the model as it is now.

        Raises
        ------
        ValueError
            For a model with covariates, with ``strategy="recursive"``, with ``strategy="decoder"`` and a calendar, with
            ``normalize="window"``, a ``segment`` or both directions; for some of the series of ``channels="joint"``, or a
            series that is not there.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        state = forecast_state(self)
        keys = list(state.figures)
        if series is not None:
            keys = [_key_of(each) for each in (series if isinstance(series, list) else [series])]
        return ForecastStream(state, keys)

    @property
    def normalize_(self) -> str | None:
        """str or None: What windows are relative to, "last", "mean", "window" or None."""
        return forecast_state(self).final.normalize

    @property
    def network_weight_(self) -> float | None:
        """float or None: How much of what the network learned is added to the linear part, from 0 to 1.

        By blocks in time that were no part of training, those that calibrate intervals: the largest that keeps nine tenths of
        what the best one gains there, or less, the more the blocks differ. ``weights_`` hold it already. None where there were
        none, quantiles are forecast, or ``weights_`` were set.
        """
        return forecast_state(self).weight

    @property
    def alone_(self) -> float | None:
        """float or None: Loss of the network alone as a share of that beside the linear part; None: not tried.

        On five blocks in time of what early stopping watches: the mean of the ratio of their means and of the ratio in the
        worst of them. Below 0.95 the network alone is kept.
        """
        return forecast_state(self).choices.alone

    @property
    def calendar_(self) -> tuple[str, ...]:
        """tuple of str: The fields of the calendar that are read."""
        return forecast_state(self).columns.calendar

    @property
    def linear_lags_(self) -> int:
        """int: Rows that the linear part reads."""
        return forecast_state(self).final.n_lags


def _key_of(series: Any) -> tuple[Any, ...]:
    """The key of a series, of the levels of its name."""
    return series if isinstance(series, tuple) else (series,)
