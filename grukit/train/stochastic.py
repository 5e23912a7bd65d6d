"""Training by mini-batches."""

import time
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from grukit.train.options import TrainingOptions
from grukit.train.problem import Problem
from grukit.train.progress import Progress
from grukit.train.schedules import rates_of_epoch

SOLVERS = {"sgd": 0, "adam": 1, "adamw": 2, "rmsprop": 3}
SPAN_SECONDS = 0.25  # a compiled call lasts about this long at most, so that Ctrl-C is heard
MAX_FAILURES = 3  # steps in a row that were not finite before training gives up
ADAPTIVE_FACTOR, ADAPTIVE_END = 0.2, 1e-6  # scikit-learn's "adaptive": divide by 5, stop below 1e-6


class _Diverged(Exception):
    """Too many steps in a row were not finite."""


class _Stepper:
    """An optimiser's state and the loop over the batches of an epoch."""

    def __init__(
        self, problem: Problem, parameters: np.ndarray, options: TrainingOptions, state: dict[str, np.ndarray]
    ):
        self.problem, self.options = problem, options
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
        self.rate_scale = 1.0  # reduced by a plateau or by a step that was not finite
        self.failures = 0
        self._span = 1

    def epoch(self, number: int, order: np.ndarray, rates: np.ndarray) -> tuple[float, float]:
        """Train on every batch once; returns the mean loss and the mean gradient norm of the batches."""
        n_batches = len(rates)
        batches = self.problem.kernels.Batches(
            order=order,
            size=self.options.batch_size,
            rates=rates,
            records=np.zeros((n_batches, 3)),
            done=np.zeros(1, dtype=np.int64),
        )
        while batches.done[0] < n_batches:
            first = batches.done[0]
            stop_at = min(n_batches, first + self._span)
            began = time.perf_counter()
            self.problem.team.run(
                self.problem.kernels.train_batches,
                stop_at,
                self.problem.network,
                self.problem.samples,
                batches,
                self.problem.loss,
                self.optimizer,
                self.problem.storage,
            )
            if batches.done[0] > first:
                self.failures = 0
            if batches.done[0] < stop_at:
                self._undo(number, batches)
            elif 2 * (time.perf_counter() - began) < SPAN_SECONDS:
                self._span = min(2 * self._span, n_batches)
        loss, weight, norm = batches.records.sum(axis=0)
        return float(loss / weight), float(norm / n_batches)

    def _undo(self, number: int, batches: Any) -> None:
        """Take back the step that led to a loss or gradient that is not finite, and halve the learning rate."""
        self.optimizer.parameters[:] = self.optimizer.previous
        self.failures += 1
        self.rate_scale /= 2
        batches.rates[batches.done[0] :] /= 2
        warnings.warn(
            f"The loss or its gradient was not finite in epoch {number}, batch {batches.done[0] + 1}. The step before it "
            f"was undone and the learning rate halved to {batches.rates[batches.done[0]]:.3g}.",
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
        Trained in place. With validation samples the best of all epochs are left there, otherwise the last, or the best
        if training was interrupted or diverged.
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
    """
    stepper = _Stepper(problem, parameters, options, state)
    progress = Progress(options)
    keep_best = problem.validation is not None
    try:
        for epoch in range(options.max_iter):
            _run_epoch(stepper, progress, epoch, random_state)
            if progress.stop_reason:
                break
        else:
            progress.stop_reason = f"All {options.max_iter} epochs were run."
    except (KeyboardInterrupt, _Diverged) as end:
        what = "was interrupted" if isinstance(end, KeyboardInterrupt) else "diverged"
        kept = f"the best weights so far, of epoch {progress.best_iter}," if progress.records else "the current weights"
        progress.stop_reason = (
            f"Training {what} in epoch {options.n_before + len(progress.records) + 1}; {kept} are kept."
        )
        warnings.warn(progress.stop_reason, ConvergenceWarning, stacklevel=2)
        keep_best = True
    finally:
        progress.close()
    if keep_best and progress.best_parameters is not None:
        parameters[:] = progress.best_parameters
    return progress


def _run_epoch(stepper: _Stepper, progress: Progress, epoch: int, random_state: np.random.RandomState) -> None:
    options, problem = stepper.options, stepper.problem
    n_samples = len(problem.samples.starts)
    n_batches = -(-n_samples // options.batch_size)
    order = random_state.permutation(n_samples) if options.shuffle else np.arange(n_samples)
    rates = rates_of_epoch(
        options.learning_rate, options.learning_rate_init * stepper.rate_scale, epoch, options.max_iter, n_batches
    )
    loss, norm = stepper.epoch(options.n_before + epoch + 1, order, rates)
    parameters = stepper.optimizer.parameters
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
