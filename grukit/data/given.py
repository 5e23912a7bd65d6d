"""What users give as series: a Series or DataFrame of it."""

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
    array = np.asarray(y)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} must be a Series, a DataFrame with a column a series, or a panel with a MultiIndex (series, time); got "
            f"{type(y).__name__}."
        )
    return pd.Series(array) if array.ndim == 1 else pd.DataFrame(array)
