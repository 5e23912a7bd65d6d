"""What "auto" chooses, from the training samples alone: a linear part, its anchors, columns that are differenced."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from grukit.data import LinearLags, Samples, Scaler, choose_anchors, fit_linear
from grukit.estimators.inputs import InputForm

MOST_REGRESSORS = 1024  # lags times columns of an automatic linear part: 0.3 s to solve
DRIFTING = 0.5  # variance of the differences over that of the levels up to which a column is differenced


@dataclass(frozen=True)
class Choices:
    """What was chosen.

    Attributes
    ----------
    linear : LinearLags or None
        Added to the network's outputs.
    anchors : ndarray of shape (K,)
        The column towards whose last value each output of the linear part shrinks, -1 for none.
    alpha : ndarray of shape (K,)
        The penalty of each output.
    differenced : ndarray of shape (D,), bool, or None
        Columns of which the network receives differences.
    """

    linear: LinearLags | None
    anchors: np.ndarray
    alpha: np.ndarray
    differenced: np.ndarray | None


def choose_linear(
    anchor: Any, linear_lags: Any, form: InputForm, training: Samples, levels: Scaler
) -> tuple[LinearLags | None, np.ndarray, np.ndarray]:
    """The linear part, its anchors and penalties; None where there is none.

    Parameters
    ----------
    anchor, linear_lags
        The parameters.
    form : InputForm
        How X is read.
    training : Samples
        What is trained on.
    levels : Scaler
        Of the D columns as they are.
    """
    D, K = len(levels.mean), training.targets.shape[1]
    none = np.full(K, -1)
    values, weights = training.targets_seen()
    if not (~np.isnan(values).any(axis=1) & (weights > 0)).any():  # no sample of which every target is known
        return None, none, np.full(K, np.inf)
    if anchor is None:
        anchors = none
    elif isinstance(anchor, str) and anchor == "auto":
        anchors = choose_anchors(training, levels)
    else:
        anchors = np.full(K, column_number(anchor, form, D))
    n_lags = linear_lags
    if n_lags == "auto":
        n_lags = max(1, MOST_REGRESSORS // D)
    longest = int(training.sequences.lengths.max())
    n_lags = min(n_lags, longest)
    if n_lags == 0 and (anchors < 0).all():
        return None, anchors, np.full(K, np.inf)
    linear, alpha, anchors = fit_linear(training, levels, n_lags, anchors)
    return linear, anchors, alpha


def choose_differences(difference: Any, form: InputForm, training: Samples, D: int) -> np.ndarray | None:
    """The columns that are differenced (D,); None where none is."""
    if form.missing == "decay" or (isinstance(difference, bool | np.bool_) and not difference):
        return None
    if isinstance(difference, bool | np.bool_):
        return np.full(D, True)
    if not isinstance(difference, str):
        chosen = np.full(D, False)
        chosen[[column_number(column, form, D) for column in difference]] = True
        return chosen if chosen.any() else None
    if form.kind != "table" or form.window == 1:
        return None
    levels, changes = training.sequences.values[:, :D], training.sequences.differenced(np.full(D, True))[:, :D]
    rows = training.rows_seen()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nanvar(changes[rows], axis=0) / np.nanvar(levels[rows], axis=0)
    chosen = ratio < DRIFTING
    return chosen if chosen.any() else None


def column_number(column: Any, form: InputForm, D: int) -> int:
    """Position of a column of X by its label, or by its number where X is an array.

    Raises
    ------
    ValueError
        Where there is no such column.
    """
    labels = list(range(D)) if form.features is None or form.features.columns is None else list(form.features.columns)
    if column not in labels:
        raise ValueError(f"anchor and difference name columns of X, {labels}; {column!r} is none.")
    return labels.index(column)
