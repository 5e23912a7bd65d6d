"""ONNX files, checked against ``predict`` before they are written."""

import json
import os
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np

from grukit.data import Classes, Scaler
from grukit.estimators.fitted import FittedState
from grukit.estimators.one_model import one_model
from grukit.files import path_of, replaced
from grukit.interchange._assembled import assembled
from grukit.interchange._fitted import Around, fitted_model
from grukit.interchange._flow import Flow
from grukit.interchange._imported import NO_CLASSES, classified
from grukit.interchange._network import Network, check_finite, largest_share
from grukit.interchange._onnx_own import PROPERTY, own_model, property_of
from grukit.interchange._onnx_reader import WRONG, Reader
from grukit.interchange._onnx_writer import IR, OPSET, graph_of
from grukit.version import __version__

CLOSE = 1e-5  # of the spread of predictions


def package(name: str) -> Any:
    """A package of the extra, or a module of it.

    Raises
    ------
    ImportError
        Naming the extra.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        wanted = name.partition(".")[0]
        raise ImportError(f"This needs the package {wanted}: pip install 'grukit[onnx]' ({error}).") from error


def to_onnx(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to an ONNX file, which predicts what the model does.

    The file takes "X", float64 (batch, time, features), windows or sequences in the user's units, as many as there are, and
    gives "predictions" (batch, n_outputs), or (batch, time, n_outputs) with an output at every step; of a classifier
    "probabilities" with a column a class. Scaling, differences, the linear part, missing values as ``missing="mask"`` reads
    them, and the link are in it; where rows of a table are time steps, what calls it cuts the windows. The layers compute in
    float32 also where ``dtype="float64"``, as ONNX Runtime has no other GRU.

    Before the file takes its place, ONNX Runtime runs it on numbers that look like the training data; it must agree with
    ``predict`` to 1e-5 of the predictions' spread.

    Parameters
    ----------
    model : fitted GRURegressor or GRUClassifier
    path : str or path
        The file, which replaces an old one as a whole.

    Raises
    ------
    ImportError
        Without the packages of the extra ``grukit[onnx]``, onnx and onnxruntime.
    TypeError
        Where ``model`` is no GRURegressor or GRUClassifier.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    ValueError
        For the cells with two states and ``missing="decay"``, which ONNX has no operators for; where the file would not agree.
    OSError
        Where the file cannot be written.
    """
    content = checked_proto(model).SerializeToString()
    with replaced(path) as file:
        file.write(content)


