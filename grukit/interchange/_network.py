"""A network alone: recurrent layers and a head, by the names and in the layouts of grukit, and checks of what others give."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from grukit.model import NetworkSpec


class Network(NamedTuple):
    """Layers and a head."""

    spec: NetworkSpec
    weights: dict[str, np.ndarray]  # by the names and of the shapes of ``spec.shapes``


def gate_blocks(name: str, order: str, array: np.ndarray) -> np.ndarray:
    """The blocks of ``array``, along its first axis in the order r, z, n, in another order of gates; or back.

    Parameters
    ----------
    name : str
        Of what it is, for the message.
    order : str
        For instance "zrn". Its own inverse where it swaps two gates.
    array : ndarray of shape (3H, ...)
    """
    if array.shape[0] % 3:
        raise ValueError(f"{name} has the shape {array.shape}, which are no three gates.")
    blocks = dict(zip("rzn", np.split(array, 3), strict=True))
    return np.concatenate([blocks[gate] for gate in order])


def check_finite(network: Network) -> None:
    """Raise where a weight is NaN or infinite, naming it."""
    for name, array in network.weights.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity.")


def as_arrays(weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays or tensors by name as arrays of one floating type: float64 where all have it, else float32.

    Raises
    ------
    ValueError
        Naming what is no array of numbers.
    """
    arrays = {}
    for name, value in weights.items():
        try:
            arrays[name] = np.asarray(value)
        except (
            TypeError,
            RuntimeError,
            ValueError,
        ) as error:  # tensors of a GPU, or of a type that NumPy does not have
            raise ValueError(f"{name} cannot be made an array: {error}") from error
        if arrays[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} is an array of {arrays[name].dtype}, not of numbers.")
        if not arrays[name].size or not arrays[name].ndim:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, of no layer.")
    wide = all(array.dtype == np.float64 for array in arrays.values())
    return {name: array.astype(np.float64 if wide else np.float32) for name, array in arrays.items()}


def check_shapes(network: Network, source: Mapping[str, str]) -> None:
    """Raise where an array has not the shape that the network's other arrays ask for.

    Parameters
    ----------
    network : Network
    source : mapping of str to str
        What the user calls them.
    """
    for name, shape in network.spec.shapes.items():
        found = network.weights[name].shape
        if found != shape:
            raise ValueError(f"{source.get(name, name)} has the shape {found}; the network's is {shape}.")


def largest_share(expected: np.ndarray, found: np.ndarray, spread: Any) -> float:
    """How far outputs are from what was expected, at most, as a share of each output's spread; of 1 where it is zero."""
    spread = np.abs(np.asarray(spread, np.float64))
    return float((np.abs(found - expected) / np.where(spread > 0, spread, 1.0)).max())
