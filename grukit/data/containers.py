"""What users hold their numbers in, as the forms that the rest reads: frames, arrays, lists of two-dimensional tables."""

from typing import Any

import numpy as np
import pandas as pd


def as_samples(X: Any, sequences: bool = False) -> Any:
    """X as a frame, an array or a list of two-dimensional tables; what is one of these stays as it is.

    A list, or an array of objects, whose members have two dimensions holds sequences; so does one of one-dimensional members
    of unequal length, univariate ones, where they are arrays or Series. Members of one dimension and equal length are the
    rows of a table, unless X must hold ``sequences``. Masked entries become NaN. Arrays of other libraries and nested lists
    become arrays.
    """
    if isinstance(X, pd.DataFrame | pd.Series):
        return X
    if isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1):
        return _as_tables(X, sequences)
    if isinstance(X, np.ma.MaskedArray):
        return unmasked(X)
    if not isinstance(X, np.ndarray) and hasattr(X, "__array__") and len(getattr(X, "shape", ())) == 3:
        return np.asarray(X)
    return X


def _as_tables(X: Any, sequences: bool) -> Any:
    """A list of tables, or X where its members are rows, or nothing that is known here."""
    members = [_as_array(x) for x in X]
    dimensions = {getattr(x, "ndim", 0) for x in members}
    if not members or not dimensions <= {1, 2} or len(dimensions) != 1:
        return X
    if dimensions == {2}:
        return members
    unequal = len({len(x) for x in members}) > 1
    if any(isinstance(x, list | tuple) for x in X) or not (unequal or sequences):
        return X
    return [x.to_frame() if isinstance(x, pd.Series) else x[:, None] for x in members]


def _as_array(x: Any) -> Any:
    """A member of a list as a pandas object or an array, where it is one, or numbers in lists."""
    if isinstance(x, pd.DataFrame | pd.Series):
        return x
    if isinstance(x, np.ma.MaskedArray):
        return unmasked(x)
    if isinstance(x, np.ndarray):
        return x
    if hasattr(x, "__array__") or isinstance(x, list | tuple):
        try:
            return np.asarray(x)
        except (TypeError, ValueError):  # ragged; whoever reads it says so
            return x
    return x


def unmasked(values: Any) -> Any:
    """An array without a mask: masked entries are NaN, or None among labels."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    masked: Any = values
    if not np.ma.is_masked(values):
        return np.asarray(values)
    if values.dtype.kind in "biuf":
        return np.asarray(masked.astype(values.dtype if values.dtype.kind == "f" else np.float64).filled(np.nan))
    labels = masked.data.astype(object)
    labels[np.ma.getmaskarray(masked)] = None
    return labels
