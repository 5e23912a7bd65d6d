"""The forecaster on a Dask cluster."""

from typing import Any, ClassVar, Self

from grukit.dask._base import OnDask
from grukit.dask._collections import check_frame, gather, is_dask
from grukit.estimators import GRUForecaster
from grukit.estimators._declare import with_parameters


@with_parameters
class DaskGRUForecaster(OnDask, GRUForecaster):
    """:class:`grukit.GRUForecaster` on a Dask cluster.

    The workers keep the rows and compute the gradients of the chunks of a batch, which are summed in the order of the chunks:
    a fit has the same bits for any number of workers, and in one process. Forecasts are made where they are asked for, as
    there are few of them: ``predict`` and all else are the plain estimator's.
    """

    _local: ClassVar[type] = GRUForecaster

    def fit(self, y: Any, X: Any = None, past_X: Any = None) -> Self:
        """Learn from series, on all workers of the cluster.

        Parameters
        ----------
        y : DataFrame of Dask's
            A long frame of the columns ``series`` and ``time`` and one of values. The rows of a series may lie in any
            partitions, in the order of time. What is no Dask collection is taken as the plain estimator takes it.
        X, past_X : DataFrame of Dask's, default=None
            Covariates known ahead, and up to the origin only, on columns of the same names.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            Where y is a collection of Dask's, but no DataFrame.
        ValueError
            For bad input, naming the parameter, the column, or the series and the time stamp.
        RuntimeError
            Where all workers are lost, or one failed.
        """
        client, keys = self._get_client(), self._keys
        if is_dask(y):
            check_frame(y, keys, "y")
            beside = [*keys.series, keys.time]
            columns = [name for name in y.columns if name not in beside]
            if len(columns) != 1:
                raise ValueError(f"y must have one column of values beside {beside}; it has {columns}.")
            y = gather(client, y, {}, keys, "y")[0].iloc[:, 0]
        known, past = (gather(client, each, {}, keys, name)[0] for name, each in (("X", X), ("past_X", past_X)))
        return self._fit_with(client, y, known, past)
