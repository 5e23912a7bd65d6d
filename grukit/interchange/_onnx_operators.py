"""ONNX' operators on results that depend on the input: what each does to a flow. What is no part of a network is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from grukit.interchange._flow import Flow
from grukit.interchange._onnx_constants import integer, integers, number_of
from grukit.interchange._onnx_stack import Stack

FLOAT, DOUBLE = 1, 11  # of TensorProto.DataType
LAST = (1 << 31) - 1  # from here on an end of a slice stands for that of the axis, in 32 bits and in 64
Operator = Callable[[list[Any], dict[str, Any]], Any]


def _refuse(reason: str) -> Any:
    raise ValueError(reason)


def _linked(flow: Flow) -> Flow:
    return flow if flow.link == "identity" else _refuse("it comes after the link of the outputs")


def _arithmetic(combine: Callable[[Flow, np.ndarray, bool], Flow]) -> Operator:
    """An operator of a flow and a constant, either first."""

    def apply(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
        a, b = inputs
        flow, constant = (a, b) if isinstance(a, Flow) else (b, a)
        if not isinstance(constant, np.ndarray):
            raise ValueError("two results are combined, as of a linear part beside the network")
        return combine(_linked(flow), flow.spread(constant), flow is a)

    return apply


def _divided(flow: Flow, c: np.ndarray, first: bool) -> Flow:
    if not first or not c.all():
        raise ValueError("it divides by zero" if first else "it divides by a result")
    return flow.scaled(1 / c)


ARITHMETIC: dict[str, Operator] = {
    "Add": _arithmetic(lambda flow, c, first: flow.moved(c)),
    "Sub": _arithmetic(lambda flow, c, first: flow.moved(-c) if first else flow.scaled(-np.ones(len(c))).moved(c)),
    "Mul": _arithmetic(lambda flow, c, first: flow.scaled(c)),
    "Div": _arithmetic(_divided),
}


def _same(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    return inputs[0]


def _cast(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    if integer(attributes, "to", 0) not in (FLOAT, DOUBLE):
        raise ValueError("it is a cast to another type than float and double")
    return inputs[0]


def _dropout(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    trains = inputs[2] if len(inputs) > 2 else None
    if trains is not None and not (isinstance(trains, np.ndarray) and not trains.any()):
        raise ValueError("it drops numbers at random, in training mode")
    return inputs[0]


def _matmul(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    if len(inputs) != 2 or not isinstance(inputs[1], np.ndarray):
        raise ValueError("it multiplies two results")
    return _linked(inputs[0]).mapped(inputs[1].T)


def _gemm(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, matrix, *rest = inputs
    scales = [float(attributes[name].f) if name in attributes else 1.0 for name in ("alpha", "beta")]
    if integer(attributes, "transA", 0) or len(flow.axes) != 2 or not isinstance(matrix, np.ndarray):
        raise ValueError("it is no layer of a constant matrix")
    found = _linked(flow).mapped(matrix if integer(attributes, "transB", 0) else matrix.T)
    found = found.scaled(np.full(len(found.offset), scales[0]))
    if not rest or rest[0] is None:
        return found
    return (
        found.moved(scales[1] * found.spread(rest[0]))
        if isinstance(rest[0], np.ndarray)
        else _refuse("no constant bias")
    )


def _transpose(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    order = integers(inputs, 1, attributes, "perm")
    return inputs[0].transposed([*range(len(inputs[0].axes))][::-1] if order is None else order)


def _reshape(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    shape = integers(inputs, 1, attributes, "shape")
    if shape is None or integer(attributes, "allowzero", 0):
        raise ValueError("its shape is no constant")
    return inputs[0].reshaped(shape)


def _squeeze(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, axes = inputs[0], integers(inputs, 1, attributes, "axes")
    if axes is None:
        gone = [i for i, letter in enumerate(flow.axes) if letter in "1R" and flow.size(letter) == 1]
    else:
        gone = [flow.axis(i) for i in axes]
    if any(flow.axes[i] not in "1R" or flow.size(flow.axes[i]) != 1 for i in gone):
        raise ValueError("it drops an axis that is no one")
    return flow._replace(axes="".join(each for i, each in enumerate(flow.axes) if i not in gone))


def _flatten(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    if integer(attributes, "axis", 1) != 1:
        raise ValueError("it joins the rows with other axes")
    return inputs[0].reshaped([0, -1])


def _unsqueeze(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, axes = inputs[0], integers(inputs, 1, attributes, "axes") or []
    letters, n = list(flow.axes), len(flow.axes) + len(axes)
    for i in sorted(axis % n for axis in axes):
        letters.insert(i, "1")
    return flow._replace(axes="".join(letters))


def _concat(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    first = inputs[0]
    if not all(isinstance(each, Flow) for each in inputs):
        raise ValueError("it joins a result and a constant")
    axis = first.axis(integer(attributes, "axis", 0))
    states = all((each.of, each.axes, each.link) == ("states", first.axes, "identity") for each in inputs)
    if states and first.axes[axis] == "R" and len({each.source for each in inputs}) > 1:
        return Stack(inputs, axis)
    own = (first.source, first.of, first.axes, 1)
    alike = all((each.source, each.of, each.axes, each.n_directions) == own for each in inputs)
    if not alike or first.axes[axis] != "H" or any(each.link != "identity" for each in inputs):
        raise ValueError("it joins something else than features of one layer")
    matrix = sparse.vstack([each.matrix for each in inputs], format="csr")
    return first._replace(matrix=matrix, offset=np.concatenate([each.offset for each in inputs]))


def _gather(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    flow, (number, keep) = inputs[0], number_of(inputs[1])
    axis = flow.axis(integer(attributes, "axis", 0))
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
    starts, ends = (integers(inputs, at, attributes, name) for at, name in ((1, "starts"), (2, "ends")))
    axes, steps = (integers(inputs, at, attributes, name) for at, name in ((3, "axes"), (4, "steps")))
    if starts is None or ends is None or len(starts) != len(ends) or len(axes or starts) != len(starts):
        raise ValueError("its starts and ends are no constants")
    steps = steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes or range(len(starts)), steps, strict=True):
        at = flow.axis(axis)
        size = flow.size(flow.axes[at])
        if flow.axes[at] == "T" and start == -1 and step == 1 and end >= LAST:
            flow = _last_step(flow, at, -1, True)
        elif size is None or step == 0:
            raise ValueError("it takes some of the steps or rows, as for differences")
        else:
            flow = flow.chosen(at, list(range(size))[start:end:step], True)
    return flow


def _link(name: str) -> Operator:
    def apply(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
        flow = _linked(inputs[0])
        return flow._replace(link=name) if flow.source else _refuse("it is no link of the outputs")

    return apply


def _softmax(default: int, flattens: bool) -> Operator:
    """Of opset 13 and later along one axis, of earlier ones along all from one on."""

    def apply(inputs: list[Any], attributes: dict[str, Any]) -> Flow:
        flow = inputs[0]
        axis = flow.axis(integer(attributes, "axis", default))
        along = [letter for letter in (flow.axes[axis:] if flattens else flow.axes[axis]) if flow.size(letter) != 1]
        if along != ["H"] or flow.n_directions > 1:
            raise ValueError("it is no softmax of all the outputs, of two or more")
        return _link("softmax")(inputs, attributes)

    return apply


OPERATORS: dict[str, Operator] = {
    **ARITHMETIC,
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _dropout,
    "Exp": _link("exp"),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "Identity": _same,
    "MatMul": _matmul,
    "Neg": lambda inputs, attributes: _linked(inputs[0]).scaled(-np.ones(len(inputs[0].offset))),
    "Reshape": _reshape,
    "Sigmoid": _link("sigmoid"),
    "Slice": _slice,
    "Softmax": _softmax(-1, False),
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
BEFORE_13: dict[str, Operator] = {"Softmax": _softmax(1, True)}
