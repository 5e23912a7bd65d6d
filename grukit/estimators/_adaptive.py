"""Coverage held online: how often later truths were outside says how wide the next intervals are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from grukit.data import SeriesSet
from grukit.estimators._conformal import MOST_NUMBERS, Scores, rank_of

MOST_ROWS = 2000  # origins since training whose errors are kept, of many series fewer: see MOST_NUMBERS
POOL = 100  # errors that widths are taken from, the latest; as many as those of calibration, if these are more


@dataclass(frozen=True)
class Online:
    """Errors of forecasts whose truth came with later rows.

    Attributes
    ----------
    rate : float
        Step size of the levels.
    errors : mapping of series key to ndarray of shape (m, H, P)
        As in :class:`Scores`, of origins one after another up to the latest row of the series, of which nothing is known yet.
        The first is the earliest of which anything was not known in training.
    """

    rate: float
    errors: Mapping[tuple[Any, ...], np.ndarray]

    @classmethod
    def begin(cls, rate: float, keys: list[tuple[Any, ...]], H: int, P: int) -> "Online":
        """Of the end of training."""
        return cls(rate, {key: np.full((H, H, P), np.nan) for key in keys})

    def at(self, recent: SeriesSet, series: SeriesSet) -> "Online":
        """Those of ``series`` that end where the latest rows do: to other origins the levels would tell of what is ahead."""
        now = dict(zip(recent.keys, recent.ends, strict=True))
        there = {key for key, end in zip(series.keys, series.ends, strict=True) if key in now and end == now[key]}
        return replace(self, errors={key: own for key, own in self.errors.items() if key in there})

    def followed_by(self, later: Mapping[tuple[Any, ...], tuple[int, np.ndarray]]) -> "Online":
        """The same, once more rows of series are known.

        Parameters
        ----------
        later : mapping of series key to (int, ndarray of shape (b, H, P))
            Number of these rows, and errors of the last b origins with any new truth, up to the latest row; NaN where it is
            not known.
        """
        if not later:
            return self
        H, P = next(iter(self.errors.values())).shape[1:]
        most = max(min(MOST_ROWS, MOST_NUMBERS // (H * P * len(self.errors))), POOL, 3 * H)
        grown = {key: _grown(self.errors[key], *later[key])[-most:] for key in later}
        return replace(self, errors={**self.errors, **grown})


def _grown(own: np.ndarray, n_rows: int, errors: np.ndarray) -> np.ndarray:
    """Errors of a series that were known, and those of its last origins, once ``n_rows`` more rows are."""
    grown = np.concatenate([own, np.full((n_rows, *own.shape[1:]), np.nan)])
    first, H = len(grown) - len(errors), own.shape[1]
    # The first H origins lie before the end of training: of them, truths up to there are not new.
    seen = np.arange(first, len(grown))[:, None] + np.arange(1, H + 1) < H
    grown[first:] = np.where(np.isnan(errors) | seen[:, :, None], grown[first:], errors)
    return grown


def margins_of(
    scores: Scores, online: Online | None, keys: list[tuple[Any, ...]], coverage: float, pair: int
) -> np.ndarray:
    """What intervals of series are widened by on both sides, (S, H), in standard deviations, as :meth:`Scores.margins`.

    Of series whose errors since training are kept, by both, at the steps of which their own are enough for that coverage.

    Raises
    ------
    ValueError
        Where there are too few errors for such a coverage.
    """
    margins = scores.margins(keys, coverage, pair)
    if online is None:
        return margins
    for s, key in enumerate(keys):
        if key in online.errors and key in scores.errors:
            own, since = scores.errors[key][..., pair], online.errors[key][..., pair]
            adapted = adapted_margins(own, since, coverage, online.rate)
            margins[s] = np.where(np.isnan(adapted), margins[s], adapted)
    return margins


def adapted_margins(calibration: np.ndarray, online: np.ndarray, coverage: float, rate: float) -> np.ndarray:
    """What intervals are widened by, (H,), of errors (n, H) of calibration and (m, H), m >= H, of the origins since.

    For each step by itself: the level alpha begins at 1 - coverage; whenever a truth is known it moves by rate * (1 - coverage
    - miss), where miss is 1 if the truth was outside of the interval of level alpha at its origin, else 0 (Gibbs and Candes
    2021, Adaptive Conformal Inference Under Distribution Shift, equation 2). The interval is of the latest errors that were
    known at its origin, at most as wide as the largest of them; NaN for steps of which they are too few for ``coverage``.
    """
    n, (m, H) = len(calibration), online.shape
    size = max(n, POOL)
    errors = np.concatenate([np.full((size, H), np.nan), calibration, online]).T.copy()
    ranks, known, margins = np.empty((m, H)), np.empty((m, H)), np.empty(H)
    latest_pools = []
    # At origin k, step h + 1 is known of the origins up to k - h - 1; at the first h none of those since training is.
    for h in range(H):
        pools = sliding_window_view(errors[h], size)[n : n + m - h]  # views: copies would take most of the time
        known[:, h] = (~np.isnan(pools)).sum(axis=1)[np.maximum(np.arange(m) - h, 0)]
        ranks[:h, h] = (pools[0] >= online[:h, h, None]).sum(axis=1)
        ranks[h:, h] = (pools >= online[h:, h, None]).sum(axis=1)
        latest_pools.append(pools[-1])
    levels = _levels((1.0 + ranks) / (known + 1.0), 1.0 / (known + 1.0), online, 1.0 - coverage, rate)
    for h, pool in enumerate(latest_pools):
        latest = np.sort(pool[~np.isnan(pool)])
        enough = rank_of(len(latest), coverage) <= len(latest)
        rank = rank_of(len(latest), 1.0 - levels[h])
        margins[h] = latest[min(max(rank, 1), len(latest)) - 1] if enough else np.nan
    return margins


def _levels(shares: np.ndarray, smallest: np.ndarray, online: np.ndarray, level: float, rate: float) -> np.ndarray:
    """The levels (H,) at the latest origin.

    Parameters
    ----------
    shares : ndarray of shape (m, H)
        Share of the errors known at an origin, and of its own, that are at least as large as its own: it is outside of
        intervals of any higher level.
    smallest : ndarray of shape (m, H)
        The smallest there can be: that of an error outside of the widest interval.
    """
    m, H = shares.shape
    steps, levels = np.arange(H), np.full((m, H), level)
    for k in range(1, m):
        j = k - 1 - steps  # the origin whose truth came last, for each step
        at = np.maximum(j, 0), steps
        known = (j >= 0) & ~np.isnan(online[at])
        missed = shares[at] <= np.maximum(levels[at], smallest[at]) + 1e-12
        levels[k] = np.clip(levels[k - 1] + np.where(known, rate * (level - missed), 0.0), 0.0, 1.0)
    return levels[-1]
