"""The classifier and the regressor as estimators of sktime: series with one target each."""

from typing import Any, ClassVar

import numpy as np
from sktime.classification.base import BaseClassifier
from sktime.regression.base import BaseRegressor

import grukit.estimators as estimators
from grukit.estimators._declare import with_parameters_of
from grukit.interchange._sktime import PanelAdapter

# Windows are of tables; sktime's fit forgets what was fitted before, and has no ``resume``.
WITHOUT = ("window", "warm_start", "checkpoint", "checkpoint_every")
TAGS: dict[str, Any] = {
    "authors": "grukit",
    "maintainers": "grukit",
    "X_inner_mtype": ["df-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": True,
    "capability:categorical_in_X": False,
    "capability:multithreading": True,
    "capability:random_state": True,
    "property:randomness": "derandomized",
}
SMALL: dict[str, Any] = {"hidden_layer_sizes": 2, "max_iter": 2, "n_jobs": None, "random_state": 0}


@with_parameters_of(estimators.GRUClassifier, WITHOUT)
class GRUClassifier(PanelAdapter, BaseClassifier):
    """:class:`grukit.GRUClassifier` as an estimator of sktime, for series of equal or unequal length with a label each.

    The parameters are those of :class:`grukit.GRUClassifier`, but for what is for tables; ``fit``, ``predict``,
    ``predict_proba`` and all else are sktime's.

    Examples
    --------
    >>> import numpy as np
    >>> from grukit.interchange.sktime import GRUClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 1, 20)).cumsum(axis=2)      # series, variable, time
    >>> y = np.where(X[:, 0, -1] > 0, "up", "down")
    >>> model = GRUClassifier(hidden_layer_sizes=8, max_iter=40, random_state=0).fit(X[:40], y[:40])
    >>> bool(model.score(X[40:], y[40:]) > 0.8)
    True
    """

    _of = estimators.GRUClassifier
    _tags: ClassVar[dict[str, Any]] = {**TAGS, "capability:predict_proba": True, "capability:class_weight": True}

    def _predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class."""
        return np.asarray(self._fitted.predict_proba(self._sequences(X)))

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Parameters for sktime's checks: of networks that are trained in milliseconds."""
        return [SMALL, {**SMALL, "class_weight": "balanced"}]


@with_parameters_of(estimators.GRURegressor, WITHOUT)
class GRURegressor(PanelAdapter, BaseRegressor):
    """:class:`grukit.GRURegressor` as an estimator of sktime, for series of equal or unequal length with a number each.

    The parameters are those of :class:`grukit.GRURegressor`, but for what is for tables; ``fit``, ``predict`` and all else are
    sktime's.

    Examples
    --------
    >>> import numpy as np
    >>> from grukit.interchange.sktime import GRURegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 1, 20)).cumsum(axis=2)      # series, variable, time
    >>> y = X[:, 0].mean(axis=1)
    >>> model = GRURegressor(hidden_layer_sizes=8, max_iter=40, random_state=0).fit(X[:40], y[:40])
    >>> bool(model.score(X[40:], y[40:]) > 0.8)
    True
    """

    _of = estimators.GRURegressor
    _tags: ClassVar[dict[str, Any]] = TAGS

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Parameters for sktime's checks: of networks that are trained in milliseconds."""
        return [SMALL, {**SMALL, "linear_lags": 0}]
