"""Labels in, numbers of classes for the network, and labels out."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets

from grukit.data.containers import unmasked
from grukit.data.frames import check_columns, name_of_row
from grukit.data.sequences import Sequences, is_sequences
from grukit.data.targets import TargetForm, is_list_of_tables, read_aligned

NO_LABEL = (
    "A label cannot be missing: leave such samples out, or give them any label and a sample_weight of 0, so that they remain "
    "in the history of others."
)


@dataclass(frozen=True)
class Classes:
    """The classes of labels, and how a network tells them.

    Attributes
    ----------
    values : ndarray of shape (C,)
        The labels, sorted; for several labels a sample, their names.
    multilabel : bool
        Any number of the C labels may hold at once.
    """

    values: np.ndarray
    multilabel: bool

    @classmethod
    def found_in(cls, labels: np.ndarray, form: TargetForm) -> "Classes":
        """Classes of labels (n, 1), or of an indicator (n, K)."""
        K = labels.shape[1]
        if K > 1:
            return cls(np.arange(K) if form.names is None else np.asarray(form.names), True)
        try:
            values = np.sort(np.asarray(pd.unique(labels[:, 0]))).astype(labels.dtype)
        except TypeError as error:
            raise ValueError(f"y must hold labels that can be compared with each other: {error}.") from error
        if len(values) < 2:
            raise ValueError(f"y holds one class only, {values.tolist()[0]!r}; a classifier needs at least two.")
        return cls(values, False)

    @property
    def link(self) -> str:
        """What the outputs of the network are, see :mod:`grukit.data.links`."""
        return "logit" if self.multilabel else "binary" if len(self.values) == 2 else "softmax"

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: one number decides between two classes."""
        return 1 if self.link == "binary" else len(self.values)

    def written_as(self, labels: TargetForm) -> TargetForm:
        """Form of labels of which some classes may be missing: with the type of its own where all classes are of that type.

        Text of a first part of the data may be shorter than that of others, its integers may be smaller, and a type of
        categories lacks those that it was not made of.
        """
        return (
            labels if self.multilabel or _holds(labels.dtype, self.values) else replace(labels, dtype=self.values.dtype)
        )

    def form(self, labels: TargetForm) -> TargetForm:
        """Form of the probabilities for labels of a form."""
        names = labels.names if self.multilabel or labels.names is None else pd.Index(self.values)
        return TargetForm(self.n_outputs, labels.per_step, False, names)

    def numbers(self, labels: np.ndarray) -> np.ndarray:
        """Number of the class of each label (n, 1), -1 where it is none of them; an indicator (n, K) stays what it is."""
        if self.multilabel:
            return labels.astype(np.int64)
        index = pd.Index(self.values, dtype=object if self.values.dtype.kind in "OSU" else None)
        return index.get_indexer(labels[:, 0])[:, None]

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """As :meth:`numbers`, float64.

        Raises
        ------
        ValueError
            Where a label is none of the classes.
        """
        numbers = self.numbers(labels)
        if numbers.min() < 0:
            unknown = labels[int(np.argmin(numbers))].tolist()[0]
            raise ValueError(f"y holds the label {unknown!r}; the classes are {self.values.tolist()}.")
        return numbers.astype(np.float64)

    def choose(self, probabilities: np.ndarray) -> np.ndarray:
        """Number of the most probable class (n, 1); of several labels (n, K), one where a label is more likely than not."""
        if self.multilabel:
            return (probabilities > 0.5).astype(np.int64)
        return np.argmax(probabilities, axis=1)[:, None]

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Labels of numbers; an indicator stays what it is."""
        return numbers if self.multilabel else self.values[numbers]


def read_labels(y: Any, sequences: Sequences, X: Any) -> tuple[np.ndarray, TargetForm]:
    """Check and read labels.

    Parameters
    ----------
    y : Series, DataFrame or array of shape (n,), labels; or of shape (n, K), zeros and ones
        For a label at every step: a list of such with a row a step, an array (n, n_steps) beside sequences that all have
        ``n_steps`` steps, or a 3-D array.
    sequences : Sequences
        What they are the labels of.
    X : object
        As the user gave it, for its index and its kind.

    Returns
    -------
    labels : ndarray of shape (n, 1) or (n, K), or (N, 1) or (N, K) with a label at every step
    form : TargetForm

    Raises
    ------
    ValueError
        Where the index, the length or a value is wrong, a label is missing, or the values are no labels.
    """
    per_step = sequences.exchangeable and is_list_of_tables(y) and (is_sequences(X) or isinstance(y, np.ndarray))
    if not isinstance(y, pd.Series | pd.DataFrame) and not (per_step and isinstance(y, list | tuple)):
        y = as_labels(unmasked(y), "y")
        per_step = per_step or (is_sequences(X) and y.ndim == 2 and bool((sequences.lengths == y.shape[1]).all()))
    labels, form = read_aligned(y, sequences, X, as_labels, per_step, remedy=NO_LABEL)
    form = replace(form, dtype=_dtype_of(y, labels))
    if form.n_outputs == 1:
        if labels.dtype.kind in "fiu":
            check_classification_targets(labels[:, 0])
        if not form.squeeze:
            warnings.warn(
                "A column-vector y was passed when a 1d array was expected. Please leave out the last axis of y, for "
                "example using ravel().",
                DataConversionWarning,
                stacklevel=2,
            )
        return labels, replace(form, squeeze=True)
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        row, column = (int(i) for i in np.unravel_index(np.argmax(wrong), wrong.shape))
        raise ValueError(
            f"y has {form.n_outputs} columns, so each must be 0 or 1 for a label; row {row}, column {column} holds "
            f"{labels[row].tolist()[column]!r}."
        )
    return labels, form


def as_labels(y: Any, what: str) -> np.ndarray:
    """Labels of one dtype from an array, Series or DataFrame; a DataFrame of several columns must hold numbers.

    Raises
    ------
    ValueError
        Where a label is missing, naming the row or timestamp, or y is no array of labels.
    """
    if isinstance(y, pd.DataFrame):
        if y.shape[1] == 1:
            return as_labels(y.iloc[:, 0], what)[:, None]
        check_columns(y, what)
        return y.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        array = y.to_numpy() if isinstance(y, pd.Series) else np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{what} must hold labels: {error}") from error
    if array.dtype.kind == "c":
        raise ValueError(f"{what} holds complex numbers. Complex data not supported.")
    if array.dtype.kind not in "OMm":
        return array  # NaN in it is found with the other numbers that are not finite
    missing = pd.isna(array)
    if missing.any():
        row = int(np.argmax(missing.reshape(len(array), -1).any(axis=1)))
        index = y.index if isinstance(y, pd.Series) else None
        raise ValueError(f"{what} contains NaN: the label at {name_of_row(index, row)} is missing. {NO_LABEL}")
    return pd.Series(array.ravel()).infer_objects().to_numpy().reshape(array.shape)


def _holds(dtype: Any, values: np.ndarray) -> bool:
    """Whether labels stay what they are in a type, numpy's or pandas'."""
    if isinstance(dtype, pd.CategoricalDtype):
        return set(values.tolist()) <= set(dtype.categories.tolist())
    try:
        written = values.astype(dtype) if isinstance(dtype, np.dtype) else pd.Series(values, dtype=dtype).to_numpy()
    except (TypeError, ValueError, OverflowError):
        return False
    return bool(np.all(written == values))


def _dtype_of(y: Any, labels: np.ndarray) -> Any:
    """Type that predicted labels get: that of the columns of y, or pandas' own, where there is one; else of the labels."""
    tables = [t for t in (y if isinstance(y, list | tuple) else [y]) if isinstance(t, pd.Series | pd.DataFrame)]
    dtypes = {dtype for t in tables for dtype in (t.dtypes if isinstance(t, pd.DataFrame) else [t.dtype])}
    of_frame = labels.shape[1] > 1 and len(tables) > 0  # such labels were read as float64, whatever the columns are
    if len(dtypes) == 1:
        dtype = dtypes.pop()
        return dtype if of_frame or not isinstance(dtype, np.dtype) else labels.dtype
    return np.dtype(np.int64) if of_frame else labels.dtype
