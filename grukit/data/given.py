"""What users give as series: a Series or DataFrame of it, and the entry that is no number."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data.frames import name_of_row


def check_entries(y: Any, what: str) -> None:
    """Raise for a Series of objects, naming the first that is no number."""
    if not isinstance(y, pd.Series) or not pd.api.types.is_object_dtype(y.dtype):
        return
    wrong = pd.to_numeric(y, errors="coerce").isna() & y.notna()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{what} must hold numbers; at {name_of_row(y.index, row)} it has {y.iloc[row]!r}.")
    raise ValueError(f"{what} must hold numbers; its dtype is object. Convert it, with {what}.astype(float).")


def as_pandas(y: Any, what: str) -> Any:
    """A Series or DataFrame, of an array on an index of row numbers.

    Raises
    ------
    TypeError
        Where y is no such thing.
    """
    if isinstance(y, pd.Series | pd.DataFrame):
        return y
    array = np.asarray(y)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} must be a Series, a DataFrame with a column a series, or a panel with a MultiIndex (series, time); got "
            f"{type(y).__name__}."
        )
    return pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)
