"""How much each series of a panel changes, by which its samples weigh alike with those of others."""

from dataclasses import replace

import numpy as np

from grukit.data.lag_table import ends_of
from grukit.data.long_arrays import blocks_of_rows, long_array, rows_of
from grukit.data.samples import Samples

FEWEST = 5  # changes of a series from which its size is its own


def sizes_of_series(samples: Samples, anchors: np.ndarray) -> np.ndarray | None:
    """Mean square of each series' changes (n_series,), of targets from their anchors' last values; None for one series.

    Of targets without an anchor, their squares about their mean over the series. An output counts by its own mean over all
    series. A series of few samples, or none that changes, has the median of the others.

    Parameters
    ----------
    samples : Samples
        Of a table; others are no panel.
    anchors : ndarray of shape (K,)
        Columns, -1 for none.
    """
    sequences = samples.sequences
    n = len(sequences.begins)
    if n < 2 or sequences.exchangeable:
        return None
    ends, of = ends_of(sequences, False)[0], sequences.series
    total, counts = np.zeros(n), np.zeros(n)
    for k, anchor in enumerate(anchors):
        target = samples.targets[:, k]
        known = ~np.isnan(target)
        start = rows_of(sequences.values[:, anchor], ends) if anchor >= 0 else rows_of(_means(target, known, of, n), of)
        known &= ~np.isnan(start)
        squares = long_array(target.shape, np.float64)
        for block in blocks_of_rows(squares):
            squares[block] = np.where(known[block], target[block] - start[block], 0.0) ** 2
        whole = squares.sum() / max(known.sum(), 1)
        if whole > 0:
            total += np.bincount(of, squares, n) / whole
            counts += np.bincount(of, known, n)
    own = (counts >= FEWEST * len(anchors)) & (total > 0)
    if own.sum() < 2:
        return None
    sizes = np.divide(total, counts, out=np.zeros(n), where=own)
    return np.where(own, sizes, np.median(sizes[own]))


def weighed_alike(samples: Samples, sizes: np.ndarray) -> Samples:
    """The samples with weights by which changes of all series are of one size."""
    weights, of = long_array(samples.weights.shape, np.float64), samples.sequences.series
    for block in blocks_of_rows(weights):
        weights[block] = samples.weights[block] / sizes[of[block]]
    weights *= samples.weights.sum() / weights.sum()
    return replace(samples, weights=weights)


def _means(target: np.ndarray, known: np.ndarray, of: np.ndarray, n: int) -> np.ndarray:
    sums, counts = np.bincount(of, np.where(known, target, 0.0), n), np.bincount(of, known, n)
    return sums / np.maximum(counts, 1)
