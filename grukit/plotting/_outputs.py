"""One output of targets, and of predictions, on the index of what they are of."""

from typing import Any

import numpy as np
import pandas as pd

from grukit.data import TargetForm, as_numbers, sample_index, step_index
from grukit.estimators.targets import Targets, check_same_kind


def check_outputs(y: Any, form: TargetForm) -> None:
    """Raise where y has other columns than the targets of ``fit``, or the same in another order.

    Raises
    ------
    ValueError
        As said.
    """
    first = y[0] if form.per_step else y
    n_outputs = np.shape(first)[1] if np.ndim(first) > 1 else 1
    names = first.columns if isinstance(first, pd.DataFrame) else None
    check_same_kind(Targets(np.empty(0), TargetForm(n_outputs, form.per_step, False, names)), form)


def one_output(values: Any, k: int, X: Any, per_step: bool) -> pd.Series:
    """Output k of targets or predictions, one a sample or one a step of X, on their index.

    Raises
    ------
    ValueError
        Where they are no numbers, or not as many as X needs.
    """
    index = step_index(X) if per_step else sample_index(X)
    rows = np.concatenate([as_numbers(piece, "y") for piece in values]) if per_step else as_numbers(values, "y")
    if len(rows) != len(index):
        raise ValueError(f"y has {len(rows)} targets; X needs {len(index)}.")
    return pd.Series(rows.reshape(len(rows), -1)[:, k], index=index)
