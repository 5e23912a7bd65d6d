"""X as users give it, checked and cut into samples."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from grukit.data import (
    Sequences,
    Table,
    check_columns,
    check_finite,
    continuation,
    given_context,
    independent_rows,
    is_sequences,
    read_sequences,
    read_table,
    sequences_with_time,
    time_between,
    time_kind,
    time_since,
    windows,
)


@dataclass
class Work:
    """What one call works on: the samples of X and, for tables, the table they are windows of."""

    sequences: Sequences
    table: Table | None
    context: dict[tuple[Any, ...], np.ndarray]


def read_X(estimator: Any, X: Any, reset: bool, context: Any = None) -> Work:
    """Check X and cut it into samples; ``context`` as in ``predict``. With ``reset``, what later calls must agree with."""
    if reset:
        estimator._window, estimator._missing, estimator._time_kind = estimator.window, estimator.missing, None
    kind = "sequences" if is_sequences(X) else "rows" if estimator._window is None else "table"
    if reset:
        estimator._input_kind = kind
    elif kind != estimator._input_kind:
        raise ValueError(
            f"X is read as {kind} here and was read as {estimator._input_kind} in fit. Give X in the same form: a 2-D table, "
            "or a 3-D array or list of 2-D tables."
        )
    if kind != "table" and not (context is None or (isinstance(context, str) and context == "auto")):
        raise ValueError("context is for tables whose rows are time steps; sequences stand alone. Leave it out.")
    if kind == "sequences":
        sequences, columns = read_sequences(X, estimator._missing != "error")
        _check_features(estimator, sequences.values.shape[1], columns, reset)
        return Work(_timed(estimator, sequences, X, reset), None, {})
    check_columns(X)
    values = validate_data(estimator, X, dtype=(np.float64, np.float32), ensure_all_finite=False, reset=reset)
    _check_values(estimator, values, X, "Input X")
    if kind == "rows":
        return Work(_timed(estimator, independent_rows(np.ascontiguousarray(values)), X, reset), None, {})
    table = _read_table(estimator, values, X, reset)
    before = _context_of(estimator, table, context)
    return Work(windows(table, estimator._window, before), table, before)


def _check_features(estimator: Any, n_features: int, columns: list[Any] | None, reset: bool) -> None:
    """scikit-learn's checks of the number and names of features, for sequences."""
    names = np.array(columns, dtype=object) if columns and all(isinstance(c, str) for c in columns) else None
    if reset:
        estimator.n_features_in_ = n_features
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        if names is not None:
            estimator.feature_names_in_ = names
        return
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and names is not None and list(known) != list(names):
        raise ValueError(f"The feature names should match those that were passed during fit: {list(known)}.")
    if n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_features} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )


def _context_of(estimator: Any, table: Table, context: Any) -> dict[tuple[Any, ...], np.ndarray]:
    if context is None:
        return {}
    if isinstance(context, str):
        if context != "auto":
            raise ValueError(f"context must be 'auto', None, or a table of earlier rows; got {context!r}.")
        rows = continuation(estimator._tail, table)
        last = {key: estimator._tail.times[key][0] for key in rows}
    else:
        check_columns(context, "context")
        values = validate_data(estimator, context, dtype=(np.float64, np.float32), ensure_all_finite=False, reset=False)
        _check_values(estimator, values, context, "context")
        history = _read_table(estimator, values, context)
        rows = given_context(history, table, estimator._window)
        ends = zip(history.keys, history.offsets[1:], strict=True)
        last = {} if history.times is None else {key: history.times[end - 1] for key, end in ends if key in rows}
    if estimator._missing == "decay" and table.times is not None:
        for key, time in last.items():
            start = table.offsets[table.keys.index(key)]
            table.values[start, -1] = time_between(time, table.times[start])
    return rows


def _check_values(estimator: Any, values: np.ndarray, X: Any, what: str) -> None:
    columns, index = getattr(X, "columns", None), getattr(X, "index", None)
    check_finite(values, what, columns, index, allow_nan=estimator._missing != "error")


def _read_table(estimator: Any, values: np.ndarray, X: Any, reset: bool = False) -> Table:
    """The table, with the time since the row before as a last column where missing values decay."""
    table = read_table(values, X)
    if estimator._missing != "decay":
        return table
    _check_time_kind(estimator, [table.times], reset)
    series = [slice(*table.offsets[s : s + 2]) for s in range(len(table.keys))]
    since = [time_since(None if table.times is None else table.times[s], s.stop - s.start) for s in series]
    return replace(table, values=np.column_stack([table.values, np.concatenate(since)]))


def _timed(estimator: Any, sequences: Sequences, X: Any, reset: bool) -> Sequences:
    if estimator._missing != "decay":
        return sequences
    _check_time_kind(estimator, [getattr(x, "index", None) for x in X] if isinstance(X, list | tuple) else [], reset)
    return sequences_with_time(sequences, X)


def _check_time_kind(estimator: Any, indexes: list[Any], reset: bool) -> None:
    """Raise where an index counts in another kind of number than that of ``fit``."""
    for kind in {time_kind(index) for index in indexes} - {None}:
        if reset and estimator._time_kind is None:
            estimator._time_kind = kind
        if kind != estimator._time_kind:
            before = "told no time" if estimator._time_kind is None else f"told a {estimator._time_kind}"
            raise ValueError(
                f"With missing='decay' the index tells how long ago a value was seen. In fit it {before}; "
                f"here it tells a {kind}."
            )
