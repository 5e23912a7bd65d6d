"""What is inspected: a fitted network, and X cut into batches that fit into memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from grukit.engines import select_engine
from grukit.estimators.inputs import read_X
from grukit.estimators.one_model import one_model

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

    Attributes
    ----------
    rows, sequences : Sequences
        The samples as rows of X, and as steps of the network, which may have no first one, see
        :meth:`grukit.estimators.fitted.FittedState.steps_of`.
    """

    def __init__(self, model: Any, X: Any, context: Any):
        state = one_model(model)
        work = read_X(X, state.inputs, state.tail, context)
        self.state, self.spec = state, state.spec
        self.parameters = state.parameters.astype(np.float64)
        self.work, self.table = work, work.table
        self.rows, self.sequences = work.sequences, state.steps_of(work.sequences)
        values, none = state.encode(work.sequences, "float64"), np.empty((0, 1))
        self._kernels = select_engine("cpu").kernels
        self._options = self.spec.for_kernels(self._kernels).options
        self._samples = self._kernels.Samples(values, none, self.sequences.starts, self.sequences.lengths, none[:, 0])

    def batches(self, samples: np.ndarray | None = None) -> Iterator[Batch]:
        """The chosen samples, all where None, in their order."""
        starts, lengths = self.sequences.starts, self.sequences.lengths
        samples = np.arange(len(starts)) if samples is None else samples
        a_step = 2 * self.spec.n_columns + 6 * sum(self.spec.hidden_layer_sizes)  # x and d_x; h, four planes, d_states
        size = max(1, BATCH_NUMBERS // (int(lengths[samples].max()) * a_step))
        for first in range(0, len(samples), size):
            some = samples[first : first + size]
            x = np.empty((lengths[some].max(), len(some), self.spec.n_columns))
            steps = np.empty(len(some), np.int64)
            segments = self._kernels.whole_chunk(steps, len(x)).segments
            flat = x.reshape(-1, self.spec.n_columns)
            self._kernels.gather(self._options, self._samples, some, segments, flat, steps)
            yield Batch(some, x, steps)
