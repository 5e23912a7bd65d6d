"""What a fit learned, in one record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from grukit.data import (
    Classes,
    Samples,
    Scaler,
    Sequences,
    Tail,
    TargetForm,
    encode_inputs,
    encode_relative,
    left_by,
)
from grukit.engines import Engine
from grukit.estimators import _large
from grukit.estimators._choices import Choices
from grukit.estimators.inputs import InputForm, Work
from grukit.estimators.targets import Objective, check_same_kind, read_classes, read_numbers
from grukit.model import NetworkSpec


@dataclass(frozen=True)
class TrainingState:
    """What training needs to go on, and the record of it.

    Attributes
    ----------
    objective : Objective
        What was minimised.
    random_state : numpy.random.RandomState
        After the last epoch.
    standardize : bool
        The parameter.
    solver : str
        The solver that ``moments`` belong to.
    moments : mapping of str to ndarray
        The optimiser's state; empty before the first epoch.
    records : tuple of dict
        One an epoch, see :class:`grukit.train.Progress`.
    best_iter, kept_iter, stop_reason
        Of the last call of ``fit``, see :class:`grukit.train.Progress`.
    device, device_reason : str
        Where it ran, and why.
    """

    objective: Objective
    random_state: np.random.RandomState
    standardize: bool
    solver: str
    moments: Mapping[str, np.ndarray]
    records: tuple[dict[str, Any], ...] = ()
    best_iter: int = 0
    kept_iter: int = 0
    stop_reason: str = ""
    device: str = ""
    device_reason: str = ""


@dataclass(frozen=True)
class FittedState:
    """All that a fit learned. Built by ``fit``, replaced as a whole, changed by nobody.

    Attributes
    ----------
    inputs : InputForm
        How X is read.
    outputs : TargetForm
        The form of the network's outputs: targets, or probabilities.
    labels : TargetForm or None
        Of a classifier: the form of the labels.
    classes : Classes or None
        Of a classifier.
    levels : Scaler
        Of the columns of X as they are.
    x_scaler, y_scaler : Scaler
        Between the user's units, or differences and what the linear part leaves, and the network's.
    choices : Choices
        The linear part, and the columns that are differenced.
    spec : NetworkSpec
        The network, and
    parameters : ndarray of shape (n_parameters,)
        its weights.
    training : TrainingState
        What only training needs.
    tail : Tail or None
        The last rows trained on, where X had an index.
    weight : float or None
        What the network's last layer was multiplied by after training; None where nothing told of that, or weights were set.
    """

    inputs: InputForm
    outputs: TargetForm
    labels: TargetForm | None
    classes: Classes | None
    levels: Scaler
    x_scaler: Scaler
    y_scaler: Scaler
    choices: Choices
    spec: NetworkSpec
    parameters: np.ndarray
    training: TrainingState
    tail: Tail | None = None
    weight: float | None = None

    @property
    def n_features(self) -> int:
        """Features of a step; the time since the row before is none."""
        return len(self.x_scaler.mean) - (self.inputs.missing == "decay")

    @property
    def begins_at_linear(self) -> bool:
        """Whether training began at a linear part, which then counts as epoch 0."""
        return self.choices.linear is not None

    def column(self, d: int) -> Any:
        """The label of a column of X, or its number where X was an array."""
        columns = None if self.inputs.features is None else self.inputs.features.columns
        return d if columns is None else columns[d]

    def left(self, samples: Samples) -> Samples:
        """The samples with what the linear part of training leaves to the network."""
        return left_by(self.choices.linear, samples, self.y_scaler.link)

    def weighted(self, weight: float | None) -> Self:
        """The state whose network gives ``weight`` times as much: so do its streams, files and exports."""
        if weight is None:
            return self
        parameters = self.parameters.copy()
        for name, view in self.spec.views(parameters).items():
            if name.startswith("head."):
                view *= parameters.dtype.type(weight)
        return replace(self, parameters=parameters, weight=weight)

    def encode(self, sequences: Sequences, dtype: str) -> np.ndarray:
        """The values of sequences as the kernels take them."""
        if sequences.relative is not None:
            return encode_relative(sequences, self.x_scaler, self.inputs.missing)
        if self._scales_alone:
            return _large.standardize(sequences.values, self.x_scaler, dtype)
        return encode_inputs(sequences, self.x_scaler, self.inputs.missing, dtype, self.choices.differenced)

    def steps_of(self, sequences: Sequences) -> Sequences:
        """The rows of each sample that the network takes as steps.

        All; but where it receives differences and gives an output after the last step alone, the first row of a sample is
        what the second differs from, and no step, unless it is the only one.
        """
        return sequences.without_first_rows() if self.skips_first else sequences

    @property
    def skips_first(self) -> bool:
        """Whether the first of a sample's rows is no step."""
        return self.choices.differenced is not None and not self.spec.per_step

    def for_serving(self) -> "FittedState":
        """The same with weights of its own, and without what only training and tables need."""
        training = replace(self.training, moments={}, records=())
        return replace(self, parameters=self.parameters.copy(), training=training, tail=None)

    def unlabelled(self, engine: Engine, sequences: Sequences) -> Any:
        """Sequences as an engine's kernels predict them."""
        steps, nothing = self.steps_of(sequences), np.empty((0, self.spec.n_outputs), self.parameters.dtype)
        rest = nothing, steps.starts, steps.lengths, nothing[:, 0]
        many = self._scales_alone and sequences.exchangeable and sequences.values.size >= _large.MANY
        if many and engine.device == "cpu":  # each number is read once: no scaled copy, of 2 ns a number
            scaling = _large.scaling_of(self.x_scaler)
            return engine.kernels.Samples(_large.as_taken(sequences.values), *rest, scaling=scaling)
        values, scaling = self.encode(sequences, self.parameters.dtype.name), scaling_of(engine, sequences)
        return engine.kernels.Samples(values, *rest, scaling=scaling)

    @property
    def _scales_alone(self) -> bool:
        """Whether inputs are scaled and nothing else."""
        return self.inputs.missing == "error" and self.choices.differenced is None

    def predictions(self, outputs: np.ndarray, sequences: Sequences) -> np.ndarray:
        """Predictions on the targets' own scale, or probabilities, from what the network gives for sequences; float64."""
        if self.y_scaler.link == "identity":
            return self.with_linear(self.y_scaler.inverse(outputs), sequences)
        return self.y_scaler.inverse(self.with_linear(outputs, sequences))

    def with_linear(self, outputs: np.ndarray, sequences: Sequences) -> np.ndarray:
        """What the linear part adds to: predictions, or what a classifier's network gives, before the link; float64."""
        linear, outputs = self.choices.final, outputs.astype(np.float64, copy=False)
        return outputs if linear is None else outputs + linear.predict(sequences, self.spec.per_step)


def scaling_of(engine: Engine, sequences: Sequences) -> Any:
    """What samples are relative to, as an engine's kernels take it; None where they are not."""
    return None if sequences.relative is None else engine.kernels.Relative(*sequences.relative)


def fitted_state(model: Any) -> FittedState:
    """The record of a fitted estimator.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    """
    check_is_fitted(model)
    state: FittedState = model._fitted
    return state


def targets_of(state: FittedState, y: Any, work: Work) -> np.ndarray:
    """``y`` as the loss takes it, for a model that was fitted.

    Raises
    ------
    ValueError
        Where y does not belong to X, or has other outputs than in ``fit``.
    """
    if state.classes is None:
        targets = read_numbers(y, work, state.training.objective.loss)
    else:
        targets = read_classes(y, work, state.classes)
    check_same_kind(targets, state.outputs)
    return targets.values
