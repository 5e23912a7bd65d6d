"""A fitted model in words."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from grukit.data import StaticColumn
    from grukit.estimators._forecast import ForecastState
    from grukit.estimators.fitted import FittedState
    from grukit.model import Decoder, NetworkSpec


KEPT_LINEAR = "no epoch did better than the linear part alone, which is kept"


def summary_of(state: "FittedState") -> str:
    """Lines on layers, parameters, the choices that were made, and training."""
    spec, inputs = state.spec, state.inputs
    reads = {
        "table": f"a table, each row with the {(inputs.window or 1) - 1} before it",
        "sequences": "sequences",
        "rows": "rows as univariate sequences",
    }
    lines = [
        f"{inputs.estimator} of {reads[inputs.kind or 'table']}; {state.n_features} features, "
        f"{spec.n_outputs} output{'s' if spec.n_outputs > 1 else ''}{' a step' if spec.per_step else ''}",
        *_layers(state),
        _differences(state),
        _linear(state),
        _alone(state),
        f"{spec.n_parameters:,} parameters of type {state.parameters.dtype}",
        _training(state, _kept(state)),
        _weight(state, "what it gained over the linear part where it was judged"),
    ]
    return "\n".join(line for line in lines if line)


def forecast_summary_of(state: "ForecastState") -> str:
    """Lines on series, covariates, layers, the choices that were made, and training."""
    layout, form = state.layout, state.columns
    relative = {"last": "relative to their latest value", "mean": "relative to their mean", None: "as they are"}
    relative["window"] = "relative to their mean, in their standard deviations"
    covariates = [
        *([f"known ahead {', '.join(map(str, form.known))}"] if form.known else []),
        *([f"known up to the origin {', '.join(map(str, form.past))}"] if form.past else []),
        *([f"calendar {', '.join(form.calendar)}"] if form.calendar else []),
        *([f"of each series {', '.join(map(_static, form.static))}"] if form.static else []),
    ]
    n_series, lags = len(state.figures), [str(each.n_lags) for each in state.final.maps]
    fewer = f", of fewer where there is less history ({', '.join(lags[1:])})" if lags[1:] else ""
    segments = f" in segments of {layout.segment}" if layout.segment > 1 else ""
    one_by_one = "" if state.steps == layout.horizon else ", one by one,"
    kept = _kept(state) if state.training.kept_iter or not lags else KEPT_LINEAR
    lines = [
        f"{state.inputs.estimator} of {state.steps} steps{one_by_one} after windows of {layout.window} rows{segments}, "
        f"{n_series} series{' jointly' if layout.n_joint > 1 else ''}; windows {relative[state.final.normalize]}",
        f"Covariates: {'; '.join(covariates)}" if covariates else "",
        f"Quantiles: {', '.join(f'{each:g}' for each in state.quantiles)}" if state.quantiles else "",
        *_layers(state),
        f"Linear part: ridge regressions on {lags[0]} rows{fewer}" if lags else "",
        _alone(state),
        f"{state.spec.n_parameters:,} parameters of type {state.parameters.dtype}",
        _training(state, kept),
        _weight(state, "blocks in time that were no part of training"),
        "Intervals: none" if state.scores is None else f"Intervals: by the errors from {state.scores.n} origins",
    ]
    return "\n".join(line for line in lines if line)


def _static(column: "StaticColumn") -> str:
    n, width = len(column.center), column.width
    return str(column.name) + (f" ({n} categories as {width} learned numbers each)" if width else "")


def _weight(state: "FittedState", by: str) -> str:
    if state.weight is None or not state.training.kept_iter:
        return ""
    return f"Network: {state.weight:.2f} times its part, by {by}"


def _layers(state: "FittedState") -> list[str]:
    spec = state.spec
    directions = ", both directions" if spec.bidirectional else ""
    drops = [f"{name} {share:g}" for name in ("dropout", "recurrent_dropout") if (share := getattr(spec, name)) > 0]
    options = directions + "".join(f", {each}" for each in drops)
    layers = [f"Layer {k}: {spec.cell}, {units} units{options}" for k, units in enumerate(spec.hidden_layer_sizes)]
    return layers if spec.decoder is None else [*layers, _decoder(spec, spec.decoder)]


def _decoder(spec: "NetworkSpec", decoder: "Decoder") -> str:
    n, known = decoder.n_positions, len(decoder.columns)
    steps = f"{n} segments of {decoder.rows} steps at once" if decoder.at_once > 1 else f"{n} steps one after another"
    steps = f"a segment of {decoder.rows} steps" if n == 1 and decoder.rows > 1 else steps
    return f"Decoder: {spec.cell}, {spec.hidden_layer_sizes[-1]} units, {steps}, {known} columns known ahead"


def _differences(state: "FittedState") -> str:
    chosen = state.choices.differenced
    if chosen is None:
        return "Inputs: levels"
    names = [str(state.column(int(d))) for d in np.flatnonzero(chosen)]
    return (
        f"Inputs: changes from the row before of {', '.join(names)}{'' if chosen.all() else '; levels of the others'}"
    )


def _linear(state: "FittedState") -> str:
    linear, anchors = state.choices.final, state.choices.anchors
    if linear is None:
        return ""
    if state.classes is not None:
        penalty = state.choices.alpha[0]
        if not np.isfinite(penalty):
            return "Linear part: the shares of the classes"
        return f"Linear part: logistic regression on {len(linear.coef)} rows, penalty {penalty:.3g}"
    named = sorted({int(d) for d in anchors if d >= 0})
    towards = " and ".join(
        [*(f"the last value of {state.column(d)}" for d in named), *(["the mean"] if -1 in anchors else [])]
    )
    alpha, lags = state.choices.alpha, state.choices.earlier_rows
    earlier = [_earlier(state, lags)] if lags.any() else []
    if not np.isfinite(alpha).any():
        return f"Linear part: {' and '.join([*([] if lags.all() else [towards]), *earlier])}"
    low, high = alpha.min(), alpha.max()
    penalty = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    regressions = f"ridge regressions on {len(linear.coef)} rows, towards {towards}, penalty {penalty}"
    return f"Linear part: {', and '.join([regressions, *earlier])}"


def _earlier(state: "FittedState", earlier: np.ndarray) -> str:
    taken = earlier > 0
    low, high = earlier[taken].min(), earlier[taken].max()
    names = sorted({str(state.column(int(d))) for d in state.choices.anchors[taken]})
    return f"what {' and '.join(names)} was {low if low == high else f'{low} to {high}'} rows before"


def _alone(state: "FittedState") -> str:
    share = state.choices.alone
    if share is None:
        return ""
    found = f"a share of {share:.3g} of the validation loss beside a linear part, see alone_"
    return f"Network alone, with {found}" if state.choices.is_alone else f"Tried: the network alone, with {found}"


def _training(state: "FittedState", kept: str) -> str:
    n = len(state.training.records)
    return f"Training: {n} epoch{'' if n == 1 else 's'}, {kept}. {state.training.stop_reason}"


def _kept(state: "FittedState") -> str:
    kept = state.training.kept_iter
    if kept == 0 and state.choices.final is not None:
        return KEPT_LINEAR
    return f"the weights of epoch {kept} are kept"
