"""Whether what belongs together has one index."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn import get_config


def check_same_index(X: Any, y: Any, name: str = "X", y_name: str = "y") -> None:
    """Raise where both are pandas objects and their indexes differ.

    Raises
    ------
    ValueError
        Naming the first row where they differ.
    """
    if not (isinstance(X, pd.DataFrame) and isinstance(y, pd.Series | pd.DataFrame)) or X.index.equals(y.index):
        return
    if get_config()["transform_output"] != "default" and y.index.equals(pd.RangeIndex(len(X))):
        return  # then scikit-learn's TransformedTargetRegressor gives y as a frame of its own, in the order of X
    X_index, y_index = X.index, y.index
    if len(X_index) != len(y_index):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {name} has {len(X_index)}, {y_name} has "
            f"{len(y_index)}."
        )
    differ = np.array([a != b for a, b in zip(X_index, y_index, strict=True)])
    if not differ.any():  # the same entries in another dtype
        return
    row = int(np.argmax(differ))
    zones = [getattr(index, "tz", None) for index in (X_index, y_index)]
    raise ValueError(
        f"{name} and {y_name} have different indexes: at row {row}, {name} has {X_index[row]} and {y_name} has "
        f"{y_index[row]}. "
        + (
            "Give both a time zone, or neither, with tz_localize."
            if (zones[0] is None) != (zones[1] is None)
            else f"Align them first, for instance with {y_name}.reindex({name}.index)."
        )
    )
