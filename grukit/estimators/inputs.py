"""X as users give it, checked and cut into samples."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_array

from grukit.data import (
    Features,
    Scaler,
    Sequences,
    Table,
    Tail,
    as_samples,
    as_times,
    check_columns,
    check_different_names,
    check_finite,
    continuation,
    given_context,
    independent_rows,
    is_sequences,
    plain_numbers,
    quiet,
    read_sequences,
    read_table,
    sequences_with_time,
    time_between,
    time_kind,
    time_since,
    windows,
    with_column,
)

NO_TIME = "no time"
FAR = 10.0  # standard deviations between the medians of a context and of X that are no drift any more


@dataclass(frozen=True)
class InputForm:
    """How X is read, and what later calls must agree with; before ``fit`` has read X, only what parameters say.

    Attributes
    ----------
    estimator : str
        Name of the class, for messages.
    window, missing
        The parameters.
    kind : {"table", "sequences", "rows"} or None
        What X is: rows that are time steps, stand-alone sequences, or rows that are univariate sequences.
    features : Features or None
        Its columns.
    time_kind : str or None
        With ``missing="decay"``, what the index tells, see :func:`grukit.data.time_kind`, or ``NO_TIME``.
    """

    estimator: str
    window: int | None
    missing: str
    kind: str | None = None
    features: Features | None = None
    time_kind: str | None = None


@dataclass(frozen=True)
class Work:
    """What one call works on: the samples of X and, for tables, the table they are windows of.

    ``X`` is as the user gave it, but for what :func:`grukit.data.as_samples` does.
    """

    X: Any
    form: InputForm
    sequences: Sequences
    table: Table | None = None
    context: dict[tuple[Any, ...], np.ndarray] | None = None

    def to_user_order(self, values: np.ndarray) -> np.ndarray:
        """Values of the samples in the order of the user's rows."""
        return values if self.table is None else self.table.to_user_order(values)


def read_X(X: Any, form: InputForm, tail: Tail | None = None, context: Any = None) -> Work:
    """Check X and cut it into samples.

    Parameters
    ----------
    X, context
        As in ``predict``.
    form : InputForm
        What is known of X; in the result's form nothing is unknown.
    tail : Tail or None
        The last rows of training, for ``context="auto"``.
    """
    X = as_samples(X, sequences=form.kind == "sequences")
    kind = "sequences" if is_sequences(X) else "rows" if form.window is None else "table"
    if form.kind not in (None, kind):
        raise ValueError(
            f"X is read as {kind} here and was read as {form.kind} in fit. Give X in the same form: a 2-D table, "
            "or a 3-D array or list of 2-D tables."
        )
    if kind != "table" and not (context is None or (isinstance(context, str) and context == "auto")):
        raise ValueError("context is for tables whose rows are time steps; sequences stand alone. Leave it out.")
    form = replace(form, kind=kind)
    if kind == "sequences":
        sequences = read_sequences(X, form.missing != "error")
        form = _with_features(form, X, sequences.values.shape[1])
        return _timed(form, sequences, X)
    values, form = _read_values(form, X, "X")
    if kind == "rows":
        return _timed(form, independent_rows(np.ascontiguousarray(values)), X)
    table, form = _read_table(form, values, X)
    assert form.window is not None  # or the rows would be sequences
    before = _context_of(form, table, tail, context)
    return Work(X, form, windows(table, form.window, before), table, before)


def _read_values(form: InputForm, X: Any, what: str) -> tuple[np.ndarray, InputForm]:
    """The numbers (n, D) of a table."""
    values = plain_numbers(X)
    if values is None:
        check_columns(X, what)
        check_different_names(X, what)
        values = check_array(
            X, dtype=(np.float64, np.float32), ensure_all_finite=False, input_name=what, estimator=form.estimator
        )
    form = _with_features(form, X, values.shape[1])
    columns = getattr(X, "columns", None)
    index = None if columns is None else getattr(X, "index", None)  # a list has a method of this name
    check_finite(values, "Input X" if what == "X" else what, columns, index, allow_nan=form.missing != "error")
    return values, form


