"""Series cut in time."""

from dataclasses import replace

import numpy as np

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
    series = observed.series
    rows = positions <= last  # the first ones of each series, whose rows are in order
    counts = np.add.reduceat(rows, series.offsets[:-1])
    there = np.flatnonzero(counts)
    cut = {(id(series.times[s]), counts[s]): series.times[s][: counts[s]] for s in there}  # one index stays one
    kept = replace(
        series,
        values=series.values[rows],
        offsets=np.append(0, np.cumsum(counts[there])),
        keys=[series.keys[s] for s in there],
        times=[cut[id(series.times[s]), counts[s]] for s in there],
    )
    return replace(observed, series=kept, covariates=observed.covariates[rows])
