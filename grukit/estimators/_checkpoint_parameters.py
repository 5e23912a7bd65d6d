"""The parameters of training that another process goes on with."""

from dataclasses import KW_ONLY
from os import PathLike
from typing import Annotated, Any

from grukit.estimators._declare import Parameter, with_parameters
from grukit.estimators._parameters import COUNT, SharedParameters


@with_parameters
class CheckpointParameters(SharedParameters):
    """Parameters of :class:`SharedParameters` and those of checkpoints."""

    _: KW_ONLY
    checkpoint: Annotated[
        Any,
        Parameter(
            str,
            PathLike,
            None,
            kind="path or None",
            text="""File that ``fit`` writes between epochs, each time as a whole. Where the process ends before training
            does, ``fit(..., resume=True)`` with the same data and parameters goes on there, and ends with the same
            bits. Nothing is written where early stopping counts epochs on blocks in time, or parts of sequences, as by
            itself it does for small tables of X and y and for few sequences with a label each.""",
        ),
    ] = None
    checkpoint_every: Annotated[int, Parameter(COUNT, text="Epochs between two writings of ``checkpoint``.")] = 10
