"""The part held out for validation: the last in time, or drawn where there is no time."""

from itertools import pairwise

import numpy as np

from grukit.data.frames import Table


def split_in_time(fraction: float, window: int, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the validation samples of a table.

    The last ``fraction`` of the time is for validation, and of each series the ``window`` rows before its first validation
    row are used by neither, so that no row is seen by both. The cut is at one time for all series of a panel.

    Parameters
    ----------
    fraction : float
        Between 0 and 1.
    window : int
        Rows a sample sees.
    table : Table
        The table, whose rows are the last of a sample each.
    """
    position = table.positions()
    n_steps = int(position.max()) + 1
    n_validation = int(np.ceil(fraction * n_steps))
    held_out = position >= n_steps - n_validation
    usable = ~held_out
    for first, last in pairwise(table.offsets):
        n_held_out = int(held_out[first:last].sum())
        if n_held_out:
            usable[max(first, last - n_held_out - window) : last] = False
    return np.flatnonzero(usable), np.flatnonzero(held_out)


def split_at_random(
    n_samples: int, fraction: float, random_state: np.random.RandomState, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the validation samples that stand alone: drawn, for they have no order in time.

    Parameters
    ----------
    n_samples : int
        Samples.
    fraction : float
        Between 0 and 1; the validation samples are as many, rounded up.
    random_state : numpy.random.RandomState
        Draws them.
    groups : ndarray of shape (n_samples,) or None
        Classes, each of which gives its share, where there are enough samples: two of every class, and as many validation
        samples as classes.
    """
    # Imported here: it takes a while, and most fits need none of it.
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    n_validation = int(np.ceil(fraction * n_samples))
    if n_validation >= n_samples:
        return np.arange(0), np.arange(n_samples)
    kind: type = ShuffleSplit
    if groups is not None:
        _, counts = np.unique(groups, return_counts=True)
        if counts.min() >= 2 and len(counts) <= min(n_validation, n_samples - n_validation):
            kind = StratifiedShuffleSplit
    (parts,) = kind(1, test_size=n_validation, random_state=random_state).split(np.empty(n_samples), groups)
    training, validation = (np.sort(part) for part in parts)
    return training, validation
