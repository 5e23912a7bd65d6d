"""The calendar that a forecaster reads by itself: left out where it tells the series nothing."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from grukit.data import Observed, Scaler, calendar_tells, most_lags
from grukit.estimators._forecast import measured
from grukit.estimators._forecast_folds import calibration_of
from grukit.estimators._forecast_network import layout_of
from grukit.estimators._forecast_split import seen_by, split

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


def with_useful_calendar(model: "GRUForecaster", observed: Observed) -> Observed:
    """What was observed, without a calendar that was not asked for and tells nothing of what training sees.

    See :func:`grukit.data.calendar_gain.calendar_tells`.
    """
    form = observed.form
    if not isinstance(model.calendar, str) or not form.calendar:
        return observed
    layout, positions, series = layout_of(model, observed), observed.series.positions(), observed.series
    origins = split(model, observed, layout, positions, calibration_of(model, series) == "split")
    seen = seen_by(origins, positions, layout)
    early = (series.values[piece][seen[piece]] for piece in series.pieces())
    figures = np.array([measured(values, model.standardize, 1.0) for values in early])
    rows = observed.standardized(figures, Scaler.fit(observed.covariates[seen]))
    n_lags, ends = most_lags(layout, model.linear_lags), rows.of_each(origins.training, layout)
    if calendar_tells(rows, layout, form.n_static - len(form.embedded), n_lags, ends):
        return observed
    first = len(form.past) + len(form.known)
    fields = range(first, first + 2 * len(form.calendar))
    return replace(observed, covariates=np.delete(observed.covariates, fields, axis=1), form=replace(form, calendar=()))
