"""What a forecaster's network reads and gives: the layout of its rows, the decoder of the steps ahead, embeddings, scalers."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import (
    ALL_ALIKE,
    CovariateForm,
    Horizons,
    Layout,
    LinearHorizon,
    Observed,
    Samples,
    Scaler,
    Sequences,
    TargetForm,
    fit_inputs,
)
from grukit.estimators._forecast import ForecastState, tables_of
from grukit.estimators._quantiles import levels_of
from grukit.estimators._start import initial_weights, network_spec
from grukit.model import Decoder, Embedding, NetworkSpec

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


def layout_of(model: "GRUForecaster", observed: Observed) -> Layout:
    """What the rows hold, and how far they are looked at."""
    return Layout(
        model.window,
        1 if model.strategy == "recursive" else model.horizon,
        *observed.form.counts,
        n_joint=len(observed.series) if model.channels == "joint" else 1,
        segment=int(model.segment or 1),
        decodes=model.strategy == "decoder",
        embedded=tuple(column.width for column in observed.form.embedded),
    )


def decoder_of(layout: Layout, missing: str) -> Decoder | None:
    """What goes on ahead of the windows, and reads what is known there; None: all steps come from the last state.

    Without segments it takes a step after another; segments are decoded at once, each from the last state (Lin et al. 2023,
    SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting, "parallel multi-step forecasting").
    """
    if not layout.decodes:
        return None
    first = layout.n_joint + layout.n_past
    n = layout.embedded_columns.stop - first
    columns = list(range(first, first + n))
    if missing == "mask":  # whether they are missing, in as many columns again
        after = first + n + len(layout.leads) * layout.n_known + first
        columns += range(after, after + n)
    k = layout.segment
    steps, at_once = (layout.horizon, 1) if k == 1 else (1, layout.horizon // k)
    return Decoder(steps, at_once, k, tuple(columns), layout.n_joint)


def embeddings_of(layout: Layout, form: CovariateForm) -> tuple[Embedding, ...]:
    """The tables that categories are read from in training, with a last row for those that it does not know."""
    found, first = [], layout.embedded_columns.start
    for column in form.embedded:
        found.append(Embedding(first, column.width, len(column.center) + 1))
        first += column.width
    return tuple(found)


def with_means(state: ForecastState) -> ForecastState:
    """The state after training: a category that it does not know is the mean of all series' own."""
    if not state.spec.embeddings:
        return state
    parameters = state.parameters.copy()
    for column, table in zip(state.columns.embedded, tables_of(state.spec, parameters), strict=True):
        table[-1] = np.array(column.center) @ table[:-1].astype(np.float64)
    return replace(state, parameters=parameters)


def told_of(layout: Layout, spec: NetworkSpec) -> dict[str, Any]:
    """Both by name, for messages; "recursive" is "direct" of one step."""
    return {"strategy": "decoder" if layout.decodes else "direct", **asdict(layout), **asdict(spec)}


def first_outputs(decoder: Decoder | None, wanted: np.ndarray) -> np.ndarray:
    """The bias of the head at which the outputs (K, M) are what is wanted, as far as one of all positions can be."""
    if decoder is None:
        return wanted.ravel()
    parts, positions, M = decoder.parts, decoder.n_positions, wanted.shape[1]
    return wanted.reshape(parts, positions, -1, M).mean(axis=1).ravel()


def begin_network(
    model: "GRUForecaster", sequences: Sequences, left: Horizons, form: CovariateForm, random_state: Any
) -> tuple[TargetForm, Scaler, NetworkSpec, np.ndarray]:
    """The outputs' form and scaler, the network and its initial weights, for what the linear part leaves."""
    scale, quantiles = left.spread(), levels_of(model.quantiles)
    K = left.n_outputs * max(len(quantiles), 1)
    outputs = TargetForm(K, False, False, None)
    decoder, embeddings = decoder_of(left.layout, model.missing), embeddings_of(left.layout, form)
    spec = network_spec(model, sequences.values.shape[1], outputs, decoder, embeddings)
    parameters = initial_weights(model, spec, sequences, random_state, at_linear=True)
    if quantiles:  # so that the beginning is calibrated
        spec.views(parameters)["head.bias"][...] = first_outputs(spec.decoder, left.quantiles(quantiles)) / scale
    return outputs, Scaler(np.zeros(K), np.full(K, scale)), spec, parameters


def inputs_of(model: "GRUForecaster", linear: LinearHorizon, sequences: Sequences) -> tuple[np.ndarray | None, Scaler]:
    """Which inputs are changes from row to row, if any are, and what scales all, from the windows that train."""
    values, levels_in = sequences.values, linear.normalize in (None, "window")
    differenced = None if levels_in else np.arange(values.shape[1]) < linear.layout.n_joint
    sample = Samples(sequences, None, np.ones(len(sequences)), False, ALL_ALIKE)
    known, _ = sample.inputs_seen(values if differenced is None else sequences.differenced(differenced))
    scaler = fit_inputs(Scaler.fit(known), np.empty((0, 0)), model.standardize, model.missing)
    learned = linear.layout.embedded_columns
    scaler.mean[learned], scaler.scale[learned] = 0.0, 1.0
    if sequences.relative is not None:  # which scales the series
        n = sequences.relative.mean.shape[1]
        scaler = Scaler(np.append(np.zeros(n), scaler.mean[n:]), np.append(np.ones(n), scaler.scale[n:]))
    return differenced, scaler
