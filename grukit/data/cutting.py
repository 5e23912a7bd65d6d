"""Series cut in time."""

from dataclasses import replace

import numpy as np
import pandas as pd

from grukit.data.observed import Observed


def up_to_position(observed: Observed, positions: np.ndarray, last: int) -> Observed:
    """The rows up to a position in time; series that begin later are left out.

    Parameters
    ----------
    observed : Observed
    positions : ndarray of shape (N,)
        Of its rows, see :meth:`SeriesSet.positions`.
    last : int
    """
    offsets = observed.series.offsets[:-1]
    return rows_between(observed, np.zeros(len(offsets), dtype=int), np.add.reduceat(positions <= last, offsets))


def rows_between(observed: Observed, first: np.ndarray, last: np.ndarray) -> Observed:
    """Rows ``first`` (S,) up to, but not with, ``last`` (S,) of each series, counted in it; without series that have none."""
    series, counts = observed.series, np.maximum(last - first, 0)
    there = np.flatnonzero(counts)
    within = np.arange(len(series.values)) - np.repeat(series.offsets[:-1], series.lengths)
    rows = (within >= np.repeat(first, series.lengths)) & (within < np.repeat(last, series.lengths))
    cut: dict[tuple[int, int, int], pd.Index] = {}  # one index stays one
    for s in there:
        cut.setdefault((id(series.times[s]), first[s], last[s]), series.times[s][first[s] : last[s]])
    kept = replace(
        series,
        values=series.values[rows],
        offsets=np.append(0, np.cumsum(counts[there])),
        keys=[series.keys[s] for s in there],
        times=[cut[id(series.times[s]), first[s], last[s]] for s in there],
    )
    return replace(observed, series=kept, covariates=observed.covariates[rows])
