"""Number and names of X's columns."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Features:
    """What the columns of X are, to be compared with later ones.

    Attributes
    ----------
    n : int
        Columns.
    columns : pandas.Index or None
        The labels of a frame's columns; None for arrays.
    """

    n: int
    columns: pd.Index | None

    @classmethod
    def of(cls, X: Any, n: int) -> "Features":
        """Those of a frame, of the first frame of a list, or of an array."""
        first = X[0] if isinstance(X, list | tuple) and len(X) else X
        labels = getattr(first, "columns", None)  # a frame of another library has them, too
        return cls(n, labels if labels is None or isinstance(labels, pd.Index) else pd.Index(labels))

    @property
    def names(self) -> np.ndarray | None:
        """The labels where they are all strings, which are scikit-learn's feature names."""
        if self.columns is None or not all(isinstance(label, str) for label in self.columns):
            return None
        return np.array(self.columns, dtype=object)

    def check(self, given: "Features", estimator: str, warn: bool) -> None:
        """Raise where later columns are not these; ``warn``, as scikit-learn does, where only one of both has names.

        Raises
        ------
        ValueError
            Naming the columns that are new, missing, or elsewhere.
        """
        if self.columns is not None and given.columns is not None:
            if _equal(self.columns, given.columns):
                return
            raise ValueError(_difference(list(self.columns), list(given.columns)))
        if warn and self.names is None and given.names is not None:
            warnings.warn(f"X has feature names, but {estimator} was fitted without feature names", stacklevel=2)
        if warn and self.names is not None and given.names is None:
            warnings.warn(
                f"X does not have valid feature names, but {estimator} was fitted with feature names", stacklevel=2
            )
        if self.n != given.n:
            raise ValueError(f"X has {given.n} features, but {estimator} is expecting {self.n} features as input.")


def _equal(known: pd.Index, given: pd.Index) -> bool:
    if known is given or known.equals(given):
        return True
    return len(known) == len(given) and all(a == b for a, b in zip(known, given, strict=True))


def _difference(known: list[Any], given: list[Any]) -> str:
    """How two lists of labels differ, in scikit-learn's words."""
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = (
        [label for label in some if label not in others] for some, others in ((given, known), (known, given))
    )
    for what, labels in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
        if labels:
            shown = "".join(f"- {label}\n" for label in labels[:5])
            message += f"Feature names {what}:\n{shown}{'- ...' if len(labels) > 5 else ''}"
    if not unseen and not missing:
        message += f"Feature names must be in the same order as they were in fit.\n{known} in fit; {given} here.\n"
    return message
