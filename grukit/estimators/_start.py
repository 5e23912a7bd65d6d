"""What training begins with: scalers, the linear part, initial weights; or the state that it goes on from."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from grukit.data import Samples, Scaler, Sequences, TargetForm, check_any_seen, fit_inputs, left_by
from grukit.estimators._choices import Choices, choose_differences
from grukit.estimators._large import measure
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.fitted import FittedState, TrainingState
from grukit.estimators.inputs import InputForm
from grukit.estimators.targets import Targets, check_same_kind
from grukit.model import CELLS, Decoder, Embedding, NetworkSpec, initialize

if TYPE_CHECKING:
    from grukit.estimators._base import RecurrentEstimator

UPDATE_GATES = ("gru", "gru_reset_before")  # cells whose update gate keeps the state


def network_spec(
    model: SharedParameters,
    n_features: int,
    outputs: TargetForm,
    decoder: Decoder | None = None,
    embeddings: tuple[Embedding, ...] = (),
) -> NetworkSpec:
    """The network that an estimator's parameters describe."""
    sizes, rows = model.hidden_layer_sizes, getattr(model, "segment", None) or 1  # a forecaster's
    return NetworkSpec(
        cell=model.cell,
        n_inputs=rows * (n_features if model.missing == "error" else 2 * n_features),
        hidden_layer_sizes=(int(sizes),) if np.ndim(sizes) == 0 else tuple(int(size) for size in sizes),
        n_outputs=outputs.n_outputs,
        per_step=outputs.per_step,
        bidirectional=bool(model.bidirectional),
        learned_state=model.initial_state == "learned",
        decay=model.missing == "decay",
        dropout=float(model.dropout),
        recurrent_dropout=float(model.recurrent_dropout),
        segment=int(rows),
        decoder=decoder,
        embeddings=embeddings,
    )


def begin(
    model: "RecurrentEstimator",
    inputs: InputForm,
    targets: Targets,
    training: Samples,
    everything: Samples,
    partial: bool,
) -> tuple[FittedState, Samples]:
    """Scalers and the linear part from the training samples alone, initial weights, an empty record.

    Parameters
    ----------
    model : RecurrentEstimator
        With its parameters.
    inputs : InputForm
        How X is read.
    targets : Targets
        What was read of y.
    training, everything : Samples
        What is trained on, and that with what is held out.
    partial : bool
        Whether more data is to come, so that nothing is chosen by itself.

    Returns
    -------
    state : FittedState
    left : Samples
        The training samples, with what the linear part leaves of their targets.
    """
    seen, weights = training.inputs_seen()
    D = seen.shape[1] - (inputs.missing == "decay")
    check_any_seen(seen[:, :D], "X", None if inputs.features is None else inputs.features.names)
    check_any_seen(training.targets_seen()[0], "y", targets.outputs.names)
    objective = model._objective(targets.classes)
    link = objective.link
    levels = measured = measure(seen if seen.shape[1] == D else seen[:, :D], weights)
    chosen = model._choose_linear(inputs, targets, training, everything, levels, partial)
    left = left_by(None if chosen is None else chosen.linear, training, link)
    differenced = _differenced(model, inputs, training, D, partial)
    if differenced is not None:
        measured = Scaler.fit(*training.inputs_seen(training.sequences.differenced(differenced)))
    x_scaler = fit_inputs(measured, seen[:, D:], model.standardize, inputs.missing)
    values, weights = left.targets_seen()
    scales_y = model.standardize and link == "identity"
    y_scaler = measure(values, weights) if scales_y else Scaler.identity(targets.outputs.n_outputs, link)
    random_state = check_random_state(model.random_state)
    spec = network_spec(model, D, targets.outputs)
    parameters = initial_weights(model, spec, training.sequences, random_state, at_linear=chosen is not None)
    if chosen is None:
        spec.views(parameters)["head.bias"][...] += model._initial_bias(link, spec.n_outputs, values, weights)
    state = FittedState(
        inputs,
        targets.outputs,
        targets.labels,
        targets.classes,
        levels,
        x_scaler,
        y_scaler.with_constants(values),
        Choices.of(chosen, spec.n_outputs, differenced, _asked(model)),
        spec,
        parameters,
        TrainingState(objective, random_state, model.standardize, model.solver, {}),
    )
    return state, left


