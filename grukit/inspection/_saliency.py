"""What a prediction depends on: its gradient, or its integrated gradient, with respect to each input and step."""

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from grukit.data import as_numbers, choose_rows, feature_columns, lag_index, sample_index, step_index
from grukit.estimators.fitted import FittedState
from grukit.inspection._subject import Batch, Subject
from grukit.model import network_backward, network_forward

METHODS = ("gradient", "integrated")


def saliency(
    model: Any,
    X: Any,
    method: str = "gradient",
    *,
    rows: Any = None,
    output: Any = None,
    baseline: Any = None,
    n_steps: int = 32,
    context: Any = "auto",
) -> pd.DataFrame:
    """Gradient of predictions with respect to each input at each step that they see.

    Parameters
    ----------
    model : GRURegressor or GRUClassifier
        Fitted. Of a classifier the log odds are explained: of the second of two classes, or of a label; with more classes,
        the output of a class under the softmax.
    X : as in ``predict``
        A table or sequences. With an output at every step, the prediction at a sequence's last step is explained; cut the
        sequence to explain an earlier one.
    method : {"gradient", "integrated"}, default="gradient"
        "gradient": by how much the prediction changes with an input, in units of the prediction per unit of the input.
        "integrated": the part of the prediction's difference from that of the baseline that is due to the input, in units
        of the prediction; the parts of one prediction sum to that difference (Sundararajan et al. 2017), up to the error
        of the midpoint rule.
    rows : label, slice, list or boolean mask, default=None
        Rows of X, as in ``X.loc[rows]``, or numbers of sequences, whose predictions are explained; they still see the rows
        before them. None: all.
    output : label or int, default=None
        Column of y whose output is explained, by its name, or its number where y was an array; of a classifier the class, by
        its label in ``classes_``, of two the second. None: the only one.
    baseline : float, or array or Series of shape (n_features,), default=None
        For "integrated": the input that stands for absence, in X's units, at every step. None: the means of the training
        data where the model standardises, otherwise 0.
    n_steps : int, default=32
        For "integrated": steps of the midpoint rule, each of which costs one gradient.
    context : "auto", None or table, default="auto"
        History before the first rows of a table, as in ``predict``.

    Returns
    -------
    DataFrame
        Columns: the features. Rows, for a table: a MultiIndex of X's index and "lag", 0 for the row itself, 1 for the row
        before it, up to ``window - 1`` or as far as history goes. So ``saliency(...).loc[label]`` is what one prediction
        depends on, and ``.abs().groupby("lag").mean()`` shows how far back the model looks. For sequences: a MultiIndex of
        sequence and step; DataFrames in a list keep their own index as the step. NaN where a value is missing.

        A table of n rows gives n times ``window`` rows; take a part with ``rows``. Memory beyond the result is bounded.

    Raises
    ------
    TypeError
        Where ``model`` is no estimator of grukit.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    ValueError
        For an X that ``predict`` would refuse, and for ``method``, ``rows``, ``output``, ``baseline`` or ``n_steps`` that
        are not as above.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2014), Deep Inside Convolutional Networks.
    Sundararajan, Taly and Yan (2017), Axiomatic Attribution for Deep Networks, eq. 1.

    Examples
    --------
    >>> from grukit import GRURegressor
    >>> from grukit.datasets import load_nile
    >>> from grukit.inspection import saliency
    >>> X = load_nile()[["volume"]]
    >>> model = GRURegressor(4, window=10, max_iter=20, random_state=0).fit(X[:-1], X["volume"].shift(-1)[:-1])
    >>> parts = saliency(model, X, method="integrated", rows="1950")
    >>> parts.index.names, len(parts)
    (FrozenList(['year', 'lag']), 10)
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}; got {method!r}.")
    if not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
        raise ValueError(f"n_steps must be a positive integer; got {n_steps!r}.")
    subject = Subject(model, X, context)
    if subject.spec.decay and method == "integrated":
        raise ValueError(
            "method='integrated' is not for missing='decay', where a value enters the network at several steps."
        )
    X = subject.work.X
    columns = feature_columns(X, subject.state.n_features)
    k, origin = _output_number(subject.state, output), _origin(subject.state, baseline, columns)
    samples, index = _samples(subject, X, rows)
    values, at = np.empty((len(index), len(columns))), 0
    for batch in subject.batches(samples):
        if method == "gradient":
            found = _per_row(subject, batch, _gradient(subject, batch.x, batch.lengths, k), k)
        else:
            found = _integrated(subject, batch, k, origin, int(n_steps))
        found[np.isnan(_values(subject, batch))] = np.nan
        lengths = subject.rows.lengths[batch.samples]
        sequences, places = np.nonzero((np.arange(len(found))[:, None] < lengths).T)
        steps = places if subject.table is None else lengths[sequences] - 1 - places  # a place is a lag
        values[at : at + len(steps)] = found[steps, sequences]
        at += len(steps)
    return pd.DataFrame(values, index=index, columns=columns, copy=False)


def _values(subject: Subject, batch: Batch) -> np.ndarray:
    """Values (T, B, D) of the rows of the batch's samples; zero beyond their ends."""
    starts, lengths = subject.rows.starts[batch.samples], subject.rows.lengths[batch.samples]
    t = np.arange(lengths.max())[:, None]
    rows = np.minimum(starts + t, len(subject.rows.values) - 1)
    values = subject.rows.values[rows][:, :, : subject.state.n_features]
    return np.where((t < lengths)[:, :, None], values, 0.0)


