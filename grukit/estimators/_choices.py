"""What "auto" chooses, from the training samples alone: a linear part, its anchors, columns that are differenced."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grukit.data import (
    FittedLinear,
    LinearLags,
    Samples,
    Scaler,
    Sequences,
    choose_anchors,
    fit_linear,
    fit_logistic,
)
from grukit.estimators.inputs import InputForm

# Lags times columns of an automatic linear part. Of 14,000 rows, one output: 224 take 0.2 s, 512 take 0.9 s, 1024 take 4.4 s.
MOST_REGRESSORS = 1024
MOST_LAGGED = 1 << 24  # numbers in the table of lags that an automatic linear part of a classifier is fitted to
# A column drifts where its changes vary less than half as much as it does itself, and its means over windows more than 0.4
# times as much. The means tell a drift (0.48 to 0.99 for CO2, random walks, temperatures of oil) from what swings about a
# level (0.06 to 0.32 for sines, Lorenz's equations, El Nino).
SMOOTH, DRIFTING = 0.5, 0.4
MUCH_BETTER = 0.95  # of the validation loss beside a linear part: below it the network alone is chosen


@dataclass(frozen=True)
class Choices:
    """What was chosen.

    Attributes
    ----------
    linear : LinearLags or None
        Added to the network's outputs in training.
    final : LinearLags or None
        Added to them in predictions: the same, but fitted to all samples, those held out too.
    anchors : ndarray of shape (K,)
        The column towards whose last value each output of the linear part shrinks, -1 for none.
    alpha : ndarray of shape (K,)
        The penalty of each output.
    differenced : ndarray of shape (D,), bool, or None
        Columns of which the network receives differences.
    asked : mapping of str to object
        The parameters that it was chosen by.
    alone : float or None
        Validation loss of the network alone as a share of that of the network with a linear part, where both were trained.
    """

    linear: LinearLags | None
    final: LinearLags | None
    anchors: np.ndarray
    alpha: np.ndarray
    differenced: np.ndarray | None
    asked: Mapping[str, object]
    alone: float | None = None

    @property
    def is_alone(self) -> bool:
        """Whether the network alone was chosen."""
        return self.alone is not None and self.alone < MUCH_BETTER

    @classmethod
    def of(
        cls, linear: FittedLinear | None, n_outputs: int, differenced: np.ndarray | None, asked: Mapping[str, object]
    ) -> "Choices":
        """Choices with a linear part, or none."""
        if linear is None:
            return cls(None, None, np.full(n_outputs, -1), np.full(n_outputs, np.inf), differenced, asked)
        return cls(linear.linear, linear.final, linear.anchors, linear.alpha, differenced, asked)


def choose_linear(
    anchor: Any, linear_lags: Any, form: InputForm, training: Samples, everything: Samples, levels: Scaler
) -> FittedLinear | None:
    """The linear part; None where there is none.

    Parameters
    ----------
    anchor, linear_lags
        The parameters.
    form : InputForm
        How X is read.
    training, everything : Samples
        What is trained on, and that with what is held out.
    levels : Scaler
        Of the D columns as they are.
    """
    if anchor is None and linear_lags == 0:
        return None
    D, K = len(levels.mean), training.targets.shape[1]
    values, weights = training.targets_seen()
    if not (~np.isnan(values[weights > 0])).any(axis=0).all():  # an output that is known in no sample
        return None
    if anchor is None:
        anchors = np.full(K, -1)
    elif isinstance(anchor, str) and anchor == "auto":
        anchors = choose_anchors(training, levels)
    else:
        anchors = np.full(K, column_number(anchor, form, D))
    n_lags = max(1, MOST_REGRESSORS // D) if linear_lags == "auto" else linear_lags
    n_lags = min(n_lags, int(training.sequences.lengths.max()))
    if n_lags == 0 and (anchors < 0).all():
        return None
    return fit_linear(training, everything, levels, n_lags, anchors)


def choose_logistic(
    linear_lags: Any, training: Samples, everything: Samples, levels: Scaler, n_outputs: int, link: str
) -> FittedLinear | None:
    """The linear part of a classifier with K outputs; None where there is none.

    Parameters
    ----------
    linear_lags
        The parameter.
    training, everything, levels
        As of :func:`choose_linear`.
    n_outputs, link
        K, and what they are.
    """
    if linear_lags == 0:
        return None
    n, D = len(training.targets_seen()[0]), len(levels.mean)
    n_lags = max(1, min(MOST_REGRESSORS // D, MOST_LAGGED // (n * D))) if linear_lags == "auto" else linear_lags
    n_lags = min(n_lags, int(training.sequences.lengths.max()))
    return fit_logistic(training, everything, levels, n_lags, n_outputs, link)


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
    sequences = training.sequences
    levels = _less_means(sequences.values[:, :D], training.rows_seen, sequences.begins)
    changes = sequences.differenced(np.full(D, True))[:, :D]
    changes[np.isnan(levels)] = np.nan
    means, sizes = _window_means(levels, sequences)
    variance = _variances(levels)
    smooth = _variances(changes) < SMOOTH * variance
    drifts = _variances(means[sizes == sizes.max()]) > DRIFTING * variance
    chosen = smooth & drifts
    return chosen if chosen.any() else None


def _variances(values: np.ndarray) -> np.ndarray:
    """``np.nanvar`` of each column, without its warnings: NaN of a column without a value."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = known.sum(axis=0)
        centred = np.where(known, values - np.where(known, values, 0.0).sum(axis=0) / counts, 0.0)
        return (centred * centred).sum(axis=0) / counts


def _less_means(values: np.ndarray, seen: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Rows (N, D) less the mean of their series, for what series differ in is no drift; NaN where a row is not seen."""
    known = seen[:, None] & ~np.isnan(values)
    lengths = np.diff([*begins, len(values)])
    out = np.where(known, values, np.inf)
    least = np.repeat(np.minimum.reduceat(out, begins, axis=0), lengths, axis=0)
    out[known] -= least[known]  # of what never varies, zeros to the bit
    out[~known] = 0.0
    counts = np.maximum(np.add.reduceat(known, begins, axis=0, dtype=np.float64), 1)
    out -= np.repeat(np.add.reduceat(out, begins, axis=0) / counts, lengths, axis=0)
    out[~known] = np.nan
    return out


def _window_means(values: np.ndarray, sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Means of the columns of values (N, D) over each sample, missing ones left out, (n, D), and the samples' lengths."""
    known = ~np.isnan(values)
    zero = np.zeros((1, values.shape[1]))
    sums = np.concatenate([zero, np.where(known, values, 0.0).cumsum(axis=0)])
    counts = np.concatenate([zero, known.cumsum(axis=0)])
    first, last = sequences.starts, sequences.starts + sequences.lengths
    return (sums[last] - sums[first]) / np.maximum(counts[last] - counts[first], 1), sequences.lengths


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
