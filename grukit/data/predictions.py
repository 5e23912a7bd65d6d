"""Predictions as pandas objects that scikit-learn's tools, which expect arrays, can work with."""

import weakref
from collections.abc import Iterator
from typing import Any

import pandas as pd


def with_reshape(series: pd.Series) -> pd.Series:
    """The Series, which can be asked for ``series.reshape(...)``, an array, as an array can.

    scikit-learn's stacking of fitted models and its TransformedTargetRegressor ask predictions for that. An attribute of this
    one object, so that it stays a plain Series for whoever compares types; what is made of it has none.
    """
    itself: Any = weakref.ref(series)  # not the Series, which would then be freed by the garbage collector alone
    object.__setattr__(series, "reshape", lambda *shape: itself().to_numpy().reshape(*shape))
    return series


class ProbabilityFrame(pd.DataFrame):
    """A column for each class. ``frame[:, k]`` gives columns by their position, as an array; ``frame.T`` is iterated by rows.

    scikit-learn's scorers of two classes ("roc_auc", "average_precision", "neg_brier_score") and its stacking take columns
    out of ``predict_proba`` by position, its calibration iterates over the transposed, which would not work with any other
    DataFrame. What is made of such a frame is a plain DataFrame.
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __getitem__(self, key: Any) -> Any:
        """Column by label, or by position where the first of two keys is a slice of rows, which no label can be."""
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], slice):
            return self.to_numpy()[key]
        return super().__getitem__(key)

    @property
    def T(self) -> Any:
        """The transposed frame, which is iterated by rows, as an array is."""
        return TransposedFrame(super().T)


class TransposedFrame(pd.DataFrame):
    """A row for each class; iterating gives the rows, as arrays."""

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __iter__(self) -> Iterator[Any]:
        """Rows."""
        return iter(self.to_numpy())


def as_probabilities(outputs: Any) -> Any:
    """Outputs as they are, but a DataFrame as a :class:`ProbabilityFrame`."""
    return ProbabilityFrame(outputs) if isinstance(outputs, pd.DataFrame) else outputs
