"""What must be true of a forecaster's record that was not made by ``fit``, such as one from a file."""

import sys
from itertools import pairwise
from typing import Any

import numpy as np

from grukit.data import CALENDAR, Layout, LinearHorizon, Observed, StaticColumn, are_of_kind
from grukit.estimators._checks import (
    check_array,
    check_choices,
    check_form,
    check_scaler,
    check_spec,
    check_training,
    check_weight,
    demand,
)
from grukit.estimators._conformal import Scores
from grukit.estimators._forecast import ForecastState
from grukit.estimators._forecast_fit import KEPT
from grukit.estimators._forecast_network import decoder_of, embeddings_of
from grukit.estimators._forecast_parameters import LOSSES, NORMALIZE
from grukit.estimators._quantiles import MEDIAN, pairs_of

MOST = 1 << 31  # of rows and steps


def check_forecast_state(state: ForecastState) -> None:
    """Raise where parts of a record do not fit together.

    Raises
    ------
    ValueError
        Naming the part.
    """
    spec, inputs, layout = state.spec, state.inputs, state.layout
    check_spec(spec)
    _check_objective(state)
    C, D, K = _check_layout(state)
    demand(inputs.kind == "table" and inputs.features is None, "inputs is of a table of X.")
    demand(inputs.missing in ("error", "mask") and not spec.decay, f"inputs.missing is {inputs.missing!r:.80}.")
    demand(inputs.window == layout.window, "inputs.window and layout.window differ.")
    demand(0 < layout.segment <= layout.window and spec.segment == layout.segment, "layout has a segment that is none.")
    columns = layout.segment * (D if inputs.missing == "error" else 2 * D)
    demand(spec.n_inputs == columns, f"spec.n_inputs does not fit {D} columns.")
    demand(not layout.decodes or layout.horizon % layout.segment == 0, "layout.horizon is of no whole segments.")
    demand(spec.decoder == decoder_of(layout, inputs.missing), "spec.decoder is not that of the layout.")
    demand(spec.embeddings == embeddings_of(layout, state.columns), "spec.embeddings are not those of columns.static.")
    demand(state.labels is None and state.classes is None and state.tail is None, "labels, classes or a tail is there.")
    check_form(state.outputs, K, K, False, "outputs")
    check_scaler(state.levels, C, "levels", "identity")
    check_scaler(state.x_scaler, D, "x_scaler", "identity")
    check_scaler(state.y_scaler, K, "y_scaler", "identity")
    check_array(state.parameters, (spec.n_parameters,), state.parameters.dtype, "parameters")
    demand(np.isfinite(state.parameters).all(), "parameters hold NaN or infinity.")
    check_choices(state, D, K)
    demand(state.choices.linear is None and (state.choices.anchors == -1).all(), "choices hold lags or anchors of X.")
    check_training(state.training, state.parameters)
    for name in ("linear", "final"):
        _check_linear(getattr(state, name), layout, name)
    alike = [(each.normalize, each.unit) for each in (state.linear, state.final)]
    demand(alike[0] == alike[1], "linear and final are relative to something else.")
    demand(alike[0][0] != "window" or state.choices.differenced is None, "choices.differenced is there, of windows.")
    _check_recent(state, C)
    _check_series(state)
    shape = state.steps, len(pairs_of(state.quantiles))
    if state.scores is not None:
        _check_scores(state.scores, shape)
    check_weight(state)
    if state.online is not None:
        demand(state.scores is not None and 0 < state.online.rate < 1, "online is there without scores, or of no rate.")
        for errors in state.online.errors.values():
            _check_errors(errors, (max(len(errors), state.steps), *shape), "online.errors")


def _check_scores(scores: Scores, shape: tuple[int, int]) -> None:
    demand(scores.n > 0, "scores have no errors.")
    demand(list(scores.errors) == list(scores.residuals), "scores.residuals are of other series than scores.errors.")
    for key, errors in scores.errors.items():
        _check_errors(errors, (len(errors), *shape), "scores.errors")
        _check_errors(scores.residuals[key], (len(errors), shape[0]), "scores.residuals")


def _check_objective(state: ForecastState) -> None:
    """Raise where the loss is none of a forecaster's, or its levels are none of quantiles."""
    loss, parameter, link = state.training.objective
    demand(link == "identity", f"training.objective.link is {link!r:.80}.")
    if not isinstance(parameter, tuple):
        demand(loss in LOSSES, f"training.objective.loss is {loss!r:.80}.")
        return
    ascending = all(low < high for low, high in pairwise((0.0, *parameter, 1.0)))
    demand(loss == "quantile" and MEDIAN in parameter and ascending, "training.objective has no levels of quantiles.")
    demand(state.asked.get("quantiles") == parameter, "asked has other quantiles than training.objective.")


