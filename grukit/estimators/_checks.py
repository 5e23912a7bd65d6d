"""What must be true of a record that was not made by ``fit``, such as one from a file: kernels trust it."""

from typing import Any

import numpy as np

from grukit.data import LINKS, Classes, LinearLags, Scaler, Tail, TargetForm
from grukit.estimators.fitted import FittedState, TrainingState
from grukit.model import CELLS, NetworkSpec
from grukit.train import LOSSES, SOLVERS, is_record

KINDS = (None, "table", "sequences", "rows")


def demand(holds: Any, message: str) -> None:
    if not holds:
        raise ValueError(message)


def check_spec(spec: NetworkSpec) -> None:
    """Raise where a network is none, before anything is sized by it."""
    sizes = (spec.n_inputs, spec.n_outputs, spec.segment, *spec.hidden_layer_sizes)
    if spec.decoder is not None:
        sizes += (spec.decoder.steps, spec.decoder.at_once, spec.decoder.rows, spec.decoder.parts)
    for each in spec.embeddings:
        demand(0 <= each.column < 1 << 31, "spec.embeddings begin at no column.")
        sizes += (each.width, each.n_rows)
    demand(spec.cell in CELLS, f"spec.cell is {spec.cell!r:.80}; known are {', '.join(CELLS)}.")
    demand(spec.hidden_layer_sizes and all(0 < n < 1 << 31 for n in sizes), f"spec has the sizes {sizes!r:.80}.")
    demand(0 <= spec.dropout < 1 and 0 <= spec.recurrent_dropout < 1, "spec has a dropout outside [0, 1).")


def check_state(state: FittedState) -> None:
    """Raise where parts of a record do not fit together.

    Raises
    ------
    ValueError
        Naming the part.
    """
    spec, inputs = state.spec, state.inputs
    check_spec(spec)
    decay = inputs.missing == "decay"
    D, K = len(np.atleast_1d(state.levels.mean)), spec.n_outputs
    n = inputs.features.n if inputs.kind == "rows" and inputs.features is not None and D == 1 else D
    demand(inputs.missing in ("error", "mask", "decay"), f"inputs.missing is {inputs.missing!r:.80}.")
    demand(spec.decay == decay, "spec.decay and inputs.missing differ.")
    own = spec.segment == 1 and spec.decoder is None and not spec.embeddings
    demand(own, "spec.segment, spec.decoder or spec.embeddings is a forecaster's.")
    demand(spec.n_inputs == (D if inputs.missing == "error" else 2 * D), f"spec.n_inputs does not fit {D} features.")
    demand(inputs.window is None or 0 < inputs.window < 1 << 31, f"inputs.window is {inputs.window!r:.80}.")
    demand(inputs.kind in KINDS, f"inputs.kind is {inputs.kind!r:.80}.")
    demand(inputs.kind != "table" or inputs.window is not None, "inputs has a table without a window.")
    features = inputs.features
    named = features is not None and (features.columns is None or len(features.columns) == n)
    demand(features is not None and features.n == n and named, f"inputs.features are not those of {n} columns.")
    check_scaler(state.levels, D, "levels", "identity")
    check_scaler(state.x_scaler, D + decay, "x_scaler", "identity")
    check_scaler(state.y_scaler, K, "y_scaler", None)
    check_array(state.parameters, (spec.n_parameters,), state.parameters.dtype, "parameters")
    demand(np.isfinite(state.parameters).all(), "parameters hold NaN or infinity.")
    _check_outputs(state, K)
    check_choices(state, D, K)
    check_training(state.training, state.parameters)
    demand(not isinstance(state.training.objective.parameter, tuple), "training.objective.parameter is a forecaster's.")
    check_weight(state)
    if state.tail is not None:
        _check_tail(state.tail, D + decay, inputs.window)


def check_array(array: np.ndarray, shape: tuple[int, ...], dtype: Any, what: str) -> None:
    found, wanted = f"{array.shape} of {array.dtype}", f"{shape} of {np.dtype(dtype)}"
    demand(found == wanted, f"{what} has the shape {found}; it must be {wanted}.")


def check_scaler(scaler: Scaler, n: int, what: str, link: str | None) -> None:
    for name in ("mean", "scale"):
        check_array(getattr(scaler, name), (n,), np.float64, f"{what}.{name}")
    demand(scaler.link in LINKS and scaler.link == (link or scaler.link), f"{what}.link is {scaler.link!r:.80}.")
    of_targets = link is None  # one that never varies has the scale 0, and of zeros the logarithm
    finite = np.isfinite(scaler.mean) | ((scaler.mean == -np.inf) & (scaler.scale == 0) & (scaler.link == "log"))
    positive = (scaler.scale > 0) | ((scaler.scale == 0) & of_targets)
    demand(finite.all() and (positive & np.isfinite(scaler.scale)).all(), f"{what} holds numbers that scale nothing.")


