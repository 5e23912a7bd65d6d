"""Where training is between two epochs: all that it needs to go on as if it had not stopped."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from grukit.train.progress import Progress, is_record
from grukit.train.stepper import Stepper


@dataclass(frozen=True)
class Snapshot:
    """Training after an epoch.

    Attributes
    ----------
    parameters, previous : ndarray of shape (n_parameters,)
        The weights, and what they were before the last step.
    moments : dict of ndarray
        The optimiser's.
    random_state : numpy.random.RandomState
        What the next epoch draws from.
    steps : dict of float or bool
        What :class:`grukit.train.stepper.Stepper` counts: learning rates that were lowered, steps that were not finite.
    progress : dict of float or int
        What :class:`grukit.train.Progress` counts.
    records : tuple of dict
        One an epoch.
    best_parameters, average, average_before : ndarray of shape (n_parameters,) or None
        See :class:`grukit.train.Progress`.
    """

    parameters: np.ndarray
    previous: np.ndarray
    moments: dict[str, np.ndarray]
    random_state: np.random.RandomState
    steps: dict[str, float | bool]
    progress: dict[str, float]
    records: tuple[dict[str, Any], ...]
    best_parameters: np.ndarray | None
    average: np.ndarray | None
    average_before: np.ndarray | None


def check_snapshot(snapshot: Snapshot, parameters: np.ndarray, n_before: int) -> None:
    """Raise where a snapshot, which may come from a file, is not of such parameters, or of epochs that follow ``n_before``.

    Kernels trust the shapes, and what a fit tells of its epochs the records.
    """
    if set(snapshot.moments) != set(Stepper.MOMENTS):
        raise ValueError(
            f"its optimiser has the moments {sorted(snapshot.moments)}; these are {sorted(Stepper.MOMENTS)}."
        )
    arrays = {"parameters": snapshot.parameters, "previous": snapshot.previous, **snapshot.moments}
    kept = {name: getattr(snapshot, name) for name in ("best_parameters", "average", "average_before")}
    arrays |= {name: array for name, array in kept.items() if array is not None}
    step = arrays.pop("step")
    if step.shape != (1,) or step.dtype != np.int64:
        raise ValueError(f"its optimiser's steps have the shape {step.shape} of {step.dtype}; they are one int64.")
    for name, array in arrays.items():
        if array.shape != parameters.shape or array.dtype != parameters.dtype:
            raise ValueError(
                f"{name} has the shape {array.shape} of {array.dtype}; the network's is {parameters.shape}."
            )
    if set(snapshot.progress) != set(Progress.COUNTED) or set(snapshot.steps) != set(Stepper.COUNTED):
        raise ValueError("it counts other things.")
    for number, entry in enumerate(snapshot.records, n_before + 1):
        if not is_record(entry) or entry["epoch"] != number:
            raise ValueError(f"its records have an entry that is not of epoch {number}.")
    epochs = {0, *range(n_before, n_before + len(snapshot.records) + 1)}
    for name in ("best_iter", "kept_iter"):
        if type(snapshot.progress[name]) is not int or snapshot.progress[name] not in epochs:
            raise ValueError(f"its {name} is {snapshot.progress[name]}, of {len(snapshot.records)} epochs.")


def restore(
    snapshot: Snapshot,
    parameters: np.ndarray,
    random_state: np.random.RandomState,
    moments: dict[str, np.ndarray],
    progress: Progress,
) -> None:
    """Set parameters, random state, moments and progress to those of a snapshot.

    Raises
    ------
    ValueError
        Where it is of another network or solver, or of other epochs.
    """
    check_snapshot(snapshot, parameters, progress.options.n_before)
    parameters[:] = snapshot.parameters
    random_state.set_state(snapshot.random_state.get_state())
    moments.update({name: moment.copy() for name, moment in snapshot.moments.items()})
    averages = snapshot.average, snapshot.average_before
    progress.restore(snapshot.progress, snapshot.records, snapshot.best_parameters, *averages)
