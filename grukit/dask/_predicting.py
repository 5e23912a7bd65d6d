"""Predictions of Dask collections, one task a partition, when they are asked for."""

from typing import Any

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
from dask import delayed

from grukit.dask._collections import Keys, check_frame
from grukit.estimators.fitted import FittedState


def predict_lazily(model: Any, method: str, X: Any, context: Any, keys: Keys) -> Any:
    """What a method of a fitted plain estimator gives for each row or sequence of a collection.

    Parameters
    ----------
    model : GRURegressor or GRUClassifier
        Fitted.
    method : str
        ``predict`` or its like.
    X : DataFrame or Array of Dask's
        The partitions of a long frame follow each other: the rows of a series may lie in several.
    context : "auto" or None
        Of the first rows of each series.
    keys : Keys
        The columns of a long frame.

    Returns
    -------
    Series, DataFrame or Array of Dask's, partitioned as X
    """
    if isinstance(X, dask.array.Array):
        return _of_blocks(model, method, X)
    check_frame(X, keys)
    if not (context is None or (isinstance(context, str) and context == "auto")):
        raise ValueError("Of a Dask DataFrame, context is 'auto' or None; give earlier rows as rows of X.")
    nothing = _nothing(model, method)
    window, local, tail, made = model._fitted.inputs.window, delayed(model), None, []
    for part in X.to_delayed():
        made.append(delayed(_of_partition)(local, method, part, tail, context, keys, nothing))
        tail = delayed(_tail)(part, tail, keys, window)
    meta = nothing.set_axis(X._meta.index[:0], axis=0)
    return dask.dataframe.from_delayed(made, meta=meta, divisions=X.divisions, verify_meta=False)


def _nothing(model: Any, method: str) -> Any:
    """What the method gives, without a row."""
    state: FittedState = model._fitted
    if state.tail is None or state.inputs.features is None or state.inputs.features.columns is None:
        raise ValueError("The model was fitted on arrays without an index; predict arrays with it.")
    key, pace = next(iter(state.tail.paces.items()))
    index = pd.MultiIndex.from_tuples([(*key, pace.last)]) if key else pd.Index([pace.last])
    row = pd.DataFrame(0.0, index=index, columns=state.inputs.features.columns)
    return getattr(model, method)(row, context=None).iloc[:0]


def _of_partition(
    model: Any, method: str, part: pd.DataFrame, tail: pd.DataFrame | None, context: Any, keys: Keys, nothing: Any
) -> Any:
    """Predictions on the index of a partition; ``tail`` are the last rows of the partitions before."""
    if len(part) == 0:
        return nothing.set_axis(part.index, axis=0)
    predict = getattr(model, method)
    if tail is None or len(tail) == 0:
        return predict(keys.indexed(part), context=context).set_axis(part.index, axis=0)
    own, before = (_names(frame, keys) for frame in (part, tail))
    counts = before.value_counts()
    # A window of one of these reaches back no further than its tail, so not into training either.
    whole = set(counts.index[counts >= model._fitted.inputs.window])
    made, at = [], []
    for chosen, its_context in ((own.isin(whole), None), (~own.isin(whole), context)):
        if chosen.any():
            rows, wanted = part[chosen.to_numpy()], set(own[chosen])
            earlier = tail[before.isin(wanted).to_numpy()]
            frame = keys.indexed(pd.concat([earlier, rows]))
            made.append(predict(frame, context=its_context).iloc[len(earlier) :])
            at.append(np.flatnonzero(chosen))
    together = pd.concat(made).iloc[np.argsort(np.concatenate(at), kind="stable")]
    return together.set_axis(part.index, axis=0)


def _names(frame: pd.DataFrame, keys: Keys) -> pd.Series:
    """The series of each row, as one hashable value."""
    if not keys.series:
        return pd.Series(0, index=range(len(frame)))
    if len(keys.series) == 1:
        return frame[keys.series[0]].astype(object).reset_index(drop=True)
    return pd.Series(list(zip(*(frame[name] for name in keys.series), strict=True)), index=range(len(frame)))


def _tail(part: pd.DataFrame, tail: pd.DataFrame | None, keys: Keys, window: int) -> pd.DataFrame:
    """The last rows of each series, as many as a window has."""
    rows = part if tail is None else pd.concat([tail, part])
    if not keys.series:
        return rows.tail(window)
    return rows.groupby(keys.series, observed=True, sort=False).tail(window)


def _of_blocks(model: Any, method: str, X: Any) -> Any:
    """Predictions of sequences, of an array (n, n_steps, n_features), or (n, n_steps) where rows are sequences."""
    if X.ndim == 2 and model._fitted.inputs.window is not None:
        raise ValueError(
            "The rows of a Dask array of two dimensions have no time that joins its blocks. Give a Dask DataFrame with "
            "columns for series and time, or sequences."
        )
    X = X.rechunk({axis: -1 for axis in range(1, X.ndim)})
    one = getattr(model, method)(np.zeros((1, *X.shape[1:])))
    local, shape = delayed(model), one.shape[1:]
    blocks = [
        dask.array.from_delayed(delayed(_of_block)(local, method, block), (n, *shape), one.dtype)
        for block, n in zip(X.to_delayed().ravel(), X.chunks[0], strict=True)
    ]
    return dask.array.concatenate(blocks, allow_unknown_chunksizes=True)


def _of_block(model: Any, method: str, block: np.ndarray) -> np.ndarray:
    return getattr(model, method)(block)
