"""Many small forecasters, one a series: what ``GRUForecaster.fit_each`` gives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from grukit.data import beside_each_other, covariate_parts, one_below_another, series_parts
from grukit.estimators.each import Each


class EachForecaster(Each):
    """Forecasters, one a series."""

    def predict(self, X: Any = None, context: Any = None, past_X: Any = None, *, horizon: int | None = None) -> Any:
        """Forecast the steps after the end of each series by its own model, as its ``predict`` does.

        Parameters
        ----------
        X, context, past_X, horizon
            As in :meth:`GRUForecaster.predict`. ``context`` holds some or all of the series, as a panel or as the columns of
            a frame; None: all that were fitted. Covariates are those of a panel, or the same for all series.

        Returns
        -------
        Series or DataFrame
            A panel, or a frame with a column a series.

        Raises
        ------
        ValueError
            For bad input, naming the column, series or stamp; for a series that has no model, naming it.
        """
        return self._of_each(X, context, past_X, lambda model, **given: model.predict(**given, horizon=horizon))

    def predict_quantiles(self, quantiles: Any = None, X: Any = None, context: Any = None, past_X: Any = None) -> Any:
        """Quantiles of the forecasts, see :meth:`GRUForecaster.predict_quantiles`.

        Parameters
        ----------
        quantiles : float or list of float, default=None
            As there.
        X, context, past_X
            As in :meth:`predict`.

        Returns
        -------
        DataFrame
            A column for each level; of a frame with a column a series behind its columns.

        Raises
        ------
        ValueError
            As :meth:`predict`, and for levels that were not trained.
        """
        return self._of_each(X, context, past_X, lambda model, **given: model.predict_quantiles(quantiles, **given))

    def predict_interval(self, coverage: Any = 0.9, X: Any = None, context: Any = None, past_X: Any = None) -> Any:
        """Intervals around the forecasts, each calibrated on the series itself, see :meth:`GRUForecaster.predict_interval`.

        Parameters
        ----------
        coverage : float or list of float, default=0.9
            How often the truth is to be inside.
        X, context, past_X
            As in :meth:`predict`.

        Returns
        -------
        DataFrame
            Columns lower and upper, of a list (coverage, bound); of a frame with a column a series behind its columns.

        Raises
        ------
        ValueError
            As :meth:`predict`, and where nothing was kept to calibrate by, or too little for that coverage.
        """
        return self._of_each(X, context, past_X, lambda model, **given: model.predict_interval(coverage, **given))

    def _of_each(self, X: Any, context: Any, past_X: Any, call: Callable[..., Any]) -> Any:
        """What a call gives for each series, written together."""
        names, wide = self._names[[key in self._models for key in self._names.tolist()]], self._wide
        part = None
        if context is not None:
            members, part = series_parts(context, "context")
            names, wide = members.names, members.rows is None
        keys = names.tolist()
        models = [self._model_of(key) for key in keys]
        X_of, past_of = covariate_parts(X, "X"), covariate_parts(past_X, "past_X")
        answers = []
        for s, (key, model) in enumerate(zip(keys, models, strict=True)):
            with naming_series(key):
                answers.append(call(model, X=X_of(key), context=None if part is None else part(s), past_X=past_of(key)))
        return beside_each_other(answers, names) if wide else one_below_another(answers, names)


@contextmanager
def naming_series(key: Any) -> Iterator[None]:
    """Say which series it is that something is wrong with."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Series {key!r}: {error}") from error
