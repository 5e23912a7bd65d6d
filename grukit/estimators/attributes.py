"""What a fitted estimator shows of what it learned."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from grukit.data import as_numbers, history_frame
from grukit.estimators._documents import ENTRY, document_of
from grukit.estimators._summary import summary_of
from grukit.estimators.fitted import FittedState, fitted_state
from grukit.estimators.service import Predictor, Stream
from grukit.files import write_tensors


class FittedNetwork:
    """What is shown of a fitted network: how it was trained, and its weights; and its file."""

    _record: ClassVar[type] = FittedState  # what a fit learned, in a file, too
    _fitted: FittedState

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a record."""
        return "_fitted" in self.__dict__

    @property
    def n_parameters_(self) -> int:
        """int: Numbers in ``weights_``."""
        return fitted_state(self).spec.n_parameters

    @property
    def n_iter_(self) -> int:
        """int: Epochs run, over all calls of ``partial_fit`` and warm starts.

        Where two networks were trained, beside a linear part and alone, those of the one that is kept; where epochs are
        counted on blocks in time, or parts of sequences, those of the training on all samples.
        """
        return len(fitted_state(self).training.records)

    @property
    def best_iter_(self) -> int:
        """int: Epoch of the last call of ``fit`` with the lowest validation loss, whose weights are kept.

        Where nothing was held out, with the lowest training loss, while the last weights are kept. 0 where no epoch was
        better than the linear part alone. Where epochs are counted on blocks in time, or parts of sequences, the one
        whose losses there, relative to the linear part's, are least: their mean plus that of the worst block.
        """
        return fitted_state(self).training.best_iter

    @property
    def loss_(self) -> float:
        """float: Mean training loss in the epoch whose weights are kept.

        Of a regressor on the standardised scale of what the linear part leaves, of a classifier in nats; for "lbfgs" with
        the penalty. NaN where the linear part alone is kept.
        """
        training = fitted_state(self).training
        return training.records[training.kept_iter - 1]["loss"] if training.kept_iter else np.nan

    @property
    def loss_curve_(self) -> list[float]:
        """List of float: Training loss of each epoch."""
        return [entry["loss"] for entry in fitted_state(self).training.records]

    @property
    def validation_curve_(self) -> list[float] | None:
        """List of float or None: Validation loss of each epoch; None where nothing was held out.

        Where epochs are counted on blocks in time, or parts of sequences, the mean over them.
        """
        losses = [entry["validation_loss"] for entry in fitted_state(self).training.records]
        return losses if np.isfinite(losses).any() else None

    @property
    def history_(self) -> Any:
        """DataFrame: A row an epoch.

        Columns epoch, loss, validation_loss, gradient_norm (mean over batches, before clipping), learning_rate, seconds.
        """
        return history_frame(list(fitted_state(self).training.records))

    @property
    def stop_reason_(self) -> str:
        """str: Why training ended, a sentence."""
        return fitted_state(self).training.stop_reason

    @property
    def device_(self) -> str:
        """str: Where training ran, "cpu" or "cuda"."""
        return fitted_state(self).training.device

    @property
    def device_reason_(self) -> str:
        """str: Why there, a sentence."""
        return fitted_state(self).training.device_reason

    @property
    def weights_(self) -> dict[str, np.ndarray]:
        """dict of ndarray: Copies of the weights, by name. Assigning such a dict checks and sets them.

        The names and layouts are those of ``torch.nn.GRU.state_dict()``: ``weight_ih_l{k}`` (3H, D),
        ``weight_hh_l{k}`` (3H, H), ``bias_ih_l{k}``, ``bias_hh_l{k}`` (3H,), blocks r, z, n;
        ``head.weight`` (K, H), ``head.bias`` (K,). Both directions, other cells and options have further names, see
        ``grukit.model.NetworkSpec.shapes``. They act on standardised data; a classifier's give log odds.
        """
        state = fitted_state(self)
        return {name: view.copy() for name, view in state.spec.views(state.parameters).items()}

    @weights_.setter
    def weights_(self, weights: dict[str, np.ndarray]) -> None:
        state = fitted_state(self)
        views, dtype = state.spec.views(state.parameters), state.parameters.dtype
        if not isinstance(weights, Mapping):
            raise ValueError(f"weights_ must be a dict of arrays by name; got {type(weights).__name__}.")
        if set(weights) != set(views):
            missing, unknown = sorted(set(views) - set(weights)), sorted(set(weights) - set(views))
            raise ValueError(f"weights_ needs exactly the names {list(views)}; missing: {missing}, unknown: {unknown}.")
        arrays = {name: as_numbers(weights[name], f"weights_[{name!r}]") for name in views}
        for name, array in arrays.items():
            if array.shape != views[name].shape:
                raise ValueError(f"weights_[{name!r}] has the shape {array.shape}; it must be {views[name].shape}.")
            with np.errstate(over="ignore"):
                finite = np.isfinite(array.astype(dtype)).all()
            if not finite:
                raise ValueError(
                    f"weights_[{name!r}] holds NaN or infinity, or a number too large for the model's dtype."
                )
        parameters = np.concatenate([array.ravel() for array in arrays.values()]).astype(dtype)
        self._fitted = replace(state, parameters=parameters, weight=None)  # the weights that were set, whole

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted model to a file, to be opened by :func:`grukit.load`.

        The file is of the format safetensors: the weights under the names of ``weights_``, and all else that was learned, as
        text and arrays. It holds no code. It is written beside the old one and then takes its place, so that one of both is
        there whatever happens; it belongs to who saves, with the mode of the old one. What ``set_fit_request`` and its like
        ask of pipelines is left out.

        Parameters
        ----------
        path : str or path
            The file; by custom its name ends in ``.gru``.

        Raises
        ------
        ValueError
            For an empty path, and for what no file can hold, naming it; nothing is written then. Parameters: callbacks and
            random states that are objects. Labels, and names of columns and series: all but None, booleans, numbers, strings,
            bytes, dates and naive datetimes, tuples of these, and pandas' values, so no ``numpy.datetime64`` among objects, no
            ``Decimal``, no time of day. Indexes: frequencies of Easter, of hours and months with holidays of their own, and
            time zones that have no name of the IANA's, such as those of ``dateutil``.
        OSError
            Where the file cannot be written, or its folder not be opened. The old one stays as it is.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        document, arrays = document_of(self)
        write_tensors(path, {ENTRY: document}, arrays)


