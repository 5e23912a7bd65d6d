"""Fits of many small models, one a series, in threads that each take the next series."""

import copy
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from grukit.cores import count_threads, single_threaded_blas
from grukit.data import Members, covariate_parts, series_parts, table_parts, with_filters
from grukit.estimators._exclusions import check_parameters
from grukit.estimators.each import EachClassifier, EachTable
from grukit.estimators.each_forecaster import EachForecaster
from grukit.train import progress_bar


class FitsEach:
    """One small model a series, for estimators of X and y."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_each(self, X: Any, y: Any, sample_weight: Any = None) -> EachTable:
        """Fit a model of its own to each series of a panel, with these parameters; this estimator stays as it is.

        Threads, as many as ``n_jobs`` says, take the series one by one. Each model is bitwise the one that :meth:`fit` gives
        for that series alone, on the index of its time, ``X.loc[name], y.loc[name]``, on the CPU. Ctrl-C ends all, without a
        result; callbacks are called by several threads.

        Parameters
        ----------
        X : DataFrame
            A panel: the last level of its MultiIndex is the time, the levels before it name the series.
        y : Series, DataFrame or array of shape (n,) or (n, n_outputs)
            Targets, or labels, as in :meth:`fit`.
        sample_weight : array of shape (n,), default=None
            As in :meth:`fit`.

        Returns
        -------
        EachTable
            A mapping from the name of each series to its model, with ``predict``, ``report_`` and ``weights_``.

        Raises
        ------
        ValueError
            Where X is no panel, y does not belong to it, a parameter is wrong, or no series could be fitted, naming why the
            first one could not.

        Warns
        -----
        FitFailedWarning
            Where series could not be fitted: how many, and why the first one. ``report_`` says it of each.
        ConvergenceWarning
            Where losses or weights were not finite: of how many series, and what of the first.
        """
        members, part = self._parts_of_each(X, y, sample_weight)
        return self._told(members.names, *fit_members(self, members, part), members.rows)

    def _parts_of_each(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Members, Callable[[int], Any]]:
        """The series, and what ``fit`` is given of each."""
        if y is None:
            raise ValueError(f"fit_each of {type(self).__name__} needs y; it is None.")
        _check(self)
        return table_parts(X, y, sample_weight)

    def _told(self, names: Any, fits: list[Any], notes: dict[int, str], rows: Any = ()) -> EachTable:
        """The result, once what went wrong is told."""
        members = Members(names, rows)
        _tell(members.keys, fits, notes)
        return (EachClassifier if hasattr(self, "predict_proba") else EachTable)(members, fits)


class ForecastsEach:
    """One small model a series, for forecasters."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_each(self, y: Any, X: Any = None, past_X: Any = None) -> EachForecaster:
        """Fit a model of its own to each series, with these parameters; this forecaster stays as it is.

        Threads, as many as ``n_jobs`` says, take the series one by one. Each model is bitwise the one that :meth:`fit` gives
        for that series alone: of a panel on the index of its time, ``y.loc[name]``, of a frame its column, on the CPU. Ctrl-C
        ends all, without a result; callbacks are called by several threads.

        Parameters
        ----------
        y : Series or DataFrame
            A panel, or a frame with a column a series, as in :meth:`fit`; steps and ends of the series may differ.
        X, past_X : DataFrame or Series, default=None
            Covariates as in :meth:`fit`: those of a panel, or the same for all series.

        Returns
        -------
        EachForecaster
            A mapping from the name of each series to its model, with ``predict``, ``predict_interval``, ``report_`` and
            ``weights_``.

        Raises
        ------
        ValueError
            Where y holds no series by name, a parameter is wrong, or no series could be fitted, naming why the first one
            could not.

        Warns
        -----
        FitFailedWarning
            Where series could not be fitted: how many, and why the first one. ``report_`` says it of each.
        ConvergenceWarning
            Where losses or weights were not finite: of how many series, and what of the first.
        """
        members, part = self._parts_of_each(y, X, past_X)
        return self._told(members.names, *fit_members(self, members, part), members.rows)

    def _parts_of_each(self, y: Any, X: Any = None, past_X: Any = None) -> tuple[Members, Callable[[int], Any]]:
        """The series, and what ``fit`` is given of each."""
        _check(self)
        members, part = series_parts(y)
        keys, X_of, past_of = members.keys, covariate_parts(X, "X"), covariate_parts(past_X, "past_X")
        return members, lambda s: (part(s), X_of(keys[s]), past_of(keys[s]))

    def _told(self, names: Any, fits: list[Any], notes: dict[int, str], rows: Any = ()) -> EachForecaster:
        """The result, once what went wrong is told."""
        members = Members(names, rows)
        _tell(members.keys, fits, notes)
        return EachForecaster(members, fits)


