"""Classes, and how probable a fitted classifier takes them to be."""

from typing import Any

import numpy as np

from grukit.data import Classes, TargetForm, as_probabilities, log_probability_of, to_output
from grukit.estimators._base import RecurrentEstimator
from grukit.estimators.fitted import fitted_state


class ProbabilisticEstimator(RecurrentEstimator):
    """An estimator of labels, with their probabilities."""

    def predict_proba(self, X: Any, context: Any = "auto") -> Any:
        """Probabilities of the classes, or of each of several labels.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or array of shape (n, n_classes)
            Columns in the order of ``classes_``. A DataFrame on the index of X where X is one and y was a pandas object;
            scikit-learn's scorers may take its columns by position, ``[:, k]``.
            With a label at every step, a list gives a list, an array one array (n_sequences, n_steps, n_classes).

        Raises
        ------
        ValueError, sklearn.exceptions.NotFittedError
            As :meth:`predict`.
        """
        work = self._work(X, context)
        return as_probabilities(to_output(self._outputs(work), work.X, work.sequences, self._fitted.outputs))

    def predict_log_proba(self, X: Any, context: Any = "auto") -> Any:
        """Logarithms of the probabilities, computed from the log odds, so exact where a probability rounds to 0 or 1.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or array
            As :meth:`predict_proba`.

        Raises
        ------
        ValueError, sklearn.exceptions.NotFittedError
            As :meth:`predict`.
        """
        work = self._work(X, context)
        outputs = self._fitted.with_linear(self._network_outputs(work), work.sequences)
        logarithms = log_probability_of(work.to_user_order(outputs), self._fitted.y_scaler.link)
        return to_output(logarithms, work.X, work.sequences, self._fitted.outputs)

    @property
    def classes_(self) -> np.ndarray:
        """ndarray of shape (n_classes,): The labels, sorted.

        With several labels a sample: the columns of y, or their numbers.
        """
        return self._labelled()[0].values

    def _labelled(self) -> tuple[Classes, TargetForm]:
        """The classes, and the form of the labels."""
        state = fitted_state(self)
        assert state.classes is not None
        assert state.labels is not None
        return state.classes, state.labels
