"""What is recorded of each epoch, which weights are the best so far, and when to stop."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from grukit.train.options import TrainingOptions


class Progress:
    """The record of a fit.

    Parameters
    ----------
    options : TrainingOptions
        Of them ``max_iter``, ``tol``, ``n_iter_no_change``, ``verbose``, ``callbacks``, ``n_before``.

    Attributes
    ----------
    records : list of dict
        epoch (from 1), loss, validation_loss, gradient_norm, learning_rate, seconds.
    best_parameters : ndarray or None
        Copy of the parameters with the lowest loss: the validation loss where there is one, otherwise the training loss.
    best_iter : int
        Their epoch.
    kept_iter : int
        Epoch whose parameters training leaves: the last, or the best.
    n_waiting : int
        Epochs in a row without improvement.
    start_loss : float
        Validation loss of the initial parameters, where they count; else NaN.
    stop_reason : str
        One sentence; empty while training goes on.
    interrupted : bool
        Whether Ctrl-C ended training.
    called_off : bool
        Whether a callback did.
    average, average_before : ndarray or None
        Average of the parameters over epochs, of which each weighs ``averaging`` times as much as the next; and what it was
        before the last epoch, whose last step may yet be undone.
    """

    COUNTED = (
        "best_iter",
        "best_loss",
        "kept_iter",
        "n_waiting",
        "start_loss",
        "_to_beat",
    )  # what goes on after an interruption
    ENTRIES = ("epoch", "loss", "validation_loss", "gradient_norm", "learning_rate", "seconds")  # of a record

    def __init__(self, options: TrainingOptions):
        self.options = options
        self.records: list[dict[str, Any]] = []
        self.best_parameters: np.ndarray | None = None
        self.best_iter = 0
        self.best_loss: float = np.inf
        self.kept_iter = 0
        self.n_waiting = 0
        self.start_loss = np.nan
        self.stop_reason = ""
        self.interrupted = self.called_off = False
        self.average: np.ndarray | None = None
        self.average_before: np.ndarray | None = None
        self._to_beat = np.inf
        self._bar = progress_bar(options.max_iter, "epoch") if options.verbose else None
        self._clock = time.perf_counter()

    def record(
        self,
        parameters: np.ndarray,
        loss: float,
        validation_loss: float | None,
        gradient_norm: float,
        learning_rate: float,
    ) -> None:
        """Record one epoch, keep the parameters where they are the best so far, and decide whether to go on."""
        now = time.perf_counter()
        seconds, self._clock = now - self._clock, now
        epoch = self.options.n_before + len(self.records) + 1
        watched = np.nan if validation_loss is None else validation_loss
        entry: dict[str, Any] = dict(
            zip(self.ENTRIES, (epoch, loss, watched, gradient_norm, learning_rate, seconds), strict=True)
        )
        self.records.append(entry)
        self.kept_iter = entry["epoch"]
        monitored = loss if validation_loss is None else validation_loss
        if monitored < self.best_loss:
            self.best_loss, self.best_parameters = monitored, parameters.copy()
            self.best_iter = self.options.n_before + len(self.records)
        self.n_waiting = 0 if monitored < self._to_beat - self.options.tol else self.n_waiting + 1
        self._to_beat = min(self._to_beat, monitored)
        if self._bar is not None and self._bar.update():
            self._bar.set_postfix_str(f"loss {monitored:.4g}", refresh=False)
        if any([_is_true(callback(dict(entry))) for callback in self.options.callbacks]):
            self.called_off = True
            self.stop_reason = f"A callback stopped training after epoch {entry['epoch']}."

    def averaged(self, parameters: np.ndarray) -> np.ndarray:
        """What an epoch leaves: its parameters, or the average with those of the epochs before."""
        share = float(self.options.averaging)  # a NumPy float64 would make float64 of float32
        if not share:
            return parameters
        self.average_before = before = self.average
        self.average = parameters.copy() if before is None else share * before + (1 - share) * parameters
        return self.average

    def begin(self, parameters: np.ndarray, validation_loss: float) -> None:
        """Let the initial parameters count, as epoch 0."""
        self.start_loss = self.best_loss = self._to_beat = validation_loss
        self.best_parameters, self.best_iter = parameters.copy(), self.options.n_before

    def restore(
        self,
        counted: dict[str, float],
        records: Iterable[dict[str, Any]],
        best_parameters: np.ndarray | None,
        average: np.ndarray | None,
        average_before: np.ndarray | None,
    ) -> None:
        """Go on where another progress was: with its values of ``COUNTED``, its records, best and average parameters."""
        self.records.extend(dict(entry) for entry in records)
        self.best_parameters = None if best_parameters is None else best_parameters.copy()
        self.average = None if average is None else average.copy()
        self.average_before = None if average_before is None else average_before.copy()
        for name in self.COUNTED:
            setattr(self, name, counted[name])
        if self._bar is not None:
            self._bar.update(len(self.records))

    def take_back(self, parameters: np.ndarray) -> None:
        """Correct the last epoch's parameters, whose last step was undone."""
        if self.average is not None:
            self.average = self.average_before
            parameters = self.averaged(parameters)
        if self.records and self.best_iter == self.records[-1]["epoch"]:
            self.best_parameters = parameters.copy()

    def keep_best(self, parameters: np.ndarray) -> None:
        """Leave the best parameters so far in ``parameters``, where any epoch was finished."""
        if self.best_parameters is not None:
            parameters[:] = self.best_parameters
            self.kept_iter = self.best_iter

    @property
    def out_of_patience(self) -> bool:
        """Whether ``n_iter_no_change`` epochs in a row brought no improvement of at least ``tol``."""
        return self.n_waiting >= self.options.n_iter_no_change

    def close(self) -> None:
        """End the progress bar."""
        if self._bar is not None:
            self._bar.close()


def is_record(entry: dict[str, Any]) -> bool:
    """Whether an entry, which may come from a file, has the numbers of an epoch, none too large for a column of numbers."""
    numbers = (type(value) is float or (type(value) is int and abs(value) < 1 << 53) for value in entry.values())
    return set(entry) == set(Progress.ENTRIES) and all(numbers)


def progress_bar(total: int, unit: str, steps: Iterable[Any] | None = None) -> Any:
    """A bar on stderr, of so many steps; where they are given, it is iterated over in their place."""
    # Imported where it is wanted: tqdm starts a thread even for a bar that is not shown.
    from tqdm.auto import tqdm

    return tqdm(steps, total=total, unit=unit)


def _is_true(answer: Any) -> bool:
    """Whether a callback said True, Python's or NumPy's; other objects say nothing."""
    return isinstance(answer, bool | np.bool_) and bool(answer)
