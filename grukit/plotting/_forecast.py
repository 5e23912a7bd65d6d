"""Predictions beside observed values."""

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from grukit.data import as_samples, check_same_index
from grukit.estimators._forecast_attributes import FittedForecaster
from grukit.estimators.one_model import one_model
from grukit.plotting._common import (
    ALONE,
    DASHED,
    SOLID,
    axes_or_new,
    axis_of,
    concise_dates,
    one_series,
    require_matplotlib,
    show_alone,
)
from grukit.plotting._fan import bands_of, check_fan, draw_bands, draw_history, series_of, truth_of
from grukit.plotting._outputs import check_outputs, one_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ForecastDisplay:
    """Predictions beside observed values, over time.

    Parameters
    ----------
    truth : Series of shape (n,)
        Its name is the label of the y axis. NaN where nothing is known.
    predictions : Series of shape (n,)
        On the same index. Its name is the line's label in the legend.
    history : Series, default=None
        What lies before.
    intervals : DataFrame, default=None
        Of ``GRUForecaster.predict_interval`` for several coverages: columns (coverage, bound), on the index of the
        predictions.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    truth_line_, prediction_line_ : matplotlib Line2D
        The two lines.
    history_line_ : matplotlib Line2D or None
        What lies before.
    bands_ : list of matplotlib PolyCollection
        The intervals, the widest first.

    Raises
    ------
    TypeError
        Where one of the series is none.
    ValueError
        Where they have different indexes, or intervals no such columns.
    """

    def __init__(
        self,
        truth: pd.Series,
        predictions: pd.Series,
        *,
        history: pd.Series | None = None,
        intervals: pd.DataFrame | None = None,
    ):
        for name, series in (("truth", truth), ("predictions", predictions)):
            if not isinstance(series, pd.Series):
                raise TypeError(f"{name} must be a pandas Series; got {type(series).__name__}.")
        if not truth.index.equals(predictions.index):
            raise ValueError(
                f"truth and predictions have different indexes, of {len(truth)} and {len(predictions)} rows. "
                "Align them first, for instance with truth.reindex(predictions.index)."
            )
        check_fan(history, intervals, predictions.index)
        self.truth, self.predictions, self.history, self.intervals = truth, predictions, history, intervals

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        y: Any,
        *,
        output: Any = None,
        series: Any = None,
        context: Any = "auto",
        unit: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Predict X and draw the predictions beside y.

        Parameters
        ----------
        model : GRURegressor
            Fitted.
        X, context
            As in ``predict``.
        y : as in ``fit``
            Observed values. Unlike there it may hold NaN.
        output : label or int, default=None
            Column of y, by its name, or its number where y is an array; None: the only one.
        series : label or tuple, default=None
            Series of a panel, or number of a sequence that has a target at every step; None: the only one.
        unit : str, default=None
            Unit of y, for labels.
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        sklearn.exceptions.NotFittedError
            Where ``model`` was not fitted.
        TypeError
            For a classifier, or what is no estimator of X and y.
        ValueError
            For an X that ``predict`` refuses, a y that does not belong to it or has other columns than in ``fit``, or an
            ``output`` or ``series`` that is not there.
        """
        require_matplotlib()
        state = one_model(model)
        if state.labels is not None:
            raise TypeError(f"Give a fitted GRURegressor; labels, as of {type(model).__name__}, have no errors.")
        form, X = state.outputs, as_samples(X, sequences=state.inputs.kind == "sequences")
        check_same_index(X, y)
        check_outputs(y, form)
        k = form.number_of(output)
        truth, predictions = (
            one_series(one_output(values, k, X, form.per_step), series)
            for values in (y, model.predict(X, context=context))
        )
        name = None if form.names is None else form.names[k]
        return cls(truth.rename(name), predictions.rename(type(model).__name__)).plot(ax, unit=unit)

    @classmethod
    def from_forecaster(
        cls,
        model: Any,
        y: Any,
        *,
        truth: Any = None,
        X: Any = None,
        past_X: Any = None,
        coverage: Any = (0.5, 0.9),
        series: Any = None,
        n_history: int | None = None,
        unit: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Forecast from the end of y, and draw what lies before, the forecast and intervals around it.

        Parameters
        ----------
        model : GRUForecaster
            Fitted.
        y, X, past_X
            As ``context`` and what belongs to it in ``predict``.
        truth : as y, default=None
            What is known of the steps ahead, or more; by its index, or of an array from the first row of y on.
        coverage : float, list of float or None, default=(0.5, 0.9)
            Of the intervals; None: none.
        series : label or tuple, default=None
            Column of a frame or series of a panel; None: the only one.
        n_history : int, default=None
            Rows of y that are drawn; None: three times as many as are forecast.
        unit : str, default=None
            Unit of y, for labels.
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        sklearn.exceptions.NotFittedError
            Where ``model`` was not fitted.
        TypeError
            Where ``model`` is no forecaster.
        ValueError
            For what ``predict`` and ``predict_interval`` refuse, or a ``series`` that is not there.
        """
        require_matplotlib()
        one_model(model, FittedForecaster)
        if not (n_history is None or (isinstance(n_history, Integral) and n_history >= 0)):
            raise ValueError(f"n_history must be a number of rows, or None; got {n_history!r}.")
        predictions = series_of(model.predict(X, context=y, past_X=past_X), series)
        history, known = series_of(y, series), truth_of(truth, series, predictions.index)
        intervals = None
        if coverage is not None:
            asked = model.predict_interval(np.atleast_1d(coverage).tolist(), X, context=y, past_X=past_X)
            intervals = bands_of(asked, series)
        n_history = 3 * len(predictions) if n_history is None else n_history
        history = history.iloc[max(0, len(history) - n_history) :]
        known.name = history.name
        display = cls(known, predictions.rename(type(model).__name__), history=history, intervals=intervals)
        return display.plot(ax, unit=unit)

    def plot(self, ax: "Axes | None" = None, *, unit: str | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.
        unit : str, default=None
            Unit of both, for the labels.

        Returns
        -------
        self
        """
        ax = axes_or_new(ax)
        times, label = axis_of(self.truth.index)
        name = "prediction" if self.predictions.name is None else str(self.predictions.name)
        known = bool(self.truth.notna().any())
        self.bands_ = draw_bands(ax, times, self.intervals)
        self.history_line_ = draw_history(ax, self.history)
        (self.truth_line_,) = ax.plot(times, self.truth, label="truth" if known else None, **SOLID)
        (self.prediction_line_,) = ax.plot(times, self.predictions, label=name, **DASHED)
        show_alone(self.truth_line_, 2 * ALONE)  # so that it is seen around the prediction
        show_alone(self.prediction_line_, ALONE)
        quantity = "Value" if self.truth.name is None else str(self.truth.name)
        error = f"Mean absolute error {(self.predictions - self.truth).abs().mean():.3g}{'' if unit is None else f' {unit}'}"
        ax.set(
            title=error if known else f"{len(times)} step{'s' * (len(times) > 1)} ahead",
            xlabel=label,
            ylabel=quantity if unit is None else f"{quantity} ({unit})",
        )
        concise_dates(ax)
        ax.margins(y=0.12 if self.intervals is None else 0.2)  # room for the legend
        ax.legend(ncols=2 + 3 * (self.intervals is not None))
        self.ax_, self.figure_ = ax, ax.figure
        return self
