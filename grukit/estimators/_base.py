"""What all estimators share: reading X, training, predicting. No maths."""

from abc import ABCMeta, abstractmethod
from copy import deepcopy
from dataclasses import asdict, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state

from grukit.cores import count_threads, single_threaded_blas
from grukit.data import (
    ALL_ALIKE,
    Classes,
    FittedLinear,
    HeldOut,
    Samples,
    Scaler,
    TargetForm,
    check_any_seen,
    fit_inputs,
    left_by,
    select_samples,
    tail_of,
)
from grukit.engines import CUDA_LOSSES, Engine, select_engine, with_memory
from grukit.estimators._choices import Choices, choose_differences
from grukit.estimators._declare import with_parameters
from grukit.estimators._parameters import SharedParameters, check_parameters
from grukit.estimators._weights import check_representable, read_weights
from grukit.estimators.fitted import FittedEstimator, FittedState, TrainingState, fitted_state
from grukit.estimators.inputs import InputForm, Work, check_context, read_X
from grukit.estimators.targets import Objective, Targets, check_same_kind
from grukit.model import NetworkSpec, initialize
from grukit.train import Problem, TrainingOptions, fit_lbfgs, fit_stochastic, predict

# Of 27 tasks the median error is the same with 16 and 64 samples in a batch, the geometric mean 2 % less with 16; of many
# samples there are steps enough.
SMALLEST_BATCH, LARGEST_BATCH, STEPS = 16, 64, 1000
EARLY_STOPPING_FROM = 50  # samples


