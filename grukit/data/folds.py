"""Folds: samples up to a moment and the block that follows, or all; or parts of samples that stand alone, and all others."""

from itertools import pairwise

import numpy as np

from grukit.data.frames import Table
from grukit.data.samples import Samples


def folds_in_time(
    samples: Samples, table: Table, n_folds: int, first: float, to_the_end: bool = False, n_features: int | None = None
) -> list[tuple[Samples, Samples]]:
    """Training samples and those of the block after them, for each block.

    Training targets may lie in the block's time, by as many rows as they are ahead: there is no gap, which would take as
    much again from few samples.

    Parameters
    ----------
    samples : Samples
        Windows of the table, in its order.
    table : Table
        The cuts are at one time for all series of a panel.
    n_folds : int
        Blocks, of about as many samples each.
    first : float
        Share of the samples before the first block.
    to_the_end : bool, default=False
        With the samples of all blocks after it, too.
    n_features : int, default=None
        Columns of X, all by default. The time since the row before, which may follow them, need not be known.

    Returns
    -------
    list of (Samples, Samples)
        Those that count; folds without any in either part are left out, and those in whose training part a column of X or y
        has no value.
    """
    position = table.positions()
    counts = samples.weights > 0
    ordered = np.sort(position[counts])
    at = np.round(len(ordered) * (first + (1 - first) * np.arange(n_folds + 1) / n_folds)).astype(int)
    edges = np.append(ordered[at[:-1]], np.iinfo(np.int64).max)
    folds = []
    for begin, end in pairwise(np.unique(edges)):
        last = edges[-1] if to_the_end else end
        before, block = (
            np.flatnonzero(counts & chosen) for chosen in (position < begin, (position >= begin) & (position < last))
        )
        if len(before) and len(block):
            training, judged = (samples.take(rows) for rows in (before, block))
            if _complete(training.inputs_seen()[0][:, :n_features]) and _complete(training.targets_seen()[0]):
                folds.append((training, judged))
    return folds


def folds_of_classes(samples: Samples, n_folds: int) -> list[tuple[Samples, Samples]]:
    """Training samples and the others, for each of some parts that have their share of every class, which takes turns.

    Parameters
    ----------
    samples : Samples
        That stand alone, with the number of a class each.
    n_folds : int
        Parts.

    Returns
    -------
    list of (Samples, Samples)
        Empty where there is one class, or a class has fewer samples than there are parts.
    """
    labels, counts = np.unique(samples.targets[:, 0], return_counts=True)
    if len(labels) < 2 or counts.min() < n_folds:
        return []
    part = turns_of_classes(samples, n_folds)
    return [
        (samples.take(np.flatnonzero(part != fold)), samples.take(np.flatnonzero(part == fold)))
        for fold in range(n_folds)
    ]


def turns_of_classes(samples: Samples, n: int) -> np.ndarray:
    """A part, 0 to n - 1, for each sample, such that the samples of each class take turns."""
    part = np.empty(len(samples.targets), dtype=np.int64)
    for label in np.unique(samples.targets[:, 0]):
        own = np.flatnonzero(samples.targets[:, 0] == label)
        part[own] = np.arange(len(own)) % n
    return part


def _complete(values: np.ndarray) -> bool:
    return not np.isnan(values).all(axis=0).any()
