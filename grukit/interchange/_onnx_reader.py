"""An ONNX graph read as a network: each node is followed symbolically; what is no GRU, head or scaling is refused."""

from typing import Any, NamedTuple

import numpy as np

from grukit.interchange._flow import Flow
from grukit.interchange._network import gate_blocks
from grukit.interchange._onnx_constants import array_of
from grukit.interchange._onnx_operators import ARITHMETIC, OPERATORS, of_constant, refuse

ORDER = "zrn"
ACTIVATIONS = ("sigmoid", "tanh")


class OtherAxes(Exception):
    """A GRU whose input has the time and the batch the other way round."""


class Open(NamedTuple):
    """Numbers that depend on the size of the input: shapes, and constants that are as large."""

    constant: np.ndarray | None = None


class Layer(NamedTuple):
    """A GRU node."""

    takes: Flow
    cell: str
    directions: tuple[int, ...]  # 0 forward, 1 reverse
    weights: list[
        dict[str, np.ndarray]
    ]  # of each direction: weight_ih, weight_hh, bias_ih, bias_hh, initial (1, H) or zeros


class Reader:
    """Follows the nodes of a graph.

    Attributes
    ----------
    results : dict of str
        Constants, flows, and what is open, by name.
    layers : list of Layer
    """

    def __init__(self, graph: Any):
        self.results: dict[str, Any] = {each.name: array_of(each) for each in graph.initializer}
        self.layers: list[Layer] = []
        if graph.sparse_initializer:
            raise ValueError("it has sparse constants.")
        inputs = [each for each in graph.input if each.name not in self.results]
        if len(inputs) != 1:
            raise ValueError(
                f"it has {len(inputs)} inputs, {[each.name for each in inputs][:5]}; a network of GRUs has one."
            )
        self.input = inputs[0].name
        self.results[self.input] = None  # known once something reads it
        self.n_features = _last_size(inputs[0])
        if len(inputs[0].type.tensor_type.shape.dim) != 3:
            raise ValueError(f"its input {self.input!r} has not three axes.")

    def follow(self, nodes: Any) -> None:
        """Read all nodes. Which axis of the input is the time, a GRU tells; until then they are taken to be B, T, H."""
        known = dict(self.results)
        for axes in ("BTH", "TBH"):
            self.results, self.layers = dict(known), []
            self.results[self.input] = Flow.from_source(0, "steps", axes, 1, self.n_features)
            try:
                self._follow_all(nodes)
                return
            except OtherAxes as error:
                if axes == "TBH":
                    raise ValueError(str(error)) from error

    def _follow_all(self, nodes: Any) -> None:
        for node in nodes:
            try:
                self._follow(node)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
                raise ValueError(f"the node {node.name or node.op_type!r} ({node.op_type}): {error}.") from error

    def _follow(self, node: Any) -> None:
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"its operator is of the domain {node.domain!r:.80}")
        missing = [name for name in node.input if name and name not in self.results]
        if missing:
            raise ValueError(f"its input {missing[0]!r:.80} is not there")
        inputs = [self.results[name] if name else None for name in node.input]
        found = self._result(node, inputs, {each.name: each for each in node.attribute})
        outputs = found if isinstance(found, list) else [found]
        for name, result in zip(node.output, outputs, strict=False):
            if name in self.results:
                raise ValueError(f"its output {name!r:.80} is there already")
            if name:
                self.results[name] = result

    def _result(self, node: Any, inputs: list[Any], attributes: dict[str, Any]) -> Any:
        kind = node.op_type
        if kind == "GRU":
            return self._gru(inputs, attributes)
        if kind == "Constant":
            return array_of(attributes["value"].t) if "value" in attributes else refuse("a constant of another form")
        if kind in ("Shape", "Size"):
            return Open()
        if kind == "ConstantOfShape":
            return Open(array_of(attributes["value"].t) if "value" in attributes else np.zeros(1, np.float32))
        if kind == "Expand":
            return Open(inputs[0]) if isinstance(inputs[0], np.ndarray) else refuse("what it expands is no constant")
        if kind in ARITHMETIC and any(isinstance(each, Flow) for each in inputs):
            return ARITHMETIC[kind](*inputs)
        reads = OPERATORS.get(kind)
        if any(isinstance(each, Open) for each in inputs) and not any(isinstance(each, Flow) for each in inputs):
            return Open()
        if reads is None or not inputs or any(isinstance(each, Open) for each in inputs):
            raise ValueError("its operator, on such numbers, is no part of a GRU, a linear head or scaling")
        if isinstance(inputs[0], np.ndarray) and kind not in ("Concat",):
            return of_constant(kind, inputs, attributes)
        return reads(inputs, attributes)

    def _gru(self, inputs: list[Any], attributes: dict[str, Any]) -> list[Any]:
        """Y and Y_h, and the layer noted."""
        x, W, R, B, lengths, initial = [*inputs, None, None, None][:6]
        if lengths is not None:
            raise ValueError("it has sequence_lens; sequences of unequal length are the estimator's")
        known = {"hidden_size", "linear_before_reset", "direction", "layout", "activations", "clip"}
        if set(attributes) - known or "clip" in attributes:
            raise ValueError(
                f"it has the attributes {sorted(attributes)}, of which grukit knows {sorted(known - {'clip'})}"
            )
        activations = [
            each.decode(errors="replace").lower() for each in getattr(attributes.get("activations"), "strings", [])
        ]
        direction = attributes["direction"].s.decode(errors="replace") if "direction" in attributes else "forward"
        directions = {"forward": (0,), "reverse": (1,), "bidirectional": (0, 1)}.get(direction)
        if directions is None or activations not in ([], list(ACTIVATIONS) * len(directions)):
            raise ValueError(f"it has the direction {direction!r:.80} and the activations {activations}")
        batch_first = bool(attributes["layout"].i) if "layout" in attributes else False
        expected = "BTH" if batch_first else "TBH"
        if isinstance(x, Flow) and x.source == 0 and not self.layers and x.axes == expected[1] + expected[0] + "H":
            raise OtherAxes(f"the axes of its input are {x.axes}")
        if (
            not isinstance(x, Flow)
            or x.axes != expected
            or x.source != len(self.layers)
            or x.of != "steps"
            or x.link != "identity"
        ):
            raise ValueError("its input is not what the input of the graph, or the GRU before it, gives at every step")
        if not all(isinstance(each, np.ndarray) and each.ndim == 3 and len(each) == len(directions) for each in (W, R)):
            raise ValueError("its weights are no constants of three axes, one for each direction")
        H = R.shape[2]
        if H < 1 or W.shape[1:] != (3 * H, len(x.offset)) or R.shape[1] != 3 * H:
            raise ValueError(f"its weights have the shapes {W.shape} and {R.shape}, for {len(x.offset)} inputs")
        B = np.zeros((len(directions), 6 * H), W.dtype) if B is None else B
        if not isinstance(B, np.ndarray) or B.shape != (len(directions), 6 * H):
            raise ValueError("its biases are no constant of the shape (directions, 6 * units)")
        after = "linear_before_reset" in attributes and attributes["linear_before_reset"].i != 0
        begin = _initial(initial, len(directions), H, batch_first)
        weights = [_weights(W[r], R[r], B[r], begin[r]) for r in range(len(directions))]
        self.layers.append(Layer(x, "gru" if after else "gru_reset_before", directions, weights))
        k, n = len(self.layers), len(directions)
        axes = ("BTRH", "BRH") if batch_first else ("TRBH", "RBH")
        return [Flow.from_source(k, of, own, n, n * H) for of, own in zip(("steps", "states"), axes, strict=True)]


