"""Validation on the last part in time."""

import numpy as np

from grukit.data.frames import Table


def split_in_time(
    n_samples: int, fraction: float, window: int | None, table: Table | None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the training and of the validation samples.

    Samples of a table: the last ``fraction`` of the time is for validation, and the ``window`` steps before it are used by
    neither, so that no row is seen by both. The cut is at one time for all series of a panel. Samples that stand alone:
    the last ``fraction`` of them.

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
    if table is None or window is None:
        position, gap = np.arange(n_samples), 0
    elif table.times is None or len(table.keys) == 1:
        position, gap = np.arange(n_samples), window
    else:
        position, gap = table.times.unique().sort_values().get_indexer(table.times), window
    n_steps = int(position.max()) + 1
    n_validation = int(np.ceil(fraction * n_steps))
    cut = n_steps - n_validation
    training, validation = np.flatnonzero(position < cut - gap), np.flatnonzero(position >= cut)
    if len(training) == 0 or len(validation) == 0:
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction:g}: of {n_steps} steps, {n_validation} are for "
            f"validation and a gap of window={gap} before them, so {max(cut - gap, 0)} are left for training. Give more "
            "rows, a smaller window or another validation_fraction."
        )
    return training, validation
