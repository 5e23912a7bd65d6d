"""A fitted estimator as a document and arrays, and back: what a file says, and what must be true of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from grukit.data import (
    Classes,
    CovariateForm,
    Features,
    Grid,
    LagMap,
    Layout,
    LinearHorizon,
    LinearLags,
    Observed,
    Pace,
    PackedSeries,
    Scaler,
    SeriesForm,
    SeriesSet,
    StaticColumn,
    Tail,
    TargetForm,
)
from grukit.estimators._adaptive import Online
from grukit.estimators._checks import check_spec, check_state
from grukit.estimators._choices import Choices
from grukit.estimators._conformal import Scores
from grukit.estimators._exclusions import check_parameters
from grukit.estimators._forecast import ForecastState
from grukit.estimators._forecast_checks import check_forecast_state
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.fitted import FittedState, TrainingState, fitted_state
from grukit.estimators.inputs import InputForm
from grukit.estimators.targets import Objective
from grukit.files import Codec, parse
from grukit.model import Decoder, Embedding, NetworkSpec
from grukit.version import __version__

ENTRY = "grukit"  # of a file's strings: the document
FORMAT = 1  # changes with the names below, and with the fields of these records
ROUTING = "_metadata_request"  # of set_fit_request and its like: how pipelines call the model, and not what it is
RECORDS = Codec(
    FittedState, TrainingState, InputForm, Features, TargetForm, Classes, Scaler, Choices, LinearLags, NetworkSpec, Objective,
    Tail, Pace, ForecastState, Layout, CovariateForm, Grid, Observed, SeriesForm, LinearHorizon, LagMap, Scores,
    Online, Decoder, Embedding, StaticColumn,
    packed={SeriesSet: PackedSeries},
)  # fmt: skip
CHECKS: dict[type, Callable[[Any], None]] = {FittedState: check_state, ForecastState: check_forecast_state}
OF_THE_MACHINE = ("checkpoint",)  # a file that fit writes to: no other file may name it
DOCUMENT = ("format", "version", "class", "parameters", "fitted")


def document_of(model: Any) -> tuple[str, dict[str, np.ndarray]]:
    """A fitted estimator as a string and arrays by name.

    The weights are arrays under their own names, those of ``weights_``.

    Raises
    ------
    ValueError
        For what a file cannot hold, naming it.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    """
    state, kind = fitted_state(model), type(model)
    if not kind.__module__.startswith("grukit."):
        raise ValueError(f"{kind.__qualname__} is no estimator of grukit's own; a file names no code of others.")
    model._validate_params()
    check_parameters(model)
    others = sorted(set(vars(model)) - {field.name for field in fields(model)} - {"_fitted", ROUTING})
    if others:
        raise ValueError(f"{others[0]} is an attribute that was set from outside, which no file can hold.")
    if isinstance(model.random_state, np.random.RandomState):
        raise ValueError(
            "parameters['random_state'] is a RandomState, shared with all who draw from it; give a number."
        )
    given = {name: value for name, value in model.get_params(deep=False).items() if name not in OF_THE_MACHINE}
    parameters, arrays = RECORDS.encode(given, "parameters")
    hollow = replace(state, parameters=np.empty(0, state.parameters.dtype))
    fitted, own = RECORDS.encode(hollow, "fitted")
    document = {
        "format": FORMAT,
        "version": __version__,
        "class": kind.__name__,
        "parameters": parameters,
        "fitted": fitted,
    }
    return json.dumps(document, allow_nan=False), {**state.spec.views(state.parameters), **arrays, **own}


def model_of(document: str, arrays: dict[str, np.ndarray], classes: Mapping[str, type]) -> Any:
    """The estimator that a document and its arrays tell of.

    Parameters
    ----------
    document : str
        From :func:`document_of`.
    arrays : dict of ndarray
        Its arrays, which are used up.
    classes : mapping of str to type
        The estimators, by name.

    Raises
    ------
    ValueError
        For what is not known, or does not fit together, naming the place.
    """
    told = parse(document, "the document")
    if not isinstance(told, dict) or type(told.get("format")) is not int:
        raise ValueError("the document has no format version.")
    if told["format"] != FORMAT:
        raise ValueError(
            f"it has the format version {told['format']}, written by grukit {told.get('version')!r:.40}; this grukit reads "
            f"the version {FORMAT}."
        )
    if set(told) != set(DOCUMENT):
        raise ValueError(f"the document has not exactly the entries {', '.join(DOCUMENT)}.")
    if told["class"] not in classes:
        raise ValueError(f"it holds a {told['class']!r:.80}; this grukit knows {', '.join(classes)}.")
    estimator: Any = classes[told["class"]]
    model = _estimator(estimator, RECORDS.decode(told["parameters"], arrays, "parameters"))
    hollow = RECORDS.decode(told["fitted"], arrays, "fitted")
    if type(hollow) is not estimator._record:
        raise ValueError(f"fitted is no {estimator._record.__name__}.")
    if hollow.inputs.estimator != estimator.__name__ or tuple(hollow.choices.asked) != tuple(model._chosen_by):
        raise ValueError(
            f"fitted is of a {hollow.inputs.estimator!r:.80}, or was chosen otherwise than {estimator.__name__} does."
        )
    state = replace(hollow, parameters=_weights(hollow, arrays))
    if arrays:
        raise ValueError(f"it has arrays that nothing tells of: {', '.join(sorted(arrays)[:5])}.")
    CHECKS[estimator._record](state)
    model._fitted = state
    return model


def _estimator(estimator: type, parameters: Any) -> Any:
    """An estimator with such parameters, checked as ``fit`` does."""
    known = {field.name for field in fields(estimator)} - set(OF_THE_MACHINE)
    if not isinstance(parameters, dict) or not set(parameters) <= known:
        unknown = sorted(map(str, set(parameters) - known)) if isinstance(parameters, dict) else [repr(parameters)]
        raise ValueError(
            f"parameters holds {unknown[0]:.80}, which {estimator.__name__} of this version does not have."
        )
    model: SharedParameters = estimator(**parameters)
    model._validate_params()  # type: ignore[attr-defined]
    check_parameters(model)
    return model


def _weights(state: FittedState, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The flat vector of the weights, each of the shape and type that it must have."""
    check_spec(state.spec)
    dtype = state.parameters.dtype
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"fitted.parameters is of {dtype}; weights are float32 or float64.")
    pieces = []
    for name, shape in state.spec.shapes.items():
        weights = arrays.pop(name, None)
        if weights is None or weights.shape != shape or weights.dtype != dtype:
            found = "is not there" if weights is None else f"has the shape {weights.shape} of {weights.dtype}"
            raise ValueError(f"the weights {name!r}, {shape} of {dtype}, {found}.")
        pieces.append(weights.ravel())
    return np.concatenate(pieces)
