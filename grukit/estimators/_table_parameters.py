"""The parameters of estimators of X and y, beside those that all share."""

from dataclasses import KW_ONLY
from os import PathLike
from typing import Annotated, Any

from grukit.estimators._declare import Choice, Parameter, with_parameters
from grukit.estimators._parameters import COUNT, SharedParameters


@with_parameters
class TableParameters(SharedParameters):
    """Parameters of :class:`SharedParameters` and those of tables and targets."""

    _: KW_ONLY
    difference: Annotated[
        Any,
        Parameter(
            "boolean",
            Choice("auto"),
            list,
            kind='bool, list of columns, or "auto"',
            text="""Columns of which the network receives the change from the row before, not the value. "auto": of a table
            those that drift: whose changes vary less than half as much as they do themselves, and whose means over windows
            more than 0.4 times as much. Not with ``missing="decay"``.""",
        ),
    ] = False
    checkpoint: Annotated[
        Any,
        Parameter(
            str,
            PathLike,
            None,
            kind="path or None",
            text="""File that ``fit`` writes between epochs, each time as a whole. Where the process ends before training
            does, ``fit(..., resume=True)`` with the same data and parameters goes on there, and ends with the same
            bits. Nothing is written where early stopping counts epochs on blocks in time, as by itself it does for small
            tables.""",
        ),
    ] = None
    checkpoint_every: Annotated[int, Parameter(COUNT, text="Epochs between two writings of ``checkpoint``.")] = 10