def _check(model: Any) -> None:
    """Raise for parameters that exclude each other, or that have no meaning for many models at once."""
    check_parameters(model)
    if model.device == "cuda":
        raise ValueError("fit_each trains on the CPU, where so small networks are faster; use device='auto' or 'cpu'.")
    if getattr(model, "checkpoint", None) is not None:
        raise ValueError("checkpoint is a file of one fit; fit_each makes many. Use checkpoint=None.")
    if model.window is None:
        raise ValueError("fit_each is for panels whose rows are time steps; with window=None each row is a sequence.")


def fit_members(
    model: Any, members: Members, part: Callable[[int], tuple[Any, ...]], shared: bool = False
) -> tuple[list[Any], dict[int, str]]:
    """Of each series a fitted copy of the model, or why there is none, and the warnings of some, by their numbers.

    Parameters
    ----------
    model : GRURegressor, GRUClassifier or GRUForecaster
    members : Members
    part : callable
        Gives the arguments of the ``fit`` of a series, by its number.
    shared : bool, default=False
        Whether others fit the series of other members at the same time, so that one thread is enough, and silence.
    """
    keys, config = members.keys, {**get_config(), "skip_parameter_validation": True}  # threads have one of their own
    notes: dict[int, str] = {}
    own_series = threading.local()

    def fit(s: int) -> Any:
        own, own_series.number = _copy_of(model), s
        own.n_jobs, own.device, own.verbose = 1, "cpu", False
        try:
            with config_context(**config):
                own.fit(*part(s))
        except ValueError as error:
            return str(error)
        own.n_jobs, own.device, own.verbose = model.n_jobs, model.device, model.verbose
        return own

    n_threads = 1 if shared else min(count_threads(model.n_jobs, np.inf), len(keys))
    with ExitStack() as stack:
        stack.enter_context(single_threaded_blas())
        stack.enter_context(_noted(notes, own_series))
        pool = stack.enter_context(ThreadPoolExecutor(n_threads, "grukit-each"))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # after Ctrl-C or any other error
        results = pool.map(fit, range(len(keys)))
        fits = list(
            stack.enter_context(progress_bar(len(keys), "series", results)) if model.verbose and not shared else results
        )
    return fits, notes


@contextmanager
def _noted(notes: dict[int, str], own_series: threading.local) -> Iterator[None]:
    """Keep the last ConvergenceWarning of each series, which does not say whose it is, instead of showing them all."""
    show: Any = None

    def note(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, ConvergenceWarning) and hasattr(own_series, "number"):  # of a thread of this call
            notes[own_series.number] = str(message)
        else:
            show(message, category, *where, **more)

    def change() -> None:
        nonlocal show
        show = warnings.showwarning
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.showwarning = note

    # Other libraries change the process's filters of warnings for a moment; in threads that may leave them changed.
    with with_filters(change):
        yield


def _copy_of(model: Any) -> Any:
    """An estimator with the same parameters that was not fitted; a random state is drawn from by each for itself."""
    own = copy.copy(model)
    own.__dict__.pop("_fitted", None)
    own.random_state = copy.deepcopy(model.random_state)
    return own


def _tell(keys: list[Any], fits: list[Any], notes: dict[int, str]) -> None:
    """Warn of series that could not be fitted, and of those whose fits warned; raise where none could be fitted."""
    failed = [(key, fit) for key, fit in zip(keys, fits, strict=True) if isinstance(fit, str)]
    warned = [(keys[s], why) for s, why in sorted(notes.items()) if not isinstance(fits[s], str)]
    if len(failed) == len(fits):
        key, why = failed[0]
        raise ValueError(f"None of the {len(fits)} series could be fitted; the first, {key!r}: {why}")
    for category, what, told in (
        (FitFailedWarning, "could not be fitted, see report_", failed),
        (ConvergenceWarning, "did not converge, see stop_reason and loss in report_", warned),
    ):
        if told:
            key, why = told[0]
            message = f"{len(told)} of {len(fits)} series {what}; the first, {key!r}: {why}"
            warnings.warn(message, category, stacklevel=5)
