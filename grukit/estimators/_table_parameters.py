"""The parameters of estimators of X and y, beside those that all share."""

from dataclasses import KW_ONLY
from typing import Annotated, Any

from grukit.estimators._checkpoint_parameters import CheckpointParameters
from grukit.estimators._declare import Choice, Parameter, with_parameters
from grukit.estimators._parameters import DECAY


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
    ] = "auto"
    averaging: Annotated[
        float | str,
        Parameter(
            DECAY,
            Choice("auto"),
            text="""Share that an average of the weights keeps from epoch to epoch; it is what is watched and kept. "auto": 0.8
            with early stopping, else 0, which is none. It begins anew with each ``fit``, of a warm start too; ``partial_fit``
            takes none. Not for "lbfgs".""",
        ),
    ] = "auto"
