"""What all estimators share: reading X, training, predicting. No maths."""

from abc import ABCMeta, abstractmethod
from copy import deepcopy
from dataclasses import asdict, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state

from grukit.data import (
    ALL_ALIKE,
    Samples,
    Scaler,
    TargetForm,
    check_any_seen,
    encode_inputs,
    fit_inputs,
    history_frame,
    select_samples,
    tail_of,
)
from grukit.engines import CUDA_LOSSES, Engine, select_engine, with_memory
from grukit.estimators._constraints import check_parameters
from grukit.estimators._fitted import FittedNetwork
from grukit.estimators._inputs import Work, read_X
from grukit.estimators._weights import check_representable, read_weights
from grukit.model import NetworkSpec, initialize
from grukit.train import Problem, Progress, TrainingOptions, fit_lbfgs, fit_stochastic, predict

AUTO_BATCH_SIZE = 64


class Objective(NamedTuple):
    """What is minimised, and what the network's outputs stand for."""

    loss: str  # a key of grukit.train.LOSSES
    parameter: float
    link: str  # see grukit.data.links


class RecurrentEstimator(FittedNetwork, BaseEstimator, metaclass=ABCMeta):
    """Base of the estimators. A subclass has the parameters and says what targets and outputs mean."""

    @abstractmethod
    def _read_y(self, y: Any, work: Work, X: Any, first: bool, classes: Any) -> tuple[np.ndarray, TargetForm]:
        """Check ``y``; targets as the loss takes them, and the form of what :meth:`_outputs` gives.

        ``classes`` are the labels that may come, or None.
        """

    @abstractmethod
    def _objective(self) -> Objective:
        """The loss for the targets that were read."""

    @abstractmethod
    def _initial_bias(self, targets: np.ndarray, weights: np.ndarray) -> Any:
        """What is added to the head's bias (K,) at the start: the best constant prediction."""

    def _weigh(
        self, targets: np.ndarray, weights: np.ndarray, work: Work, per_step: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the samples (n,), and of single steps (N,) or none (0,), once the targets are known."""
        return weights, ALL_ALIKE

    def _fit(self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any = None, **overrides: Any) -> Self:
        """Train; ``first`` starts anew, ``overrides`` replace training options. A failed fit changes nothing."""
        before = self.__dict__.copy()
        try:
            self._fit_or_raise(X, y, sample_weight, first, classes, **overrides)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit_or_raise(self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any, **overrides: Any) -> None:
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        going_on = bool(overrides) and not first
        check_parameters(self)
        select_engine(self.device)  # says what is missing before any work
        work = read_X(self, X, reset=first, context="auto" if going_on else None)
        targets, form = self._read_y(y, work, X, first, classes)
        weights = read_weights(sample_weight, X, work.sequences)
        weights, step_weights = self._weigh(targets, weights, work, form.per_step)
        check_representable(weights, self.dtype)
        if work.table is not None:
            targets, weights = work.table.from_user_order(targets), work.table.from_user_order(weights)
        samples = Samples(work.sequences, targets, weights, form.per_step, step_weights)
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

    def _network_spec(self, n_features: int, form: TargetForm) -> NetworkSpec:
        sizes = self.hidden_layer_sizes
        return NetworkSpec(
            cell=self.cell,
            n_inputs=n_features if self.missing == "error" else 2 * n_features,
            hidden_layer_sizes=(int(sizes),) if np.ndim(sizes) == 0 else tuple(int(size) for size in sizes),
            n_outputs=form.n_outputs,
            per_step=form.per_step,
            bidirectional=bool(self.bidirectional),
            learned_state=self.initial_state == "learned",
            decay=self.missing == "decay",
            dropout=float(self.dropout),
            recurrent_dropout=float(self.recurrent_dropout),
        )

    @property
    def _n_features(self) -> int:
        """Features of a step; the time since the row before is none."""
        return len(self._x_scaler.mean) - (self._missing == "decay")

    def _encode(self, values: np.ndarray, dtype: str) -> np.ndarray:
        """Values (N, .) of the samples as the kernels take them."""
        return encode_inputs(values, self._x_scaler, self._missing, dtype)

    def _start(self, training: Samples) -> None:
        """Scalers from the training samples alone, initial weights, an empty record."""
        inputs, input_weights = training.inputs_seen()
        targets, target_weights = training.targets_seen()
        names = getattr(self, "feature_names_in_", None)
        check_any_seen(inputs[:, :-1] if self._missing == "decay" else inputs, "X", names)
        check_any_seen(targets, "y", self._form.names)
        K = self._form.n_outputs
        link, self._standardize = self._objective().link, self.standardize
        scales_y = self.standardize and link == "identity"
        self._x_scaler = fit_inputs(inputs, input_weights, self.standardize, self._missing)
        self._y_scaler = Scaler.fit(targets, target_weights) if scales_y else Scaler.identity(K, link)
        self._random_state = check_random_state(self.random_state)
        self._spec = self._network_spec(self._n_features, self._form)
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
        wanted = self._network_spec(self._n_features, form)
        was_thinned = replace(self._spec, dropout=wanted.dropout, recurrent_dropout=wanted.recurrent_dropout)
        before = {
            **asdict(was_thinned),  # dropout alone may change
            "window": self._window,
            "dtype": self._parameters.dtype.name,
            "standardize": self._standardize,
            "link of the loss": self._y_scaler.link,
        }
        now = [*asdict(wanted).values(), self.window, self.dtype, self.standardize, self._objective().link]
        for (name, was), value in zip(before.items(), now, strict=True):
            if value != was:
                raise ValueError(
                    f"Training goes on with a model whose {name} is {was!r}; now it is {value!r}. Start anew with fit and "
                    "warm_start=False."
                )
        self._spec = wanted

    def _train(self, training: Samples, validation: Samples | None, **overrides: Any) -> None:
        """Train copies of the weights and moments, then keep them with the record."""
        values = self._encode(training.sequences.values, self.dtype)
        n_samples = len(training.sequences)
        options = self._options(n_samples, n_before=len(self._records), **overrides)
        objective = self._objective()
        taken = n_samples if self.solver == "lbfgs" else options.batch_size
        engine = self._engine(training, taken)
        given = [self._for_kernels(engine, values, some) for some in (training, validation) if some is not None]
        engine = with_memory(engine, self.device, self._spec, given, taken, training=True)
        problem = Problem(
            engine.kernels,
            self._spec,
            given[0],
            objective.loss,
            objective.parameter,
            given[1] if len(given) > 1 else None,
            effective_n_jobs(self.n_jobs),
            taken,
            self.precision,
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

    def _engine(self, training: Samples, taken: int) -> Engine:
        """The engine for training that takes so many samples at once."""
        lacks = ""
        if self._objective().loss not in CUDA_LOSSES:
            lacks = "the GPU's kernels have no log loss"
        elif training.step_weights.size or np.isnan(training.targets).any():
            lacks = "the GPU's kernels know no missing targets"
        return select_engine(self.device, self._spec, taken * int(training.sequences.lengths.max()), lacks=lacks)

    def _for_kernels(self, engine: Engine, values: np.ndarray, samples: Samples) -> Any:
        targets = self._y_scaler.transform(samples.targets, self.dtype)
        taken, weights = samples.sequences, samples.weights.astype(self.dtype)
        return engine.kernels.Samples(values, targets, taken.starts, taken.lengths, weights, samples.step_weights)

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
        """Predictions on the targets' own scale, or probabilities, in the order of the user's rows."""
        return self._y_scaler.inverse(self._network_outputs(work))

    def _network_outputs(self, work: Work) -> np.ndarray:
        """What the network gives for every sample, or step, in the order of the user's rows; float64."""
        sequences = work.sequences
        engine = select_engine(self.device, self._spec, int(sequences.lengths.sum()) // 3, required=False)
        values = self._encode(sequences.values, self._parameters.dtype.name)
        empty = np.empty((0, self._spec.n_outputs), values.dtype)
        samples = engine.kernels.Samples(values, empty, sequences.starts, sequences.lengths, empty[:, 0])
        engine = with_memory(engine, self.device, self._spec, [samples], len(sequences), training=False)
        n_threads = effective_n_jobs(self.n_jobs)
        outputs = predict(engine.kernels, self._spec, self._parameters, samples, n_threads, self.precision)
        outputs = outputs.astype(np.float64)
        return outputs if work.table is None else work.table.to_user_order(outputs)

    def __sklearn_tags__(self) -> Tags:
        """Tags: 3-D input, NaN where missing values are no error."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        return tags
