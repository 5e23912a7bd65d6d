"""Training by mini-batches."""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from grukit.train.interrupts import interrupted_again
from grukit.train.options import TrainingOptions
from grukit.train.points import STEPS, Point, take_up
from grukit.train.problem import Problem
from grukit.train.progress import Progress
from grukit.train.schedules import rates_of_epoch

SOLVERS = {"adam": 1, "adamw": 2, "sgd": 0, "rmsprop": 3}
SPAN_SECONDS = 0.25  # a compiled call lasts about this long at most, so that Ctrl-C is noticed
MAX_FAILURES = 3  # steps in a row that were not finite before training gives up
ADAPTIVE_FACTOR, ADAPTIVE_END = 0.2, 1e-6  # scikit-learn's "adaptive": divide by 5, stop below 1e-6


class _Diverged(Exception):
    """Too many steps in a row were not finite."""


class _Stepper:
    """An optimiser's state and the loop over the batches of an epoch."""

    def __init__(
        self,
        problem: Problem,
        parameters: np.ndarray,
        options: TrainingOptions,
        state: dict[str, np.ndarray],
        progress: Progress,
    ):
        self.problem, self.options, self.progress = problem, options, progress
        kernels = problem.kernels
        for name in ("first_moment", "second_moment"):
            state.setdefault(name, np.zeros_like(parameters))
        state.setdefault("step", np.zeros(1, dtype=np.int64))
        self.optimizer = kernels.Optimizer(
            solver=SOLVERS[options.solver],
            momentum=options.momentum,
            nesterov=options.nesterovs_momentum,
            beta_1=options.beta_1,
            beta_2=options.beta_2,
            epsilon=options.epsilon,
            alpha=options.alpha,
            clip_norm=np.inf if options.clip_norm is None else float(options.clip_norm),
            parameters=parameters,
            previous=parameters.copy(),
            penalized=problem.spec.penalized(parameters.dtype),
            **state,
        )
        problem.session.begin(self.optimizer)
        self.rate_scale = 1.0  # reduced by a plateau or by a step that was not finite
        self.failures = 0  # in a row
        self.any_failure = False
        self.finished_since = 0  # batches since the last failure
        self._span = 1

    def epoch(self, number: int, seed: int, order: np.ndarray, rates: np.ndarray) -> tuple[float, float]:
        """Train on every batch once; returns the mean loss and the mean gradient norm of the batches."""
        n_batches = len(rates)
        batches = self.problem.kernels.Batches(
            order=order,
            size=self.options.batch_size,
            rates=rates,
            records=np.zeros((n_batches, 3)),
            done=np.zeros(1, dtype=np.int64),
            update=True,
            seed=seed,
        )
        while batches.done[0] < n_batches:
            first = batches.done[0]
            stop_at = min(n_batches, first + self._span)
            began = time.perf_counter()
            self.problem.train(batches, stop_at)
            # The batch that is taken again after an undone step says nothing: only the one after it sees a new step.
            self.finished_since += int(batches.done[0] - first)
            if self.finished_since > 1:
                self.failures = 0
            if batches.done[0] < stop_at:
                if batches.done[0] == 0:
                    self.progress.take_back(self.optimizer.previous)
                self._undo(f"in epoch {number}, batch {batches.done[0] + 1}", batches.rates[batches.done[0] :])
            elif 2 * (time.perf_counter() - began) < SPAN_SECONDS:
                self._span = min(2 * self._span, n_batches)
        loss, weight, norm = batches.records.sum(axis=0)
        return float(loss / weight), float(norm / n_batches)

    def check_last_step(self, number: int) -> None:
        """Undo the last step of a fit where it led to a loss that is not finite; no later batch would show it."""
        if not np.isfinite(self.problem.probe_loss(self.optimizer.parameters, self.options.batch_size)):
            self.progress.take_back(self.optimizer.previous)
            self._undo(f"after epoch {number}", np.full(1, self.options.learning_rate_init * self.rate_scale))

    def _undo(self, where: str, rates: np.ndarray) -> None:
        """Take back the step that led to a loss or gradient that is not finite, and halve the learning rate."""
        self.problem.session.undo()
        self.any_failure = True
        self.failures += 1
        self.finished_since = 0
        self.rate_scale /= 2
        rates /= 2
        warnings.warn(
            f"The loss or its gradient was not finite {where}. The step before it was undone and the learning rate "
            f"halved to {rates[0]:.3g}.",
            ConvergenceWarning,
            stacklevel=2,
        )
        if self.failures >= MAX_FAILURES:
            raise _Diverged