class FittedEstimator(FittedNetwork):
    """What an estimator of X and y shows of its :class:`FittedState`: fitted attributes, predictors and streams."""

    def predictor(self) -> Predictor:
        """Return an object for fast predictions: checks are done once, a call takes microseconds.

        Returns
        -------
        Predictor
            Called with one window or a batch of them, arrays. It keeps the model as it is now. Of a classifier it gives
            probabilities, as ``predict_proba``.

        Raises
        ------
        ValueError
            For ``missing="decay"``, where a prediction depends on the index.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        return Predictor(fitted_state(self))

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

        Raises
        ------
        ValueError
            For ``missing="decay"``, a bidirectional model, or an ``n_series`` that is no positive integer.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        return Stream(fitted_state(self), n_series)

    @property
    def n_features_in_(self) -> int:
        """int: Columns of X."""
        features = fitted_state(self).inputs.features
        assert features is not None
        return features.n

    @property
    def feature_names_in_(self) -> np.ndarray:
        """ndarray of str: Names of the columns, where X had names that are all strings."""
        features = fitted_state(self).inputs.features
        assert features is not None
        if features.names is None:
            raise AttributeError("feature_names_in_ is only there where X had names that are all strings.")
        return features.names

    @property
    def n_outputs_(self) -> int:
        """int: Outputs of the network.

        Of a regressor the columns of y; of a classifier 1 for two classes, otherwise one a class or label.
        """
        return fitted_state(self).spec.n_outputs

    def summary(self) -> str:
        """Tell what was fitted in words: layers, parameters, what was chosen and why training ended.

        Returns
        -------
        str
            Lines.
        """
        return summary_of(fitted_state(self))

    @property
    def difference_(self) -> list[Any]:
        """list: Columns of which the network receives the change from the row before."""
        state = fitted_state(self)
        chosen = state.choices.differenced
        return [] if chosen is None else [state.column(int(d)) for d in np.flatnonzero(chosen)]