class Validation(NamedTuple):
    """Validation samples that the user gives ``fit``."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None

    def check(self, early_stopping: bool | str) -> None:
        """Raise where something is missing, or they would not be used."""
        if (self.X is None) != (self.y is None) or (self.X is None and self.sample_weight is not None):
            raise ValueError("X_val and y_val go together; sample_weight_val goes with them.")
        if self.X is not None and early_stopping is False:
            raise ValueError("X_val and y_val are for early stopping, which early_stopping=False turns off.")


NOTHING_GIVEN = Validation()


@with_parameters
class RecurrentEstimator(FittedEstimator, SharedParameters, BaseEstimator, metaclass=ABCMeta):
    """Base of the estimators. A subclass says what targets and outputs mean."""

    @abstractmethod
    def _read_y(self, y: Any, work: Work, before: FittedState | None, classes: Any) -> Targets:
        """Check and read ``y``; ``classes`` are the labels that may come, or None.

        ``before`` is what was learned where training goes on, or y is compared with predictions.
        """

    @abstractmethod
    def _objective(self, classes: Classes | None) -> Objective:
        """The loss for such targets."""

    @abstractmethod
    def _initial_bias(self, link: str, n_outputs: int, targets: np.ndarray, weights: np.ndarray) -> Any:
        """What is added to the head's bias (K,) at the start: the best constant prediction."""

    def _weigh(self, targets: Targets, weights: np.ndarray, work: Work) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the samples (n,), and of single steps (N,) or none (0,), once the targets are known."""
        return weights, ALL_ALIKE

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        first: bool,
        classes: Any = None,
        given: Validation = NOTHING_GIVEN,
        **overrides: Any,
    ) -> Self:
        """Train; ``first`` starts anew, ``overrides`` replace training options. A failed fit changes nothing."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        check_parameters(self)
        given.check(self.early_stopping)
        select_engine(self.device)  # says what is missing before any work
        before = None if first else fitted_state(self)
        going_on = before is not None and bool(overrides)
        form = InputForm(type(self).__name__, self.window, self.missing) if before is None else before.inputs
        tail = before.tail if before is not None and going_on else None
        work = read_X(X, form, tail, "auto" if going_on else None)
        targets = self._read_y(y, work, before, classes)
        samples = self._samples(work, targets, sample_weight)
        held_out = self._held_out(targets) if given.X is None and self._stops_early(samples, overrides) else None
        training, validation = select_samples(samples, held_out, work.form.window, work.table, fold=self.shuffle)
        with single_threaded_blas():  # for the linear part and L-BFGS
            if before is None:
                state = self._start(
                    work.form, targets, training, training if held_out is None else samples, partial=bool(overrides)
                )
            else:
                state = self._go_on(before, targets, left_by(before.choices.linear, training))
            if given.X is not None:
                validation = self._given_validation(given, work, state)
            state = self._trained(state, training, validation, **overrides)
        if work.table is not None and work.form.window is not None:
            state = replace(state, tail=tail_of(work.table, work.form.window, work.context, tail))
        self._fitted = state
        return self

    def _given_validation(self, given: Validation, work: Work, state: FittedState) -> Samples:
        """Validation samples that the user gave; a table that goes on where that of training ended sees its end."""
        tail = None
        if work.table is not None and work.form.window is not None:
            tail = tail_of(work.table, work.form.window, work.context)
        own = read_X(given.X, work.form, tail, "auto")
        targets = self._read_y(given.y, own, state, None)
        check_same_kind(targets, state.outputs)
        samples = self._samples(own, targets, given.sample_weight)
        chosen = np.flatnonzero(samples.weights > 0)
        if len(chosen) == 0:
            raise ValueError("No sample of X_val has a target and a positive weight.")
        return samples.take(chosen, samples.weights[chosen])

    def _stops_early(self, samples: Samples, overrides: dict[str, Any]) -> bool:
        """Whether a part is held out: never in a single epoch, and by itself where there are enough samples."""
        if overrides:
            return False
        if self.early_stopping == "auto":
            return int((samples.weights > 0).sum()) >= EARLY_STOPPING_FROM
        return bool(self.early_stopping)

    def _held_out(self, targets: Targets) -> HeldOut:
        """What early stopping holds out; sequences with one label each are stratified by it."""
        classes = targets.classes
        stratified = classes is not None and not classes.multilabel and not targets.outputs.per_step
        groups = targets.values[:, 0] if stratified else None
        return HeldOut(self.validation_fraction, check_random_state(self.random_state), groups)

    def _samples(self, work: Work, targets: Targets, sample_weight: Any) -> Samples:
        """All samples with their targets and weights, in the order of the table or list."""
        weights = read_weights(sample_weight, work.X, work.sequences)
        weights, step_weights = self._weigh(targets, weights, work)
        check_representable(weights, self.dtype)
        values = targets.values
        if work.table is not None:
            values, weights = work.table.from_user_order(values), work.table.from_user_order(weights)
        return Samples(work.sequences, values, weights, targets.outputs.per_step, step_weights)

    def _network_spec(self, n_features: int, outputs: TargetForm) -> NetworkSpec:
        sizes = self.hidden_layer_sizes
        return NetworkSpec(
            cell=self.cell,
            n_inputs=n_features if self.missing == "error" else 2 * n_features,
            hidden_layer_sizes=(int(sizes),) if np.ndim(sizes) == 0 else tuple(int(size) for size in sizes),
            n_outputs=outputs.n_outputs,
            per_step=outputs.per_step,
            bidirectional=bool(self.bidirectional),
            learned_state=self.initial_state == "learned",
            decay=self.missing == "decay",
            dropout=float(self.dropout),
            recurrent_dropout=float(self.recurrent_dropout),
        )

    def _start(
        self, inputs: InputForm, targets: Targets, training: Samples, samples: Samples, partial: bool
    ) -> FittedState:
        """Scalers and the linear part from the training samples alone, initial weights, an empty record."""
        seen, input_weights = training.inputs_seen()
        D = seen.shape[1] - (inputs.missing == "decay")
        names = None if inputs.features is None else inputs.features.names
        check_any_seen(seen[:, :D], "X", names)
        check_any_seen(training.targets_seen()[0], "y", targets.outputs.names)
        objective = self._objective(targets.classes)
        link = objective.link
        levels = Scaler.fit(seen[:, :D], input_weights)
        chosen = self._choose_linear(inputs, link, training, _weighted(samples), levels, partial)
        linear = None if chosen is None else chosen.linear
        differenced = choose_differences(
            False if partial and self.difference == "auto" else self.difference, inputs, training, D
        )
        values, weights = left_by(linear, training).targets_seen()
        if differenced is not None:
            seen = training.sequences.differenced(differenced)[training.rows_seen()]
        scales_y = self.standardize and link == "identity"
        x_scaler = fit_inputs(seen, input_weights, self.standardize, inputs.missing)
        y_scaler = Scaler.fit(values, weights) if scales_y else Scaler.identity(targets.outputs.n_outputs, link)
        y_scaler = y_scaler.with_constants(values)
        random_state = check_random_state(self.random_state)
        spec = self._network_spec(D, targets.outputs)
        parameters = initialize(spec, self.weight_init, self.dtype, random_state)
        if linear is not None:
            spec.views(parameters)["head.weight"][...] = 0.0  # so that training begins at the linear part alone
        spec.views(parameters)["head.bias"][...] += self._initial_bias(link, spec.n_outputs, values, weights)
        training_state = TrainingState(objective, random_state, self.standardize, self.solver, {})
        _, outputs, labels, classes = targets
        choices = Choices.of(chosen, targets.outputs.n_outputs, differenced)
        return FittedState(
            inputs, outputs, labels, classes, levels, x_scaler, y_scaler, choices, spec, parameters, training_state
        )

    def _choose_linear(
        self, inputs: InputForm, link: str, training: Samples, everything: Samples, levels: Scaler, partial: bool
    ) -> FittedLinear | None:
        """The linear part of regressors; others have none."""
        return None

    def _go_on(self, before: FittedState, targets: Targets, training: Samples) -> FittedState:
        """The state that training goes on from: the network must be the one that was started."""
        check_same_kind(targets, before.outputs)
        wanted = self._network_spec(before.n_features, targets.outputs)
        # dropout alone may change
        spec = replace(before.spec, dropout=wanted.dropout, recurrent_dropout=wanted.recurrent_dropout)
        was = {
            **asdict(spec),
            "window": before.inputs.window,
            "dtype": before.parameters.dtype.name,
            "standardize": before.training.standardize,
            "link of the loss": before.y_scaler.link,
        }
        link = self._objective(targets.classes).link
        now = [*asdict(wanted).values(), self.window, self.dtype, self.standardize, link]
        for (name, value), new in zip(was.items(), now, strict=True):
            if value != new:
                raise ValueError(
                    f"Training goes on with a model whose {name} is {value!r}; now it is {new!r}. Start anew with fit and "
                    "warm_start=False."
                )
        y_scaler = before.y_scaler.without_constants(training.targets_seen()[0])
        return replace(before, outputs=targets.outputs, labels=targets.labels, spec=wanted, y_scaler=y_scaler)

    def _trained(
        self, state: FittedState, training: Samples, validation: Samples | None, **overrides: Any
    ) -> FittedState:
        """The state after training, which works on copies of the weights and moments."""
        values = state.encode(training.sequences, self.dtype)
        training = left_by(state.choices.linear, training)
        validation = None if validation is None else left_by(state.choices.linear, validation)
        n_samples, records = len(training.sequences), state.training.records
        options = self._options(n_samples, state.choices.linear is not None, n_before=len(records), **overrides)
        objective = self._objective(state.classes)
        taken = n_samples if self.solver == "lbfgs" else options.batch_size
        engine = self._engine(state.spec, objective, training, taken)
        given = [self._for_kernels(engine, state, values, training)]
        if validation is not None:
            same = validation.sequences.values is training.sequences.values
            own = values if same else state.encode(validation.sequences, self.dtype)
            given.append(self._for_kernels(engine, state, own, validation))
        engine = with_memory(engine, self.device, state.spec, given, taken, training=True)
        problem = Problem(
            engine.kernels,
            state.spec,
            given[0],
            objective.loss,
            objective.parameter,
            given[1] if len(given) > 1 else None,
            count_threads(self.n_jobs, 3.0 * state.spec.n_parameters * taken * training.sequences.lengths.mean()),
            taken,
            self.precision,
        )
        parameters, random_state = state.parameters.copy(), deepcopy(state.training.random_state)
        # Another solver's moments mean something else.
        known = state.training.moments if state.training.solver == self.solver else {}
        moments = {name: moment.copy() for name, moment in known.items()}
        with problem:
            if self.solver == "lbfgs":
                progress = fit_lbfgs(problem, parameters, options)
            else:
                progress = fit_stochastic(problem, parameters, options, random_state, moments)
        training_state = TrainingState(
            objective,
            random_state,
            state.training.standardize,
            self.solver,
            moments,
            (*records, *progress.records),
            progress.best_iter,
            progress.kept_iter,
            progress.stop_reason,
            engine.device,
            engine.reason,
        )
        return replace(state, parameters=parameters, training=training_state)

    def _engine(self, spec: NetworkSpec, objective: Objective, training: Samples, taken: int) -> Engine:
        """The engine for training that takes so many samples at once."""
        lacks = ""
        if objective.loss not in CUDA_LOSSES:
            lacks = "the GPU's kernels have no log loss"
        elif training.step_weights.size or np.isnan(training.targets).any():
            lacks = "the GPU's kernels know no missing targets"
        return select_engine(self.device, spec, taken * int(training.sequences.lengths.max()), lacks=lacks)

    def _for_kernels(self, engine: Engine, state: FittedState, values: np.ndarray, samples: Samples) -> Any:
        targets = state.y_scaler.transform(samples.targets, self.dtype)
        taken, weights = state.steps_of(samples.sequences), samples.weights.astype(self.dtype)
        return engine.kernels.Samples(values, targets, taken.starts, taken.lengths, weights, samples.step_weights)

    def _options(self, n_samples: int, count_start: bool, **overrides: Any) -> TrainingOptions:
        callbacks = self.callbacks
        values = {
            "batch_size": min(n_samples, _batch_size(n_samples) if self.batch_size == "auto" else self.batch_size),
            "verbose": bool(self.verbose),
            "count_start": count_start,
            "callbacks": () if callbacks is None else (callbacks,) if callable(callbacks) else tuple(callbacks),
            **overrides,
        }
        same_name = {field.name for field in fields(TrainingOptions)} & set(self.get_params(deep=False)) - set(values)
        return TrainingOptions(**values, **{name: getattr(self, name) for name in same_name})

    def _work(self, X: Any, context: Any) -> Work:
        """X read for a prediction."""
        state = fitted_state(self)
        work = read_X(X, state.inputs, state.tail, context)
        if not (context is None or isinstance(context, str)) and state.training.standardize:
            check_context(work, state.levels)
        return work

    def _outputs(self, work: Work) -> np.ndarray:
        """Predictions on the targets' own scale, or probabilities, in the order of the user's rows."""
        outputs, linear = self._fitted.y_scaler.inverse(self._network_outputs(work)), self._fitted.choices.final
        if linear is None:
            return outputs
        added = linear.predict(work.sequences, self._fitted.spec.per_step)
        return outputs + (added if work.table is None else work.table.to_user_order(added))

    def _network_outputs(self, work: Work) -> np.ndarray:
        """What the network gives for every sample, or step, in the order of the user's rows; float64."""
        state, sequences = self._fitted, self._fitted.steps_of(work.sequences)
        engine = select_engine(self.device, state.spec, int(sequences.lengths.sum()) // 3, required=False)
        values = state.encode(sequences, state.parameters.dtype.name)
        empty = np.empty((0, state.spec.n_outputs), values.dtype)
        samples = engine.kernels.Samples(values, empty, sequences.starts, sequences.lengths, empty[:, 0])
        engine = with_memory(engine, self.device, state.spec, [samples], len(sequences), training=False)
        n_threads = count_threads(self.n_jobs, float(state.spec.n_parameters * sequences.lengths.sum()))
        outputs = predict(engine.kernels, state.spec, state.parameters, samples, n_threads, self.precision)
        outputs = outputs.astype(np.float64)
        return outputs if work.table is None else work.table.to_user_order(outputs)

    def __sklearn_tags__(self) -> Tags:
        """Tags: 3-D input, NaN where missing values are no error."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        return tags


def _weighted(samples: Samples) -> Samples:
    """The samples that count."""
    chosen = np.flatnonzero(samples.weights > 0)
    return samples.take(chosen, samples.weights[chosen])


def _batch_size(n_samples: int) -> int:
    """The batch size "auto": a power of two, such that an epoch has about a thousand steps."""
    size = SMALLEST_BATCH
    while size < LARGEST_BATCH and n_samples > STEPS * size:
        size *= 2
    return size
