"""What the parameters that all estimators share may be."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from grukit.model import CELLS
from grukit.train import SCHEDULES, SOLVERS

SHARE = Interval(Real, 0, 1, closed="neither")
DECAY = Interval(Real, 0, 1, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")
AMOUNT = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")

COMMON_CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", COUNT],
    "window": [COUNT, None],
    "cell": [StrOptions(set(CELLS))],
    "bidirectional": ["boolean"],
    "dropout": [DECAY],
    "recurrent_dropout": [DECAY],
    "initial_state": [StrOptions({"zeros", "learned"})],
    "missing": [StrOptions({"error", "mask", "decay"})],
    "solver": [StrOptions({*SOLVERS, "lbfgs"})],
    "alpha": [AMOUNT],
    "batch_size": [StrOptions({"auto"}), COUNT],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [POSITIVE],
    "max_iter": [COUNT],
    "shuffle": ["boolean"],
    "tol": [AMOUNT],
    "early_stopping": ["boolean"],
    "validation_fraction": [SHARE],
    "n_iter_no_change": [COUNT],
    "clip_norm": [POSITIVE, None],
    "standardize": ["boolean"],
    "weight_init": [StrOptions({"glorot", "uniform"})],
    "momentum": [DECAY],
    "nesterovs_momentum": ["boolean"],
    "beta_1": [DECAY],
    "beta_2": [DECAY],
    "epsilon": [POSITIVE],
    "max_fun": [COUNT],
    "warm_start": ["boolean"],
    "device": [StrOptions({"auto", "cpu", "cuda"})],
    "dtype": [StrOptions({"float32", "float64"})],
    "precision": [StrOptions({"full", "tf32"})],
    "n_jobs": [Integral, None],
    "callbacks": [callable, list, tuple, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def check_parameters(estimator: Any) -> None:
    """Raise for what the constraints do not look into: the contents of lists, and parameters that exclude each other."""
    sizes = np.atleast_1d(np.asarray(estimator.hidden_layer_sizes, dtype=object))
    if sizes.ndim != 1 or not len(sizes) or not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ValueError(
            "hidden_layer_sizes must be a positive integer, or one for each layer; got "
            f"{estimator.hidden_layer_sizes!r}."
        )
    callbacks = estimator.callbacks
    if isinstance(callbacks, list | tuple) and not all(callable(callback) for callback in callbacks):
        raise ValueError(f"callbacks must be callables; got {callbacks!r}.")
    if estimator.solver == "lbfgs" and (estimator.dropout > 0 or estimator.recurrent_dropout > 0):
        raise ValueError("dropout and recurrent_dropout need a solver that trains in batches, not solver='lbfgs'.")
    if estimator.precision == "tf32" and estimator.dtype != "float32":
        raise ValueError(f"precision='tf32' is of products in dtype='float32'; got dtype={estimator.dtype!r}.")
    if estimator.missing == "decay" and estimator.bidirectional:
        raise ValueError(
            "missing='decay' counts the time since a value was last seen; bidirectional=True has no such time."
        )
    if estimator.missing == "decay" and estimator.cell not in ("gru", "gru_reset_before"):
        raise ValueError(f"missing='decay' is for the cells 'gru' and 'gru_reset_before'; got cell={estimator.cell!r}.")
