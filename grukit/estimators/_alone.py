"""The network alone: no linear part, no differences. Tried beside the network that begins at a linear part, judged alike."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import Samples, in_blocks, left_by
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._start import begin
from grukit.estimators._training import loss_of, steps_of_epoch, train
from grukit.estimators.fitted import FittedState
from grukit.estimators.inputs import InputForm
from grukit.estimators.targets import Targets
from grukit.train import Progress

if TYPE_CHECKING:
    from grukit.estimators._base import RecurrentEstimator

OPEN = ("anchor", "linear_lags", "alpha", "learning_rate_init")  # parameters that must be "auto"
# Steps of both trainings together, where max_iter epochs are fewer: a network alone took 8,000 to 16,000 to learn what a
# linear part knows at once.
FEW_STEPS = 40_000
# Of the linear part's loss: where the network finds less beside it, there is nothing that it could find alone.
WORTH = 0.97
N_BLOCKS = 4  # in time, in each of which the network alone must do better


def may_be_alone(model: SharedParameters, state: FittedState, best: float, start: float) -> bool:
    """Whether the network alone is worth a trial: nothing was asked for, no column drifts, and training found something.

    Parameters
    ----------
    model : SharedParameters
        The parameters.
    state : FittedState
        Of the training that began at the linear part.
    best, start : float
        Losses of the best epoch, and of the linear part.
    """
    choices, asked = state.choices, [getattr(model, name, None) for name in OPEN]
    is_open = all(isinstance(each, str) and each == "auto" for each in asked)
    return is_open and choices.linear is not None and choices.differenced is None and best <= WORTH * start


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
    """The state, or that of the network alone where its loss is the lower one in every block of the validation samples.

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
        With the ratio of both losses in the worst of the blocks, where the network alone was tried.
    """
    n_epochs = epochs_left(model, len(training.sequences), len(state.training.records))
    worth = may_be_alone(model, state, progress.best_loss, progress.start_loss)
    if progress.interrupted or progress.called_off or n_epochs < 1 or not worth:
        return state
    start, samples = begin_alone(model, state.inputs, targets, training)
    tried, _ = train(model, start, samples, validation, max_iter=n_epochs, **options)
    watched, scale = left_by(state.choices.linear, validation), start.y_scaler.scale
    losses = [
        (loss_of(model, tried, plain), loss_at_scale(model, state, left, scale))
        for plain, left in zip(in_blocks(validation, N_BLOCKS), in_blocks(watched, N_BLOCKS), strict=True)
    ]
    share = worst_share(*np.transpose(losses))
    chosen = tried if share < 1 else state
    return replace(chosen, choices=replace(chosen.choices, alone=share))


def worst_share(alone: np.ndarray, beside: np.ndarray) -> float:
    """The largest ratio of losses (n_blocks,) of the network alone and of the other; infinite where one is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = alone / beside
    return float(np.where(np.isnan(shares), np.inf, shares).max())


def epochs_left(model: SharedParameters, n_samples: int, used: int) -> int:
    """Epochs that the network alone may train for, after so many of the other."""
    in_all = max(model.max_iter, FEW_STEPS // steps_of_epoch(model, n_samples))
    return min(model.max_iter, in_all - used)
