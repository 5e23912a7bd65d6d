"""What users give as series: a Series or DataFrame of it, and what to do where values are missing."""

from typing import Any

import numpy as np
import pandas as pd


def as_pandas(y: Any, what: str) -> Any:
    """A Series or DataFrame, of an array on an index of row numbers.

    Raises
    ------
    TypeError
        Where y is no such thing.
    """
    if isinstance(y, pd.Series | pd.DataFrame):
        return y
    if hasattr(y, "columns") and hasattr(y, "dtypes"):  # of another library
        return pd.DataFrame({name: np.asarray(y[name]) for name in y.columns})
    array = np.asarray(y)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} must be a Series, a DataFrame with a column a series, or a panel with a MultiIndex (series, time), or "
            f"numbers, (n,) or (n, n_series); got {type(y).__name__}"
            + (f", of shape {array.shape} and dtype {array.dtype}." if array.ndim else ".")
        )
    return pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)


def remedy_for_missing(values: np.ndarray) -> str:
    """What to do about missing values (N, C) of y: those before the first value and after the last have nothing between."""
    known = np.flatnonzero(~np.isnan(values).any(axis=1))
    if len(known) and len(known) == known[-1] - known[0] + 1 and values.shape[1] == 1:
        return "Leave out the rows before the first value and after the last, with y.dropna(), or use missing='mask'."
    return "Fill it first, for instance with y.interpolate(), or use missing='mask'."


def plain_name(label: Any) -> Any:
    """The name of a series; None also where pandas has written NaN for it, which no other NaN is equal to."""
    return None if pd.api.types.is_scalar(label) and pd.isna(label) else label
