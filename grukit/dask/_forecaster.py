"""The forecaster on a Dask cluster."""

from typing import Any, ClassVar, Self

from grukit.dask._base import OnDask
from grukit.dask._collections import check_frame, gather, is_dask
from grukit.dask._each import Rows, fit_each_partition
from grukit.dask._stack import in_temporary_folder
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

    def fit(self, y: Any, X: Any = None, past_X: Any = None, *, static: Any = None, resume: bool = False) -> Self:
        """Learn from series, on all workers of the cluster.

        Parameters
        ----------
        y : DataFrame of Dask's
            A long frame of the columns ``series`` and ``time`` and one of values. The rows of a series may lie in any
            partitions, in the order of time. What is no Dask collection is taken as the plain estimator takes it.
        X, past_X : DataFrame of Dask's, default=None
            Covariates known ahead, and up to the origin only, on columns of the same names.
        static : DataFrame, default=None
            What is known of each series, a row for each, as in :meth:`grukit.GRUForecaster.fit`.
        resume : bool, default=False
            Go on at the file that the parameter ``checkpoint`` names.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            Where y is a collection of Dask's, but no DataFrame.
        ValueError
            For bad input, naming the parameter, the column, or the series and the time stamp; for ``normalize="window"`` and
            ``strategy="decoder"``.
        RuntimeError
            Where all workers are lost and none comes, some are lost again and again, or one failed.

        Warns
        -----
        RuntimeWarning
            Where workers are lost; training goes on with those that are left.
        """
        if self.normalize == "window":
            raise ValueError(
                "normalize='window' is not on Dask: workers keep rows, and not what each window is relative to."
            )
        if self.strategy == "decoder":
            raise ValueError("strategy='decoder' reads rows ahead of windows, which workers do not have. Use 'direct'.")
        client, keys = self._get_client(), self._keys
        if is_dask(y):
            self._check_values(y)
        with in_temporary_folder():
            if is_dask(y):
                y = gather(client, y, {}, keys, "y")[0].iloc[:, 0]
            known, past = (gather(client, each, {}, keys, name)[0] for name, each in (("X", X), ("past_X", past_X)))
            return self._fit_with(client, y, known, past, static=static, resume=resume)

    def fit_each(self, y: Any, X: Any = None, past_X: Any = None) -> Any:
        """Fit a model of its own to each series, see ``fit_each`` of the plain estimator: one task a partition.

        Parameters
        ----------
        y : DataFrame of Dask's
            As in :meth:`fit`. Series that lie in one partition each are fitted there; others are brought together first. What
            is no Dask collection is taken as the plain estimator takes it, in this process.
        X, past_X : DataFrame of Dask's, default=None
            Covariates as in :meth:`fit`.

        Returns
        -------
        EachForecaster
            A mapping from the name of each series to its model, a plain estimator, with the bits that ``fit_each`` of the
            plain estimator gives on the whole frame, on an index of series and time.

        Raises
        ------
        TypeError
            Where y or a covariate is another collection of Dask's, or one of them is none and another is.
        ValueError
            As of the plain estimator, and where the parameter ``series`` names no column.
        """
        plain, keys = self._plain(), self._keys
        if not any(map(is_dask, (y, X, past_X))):
            return plain.fit_each(y, X, past_X)
        rows = {"y": Rows(y, {}, keys, "y", as_series=True)}
        self._check_values(y)
        for name, each in (("X", X), ("past_X", past_X)):
            if each is not None:
                rows[name] = Rows(each, {}, keys, name)
        return fit_each_partition(self._get_client(), plain, rows)

    def _check_values(self, y: Any) -> None:
        """Raise where a frame has another number of columns of values than one."""
        keys = self._keys
        check_frame(y, keys, "y")
        beside = [*keys.series, keys.time]
        columns = [name for name in y.columns if name not in beside]
        if len(columns) != 1:
            raise ValueError(f"y must have one column of values beside {beside}; it has {columns}.")
