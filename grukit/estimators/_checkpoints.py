"""Training that goes on in another process: a file of where it is, and a mark of what it is the training of."""

import hashlib
import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from grukit.data import Horizons, Samples
from grukit.estimators._checkpoint_parameters import CheckpointParameters
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.fitted import FittedState
from grukit.files import Codec, parse, read_tensors, write_tensors
from grukit.train import Point
from grukit.version import __version__

ENTRY, FORMAT = "grukit checkpoint", 1
POINTS = Codec(Point)
WITHOUT_EFFECT = ("callbacks", "checkpoint", "checkpoint_every", "n_jobs", "verbose", "warm_start")  # on the bits


class Checkpoint:
    """A file of where training is.

    Parameters
    ----------
    path : str or path
        The file.
    mark : dict of str to object
        See :func:`mark_of`.
    """

    def __init__(self, path: str | os.PathLike[str], mark: dict[str, Any]):
        self.path, self.mark = Path(path), json.loads(json.dumps(mark))

    def write(self, point: Point) -> None:
        """Write where training is; the file is replaced as a whole."""
        tree, arrays = POINTS.encode(point, "point")
        told = {"format": FORMAT, "mark": self.mark, "point": tree}
        write_tensors(self.path, {ENTRY: json.dumps(told, allow_nan=False)}, arrays)

    def read(self) -> Point | None:
        """Where training was; None where there is no file yet.

        Raises
        ------
        ValueError
            Where the file is damaged, none of these, or of other data, parameters or another version, naming what differs.
        """
        if not self.path.exists():
            return None
        metadata, arrays = read_tensors(self.path)
        try:
            told = parse(metadata.get(ENTRY, "null"), "the document")
            if not isinstance(told, dict) or told.get("format") != FORMAT or set(told) != {"format", "mark", "point"}:
                raise ValueError("it is no checkpoint of this version's format.")
            self._check_mark(told["mark"])
            point = POINTS.decode(told["point"], arrays, "point")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.path} cannot be resumed: {error}") from error
        if not isinstance(point, Point) or arrays:
            raise ValueError(f"{self.path} cannot be resumed: it holds something else.")
        return point

    def _check_mark(self, mark: Any) -> None:
        if not isinstance(mark, dict) or not isinstance(mark.get("parameters"), dict):
            raise ValueError("it has no mark.")
        own = self.mark
        for name in sorted({*own["parameters"], *mark["parameters"]}):
            was, now = (each["parameters"].get(name) for each in (mark, own))
            if was != now:
                raise ValueError(f"it was written with {name}={was!r:.80}, and now {name}={now!r:.80}.")
        for name in own:
            if mark.get(name) != own[name]:
                drawn = own["parameters"].get("random_state") is None and name.endswith("data")
                drawn &= "horizon" not in own["parameters"]  # a forecaster holds out the last origins
                why = ": with random_state=None each fit draws the part that it holds out" if drawn else ""
                raise ValueError(f"it is of other {name}{why}.")


def checkpoint_options(
    model: CheckpointParameters, state: FittedState, training: Samples, validation: Samples | None, resume: bool
) -> dict[str, Any]:
    """Training options that write the model's checkpoint, where it has one, and begin at it where it is to ``resume``."""
    if model.checkpoint is None:
        return {}
    checkpoint = Checkpoint(model.checkpoint, mark_of(model, state, training, validation))
    return {"on_checkpoint": checkpoint.write, "begun": checkpoint.read() if resume else None}


def check_resume(model: CheckpointParameters, resume: bool) -> None:
    """Raise where there is no file to ``resume`` at."""
    if resume and model.checkpoint is None:
        raise ValueError("resume=True goes on at the file of the parameter checkpoint, which is None.")


def refuse_checkpoint(model: CheckpointParameters, resume: bool) -> None:
    """Raise where a fit that writes no checkpoint is to resume one, which is then of another fit."""
    if resume and Path(model.checkpoint).exists():
        raise ValueError(
            f"{model.checkpoint} cannot be resumed: this fit counts epochs on blocks in time, as early_stopping='auto' does "
            "for small tables, and writes no checkpoint. Delete the file, or choose early_stopping yourself."
        )


def mark_of(
    model: SharedParameters, state: FittedState, training: Samples, validation: Samples | None
) -> dict[str, Any]:
    """What a training's bits depend on: parameters by name, and hashes (SHA-256) of the rest."""
    given = {field.name: getattr(model, field.name) for field in fields(model)}
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
    tree, arrays = POINTS.encode(value, "a parameter")
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
