"""The regressor and the classifier on a Dask cluster."""

from typing import Any, Self

from grukit.dask._base import OnDask
from grukit.dask._collections import gather, is_dask
from grukit.dask._each import Rows, fit_each_partition
from grukit.dask._predicting import predict_lazily
from grukit.dask._stack import in_temporary_folder
from grukit.estimators import GRUClassifier, GRURegressor
from grukit.estimators._declare import with_parameters


class WindowsOnDask(OnDask):
    """What the regressor and the classifier share."""

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        resume: bool = False,
    ) -> Self:
        """Train on X and y, on all workers of the cluster.

        Parameters
        ----------
        X : DataFrame or Array of Dask's
            A long frame, whose columns ``series`` and ``time`` name the series and the time of each row and whose others are
            the features. The rows of a series may lie in any partitions; they are in the order of time. Or sequences
            (n_sequences, n_steps, n_features). What is no Dask collection is taken as the plain estimator takes it.
        y : Series, DataFrame or Array of Dask's
            Row by row, in partitions as X; or a target a sequence, or a step.
        sample_weight : Series or Array of Dask's, default=None
            Row by row.
        X_val, y_val, sample_weight_val : as X, y and sample_weight, default=None
            Samples to watch for early stopping.
        resume : bool, default=False
            Go on at the file that the parameter ``checkpoint`` names.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            Where X is another collection of Dask's, or y or the weights are one and X is none.
        ValueError
            For bad input, naming the parameter, the column, or the series and the time stamp.
        RuntimeError
            Where all workers are lost and none comes, some are lost again and again, or one failed.

        Warns
        -----
        RuntimeWarning
            Where workers are lost; training goes on with those that are left.
        """
        client = self._get_client()
        with in_temporary_folder():
            X, (y, sample_weight) = gather(client, X, {"y": y, "sample_weight": sample_weight}, self._keys)
            beside = {"y_val": y_val, "sample_weight_val": sample_weight_val}
            X_val, (y_val, sample_weight_val) = gather(client, X_val, beside, self._keys, "X_val")
            watched = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
            return self._fit_with(client, X, y, sample_weight, **watched, resume=resume)

    def fit_each(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit a model of its own to each series, see ``fit_each`` of the plain estimator: one task a partition.

        Parameters
        ----------
        X : DataFrame of Dask's
            As in :meth:`fit`. Series that lie in one partition each are fitted there; others are brought together first.
            What is no Dask collection is taken as the plain estimator takes it, in this process.
        y : Series or DataFrame of Dask's
            Row by row, in partitions as X.
        sample_weight : Series of Dask's, default=None
            Row by row.

        Returns
        -------
        EachTable
            A mapping from the name of each series to its model, a plain estimator, with the bits that ``fit_each`` of the
            plain estimator gives on the whole frame, on an index of series and time.

        Raises
        ------
        TypeError
            Where X, y or the weights are another collection of Dask's, or X alone is one.
        ValueError
            As of the plain estimator, and where the parameter ``series`` names no column.
        """
        plain = self._plain()
        if not any(map(is_dask, (X, y, sample_weight))):
            return plain.fit_each(X, y, sample_weight)
        rows = Rows(X, {"y": y, "sample_weight": sample_weight}, self._keys, "X")
        return fit_each_partition(self._get_client(), plain, {"X": rows})

    def predict(self, X: Any, context: Any = "auto") -> Any:
        """Predict each row of a long frame, or each sequence, when it is asked for: one task a partition.

        Parameters
        ----------
        X : as in ``fit``
            The rows of a series may go on from one partition to the next.
        context : "auto" or None, default="auto"
            History before the first rows of each series, as of the plain estimator.

        Returns
        -------
        Series, DataFrame or Array of Dask's
            In partitions as X, on its index. Where X is no Dask collection: as of the plain estimator.

        Raises
        ------
        TypeError
            Where X is another collection of Dask's.
        ValueError
            For bad input, naming the column, or the series and the time stamp; of values, once they are computed.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        return self._lazily("predict", X, context)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score of the plain estimator: R^2 of a regressor, the share of labels that a classifier gets right.

        X and y are brought together in this process, as in :meth:`fit`.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            For bad input, as :meth:`fit`.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        local = self.to_local()
        if not any(map(is_dask, (X, y, sample_weight))):
            return local.score(X, y, sample_weight)
        with in_temporary_folder():
            X, (y, sample_weight) = gather(self._get_client(), X, {"y": y, "sample_weight": sample_weight}, self._keys)
            return local.score(X, y, sample_weight)

    def _lazily(self, method: str, X: Any, context: Any) -> Any:
        local = self.to_local()
        if not is_dask(X):
            return getattr(local, method)(X, context)
        return predict_lazily(local, method, X, context, self._keys)


@with_parameters
class DaskGRURegressor(WindowsOnDask, GRURegressor):
    """:class:`grukit.GRURegressor` on a Dask cluster.

    The workers keep the rows and compute the gradients of the chunks of a batch, which are summed in the order of the chunks:
    a fit has the same bits for any number of workers, and in one process.
    """

    _local = GRURegressor


@with_parameters
class DaskGRUClassifier(WindowsOnDask, GRUClassifier):
    """:class:`grukit.GRUClassifier` on a Dask cluster.

    The workers keep the rows and compute the gradients of the chunks of a batch, which are summed in the order of the chunks:
    a fit has the same bits for any number of workers, and in one process.
    """

    _local = GRUClassifier

    def predict_proba(self, X: Any, context: Any = "auto") -> Any:
        """Probabilities of the classes, when they are asked for: one task a partition.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or Array of Dask's, of shape (n, n_classes)
            In partitions as X, with the columns of ``GRUClassifier.predict_proba``.

        Raises
        ------
        TypeError, ValueError, sklearn.exceptions.NotFittedError
            As :meth:`predict`.
        """
        return self._lazily("predict_proba", X, context)

    def predict_log_proba(self, X: Any, context: Any = "auto") -> Any:
        """Logarithms of the probabilities, when they are asked for: one task a partition.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or Array of Dask's, of shape (n, n_classes)
            As :meth:`predict_proba`.

        Raises
        ------
        TypeError, ValueError, sklearn.exceptions.NotFittedError
            As :meth:`predict`.
        """
        return self._lazily("predict_log_proba", X, context)
