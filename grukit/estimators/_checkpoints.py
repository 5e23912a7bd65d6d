"""Training that goes on in another process: a file of where it is, and a mark of what it is the training of."""

import hashlib
import json
import os
from copy import deepcopy
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from grukit.data import Horizons, Samples
from grukit.engines import missing_for_cuda
from grukit.estimators._checkpoint_parameters import CheckpointParameters
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.fitted import FittedState
from grukit.files import Codec, check_replaceable, parse, read_tensors, write_tensors
from grukit.train import Snapshot
from grukit.version import __version__

ENTRY, FORMAT = "grukit checkpoint", 1
CODEC = Codec(Snapshot)
WITHOUT_EFFECT = ("callbacks", "checkpoint", "checkpoint_every", "n_jobs", "verbose", "warm_start")  # on the bits


class Checkpoint:
    """A file of where training is.

    Parameters
    ----------
    path : str or path
        The file.
    mark : dict of str to object
        See :func:`mark_of`.

    Attributes
    ----------
    snapshots : list of Snapshot or None
        Where each training of the fit is, or was last before it ended; None where that was never written.
    """

    def __init__(self, path: str | os.PathLike[str], mark: dict[str, Any]):
        self.path, self.mark = Path(path), json.loads(json.dumps(mark))
        self.snapshots: list[Snapshot | None] = []

    def write(self, number: int, snapshot: Snapshot) -> None:
        """Write where the training of that number is; the file is replaced as a whole."""
        self.snapshots += [None] * (number + 1 - len(self.snapshots))
        self.snapshots[number] = deepcopy(snapshot)  # training goes on in its arrays
        tree, arrays = CODEC.encode(self.snapshots, "snapshots")
        told = {"format": FORMAT, "mark": self.mark, "snapshots": tree}
        write_tensors(self.path, {ENTRY: json.dumps(told, allow_nan=False)}, arrays)

    def read(self) -> None:
        """Read where training was, where there is a file.

        Raises
        ------
        ValueError
            Where the file is damaged, none of these, or of other data, parameters or another version, naming what differs.
        """
        if not self.path.exists():
            return
        metadata, arrays = read_tensors(self.path)
        try:
            told = parse(metadata.get(ENTRY, "null"), "the document")
            whole = isinstance(told, dict) and set(told) == {"format", "mark", "snapshots"}
            if not whole or told["format"] != FORMAT:
                raise ValueError("it is no checkpoint of this version's format.")
            self._check_mark(told["mark"])
            snapshots = CODEC.decode(told["snapshots"], arrays, "snapshots")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path} cannot be resumed: {error}") from error
        of_snapshots = isinstance(snapshots, list) and all(isinstance(each, Snapshot | None) for each in snapshots)
        if not of_snapshots or arrays:
            raise ValueError(f"{self.path} cannot be resumed: it holds something else.")
        self.snapshots = snapshots

    def _check_mark(self, mark: Any) -> None:
        if not isinstance(mark, dict) or not isinstance(mark.get("parameters"), dict):
            raise ValueError("it has no mark.")
        own = self.mark
        # The class first: parameters differ between classes, too.
        for name in sorted({*own["parameters"], *mark["parameters"]}, key=lambda name: (name != "class", name)):
            was, now = (each["parameters"].get(name) for each in (mark, own))
            if was != now:
                raise ValueError(f"it was written with {name}={was!r:.80}, and now {name}={now!r:.80}.")
        for name in own:
            if mark.get(name) != own[name]:
                drawn = own["parameters"].get("random_state") is None and name.endswith("data")
                drawn &= "horizon" not in own["parameters"]  # a forecaster holds out the last origins
                why = ": with random_state=None each fit draws the part that it holds out" if drawn else ""
                raise ValueError(f"it is of other {name}{why}.")


def open_checkpoint(
    model: CheckpointParameters, state: FittedState, training: Samples, validation: Samples | None, resume: bool
) -> Checkpoint | None:
    """The model's checkpoint, where it has one, with what its file says where training is to ``resume``."""
    if model.checkpoint is None:
        return None
    check_replaceable(Path(model.checkpoint))  # before the epochs whose end it is to hold
    checkpoint = Checkpoint(model.checkpoint, mark_of(model, state, training, validation))
    if resume:
        checkpoint.read()
    return checkpoint


def checkpoint_options(checkpoint: Checkpoint | None, number: int) -> dict[str, Any]:
    """Training options that write the checkpoint, of the training of that number in a fit, and begin at it."""
    if checkpoint is None:
        return {}
    begun = checkpoint.snapshots[number] if number < len(checkpoint.snapshots) else None
    return {"on_checkpoint": partial(checkpoint.write, number), "begun": begun}


def check_resume(model: CheckpointParameters, resume: bool) -> None:
    """Raise where there is no file to ``resume`` at."""
    if resume and model.checkpoint is None:
        raise ValueError("resume=True goes on at the file of the parameter checkpoint, which is None.")


def refuse_checkpoint(model: CheckpointParameters, resume: bool) -> None:
    """Raise where a fit that writes no checkpoint is to resume one, which is then of another fit."""
    if resume and Path(model.checkpoint).exists():
        raise ValueError(
            f"{model.checkpoint} cannot be resumed: this fit counts epochs on blocks in time, or on parts of the sequences, "
            "as early_stopping='auto' does with few samples, and writes no checkpoint. Delete the file, or choose "
            "early_stopping yourself."
        )


def mark_of(
    model: SharedParameters, state: FittedState, training: Samples, validation: Samples | None
) -> dict[str, Any]:
    """What a training's bits depend on: parameters by name, and hashes (SHA-256) of the rest."""
    given = {field.name: getattr(model, field.name) for field in fields(model)}
    if given["device"] == "auto" and missing_for_cuda():  # the same bits, on a Dask cluster, too
        given["device"] = "cpu"
    parameters = {name: _written(value) for name, value in given.items() if name not in WITHOUT_EFFECT}
    going_on = [state.parameters, *state.training.moments.values()] if state.training.records else []
    return {
        "parameters": {"class": type(model).__name__, **parameters},
        "training data": _hash_of(training),
        "validation data": None if validation is None else _hash_of(validation),
        "weights to go on from": _hash([np.array(len(state.training.records)), *going_on]),
        "version of grukit": __version__,
    }


def _written(value: Any) -> Any:
    tree, arrays = CODEC.encode(value, "a parameter")
    return [tree, _hash(list(arrays.values()))] if arrays else tree


def _hash_of(samples: Samples) -> str:
    sequences, targets = samples.sequences, samples.targets
    own = targets.arrays if isinstance(targets, Horizons) else [targets]
    return _hash(
        [sequences.values, sequences.starts, sequences.lengths, *own, samples.weights, samples.step_weights],
    )


def _hash(arrays: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
