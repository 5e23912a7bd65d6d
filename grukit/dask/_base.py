"""What the estimators on a Dask cluster share: their parameters, the client, and the plain estimator within."""

from dataclasses import KW_ONLY, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from distributed import get_client
from sklearn.base import clone

from grukit.dask._collections import Keys
from grukit.dask._session import kernels_on
from grukit.dask._tasks import check_client
from grukit.dask._wire import Traffic
from grukit.estimators._declare import Parameter, with_parameters
from grukit.estimators.fitted import fitted_state


@with_parameters
class OnDask:
    """An estimator whose training the workers of a Dask cluster share."""

    _local: ClassVar[type]  # the plain estimator

    if TYPE_CHECKING:  # what the plain estimators have
        _fitted: Any = None
        device: str = ""
        warm_start: bool = False

        def __sklearn_is_fitted__(self) -> bool: ...
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...

    _: KW_ONLY
    client: Annotated[
        Any,
        Parameter(
            object,
            kind="distributed.Client or None",
            text="Whose cluster trains. None: the client that was created last. Neither copied nor pickled.",
        ),
    ] = None
    series: Annotated[
        Any,
        Parameter(
            object,
            kind="label, list of labels or None",
            text="""Column of a Dask DataFrame that names the series of each row, or several that do together. None: all rows
            are of one series.""",
        ),
    ] = "id"
    time: Annotated[
        Any,
        Parameter(
            object,
            kind="label",
            text="""Column of a Dask DataFrame that holds the time of each row. Of each series it rises from row to row and
            from partition to partition.""",
        ),
    ] = "ds"

    def to_local(self) -> Any:
        """Return the plain fitted estimator, which needs no cluster.

        Its weights, and so its predictions, have the bits of one that was fitted in one process on the whole frame, on an
        index of series and time.

        Returns
        -------
        GRURegressor, GRUClassifier or GRUForecaster

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        state = fitted_state(self)
        local = self._plain()
        local._fitted = replace(state, parameters=state.parameters.copy())
        return local

    def _plain(self) -> Any:
        """The plain estimator with the same parameters, not fitted."""
        return self._local(**{field.name: getattr(self, field.name) for field in fields(self._local)})

    @property
    def _keys(self) -> Keys:
        return Keys.of(self.series, self.time)

    def _get_client(self) -> Any:
        if self.device == "cuda":
            raise ValueError("Dask workers train on their CPUs; device must be 'auto' or 'cpu'.")
        client = self.client
        if client is None:
            try:
                client = get_client()
            except ValueError as error:
                raise ValueError(
                    "There is no Dask client. Create one, client = distributed.Client(...), before fit, or give it as the "
                    "parameter client."
                ) from error
        check_client(client)
        return client

    def _fit_with(self, client: Any, *args: Any, **kwargs: Any) -> Self:
        """Fit the plain estimator, whose gradients the workers compute. A failed fit changes nothing."""
        plain = self._plain().set_params(device="cpu")
        if self.warm_start and self.__sklearn_is_fitted__():
            plain._fitted = self._fitted
        traffic, n = Traffic(), len(client.nthreads())
        if n == 0:
            raise RuntimeError("The Dask cluster has no workers. Start some, or wait with client.wait_for_workers(1).")
        plain._elsewhere = partial(kernels_on, client, traffic)
        plain.fit(*args, **kwargs)
        state = plain._fitted
        reason = f"{n} {'worker' if n == 1 else 'workers'} of a Dask cluster computed the gradients."
        self._fitted = replace(state, training=replace(state.training, device_reason=reason))
        self._traffic = traffic
        return self

    @property
    def traffic_(self) -> Traffic:
        """Traffic: Bytes that the last fit sent.

        ``to_workers``, ``from_workers``, ``between_workers``, in so many training ``steps``; the rows that are dealt out
        before, and Dask's own messages, are not among them. Nothing after :meth:`partial_fit` alone, which sends nothing.
        """
        fitted_state(self)
        return self.__dict__.get("_traffic", Traffic())

    def save(self, path: Any) -> None:
        """Save the plain fitted estimator, see :meth:`to_local`, as one file; :func:`grukit.load` opens it.

        Parameters
        ----------
        path : str or path
            The file, which is replaced as a whole.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        OSError
            Where the file cannot be written.
        """
        self.to_local().save(path)

    def __sklearn_clone__(self) -> Self:
        """Copy of all parameters but the client, which stays the same."""
        given = self.get_params(deep=False)
        client = given.pop("client")
        return type(self)(**{name: clone(value, safe=False) for name, value in given.items()}, client=client)

    def __getstate__(self) -> dict[str, Any]:
        """All but the client, which belongs to this process."""
        state: Any = super().__getstate__()
        return {**state, "client": None}
