"""What a fitted estimator hands out: its weights, predictors and streams."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from grukit.estimators.service import Predictor, Stream
from grukit.model import NetworkSpec


class FittedNetwork:
    """A network's specification and its parameters, shape (n_parameters,); a base of the estimators."""

    _spec: NetworkSpec
    _parameters: np.ndarray

    def predictor(self) -> Predictor:
        """Return an object for predictions in a hurry: checks done once, a call takes microseconds.

        Returns
        -------
        Predictor
            Called with one window or a batch of them, arrays. It keeps the model as it is now. Of a classifier it gives
            probabilities, as ``predict_proba``.
        """
        return Predictor(self)

    def stream(self, n_series: int = 1) -> Stream:
        """Return an object that takes one time step at a time and keeps the state of one or many series.

        Parameters
        ----------
        n_series : int, default=1
            Series that advance together.

        Returns
        -------
        Stream
            Its history is every step since it began, not only the last ``window``. It keeps the model as it is now. Of a
            classifier it gives probabilities, as ``predict_proba``.
        """
        return Stream(self, n_series)

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """Copies of the weights by name; see the class for names and shapes. Assign a dict to set them."""
        check_is_fitted(self)
        return {name: view.copy() for name, view in self._spec.views(self._parameters).items()}

    @weights_.setter
    def weights_(self, weights: dict[str, np.ndarray]) -> None:
        check_is_fitted(self)
        views = self._spec.views(self._parameters)
        if set(weights) != set(views):
            missing, unknown = sorted(set(views) - set(weights)), sorted(set(weights) - set(views))
            raise ValueError(f"weights_ needs exactly the names {list(views)}; missing: {missing}, unknown: {unknown}.")
        arrays = {name: np.asarray(weights[name], dtype=np.float64) for name in views}
        for name, array in arrays.items():
            if array.shape != views[name].shape:
                raise ValueError(f"weights_[{name!r}] has the shape {array.shape}; it must be {views[name].shape}.")
            with np.errstate(over="ignore"):
                finite = np.isfinite(array.astype(self._parameters.dtype)).all()
            if not finite:
                raise ValueError(
                    f"weights_[{name!r}] holds NaN or infinity, or a number too large for the model's dtype."
                )
        self._parameters = np.concatenate([array.ravel() for array in arrays.values()]).astype(self._parameters.dtype)
