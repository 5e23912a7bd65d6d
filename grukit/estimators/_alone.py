"""The network alone: no linear part, no differences. Tried beside the network that begins at a linear part, judged alike."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from grukit.data import Samples, in_blocks
from grukit.estimators._choices import MUCH_BETTER
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._start import begin
from grukit.estimators._training import loss_of, steps_of_epoch, train
from grukit.estimators.fitted import FittedState
from grukit.estimators.inputs import InputForm
from grukit.estimators.targets import Targets
from grukit.train import Progress, interrupted_again

if TYPE_CHECKING:
    from grukit.estimators._base import RecurrentEstimator

# Steps of both trainings together, where max_iter epochs are fewer: a network alone took 8,000 to 16,000 to learn what a
# linear part knows at once.
FEW_STEPS = 40_000
N_BLOCKS = 4  # in time
KEPT = "the network beside a linear part"


def may_be_alone(model: "RecurrentEstimator", state: FittedState) -> bool:
    """Whether the choice is open: nothing was asked for, there is a linear part that knows something, and no column drifts.

    Parameters
    ----------
    model : RecurrentEstimator
        The parameters.
    state : FittedState
        Of the training that began at the linear part.
    """
    if not _is_open(model, state):
        return False
    # It reads levels, and has not seen where a column that drifts goes. Of 14 tasks on which it was taken, parts of real and
    # generated series, 5 with such a column had 0.94 to 4.1 times the error of the linear part, 1.5 in the mean; the others
    # 0.97.
    if isinstance(model.difference, str) and state.choices.differenced is not None:
        return False
    # A classifier's linear part that is an intercept is what the network alone begins with, too.
    return not knows_nothing(model, state)


def knows_nothing(model: "RecurrentEstimator", state: FittedState) -> bool:
    """Whether the linear part of a classifier is an intercept by choice, so that the network beside it is as good as alone."""
    return state.classes is not None and _is_open(model, state) and not np.isfinite(state.choices.alpha).any()


def _is_open(model: "RecurrentEstimator", state: FittedState) -> bool:
    """Whether there is a linear part by itself, nothing was asked for."""
    asked = [getattr(model, name) for name in model._open_to_alone]
    return all(isinstance(each, str) and each == "auto" for each in asked) and state.choices.linear is not None


def begin_beside(
    model: "RecurrentEstimator", inputs: InputForm, targets: Targets, training: Samples
) -> tuple[FittedState, Samples]:
    """What a network beside a linear part begins with, where nothing is held out."""
    return begin(model, inputs, targets, training, training, partial=False)


def begin_alone(
    model: "RecurrentEstimator", inputs: InputForm, targets: Targets, training: Samples
) -> tuple[FittedState, Samples]:
    """What the network alone begins with."""
    state, samples = begin(model, inputs, targets, training, training, partial=True)
    return replace(state, choices=replace(state.choices, alone=0.0)), samples


def loss_at_scale(model: SharedParameters, state: FittedState, judged: Samples, scale: np.ndarray) -> float:
    """Loss of a network with a linear part, on the scale (K,) of the network alone.

    Parameters
    ----------
    model : SharedParameters
        Says where to compute.
    state : FittedState
        Network and linear part.
    judged : Samples
        With what the linear part leaves of their targets.
    scale : ndarray of shape (K,)
        Units of the outputs.
    """
    parameters, ratio = state.parameters.copy(), state.y_scaler.scale / np.where(scale == 0, 1.0, scale)
    views = state.spec.views(parameters)
    views["head.weight"][...] *= ratio[:, None]
    views["head.bias"][...] *= ratio
    return loss_of(model, replace(state, parameters=parameters, y_scaler=replace(state.y_scaler, scale=scale)), judged)


def or_alone(
    model: "RecurrentEstimator",
    state: FittedState,
    progress: Progress,
    targets: Targets,
    training: Samples,
    validation: Samples,
    options: dict[str, Any],
) -> FittedState:
    """The state, or that of the network alone where it is much better on the validation samples, in the same units.

    Parameters
    ----------
    model : RecurrentEstimator
        With its parameters.
    state : FittedState
        Of the training that began at the linear part.
    progress : Progress
        How that went.
    targets : Targets
        What was read of y.
    training, validation : Samples
        With the targets as they are.
    options : dict of str to object
        Training options.

    Returns
    -------
    FittedState
        With the share of :func:`share_of`, where the network alone was tried.
    """
    n_epochs = epochs_left(model, len(training.sequences), len(state.training.records))
    if progress.interrupted or progress.called_off or n_epochs < 1 or not may_be_alone(model, state):
        return state
    try:
        start, samples = begin_alone(model, state.inputs, targets, training)
        tried, trial = train(model, start, samples, validation, max_iter=n_epochs, **options)
        share = _share_on(model, tried, state, start.y_scaler.scale, validation)
    except KeyboardInterrupt:  # before or after its epochs
        if interrupted_again():
            raise
        return without_trial(state, KEPT)
    chosen = tried if share < MUCH_BETTER else without_trial(state, KEPT) if trial.interrupted else state
    return replace(chosen, choices=replace(chosen.choices, alone=share))


def without_trial(state: FittedState, kept: str) -> FittedState:
    """The state of the first training, where Ctrl-C ended the trial of the network alone; says so, and what is ``kept``."""
    reason = f"Training was interrupted while the network alone was tried; {kept} is kept."
    warnings.warn(reason, ConvergenceWarning, stacklevel=2)
    return replace(state, training=replace(state.training, stop_reason=reason))


def _share_on(
    model: SharedParameters, tried: FittedState, beside: FittedState, scale: np.ndarray, validation: Samples
) -> float:
    """The share of :func:`share_of` on blocks of validation samples with the targets as they are."""
    watched = beside.left(validation)
    losses = [
        (loss_of(model, tried, plain), loss_at_scale(model, beside, left, scale))
        for plain, left in zip(in_blocks(validation, N_BLOCKS), in_blocks(watched, N_BLOCKS), strict=True)
    ]
    return share_of(*np.transpose(losses))


def share_of(alone: np.ndarray, beside: np.ndarray) -> float:
    """Loss of the network alone as a share of the other's: of both means, and of the worst block, half each.

    Of 43 generated series and parts of series, 2 seeds each, errors were 0.88 times those beside the linear part where the
    network alone was taken below 0.95, at most 1.39 times; where it was taken by the means alone, as much, at most 2.09 times.

    Parameters
    ----------
    alone, beside : ndarray of shape (n,)
        Losses on blocks in time; ``alone`` may have fewer, the share is then the least that it may be.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # of blocks without an error
        share = alone.sum() / beside.sum() + np.max(alone / beside[: len(alone)])
    return float("inf") if np.isnan(share) else float(share / 2)


def epochs_left(model: SharedParameters, n_samples: int, used: int) -> int:
    """Epochs that the network alone may train for, after so many of the other."""
    in_all = max(model.max_iter, FEW_STEPS // steps_of_epoch(model, n_samples))
    return min(model.max_iter, in_all - used)
