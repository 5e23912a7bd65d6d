"""Targets in, predictions out, with the user's index and names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.aligned import check_same_index
from grukit.data.containers import unmasked
from grukit.data.frames import FILL_OR_DROP, check_columns, check_finite, check_no_times
from grukit.data.predictions import with_reshape
from grukit.data.sequences import Sequences


@dataclass(frozen=True)
class TargetForm:
    """How the user wrote the targets, so that predictions can be written alike.

    Attributes
    ----------
    n_outputs : int
        K.
    per_step : bool
        A target at every step of a sequence.
    squeeze : bool
        The targets had no axis of outputs, so predictions have none.
    names : Index, list or None
        Columns of a DataFrame, name of a Series in a list; None for arrays, whose predictions are arrays.
    dtype : dtype or None
        Type of the labels, numpy's or pandas', which predicted labels get; None for numbers.
    """

    n_outputs: int
    per_step: bool
    squeeze: bool
    names: Any
    dtype: Any = None

    def number_of(self, output: Any) -> int:
        """Position of an output by its name, or by its number where the targets had no names; None: the only one.

        Raises
        ------
        ValueError
            Where there is no such output, or None leaves a choice.
        """
        names = range(self.n_outputs) if self.names is None else list(self.names)
        names = names[len(names) - self.n_outputs :]  # one output decides between two classes, for the second
        if output is None and self.n_outputs == 1:
            return 0
        if output is None or output not in names:
            raise ValueError(f"output must be one of {list(names)}; got {output!r}.")
        return names.index(output)


def read_targets(y: Any, sequences: Sequences, X: Any, allow_nan: bool = False) -> tuple[np.ndarray, TargetForm]:
    """Check and read ``y``.

    Parameters
    ----------
    y : Series, DataFrame, array of shape (n,) or (n, K); 3-D array or list of arrays for a target at every step
        Targets.
    sequences : Sequences
        What they are the targets of.
    X : object
        As the user gave it, for its index.
    allow_nan : bool, default=False
        Whether targets may be missing.

    Returns
    -------
    values : ndarray of shape (n, K), or (N, K) with a target at every step, float64
    form : TargetForm

    Raises
    ------
    ValueError
        Where the index, the length or a value is wrong.
    """
    return read_aligned(y, sequences, X, as_numbers, sequences.exchangeable and is_list_of_tables(y), allow_nan)


def read_aligned(
    y: Any,
    sequences: Sequences,
    X: Any,
    convert: Callable[[Any, str], np.ndarray],
    per_step: bool,
    allow_nan: bool = False,
    remedy: str = FILL_OR_DROP,
) -> tuple[np.ndarray, TargetForm]:
    """Check that ``y`` is aligned with X and read it, as :func:`read_targets`, by a function of a table and its name."""
    y = unmasked(y)
    if per_step:
        return _read_steps(y, sequences, X, convert, allow_nan, remedy)
    array = convert(y, "y")
    _check_index_kept(y, sequences, X)
    check_same_index(X, y)
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ValueError(f"y must have the shape (n,) or (n, n_outputs); its shape is {array.shape}.")
    if len(array) != len(sequences):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(sequences)}, y has {len(array)}."
        )
    matrix = array.reshape(len(array), -1)
    names = _names(y)
    if matrix.dtype.kind == "f":
        index = y.index if isinstance(y, pd.Series | pd.DataFrame) else None
        check_finite(matrix, "Input y", names, index, allow_nan, remedy)
    return matrix, TargetForm(matrix.shape[1], False, array.ndim == 1, names)


def _check_index_kept(y: Any, sequences: Sequences, X: Any) -> None:
    """Raise where y is of a panel and X, rows in time order, has no index to tell its series apart."""
    if sequences.exchangeable or isinstance(X, pd.DataFrame) or not isinstance(y, pd.Series | pd.DataFrame):
        return
    if y.index.nlevels > 1:
        raise ValueError(
            "y has a MultiIndex, which names the series of a panel, and X has no index, so windows would cross from one "
            "series into another. Give X as a DataFrame; a transformer before this step keeps the index with "
            'set_output(transform="pandas").'
        )


def is_list_of_tables(y: Any) -> bool:
    """Whether y is a 3-D array, or a list of arrays or pandas objects: one for each sequence."""
    if isinstance(y, (list, tuple)) or (isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1):
        return len(y) > 0 and all(isinstance(t, (np.ndarray, pd.Series, pd.DataFrame)) and t.ndim > 0 for t in y)
    return isinstance(y, np.ndarray) and y.ndim == 3


def _read_steps(
    y: Any, sequences: Sequences, X: Any, convert: Callable[[Any, str], np.ndarray], allow_nan: bool, remedy: str
) -> tuple[np.ndarray, TargetForm]:
    if len(y) != len(sequences):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(sequences)}, y has {len(y)}."
        )
    matrices: list[np.ndarray] = []
    for i, t in enumerate(y):
        what = f"y[{i}]"
        array = convert(t, what)
        if array.ndim > 2:
            raise ValueError(
                f"{what} must have the shape (n_steps,) or (n_steps, n_outputs); its shape is {array.shape}."
            )
        if len(array) != sequences.lengths[i]:
            raise ValueError(f"{what} has {len(array)} steps; X[{i}] has {sequences.lengths[i]}.")
        if isinstance(X, list | tuple):
            check_same_index(X[i], t, f"X[{i}]", what)
        matrix = array.reshape(len(array), -1)
        if matrices and matrix.shape[1] != matrices[0].shape[1]:
            raise ValueError(f"{what} has {matrix.shape[1]} outputs; y[0] has {matrices[0].shape[1]}.")
        if matrices and (matrix.dtype.kind in "OSU") != (matrices[0].dtype.kind in "OSU"):
            raise ValueError(f"{what} holds {matrix.dtype} and y[0] holds {matrices[0].dtype}; give all of one kind.")
        if matrix.dtype.kind == "f":
            index = t.index if isinstance(t, (pd.Series, pd.DataFrame)) else None
            check_finite(matrix, what, None, index, allow_nan, remedy)
        matrices.append(matrix)
    first = y[0]
    return np.concatenate(matrices), TargetForm(matrices[0].shape[1], True, np.ndim(first) == 1, _names(first))


def _names(y: Any) -> Any:
    if isinstance(y, pd.DataFrame):
        return y.columns
    return [y.name] if isinstance(y, pd.Series) else None


def as_numbers(y: Any, what: str) -> np.ndarray:
    """Numbers as an array of float64, missing ones as NaN.

    Raises
    ------
    ValueError
        Where they are none: text, times, complex numbers.
    """
    check_columns(y, what)
    try:
        array = np.asarray(y)
    except ValueError as error:  # of lists of unequal lengths
        raise ValueError(f"{what} must hold numbers: {error}") from error
    check_no_times(array, what)
    if array.dtype.kind == "c":
        raise ValueError(f"{what} holds complex numbers. Complex data not supported.")
    if isinstance(y, pd.Series | pd.DataFrame):  # where pandas' own missing value becomes NaN
        return y.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must hold numbers: {error}") from error


def to_output(outputs: np.ndarray, X: Any, sequences: Sequences, form: TargetForm) -> Any:
    """Predictions in the form of the data they were made from.

    Parameters
    ----------
    outputs : ndarray of shape (n, K) or (N, K)
        In the order of the user's rows.
    X : object
        What ``predict`` was given. Where it is a DataFrame and the targets had names, predictions are a Series or a
        DataFrame on its index, otherwise arrays. With an output at every step, a list gives a list of them and an array
        one array.
    sequences : Sequences
        The samples of X.
    form : TargetForm
        How the targets were written in ``fit``.
    """
    if isinstance(form.dtype, np.dtype):
        outputs = outputs.astype(form.dtype)
    if not form.per_step:
        return _shaped(outputs, X.index if isinstance(X, pd.DataFrame) else None, form)
    pieces = np.split(outputs, np.cumsum(sequences.lengths)[:-1])
    if not isinstance(X, list | tuple):
        stacked = np.stack(pieces)
        return stacked[..., 0] if form.squeeze else stacked
    return [
        _shaped(piece, x.index if isinstance(x, pd.DataFrame) else None, form)
        for piece, x in zip(pieces, X, strict=True)
    ]


def _shaped(outputs: np.ndarray, index: pd.Index | None, form: TargetForm) -> Any:
    if index is None or form.names is None:
        return outputs[:, 0] if form.squeeze else outputs
    if form.squeeze:
        return with_reshape(pd.Series(outputs[:, 0], index=index, name=form.names[0], dtype=form.dtype))
    return pd.DataFrame(outputs, index=index, columns=form.names, dtype=form.dtype)
