"""ONNX' operator GRU as a layer."""

from typing import Any, NamedTuple

import numpy as np

from grukit.interchange._flow import Flow
from grukit.interchange._network import gate_blocks
from grukit.interchange._onnx_constants import Open, integer

ORDER = "zrn"
ACTIVATIONS = ("sigmoid", "tanh")
DIRECTIONS = {"forward": (0,), "reverse": (1,), "bidirectional": (0, 1)}
ATTRIBUTES = {"hidden_size", "linear_before_reset", "direction", "layout", "activations"}


class OtherAxes(Exception):
    """A GRU whose input has the time and the batch the other way round."""


class Layer(NamedTuple):
    """A GRU node.

    Attributes
    ----------
    takes : Flow
    cell : str
    directions : tuple of int
        0 forward, 1 reverse.
    weights : list of dict of ndarray
        Of each direction: weight_ih, weight_hh, bias_ih, bias_hh, and initial (1, H), learned or zeros.
    batch_first : bool
    """

    takes: Flow
    cell: str
    directions: tuple[int, ...]
    weights: list[dict[str, np.ndarray]]
    batch_first: bool

    @property
    def units(self) -> int:
        """H."""
        return self.weights[0]["weight_hh"].shape[1]

    @property
    def n_numbers(self) -> int:
        """How many weights it has once what is done to its input is folded into them."""
        return len(self.directions) * 3 * self.units * (self.takes.matrix.shape[1] + self.units)

    def gives(self, k: int) -> list[Any]:
        """Y and Y_h of it as layer k, counted from one."""
        n = len(self.directions)
        axes = ("BTRH", "BRH") if self.batch_first else ("TRBH", "RBH")
        return [
            Flow.from_source(k, of, own, n, n * self.units) for of, own in zip(("steps", "states"), axes, strict=True)
        ]


def layer_of(inputs: list[Any], attributes: dict[str, Any], n_before: int) -> Layer:
    """The layer that a node is, of which ``n_before`` came before.

    Raises
    ------
    OtherAxes
        Where it reads the input of the graph, whose axes were taken to be in the other order.
    ValueError
        Where it is no layer of grukit's.
    """
    x, W, R, B, lengths, initial = [*inputs, None, None, None][:6]
    if lengths is not None:
        raise ValueError("it has sequence_lens; sequences of unequal length are the estimator's")
    directions = _directions(attributes)
    batch_first = bool(integer(attributes, "layout", 0))
    expected = "BTH" if batch_first else "TBH"
    if isinstance(x, Flow) and x.source == n_before == 0 and x.axes == expected[1] + expected[0] + "H":
        raise OtherAxes(f"the axes of its input are {x.axes}")
    right = isinstance(x, Flow) and (x.axes, x.source, x.of, x.link) == (expected, n_before, "steps", "identity")
    if not right:
        raise ValueError("its input is not what the input of the graph, or the GRU before it, gives at every step")
    B = _checked(W, R, B, len(directions), len(x.offset))
    begin = _initial(initial, len(directions), R.shape[2], batch_first)
    cell = "gru" if integer(attributes, "linear_before_reset", 0) else "gru_reset_before"
    weights = [_weights(W[r], R[r], B[r], begin[r]) for r in range(len(directions))]
    return Layer(x, cell, directions, weights, batch_first)


def _directions(attributes: dict[str, Any]) -> tuple[int, ...]:
    if set(attributes) - ATTRIBUTES:
        raise ValueError(f"it has the attributes {sorted(attributes)}, of which grukit knows {sorted(ATTRIBUTES)}")
    activations = [
        each.decode(errors="replace").lower() for each in getattr(attributes.get("activations"), "strings", [])
    ]
    direction = attributes["direction"].s.decode(errors="replace") if "direction" in attributes else "forward"
    directions = DIRECTIONS.get(direction)
    if directions is None or activations not in ([], list(ACTIVATIONS) * len(directions)):
        raise ValueError(f"it has the direction {direction!r:.80} and the activations {activations}")
    return directions


def _checked(W: Any, R: Any, B: Any, n: int, n_inputs: int) -> np.ndarray:
    """The biases, zeros where there are none, once all weights are known to be such."""
    for each in (W, R):
        if not isinstance(each, np.ndarray) or each.ndim != 3 or len(each) != n or each.dtype.kind != "f":
            raise ValueError("its weights are no constants of floats and three axes, one for each direction")
    H = R.shape[2]
    if H < 1 or W.shape[1:] != (3 * H, n_inputs) or R.shape[1] != 3 * H:
        raise ValueError(f"its weights have the shapes {W.shape} and {R.shape}, for {n_inputs} inputs")
    if B is None:
        return np.zeros((n, 6 * H), W.dtype)
    if not isinstance(B, np.ndarray) or B.shape != (n, 6 * H) or B.dtype.kind != "f":
        raise ValueError("its biases are no constant of the shape (directions, 6 * units), of floats")
    return B


def _initial(initial: Any, n: int, H: int, batch_first: bool) -> np.ndarray:
    """Initial states (n, 1, H) of each direction: zero, or learned, the same for all sequences."""
    constant = initial.constant if isinstance(initial, Open) else initial
    if initial is None:
        return np.zeros((n, 1, H))
    if not isinstance(constant, np.ndarray) or constant.dtype.kind != "f":
        raise ValueError("its initial states are no constant of floats")
    if constant.size == 1:
        return np.full((n, 1, H), constant.item(), np.float64)
    own = constant.swapaxes(0, 1) if batch_first and constant.ndim == 3 else constant
    if own.shape[:1] + own.shape[2:] != (n, H) or not (own.size and (own == own[:, :1]).all()):
        raise ValueError(f"its initial states have the shape {constant.shape}; all sequences must begin alike")
    return own[:, :1]


def _weights(W: np.ndarray, R: np.ndarray, B: np.ndarray, begin: np.ndarray) -> dict[str, np.ndarray]:
    inner, outer = np.split(B, 2)
    named = {"weight_ih": W, "weight_hh": R, "bias_ih": inner, "bias_hh": outer}
    return {**{name: gate_blocks(name, ORDER, array) for name, array in named.items()}, "initial": begin}
