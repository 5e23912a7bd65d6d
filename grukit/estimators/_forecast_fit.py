"""How a forecaster learns: what is held out, scalers, the linear part, the network, the errors of calibration."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from grukit.data import (
    FittedHorizon,
    Horizons,
    Layout,
    Observed,
    Rows,
    Scaler,
    SeriesSet,
    check_any_seen,
    fit_horizon,
    rows_of,
)
from grukit.estimators._adaptive import Online
from grukit.estimators._choices import Choices
from grukit.estimators._forecast import ForecastState, measured, typical_scale, varies
from grukit.estimators._forecast_alone import Task, train_network
from grukit.estimators._forecast_errors import calibrate
from grukit.estimators._forecast_folds import calibration_of, judge_by_folds
from grukit.estimators._forecast_network import (
    begin_network,
    decoder_of,
    embeddings_of,
    inputs_of,
    layout_of,
    told_of,
    with_means,
)
from grukit.estimators._forecast_split import Origins, learned_from, not_learned, seen_by, split
from grukit.estimators._forecast_weight import in_time, weight_by
from grukit.estimators._quantiles import levels_of
from grukit.estimators._start import check_same, network_spec
from grukit.estimators.fitted import TrainingState
from grukit.estimators.inputs import InputForm
from grukit.estimators.targets import Objective

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster

KEPT = ("calendar", "missing", "normalize", "linear_lags")  # parameters that training goes on with


def learn(model: "GRUForecaster", observed: Observed, before: ForecastState | None, resume: bool) -> ForecastState:
    """What is learned of series, and calibrated.

    Where ``before`` is given, training goes on from there, or at a checkpoint to ``resume``.
    """
    calibration = calibration_of(model, observed.series)
    state, interrupted = learn_once(model, observed, before, calibration == "split", resume)
    if calibration == "folds" and not interrupted:
        fit = partial(learn_once, before=None, keeps_out=False, resume=False, alone=state.choices.is_alone)
        state = judge_by_folds(model, observed, state, fit)
    if model.adaptation_rate is None or state.scores is None:
        return state
    first = next(iter(state.scores.errors.values()))
    online = Online.begin(float(model.adaptation_rate), list(state.scores.errors), *first.shape[1:])
    state = replace(state, online=online)
    return replace(state, recent=observed.tail(state.n_recent))


def learn_once(
    model: "GRUForecaster",
    observed: Observed,
    before: ForecastState | None,
    keeps_out: bool,
    resume: bool,
    alone: bool | None = None,
) -> tuple[ForecastState, bool]:
    """What is learned, and whether training was interrupted; ``keeps_out``: with errors from origins that are kept out.

    ``alone``: whether the network is; None: what does better.
    """
    series = observed.series
    layout, positions = layout_of(model, observed), series.positions()
    origins = split(model, observed, layout, positions, keeps_out)
    seen = seen_by(origins, positions, layout)
    figures, unseen = _measure(model, series, seen)
    if before is None:
        shown = rows_of(observed.covariates, seen)
        check_any_seen(shown, "X", observed.form.columns)
        levels = Scaler.identity(observed.covariates.shape[1])
        if model.standardize:
            n = len(levels.mean) - observed.form.n_static  # those of series are standardised as they are read
            known = Scaler.fit(shown[:, :n])
            levels.mean[:n], levels.scale[:n] = known.mean, known.scale
    else:
        figures, levels = {**figures, **before.figures}, before.levels
    rows = observed.standardized(np.array([figures[key] for key in series.keys]), levels)
    values = rows.network_values(layout)

    @cache
    def linear_part(n_lags: int | str, normalize: str | None) -> FittedHorizon:
        training, watched, judged = (rows.of_each(some, layout) for some in origins)
        return fit_horizon(rows, layout, n_lags, normalize, training, watched, judged, series.grid.season)

    def begin(own: "GRUForecaster") -> ForecastState:
        if before is not None:
            return _go_on(own, observed, layout, before, figures)
        chosen = linear_part(own.linear_lags, own.normalize)
        return _begin(own, observed, layout, origins, rows, values, figures, levels, chosen)

    task, alone = Task(rows, values, origins, unseen), alone if before is None else False
    trained, interrupted = train_network(model, begin, task, resume, alone)
    state = with_means(trained)
    judged = origins.judged if before is None else not_learned(origins.judged, series, positions, before.learned)
    if len(judged):
        # By what has not seen them, as the linear part that goes on has.
        other = state if before is None else replace(state, final=state.linear)
        weight = weight_by(other, in_time(model, other, rows, judged, unseen))
        scores = calibrate(model, other.weighted(weight), rows, judged, series.keys, unseen)
        state = replace(state.weighted(weight), scores=scores)
    if before is None and not state.choices.is_alone:
        state = replace(state, final=linear_part(model.linear_lags, model.normalize).whole)
    learned = learned_from(origins, series, positions, layout, unseen)
    state = replace(state, learned=_latest(learned, {} if before is None else before.learned))
    return state, interrupted


def _measure(
    model: "GRUForecaster", series: SeriesSet, seen: np.ndarray
) -> tuple[dict[tuple[Any, ...], tuple[float, float]], np.ndarray]:
    """Mean and deviation of each series, and which are measured by all their rows, not by those ``seen`` (N,) alone.

    As a context is: those of which training sees no value, or, where it sees others vary, none that differs. A deviation of
    1 would be in the unit of the series, not that of the network.
    """
    own = [series.values[piece] for piece in series.pieces()]
    early = [values[seen[piece]] for values, piece in zip(own, series.pieces(), strict=True)]
    vary = [varies(values) for values in early]
    known = [measured(values, model.standardize, 1.0) for values, tell in zip(early, vary, strict=True) if tell]
    pooled = typical_scale(known)
    figures, unseen = {}, np.zeros(len(series), dtype=bool)
    for s, key in enumerate(series.keys):
        unseen[s] = np.isnan(early[s]).all() or (bool(known) and not vary[s] and varies(own[s]))
        figures[key] = measured(own[s] if unseen[s] else early[s], model.standardize, pooled)
    return figures, unseen


def _begin(
    model: "GRUForecaster",
    observed: Observed,
    layout: Layout,
    origins: Origins,
    rows: Rows,
    values: np.ndarray,
    figures: dict[Any, tuple[float, float]],
    levels: Scaler,
    chosen: FittedHorizon,
) -> ForecastState:
    """Scalers, and a network that begins at the linear part, from what training sees alone."""
    sequences = chosen.linear.windows(rows, values, origins.training)
    left = Horizons(rows, origins.training, layout, chosen.linear, 1.0, "float64")
    differenced, x_scaler = inputs_of(model, chosen.linear, sequences)
    random_state = check_random_state(model.random_state)
    outputs, y_scaler, spec, parameters = begin_network(model, sequences, left, observed.form, random_state)
    return ForecastState(
        InputForm(type(model).__name__, model.window, model.missing, "table"),
        outputs,
        None,
        None,
        levels,
        x_scaler,
        y_scaler,
        Choices.of(None, spec.n_outputs, differenced, {}),
        spec,
        parameters,
        TrainingState(_objective(model), random_state, model.standardize, model.solver, {}),
        layout=layout,
        columns=observed.form,
        grid=observed.series.grid,
        recent=observed.tail(layout.window),
        figures=figures,
        linear=chosen.linear,
        final=chosen.final,
        steps=model.horizon,
        ends=dict(zip(observed.series.keys, observed.series.ends, strict=True)),
        learned={},
        asked=_asked(model),
    )


def _latest(stamps: Mapping[Any, Any], before: Mapping[Any, Any]) -> dict[Any, Any]:
    """The last stamps of all series, where training goes on of those before, too."""
    return {**before, **{key: max(stamp, before.get(key, stamp)) for key, stamp in stamps.items()}}


def _asked(model: "GRUForecaster") -> dict[str, Any]:
    """The parameters that training goes on with."""
    asked = {name: getattr(model, name) for name in KEPT}
    asked = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
    return {**asked, "quantiles": levels_of(model.quantiles)}


def _go_on(
    model: "GRUForecaster",
    observed: Observed,
    layout: Layout,
    before: ForecastState,
    figures: dict[Any, tuple[float, float]],
) -> ForecastState:
    """The state that training goes on from, with scalers and the linear part as they were."""
    embeddings = embeddings_of(layout, observed.form)
    wanted = network_spec(model, before.n_features, before.outputs, decoder_of(layout, model.missing), embeddings)
    spec = replace(before.spec, dropout=wanted.dropout, recurrent_dropout=wanted.recurrent_dropout)
    dtype, standardize = before.parameters.dtype.name, before.training.standardize
    was = {**before.asked, **told_of(before.layout, spec), "dtype": dtype, "standardize": standardize}
    now = {**_asked(model), **told_of(layout, wanted), "dtype": model.dtype, "standardize": model.standardize}
    was["covariates"], now["covariates"] = before.columns.columns, observed.form.columns
    check_same(was, now)
    return replace(
        before,
        spec=wanted,
        training=replace(before.training, objective=_objective(model)),
        recent=observed.tail(layout.window),
        figures=figures,
        steps=model.horizon,
        ends=_latest(dict(zip(observed.series.keys, observed.series.ends, strict=True)), before.ends),
        scores=None,
        online=None,
    )


def _objective(model: "GRUForecaster") -> Objective:
    if model.quantiles is not None:
        return Objective("quantile", levels_of(model.quantiles), "identity")
    return Objective(model.loss, model.delta if model.loss == "huber" else 0.0, "identity")
