"""What a graph does with numbers on their way through layers: an affine map of what the input, or the last layer, gives."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse


class Flow(NamedTuple):
    """A result in a graph: ``matrix`` times the features of its source, plus ``offset``, behind a link.

    Attributes
    ----------
    source : int
        0: the input; k: what layer k gives.
    of : str
        "steps": at every step; "states": its last states; "step": at the last step.
    axes : str
        What its axes are: B batch, T time, R directions, H features, 1 one alone. Without R, H is features of all directions.
    n_directions : int
        Size of R, 1 where there is none.
    matrix : sparse array of shape (F, n)
        Its features, directions first, of the n of the source.
    offset : ndarray of shape (F,)
    link : str
        "identity", or what was applied: "exp", "sigmoid", "softmax"; nothing may follow.
    """

    source: int
    of: str
    axes: str
    n_directions: int
    matrix: Any
    offset: np.ndarray
    link: str = "identity"

    @classmethod
    def from_source(cls, source: int, of: str, axes: str, n_directions: int, n_features: int) -> "Flow":
        """What a source gives as it is."""
        return cls(source, of, axes, n_directions, sparse.eye_array(n_features, format="csr"), np.zeros(n_features))

    @property
    def units(self) -> int:
        """Size of the axis H."""
        return len(self.offset) // self.n_directions

    def size(self, letter: str) -> int | None:
        """Size of an axis, None where the graph leaves it open."""
        return {"1": 1, "R": self.n_directions, "H": self.units}.get(letter)

    def axis(self, number: int) -> int:
        """The number of an axis, counted from the front.

        Raises
        ------
        ValueError
            Where there is none.
        """
        n = len(self.axes)
        if not -n <= number < n:
            raise ValueError(f"there is no axis {number} of {n}")
        return number % n

    def spread(self, constant: np.ndarray) -> np.ndarray:
        """A constant that is broadcast along its axes, for each feature (F,).

        Raises
        ------
        ValueError
            Where it differs between steps or rows, or is not of floats.
        """
        n = len(self.axes)
        _check_floats(constant)
        if constant.ndim > n:
            raise ValueError("a constant adds axes")
        shape = (1,) * (n - constant.ndim) + constant.shape
        for letter, size in zip(self.axes, shape, strict=True):
            if size != 1 and size != self.size(letter):
                raise ValueError("a constant differs between steps or rows")
        inner = [i for letter in "RH" for i in [self.axes.find(letter)] if i >= 0]
        others = [i for i in range(n) if i not in inner]
        own = constant.reshape(shape).transpose(others + inner).reshape([shape[i] for i in inner])
        wanted = [self.n_directions, self.units] if "R" in self.axes else [len(self.offset)]
        return np.broadcast_to(own, wanted).astype(np.float64).ravel()

    def scaled(self, factor: np.ndarray) -> "Flow":
        """Each feature times a factor (F,)."""
        return self._replace(matrix=sparse.diags_array(factor).tocsr() @ self.matrix, offset=self.offset * factor)

    def moved(self, by: np.ndarray) -> "Flow":
        """Each feature plus a number (F,)."""
        return self._replace(offset=self.offset + by)

    def mapped(self, matrix: np.ndarray) -> "Flow":
        """A product (K, F) with the features, which are the last axis."""
        if self.axes[-1:] != "H" or self.n_directions > 1 or matrix.ndim != 2 or matrix.shape[1] != len(self.offset):
            raise ValueError(
                f"a matrix of the shape {matrix.shape} meets {self.units} features of {self.n_directions} directions"
            )
        _check_floats(matrix)
        found, axes = sparse.csr_array(matrix.astype(np.float64)), self.axes.replace("R", "1")
        return self._replace(axes=axes, matrix=found @ self.matrix, offset=found @ self.offset)

    def chosen(self, axis: int, numbers: list[int], keep: bool) -> "Flow":
        """Some of the directions or features, in any order; the axis is kept or, of one number, dropped."""
        letter, features = self.axes[axis], np.arange(len(self.offset)).reshape(self.n_directions, self.units)
        if letter not in "RH" or not numbers:
            raise ValueError("some of the steps or rows are taken")
        if letter == "H" and not keep:
            raise ValueError("the axis of features is dropped")
        if letter == "H" and self.link == "softmax":
            raise ValueError("some outputs of a softmax are taken, which is not the softmax of some outputs")
        axes = self.axes if keep else self.axes[:axis] + self.axes[axis + 1 :]
        rows = (features[numbers] if letter == "R" else features[:, numbers]).ravel()
        n_directions = len(numbers) if letter == "R" else self.n_directions
        return self._replace(axes=axes, n_directions=n_directions, matrix=self.matrix[rows], offset=self.offset[rows])

    def transposed(self, order: list[int]) -> "Flow":
        """The axes in another order."""
        if sorted(order) != list(range(len(self.axes))):
            raise ValueError(f"axes are ordered by {order}")
        return self._replace(axes="".join(self.axes[i] for i in order))

    def reshaped(self, shape: list[int]) -> "Flow":
        """Axes of one taken away, put in, or directions and their features made one; 0 keeps an axis, -1 is the rest."""
        kept, rest, wrong = "", self.axes, ValueError(f"the axes {self.axes} are reshaped to {shape}")
        for n in shape:
            while n not in (0, 1) and rest and self._is_one(rest[0]):
                rest = rest[1:]
            first, aligned = rest[:1], len(kept) + len(rest) == len(self.axes)
            if n == 1:
                kept, rest = kept + "1", rest[1:] if self._is_one(first) else rest
            elif first and ((n == 0 and aligned) or (n == -1 and first in "BT") or (n > 1 and n == self.size(first))):
                kept, rest = kept + first, rest[1:]
            elif rest.replace("1", "") in ("RH", "H") and n in (-1, len(self.offset)):
                kept, rest = kept + "H", ""
            else:
                raise wrong
        if not all(map(self._is_one, rest)):
            raise wrong
        return self._replace(axes=kept, n_directions=self.n_directions if "R" in kept else 1)

    def _is_one(self, letter: str) -> bool:
        return letter == "1" or (letter == "R" and self.n_directions == 1)


def _check_floats(constant: np.ndarray) -> None:
    if constant.dtype.kind != "f":
        raise ValueError("a constant is not of floats")
