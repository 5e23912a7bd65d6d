"""A fitted model as an ONNX graph: scaling, differences, layers, head, linear part and link (operators of opset 17).

Numbers come and go as float64 and are scaled in it; the layers and the head compute in float32, the only type in which ONNX
Runtime has a GRU. Shapes in comments: B batch, T time, D features, H units, R directions, L lags, K outputs.
"""

from typing import Any

import numpy as np

from grukit.data import LinearLags
from grukit.estimators.fitted import FittedState
from grukit.interchange._network import gate_blocks

OPSET, IR = 17, 8
LAST = np.iinfo(np.int64).max


class Graph:
    """Nodes and constants, each result under a name of its own.

    Parameters
    ----------
    onnx : module
        The package.
    """

    def __init__(self, onnx: Any):
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._taken: dict[str, int] = {}

    def constant(self, name: str, array: Any) -> str:
        """A constant; its name."""
        name = self._own(name)
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], n_outputs: int = 1, **attributes: Any) -> Any:
        """A node; the name of its result, or names of several."""
        outputs = [self._own(kind.lower()) for _ in range(n_outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def _own(self, name: str) -> str:
        self._taken[name] = n = self._taken.get(name, 0) + 1
        return name if n == 1 else f"{name}_{n}"

    def rows(self, x: str, start: int | str, stop: int) -> str:
        """Steps of x (B, T, .)."""
        start = start if isinstance(start, str) else self.constant("start", np.array([start]))
        ends = [self.constant(name, np.array([value])) for name, value in (("stop", stop), ("axis", 1))]
        return self.node("Slice", [x, start, *ends])

    def reshape(self, x: str, *shape: int) -> str:
        """X in another shape; 0 keeps an axis, -1 is the rest."""
        return self.node("Reshape", [x, self.constant("shape", np.array(shape))])

    def size(self, x: str, axis: int) -> str:
        """Size of an axis, of shape (1,)."""
        return self.node("Shape", [x], start=axis, end=axis + 1)


def graph_of(state: FittedState, onnx: Any) -> Any:
    """The model, whose input is "X" (B, T, D) and whose output is "predictions" or "probabilities".

    Predictions are (B, K), or (B, T, K) with an output at every step; float64.
    """
    graph = Graph(onnx)
    outputs = _head(graph, state, _layers(graph, state, _inputs(graph, state)))
    if state.choices.final is not None:
        outputs = graph.node("Add", [outputs, _linear(graph, state.choices.final, state.spec.per_step)])
    outputs = _linked(graph, outputs, state.y_scaler.link)
    name = "predictions" if state.classes is None else "probabilities"
    graph.nodes.append(onnx.helper.make_node("Identity", [outputs], [name]))
    helper, double = onnx.helper, onnx.TensorProto.DOUBLE
    n_columns = state.spec.n_outputs if state.y_scaler.link != "binary" else 2
    steps = ["time"] if state.spec.per_step else []
    return helper.make_graph(
        graph.nodes,
        "grukit",
        [helper.make_tensor_value_info("X", double, ["batch", "time", state.n_features])],
        [helper.make_tensor_value_info(name, double, ["batch", *steps, n_columns])],
        graph.constants,
    )


def _inputs(graph: Graph, state: FittedState) -> str:
    """What the first layer receives of X, (B, T, D) or (B, T, 2D), float32; see :func:`grukit.data.encode_inputs`."""
    x, differenced = "X", state.choices.differenced
    if differenced is not None:
        chosen = graph.constant("differenced", differenced)
        before = graph.node("Concat", [graph.rows(x, 0, 1), graph.rows(x, 0, -1)], axis=1)
        x = graph.node("Where", [chosen, graph.node("Sub", [x, before]), x])
    mean, scale = (graph.constant(f"x_{name}", getattr(state.x_scaler, name)) for name in ("mean", "scale"))
    x = graph.node("Div", [graph.node("Sub", [x, mean]), scale])
    if differenced is not None:
        x = _without_first_difference(graph, x, chosen, state.skips_first)
    flags = None
    if state.inputs.missing == "mask":
        gone = graph.node("IsNaN", [x])
        x = graph.node("Where", [gone, graph.constant("zero", 0.0), x])
        flags = graph.node("Cast", [gone], to=graph.onnx.TensorProto.FLOAT)
    x = graph.node("Cast", [x], to=graph.onnx.TensorProto.FLOAT)
    return x if flags is None else graph.node("Concat", [x, flags], axis=2)


def _without_first_difference(graph: Graph, x: str, chosen: str, skips_first: bool) -> str:
    """Zero for the differences of the first step, and without that step where it is not the only one."""
    zeros = graph.node("Where", [chosen, graph.constant("zero", 0.0), graph.rows(x, 0, 1)])
    x = graph.node("Concat", [zeros, graph.rows(x, 1, LAST)], axis=1)
    if not skips_first:
        return x
    one = graph.constant("one", np.array([1]))
    others = graph.node("Sub", [graph.size(x, 1), one])
    return graph.rows(x, graph.node("Min", [others, one]), LAST)


def _layers(graph: Graph, state: FittedState, x: str) -> str:
    """Outputs of the last layer, (B, RH), or (B, T, RH) with an output at every step."""
    spec, weights = state.spec, state.spec.views(state.parameters.astype(np.float32))
    batch = graph.size(x, 0)
    x = graph.node("Transpose", [x], perm=[1, 0, 2])
    R, n_layers = spec.n_directions, len(spec.hidden_layer_sizes)
    for k in range(n_layers):
        suffixes = [suffix for suffix, _, _ in spec.layers[R * k : R * (k + 1)]]
        H = spec.hidden_layer_sizes[k]

        def stacked(kind: str, suffixes: list[str] = suffixes) -> np.ndarray:
            return np.stack([gate_blocks(kind, "zrn", weights[f"{kind}_{suffix}"]) for suffix in suffixes])

        biases = np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)
        arrays = {f"W{k}": stacked("weight_ih"), f"R{k}": stacked("weight_hh"), f"B{k}": biases}
        inputs = [x, *(graph.constant(name, array) for name, array in arrays.items())]
        if spec.learned_state:
            begin = np.stack([weights[f"initial_{suffix}"] for suffix in suffixes])  # (R, 1, H)
            shape = [graph.constant("shape", np.array([R])), batch, graph.constant("shape", np.array([H]))]
            expanded = [graph.constant(f"initial{k}", begin), graph.node("Concat", shape, axis=0)]
            inputs += ["", graph.node("Expand", expanded)]
        every, last = graph.node(
            "GRU",
            inputs,
            2,
            hidden_size=H,
            direction="bidirectional" if spec.bidirectional else "forward",
            linear_before_reset=int(spec.cell == "gru"),
        )  # (T, R, B, H) and (R, B, H)
        if k < n_layers - 1:
            x = graph.reshape(graph.node("Transpose", [every], perm=[0, 2, 1, 3]), 0, 0, -1)
    if spec.per_step:
        return graph.reshape(graph.node("Transpose", [every], perm=[2, 0, 1, 3]), 0, 0, -1)
    return graph.reshape(graph.node("Transpose", [last], perm=[1, 0, 2]), 0, -1)


def _head(graph: Graph, state: FittedState, states: str) -> str:
    """Outputs on the targets' own scale, before the link; float64."""
    weights = state.spec.views(state.parameters.astype(np.float32))
    outputs = graph.node("MatMul", [states, graph.constant("head_weight", weights["head.weight"].T.copy())])
    outputs = graph.node("Add", [outputs, graph.constant("head_bias", weights["head.bias"])])
    outputs = graph.node("Cast", [outputs], to=graph.onnx.TensorProto.DOUBLE)
    outputs = graph.node("Mul", [outputs, graph.constant("y_scale", state.y_scaler.scale)])
    return graph.node("Add", [outputs, graph.constant("y_mean", state.y_scaler.mean)])


def _linear(graph: Graph, linear: LinearLags, per_step: bool) -> str:
    """What the linear part adds, (B, K) or (B, T, K); see :class:`grukit.data.LinearLags`."""
    L, D, K = linear.coef.shape
    centred = graph.node("Sub", ["X", graph.constant("linear_mean", linear.mean)])
    zero = graph.constant("zero", 0.0)
    centred = graph.node("Where", [graph.node("IsNaN", [centred]), zero, centred])
    # Rows before the first count as that, or as the mean.
    before = graph.rows(centred, 0, 1) if linear.first_before else zero
    rest = [graph.constant("shape", np.array([n])) for n in (L, D)]
    shape = graph.node("Concat", [graph.size("X", 0), *rest], axis=0)
    rows = graph.node("Concat", [graph.node("Expand", [before, shape]), centred], axis=1)  # (B, L + T, D)
    if per_step:
        one = graph.constant("one", 1)
        stop = graph.node("Add", [graph.node("Squeeze", [graph.size("X", 1)]), one])
        steps = graph.node("Range", [one, stop, one])
        steps = graph.node("Unsqueeze", [steps, graph.constant("axis", np.array([1]))])
        index = graph.node("Add", [steps, graph.constant("lags", np.arange(L)[None])])  # (T, L)
        rows = graph.reshape(graph.node("Gather", [rows, index], axis=1), 0, 0, L * D)
    else:
        rows = graph.reshape(graph.rows(rows, -L, LAST), 0, L * D)
    coef = graph.constant("linear_coef", linear.coef[::-1].reshape(L * D, K))  # the oldest row first
    return graph.node("Add", [graph.node("MatMul", [rows, coef]), graph.constant("linear_intercept", linear.intercept)])


def _linked(graph: Graph, outputs: str, link: str) -> str:
    """What the outputs stand for, see :mod:`grukit.data.links`."""
    if link == "binary":
        outputs = graph.node("Concat", [graph.node("Neg", [outputs]), outputs], axis=-1)
    kind = {"identity": None, "log": "Exp", "softmax": "Softmax"}.get(link, "Sigmoid")
    return outputs if kind is None else graph.node(kind, [outputs], **({"axis": -1} if kind == "Softmax" else {}))
