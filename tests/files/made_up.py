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


CODEC = Codec(Pair, Record)
