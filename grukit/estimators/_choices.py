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
    blocks_of_rows,
    choose_anchors,
    fit_linear,
    fit_logistic,
    long_array,
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
    earlier : ndarray of shape (K,) or None
        How many rows before the last one an output's anchor is a part of the linear part as it was, 0 where none is. None: as
        zeros.
    """

    linear: LinearLags | None
    final: LinearLags | None
    anchors: np.ndarray
    alpha: np.ndarray
    differenced: np.ndarray | None
    asked: Mapping[str, object]
    alone: float | None = None
    earlier: np.ndarray | None = None

    @property
    def is_alone(self) -> bool:
        """Whether the network alone was chosen."""
        return self.alone is not None and self.alone < MUCH_BETTER

    @property
    def earlier_rows(self) -> np.ndarray:
        """How many rows (K,) before the last one the anchors are a part of the linear part, 0 where none is."""
        return np.zeros(len(self.anchors), dtype=np.int64) if self.earlier is None else self.earlier

    @classmethod
    def of(
        cls, linear: FittedLinear | None, n_outputs: int, differenced: np.ndarray | None, asked: Mapping[str, object]
    ) -> "Choices":
        """Choices with a linear part, or none."""
        if linear is None:
            return cls(None, None, np.full(n_outputs, -1), np.full(n_outputs, np.inf), differenced, asked)
        own = linear.linear, linear.final, linear.anchors, linear.alpha
        return cls(*own, differenced, asked, earlier=linear.earlier)


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
    n_lags = max(1, MOST_REGRESSORS // D) if linear_lags == "auto" else linear_lags
    n_lags = min(n_lags, int(training.sequences.lengths.max()))
    if anchor is None:
        anchors = np.full(K, -1)
    elif isinstance(anchor, str) and anchor == "auto":
        # Where there are regressions to judge by in time, what they forecast from it decides, too.
        anchors = choose_anchors(training, levels, or_mean=n_lags == 0 or training.sequences.exchangeable)
    else:
        anchors = np.full(K, column_number(anchor, form, D))
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
    sequences, seen = training.sequences, training.rows_seen
    chosen = np.array([_drifts(sequences.values[:, d], seen, sequences) for d in range(D)])
    return chosen if chosen.any() else None


def _drifts(values: np.ndarray, seen: np.ndarray, sequences: Sequences) -> bool:
    """Whether a column (N,) drifts, by the rows that are seen. What is as long as it lies where long arrays do."""
    known = seen & ~np.isnan(values)
    levels = _less_means(values, known, sequences.begins)
    changes, changed = long_array(values.shape, np.float64), known.copy()
    changes[0] = 0.0
    np.subtract(values[1:], values[:-1], out=changes[1:], dtype=np.float64)
    changed[1:] &= ~np.isnan(values[:-1])
    changed[sequences.begins] = False
    means = _window_means(levels, known, sequences)
    variance = _variance(levels, known)
    smooth = _variance(changes, changed) < SMOOTH * variance
    return bool(smooth and _variance(means, np.full(len(means), True)) > DRIFTING * variance)


def _variance(values: np.ndarray, known: np.ndarray) -> float:
    """Variance of the values (n,) that are known, NaN of none; they are overwritten."""
    count = np.count_nonzero(known)
    if count == 0:
        return np.nan
    np.copyto(values, 0.0, where=~known)
    values -= values.sum() / count
    np.copyto(values, 0.0, where=~known)
    values *= values
    return float(values.sum() / count)


def _less_means(values: np.ndarray, known: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Values (N,) less the mean of their series, for what series differ in is no drift; zero where one is not known."""
    lengths, out = np.diff([*begins, len(values)]), long_array(values.shape, np.float64)
    out[:] = np.inf
    np.copyto(out, values, where=known)
    least = np.repeat(np.minimum.reduceat(out, begins), lengths)
    np.subtract(out, least, out=out, where=known)  # of what never varies, zeros to the bit
    np.copyto(out, 0.0, where=~known)
    counts = np.maximum(np.add.reduceat(known, begins, dtype=np.float64), 1)
    np.subtract(out, np.repeat(np.add.reduceat(out, begins) / counts, lengths), out=out, where=known)
    return out


def _window_means(values: np.ndarray, known: np.ndarray, sequences: Sequences) -> np.ndarray:
    """Means of values (N,), zero where one is not known, over each of the longest samples (m,)."""
    sums, counts = (long_array((len(values) + 1,), dtype) for dtype in (np.float64, np.int64))
    sums[0] = counts[0] = 0
    np.cumsum(values, out=sums[1:])
    np.cumsum(known, out=counts[1:])
    longest = int(sequences.lengths.max())
    first = sequences.starts[sequences.lengths == longest]
    means = long_array(first.shape, np.float64)
    for block in blocks_of_rows(means):
        begin, end = first[block], first[block] + longest
        means[block] = (sums[end] - sums[begin]) / np.maximum(counts[end] - counts[begin], 1)
    return means


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
