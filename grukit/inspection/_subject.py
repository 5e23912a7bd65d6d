"""What is looked at: a fitted network and X, cut into batches that fit into memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from grukit.estimators._base import RecurrentEstimator
from grukit.estimators._inputs import read_X

# Numbers in the workspace of a batch, 32 MiB in float64; a sequence that needs more is a batch by itself.
BATCH_NUMBERS = 2**22


class Batch(NamedTuple):
    """Some of the samples: their numbers (B,), standardised inputs x (T, B, D), and lengths (B,) within 1..T."""

    samples: np.ndarray
    x: np.ndarray
    lengths: np.ndarray

    @property
    def within(self) -> np.ndarray:
        """Which steps of x belong to their sequence, (T, B)."""
        return np.arange(len(self.x))[:, None] < self.lengths


class Subject:
    """A fitted model's network in float64, and the samples of X.

    Parameters
    ----------
    model : fitted estimator
        Of grukit.
    X, context
        As in ``predict``.

    Raises
    ------
    TypeError
        Where ``model`` is no estimator of grukit.
    sklearn.exceptions.NotFittedError
        Where it was not fitted.
    ValueError
        For an X that ``predict`` would refuse.
    """

    def __init__(self, model: Any, X: Any, context: Any):
        if not isinstance(model, RecurrentEstimator):
            raise TypeError(
                f"Give a fitted estimator of grukit; got {type(model).__name__}. Of a pipeline, give the last step, and X "
                "as the steps before it make it."
            )
        check_is_fitted(model)
        work = read_X(model, X, reset=False, context=context)
        self.model, self.spec = model, model._spec
        self.parameters = model._parameters.astype(np.float64)
        self.sequences, self.table = work.sequences, work.table
        self.values = model._x_scaler.transform(work.sequences.values, "float64")

    def batches(self, samples: np.ndarray | None = None) -> Iterator[Batch]:
        """The chosen samples, all where None, in their order."""
        starts, lengths = self.sequences.starts, self.sequences.lengths
        samples = np.arange(len(starts)) if samples is None else samples
        a_step = 2 * self.spec.n_inputs + 6 * sum(self.spec.hidden_layer_sizes)  # x and d_x; h, four planes, d_states
        size = max(1, BATCH_NUMBERS // (int(lengths[samples].max()) * a_step))
        for first in range(0, len(samples), size):
            some = samples[first : first + size]
            steps = np.arange(lengths[some].max())[:, None]
            # Beyond its end a sequence has its last row again, which is never used.
            yield Batch(some, self.values[starts[some] + np.minimum(steps, lengths[some] - 1)], lengths[some])
