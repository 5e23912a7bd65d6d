"""An ONNX graph read as a network: each node is followed symbolically; what is no GRU, head or scaling is refused."""

from typing import Any

import numpy as np

from grukit.interchange._flow import Flow
from grukit.interchange._onnx_constants import Open, array_of, of_constant
from grukit.interchange._onnx_gru import Layer, OtherAxes, layer_of
from grukit.interchange._onnx_operators import ARITHMETIC, BEFORE_13, OPERATORS
from grukit.interchange._onnx_sizes import computed, known_sizes, shape_of, wanted
from grukit.interchange._onnx_stack import Stack, of_stack

ROOM = 1 << 23  # numbers that a graph may make of those in its file, besides as many as the file has bytes
OLDEST = 7  # version of the operators: until then, axes were broadcast otherwise
KEEPING = ("Expand", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")  # the numbers of their input
WRONG = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError)


class Reader:
    """Follows the nodes of a graph.

    Attributes
    ----------
    results : dict of str
        Constants, flows, and what is open, by name.
    layers : list of Layer
    """

    def __init__(self, proto: Any):
        graph = proto.graph
        self.opset = max((each.version for each in proto.opset_import if each.domain in ("", "ai.onnx")), default=1)
        if self.opset < OLDEST:
            raise ValueError(f"its operators are of the version {self.opset}; those from {OLDEST} on are read.")
        self.room = self._all_room = ROOM + proto.ByteSize()
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
        self.sizes = [each.dim_value for each in inputs[0].type.tensor_type.shape.dim]
        if len(self.sizes) != 3:
            raise ValueError(f"its input {self.input!r} has not three axes.")

    def follow(self, nodes: Any) -> None:
        """Read all nodes. Which axis of the input is the time, a GRU tells; until then they are taken to be B, T, H."""
        known = dict(self.results)
        for axes in ("BTH", "TBH"):
            self.results, self.layers, self.room = dict(known), [], self._all_room
            self.fixed = {letter: n for letter, n in zip(axes, self.sizes, strict=True) if letter != "H" and n > 0}
            self.results[self.input] = Flow.from_source(0, "steps", axes, 1, self.n_features)
            try:
                self._follow_all(nodes)
                return
            except OtherAxes as error:
                if axes == "TBH":
                    raise ValueError(str(error)) from error

    def take(self, n: int) -> None:
        """Note that so many numbers are made.

        Raises
        ------
        ValueError
            Where all that were are too many for the size of the file.
        """
        self.check_room(n)
        self.room -= n

    def check_room(self, n: int) -> None:
        """Raise where there is no room for so many numbers more, before they are made."""
        if n > self.room:
            raise ValueError(f"with it the graph makes more than {self._all_room:,} numbers, too many for its file")

    def _follow_all(self, nodes: Any) -> None:
        for node in nodes:
            try:
                self._follow(node)
            except WRONG as error:
                raise ValueError(f"the node {node.name or node.op_type!r} ({node.op_type}): {error}.") from error

    def _follow(self, node: Any) -> None:
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"its operator is of the domain {node.domain!r:.80}")
        missing = [name for name in node.input if name and name not in self.results]
        if missing:
            raise ValueError(f"its input {missing[0]!r:.80} is not there")
        inputs = [self.results[name] if name else None for name in node.input]
        self.check_room(_most(node.op_type, inputs))
        found = self._result(node, inputs, {each.name: each for each in node.attribute})
        outputs = found if isinstance(found, list) else [found]
        for name, result in zip(node.output, outputs, strict=False):
            if name in self.results:
                raise ValueError(f"its output {name!r:.80} is there already")
            if name:
                self.take(_made(result, inputs))
                self.results[name] = result

    def _result(self, node: Any, inputs: list[Any], attributes: dict[str, Any]) -> Any:
        kind = node.op_type
        if kind == "GRU":
            return self._gru(inputs, attributes)
        if kind in ("Constant", "ConstantOfShape"):
            value = array_of(attributes["value"].t) if "value" in attributes else None
            if kind == "ConstantOfShape":
                return Open(np.zeros(1, np.float32) if value is None else value)
            return _refuse("a constant of another form") if value is None else value
        if kind in ("Shape", "Size"):
            of_flow = kind == "Shape" and isinstance(inputs[0], Flow)
            return Open(sizes=shape_of(inputs[0], attributes) if of_flow else None)
        if kind == "Expand" and not isinstance(inputs[0], Open):
            return Open(inputs[0]) if isinstance(inputs[0], np.ndarray) else _refuse("what it expands is no constant")
        if kind in KEEPING and inputs and isinstance(inputs[0], Open) and _is_one_number(inputs[0].constant):
            return inputs[0]
        if inputs and isinstance(inputs[0], Stack):
            return of_stack(kind, inputs, attributes)
        if kind == "Reshape" and isinstance(inputs[0], Flow) and (sizes := known_sizes(inputs[1])) is not None:
            inputs = [inputs[0], wanted(inputs[0], sizes, self.fixed)]
        reads = (BEFORE_13.get(kind) if self.opset < 13 else None) or OPERATORS.get(kind)
        flows, opens = (any(isinstance(each, a_kind) for each in inputs) for a_kind in (Flow, Open))
        if opens and not flows:
            return Open(sizes=computed(kind, inputs, attributes))
        if reads is None or not inputs or opens:
            raise ValueError("its operator, on such numbers, is no part of a GRU, a linear head or scaling")
        if not flows:
            return of_constant(kind, inputs, attributes)
        if not isinstance(inputs[0], Flow) and kind not in (*ARITHMETIC, "Concat"):
            raise ValueError("a result comes where a constant must be")
        return reads(inputs, attributes)

    def _gru(self, inputs: list[Any], attributes: dict[str, Any]) -> list[Any]:
        """Y and Y_h, and the layer noted."""
        layer = layer_of(inputs, attributes, len(self.layers))
        self.take(layer.n_numbers)
        self.layers.append(layer)
        return layer.gives(len(self.layers))


def _refuse(reason: str) -> Any:
    raise ValueError(reason)


def _is_one_number(constant: np.ndarray | None) -> bool:
    """Whether it is the same however often it is there."""
    return constant is not None and constant.size == 1


def _arrays(value: Any) -> list[np.ndarray]:
    """What a result holds."""
    if isinstance(value, Flow):
        return [value.matrix.data, value.offset]
    return [value] if isinstance(value, np.ndarray) else []


def _most(kind: str, inputs: list[Any]) -> int:
    """How many numbers the result of a node has at most."""
    sizes = [sum(array.size for array in _arrays(each)) for each in inputs]
    first = inputs[0] if inputs else None
    if kind in ("MatMul", "Gemm") and isinstance(first, Flow) and len(inputs) > 1:
        return first.matrix.shape[1] * sizes[1] // max(first.units, 1)  # a matrix (K, F) by one (F, n)
    return sum(sizes) if kind == "Concat" else 0


def _made(result: Any, inputs: list[Any]) -> int:
    """How many numbers of a result are not those of an input."""
    held = [array for each in inputs for array in _arrays(each)]
    return sum(each.size for each in _arrays(result) if not any(np.may_share_memory(each, array) for array in held))


def _last_size(value: Any) -> int:
    dims = value.type.tensor_type.shape.dim
    n = dims[-1].dim_value if len(dims) else 0
    if not 0 < n < 1 << 20:
        raise ValueError(f"its input {value.name!r:.80} does not say how many features there are.")
    return int(n)
