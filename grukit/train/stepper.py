"""The loop over the batches of an epoch: an optimiser's steps, and steps that are undone."""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from grukit.train.options import TrainingOptions
from grukit.train.problem import Problem
from grukit.train.progress import Progress

SOLVERS = {"adam": 1, "adamw": 2, "sgd": 0, "rmsprop": 3}
SPAN_SECONDS = 0.25  # a compiled call lasts about this long at most, so that Ctrl-C is noticed
MAX_FAILURES = 3  # steps in a row that were not finite before training gives up


class Diverged(Exception):
    """Too many steps in a row were not finite."""


class Stepper:
    """An optimiser's state and the loop over the batches of an epoch.

    Parameters
    ----------
    problem : Problem
        Entered.
    parameters : ndarray of shape (n_parameters,)
        Trained in place.
    options : TrainingOptions
        How.
    state : dict
        The optimiser's moments; filled, and taken up where it is filled already.
    progress : Progress
        Whose last epoch is corrected where its last step is undone.
    """

    COUNTED = ("rate_scale", "failures", "any_failure", "finished_since")  # what goes on after an interruption
    MOMENTS = ("first_moment", "second_moment", "step")

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
        for name in self.MOMENTS[:2]:
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
            raise Diverged
