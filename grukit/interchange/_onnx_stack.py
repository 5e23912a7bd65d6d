"""The last states of all layers as one result, as PyTorch gives them, of which a graph goes on with those of one layer."""

from typing import Any, NamedTuple

from grukit.interchange._flow import Flow
from grukit.interchange._onnx_constants import integer, integers, number_of


class Stack(NamedTuple):
    """The last states of several layers, one after another along the directions, of which those of one layer are taken."""

    parts: list[Flow]
    axis: int


def of_stack(kind: str, inputs: list[Any], attributes: dict[str, Any]) -> Flow:
    """The states of one layer, of one direction or of several.

    Raises
    ------
    ValueError
        For all else.
    """
    parts, axis = inputs[0]
    places = [(part, i) for part in parts for i in range(part.n_directions)]
    along, keep = [integer(attributes, "axis", 0)], True
    if kind == "Gather":
        number, keep = number_of(inputs[1])
        taken = places[number : number + 1 or None]
    elif kind == "Slice":
        (start,), (end,) = (integers(inputs, at, attributes, name) or [] for at, name in ((1, "starts"), (2, "ends")))
        along = integers(inputs, 3, attributes, "axes") or [0]
        taken = places[start : end : (integers(inputs, 4, attributes, "steps") or [1])[0]]
    else:
        raise ValueError("it joins the states of several layers")
    if along not in ([axis], [axis - len(parts[0].axes)]) or len({part.source for part, _ in taken}) != 1:
        raise ValueError("it takes something else than the last states of one layer")
    return taken[0][0].chosen(axis, [i for _, i in taken], keep)
