"""Which origins of a forecaster train, are watched for early stopping, and calibrate intervals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grukit.data import FEWEST_JUDGED, Layout, Observed, SeriesSet, first_held_out, origins_of
from grukit.estimators._validation import EARLY_STOPPING_FROM

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


class Origins(NamedTuple):
    """Rows that forecasts are made from, in the order of time."""

    training: np.ndarray
    watched: np.ndarray  # for early stopping
    judged: np.ndarray  # for the calibration of intervals


def split(
    model: "GRUForecaster", observed: Observed, layout: Layout, positions: np.ndarray, keeps_out: bool
) -> Origins:
    """The origins; ``keeps_out``: with some that calibrate.

    No value ahead of an origin that trains is ahead of one that is watched or judged, nor one of these of another.
    """
    series, H = observed.series, model.horizon
    bare = observed.as_they_are()
    ends, far = origins_of(bare, layout), origins_of(bare, replace(layout, horizon=H))
    if len(ends) == 0:
        raise ValueError(
            f"The longest series of y has {int(series.lengths.max())} rows; with horizon={layout.horizon} one of at least "
            f"{layout.horizon + 1} is needed, with values in the last {layout.horizon}."
        )
    ends = ends[np.argsort(positions[ends], kind="stable")]
    judged = watched = ends[:0]
    if keeps_out and model.calibration_fraction is not None and len(far):
        first = first_held_out(positions[far], model.calibration_fraction, FEWEST_JUDGED)
        left = ends[positions[ends + layout.horizon] <= first]  # series of a panel need not share their stamps
        if 2 * len(left) >= len(ends):
            ends, judged = left, far[positions[far] >= first]
    by_itself = isinstance(model.early_stopping, str)
    if model.early_stopping and not (by_itself and len(ends) < EARLY_STOPPING_FROM):
        first = first_held_out(positions[ends], model.validation_fraction, 1)
        left, held = ends[positions[ends + layout.horizon] <= first], ends[positions[ends] >= first]
        if not by_itself and not (len(left) and len(held)):
            raise ValueError(
                f"early_stopping=True with validation_fraction={model.validation_fraction:g}: of {len(ends)} origins, "
                f"{len(held)} are for validation and {len(left)}, from which no step ahead is among those of the others, "
                "are left for training. Give a longer y, a shorter horizon or another validation_fraction."
            )
        if not by_itself or 2 * len(left) >= len(ends):
            ends, watched = left, held
    return Origins(ends, watched, judged[np.argsort(positions[judged], kind="stable")])


def seen_by(origins: Origins, positions: np.ndarray, layout: Layout) -> np.ndarray:
    """The rows (N,) that training sees, by their positions in time."""
    return positions <= int(positions[origins.training + layout.horizon].max())


def learned_from(
    origins: Origins, series: SeriesSet, positions: np.ndarray, layout: Layout, unseen: np.ndarray
) -> dict[tuple[Any, ...], Any]:
    """The last stamp of each series that training sees, or what is watched for early stopping: the others may calibrate.

    Series that are ``unseen`` (S,) by training are measured by all of their rows.
    """
    ends = np.concatenate([origins.training, origins.watched])
    last, learned = int(positions[ends + layout.horizon].max()), {}
    for s, (key, piece) in enumerate(zip(series.keys, series.pieces(), strict=True)):
        n = int(series.lengths[s]) if unseen[s] else int((positions[piece] <= last).sum())
        if n:
            learned[key] = series.times[s][n - 1 : n].tolist()[0]
    return learned


def not_learned(
    judged: np.ndarray, series: SeriesSet, positions: np.ndarray, learned: Mapping[tuple[Any, ...], Any]
) -> np.ndarray:
    """The origins that calibrate where training goes on: those from whose truths no fit before has ``learned``.

    None where they are too few.
    """
    if len(series) == len(learned) == 1:  # by another name it is the same series still
        learned = {series.keys[0]: next(iter(learned.values()))}
    new = np.ones(len(series.values), dtype=bool)
    for key, times, piece in zip(series.keys, series.times, series.pieces(), strict=True):
        if key in learned:
            new[piece] = times >= learned[key]
    left = judged[new[judged]]
    return left if len(np.unique(positions[left])) >= FEWEST_JUDGED else judged[:0]
