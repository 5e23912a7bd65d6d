"""y as users give it, as the loss takes it."""

from typing import Any, NamedTuple

import numpy as np

from grukit.data import Classes, TargetForm, as_labels, read_labels, read_targets
from grukit.estimators.inputs import Work


class Objective(NamedTuple):
    """What is minimised, and what the network's outputs stand for."""

    loss: str  # a key of grukit.train.LOSSES
    parameter: float | tuple[float, ...]  # a tuple: of a forecaster's quantiles, each an output of every target
    link: str  # see grukit.data.links


class Targets(NamedTuple):
    """What was read of y."""

    values: np.ndarray  # as the loss takes them, (n, K), or (N, K) with a target at every step
    outputs: TargetForm  # of what the network gives
    labels: TargetForm | None = None  # of a classifier: of the labels
    classes: Classes | None = None


def read_numbers(y: Any, work: Work, loss: str | None = None) -> Targets:
    """Targets of a regressor, which must suit its ``loss``."""
    values, form = read_targets(y, work.sequences, work.X, allow_nan=work.form.missing != "error")
    if loss == "poisson" and (values < 0).any():
        raise ValueError(f"loss='poisson' needs y >= 0; the smallest value is {np.nanmin(values):g}.")
    return Targets(values, form)


def read_classes(y: Any, work: Work, known: Classes | None, given: Any = None) -> Targets:
    """Targets of a classifier, of the classes that are ``known``, or ``given``, or else those in y."""
    labels, form = read_labels(y, work.sequences, work.X)
    if given is not None and form.n_outputs > 1:
        raise ValueError("classes is for one label a sample; several are as many as y has columns.")
    if given is not None and np.size(as_labels(given, "classes")) < 2:
        raise ValueError(f"classes must hold all labels that may come, two at least; got {given!r}.")
    if known is None:
        known = Classes.found_in(labels if given is None else as_labels(given, "classes").reshape(-1, 1), form)
    elif given is not None and not np.array_equal(np.unique(as_labels(given, "classes")), known.values):
        raise ValueError(f"classes must be those of the first call, {known.values.tolist()}; got {given!r}.")
    check_kind(labels, known)
    return Targets(known.encode(labels), known.form(form), known.written_as(form), known)


def check_kind(labels: np.ndarray, classes: Classes) -> None:
    """Raise where there are more or fewer labels a sample than in ``fit``."""
    n_labels = len(classes.values) if classes.multilabel else 1
    if labels.shape[1] != n_labels:
        raise ValueError(f"y has {labels.shape[1]} labels a sample; the model was fitted with {n_labels}.")


def check_same_columns(form: TargetForm, known: TargetForm) -> None:
    """Raise where y had several named columns in ``fit`` and has others here, or the same in another order."""
    if form.names is None or known.names is None or known.n_outputs == 1 or list(form.names) == list(known.names):
        return
    raise ValueError(
        f"The columns of y must be those of fit, in that order: {list(known.names)}. Here they are {list(form.names)}."
    )


def check_same_kind(targets: Targets, known: TargetForm) -> None:
    """Raise where there are other outputs than in ``fit``, or a target at every step in one of both only."""
    outputs = targets.outputs
    if (outputs.n_outputs, outputs.per_step) != (known.n_outputs, known.per_step):
        raise ValueError(
            f"y has {outputs.n_outputs} outputs{' a step' if outputs.per_step else ''}; the model was fitted with "
            f"{known.n_outputs}{' a step' if known.per_step else ''}."
        )
    check_same_columns(outputs, known)
