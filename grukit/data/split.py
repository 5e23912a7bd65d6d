"""Validation on the last part in time."""

from itertools import pairwise

import numpy as np

from grukit.data.frames import Table


def split_in_time(
    n_samples: int, fraction: float, window: int | None, table: Table | None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the validation samples.

    Samples of a table: the last ``fraction`` of the time is for validation, and of each series the ``window`` rows before
    its first validation row are used by neither, so that no row is seen by both. The cut is at one time for all series of
    a panel. Samples that stand alone: the last ``fraction`` of them.

    Parameters
    ----------
    n_samples : int
        Samples, in order; those of a table are its rows.
    fraction : float
        Between 0 and 1.
    window : int or None
        Rows a sample sees; None for samples that stand alone.
    table : Table or None
        The table.

    Raises
    ------
    ValueError
        Where either part would be empty, with the sizes.
    """
    gap = 0 if table is None or window is None else window
    if table is None or table.times is None or len(table.keys) == 1:
        position = np.arange(n_samples)
    else:
        position = table.times.unique().sort_values().get_indexer(table.times)
    n_steps = int(position.max()) + 1
    n_validation = int(np.ceil(fraction * n_steps))
    held_out = position >= n_steps - n_validation
    usable = ~held_out
    offsets = np.array([0, n_samples]) if table is None else table.offsets
    for first, last in pairwise(offsets):
        n_held_out = int(held_out[first:last].sum())
        if n_held_out:
            usable[max(first, last - n_held_out - gap) : last] = False
    training, validation = np.flatnonzero(usable), np.flatnonzero(held_out)
    if len(training) == 0 or len(validation) == 0:
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction:g}: of {n_steps} steps, {n_validation} are for "
            f"validation and a gap of window={gap} before them, so {len(training)} are left for training. Give more "
            "rows, a smaller window or another validation_fraction."
        )
    return training, validation
