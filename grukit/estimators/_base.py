"""What all estimators share: reading X, training, predicting. No maths."""

from abc import ABCMeta, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import Tags

from grukit.cores import single_threaded_blas
from grukit.data import (
    ALL_ALIKE,
    Classes,
    FittedLinear,
    Samples,
    Scaler,
    Tail,
    select_samples,
    tail_of,
)
from grukit.engines import select_engine
from grukit.estimators._alone import or_alone
from grukit.estimators._checkpoints import check_resume, checkpoint_options, open_checkpoint, refuse_checkpoint
from grukit.estimators._declare import with_parameters
from grukit.estimators._each_fit import FitsEach
from grukit.estimators._exclusions import check_parameters
from grukit.estimators._folds import fit_counting
from grukit.estimators._predicting import network_outputs
from grukit.estimators._start import begin, go_on
from grukit.estimators._table_parameters import TableParameters
from grukit.estimators._training import train
from grukit.estimators._validation import NOTHING_GIVEN, Validation, choose_folds, hold_out
from grukit.estimators._weight import weighted_on
from grukit.estimators._weights import check_representable, read_weights
from grukit.estimators.attributes import FittedEstimator
from grukit.estimators.fitted import FittedState, fitted_state
from grukit.estimators.inputs import InputForm, Work, check_context, read_X
from grukit.estimators.targets import Objective, Targets, check_same_kind


