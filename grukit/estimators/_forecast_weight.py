"""How much of the network's part forecasts take: what forecasts blocks in time best that were no part of training.

Early stopping watches the last origins alone, which share most of their errors, and of a short series tell little. So a
network that did better there may do worse later. The blocks are others, and judge its outputs beside the linear part.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from grukit.data import Rows
from grukit.estimators._folds import score_epochs
from grukit.estimators._forecast import ForecastState, forecasts
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._weight import beyond_chance
from grukit.estimators.targets import Objective

WEIGHTS = np.linspace(0.0, 1.0, 21)
KEPT = 0.9  # of the gain
N_BLOCKS = 5  # of origins that one fit kept out


class Block(NamedTuple):
    """Forecasts of a block in time, in standard deviations of the series."""

    network: np.ndarray  # (n, H), the network's part
    left: np.ndarray  # (n, H), what the linear part leaves of the truth; NaN where that is not known

    def losses(self, objective: Objective, unit: float) -> np.ndarray:
        """Mean losses of each of the weights; ``unit`` is that of Huber's delta. NaN where nothing is known."""
        known = ~np.isnan(self.left)
        if not known.any():
            return np.full(len(WEIGHTS), np.nan)
        network, left = self.network[known], self.left[known]
        return np.array([_loss(objective, (left - weight * network) / unit) for weight in WEIGHTS])


def _loss(objective: Objective, errors: np.ndarray) -> float:
    size = np.abs(errors)
    if objective.loss == "absolute_error":
        return float(size.mean())
    if objective.loss == "huber":
        delta = float(objective.parameter)  # type: ignore[arg-type]
        return float(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)).mean())
    return float((size**2).mean())


def block_of(model: SharedParameters, state: ForecastState, rows: Rows, ends: np.ndarray, scales: np.ndarray) -> Block:
    """Of the origins ``ends``, rows of the (first) series; ``scales`` (S,) are what the errors of each series are times."""
    H, each = state.layout.horizon, rows.of_each(ends, state.layout)
    linear = state.final.predict(rows, each)
    total = forecasts(model, state, rows, ends).reshape(len(each), H)
    scale = scales[rows.series_of(each), None]
    return Block((total - linear) * scale, (rows.ahead(each, H) - linear) * scale)


def in_time(
    model: SharedParameters, state: ForecastState, rows: Rows, ends: np.ndarray, unseen: np.ndarray
) -> Iterator[Block]:
    """Blocks of the origins ``ends``, in the order of time, without the series that are ``unseen`` (S,) by training."""
    scales = np.where(unseen, np.nan, 1.0)
    return (block_of(model, state, rows, part, scales) for part in np.array_split(ends, N_BLOCKS) if len(part))


def weight_by(state: ForecastState, blocks: Iterable[Block]) -> float | None:
    """A share of the largest weight, from 0 to 1, that keeps nine tenths of what the best gains, mean and worst block alike.

    The loss is flat about the best one, and what learned from all learned more than the copies that the blocks judge. For the
    score of a weight see :func:`score_epochs`. The share is less the more the blocks differ, so that it may have gained by
    chance. Of 288 forecasts of real series of up to 2,400 rows, errors were 0.985 times those of the linear part so, in 8 more
    than 1.02 times, at most 1.9 times; where all was taken from two standard errors on, and none below, 0.988 times, in 10,
    at most 2.2 times.

    None where there is nothing to choose by, or quantiles are forecast, which are no multiples of a part.
    """
    if state.quantiles:
        return None
    unit = float(state.y_scaler.scale[0])
    found = [block.losses(state.training.objective, unit) for block in blocks]
    losses = np.array([each for each in found if not np.isnan(each).any()])
    if not len(losses):
        return None
    scale = np.where(losses[:, 0] > 0, losses[:, 0], 1.0)
    scores = score_epochs(losses, scale)
    gains = scores[0] - scores
    if not gains.max() > 0:
        return 0.0
    largest = np.flatnonzero(gains >= KEPT * gains.max())[-1]
    trusted = beyond_chance((losses[:, 0] - losses[:, largest]) / scale) if len(losses) > 1 else 1.0
    return float(WEIGHTS[largest]) * trusted