def fit_stochastic(
    problem: Problem,
    parameters: np.ndarray,
    options: TrainingOptions,
    random_state: np.random.RandomState,
    state: dict[str, np.ndarray],
) -> Progress:
    """Train by mini-batches until ``max_iter``, a plateau, a callback, Ctrl-C or divergence ends it.

    Parameters
    ----------
    problem : Problem
        Entered.
    parameters : ndarray of shape (n_parameters,)
        Trained in place. With validation samples, or where a step was not finite or training was interrupted, the best of
        all epochs are left there, otherwise the last; where ``averaging`` is not 0, of their averages.
    options : TrainingOptions
        How.
    random_state : numpy.random.RandomState
        Shuffles the samples.
    state : dict
        The optimiser's moments; filled, and taken up where it is filled already.

    Returns
    -------
    Progress
        The record.

    Warns
    -----
    ConvergenceWarning
        For each step that was not finite, naming epoch and batch, and when training gives up or is interrupted.

    Raises
    ------
    KeyboardInterrupt
        At a second Ctrl-C within 2 seconds, in this fit or from the one before to this.
    """
    progress = Progress(options)
    stepper = _begin(problem, parameters, options, random_state, state, progress)
    try:
        for epoch in range(len(progress.records), options.max_iter):
            _run_epoch(stepper, progress, epoch, random_state)
            if progress.stop_reason:
                break
            if options.on_checkpoint is not None and (epoch + 1) % options.checkpoint_every == 0:
                options.on_checkpoint(_point(stepper, random_state, state))
        else:
            progress.stop_reason = f"All {options.max_iter} epochs were run."
        stepper.check_last_step(options.n_before + len(progress.records))
        ended_well = True
    except (KeyboardInterrupt, _Diverged) as end:
        if isinstance(end, KeyboardInterrupt) and interrupted_again():
            raise
        progress.interrupted = isinstance(end, KeyboardInterrupt)
        what = "was interrupted" if progress.interrupted else "diverged"
        kept = f"the best weights so far, of epoch {progress.best_iter}," if progress.records else "the current weights"
        epoch = options.n_before + len(progress.records) + 1
        progress.stop_reason = f"Training {what} in epoch {epoch}; {kept} are kept."
        warnings.warn(progress.stop_reason, ConvergenceWarning, stacklevel=2)
        ended_well = False
    finally:
        problem.session.end()
        progress.close()
    if not progress.records:  # not one epoch was finished: the record then holds the weights as they are
        validation = None if problem.validation is None else problem.validation_loss(parameters)
        rate = options.learning_rate_init * stepper.rate_scale
        progress.record(parameters, problem.probe_loss(parameters, options.batch_size), validation, np.nan, rate)
    if not ended_well or stepper.any_failure or problem.validation is not None:
        progress.keep_best(parameters)
    elif progress.average is not None:
        parameters[:] = progress.average
    return progress


def _begin(
    problem: Problem,
    parameters: np.ndarray,
    options: TrainingOptions,
    random_state: np.random.RandomState,
    state: dict[str, np.ndarray],
    progress: Progress,
) -> _Stepper:
    """A stepper at the initial parameters, or where an earlier process was."""
    begun = options.begun
    if begun is not None:
        take_up(begun, parameters, random_state, state, progress)
    elif options.count_start:
        progress.averaged(parameters)
        if problem.validation is not None:
            progress.begin(parameters, problem.validation_loss(parameters))
    stepper = _Stepper(problem, parameters, options, state, progress)
    if begun is not None:
        stepper.optimizer.previous[:] = begun.previous
        for name in STEPS:
            setattr(stepper, name, begun.steps[name])
    return stepper


def _point(stepper: _Stepper, random_state: np.random.RandomState, state: dict[str, np.ndarray]) -> Point:
    """Where training is."""
    stepper.problem.session.end()  # from here on the moments are current
    stepper.problem.session.begin(stepper.optimizer)
    progress = stepper.progress
    return Point(
        stepper.optimizer.parameters,
        stepper.optimizer.previous,
        state,
        random_state,
        {name: getattr(stepper, name) for name in STEPS},
        {name: getattr(progress, name) for name in Progress.COUNTED},
        tuple(progress.records),
        progress.best_parameters,
        progress.average,
        progress.average_before,
    )


def _run_epoch(stepper: _Stepper, progress: Progress, epoch: int, random_state: np.random.RandomState) -> None:
    options, problem = stepper.options, stepper.problem
    n_samples = len(problem.samples.starts)
    n_batches = -(-n_samples // options.batch_size)
    order = random_state.permutation(n_samples) if options.shuffle else np.arange(n_samples)
    rates = rates_of_epoch(
        options.learning_rate, options.learning_rate_init * stepper.rate_scale, epoch, options.max_iter, n_batches
    )
    seed = int(random_state.randint(2**31)) if problem.spec.has_dropout else 0
    loss, norm = stepper.epoch(options.n_before + epoch + 1, seed, order, rates)
    parameters = progress.averaged(stepper.optimizer.parameters)
    validation = None if problem.validation is None else problem.validation_loss(parameters)
    progress.record(parameters, loss, validation, norm, float(rates[-1]))
    if progress.stop_reason or not progress.out_of_patience:
        return
    if options.learning_rate == "adaptive" and rates[-1] * ADAPTIVE_FACTOR >= ADAPTIVE_END:
        stepper.rate_scale *= ADAPTIVE_FACTOR
        progress.n_waiting = 0
    else:
        progress.stop_reason = (
            f"No improvement of at least tol={options.tol:g} in the last {options.n_iter_no_change} epochs."
        )
