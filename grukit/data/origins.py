"""The rows that forecasts start from, and which of them are held out."""

import numpy as np

from grukit.data.horizon import Rows
from grukit.data.layout import Layout

FEWEST_JUDGED = 19  # origins that calibrate: as many as an interval of 95 % needs


def origins_of(rows: Rows, layout: Layout) -> np.ndarray:
    """The rows (n,) that as many rows follow as the horizon has, and of whose values ahead one is known."""
    T = np.diff(rows.offsets)
    first = rows.offsets[:-1] if layout.n_joint == 1 else rows.offsets[:1]
    counts = np.maximum(T[: len(first)] - layout.horizon, 0)
    found = np.concatenate([start + np.arange(count) for start, count in zip(first, counts, strict=True)])
    if not np.isnan(rows.y).any():
        return found
    known = np.append(0, np.cumsum(~np.isnan(rows.y)))
    each = found[:, None] + rows.offsets[: layout.n_joint]
    return found[(known[each + layout.horizon + 1] > known[each + 1]).any(axis=1)]


def first_held_out(positions: np.ndarray, share: float, fewest: int) -> int:
    """The position in time from which origins are held out.

    Parameters
    ----------
    positions : ndarray of shape (n,)
        Position of each origin.
    share : float
        Share of the positions that is held out.
    fewest : int
        Positions that are held out at least.
    """
    if len(positions) == 0:
        return 0
    last, first = int(positions.max()), int(positions.min())
    return last + 1 - max(int(np.ceil(share * (last - first + 1))), fewest)