def _per_row(subject: Subject, batch: Batch, gradient: np.ndarray, k: int) -> np.ndarray:
    """Gradient (T, B, D) of prediction k with respect to the rows, in X's units, from that to the inputs of the steps.

    A difference depends on two rows, the linear part on the last ones.
    """
    state, lengths = subject.state, subject.rows.lengths[batch.samples]
    D, differenced, linear = state.n_features, state.choices.differenced, state.choices.final
    slopes = gradient / state.x_scaler.scale[:D]
    skipped = lengths - batch.lengths
    out = np.zeros((lengths.max(), len(lengths), D))
    for first in (0, 1):
        some = np.flatnonzero(skipped == first)
        n = min(len(slopes), len(out) - first)
        out[first : first + n, some] = slopes[:n, some]
        if differenced is not None:
            later = slopes[1 - first : n, some] * differenced
            out[: len(later), some] -= later
            if not first:  # the first step of all has no difference
                out[0, some] -= slopes[0, some] * differenced
    if linear is not None:
        for lag, coef in enumerate(linear.coef):
            some = np.flatnonzero((lengths > lag) | linear.first_before)
            out[np.maximum(lengths[some] - 1 - lag, 0), some] += coef[:, k]
    return out


def _gradient(subject: Subject, x: np.ndarray, lengths: np.ndarray, k: int) -> np.ndarray:
    """Gradient (T, B, D) of prediction k, in y's unit, by the D standardised features in x (T, B, .); 0 where missing."""
    outputs, forward = network_forward(subject.spec, subject.parameters, x, lengths)
    explained = (lengths - 1, np.arange(len(lengths)), k) if subject.spec.per_step else (slice(None), k)
    d_outputs = np.zeros_like(outputs)
    d_outputs[explained] = subject.state.y_scaler.derivative(outputs)[explained]
    _, d_x, _ = network_backward(d_outputs, forward)
    d_x, missing = d_x[:, :, : subject.state.n_features], _missing(subject, x)
    if subject.spec.decay:  # a value enters again at every step until the next one is seen
        for t in range(len(x) - 1, 0, -1):
            d_x[t - 1] += np.where(missing[t], d_x[t], 0.0)
    return np.where(missing, 0.0, d_x)


def _missing(subject: Subject, x: np.ndarray) -> np.ndarray:
    """Where the values of the D features in x (T, B, .) are missing."""
    D = subject.state.n_features
    if subject.spec.decay:
        return x[:, :, D : 2 * D] == 0
    return x[:, :, D:] == 1 if x.shape[2] == 2 * D else np.zeros(x.shape, dtype=bool)


def _integrated(subject: Subject, batch: Batch, k: int, origin: np.ndarray, n_steps: int) -> np.ndarray:
    """The way from the origin (D,) to the rows, times the mean gradient on it: the integral by the midpoint rule."""
    state, D = subject.state, len(origin)
    values = _values(subject, batch)
    way = np.where(np.isnan(values), 0.0, values - origin)
    steps = np.zeros_like(batch.x)
    steps[:, :, :D] = batch.x[:, :, :D]
    fixed = state.choices.differenced
    at_origin = (origin - state.x_scaler.mean[:D]) / state.x_scaler.scale[:D]
    if fixed is not None:  # the differences of what does not change
        at_origin = np.where(fixed, -state.x_scaler.mean[:D] / state.x_scaler.scale[:D], at_origin)
    towards = np.where(_missing(subject, batch.x), 0.0, steps[:, :, :D] - at_origin)
    if fixed is not None:  # of a series' first row there is no difference, wherever the row is
        first = subject.sequences.starts[batch.samples] == subject.rows.begins[subject.rows.take(batch.samples).series]
        towards[0] = np.where(first[:, None] & fixed, 0.0, towards[0])
    steps[:, :, :D] = towards
    total = np.zeros_like(towards)
    for step in range(n_steps):
        total += _gradient(subject, batch.x - (1 - (step + 0.5) / n_steps) * steps, batch.lengths, k)
    return way * _per_row(subject, batch, total / n_steps, k)


def _samples(subject: Subject, X: Any, rows: Any) -> tuple[np.ndarray, pd.MultiIndex]:
    """Numbers of the samples that ``rows`` chooses, and the index of their steps or lags."""
    index, starts, lengths = sample_index(X), subject.rows.starts, subject.rows.lengths
    chosen = choose_rows(index, rows)
    if subject.table is None:
        steps = np.concatenate([starts[i] + np.arange(lengths[i]) for i in chosen])
        return chosen, step_index(X)[steps]
    samples = subject.table.to_user_order(np.arange(len(lengths)))[chosen]
    return samples, lag_index(index[chosen], lengths[samples])


def _output_number(state: FittedState, output: Any) -> int:
    """Position of an output; a class goes by its label, also where y had no names for a column of each."""
    form = state.outputs
    if state.classes is not None and not state.classes.multilabel:
        form = replace(form, names=pd.Index(state.classes.values))
    return form.number_of(output)


def _origin(state: FittedState, baseline: Any, columns: pd.Index) -> np.ndarray:
    """The baseline (D,) in X's units."""
    D = len(columns)
    if baseline is None:
        differenced = state.choices.differenced
        mean = state.x_scaler.mean[:D]
        return mean.copy() if differenced is None else np.where(differenced, state.levels.mean, mean)
    if isinstance(baseline, pd.Series):
        if set(baseline.index) != set(columns):
            raise ValueError(f"baseline has the index {list(baseline.index)}; it must be {list(columns)}.")
        baseline = baseline[columns]
    array = as_numbers(baseline, "baseline")
    if array.shape not in ((), columns.shape):
        raise ValueError(f"baseline must be a number or have the shape ({D},); its shape is {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"baseline must be finite; got {baseline!r}.")
    return np.broadcast_to(array, columns.shape)