def _check_layout(state: ForecastState) -> tuple[int, int, int]:
    """Covariates C, columns D that windows are cut from, and outputs K."""
    layout, form = state.layout, state.columns
    counts = (layout.n_past, layout.n_known, layout.n_calendar)
    demand(0 < layout.window < MOST and layout.n_joint > 0, "layout has a size that is none.")
    demand(counts == form.counts, f"columns are not as many as the layout tells, {counts}.")
    demand(state.recent.series.grid == state.grid, "grid is not that of recent.series.")  # which was looked into
    demand(set(form.calendar) <= set(CALENDAR), f"columns.calendar is {form.calendar!r:.80}.")
    demand(_are_names([*form.past, *form.known]), "columns have names that are none.")
    _check_static(form.static, layout)
    demand(not form.calendar or state.grid.seconds is not None, "columns.calendar is there, of an index without one.")
    K, levels = state.spec.n_outputs, state.quantiles
    demand(layout.horizon * layout.n_joint * max(len(levels), 1) == K, "layout.horizon is not that of the network.")
    one_by_one = layout.horizon == 1 and layout.n_joint == 1 and not layout.n_past and not levels
    demand(state.steps == layout.horizon or (one_by_one and 0 < state.steps < MOST), f"steps is {state.steps!r:.80}.")
    C = sum(counts) + len(layout.embedded)
    return C, layout.embedded_columns.stop + len(layout.leads) * layout.n_known, K


def _check_static(columns: tuple[StaticColumn, ...], layout: Layout) -> None:
    demand(not columns or layout.n_joint == 1, "columns.static tells series apart that are read at once.")
    embedded = [column.width for column in columns if column.width]
    demand(list(layout.embedded) == embedded and all(0 < n < MOST for n in embedded), "layout.embedded is another.")
    demand([column.width for column in columns[len(columns) - len(embedded) :]] == embedded, "columns.static is mixed.")
    for name, categories, center, scale, width in columns:
        demand(not width or categories is not None, f"columns.static learns numbers of {name!r:.80}.")
        demand(_are_names([name, *(categories or [])]), "columns.static has names that are none.")
        demand(
            len(center) == (1 if categories is None else len(categories)) > 0, f"columns.static has no {name!r:.80}."
        )
        demand(np.isfinite([*center, scale]).all() and scale > 0, f"columns.static scales {name!r:.80} by nothing.")


def _check_linear(linear: LinearHorizon, layout: Layout, name: str) -> None:
    demand(linear.normalize in (*NORMALIZE, None), f"{name}.normalize is {linear.normalize!r:.80}.")
    demand(linear.layout == layout, f"{name}.layout is another.")
    demand(np.isfinite(linear.unit) and linear.unit > 0, f"{name}.unit is {linear.unit!r:.80}.")
    longest = layout.window + 1
    for n_lags, coef, intercept in linear.maps:
        demand(0 < n_lags < longest, f"{name}.maps have the lags {[each.n_lags for each in linear.maps]!r:.80}.")
        own, known = n_lags * (1 + layout.n_past), layout.n_known * (layout.horizon + n_lags)
        check_array(coef, (own + known + layout.n_calendar, layout.horizon), np.float64, f"{name}.maps.coef")
        check_array(intercept, (layout.horizon,), np.float64, f"{name}.maps.intercept")
        demand(np.isfinite(coef).all() and np.isfinite(intercept).all(), f"{name}.maps hold NaN or infinity.")
        longest = n_lags


def _check_recent(state: ForecastState, n_covariates: int) -> None:
    recent: Observed = state.recent
    series, n_joint = recent.series, state.layout.n_joint
    demand(recent.form.counts == state.columns.counts, "recent.form is another.")
    demand(recent.form.calendar == state.columns.calendar, "recent.form.calendar is another.")
    demand(recent.form.static == state.columns.static, "recent.form.static is another.")
    check_array(recent.covariates, (len(series.values), n_covariates), np.float64, "recent.covariates")
    known = [series.values, recent.covariates] if state.inputs.missing == "error" else []
    demand(all(np.isfinite(each).all() for each in known), "recent holds NaN or infinity.")
    demand(not np.isinf(recent.covariates).any(), "recent.covariates hold infinity.")
    for column, places in zip(recent.form.embedded[::-1], recent.covariates.T[::-1], strict=False):
        there = (places >= 0) & (places <= len(column.center)) & (places == np.floor(places))
        demand(there.all(), f"recent.covariates hold no categories of {column.name!r:.80}.")
    demand((series.lengths <= state.n_recent).all(), "recent holds more rows than are looked back at.")
    if n_joint > 1:
        together = series.form.kind == "frame" and len(series) == n_joint and len(set(series.lengths.tolist())) == 1
        demand(together, f"recent is not of {n_joint} series in one frame.")
    if series.form.kind == "frame":
        demand(all(end == series.ends[0] for end in series.ends), "recent has columns that end apart.")


def _check_series(state: ForecastState) -> None:
    """Raise where what is told of each series is none."""
    demand(len(state.figures) > 0, "figures are of no series.")
    largest = sys.float_info.max  # an integer of Python's may be larger
    scale = all(abs(mean) <= largest and 0 < deviation <= largest for mean, deviation in state.figures.values())
    demand(scale, "figures hold numbers that scale nothing.")
    for what in ("ends", "learned"):
        stamps = list(getattr(state, what).values())
        demand(are_of_kind(state.grid.kind, stamps), f"{what} are not {state.grid.kind}.")
    plain = all(
        _is_plain(each) for value in state.asked.values() for each in (value if type(value) is tuple else [value])
    )
    demand(set(state.asked) == {*KEPT, "quantiles"} and plain, f"asked does not tell of {', '.join(KEPT)}, quantiles.")


def _is_plain(value: Any) -> bool:
    return value is None or type(value) in (str, int, float)


def _are_names(values: list[Any]) -> bool:
    try:
        hash(tuple(values))
    except TypeError:
        return False
    return True


def _check_errors(errors: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    check_array(errors, shape, np.float64, what)
    demand(len(errors) > 0 and not np.isinf(errors).any(), f"{what} are no errors.")