def check_form(form: TargetForm, n_outputs: int, n_names: int, per_step: bool, what: str) -> None:
    demand(form.n_outputs == n_outputs and form.per_step == per_step, f"{what} is of other outputs than the network.")
    demand(not form.squeeze or n_outputs == 1, f"{what}.squeeze is of one output.")
    demand(form.names is None or len(form.names) == n_names, f"{what}.names are not {n_names}.")


def _check_outputs(state: FittedState, K: int) -> None:
    """The forms of outputs and labels, and the classes."""
    classes, labels, per_step = state.classes, state.labels, state.spec.per_step
    demand((classes is None) == (labels is None), "labels and classes go together.")
    demand((classes is None) == (state.y_scaler.link in ("identity", "log")), "classes and y_scaler.link differ.")
    if classes is None or labels is None:
        check_form(state.outputs, K, K, per_step, "outputs")
        return
    _check_classes(classes, state)
    C = len(classes.values)
    check_form(state.outputs, K, C, per_step, "outputs")
    n_labels = C if classes.multilabel else 1
    check_form(labels, n_labels, n_labels, per_step, "labels")


def _check_classes(classes: Classes, state: FittedState) -> None:
    demand(classes.values.ndim == 1 and len(classes.values) > 1, "classes.values are not two or more.")
    demand(classes.n_outputs == state.spec.n_outputs, "classes are not as many as the network tells apart.")
    link = state.y_scaler.link
    demand(classes.link == link, f"y_scaler.link is {link!r:.80}; that of the classes is {classes.link!r}.")


def check_choices(state: FittedState, D: int, K: int) -> None:
    choices = state.choices
    demand((choices.linear is None) == (choices.final is None), "choices.linear and choices.final go together.")
    for name in ("linear", "final"):
        linear: LinearLags | None = getattr(choices, name)
        if linear is not None:
            demand(state.y_scaler.link != "log", "choices.linear is not added to logarithms.")
            check_array(linear.coef, (*linear.coef.shape[:1], D, K), np.float64, f"choices.{name}.coef")
            check_array(linear.intercept, (K,), np.float64, f"choices.{name}.intercept")
            check_array(linear.mean, (D,), np.float64, f"choices.{name}.mean")
            demand(type(linear.first_before) is bool, f"choices.{name}.first_before is neither true nor false.")
            demand(all(np.isfinite(each).all() for each in (linear.coef, linear.intercept, linear.mean)),
                    f"choices.{name} holds NaN or infinity.")  # fmt: skip
    demand(not choices.is_alone or choices.linear is None, "choices.alone tells of no linear part, and there is one.")
    check_array(choices.anchors, (K,), np.int64, "choices.anchors")
    demand(((choices.anchors >= -1) & (choices.anchors < D)).all(), "choices.anchors are no columns.")
    check_array(choices.alpha, (K,), np.float64, "choices.alpha")
    if choices.earlier is not None:
        check_array(choices.earlier, (K,), np.int64, "choices.earlier")
        demand((choices.earlier >= 0).all(), "choices.earlier are no numbers of rows.")
    if choices.differenced is not None:
        check_array(choices.differenced, (D,), np.bool_, "choices.differenced")


def check_weight(state: FittedState) -> None:
    demand(state.weight is None or 0 <= state.weight <= 1, f"weight is {state.weight!r:.80}.")


def check_training(training: TrainingState, parameters: np.ndarray) -> None:
    demand(training.objective.loss in LOSSES, f"training.objective.loss is {training.objective.loss!r:.80}.")
    demand(training.solver in (*SOLVERS, "lbfgs"), f"training.solver is {training.solver!r:.80}.")
    moments = training.moments
    demand(
        not moments or set(moments) == {"first_moment", "second_moment", "step"}, "training.moments has other names."
    )
    for name, moment in moments.items():
        shape, dtype = ((1,), np.dtype(np.int64)) if name == "step" else (parameters.shape, parameters.dtype)
        check_array(moment, shape, dtype, f"training.moments[{name!r}]")
    demand(all(map(is_record, training.records)), "training.records has an entry that is of no epoch.")
    epochs = range(len(training.records) + 1)
    demand(training.kept_iter in epochs and training.best_iter in epochs, "training names an epoch that was not run.")


def _check_tail(tail: Tail, n_columns: int, window: int | None) -> None:
    demand(window is not None, "tail is of a table.")
    demand(set(tail.rows) == set(tail.paces) and len(tail.rows) > 0, "tail.rows and tail.paces are of other series.")
    demand(len({len(key) for key in tail.rows}) == 1, "tail has keys of unequal length.")
    for rows in tail.rows.values():
        right = rows.ndim == 2 and rows.shape[1] == n_columns and len(rows) <= max(window or 0, 1)
        demand(right and rows.dtype.kind == "f", f"tail.rows holds an array of the shape {rows.shape} of {rows.dtype}.")
