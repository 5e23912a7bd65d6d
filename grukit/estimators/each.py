"""Many small models, one a series: what ``fit_each`` gives."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from grukit.data import (
    Members,
    Tail,
    as_probabilities,
    series_frame,
    to_output,
)
from grukit.estimators.inputs import Work, check_context, read_X


class Each(Mapping[Any, Any]):
    """A fitted estimator for each series, by the series' name: a mapping, whose entries are plain estimators.

    ``each["A"]`` is that of series A, ``len(each)`` how many there are, iterating gives their names; several levels of an
    index, or of columns, name a series by a tuple. Series that could not be fitted are in ``report_`` alone.

    Parameters
    ----------
    members : Members
        All series.
    fits : list
        For each of them the fitted estimator, or a str, why it could not be fitted.

    Attributes
    ----------
    report_ : DataFrame
        A row for each series.
    weights_ : dict of dict of ndarray
        The weights of each model by the name of its series.
    """

    def __init__(self, members: Members, fits: list[Any]):
        self._names, self._wide = members.names, members.rows is None
        own = list(zip(members.keys, fits, strict=True))
        self._models = {key: fit for key, fit in own if not isinstance(fit, str)}
        self._errors = {key: fit for key, fit in own if isinstance(fit, str)}

    def __getitem__(self, series: Any) -> Any:
        if series not in self._models:
            raise KeyError(self._absence(series))
        return self._models[series]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __repr__(self) -> str:
        kind = type(self._first).__name__
        failed = f", {len(self._errors)} more could not be fitted" if self._errors else ""
        return f"<{kind} fitted to each of {len(self)} series{failed}>"

    @property
    def _first(self) -> Any:
        """One of the models: they differ in what they learned, not in how data is read."""
        return next(iter(self._models.values()))

    @property
    def report_(self) -> Any:
        """DataFrame: A row for each series, in the order of the data, also of those that could not be fitted.

        Columns loss, epochs, best_epoch and stop_reason, which are ``loss_``, ``n_iter_``, ``best_iter_`` and
        ``stop_reason_`` of its model; error, why it could not be fitted, missing where it was.
        """
        models = [self._models.get(key) for key in self._names.tolist()]
        columns: dict[str, list[Any]] = {
            "loss": [np.nan if model is None else model.loss_ for model in models],
            "epochs": [0 if model is None else model.n_iter_ for model in models],
            "best_epoch": [0 if model is None else model.best_iter_ for model in models],
            "stop_reason": ["" if model is None else model.stop_reason_ for model in models],
            "error": [self._errors.get(key) for key in self._names.tolist()],
        }
        return series_frame(columns, self._names)

    @property
    def weights_(self) -> dict[Any, dict[str, np.ndarray]]:
        """dict of dict of ndarray: ``weights_`` of each model, by the name of its series."""
        return {key: model.weights_ for key, model in self._models.items()}

    def _absence(self, series: Any) -> str:
        """Why there is no model of a series."""
        if series in self._errors:
            return f"Series {series!r} could not be fitted: {self._errors[series]}"
        return f"Series {series!r} is none of those that were fitted: {self._names[:5].tolist()!r:.200}, {len(self)} in all."

    def _model_of(self, series: Any) -> Any:
        """The model of a series that predictions are asked for."""
        if series not in self._models:
            raise ValueError(self._absence(series))
        return self._models[series]


class EachTable(Each):
    """Regressors or classifiers, one a series of a panel."""

    def predict(self, X: Any, context: Any = "auto") -> Any:
        """Predict each series by its own model, as its ``predict`` does.

        Parameters
        ----------
        X : DataFrame
            A panel, of some or all of the series.
        context : "auto", None or DataFrame, default="auto"
            As in :meth:`GRURegressor.predict`: a series that starts one step after its training rows ended sees these.

        Returns
        -------
        Series or DataFrame
            Named like y in ``fit_each``, on the index of X; an array where y was one.

        Raises
        ------
        ValueError
            For bad input, naming the column, series or timestamp; for a series that has no model, naming it.
        """
        work, state = self._work(X, context), self._first._fitted
        answers = [model._answers(part) for model, part in self._parts(work)]
        form = state.outputs if state.labels is None else state.labels
        return to_output(work.to_user_order(np.concatenate(answers)), work.X, work.sequences, form)

    def _work(self, X: Any, context: Any) -> Work:
        """A panel, read at once; each of its series has a model."""
        n_levels, state = self._names.nlevels, self._first._fitted
        if getattr(getattr(X, "index", None), "nlevels", 1) != n_levels + 1:
            levels = ", ".join(str(name) for name in self._names.names)
            raise ValueError(f"X must be a panel as in fit_each, a DataFrame with a MultiIndex ({levels}, time).")
        tails = {key if n_levels > 1 else (key,): model._fitted.tail for key, model in self._models.items()}
        rows = {key: tail.rows[()] for key, tail in tails.items()}
        work = read_X(X, state.inputs, Tail(rows, {key: tail.paces[()] for key, tail in tails.items()}), context)
        models = self._models_of(work)
        if not (context is None or isinstance(context, str)) and state.training.standardize:
            self._check_context(work, models)
        return work

    def _models_of(self, work: Work) -> list[Any]:
        """The model of each series of a panel."""
        assert work.table is not None
        return [self._model_of(key if self._names.nlevels > 1 else key[0]) for key in work.table.keys]

    def _parts(self, work: Work) -> Iterator[tuple[Any, Work]]:
        """The model of each series of a panel, and the samples of the series."""
        assert work.table is not None
        each = work.sequences.of_each(work.table.offsets)
        for model, sequences in zip(self._models_of(work), each, strict=True):
            yield model, Work(None, work.form, sequences)

    @staticmethod
    def _check_context(work: Work, models: list[Any]) -> None:
        """As one model would; of all series the first that has a history, for a step that was forgotten is so for all."""
        table, given = work.table, work.context or {}
        assert table is not None
        s = next(s for s, key in enumerate(table.keys) if key in given)
        own = replace(table, values=table.values[slice(*table.offsets[s : s + 2])])
        key = table.keys[s]
        check_context(replace(work, table=own, context={key: given[key]}), models[s]._fitted.levels)


class EachClassifier(EachTable):
    """Classifiers, one a series of a panel."""

    @property
    def classes_(self) -> np.ndarray:
        """ndarray of shape (n_classes,): The labels of all series, sorted; of several labels a sample their names."""
        classes = self._first._fitted.classes
        if classes.multilabel:
            return classes.values
        return np.unique(np.concatenate([model.classes_ for model in self._models.values()]))

    def predict_proba(self, X: Any, context: Any = "auto") -> Any:
        """Probabilities of the classes, of each series by its own model; 0 of those that the series never had.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or array of shape (n, n_classes)
            Columns in the order of ``classes_``; on the index of X.

        Raises
        ------
        ValueError
            As :meth:`predict`.
        """
        work, state = self._work(X, context), self._first._fitted
        classes = replace(state.classes, values=self.classes_)
        answers = []
        for model, part in self._parts(work):
            own = model._outputs(part)
            spread = np.zeros((len(own), len(classes.values)))
            spread[:, slice(None) if classes.multilabel else np.searchsorted(classes.values, model.classes_)] = own
            answers.append(spread)
        outputs = work.to_user_order(np.concatenate(answers))
        return as_probabilities(to_output(outputs, work.X, work.sequences, classes.form(state.labels)))
