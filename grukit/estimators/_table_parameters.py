"""The parameters of estimators of X and y, beside those that all share."""

from dataclasses import KW_ONLY
from typing import Annotated, Any

from grukit.estimators._checkpoint_parameters import CheckpointParameters
from grukit.estimators._declare import Choice, Parameter, with_parameters


@with_parameters
class TableParameters(CheckpointParameters):
    """Parameters of :class:`CheckpointParameters` and those of tables and targets."""

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
