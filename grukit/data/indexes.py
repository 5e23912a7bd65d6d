"""The index of numbers about X: an entry a sample, a step, or a lag."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.errors import IndexingError

from grukit.data.sequences import is_sequences


def sample_index(X: Any) -> pd.Index:
    """One entry a sample: X's own index, or the numbers of an array's rows or of the sequences."""
    if isinstance(X, pd.DataFrame):
        return X.index
    return pd.RangeIndex(len(X), name="sequence" if is_sequences(X) else "row")


def step_index(X: Any) -> pd.MultiIndex:
    """One entry a step of every sequence, in their order.

    Parameters
    ----------
    X : list of 2-D tables, 3-D array, or a table whose rows are univariate sequences
        Sequences.

    Returns
    -------
    MultiIndex
        The sequence's label, then the step's: the own index of a DataFrame in a list, the columns of a table, otherwise
        0, 1, ...
    """
    if isinstance(X, list | tuple):
        own = [x.index if isinstance(x, pd.DataFrame) else pd.RangeIndex(len(x)) for x in X]
        steps = own[0].append(own[1:])
        return _with_level(sample_index(X), [len(index) for index in own], steps, "step")
    steps = X.columns if isinstance(X, pd.DataFrame) else pd.RangeIndex(X.shape[1])
    return _with_level(sample_index(X), len(steps), steps[np.tile(np.arange(len(steps)), len(X))], "step")


def lag_index(index: pd.Index, lengths: np.ndarray) -> pd.MultiIndex:
    """For each entry of ``index`` the lags 0, 1, ... up to its length; 0 is the row itself, 1 the row before it."""
    lags = np.concatenate([np.arange(length) for length in lengths])
    return _with_level(index, lengths, pd.Index(lags), "lag")


def _with_level(index: pd.Index, repeats: Any, inner: pd.Index, name: str) -> pd.MultiIndex:
    """Every entry of ``index`` as often as ``repeats`` says, and behind it the levels of ``inner``."""
    outer = index.repeat(repeats)
    arrays = [level_index.get_level_values(i) for level_index in (outer, inner) for i in range(level_index.nlevels)]
    names = [name] if inner.nlevels == 1 and inner.name is None else list(inner.names)
    return pd.MultiIndex.from_arrays(arrays, names=[*outer.names, *names])


def feature_columns(X: Any, n_features: int) -> pd.Index:
    """Names of the features: the columns of a frame, or of the frames of a list, otherwise 0, 1, ..."""
    first = X[0] if isinstance(X, list | tuple) else X
    if isinstance(first, pd.DataFrame) and first.shape[1] == n_features:
        return first.columns
    return pd.RangeIndex(n_features)


def choose_rows(index: pd.Index, rows: Any) -> np.ndarray:
    """Positions of the entries that ``.loc[rows]`` takes; all where ``rows`` is None.

    Raises
    ------
    ValueError
        Where a label is not in the index, or nothing is chosen.
    """
    positions = pd.Series(np.arange(len(index)), index=index)
    if rows is None:
        return positions.to_numpy()
    entries = f"the {len(index)} entries of X's index, from {index[0]} to {index[-1]}"
    try:
        chosen = np.atleast_1d(np.asarray(positions.loc[rows]))
    except (KeyError, IndexError, TypeError, IndexingError) as error:
        raise ValueError(f"rows={rows!r} cannot be chosen among {entries}: {error}") from error
    if len(chosen) == 0:
        raise ValueError(f"rows={rows!r} chooses none of {entries}.")
    return chosen
