"""What the operators of a graph do to what flows through it, or to a constant before it is used."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from grukit.interchange._flow import Flow


def refuse(reason: str) -> Any:
    raise ValueError(reason)


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
    "Div": _arithmetic(lambda flow, c, first: flow.scaled(1 / c) if first else refuse("it divides by a result")),
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


def of_constant(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> np.ndarray:
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
        else refuse("no constant bias")
    )


def _linked(flow: Flow) -> Flow:
    return flow if flow.link == "identity" else refuse("it comes after the link of the outputs")


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
    **dict.fromkeys(ARITHMETIC, lambda inputs, attributes: refuse("it computes a constant")),
}