def _differenced(
    model: "RecurrentEstimator", inputs: InputForm, training: Samples, D: int, partial: bool
) -> np.ndarray | None:
    """The columns that are differenced (D,); None where none is."""
    difference = False if partial and model.difference == "auto" else model.difference
    found = choose_differences(difference, inputs, training, D)
    if found is not None and inputs.kind == "table" and inputs.window == 1:
        raise ValueError(
            "A difference takes two rows; window=1 has one. Give a window of 2 at least, or difference=False."
        )
    return found


def initial_weights(
    model: SharedParameters, spec: NetworkSpec, sequences: Sequences, random_state: Any, at_linear: bool
) -> np.ndarray:
    """Weights to train on such sequences from; ``at_linear``: with a head of zeros, so at the linear part alone."""
    method = model.weight_init
    if method == "auto":
        method = "chrono" if sequences.exchangeable and model.cell in UPDATE_GATES else "glorot"
    parameters = initialize(spec, method, model.dtype, random_state, int(sequences.lengths.max()))
    if at_linear:
        views = spec.views(parameters)
        views["head.weight"][...] = 0.0
        if model.cell not in UPDATE_GATES:
            # Both states begin at zero, and without biases stay there whatever the inputs: nothing would ever move the head,
            # nor, through a head of zeros, anything else.
            for name, view in views.items():
                if name.startswith("bias_l"):
                    view[...] = random_state.uniform(-1.0, 1.0, view.shape) / np.sqrt(
                        len(view) // len(CELLS[spec.cell].blocks)
                    )
    return parameters


def check_same(was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise where training would go on with another network, or other choices, than it began with, naming what differs."""
    for name, value in was.items():
        if value != now[name]:
            raise ValueError(
                f"Training goes on with a model whose {name} is {value!r}; now it is {now[name]!r}. Start anew with fit and "
                "warm_start=False."
            )


def go_on(
    model: "RecurrentEstimator", before: FittedState, targets: Targets, training: Samples
) -> tuple[FittedState, Samples]:
    """The state that training goes on from, and the samples left by its linear part: the network must be that of before."""
    check_same_kind(targets, before.outputs)
    wanted = network_spec(model, before.n_features, targets.outputs)
    objective = model._objective(targets.classes)
    # dropout alone may change
    spec = replace(before.spec, dropout=wanted.dropout, recurrent_dropout=wanted.recurrent_dropout)
    states = {True: "learned", False: "zeros"}
    was = {  # parameters before what of the network follows from them
        "missing": before.inputs.missing,
        "initial_state": states[spec.learned_state],
        **asdict(spec),
        "window": before.inputs.window,
        "dtype": before.parameters.dtype.name,
        "standardize": before.training.standardize,
        "link of the loss": before.y_scaler.link,
        **before.choices.asked,
    }
    now = {
        "missing": model.missing,
        "initial_state": model.initial_state,
        **asdict(wanted),
        "window": model.window,
        "dtype": model.dtype,
        "standardize": model.standardize,
        "link of the loss": objective.link,
        **_asked(model),
    }
    check_same(was, now)
    left = left_by(before.choices.linear, training, objective.link)
    state = replace(
        before,
        outputs=targets.outputs,
        labels=targets.labels,
        spec=wanted,
        y_scaler=before.y_scaler.without_constants(left.targets_seen()[0]),
        training=replace(before.training, objective=objective),
        weight=None,
    )
    return state, left


def _asked(model: "RecurrentEstimator") -> dict[str, object]:
    """The parameters that choices are made by."""
    return {name: deepcopy(getattr(model, name)) for name in model._chosen_by}
