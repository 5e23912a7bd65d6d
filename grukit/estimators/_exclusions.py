"""What constraints cannot say of parameters: the contents of lists, and values that exclude each other."""

from numbers import Integral
from typing import Any

import numpy as np

from grukit.estimators._checkpoint_parameters import CheckpointParameters
from grukit.estimators._forecast_parameters import ForecastParameters
from grukit.estimators._parameters import SharedParameters
from grukit.estimators._quantiles import check_levels
from grukit.estimators._table_parameters import TableParameters
from grukit.files import path_of


def check_parameters(estimator: SharedParameters) -> None:
    """Raise for what the constraints of single parameters do not look into."""
    sizes = np.atleast_1d(np.asarray(estimator.hidden_layer_sizes, dtype=object))
    if sizes.ndim != 1 or not len(sizes) or not all(_is_count(size) for size in sizes):
        raise ValueError(
            "hidden_layer_sizes must be a positive integer, or one for each layer; got "
            f"{estimator.hidden_layer_sizes!r}."
        )
    callbacks = estimator.callbacks
    if isinstance(callbacks, list | tuple) and not all(callable(callback) for callback in callbacks):
        raise ValueError(f"callbacks must be callables; got {callbacks!r}.")
    if estimator.solver == "lbfgs" and (estimator.dropout > 0 or estimator.recurrent_dropout > 0):
        raise ValueError("dropout and recurrent_dropout need a solver that trains in batches, not solver='lbfgs'.")
    averaging = getattr(estimator, "averaging", "auto")  # a forecaster has none
    if estimator.solver == "lbfgs" and not isinstance(averaging, str) and averaging > 0:
        raise ValueError(
            f"averaging={averaging!r} is of the weights after each epoch, which solver='lbfgs' does not have; use 'auto' or 0."
        )
    if estimator.precision == "tf32" and estimator.dtype != "float32":
        raise ValueError(f"precision='tf32' is of products in dtype='float32'; got dtype={estimator.dtype!r}.")
    if estimator.weight_init == "chrono" and estimator.cell not in ("gru", "gru_reset_before"):
        raise ValueError(
            f"weight_init='chrono' is for the cells 'gru' and 'gru_reset_before'; got cell={estimator.cell!r}."
        )
    if estimator.missing == "decay" and estimator.bidirectional:
        raise ValueError(
            "missing='decay' counts the time since a value was last seen; bidirectional=True has no such time."
        )
    if estimator.missing == "decay" and estimator.cell not in ("gru", "gru_reset_before"):
        raise ValueError(f"missing='decay' is for the cells 'gru' and 'gru_reset_before'; got cell={estimator.cell!r}.")
    if isinstance(estimator, CheckpointParameters):
        _check_checkpoint(estimator)
    if isinstance(estimator, TableParameters):
        _check_table_parameters(estimator)
    if isinstance(estimator, ForecastParameters):
        check_levels(estimator.quantiles, estimator.loss, estimator.strategy)
        if estimator.segment is not None and estimator.segment > estimator.window:
            raise ValueError(
                f"A segment is of rows of a window; got segment={estimator.segment} and window={estimator.window}."
            )
        if estimator.strategy == "decoder":
            _check_decoder(estimator)
        if estimator.calibration == "folds" and estimator.warm_start:
            raise ValueError(
                "calibration='folds' fits copies anew, with warm_start=True training goes on: use 'split' or 'auto'."
            )


def _check_decoder(estimator: ForecastParameters) -> None:
    if estimator.cell not in ("gru", "gru_reset_before"):
        raise ValueError(
            f"strategy='decoder' is for the cells 'gru' and 'gru_reset_before'; got cell={estimator.cell!r}."
        )
    if estimator.horizon % (estimator.segment or 1):
        raise ValueError(
            f"strategy='decoder' forecasts whole segments; horizon={estimator.horizon} is no multiple of "
            f"segment={estimator.segment}."
        )


def _check_checkpoint(estimator: CheckpointParameters) -> None:
    if estimator.checkpoint is None:
        return
    path_of(estimator.checkpoint, "checkpoint")
    if estimator.solver == "lbfgs":
        raise ValueError("checkpoint is written between epochs, which solver='lbfgs' does not have.")
    if isinstance(estimator.random_state, np.random.RandomState):
        raise ValueError("checkpoint needs a random_state that is the same in the next process: a number, or None.")


def _check_table_parameters(estimator: TableParameters) -> None:
    if estimator.missing == "decay" and isinstance(estimator.difference, list | bool) and estimator.difference:
        raise ValueError("missing='decay' counts the time since a value was last seen; a difference has no such time.")


def _is_count(size: Any) -> bool:
    return isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0