def _with_features(form: InputForm, X: Any, n: int) -> InputForm:
    given = Features.of(X, n)
    if form.features is None:
        return replace(form, features=given)
    form.features.check(given, form.estimator, warn=form.kind != "sequences")
    return form


def _context_of(form: InputForm, table: Table, tail: Tail | None, context: Any) -> dict[tuple[Any, ...], np.ndarray]:
    if context is None:
        return {}
    if isinstance(context, str):
        if context != "auto":
            raise ValueError(f"context must be 'auto', None, or a table of earlier rows; got {context!r}.")
        assert form.window is not None
        rows = continuation(tail, table, form.window)
        last = {key: tail.paces[key].last for key in rows} if tail is not None and form.missing == "decay" else {}
    else:
        context = as_samples(context)
        values, _ = _read_values(form, context, "context")
        history, _ = _read_table(form, values, context)
        assert form.window is not None
        rows = given_context(history, table, form.window)
        ends = zip(history.keys, history.offsets[1:], strict=True)
        last = {} if history.times is None else {key: history.times[end - 1] for key, end in ends if key in rows}
    if form.missing == "decay" and table.times is not None:
        starts = dict(zip(table.keys, table.offsets[:-1], strict=True))
        for key, time in last.items():
            start = starts[key]
            table.values[start, -1] = time_between(time, table.times[start])
    return rows


def check_context(work: Work, scaler: Scaler) -> None:
    """Warn where a column of the history given lies elsewhere than that of X, as if one of both had not been transformed."""
    assert work.table is not None
    assert work.form.features is not None
    if not work.context:
        return
    D = work.form.features.n
    history, values = np.concatenate(list(work.context.values()))[:, :D], work.table.values[:, :D]
    with quiet():  # where all of a column is missing
        away = np.abs(np.nanmedian(history, axis=0) - np.nanmedian(values, axis=0)) / scaler.scale[:D]
    column = int(np.argmax(np.nan_to_num(away)))
    if away[column] > FAR:
        labels = work.form.features.columns
        warnings.warn(
            f"Column {column if labels is None else repr(labels[column])} of context lies {away[column]:.3g} standard "
            "deviations of the training data away from that of X. A pipeline hands context on as it is: give it as the "
            "steps before the estimator make it, pipeline[:-1].transform(context).",
            stacklevel=2,
        )


def _read_table(form: InputForm, values: np.ndarray, X: Any) -> tuple[Table, InputForm]:
    """The table, with the time since the row before as a last column where missing values decay."""
    table = read_table(values, X)
    if form.missing != "decay":
        return table, form
    form = _with_time_kind(form, [table.times])
    series = [slice(*table.offsets[s : s + 2]) for s in range(len(table.keys))]
    since = [time_since(None if table.times is None else table.times[s], s.stop - s.start) for s in series]
    return replace(table, values=with_column(table.values, np.concatenate(since))), form


def _timed(form: InputForm, sequences: Sequences, X: Any) -> Work:
    """Stand-alone sequences, with the time since the row before where missing values decay."""
    if form.missing != "decay":
        return Work(X, form, sequences)
    form = _with_time_kind(
        form, [as_times(x.index) for x in X if hasattr(x, "columns")] if isinstance(X, list | tuple) else []
    )
    return Work(X, form, sequences_with_time(sequences, X))


def _with_time_kind(form: InputForm, indexes: list[Any]) -> InputForm:
    """Raise where an index counts in another kind of number than those before, in ``fit`` or here."""
    kinds = [time_kind(index) for index in indexes if index is not None]
    if None in kinds:
        wrong = next(index for index in indexes if index is not None and time_kind(index) is None)
        warnings.warn(
            f"With missing='decay' the index tells how long ago a value was seen; one of dtype {wrong.dtype} tells no time, "
            "so each row counts as one step. Parse it, for instance with pd.to_datetime, or drop it.",
            stacklevel=2,
        )
        kinds = [kind for kind in kinds if kind is not None]
    known = form.time_kind or (kinds[0] if kinds else NO_TIME)
    for kind in kinds:
        if kind != known:
            raise ValueError(
                "With missing='decay' the index tells how long ago a value was seen. In fit it told "
                f"{known if known == NO_TIME else f'a {known}'}; here it tells a {kind}."
            )
    return replace(form, time_kind=known)
