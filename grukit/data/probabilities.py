"""Probabilities as a DataFrame that scikit-learn's tools can work with."""

from typing import Any

import pandas as pd


class ProbabilityFrame(pd.DataFrame):
    """A column for each class. ``frame[:, k]`` gives columns by their position, as an array.

    scikit-learn's scorers of two classes ("roc_auc", "average_precision", "neg_brier_score") and its stacking take columns
    out of ``predict_proba`` like that, which would be an error of any other DataFrame. What is made of such a frame is a
    plain DataFrame.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __getitem__(self, key: Any) -> Any:
        """Column by label, or by position where the first of two keys is a slice of rows, which no label can be."""
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], slice):
            return self.to_numpy()[key]
        return super().__getitem__(key)


def as_probabilities(outputs: Any) -> Any:
    """Outputs as they are, but a DataFrame as a :class:`ProbabilityFrame`."""
    return ProbabilityFrame(outputs) if isinstance(outputs, pd.DataFrame) else outputs
