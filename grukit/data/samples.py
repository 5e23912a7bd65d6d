"""Training and validation samples: chosen, weighted, and what can be measured on them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from grukit.data.fold import fold_duplicates
from grukit.data.frames import Table
from grukit.data.long_arrays import rows_of
from grukit.data.sequences import Sequences
from grukit.data.split import split_at_random, split_in_time

ALL_ALIKE = np.empty(0)  # no weights of single steps


@dataclass(frozen=True)
class Samples:
    """Sequences with targets and weights.

    Attributes
    ----------
    sequences : Sequences
        n of them.
    targets : ndarray of shape (n, K), or (N, K) with a target at every step, on the rows of ``sequences.values``
        Or, of what trains a forecaster's network and nothing else, ``Horizons``.
    weights : ndarray of shape (n,)
        Positive.
    per_step : bool
        A target at every step.
    step_weights : ndarray of shape (N,), or (0,) where all steps count alike
        With a target at every step, what the weights of the samples are multiplied with there.
    offsets : ndarray of shape (n, K) or (N, K), or None
        Of targets of a classifier: what the linear part adds to the network's outputs, before their link.
    """

    sequences: Sequences
    targets: Any
    weights: np.ndarray
    per_step: bool
    step_weights: np.ndarray
    offsets: np.ndarray | None = None

    def take(self, chosen: np.ndarray, weights: np.ndarray | None = None) -> "Samples":
        """The chosen samples, with their own weights or with others."""
        whole = len(chosen) == len(self.sequences) and (np.diff(chosen) == 1).all()
        targets, offsets = self.targets, self.offsets
        if not (self.per_step or whole):
            targets, offsets = rows_of(targets, chosen), None if offsets is None else rows_of(offsets, chosen)
        sequences = self.sequences.take(chosen)
        weights = rows_of(self.weights, chosen) if weights is None else weights
        return replace(self, sequences=sequences, targets=targets, weights=weights, offsets=offsets)

    def weighted(self) -> "Samples":
        """The samples that count."""
        counts = self.weights > 0
        return self if counts.all() else self.take(np.flatnonzero(counts))

    @cached_property
    def distinct(self) -> "Samples":
        """The samples that count, of which there must be some; equal ones that stand alone are one, of their weights' sum."""
        own = self.weighted()
        if not own.sequences.exchangeable:
            return own
        return own.take(*fold_duplicates(own.sequences, own.targets, own.per_step, own.weights))

    def inputs_seen(self, values: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows that the samples see, and their weights; windows of a table have each row once, unweighted.

        Of other ``values`` (N, D) of the same rows, or of the sequences' own.
        """
        values = self.sequences.values if values is None else values
        seen = self.rows_seen
        if self.sequences.exchangeable and not (seen.all() and (self.weights == self.weights[0]).all()):
            rows, weights = self._steps()
            return rows_of(values, rows), weights
        return (values if seen.all() else rows_of(values, seen)), None

    @cached_property
    def rows_seen(self) -> np.ndarray:
        """Which rows (N,) the samples see."""
        changes = np.zeros(len(self.sequences.values) + 1, dtype=np.int64)
        np.add.at(changes, self.sequences.starts, 1)
        np.add.at(changes, self.sequences.starts + self.sequences.lengths, -1)
        return np.cumsum(changes, out=changes)[:-1] > 0

    def targets_seen(self) -> tuple[np.ndarray, np.ndarray]:
        """All targets of the samples, one a row, and their weights."""
        if not self.per_step:
            return self.targets, self.weights
        rows, weights = self._steps()
        return self.targets[rows], weights * self.step_weights[rows] if self.step_weights.size else weights

    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and weight of every step of every sample."""
        return self.sequences.steps()[0], np.repeat(self.weights, self.sequences.lengths)


class HeldOut(NamedTuple):
    """What is held out for validation."""

    fraction: float
    random_state: np.random.RandomState  # draws samples that stand alone
    groups: np.ndarray | None  # (n,), the classes that such samples are stratified by
    required: bool = True  # whether it is an error that too little would be left


def select_samples(
    samples: Samples, held_out: HeldOut | None, window: int | None, table: Table | None, fold: bool
) -> tuple[Samples, Samples | None]:
    """Split off the validation samples, leave out those of weight zero, and fold equal ones that stand alone.

    Parameters
    ----------
    samples : Samples
        All, in the order of the table or list.
    held_out : HeldOut or None
        See :func:`split_in_time` for the samples of a table, and :func:`split_at_random`; None: no validation. Where it is
        not required, there is none either unless half of the samples are left for training.
    window : int or None
        Rows a sample of a table sees.
    table : Table or None
        The table that the samples are windows of.
    fold : bool
        Whether the order of the training samples is free, so that equal ones may be folded.

    Raises
    ------
    ValueError
        Where no training sample, or no validation sample, is left.
    """
    n_counts = np.count_nonzero(samples.weights > 0)
    if n_counts == 0:
        raise ValueError(_nothing_left("training"))
    training, validation = samples, None
    if held_out is not None:
        left, chosen = _split(samples, held_out, window, table)
        if held_out.required:
            _check_split(left, chosen, held_out, len(samples.sequences), None if table is None else window)
        left, chosen = (_that_count(each, samples.weights) for each in (left, chosen))
        if held_out.required and not (len(left) and len(chosen)):
            raise ValueError(_nothing_left("validation" if len(left) else "training"))
        if held_out.required or (len(chosen) and 2 * len(left) >= n_counts):
            training, validation = samples.take(left), samples.take(chosen)
    return training.distinct if fold else training.weighted(), validation


def _that_count(numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Those of samples that have a weight, in order."""
    counts = weights[numbers] > 0
    own = numbers.copy() if counts.all() else numbers[counts]
    own.sort()
    return own


def _split(
    samples: Samples, held_out: HeldOut, window: int | None, table: Table | None
) -> tuple[np.ndarray, np.ndarray]:
    if table is None or window is None:
        return split_at_random(len(samples.sequences), held_out.fraction, held_out.random_state, held_out.groups)
    return split_in_time(held_out.fraction, window, table)


def _check_split(left: np.ndarray, chosen: np.ndarray, held_out: HeldOut, n: int, window: int | None) -> None:
    if len(left) and len(chosen):
        return
    gap = "" if window is None else f" and a gap of window={window} before them"
    raise ValueError(
        f"early_stopping=True with validation_fraction={held_out.fraction:g}: of {n} samples, {len(chosen)} are for "
        f"validation{gap}, so {len(left)} are left for training. Give more samples, "
        f"{'' if window is None else 'a smaller window '}or another validation_fraction."
    )


def _nothing_left(part: str) -> str:
    return f"No {part} sample has a target and a positive weight: sample_weight is zero, or y missing, for all."
