"""An ONNX graph read as a network: each node is followed symbolically; what is no GRU, head or scaling is refused."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from grukit.interchange._flow import Flow
from grukit.interchange._network import gate_blocks

ORDER = "zrn"
ACTIVATIONS = ("sigmoid", "tanh")
TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8"}  # of TensorProto.DataType


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
            return array_of(attributes["value"].t) if "value" in attributes else _refuse("a constant of another form")
        if kind in ("Shape", "Size"):
            return Open()
        if kind == "ConstantOfShape":
            return Open(array_of(attributes["value"].t) if "value" in attributes else np.zeros(1, np.float32))
        if kind == "Expand":
            return Open(inputs[0]) if isinstance(inputs[0], np.ndarray) else _refuse("what it expands is no constant")
        if kind in ARITHMETIC and any(isinstance(each, Flow) for each in inputs):
            return ARITHMETIC[kind](*inputs)
        reads = OPERATORS.get(kind)
        if any(isinstance(each, Open) for each in inputs) and not any(isinstance(each, Flow) for each in inputs):
            return Open()
        if reads is None or not inputs or any(isinstance(each, Open) for each in inputs):
            raise ValueError("its operator, on such numbers, is no part of a GRU, a linear head or scaling")
        if isinstance(inputs[0], np.ndarray) and kind not in ("Concat",):
            return _of_constant(kind, inputs, attributes)
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


def array_of(tensor: Any) -> np.ndarray:
    """A constant, once its size was compared with what the file holds of it.

    Raises
    ------
    ValueError
        Where it is in another file, of a type that no weight has, or of another size than it says.
    """
    what = f"the constant {tensor.name!r:.80}"
    if tensor.data_location != 0 or len(tensor.external_data):
        raise ValueError(f"{what} is in another file, which is not opened.")
    if tensor.data_type not in TYPES:
        raise ValueError(f"{what} has the type {tensor.data_type}, of no weight or shape.")
    dtype, shape = np.dtype(TYPES[tensor.data_type]), tuple(tensor.dims)
    fields = {
        1: tensor.float_data,
        6: tensor.int32_data,
        7: tensor.int64_data,
        9: tensor.int32_data,
        11: tensor.double_data,
    }
    size = 1
    for n in shape:
        if n < 0 or len(shape) > 8:
            raise ValueError(f"{what} has the shape {shape!r:.80}.")
        size *= n
    held = len(tensor.raw_data) // dtype.itemsize if tensor.raw_data else len(fields.get(tensor.data_type, ()))
    if size != held or len(tensor.raw_data) % dtype.itemsize:
        raise ValueError(f"{what} has the shape {shape!r:.80} and {held} numbers.")
    if tensor.raw_data:
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    return np.array(fields.get(tensor.data_type, ()), dtype).reshape(shape)


def _refuse(reason: str) -> Any:
    raise ValueError(reason)


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


def _add(a: Any, b: Any) -> Flow:
    return a.moved(b) if isinstance(a, Flow) else b.moved(a)


def _arithmetic(combine: Callable[[Flow, np.ndarray, bool], Flow]) -> Callable[[Any, Any], Flow]:
    """An operator of a flow and a constant, either first."""

    def apply(a: Any, b: Any) -> Flow:
        flow, constant = (a, b) if isinstance(a, Flow) else (b, a)
        if not isinstance(constant, np.ndarray):
            raise ValueError("two results are combined, as of a linear part beside the network")
        if flow.link != "identity":
            raise ValueError("it comes after the link of the outputs")
        return combine(flow, flow.spread(constant), flow is a)

    return apply


ARITHMETIC: dict[str, Callable[[Any, Any], Flow]] = {
    "Add": _arithmetic(lambda flow, c, first: flow.moved(c)),
    "Sub": _arithmetic(lambda flow, c, first: flow.moved(-c) if first else flow.scaled(-np.ones(len(c))).moved(c)),
    "Mul": _arithmetic(lambda flow, c, first: flow.scaled(c)),
    "Div": _arithmetic(lambda flow, c, first: flow.scaled(1 / c) if first else _refuse("it divides by a result")),
}


def _integer(attributes: dict[str, Any], name: str, default: int) -> int:
    return int(attributes[name].i) if name in attributes else default


def _integers(inputs: list[Any], at: int, attributes: dict[str, Any], name: str) -> list[int] | None:
    """Whole numbers, given as an input by newer opsets and as an attribute by older ones."""
    if len(inputs) > at and inputs[at] is not None:
        if not isinstance(inputs[at], np.ndarray) or inputs[at].dtype.kind != "i" or inputs[at].size > 8:
            raise ValueError(f"its {name} are no constant")
        return [int(each) for each in inputs[at].ravel()]
    return [int(each) for each in attributes[name].ints] if name in attributes else None


def _of_constant(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> np.ndarray:
    """What may be done to a constant before it is used; nothing makes it larger."""
    array = inputs[0]
    if kind in ("Identity", "Cast", "Dropout"):
        return array
    if kind == "Transpose":
        order = _integers(inputs, 1, attributes, "perm")
        return array.transpose(order)
    if kind == "Neg":
        return -array
    if kind in ("Reshape", "Unsqueeze", "Squeeze"):
        numbers = _integers(inputs, 1, attributes, "axes") or []
        if kind == "Reshape":
            return array.reshape([array.shape[i] if n == 0 else n for i, n in enumerate(numbers)])
        return np.expand_dims(array, tuple(numbers)) if kind == "Unsqueeze" else array.squeeze(tuple(numbers) or None)
    raise ValueError("it computes a constant")


def _matmul(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    if len(inputs) != 2 or not isinstance(inputs[1], np.ndarray):
        raise ValueError("it multiplies two results")
    return _linked(inputs[0]).mapped(inputs[1].T)


def _gemm(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, matrix, *rest = inputs
    scales = [float(attributes[name].f) if name in attributes else 1.0 for name in ("alpha", "beta")]
    if _integer(attributes, "transA", 0) or len(flow.axes) != 2 or not isinstance(matrix, np.ndarray):
        raise ValueError("it is no layer of a constant matrix")
    found = _linked(flow).mapped(scales[0] * (matrix if _integer(attributes, "transB", 0) else matrix.T))
    if not rest or rest[0] is None:
        return found
    return (
        found.moved(scales[1] * found.spread(rest[0]))
        if isinstance(rest[0], np.ndarray)
        else _refuse("no constant bias")
    )


def _linked(flow: Flow) -> Flow:
    return flow if flow.link == "identity" else _refuse("it comes after the link of the outputs")


def _transpose(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    order = _integers(inputs, 1, attributes, "perm")
    return inputs[0].transposed([*range(len(inputs[0].axes))][::-1] if order is None else order)


def _reshape(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    shape = _integers(inputs, 1, attributes, "shape")
    if shape is None or _integer(attributes, "allowzero", 0):
        raise ValueError("its shape is no constant")
    return inputs[0].reshaped(shape)


def _squeeze(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, axes = inputs[0], _integers(inputs, 1, attributes, "axes")
    if axes is None:
        gone = [i for i, letter in enumerate(flow.axes) if letter in "1R" and flow.size(letter) == 1]
    else:
        gone = [flow.axis(i) for i in axes]
    if any(flow.axes[i] not in "1R" or flow.size(flow.axes[i]) != 1 for i in gone):
        raise ValueError("it drops an axis that is no one")
    return flow._replace(axes="".join(each for i, each in enumerate(flow.axes) if i not in gone))


def _unsqueeze(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, axes = inputs[0], _integers(inputs, 1, attributes, "axes") or []
    letters, n = list(flow.axes), len(flow.axes) + len(axes)
    for i in sorted(axis % n for axis in axes):
        letters.insert(i, "1")
    return flow._replace(axes="".join(letters))


def _concat(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    first = inputs[0]
    if not all(isinstance(each, Flow) for each in inputs):
        raise ValueError("it joins a result and a constant")
    axis = first.axis(_integer(attributes, "axis", 0))
    own = (first.source, first.of, first.axes, 1)
    alike = all((each.source, each.of, each.axes, each.n_directions) == own for each in inputs)
    if not alike or first.axes[axis] != "H" or any(each.link != "identity" for each in inputs):
        raise ValueError("it joins something else than features of one layer")
    matrix = sparse.vstack([each.matrix for each in inputs], format="csr")
    return first._replace(matrix=matrix, offset=np.concatenate([each.offset for each in inputs]))


def _gather(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, index = inputs[:2]
    axis = flow.axis(_integer(attributes, "axis", 0))
    if not isinstance(index, np.ndarray) or index.dtype.kind != "i" or index.size != 1 or index.ndim > 1:
        raise ValueError("it takes several, or not always the same")
    number, keep = int(index.item()), index.ndim == 1
    if flow.axes[axis] == "T":
        return _last_step(flow, axis, number, keep)
    size = flow.size(flow.axes[axis]) or 0
    if not -size <= number < size:
        raise ValueError(f"it takes the number {number} of {size}")
    return flow.chosen(axis, [number % size], keep)


def _last_step(flow: Flow, axis: int, number: int, keep: bool) -> Flow:
    """The last step of a layer, which is the last state of the direction forward, but the first of the reverse one."""
    if number != -1 or flow.source == 0 or flow.of != "steps":
        raise ValueError("it takes a step that is not the last of a layer")
    return flow._replace(of="step", axes=flow.axes[:axis] + ("1" if keep else "") + flow.axes[axis + 1 :])


def _slice(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow = inputs[0]
    starts, ends = (_integers(inputs, at, attributes, name) for at, name in ((1, "starts"), (2, "ends")))
    axes, steps = (_integers(inputs, at, attributes, name) for at, name in ((3, "axes"), (4, "steps")))
    if starts is None or ends is None or len(starts) != len(ends) or len(axes or starts) != len(starts):
        raise ValueError("its starts and ends are no constants")
    steps = steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes or range(len(starts)), steps, strict=True):
        at = flow.axis(axis)
        size = flow.size(flow.axes[at])
        if flow.axes[at] == "T" and start == -1 and step == 1 and end >= 1 << 31:
            flow = _last_step(flow, at, -1, True)
        elif size is None or step == 0:
            raise ValueError("it takes some of the steps or rows, as for differences")
        else:
            flow = flow.chosen(at, list(range(size))[start:end:step], True)
    return flow


def _link(name: str) -> Callable[[list[Any], dict[str, Any]], Flow]:
    def apply(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
        flow = _linked(inputs[0])
        if flow.source == 0 or (name == "softmax" and flow.axes[flow.axis(_integer(attributes, "axis", -1))] != "H"):
            raise ValueError("it is no link of the outputs")
        return flow._replace(link=name)

    return apply


def _same(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    return inputs[0]


OPERATORS: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Cast": _same,
    "Concat": _concat,
    "Dropout": _same,
    "Exp": _link("exp"),
    "Gather": _gather,
    "Gemm": _gemm,
    "Identity": _same,
    "MatMul": _matmul,
    "Neg": lambda inputs, attributes: _linked(inputs[0]).scaled(-np.ones(len(inputs[0].offset))),
    "Reshape": _reshape,
    "Sigmoid": _link("sigmoid"),
    "Slice": _slice,
    "Softmax": _link("softmax"),
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    **dict.fromkeys(ARITHMETIC, lambda inputs, attributes: _refuse("it computes a constant")),
}
