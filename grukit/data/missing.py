"""Missing inputs: an error, flagged to the network, or given as they were last seen with the time since."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.long_arrays import blocks_of_rows, long_array, with_column
from grukit.data.scaling import Scaler
from grukit.data.sequences import Sequences
from grukit.data.times import as_times, time_since


def sequences_with_time(sequences: Sequences, X: Any) -> Sequences:
    """Sequences with the time since the row before as a last column; DataFrames in a list have it in their index."""
    since = []
    for i, n in enumerate(sequences.lengths):
        own = X[i] if isinstance(X, list | tuple) else None
        since.append(time_since(as_times(own.index) if isinstance(own, pd.DataFrame) else None, n))
    return replace(sequences, values=with_column(sequences.values, np.concatenate(since)))


def check_any_seen(values: np.ndarray, what: str, columns: Any) -> None:
    """Raise where a column of values (n, D) has not one value to learn from.

    Raises
    ------
    ValueError
        Naming the column, by its number where ``columns`` are not its names.
    """
    empty = np.isnan(values[:1]).all(axis=0)  # of most tables the first row tells
    for block in blocks_of_rows(values):
        if not empty.any():
            return
        empty &= np.isnan(values[block]).all(axis=0)
    if empty.any():
        column = int(np.argmax(empty))
        named = columns is not None and len(columns) == values.shape[1]
        name = list(columns)[column] if named else column
        raise ValueError(f"{what}: column {name!r} has no value in the training part. Leave it out.")


def fit_inputs(measured: Scaler, since: np.ndarray, standardize: bool, missing: str) -> Scaler:
    """The scaler of the inputs.

    Where values may be missing, inputs are centred also if they are not standardised, so that zero is the mean.

    Parameters
    ----------
    measured : Scaler
        Of the D columns.
    since : ndarray of shape (n, 1) or (n, 0)
        With ``missing="decay"``, the time since the row before, whose scale is its median.
    standardize, missing
        The parameters.
    """
    features = measured
    if not standardize:
        D = len(measured.mean)
        features = Scaler.identity(D) if missing == "error" else Scaler(measured.mean, np.ones(D))
    if missing != "decay":
        return features
    known = since[np.isfinite(since)]
    typical = float(np.median(known)) if len(known) else 1.0
    return Scaler(np.append(features.mean, 0.0), np.append(features.scale, typical))


def encode_relative(sequences: Sequences, scaler: Scaler, missing: str) -> np.ndarray:
    """The same of sequences that are relative to means and scales of their own.

    Their first columns are left as they are, NaN where a value is missing, and all in float64: what they are relative to may
    lie far from zero.
    """
    M = sequences.relative.mean.shape[1]  # type: ignore[union-attr]
    encoded = encode_inputs(sequences, scaler, missing, "float64")
    encoded[:, :M] = sequences.values[:, :M]
    return encoded


def encode_inputs(
    sequences: Sequences, scaler: Scaler, missing: str, dtype: str, differenced: np.ndarray | None = None
) -> np.ndarray:
    """What the network's kernels are given for the values (n, D) or (n, D + 1) of sequences, see :func:`fit_inputs`.

    Columns that are ``differenced`` (D,), a boolean each, are differences to the row before; ``scaler`` measured those.

    Returns
    -------
    ndarray
        "error": (n, D), standardised. "mask": (n, 2D), the mean where a value is missing, then one where it is and zero
        elsewhere. "decay": (n, D + 1), NaN where a value is missing, then the time since the row before in typical steps,
        one where it is not known.
    """
    if differenced is None:
        scaled = scaler.transform(sequences.values, dtype)
    else:
        scaled = scaler.transform(sequences.differenced(differenced), dtype)
        scaled[np.ix_(sequences.begins, np.flatnonzero(differenced))] = 0.0  # the mean: there is no difference yet
    if missing == "mask":
        n, D = scaled.shape
        flagged = long_array((n, 2 * D), dtype)
        for block in blocks_of_rows(scaled):
            gone = np.isnan(scaled[block])
            flagged[block, :D], flagged[block, D:] = np.where(gone, 0.0, scaled[block]), gone
        return flagged
    if missing == "decay":
        since = scaled[:, -1]
        since[np.isnan(since)] = 1.0
    return scaled
