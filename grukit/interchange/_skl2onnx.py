"""Estimators at the end of a scikit-learn pipeline that skl2onnx converts: the part of its graph that is theirs.

skl2onnx asks three times: a parser names the outputs, a shape calculator gives their types, a converter adds nodes. What they
are handed has skl2onnx's names: an operator is an estimator with its inputs and outputs, a scope knows which names and options
there are, a container holds the graph.
"""

from typing import Any

import numpy as np

from grukit.estimators import GRUClassifier, GRURegressor
from grukit.estimators.fitted import FittedState, fitted_state
from grukit.interchange._onnx import checked_proto, package
from grukit.interchange._onnx_writer import OPSET

OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}


def register_skl2onnx() -> None:
    """Tell skl2onnx how to convert a fitted GRURegressor or GRUClassifier, alone or at the end of a pipeline.

    Afterwards ``skl2onnx.to_onnx(pipeline, ...)`` and ``convert_sklearn`` write all steps into one file. The graph of the
    estimator is that of :func:`grukit.interchange.to_onnx`, which ONNX Runtime was seen to run as ``predict`` does. It takes

    - rows of a table (n, n_steps) where they are sequences themselves, as ``window=None`` reads them;
    - windows or sequences (n, n_steps, n_features), an input declared of the shape ``[None, None, n_features]``.

    and gives "variable" (n, n_outputs), or of a classifier "label" (n,), for several labels (n, n_classes), and
    "probabilities" (n, n_classes); in float64 where the input is float64, else in float32, in which skl2onnx asks for
    dictionaries of probabilities (``zipmap``), too. Registering again changes nothing.

    Raises
    ------
    ImportError
        Without the packages of the extra ``grukit[onnx]``, skl2onnx among them.

    Notes
    -----
    A conversion raises ValueError where rows of the table are time steps, as predictions then see rows that the graph is not
    given; for labels that are neither whole numbers nor text; below operator set 17; and for what :func:`to_onnx` refuses.
    """
    skl2onnx = package("skl2onnx")
    for module in ("onnx", "onnxruntime"):  # now rather than in the middle of a conversion
        package(module)
    skl2onnx.update_registered_converter(GRURegressor, "GrukitGRURegressor", _shapes, _convert)
    skl2onnx.update_registered_converter(
        GRUClassifier, "GrukitGRUClassifier", _shapes, _convert, parser=_outputs, options=OPTIONS
    )


def _outputs(scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None) -> Any:
    """The outputs of a classifier, as skl2onnx names them, after a look at what it would stumble over."""
    state = fitted_state(model)
    _labels(state)
    asked = scope.get_options(model, {"zipmap": True})["zipmap"]
    if asked is not False and state.spec.per_step:
        raise ValueError("Probabilities at every step make no dictionaries: convert with options={'zipmap': False}.")
    if asked is True and _is_double(inputs[0]):
        raise ValueError(
            "ONNX makes dictionaries of probabilities of float32 alone: convert with options={'zipmap': False} for an array, "
            "or declare X as FloatTensorType."
        )
    return package("skl2onnx._parse")._parse_sklearn_classifier(scope, model, inputs, custom_parsers=custom_parsers)


def _is_double(variable: Any) -> bool:
    return isinstance(variable.type, package("skl2onnx.common.data_types").DoubleTensorType)


def _shapes(operator: Any) -> None:
    """Give the outputs their types."""
    state, types = fitted_state(operator.raw_operator), package("skl2onnx.common.data_types")
    shape = _input_shape(operator, state)
    numbers = type(types.guess_tensor_type(operator.inputs[0].type))
    steps = [shape[0], *([shape[1]] if state.spec.per_step else [])]
    if state.classes is None:
        operator.outputs[0].type = numbers([*steps, state.spec.n_outputs])
        return
    n_classes = [len(state.classes.values)]
    told = types.StringTensorType if _told(operator, state).dtype.kind == "U" else types.Int64TensorType
    operator.outputs[0].type = told([*steps, *(n_classes if state.classes.multilabel else [])])
    operator.outputs[1].type = numbers([*steps, *n_classes])


def _input_shape(operator: Any, state: FittedState) -> list[Any]:
    """Shape of the input, None where it is open.

    Raises
    ------
    ValueError
        Where the model does not read such an input.
    """
    if len(operator.inputs) != 1:
        raise ValueError(
            f"{state.inputs.estimator} takes one input with all columns; it is given {len(operator.inputs)}."
        )
    shape = list(operator.inputs[0].type.shape or (None, None))
    window, kind = state.inputs.window, state.inputs.kind
    if len(shape) == 2 and kind in (None, "table") and window is not None:
        raise ValueError(
            f"Rows of X are time steps: a prediction sees {window} of them, also of the history before X, but the graph is "
            "given no history. Declare X as windows, of shape [None, None, n_features]; or convert the steps "
            "before the model, pipeline[:-1], and cut windows of what they give for the file of "
            "grukit.interchange.to_onnx(pipeline[-1], path)."
        )
    if len(shape) == 2 and kind == "sequences":
        raise ValueError(
            f"The model was fitted on sequences: declare X of shape [None, None, {state.n_features}], "
            "(sequences, time, features)."
        )
    features, D = state.inputs.features, state.n_features
    columns = features.n if kind == "rows" and features is not None else None
    wanted = {2: columns, 3: D}  # of the last axis, where it is known
    if len(shape) not in wanted or not (shape[-1] is None or wanted[len(shape)] in (None, shape[-1])):
        rows = f"[None, {columns}] or " if kind == "rows" else ""
        raise ValueError(f"The model does not read an input of shape {shape}; it reads {rows}[None, None, {D}].")
    return shape