def _last_size(value: Any) -> int:
    dims = value.type.tensor_type.shape.dim
    n = dims[-1].dim_value if len(dims) else 0
    if not 0 < n < 1 << 20:
        raise ValueError(f"its input {value.name!r:.80} does not say how many features there are.")
    return int(n)


def _initial(initial: Any, n: int, H: int, batch_first: bool) -> np.ndarray:
    """Initial states (n, 1, H) of each direction: zero, or learned, the same for all sequences."""
    constant = initial.constant if isinstance(initial, Open) else initial
    if initial is None:
        return np.zeros((n, 1, H))
    if not isinstance(constant, np.ndarray):
        raise ValueError("its initial states are no constant")
    if constant.size == 1:
        return np.full((n, 1, H), constant.item(), np.float64)
    own = constant.swapaxes(0, 1) if batch_first and constant.ndim == 3 else constant
    if own.shape != (n, 1, H):
        raise ValueError(f"its initial states have the shape {constant.shape}; all sequences must begin alike")
    return own


def _weights(W: np.ndarray, R: np.ndarray, B: np.ndarray, begin: np.ndarray) -> dict[str, np.ndarray]:
    inner, outer = np.split(B, 2)
    named = {"weight_ih": W, "weight_hh": R, "bias_ih": inner, "bias_hh": outer}
    return {**{name: gate_blocks(name, ORDER, array) for name, array in named.items()}, "initial": begin}
