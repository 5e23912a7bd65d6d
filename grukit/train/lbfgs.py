"""Training by L-BFGS on all samples at once."""

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from grukit.train.interrupts import interrupted_again
from grukit.train.options import TrainingOptions
from grukit.train.problem import Problem
from grukit.train.progress import Progress

FTOL = 64 * np.finfo(float).eps  # scikit-learn's: the tolerance that counts is that on the gradient


class _Objective:
    """Penalised loss and gradient of the flat vector, float64 for scipy whatever the network's type."""

    def __init__(self, problem: Problem, parameters: np.ndarray, alpha: float):
        self.problem, self.parameters = problem, parameters
        self.penalty = alpha / problem.total_weight * problem.spec.penalized(np.float64)
        self.gradient_norm = np.nan

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        self.parameters[:] = flat
        loss, gradient = self.problem.loss_and_gradient(self.parameters)
        total = gradient + self.penalty * flat
        self.gradient_norm = float(np.linalg.norm(total))
        return loss + 0.5 * float(self.penalty @ (flat * flat)), total


def fit_lbfgs(problem: Problem, parameters: np.ndarray, options: TrainingOptions) -> Progress:
    """Train by ``scipy.optimize.minimize(method="L-BFGS-B")``; an iteration counts as an epoch.

    Parameters
    ----------
    problem : Problem
        Entered.
    parameters : ndarray of shape (n_parameters,)
        Trained in place. With validation samples the best of all iterations are left there.
    options : TrainingOptions
        ``max_iter``, ``max_fun``, ``tol`` (on the gradient's largest entry), ``alpha``; with validation samples also
        ``n_iter_no_change``.

    Returns
    -------
    Progress
        The record; its loss includes the penalty, its learning rate is NaN.

    Warns
    -----
    ConvergenceWarning
        When training is interrupted, or the loss of the initial weights is not finite.
    """
    objective = _Objective(problem, parameters, options.alpha)
    progress = Progress(options)
    if options.count_start and problem.validation is not None:
        progress.begin(parameters, problem.validation_loss(parameters))

    def record(intermediate_result: Any) -> None:
        parameters[:] = intermediate_result.x
        validation = None if problem.validation is None else problem.validation_loss(parameters)
        progress.record(parameters, float(intermediate_result.fun), validation, objective.gradient_norm, np.nan)
        if validation is not None and progress.out_of_patience and not progress.stop_reason:
            progress.stop_reason = f"No improvement of the validation loss in {options.n_iter_no_change} iterations."
        if progress.stop_reason:
            raise StopIteration

    start = parameters.copy()
    limits = {"maxiter": options.max_iter, "maxfun": options.max_fun, "gtol": options.tol, "ftol": FTOL}
    try:
        result = minimize(
            objective, start.astype(np.float64), jac=True, method="L-BFGS-B", options=limits, callback=record
        )
        final = result.x
        progress.stop_reason = progress.stop_reason or f"L-BFGS: {result.message}."
    except KeyboardInterrupt:
        if interrupted_again():
            raise
        final, progress.interrupted = None, True
        progress.stop_reason = f"Training was interrupted; the weights of iteration {progress.best_iter} are kept."
        warnings.warn(progress.stop_reason, ConvergenceWarning, stacklevel=2)
    finally:
        progress.close()
    if final is not None and problem.validation is None and np.isfinite(final).all():
        parameters[:] = final
    else:
        if final is not None and not np.isfinite(final).all():
            warnings.warn(
                "L-BFGS reached weights that are not finite; the best are kept.", ConvergenceWarning, stacklevel=2
            )
        parameters[:] = start
        progress.keep_best(parameters)
    if not progress.records:  # no step was possible: the record then holds the weights as they are
        loss, _ = objective(parameters.astype(np.float64))
        validation = None if problem.validation is None else problem.validation_loss(parameters)
        progress.record(parameters, loss, validation, objective.gradient_norm, np.nan)
        if not np.isfinite(loss):
            warnings.warn("The loss of the initial weights is not finite.", ConvergenceWarning, stacklevel=2)
    return progress
