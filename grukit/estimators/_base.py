"""What all estimators share: reading X, training, predicting. No maths."""

from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from grukit.data import Scaler, Sequences, fold_duplicates, history_frame, read_targets, split_in_time, tail_of
from grukit.engines import select_engine
from grukit.estimators._inputs import Work, read_X
from grukit.model import NetworkSpec, initialize
from grukit.train import Problem, Progress, TrainingOptions, fit_lbfgs, fit_stochastic, predict

AUTO_BATCH_SIZE = 64


class RecurrentEstimator(BaseEstimator):
    """Base of the estimators. A subclass has the parameters and says what targets and outputs mean."""

    def _fit(self, X: Any, y: Any, sample_weight: Any, first: bool, **overrides: Any) -> Self:
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        going_on = bool(overrides) and not first
        work = read_X(self, X, reset=first, context="auto" if going_on else None)
        targets, form = read_targets(y, work.sequences, X)
        self._check_targets(targets)
        if first:
            self._new_random_state()
            self._form, self._tail = form, None
        elif (form.n_outputs, form.per_step) != (self._form.n_outputs, self._form.per_step):
            raise ValueError(f"y has {form.n_outputs} outputs; the model was fitted with {self._form.n_outputs}.")
        if work.table is not None:
            targets = work.table.from_user_order(targets)
        self._train(work, targets, form.per_step, sample_weight, first, **overrides)
        if work.table is not None:
            self._tail = tail_of(work.table, self.window, work.context, self._tail if going_on else None)
        return self

    def _options(self, n_samples: int, **overrides: Any) -> TrainingOptions:
        callbacks = self.callbacks
        values = {
            "batch_size": min(n_samples, AUTO_BATCH_SIZE if self.batch_size == "auto" else self.batch_size),
            "verbose": bool(self.verbose),
            "callbacks": () if callbacks is None else (callbacks,) if callable(callbacks) else tuple(callbacks),
            **overrides,
        }
        for name in TrainingOptions.__dataclass_fields__:
            if name not in values and hasattr(self, name):
                values[name] = getattr(self, name)
        return TrainingOptions(**values)

    def _select(
        self, work: Work, targets: np.ndarray, per_step: bool, sample_weight: Any, validate: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """Training samples and their weights, validation samples and theirs; none of weight zero."""
        sequences = work.sequences
        if sample_weight is None:
            weights = np.ones(len(sequences))
        else:
            weights = _check_sample_weight(
                sample_weight, sequences.starts, dtype=np.float64, ensure_non_negative=True, copy=True
            )
            if work.table is not None:
                weights = work.table.from_user_order(weights)
        if not weights.any():
            raise ValueError("sample_weight is zero for every sample; at least one must be positive.")
        validation = None
        training = np.arange(len(sequences))
        if validate:
            training, validation = split_in_time(
                len(sequences), self.validation_fraction, None if sequences.exchangeable else self.window, work.table
            )
            validation = validation[weights[validation] > 0]
        training = training[weights[training] > 0]
        training_weights = weights[training]
        if sequences.exchangeable and self.shuffle:
            chosen = targets if per_step else targets[training]
            kept, training_weights = fold_duplicates(sequences.take(training), chosen, per_step, training_weights)
            training = training[kept]
        return training, training_weights, validation, weights

    def _train(
        self, work: Work, targets: np.ndarray, per_step: bool, sample_weight: Any, first: bool, **overrides: Any
    ) -> Progress:
        """Fit scalers and weights where this is the ``first`` training, train, and keep what came of it."""
        engine = select_engine(self.device)
        validate = self.early_stopping and not overrides
        training, weights, validation, all_weights = self._select(work, targets, per_step, sample_weight, validate)
        sequences = work.sequences.take(training)
        if first:
            self._start(sequences, targets, training, weights, per_step)
        values = self._x_scaler.transform(work.sequences.values, self.dtype)
        scaled = self._y_scaler.transform(targets, self.dtype)

        def samples(chosen: np.ndarray, weights: np.ndarray) -> Any:
            taken = work.sequences.take(chosen)
            return engine.kernels.Samples(
                values, scaled if per_step else scaled[chosen], taken.starts, taken.lengths, weights.astype(self.dtype)
            )

        options = self._options(len(training), n_before=len(self._records), **overrides)
        held_out = None if validation is None else samples(validation, all_weights[validation])
        problem = Problem(
            engine.kernels,
            self._spec,
            samples(training, weights),
            self.loss,
            self._loss_parameter(),
            held_out,
            effective_n_jobs(self.n_jobs),
            options.batch_size if self.solver != "lbfgs" else len(training),
        )
        with problem:
            if self.solver == "lbfgs":
                progress = fit_lbfgs(problem, self._parameters, options)
            else:
                progress = fit_stochastic(problem, self._parameters, options, self._random_state, self._moments)
        self._keep(progress, engine.device, engine.reason)
        return progress

    def _start(
        self, sequences: Sequences, targets: np.ndarray, training: np.ndarray, weights: np.ndarray, per_step: bool
    ) -> None:
        """Scalers from the training samples alone, initial weights, an empty record."""
        rows, row_weights = _rows_of(sequences, weights)
        seen = sequences.values if rows is None else sequences.values[rows]
        D, K = sequences.values.shape[1], targets.shape[1]
        chosen = (targets if rows is None else targets[rows]) if per_step else targets[training]
        target_weights = row_weights if per_step else weights
        self._x_scaler = Scaler.fit(seen, row_weights) if self.standardize else Scaler.identity(D)
        scales_y = self.standardize and self._scales_targets()
        self._y_scaler = Scaler.fit(chosen, target_weights) if scales_y else Scaler.identity(K)
        sizes = self.hidden_layer_sizes
        sizes = (int(sizes),) if np.ndim(sizes) == 0 else tuple(int(size) for size in sizes)
        self._spec = NetworkSpec(self.cell, D, sizes, K, per_step)
        self._parameters = initialize(self._spec, self.weight_init, self.dtype, self._random_state)
        self._spec.views(self._parameters)["head.bias"][...] = self._initial_bias(chosen, target_weights)
        self._moments: dict[str, np.ndarray] = {}
        self._records: list[dict[str, Any]] = []

    def _keep(self, progress: Progress, device: str, reason: str) -> None:
        """The fitted attributes."""
        self._records = self._records + progress.records
        self.n_iter_ = len(self._records)
        self.best_iter_ = progress.best_iter
        self.stop_reason_ = progress.stop_reason
        self.history_ = history_frame(self._records)
        self.loss_curve_ = [entry["loss"] for entry in self._records]
        validated = any(np.isfinite(entry["validation_loss"]) for entry in self._records)
        self.validation_curve_ = [entry["validation_loss"] for entry in self._records] if validated else None
        kept = self.best_iter_ if validated and self.best_iter_ else self.n_iter_
        self.loss_ = self.loss_curve_[kept - 1] if self.loss_curve_ else np.nan
        self.n_outputs_ = self._spec.n_outputs
        self.n_parameters_ = self._spec.n_parameters
        self.device_, self.device_reason_ = device, reason

    def _raw_outputs(self, work: Work) -> np.ndarray:
        """Outputs of the network for every sample, mapped back to the targets' scale, in the order of the user's rows."""
        engine = select_engine(self.device)
        sequences = work.sequences
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
            if not np.isfinite(array).all():
                raise ValueError(f"weights_[{name!r}] holds NaN or infinity.")
        for name, array in arrays.items():
            views[name][...] = array

    def _new_random_state(self) -> None:
        self._random_state = check_random_state(self.random_state)


def _rows_of(sequences: Sequences, weights: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The rows that the samples see, each once, and their weights; weights only for samples that stand alone."""
    if not sequences.exchangeable:
        opened = np.zeros(len(sequences.values) + 1, dtype=np.int64)
        np.add.at(opened, sequences.starts, 1)
        np.add.at(opened, sequences.starts + sequences.lengths, -1)
        seen = np.cumsum(opened)[:-1] > 0
        return (None if seen.all() else np.flatnonzero(seen)), None
    total = int(sequences.lengths.sum())
    within = np.arange(total) - np.repeat(np.cumsum(sequences.lengths) - sequences.lengths, sequences.lengths)
    return np.repeat(sequences.starts, sequences.lengths) + within, np.repeat(weights, sequences.lengths)