@with_parameters
class RecurrentEstimator(FitsEach, FittedEstimator, TableParameters, BaseEstimator, metaclass=ABCMeta):
    """Base of the estimators. A subclass says what targets and outputs mean."""

    # Parameters that say what "auto" chooses; training goes on only with the same.
    _chosen_by: ClassVar[tuple[str, ...]]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        resume: bool = False,
    ) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : DataFrame or array of shape (n, n_features), array (n_sequences, n_steps, n_features), or list of 2-D tables
            A table, rows in time order; the last level of a MultiIndex is the time, the levels before it name the series
            of a panel. Or sequences. With ``window=None``, each row of a table is a univariate sequence.
        y : Series, DataFrame or array, of shape (n,) or (n, n_outputs)
            A regressor's targets, or a classifier's labels: one a row of the table, or a sequence. Labels are strings,
            numbers, booleans, or anything that can be sorted; zeros and ones of shape (n, n_labels) are several labels a
            sample. For sequences also a target or label at every step: an array (n_sequences, n_steps, n_outputs) or a list
            of arrays of shape (n_steps,) or (n_steps, n_outputs), and for labels an array (n_sequences, n_steps) where all
            have as many steps (so give zeros and ones of several labels a sequence as a DataFrame where there are as many
            labels as steps). With ``missing`` "mask" or "decay", a target that is NaN is left out of the loss.
        sample_weight : array of shape (n,), default=None
            Weights, not negative. A row of weight zero is no target but remains in the history of others.
        X_val, y_val, sample_weight_val : as X, y and sample_weight, default=None
            Samples to watch for early stopping; none of X is held out then. A table that goes on where X ended sees its end
            as history.
        resume : bool, default=False
            Go on at the file that the parameter ``checkpoint`` names, where an earlier call with the same data and parameters
            was ended, to the bits that it would have come to. Where there is no such file yet, training begins.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input, naming the parameter, column, row or timestamp; of a classifier, where there is one class only.
        RuntimeError
            For ``device="cuda"`` without a GPU, its package or enough of its memory.
        """
        first = not (self.warm_start and self.__sklearn_is_fitted__())
        return self._fit(X, y, sample_weight, first, given=Validation(X_val, y_val, sample_weight_val), resume=resume)

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

    @abstractmethod
    def _choose_linear(
        self, inputs: InputForm, targets: Targets, training: Samples, everything: Samples, levels: Scaler, partial: bool
    ) -> FittedLinear | None:
        """The linear part, or none; of a part of the data, as partial_fit has, none is chosen by itself."""

    def _fit_one_epoch(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        """What ``partial_fit`` does."""
        if self.solver == "lbfgs":
            raise ValueError(
                "partial_fit needs a solver that trains in batches; solver='lbfgs' uses all samples at once."
            )
        first = not self.__sklearn_is_fitted__()
        # An average that begins anew with every epoch would be a brake.
        return self._fit(X, y, sample_weight, first, classes, max_iter=1, learning_rate="constant", averaging=0.0)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        first: bool,
        classes: Any = None,
        given: Validation = NOTHING_GIVEN,
        resume: bool = False,
        **overrides: Any,
    ) -> Self:
        """Train; ``first`` starts anew, ``overrides`` replace training options. A failed fit changes nothing."""
        self._check_fit(y, given, resume)
        before, partial = None if first else fitted_state(self), bool(overrides)
        form = InputForm(type(self).__name__, self.window, self.missing) if before is None else before.inputs
        tail = before.tail if before is not None and partial else None
        work = read_X(X, form, tail, "auto" if before is not None and partial else None)
        targets = self._read_y(y, work, before, classes)
        samples = self._samples(work, targets, sample_weight)
        held_out = None if partial or given.X is not None else hold_out(self, samples, targets)
        folds = choose_folds(self, samples, held_out, work) if before is None else []
        training, validation = select_samples(
            samples, None if folds else held_out, work.form.window, work.table, fold=self.shuffle
        )
        with single_threaded_blas():  # for the linear part and L-BFGS
            if folds:
                refuse_checkpoint(self, resume)
                state = fit_counting(self, work.form, targets, training, folds)
            else:
                if before is None:
                    everything = training if validation is None else samples.weighted()
                    state, left = begin(self, work.form, targets, training, everything, partial)
                else:
                    state, left = go_on(self, before, targets, training)
                if given.X is not None:
                    validation = self._given_validation(given, work, state)
                watched = None if validation is None else state.left(validation)
                # One epoch, as partial_fit takes, has none.
                checkpoint = None if overrides else open_checkpoint(self, state, left, watched, resume)
                state, progress = train(self, state, left, watched, **overrides, **checkpoint_options(checkpoint, 0))
                if before is None and validation is not None and watched is not None:
                    alone = checkpoint_options(checkpoint, 1)
                    state = or_alone(self, state, progress, targets, training, validation, alone)
                    state = weighted_on(self, state, watched)
        self._fitted = self._with_tail(state, work, tail)
        return self

    def _check_fit(self, y: Any, given: Validation, resume: bool) -> None:
        """Raise for what is wrong before any data is read."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        check_parameters(self)
        check_resume(self, resume)
        given.check(self.early_stopping)
        select_engine(self.device)  # says what is missing before any work

    def _with_tail(self, state: FittedState, work: Work, before: Tail | None) -> FittedState:
        """The state with the end of a table, which may be the history of the next."""
        if work.table is None or work.form.window is None:
            return state
        return replace(state, tail=tail_of(work.table, work.form.window, work.context, before))

    def _given_validation(self, given: Validation, work: Work, state: FittedState) -> Samples:
        """Validation samples that the user gave; a table that goes on where that of training ended sees its end."""
        tail = None
        if work.table is not None and work.form.window is not None:
            tail = tail_of(work.table, work.form.window, work.context)
        own = read_X(given.X, work.form, tail, "auto")
        targets = self._read_y(given.y, own, state, None)
        check_same_kind(targets, state.outputs)
        samples = self._samples(own, targets, given.sample_weight).weighted()
        if len(samples.sequences) == 0:
            raise ValueError("No sample of X_val has a target and a positive weight.")
        return samples.distinct  # blocks of those that stand alone judge, whose order must not

    def _samples(self, work: Work, targets: Targets, sample_weight: Any) -> Samples:
        """All samples with their targets and weights, in the order of the table or list."""
        weights = read_weights(sample_weight, work.X, work.sequences)
        weights, step_weights = self._weigh(targets, weights, work)
        check_representable(weights, self.dtype)
        values = targets.values
        if work.table is not None:
            values, weights = work.table.from_user_order(values), work.table.from_user_order(weights)
        return Samples(work.sequences, values, weights, targets.outputs.per_step, step_weights)

    def _work(self, X: Any, context: Any) -> Work:
        """X read for a prediction."""
        state = fitted_state(self)
        work = read_X(X, state.inputs, state.tail, context)
        if not (context is None or isinstance(context, str)) and state.training.standardize:
            check_context(work, state.levels)
        return work

    def _outputs(self, work: Work) -> np.ndarray:
        """Predictions on the targets' own scale, or probabilities, in the order of the user's rows."""
        return work.to_user_order(self._fitted.predictions(self._network_outputs(work), work.sequences))

    def _answers(self, work: Work) -> np.ndarray:
        """What ``predict`` gives, in the order of the user's rows."""
        return self._outputs(work)

    def _network_outputs(self, work: Work) -> np.ndarray:
        """What the network gives for every sample, or step, in the order of ``work``, in its type."""
        return network_outputs(self, self._fitted, work.sequences)

    def __sklearn_tags__(self) -> Tags:
        """Tags: 3-D input, NaN where missing values are no error."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing != "error"
        return tags
