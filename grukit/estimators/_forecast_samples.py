"""Paths that a future may take: forecasts, and errors that were made before, drawn again."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from grukit.data import FEWEST_JUDGED, Observed, Rows
from grukit.estimators._conformal import Scores
from grukit.estimators._forecast import ForecastState, fed_back
from grukit.estimators._parameters import SharedParameters


def scores_of(state: ForecastState) -> Scores:
    """The errors that calibrate.

    Raises
    ------
    ValueError
        Where there are none.
    """
    if state.scores is None:
        raise ValueError(
            "No origins were kept to calibrate intervals by: calibration_fraction is None, training was interrupted, or "
            "they would have been too many for training or too few; or training went on (warm_start=True), and fits before "
            f"had learned from all but fewer than {FEWEST_JUDGED} of them. Fit with a longer y, a shorter horizon or a "
            "fraction; begin with warm_start=True or calibration='split' where training is to go on."
        )
    return state.scores


def check_samples(state: ForecastState, n_samples: Any) -> None:
    """Raise where there are no errors to draw from, or quantiles, or ``n_samples`` is no positive integer."""
    scores_of(state)
    if state.quantiles:
        raise ValueError("Paths are of forecasts and their errors; a model with quantiles has predict_quantiles.")
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
        raise ValueError(f"n_samples must be a positive integer; got {n_samples!r}.")


def sample_paths(
    model: SharedParameters,
    state: ForecastState,
    observed: Observed,
    X: Any,
    ahead: np.ndarray,
    n_samples: int,
    random_state: Any,
) -> np.ndarray:
    """Paths (S, H, n_samples) of series whose forecasts are ``ahead`` (S, H)."""
    S, H = ahead.shape
    recursive = state.steps != state.layout.horizon
    drawn = check_random_state(random_state).uniform(size=(n_samples, H if recursive else 1))
    pools, figures = _pools(state, observed), state.figures_of(observed)
    if not recursive:
        noise = np.stack([pool[(drawn[:, 0] * len(pool)).astype(int)] for pool in pools])  # (S, n, H)
        return ahead[:, :, None] + noise.transpose(0, 2, 1) * figures[:, 1:, None]
    first = [pool[:, 0] for pool in pools]
    noise = np.stack([pool[(drawn * len(pool)).astype(int)] for pool in first], axis=1)  # (n, S, H)
    rows = observed.with_future(H, X, state.inputs.missing != "error").standardized(figures, state.levels)
    N = len(rows.y)
    offsets = np.append((np.arange(n_samples)[:, None] * N + rows.offsets[:-1]).ravel(), n_samples * N)
    many = Rows(np.tile(rows.y, n_samples), np.tile(rows.covariates, (n_samples, 1)), offsets)
    paths = fed_back(model, state, many, offsets[1:] - H - 1, H, noise.reshape(-1, H))
    return paths.reshape(n_samples, S, H).transpose(1, 2, 0) * figures[:, 1:, None] + figures[:, :1, None]


def _pools(state: ForecastState, observed: Observed) -> list[np.ndarray]:
    """Errors (n, H) of each series to draw from, of origins from which all is known: its own, or those of all."""
    residuals = scores_of(state).residuals
    whole = {key: own[~np.isnan(own).any(axis=1)] for key, own in residuals.items()}
    every = np.concatenate(list(whole.values()))
    if len(every) == 0:
        raise ValueError("There is no origin of calibration from which all steps ahead are known.")
    enough = {key for key, own in whole.items() if len(own) >= FEWEST_JUDGED}
    return [whole[key] if key in enough else every for key in observed.series.keys]
