"""Whether the calendar tells of a series what its own last rows do not, by what forecasts later blocks."""

from dataclasses import replace

import numpy as np

from grukit.data.horizon import Rows
from grukit.data.horizon_maps import FEWER, FEWEST_ORIGINS, N_BLOCKS, moments_of, thinned
from grukit.data.lags import Moments
from grukit.data.layout import Layout
from grukit.data.linear_horizon import LinearHorizon
from grukit.data.stacking import Leading, Regression, Solver, add_up, stack

MOST_LAGS = 96  # a regression of more takes seconds
# Standard errors. Of 119 tasks that no benchmark judges and the calendar has no part in, the gain was above 1 in 5; it was
# above 1.3 of CO2 and most sines, and mostly of temperatures of the sea and a few months of electric load.
SURE = 1.0


def calendar_tells(rows: Rows, layout: Layout, n_static: int, n_lags: int, training: np.ndarray) -> bool:
    """Whether ridge regressions forecast later blocks better with the calendar than without it, by more than chance.

    A network that reads a calendar which tells nothing learns the dates of its training part by heart: of five parts of
    chaotic series, 6 and 24 ahead, whose index happened to be one of days, errors were 1.7 times those without it.

    Parameters
    ----------
    rows : Rows
    layout : Layout
        With the calendar.
    n_static : int
        Constants of series that are not embedded, the last of what the layout counts as calendar.
    n_lags : int
        Rows of the series that are read.
    training : ndarray
        Origins, as rows of single series, in the order of time.

    Returns
    -------
    bool
        True also where there are too few origins to tell.
    """
    n_lags = max(1, min(n_lags, MOST_LAGS))
    own = training[training - rows.begins_of(training) + 1 >= n_lags]
    bare = LinearHorizon("last", layout)
    parts = np.array_split(thinned(own), N_BLOCKS) if len(own) >= FEWEST_ORIGINS else []
    blocks = [moments for moments in (moments_of(bare, rows, n_lags, part) for part in parts) if moments is not None]
    if len(blocks) < 3:
        return True
    P, few = len(blocks[0].cross) - 1, [n_lags // each for each in (1, *FEWER) if n_lags >= each]
    kept = np.r_[: P - layout.n_calendar, P - n_static : P + 1]  # and the one
    bare_blocks = [replace(each, lags=each.lags[np.ix_(kept, kept)], cross=each.cross[kept]) for each in blocks]
    gains = _losses(bare_blocks, few, n_lags) - _losses(blocks, few, n_lags)
    return bool(gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(len(gains)))


def _losses(blocks: list[Moments], few: list[int], n_lags: int) -> np.ndarray:
    """Errors of the later half of the blocks, each forecast from those before: of the number of lags with the least."""
    judges = [(Solver(Moments.sum(blocks[:j]), 1), blocks[j]) for j in range(len(blocks) // 2, len(blocks))]
    P, H = blocks[0].cross.shape
    found = []
    for n in few:
        forms = [Regression(np.zeros((P, H)), Leading(n, n_lags), False)]
        alphas, weights, _ = stack(judges, forms, np.arange(H))
        each = (block.loss(add_up(solver, forms, np.arange(H), alphas, weights)).mean() for solver, block in judges)
        found.append(np.array(list(each)))
    return min(found, key=lambda losses: float(losses.sum()))
