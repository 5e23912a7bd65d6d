"""Training and validation samples: chosen, weighted, and what can be measured on them."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from grukit.data.fold import fold_duplicates
from grukit.data.frames import Table
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
    weights : ndarray of shape (n,)
        Positive.
    per_step : bool
        A target at every step.
    step_weights : ndarray of shape (N,), or (0,) where all steps count alike
        With a target at every step, what the weights of the samples are multiplied with there.
    """

    sequences: Sequences
    targets: np.ndarray
    weights: np.ndarray
    per_step: bool
    step_weights: np.ndarray

    def take(self, chosen: np.ndarray, weights: np.ndarray) -> "Samples":
        """The chosen samples, with other weights."""
        targets = self.targets if self.per_step else self.targets[chosen]
        return replace(self, sequences=self.sequences.take(chosen), targets=targets, weights=weights)

    def inputs_seen(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows that the samples see, each once, and their weights; windows of a table leave rows unweighted."""
        values = self.sequences.values
        if self.sequences.exchangeable:
            rows, weights = self._steps()
            return values[rows], weights
        seen = self.rows_seen()
        return (values if seen.all() else values[seen]), None

    def rows_seen(self) -> np.ndarray:
        """Which rows (N,) the samples see."""
        changes = np.zeros(len(self.sequences.values) + 1, dtype=np.int64)
        np.add.at(changes, self.sequences.starts, 1)
        np.add.at(changes, self.sequences.starts + self.sequences.lengths, -1)
        return np.cumsum(changes)[:-1] > 0

    def targets_seen(self) -> tuple[np.ndarray, np.ndarray]:
        """All targets of the samples, one a row, and their weights."""
        if not self.per_step:
            return self.targets, self.weights
        rows, weights = self._steps()
        return self.targets[rows], weights * self.step_weights[rows] if self.step_weights.size else weights

    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and weight of every step of every sample."""
        starts, lengths = self.sequences.starts, self.sequences.lengths
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(starts, lengths) + within, np.repeat(self.weights, lengths)


class HeldOut(NamedTuple):
    """What is held out for validation."""

    fraction: float
    random_state: np.random.RandomState  # draws samples that stand alone
    groups: np.ndarray | None  # (n,), the classes that such samples are stratified by


def select_samples(
    samples: Samples, held_out: HeldOut | None, window: int | None, table: Table | None, fold: bool
) -> tuple[Samples, Samples | None]:
    """Split off the validation samples, leave out those of weight zero, and fold equal ones that stand alone.

    Parameters
    ----------
    samples : Samples
        All, in the order of the table or list.
    held_out : HeldOut or None
        See :func:`split_in_time` for the samples of a table, and :func:`split_at_random`; None: no validation.
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
    everything = np.arange(len(samples.sequences))
    training, validation = everything, None
    if held_out is not None:
        if table is None or window is None:
            training, chosen = split_at_random(len(everything), *held_out)
        else:
            training, chosen = split_in_time(len(everything), held_out.fraction, window, table)
        chosen = chosen[samples.weights[chosen] > 0]
        if len(chosen) == 0:
            raise ValueError(
                "No validation sample has a target and a positive weight: sample_weight is zero, or y missing, for all."
            )
        validation = samples.take(chosen, samples.weights[chosen])
    training = training[samples.weights[training] > 0]
    if len(training) == 0:
        raise ValueError(
            "No training sample has a target and a positive weight: sample_weight is zero, or y missing, for all."
        )
    taken = samples.take(training, samples.weights[training])
    if fold and samples.sequences.exchangeable:
        taken = taken.take(*fold_duplicates(taken.sequences, taken.targets, samples.per_step, taken.weights))
    return taken, validation
