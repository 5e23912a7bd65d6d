"""What a fitted forecaster shows of what it learned."""

from typing import ClassVar

from grukit.estimators._forecast import ForecastState, forecast_state
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

    @property
    def normalize_(self) -> str | None:
        """str or None: What windows are relative to, "last", "mean" or None."""
        return forecast_state(self).final.normalize

    @property
    def calendar_(self) -> tuple[str, ...]:
        """tuple of str: The fields of the calendar that are read."""
        return forecast_state(self).columns.calendar

    @property
    def linear_lags_(self) -> int:
        """int: Rows that the linear part reads."""
        return forecast_state(self).final.n_lags
