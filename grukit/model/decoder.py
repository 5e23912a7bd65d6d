"""What a network goes on with ahead of a sample."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decoder:
    """A layer that goes on ahead of a sample, from its last state, with a head for each of its steps.

    It is of the network's cell, of as many units as its last layer, and begins with an affine map of that layer's last state.
    It is told the position: of steps that are taken one after another their share of all, of others one in a column of its
    own; and the columns that are known ahead.

    Parameters
    ----------
    steps : int
        Steps that are taken one after another,
    at_once : int
        or, each from the state that is given, at once. One of both is 1.
    rows : int
        Rows of a sample's table that are one step.
    columns : tuple of int
        Columns of the table that are read in the rows ahead.
    parts : int, default=1
        Parts of the outputs, one after another, to each of which a step gives as many.
    """

    steps: int
    at_once: int
    rows: int
    columns: tuple[int, ...]
    parts: int = 1

    @property
    def n_inputs(self) -> int:
        """Numbers a step."""
        return self.at_once + self.rows * len(self.columns)

    @property
    def n_positions(self) -> int:
        """Times that the head gives outputs."""
        return self.steps * self.at_once
