"""What all estimators share: reading X, training, predicting. No maths."""

from copy import deepcopy
from dataclasses import fields
from numbers import Integral
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from grukit.data import (
    Samples,
    Scaler,
    TargetForm,
    check_same_index,
    history_frame,
    read_targets,
    select_samples,
    tail_of,
)
from grukit.engines import Engine, select_engine
from grukit.estimators._inputs import Work, read_X
from grukit.model import NetworkSpec, initialize
from grukit.train import Problem, Progress, TrainingOptions, fit_lbfgs, fit_stochastic, predict

AUTO_BATCH_SIZE = 64


class RecurrentEstimator(BaseEstimator):
    """Base of the estimators. A subclass has the parameters and says what targets and outputs mean."""

    def _fit(self, X: Any, y: Any, sample_weight: Any, first: bool, **overrides: Any) -> Self:
        """Train; ``first`` starts anew, ``overrides`` replace training options. A failed fit changes nothing."""
        before = self.__dict__.copy()
        try:
            self._fit_or_raise(X, y, sample_weight, first, **overrides)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit_or_raise(self, X: Any, y: Any, sample_weight: Any, first: bool, **overrides: Any) -> None:
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        going_on = bool(overrides) and not first
        self._check_lists()
        select_engine(self.device)  # says what is missing before any work
        work = read_X(self, X, reset=first, context="auto" if going_on else None)
        targets, form = read_targets(y, work.sequences, X)
        self._check_targets(targets)
        weights = self._check_weights(sample_weight, X, work)
        if work.table is not None:
            targets, weights = work.table.from_user_order(targets), work.table.from_user_order(weights)
        samples = Samples(work.sequences, targets, weights, form.per_step)
        fraction = self.validation_fraction if self.early_stopping and not overrides else None
        training, validation = select_samples(samples, fraction, self._window, work.table, fold=self.shuffle)
        if first:
            self._form, self._tail = form, None
            self._start(training)
        self._check_unchanged(form)
        self._form = form
        self._train(training, validation, **overrides)
        if work.table is not None:
            self._tail = tail_of(work.table, self._window, work.context, self._tail if going_on else None)

    def _check_lists(self) -> None:
        """What scikit-learn's parameter constraints do not look into: the contents of lists."""
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object))
        if sizes.ndim != 1 or not len(sizes) or not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes must be a positive integer, or one for each layer; got {self.hidden_layer_sizes!r}."
            )
        if isinstance(self.callbacks, list | tuple) and not all(callable(callback) for callback in self.callbacks):
            raise ValueError(f"callbacks must be callables; got {self.callbacks!r}.")

    def _check_weights(self, sample_weight: Any, X: Any, work: Work) -> np.ndarray:
        if sample_weight is None:
            return np.ones(len(work.sequences))
        check_same_index(X, sample_weight, "X", "sample_weight")
        starts = work.sequences.starts  # as many as there are samples
        weights = _check_sample_weight(sample_weight, starts, dtype=np.float64, ensure_non_negative=True, copy=True)
        with np.errstate(over="ignore"):
            cast = weights.astype(self.dtype)
        lost = (weights > 0) & ((cast == 0) | ~np.isfinite(cast))
        if lost.any():
            i = int(np.argmax(lost))
            raise ValueError(
                f"sample_weight[{i}] is {weights[i]:g}, which {self.dtype} cannot hold; scale the weights."
            )
        return weights

    def _network_spec(self, n_inputs: int, form: TargetForm) -> NetworkSpec:
        sizes = self.hidden_layer_sizes
        sizes = (int(sizes),) if np.ndim(sizes) == 0 else tuple(int(size) for size in sizes)
        return NetworkSpec(self.cell, n_inputs, sizes, form.n_outputs, form.per_step)

    def _start(self, training: Samples) -> None:
        """Scalers from the training samples alone, initial weights, an empty record."""
        inputs, input_weights = training.inputs_seen()
        targets, target_weights = training.targets_seen()
        D, K = inputs.shape[1], targets.shape[1]
        link, self._standardize = self._link_of_loss(), self.standardize
        scales_y = self.standardize and link == "identity"
        self._x_scaler = Scaler.fit(inputs, input_weights) if self.standardize else Scaler.identity(D)
        self._y_scaler = Scaler.fit(targets, target_weights) if scales_y else Scaler.identity(K, link)
        self._random_state = check_random_state(self.random_state)
        self._spec = self._network_spec(D, self._form)
        self._parameters = initialize(self._spec, self.weight_init, self.dtype, self._random_state)
        self._spec.views(self._parameters)["head.bias"][...] += self._initial_bias(targets, target_weights)
        self._moments: dict[str, np.ndarray] = {}
        self._moments_of = self.solver
        self._records: list[dict[str, Any]] = []

    def _check_unchanged(self, form: TargetForm) -> None:
        """Where training goes on, the network must be the one that was started."""
        if (form.n_outputs, form.per_step) != (self._form.n_outputs, self._form.per_step):
            raise ValueError(
                f"y has {form.n_outputs} outputs{' a step' if form.per_step else ''}; the model was fitted with "
                f"{self._form.n_outputs}{' a step' if self._form.per_step else ''}."
            )
        wanted = self._network_spec(self._spec.n_inputs, form)
        before = {
            "cell": self._spec.cell,
            "hidden_layer_sizes": self._spec.hidden_layer_sizes,
            "window": self._window,
            "dtype": self._parameters.dtype.name,
            "standardize": self._standardize,
            "link of the loss": self._y_scaler.link,
        }
        now = [wanted.cell, wanted.hidden_layer_sizes, self.window, self.dtype, self.standardize, self._link_of_loss()]
        for (name, was), value in zip(before.items(), now, strict=True):
            if value != was:
                raise ValueError(
                    f"Training goes on with a model whose {name} is {was!r}; now it is {value!r}. Start anew with fit and "
                    "warm_start=False."
                )

    def _train(self, training: Samples, validation: Samples | None, **overrides: Any) -> None:
        """Train copies of the weights and moments, then keep them with the record."""
        values = self._x_scaler.transform(training.sequences.values, self.dtype)
        n_samples = len(training.sequences)
        options = self._options(n_samples, n_before=len(self._records), **overrides)
        taken = n_samples if self.solver == "lbfgs" else options.batch_size
        engine = select_engine(self.device, self._spec, taken * int(training.sequences.lengths.max()))
        problem = Problem(
            engine.kernels,
            self._spec,
            self._for_kernels(engine, values, training),
            self.loss,
            self._loss_parameter(),
            None if validation is None else self._for_kernels(engine, values, validation),
            effective_n_jobs(self.n_jobs),
            taken,
        )
        parameters = self._parameters.copy()
        # Another solver's moments mean something else.
        known = self._moments if self._moments_of == self.solver else {}
        moments = {name: moment.copy() for name, moment in known.items()}
        random_state = deepcopy(self._random_state)
        with problem:
            if self.solver == "lbfgs":
                progress = fit_lbfgs(problem, parameters, options)
            else:
                progress = fit_stochastic(problem, parameters, options, random_state, moments)
        self._parameters, self._random_state = parameters, random_state
        self._moments, self._moments_of = moments, self.solver
        self._keep(progress, engine)

    def _for_kernels(self, engine: Engine, values: np.ndarray, samples: Samples) -> Any:
        targets = self._y_scaler.transform(samples.targets, self.dtype)
        taken = samples.sequences
        return engine.kernels.Samples(values, targets, taken.starts, taken.lengths, samples.weights.astype(self.dtype))

    def _options(self, n_samples: int, **overrides: Any) -> TrainingOptions:
        callbacks = self.callbacks
        values = {
            "batch_size": min(n_samples, AUTO_BATCH_SIZE if self.batch_size == "auto" else self.batch_size),
            "verbose": bool(self.verbose),
            "callbacks": () if callbacks is None else (callbacks,) if callable(callbacks) else tuple(callbacks),
            **overrides,
        }
        same_name = {field.name for field in fields(TrainingOptions)} & set(self.get_params(deep=False)) - set(values)
        return TrainingOptions(**values, **{name: getattr(self, name) for name in same_name})

    def _keep(self, progress: Progress, engine: Engine) -> None:
        """The fitted attributes."""
        self._records = self._records + progress.records
        self.n_iter_ = len(self._records)
        self.best_iter_ = progress.best_iter
        self.stop_reason_ = progress.stop_reason
        self.history_ = history_frame(self._records)
        self.loss_curve_ = [entry["loss"] for entry in self._records]
        validated = any(np.isfinite(entry["validation_loss"]) for entry in self._records)
        self.validation_curve_ = [entry["validation_loss"] for entry in self._records] if validated else None
        self.loss_ = self.loss_curve_[progress.kept_iter - 1] if progress.records else np.nan
        self.n_outputs_ = self._spec.n_outputs
        self.n_parameters_ = self._spec.n_parameters
        self.device_, self.device_reason_ = engine.device, engine.reason

    def _outputs(self, work: Work) -> np.ndarray:
        """Predictions for every sample, on the targets' own scale, in the order of the user's rows."""
        sequences = work.sequences
        engine = select_engine(self.device, self._spec, int(sequences.lengths.sum()) // 3, required=False)
        values = self._x_scaler.transform(sequences.values, self._parameters.dtype.name)
        empty = np.empty((0, self._spec.n_outputs), values.dtype)
        samples = engine.kernels.Samples(values, empty, sequences.starts, sequences.lengths, empty[:, 0])
        outputs = predict(engine.kernels, self._spec, self._parameters, samples, effective_n_jobs(self.n_jobs))
        outputs = self._y_scaler.inverse(outputs)
        return outputs if work.table is None else work.table.to_user_order(outputs)

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
