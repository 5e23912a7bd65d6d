"""Records that no estimator has, and what reads and writes them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from grukit.files import Codec


class Pair(NamedTuple):
    one: int
    other: float | None


@dataclass(frozen=True)
class Record:
    pair: Pair
    array: np.ndarray
    names: tuple[str, ...]
    anything: Any


@dataclass(frozen=True)
class Stretch:
    """Whole numbers one after another, which a file holds as the first and the last."""

    numbers: list[int]


class Ends(NamedTuple):
    first: int
    last: int

    @classmethod
    def of(cls, stretch):
        return cls(stretch.numbers[0], stretch.numbers[-1])

    def opened(self):
        if self.last < self.first:
            raise ValueError("it ends before it begins")
        return Stretch(list(range(self.first, self.last + 1)))


class Stretches(NamedTuple):
    each: list[Stretch]


CODEC = Codec(Pair, Record, Stretches, packed={Stretch: Ends})
