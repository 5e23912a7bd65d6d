"""What the estimators have in common where they are estimators of sktime."""

from typing import Any, ClassVar

import numpy as np


class Adapter:
    """An estimator of sktime around one of grukit's, whose parameters its class declares with ``with_parameters_of``."""

    _fitted: Any

    def __post_init__(self) -> None:
        """Set up what sktime keeps, once the parameters are there; sktime's constructors call this at their end, too."""
        if "_tags_dynamic" in vars(self):
            return
        super().__init__()
        self.set_tags(**self._tags_of_parameters())  # type: ignore[attr-defined]

    def _tags_of_parameters(self) -> dict[str, Any]:
        """Tags that depend on parameters."""
        return {"capability:missing_values": self.missing != "error"}  # type: ignore[attr-defined]

    @property
    def estimator_(self) -> Any:
        """estimator: What was fitted, of grukit's class of that name."""
        return self._fitted


class PanelAdapter(Adapter):
    """Of series with one target each, (series, variable, time) or of unequal length."""

    _of: ClassVar[type]

    def _fit(self, X: Any, y: Any) -> Any:
        """Learn from series."""
        self._fitted = self._of(**self.get_params(deep=False)).fit(self._sequences(X), y)  # type: ignore[attr-defined]
        return self

    def _predict(self, X: Any) -> np.ndarray:
        """One prediction for each series."""
        return np.asarray(self._fitted.predict(self._sequences(X)))

    @staticmethod
    def _sequences(X: Any) -> Any:
        """Series as grukit takes them: an array (series, time, variable), or a frame for each of them."""
        return X.transpose(0, 2, 1) if isinstance(X, np.ndarray) else X