def _labels(state: FittedState) -> np.ndarray:
    """Labels as ONNX has them, int64 or text.

    Raises
    ------
    ValueError
        Where they are neither.
    """
    assert state.classes is not None
    values = state.classes.values
    if values.dtype.kind in "biuf":
        with np.errstate(invalid="ignore"):  # of what no integer is
            whole = values.astype(np.int64)
        if (whole == values).all():
            return whole
    if all(isinstance(each, str) for each in values.tolist()):
        return values.astype(str)
    raise ValueError(f"In ONNX labels are whole numbers or text; this model's are {values.tolist()[:5]}.")


def _told(operator: Any, state: FittedState) -> np.ndarray:
    """What the output "label" tells by number of class: its label, with the option ``nocl`` the number; of several 0 and 1."""
    assert state.classes is not None
    labels = np.arange(2) if state.classes.multilabel else _labels(state)
    by_number = operator.scope_inst.get_options(operator.raw_operator, {"nocl": False})["nocl"]
    return np.arange(len(labels)) if by_number else labels


class _Nodes:
    """Nodes that are added to a graph of skl2onnx, under names that are free in it.

    Parameters
    ----------
    scope, container
        Of skl2onnx.
    """

    def __init__(self, scope: Any, container: Any):
        self._scope, self._container = scope, container

    def constant(self, name: str, tensor: Any) -> str:
        """A TensorProto; its name here."""
        name = self._scope.get_unique_variable_name(name)
        # Of a tensor it would take over raw bytes alone, and text has none.
        text = tensor.data_type == tensor.STRING
        content = list(tensor.string_data) if text else tensor
        self._container.add_initializer(name, tensor.data_type, list(tensor.dims), content)
        return name

    def node(self, kind: str, inputs: list[str], outputs: int | list[str] = 1, **attributes: Any) -> list[str]:
        """A node of so many outputs, or of outputs of such names; their names."""
        if isinstance(outputs, int):
            outputs = [self._scope.get_unique_variable_name(kind.lower()) for _ in range(outputs)]
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, inputs, outputs, name=name, **attributes)
        return outputs


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a model."""
    if container.target_opset_onnx < OPSET:
        raise ValueError(f"target_opset must be at least {OPSET}; got {container.target_opset_onnx}.")
    onnx, model = package("onnx"), operator.raw_operator
    nodes, numbers = _Nodes(scope, container), onnx.TensorProto
    [x] = nodes.node("Cast", [operator.inputs[0].full_name], to=numbers.DOUBLE)
    if len(_input_shape(operator, fitted_state(model))) == 2:  # rows are univariate sequences
        axis = nodes.constant("axis", onnx.numpy_helper.from_array(np.array([2])))
        [x] = nodes.node("Unsqueeze", [x, axis])
    result = _copied(nodes, checked_proto(model).graph, x, onnx)
    if isinstance(model, GRUClassifier):
        _add_labels(nodes, operator, result, onnx)
    to = numbers.DOUBLE if _is_double(operator.outputs[-1]) else numbers.FLOAT
    nodes.node("Cast", [result], [operator.outputs[-1].full_name], to=to)


def _copied(nodes: _Nodes, graph: Any, x: str, onnx: Any) -> str:
    """The nodes of a graph of one input and one output, with its input now ``x``; the name of its output."""
    names = {graph.input[0].name: x}
    for tensor in graph.initializer:
        names[tensor.name] = nodes.constant(tensor.name, tensor)
    for node in graph.node:
        # An input left out, which skl2onnx cannot sort: the lengths of sequences, all the same.
        if "" in node.input and "" not in names:
            names[""] = _lengths(nodes, names[node.input[0]], onnx)
        inputs = [names[name] for name in node.input]
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        given = nodes.node(node.op_type, inputs, len(node.output), **attributes)
        names.update(zip(node.output, given, strict=True))
    return names[graph.output[0].name]


def _lengths(nodes: _Nodes, x: str, onnx: Any) -> str:
    """The number of steps of each sequence of x (T, B, features), of shape (B,)."""
    steps, batch = (nodes.node("Shape", [x], start=axis, end=axis + 1)[0] for axis in (0, 1))
    [steps] = nodes.node("Cast", [steps], to=onnx.TensorProto.INT32)
    return nodes.node("Expand", [steps, batch])[0]


def _add_labels(nodes: _Nodes, operator: Any, probabilities: str, onnx: Any) -> None:
    """The most probable labels, or which of several are more likely than not; see :meth:`grukit.data.Classes.choose`."""
    state, label = fitted_state(operator.raw_operator), [operator.outputs[0].full_name]
    assert state.classes is not None
    if state.classes.multilabel:
        half = nodes.constant("half", onnx.numpy_helper.from_array(np.array(0.5)))
        nodes.node("Cast", nodes.node("Greater", [probabilities, half]), label, to=onnx.TensorProto.INT64)
        return
    labels = _told(operator, state)
    # NumPy's strings are no tensor's; objects are.
    tensor = onnx.numpy_helper.from_array(labels.astype(object) if labels.dtype.kind == "U" else labels)
    best = nodes.node("ArgMax", [probabilities], axis=-1, keepdims=0)
    nodes.node("Gather", [nodes.constant("labels", tensor), *best], label, axis=0)
