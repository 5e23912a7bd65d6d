"""Sizes that an ONNX graph computes, to reshape results by: numbers, and axes that are open, by their letters."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from grukit.interchange._flow import Flow
from grukit.interchange._onnx_constants import Open, Sizes, integer, integers

MOST, LARGEST = 8, 1 << 31  # sizes at once, and how large one may be: whatever a file asks for
ALIKE = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")  # which leave sizes, in their order, as they are


def shape_of(flow: Flow, attributes: dict[str, Any]) -> Sizes:
    """The sizes of its axes, or of some of them."""
    sizes = [letter if flow.size(letter) is None else flow.size(letter) for letter in flow.axes]
    return tuple(sizes[integer(attributes, "start", 0) : integer(attributes, "end", len(sizes))])


def computed(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> Sizes | None:
    """What a node makes of sizes; None where that is not known."""
    first, *others = map(known_sizes, inputs)
    if first is None:
        return None
    if kind in ALIKE:
        return first
    if kind == "Concat":
        joined = [size for each in (first, *others) for size in each or (None,)]
        return tuple(joined) if len(joined) <= MOST else None
    if kind == "Mul" and others[0] is not None and len(first) == len(others[0]):
        return tuple(_product(a, b) for a, b in zip(first, others[0], strict=True))
    if any(isinstance(each, Open) for each in inputs[1:]):
        return None
    if kind == "Gather" and others[0] is not None:
        return tuple(first[i] for i in others[0] if isinstance(i, int))
    if kind == "Slice":
        starts, ends = (integers(inputs, at, attributes, name) or [0] for at, name in ((1, "starts"), (2, "ends")))
        return first[starts[0] : ends[0] : (integers(inputs, 4, attributes, "steps") or [1])[0]]
    return None


def wanted(flow: Flow, sizes: Sizes, fixed: Mapping[str, int]) -> np.ndarray:
    """Sizes as the shape that a result is brought into, in which 0 keeps an axis.

    Parameters
    ----------
    flow : Flow
    sizes : tuple
    fixed : mapping of str to int
        Sizes of the input's axes that are not open, by their letters.

    Raises
    ------
    ValueError
        Where an axis would have a size that is not known.
    """
    letters = [flow.axes[i : i + 1] for i in range(len(sizes))]
    kept = [size in (letter, fixed.get(letter, letter)) for letter, size in zip(letters, sizes, strict=True)]
    if not all(keeps or isinstance(size, int) for keeps, size in zip(kept, sizes, strict=True)):
        raise ValueError(f"the axes {flow.axes} are brought into a shape that is not known")
    return np.array([0 if keeps else size for keeps, size in zip(kept, sizes, strict=True)])


def known_sizes(value: Any) -> Sizes | None:
    """Sizes, computed or constant; None where they are not known."""
    if isinstance(value, Open):
        return value.sizes
    few = isinstance(value, np.ndarray) and value.dtype.kind == "i" and value.size <= MOST
    return tuple(value.ravel().tolist()) if few else None


def _product(a: Any, b: Any) -> int | None:
    known = isinstance(a, int) and isinstance(b, int) and abs(a) < LARGEST and abs(b) < LARGEST
    return a * b if known else None
