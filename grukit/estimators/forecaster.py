"""Forecasts of time series: many steps ahead, of one series or many."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context

from grukit.cores import single_threaded_blas
from grukit.data import Observed, write_forecasts
from grukit.engines import select_engine
from grukit.estimators._backtest import Backtests
from grukit.estimators._checkpoints import check_resume
from grukit.estimators._declare import with_parameters
from grukit.estimators._each_fit import ForecastsEach
from grukit.estimators._exclusions import check_parameters
from grukit.estimators._forecast import check_horizon, forecast_ahead, forecast_state, read_context
from grukit.estimators._forecast_attributes import FittedForecaster
from grukit.estimators._forecast_calendar import with_useful_calendar
from grukit.estimators._forecast_fit import learn
from grukit.estimators._forecast_intervals import Intervals
from grukit.estimators._forecast_parameters import ForecastParameters
from grukit.estimators._forecast_refit import check_epochs, updated
from grukit.estimators._forecast_static import with_static
from grukit.estimators._predicting import NO_WINDOWS
from grukit.estimators._quantiles import point_of


@with_parameters
class GRUForecaster(FittedForecaster, Intervals, Backtests, ForecastsEach, ForecastParameters, BaseEstimator):
    """Forecasts by gated recurrent units: many steps ahead, of one series or many, with covariates and intervals.

    A window of the last rows is read by stacked GRU layers, whose last state gives all steps of the horizon at once, beside
    a linear map of the same rows, fitted in closed form, at which training begins.

    References
    ----------
    Lai et al. (2018), Modeling Long- and Short-Term Temporal Patterns with Deep Neural Networks: a linear part beside a
    recurrent one.
    Zeng et al. (2023), Are Transformers Effective for Time Series Forecasting: values relative to the latest one.

    Examples
    --------
    >>> from grukit import GRUForecaster
    >>> from grukit.datasets import load_elnino
    >>> sst = load_elnino()["sst"]
    >>> model = GRUForecaster(horizon=6, window=24, hidden_layer_sizes=8, max_iter=10, random_state=0).fit(sst)
    >>> forecast = model.predict()
    >>> forecast.name, forecast.index[0].strftime("%Y-%m"), len(forecast)
    ('sst', '2011-01', 6)
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, y: Any, X: Any = None, past_X: Any = None, *, static: Any = None, resume: bool = False) -> Self:
        """Learn from series.

        Parameters
        ----------
        y : Series, DataFrame or array of shape (n,) or (n, n_series)
            A series; a DataFrame with a column a series; or, with a MultiIndex (series, ..., time), a panel, whose series may
            differ in length and end. The index holds times, with or without a time zone, periods or numbers, in order and
            without gaps.
        X : DataFrame or Series, default=None
            Covariates that are known ahead, at every step of y; further rows are not looked at. On an index of times for all
            series, or, of a panel, of (series, time).
        past_X : DataFrame or Series, default=None
            Covariates that are known up to the origin only, alike.
        static : DataFrame, default=None
            What is known of each series and never changes, a row for each, whose index names the series, or the columns of y.
            Numbers, standardised by the mean and deviation over the series, and categories (strings, objects, booleans or
            categoricals), at most 100,000 a column. Up to 32 in a column are an input each; of more, each is the fourth root
            of as many numbers, which the network learns and the linear part does not read, on the CPU alone. All is read at
            every row, beside the covariates known ahead. Not with ``channels="joint"``.
        resume : bool, default=False
            Go on at the file that the parameter ``checkpoint`` names, where an earlier call with the same data and parameters
            was ended, to the bits that it would have come to. Where there is no such file yet, training begins.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            Where y, X, past_X or static is of no such kind.
        ValueError
            For bad input, naming the parameter, column, series or first stamp that is wrong.
        RuntimeError
            For ``device="cuda"`` without a GPU, its package or enough of its memory.
        """
        check_parameters(self)
        check_resume(self, resume)
        lacks = NO_WINDOWS if self.normalize == "window" else ""
        select_engine(self.device, lacks=lacks)  # says what is missing before any work
        before = forecast_state(self) if self.warm_start and self.__sklearn_is_fitted__() else None
        known = None if before is None else (before.grid, before.columns)
        zone = None if before is None else before.recent.series.zone
        observed = Observed.read(y, X, past_X, self.calendar, self.missing != "error", known, zone=zone)
        if self.channels == "joint" and observed.series.form.kind != "frame":
            raise ValueError("channels='joint' reads all columns of a DataFrame on one index; y is none.")
        observed = with_static(self, observed, static, before)
        if self.strategy == "recursive" and (self.channels == "joint" or observed.form.past):
            what = "channels='joint'" if self.channels == "joint" else f"past_X, {observed.form.past},"
            raise ValueError(
                f"strategy='recursive' goes on from its own forecasts, which {what} has none for. Use 'direct'."
            )
        with single_threaded_blas():  # for the linear part and L-BFGS
            observed = observed if before else with_useful_calendar(self, observed)
            self._fitted = learn(self, observed, before, resume)
        return self

    def predict(
        self, X: Any = None, context: Any = None, past_X: Any = None, *, static: Any = None, horizon: int | None = None
    ) -> Any:
        """Forecast the steps after the end of each series.

        Parameters
        ----------
        X : DataFrame or Series, default=None
            The covariates known ahead, at every step of the horizon, and at the last ``window`` rows of ``context``, where it
            is given. Needed where ``fit`` had them.
        context : as y in ``fit``, default=None
            Series to forecast from their ends instead: the same at other origins, or others; in another time zone they are
            brought to that of ``fit``. None: those of ``fit``.
        past_X : DataFrame or Series, default=None
            The covariates known up to the origin at the last ``window`` rows of ``context``.
        static : DataFrame, default=None
            Of the series of ``context`` that ``fit`` did not have; of others what is given counts instead.
        horizon : int, default=None
            Steps ahead. None: as many as in ``fit``. With fewer, ``strategy="direct"`` still forecasts all those of ``fit``,
            and needs X for them.

        Returns
        -------
        Series or DataFrame
            In the form of y: its name or columns, the kind, frequency and time zone of its index. Medians, where
            ``quantiles`` are forecast.

        Raises
        ------
        ValueError
            For bad input, naming the column, series or first stamp that is wrong.
        sklearn.exceptions.NotFittedError
            Before ``fit``.

        Warns
        -----
        UserWarning
            Where ``horizon`` is beyond that of ``fit``: later steps are forecast from forecasts.
        """
        observed, ahead = self._ahead(X, context, past_X, static, horizon)
        series, point = observed.series, point_of(forecast_state(self).quantiles, ahead)
        return write_forecasts(point, series.keys, series.ends, series.grid, series.form)

    def _ahead(
        self, X: Any, context: Any, past_X: Any, static: Any = None, horizon: int | None = None
    ) -> tuple[Observed, np.ndarray]:
        """The series that are forecast, and forecasts (S, H, M), see :func:`forecast_ahead`."""
        state = forecast_state(self)
        check_horizon(state, horizon)
        if context is None:
            for name, given in (("past_X", past_X), ("static", static)):
                if given is not None:
                    raise ValueError(f"{name} goes with context; that of fit is known. Leave it out.")
            observed = state.recent if state.online is None else state.recent.tail(state.layout.window)
        else:
            observed = with_static(self, read_context(state, context, X, past_X), static, state)
        return observed, forecast_ahead(self, state, observed, X, horizon)

    def update(
        self, y: Any, X: Any = None, past_X: Any = None, *, static: Any = None, refit: int | None = None
    ) -> Self:
        """Move the origin: let later rows of the series follow; train further where that is asked for.

        Parameters
        ----------
        y : as in ``fit``
            Rows that begin one step after the end of each series; with ``refit`` also earlier, at any row before. Of a panel,
            series that are left out stay where they are, and new ones are taken up; of a DataFrame, all columns go on
            together; a single series keeps its name.
        X, past_X : DataFrame or Series, default=None
            The covariates at these rows; further rows of X are not looked at.
        static : DataFrame, default=None
            Of series that are new; of others nothing else may be told than before.
        refit : int, default=None
            Epochs of training, from the weights and moments as they are, on all rows that are known then: those of y, and
            before them the last ``window`` rows of each series, which are all that a model keeps. So give the whole history
            for training on the whole history. Nothing is held out: neither early stopping nor calibration takes part, and no
            ``checkpoint`` is written; scaling and the linear part stay as ``fit`` found them. The same as ``fit`` on these
            rows with ``warm_start=True``, ``max_iter=refit``, and without these three. None or 0: nothing is trained.

        Returns
        -------
        self
            ``predict`` then forecasts from the new ends. Intervals stay as wide as they were calibrated, by errors of the
            model before it trained further, or with ``adaptation_rate`` follow how often the new values were outside.

        Raises
        ------
        ValueError
            For bad input, naming the column, series or first stamp that is wrong; where a series does not go on where it
            ended, a single series goes on under another name, or some columns of a DataFrame are left out; with ``refit``,
            where rows before that end differ from those that the model knows, there is no origin to learn from, or
            parameters changed that training goes on with. The model is then as before.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        state = forecast_state(self)
        check_epochs(refit)
        allow_nan, known = state.inputs.missing != "error", (state.grid, state.columns)
        later = Observed.read(y, X, past_X, None, allow_nan, known, zone=state.recent.series.zone)
        if state.layout.n_joint > 1 and later.series.keys != state.recent.series.keys:
            raise ValueError("With channels='joint', y has the columns of fit, in that order, in every row.")
        later = with_static(self, state.recent.named_alike(later), static, state, lasting=True)
        self._fitted = updated(self, state, later, refit)
        return self
