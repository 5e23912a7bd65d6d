"""Training by mini-batches."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from grukit.train.interrupts import interrupted_again
from grukit.train.options import TrainingOptions
from grukit.train.problem import Problem
from grukit.train.progress import Progress
from grukit.train.schedules import rates_of_epoch
from grukit.train.snapshots import Snapshot, restore
from grukit.train.stepper import Diverged, Stepper

ADAPTIVE_FACTOR, ADAPTIVE_END = 0.2, 1e-6  # scikit-learn's "adaptive": divide by 5, stop below 1e-6


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
                options.on_checkpoint(_snapshot(stepper, random_state, state))
        else:
            progress.stop_reason = f"All {options.max_iter} epochs were run."
        stepper.check_last_step(options.n_before + len(progress.records))
        ended_well = True
    except (KeyboardInterrupt, Diverged) as end:
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
) -> Stepper:
    """A stepper at the initial parameters, or where an earlier process was."""
    begun = options.begun
    if begun is not None:
        restore(begun, parameters, random_state, state, progress)
    elif options.count_start:
        progress.averaged(parameters)
        if problem.validation is not None:
            progress.begin(parameters, problem.validation_loss(parameters))
    stepper = Stepper(problem, parameters, options, state, progress)
    if begun is not None:
        stepper.optimizer.previous[:] = begun.previous
        for name in Stepper.COUNTED:
            setattr(stepper, name, begun.steps[name])
    return stepper


def _snapshot(stepper: Stepper, random_state: np.random.RandomState, state: dict[str, np.ndarray]) -> Snapshot:
    """Where training is."""
    stepper.problem.session.end()  # from here on the moments are current
    stepper.problem.session.begin(stepper.optimizer)
    progress = stepper.progress
    return Snapshot(
        stepper.optimizer.parameters,
        stepper.optimizer.previous,
        state,
        random_state,
        {name: getattr(stepper, name) for name in Stepper.COUNTED},
        {name: getattr(progress, name) for name in Progress.COUNTED},
        tuple(progress.records),
        progress.best_parameters,
        progress.average,
        progress.average_before,
    )


def _run_epoch(stepper: Stepper, progress: Progress, epoch: int, random_state: np.random.RandomState) -> None:
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