def checked_proto(model: Any) -> Any:
    """The file's content, which ONNX Runtime was seen to predict with as the model does.

    Raises
    ------
    ImportError, TypeError, NotFittedError, ValueError
        As :func:`to_onnx`.
    """
    onnx, runtime = package("onnx"), package("onnxruntime")
    state = one_model(model)
    for reason in _without_operators(state):
        raise ValueError(f"ONNX has no operator for {reason}.")
    proto = onnx.helper.make_model(
        graph_of(state, onnx),
        producer_name="grukit",
        producer_version=__version__,
        ir_version=IR,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    onnx.helper.set_model_props(proto, _properties(state))
    onnx.checker.check_model(proto, full_check=True)
    _check_agrees(model, state, proto.SerializeToString(), runtime)
    return proto


def _without_operators(state: FittedState) -> Iterator[str]:
    if state.spec.cell not in ("gru", "gru_reset_before"):
        yield f"the cell {state.spec.cell!r}"
    if state.inputs.missing == "decay":
        yield "missing='decay', which reads the index"
    if not np.isfinite(state.y_scaler.mean).all():
        yield "the logarithm of a target that is always 0"


def _properties(state: FittedState) -> dict[str, str]:
    """What a caller may want to know, as JSON: columns, names of outputs, classes, rows of a window."""
    columns = None if state.inputs.features is None else state.inputs.features.columns
    told = {
        "columns": columns,
        "outputs": None if state.classes is not None else state.outputs.names,
        "classes": None if state.classes is None else _readable(state.classes.values),
    }
    lists: dict[str, Any] = {name: None if values is None else list(values) for name, values in told.items()}
    lists["window"] = state.inputs.window
    return {**{name: json.dumps(value, default=str) for name, value in lists.items()}, PROPERTY: property_of(state)}


def _readable(labels: np.ndarray) -> list[Any]:
    """Labels as JSON has them: times as ISO 8601 writes them, bytes as text."""
    if labels.dtype.kind in "mM":
        return list(labels.astype(str))
    return [each.decode(errors="backslashreplace") if isinstance(each, bytes) else each for each in labels.tolist()]


def _check_agrees(model: Any, state: FittedState, content: bytes, runtime: Any) -> None:
    """Raise where what the file gives is not what the model gives."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    predict, rng, D = model.predictor(), np.random.default_rng(0), state.n_features
    pairs = []
    for n, steps in ((1, 1), (5, 2), (3, min(state.inputs.window or 17, 64) + 3)):
        x = state.levels.mean + state.levels.scale * rng.normal(size=(n, steps, D))
        if state.inputs.missing == "mask":
            x[rng.random(x.shape) < 0.2] = np.nan
        expected = predict(x)
        found = session.run(None, {"X": x})[0]
        pairs.append((expected.reshape(-1, found.shape[-1]), found.reshape(-1, found.shape[-1])))
    expected, found = (np.concatenate(each) for each in zip(*pairs, strict=True))
    # What the linear part explains is not in y_scaler.
    spread = expected.std(axis=0) if state.classes is None else np.ones(1)
    error = largest_share(expected, found, spread)
    if not error <= CLOSE:
        raise ValueError(
            f"The ONNX file was not written: in ONNX Runtime its predictions differ from predict by {error:.1g} of their "
            f"spread, more than {CLOSE:g}."
        )


def from_onnx(
    path: str | os.PathLike[str], *, output: str | None = None, classes: Any = None, window: int | str | None = "auto"
) -> Any:
    """Make a fitted estimator of an ONNX file of GRUs and a linear head.

    The graph is read, not run: GRU nodes one after another, in any direction, either convention of the reset gate, layout and
    initial states that are the same for all sequences; scaling before and after, linear layers, and a softmax, sigmoid or
    exponential at the end. Of a file that :func:`to_onnx` wrote the linear part, differences and ``missing="mask"``, too. The
    estimator predicts what the graph gives for the same numbers.

    Parameters
    ----------
    path : str or path
        The file. Constants in other files are not opened.
    output : str, default=None
        The output of the graph that is predicted. None: the only one.
    classes : array of shape (n_classes,), default=None
        Labels of the outputs under a softmax or sigmoid, in order and sorted. None: 0, 1, ...
    window : int, None or "auto", default="auto"
        Of the estimator: what a row of a table sees. Sequences are taken whole. "auto": that of the model whose file it is, of
        other files 32.

    Returns
    -------
    GRURegressor, or GRUClassifier where outputs are probabilities
        Of float64 where the first layer's weights are, else of float32.

    Raises
    ------
    ImportError
        Without the package onnx, of the extra ``grukit[onnx]``.
    OSError
        Where the file cannot be read.
    ValueError
        Where it is no ONNX file or damaged, and for whatever else the graph does, naming the node.
    """
    onnx = package("onnx")
    if not (window is None or window == "auto" or (isinstance(window, Integral) and window > 0)):
        raise ValueError(f"window must be a positive integer, None or 'auto'; got {window!r}.")
    content = path_of(path).read_bytes()
    try:
        proto = onnx.ModelProto.FromString(content)
    except Exception as error:  # of a class of protobuf's, which is not grukit's to import
        raise ValueError(f"{path} is no ONNX file, or damaged: {error}") from error
    try:
        with np.errstate(all="ignore"):  # what is too large for its type becomes infinite, and is refused as that
            own = own_model(proto, onnx, classes, window) if output is None else None
            return _model_of(proto, output, classes, 32 if window == "auto" else window) if own is None else own
    except WRONG as error:
        raise ValueError(f"{path} cannot be read as a network of GRUs: {error}") from error


def _model_of(proto: Any, output: str | None, classes: Any, window: Any) -> Any:
    names = [each.name for each in proto.graph.output]
    if output is None and len(names) != 1:
        raise ValueError(f"it has the outputs {names[:5]}; choose one by output=.")
    if output is not None and output not in names:
        raise ValueError(f"it has no output {output!r}; there are {names[:5]}.")
    reader = Reader(proto)
    reader.follow(proto.graph.node)
    found = reader.results.get(output or names[0])
    if not isinstance(found, Flow):
        raise ValueError(f"its output {output or names[0]!r:.80} is not made of its input.")
    reader.take(found.matrix.shape[0] * found.matrix.shape[1])
    network, x_scaler = assembled(reader.layers, found)
    check_finite(network)
    network, known, link = _told_apart(network, found.link, classes)
    bias, y_mean = network.weights["head.bias"], None
    if link == "identity":  # kept apart, for its digits
        bias, y_mean = np.zeros(len(bias)), bias
    dtype = network.weights["head.weight"].dtype
    network = Network(network.spec, {**network.weights, "head.bias": bias.astype(dtype)})
    y_scaler = None if y_mean is None else Scaler(y_mean, np.ones(len(y_mean)))
    return fitted_model(network, Around(known, link, x_scaler, y_scaler), window)


def _told_apart(network: Network, link: str, labels: Any) -> tuple[Network, Classes | None, str]:
    """The network, its classes where outputs are probabilities, and grukit's name of the link."""
    if link in ("softmax", "sigmoid"):
        network, known = classified(network, link, labels)
        return network, known, known.link
    if labels is not None:
        raise ValueError(NO_CLASSES)
    return network, None, "log" if link == "exp" else "identity"
