"""The network of a forecaster is trained: beside the linear part, and alone where that promises more."""

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grukit.data import ALL_ALIKE, Horizons, Rows, Samples
from grukit.estimators._alone import KEPT, share_of, without_trial
from grukit.estimators._checkpoints import checkpoint_options, open_checkpoint
from grukit.estimators._choices import MUCH_BETTER
from grukit.estimators._forecast import ForecastState
from grukit.estimators._forecast_split import Origins
from grukit.estimators._forecast_weight import in_time
from grukit.estimators._training import train
from grukit.train import Progress, interrupted_again

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster

# Of the loss at the linear part: where the network beside it comes below, there is much that no linear map knows.
PROMISING = 0.5
# Origins that train, at least. Of 290 forecasts of real and generated series, it was taken for ten of those with 1200 rows and
# more, with 0.1 to 0.8 times the error, and for one of fewer, of 96 months, with 1.6 times the error.
ENOUGH = 400
# How the network alone is trained, for all of ``max_iter`` epochs: from so many times the learning rate down along a cosine.
# Of five parts of chaotic series, 6 and 24 ahead, its errors were 0.3 times those of gradient boosting, where those beside the
# linear part were 1.1 times; at a constant rate 0.5 times. Of four parts, errors of two were 2.3 and 1.5 times as large where
# 30 epochs without improvement ended training: the best epochs come when the rate has fallen.
RATE = 2.5


class Task(NamedTuple):
    """What a network is trained on."""

    rows: Rows
    values: np.ndarray  # that windows are cut from
    origins: Origins
    unseen: np.ndarray  # (S,), series that training sees nothing of

    def samples(self, state: ForecastState) -> tuple[Samples, Samples | None]:
        """Windows that train, and that are watched, with what the linear part leaves of the values ahead of them."""
        training, watched = (self._of(state, ends) for ends in (self.origins.training, self.origins.watched))
        return training, watched if len(self.origins.watched) else None

    def _of(self, state: ForecastState, ends: np.ndarray) -> Samples:
        scale, dtype = float(state.y_scaler.scale[0]), state.parameters.dtype.name
        targets = Horizons(self.rows, ends, state.layout, state.linear, scale, dtype)
        return Samples(
            state.linear.windows(self.rows, self.values, ends), targets, np.ones(len(ends)), False, ALL_ALIKE
        )

    def losses(self, model: "GRUForecaster", state: ForecastState) -> np.ndarray:
        """Mean losses (n,) in blocks of what is watched, which no linear part was fitted to."""
        state = replace(state, final=state.linear)
        blocks = in_time(model, state, self.rows, self.origins.watched, self.unseen)
        return np.array([block.losses(state.training.objective, 1.0)[-1] for block in blocks])


def alone_of(model: "GRUForecaster") -> "GRUForecaster":
    """The same forecaster without a linear part, which reads levels."""
    other = copy(model)
    other.set_params(normalize=None, linear_lags=0)
    return other


def train_network(
    model: "GRUForecaster",
    begin: Callable[["GRUForecaster"], ForecastState],
    task: Task,
    resume: bool,
    alone: bool | None,
) -> tuple[ForecastState, bool]:
    """The state after training, and whether that was interrupted.

    Parameters
    ----------
    model : GRUForecaster
    begin : callable
        Gives the state that training of a model begins with.
    task : Task
    resume : bool
        Whether to go on at the checkpoint.
    alone : bool or None
        Whether the network is trained alone. None: it is tried beside the linear part, and then alone if that promises more.
    """
    state = begin(alone_of(model) if alone else model)
    training, validation = task.samples(state)
    checkpoint = open_checkpoint(model, state, training, validation, resume)
    options = _options(model) if alone else {}
    trained: Any  # train gives back the kind that it is given
    tried: Any
    trained, progress = train(model, state, training, validation, **options, **checkpoint_options(checkpoint, 0))
    if alone:
        return replace(trained, choices=replace(trained.choices, alone=0.0)), progress.interrupted
    many = len(task.origins.training) >= ENOUGH
    if alone is not None or not many or not _promises(model, trained, progress):
        return trained, progress.interrupted
    try:
        start = replace(begin(alone_of(model)), asked=trained.asked)
        training, validation = task.samples(start)
        tried, trial = train(model, start, training, validation, **_options(model), **checkpoint_options(checkpoint, 1))
        share = share_of(task.losses(model, tried), task.losses(model, trained))
    except KeyboardInterrupt:  # before or after its epochs
        if interrupted_again():
            raise
        trained = without_trial(trained, KEPT)
        return trained, True
    if trial.interrupted:
        trained = without_trial(trained, KEPT)
        return trained, True
    chosen = tried if share < MUCH_BETTER else trained
    return replace(chosen, choices=replace(chosen.choices, alone=share)), False


def _options(model: "GRUForecaster") -> dict[str, Any]:
    """Training options of the network alone."""
    schedule = {"learning_rate": "cosine", "learning_rate_init": RATE * model.learning_rate_init}
    return {**schedule, "n_iter_no_change": max(model.max_iter, model.n_iter_no_change)}


def _promises(model: "GRUForecaster", state: ForecastState, progress: Progress) -> bool:
    """Whether the network alone is tried: nothing else was asked for, and much was found beside the linear part."""
    asked = (model.normalize, model.linear_lags, model.solver, model.learning_rate)
    if asked != ("auto", "auto", "adam", "constant") or state.quantiles or not state.linear.maps:
        return False
    watched = not progress.interrupted and not progress.called_off and np.isfinite(progress.start_loss)
    return bool(watched and progress.best_loss < PROMISING * progress.start_loss)
