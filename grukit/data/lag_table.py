"""The last rows before each sample, standardised, written where they are needed."""

import numpy as np

from grukit.data.long_arrays import blocks_of_rows, long_array
from grukit.data.samples import Samples
from grukit.data.scaling import Scaler
from grukit.data.sequences import Sequences


def ends_of(sequences: Sequences, per_step: bool) -> tuple[np.ndarray, np.ndarray]:
    """The row at which each sample, or each of its steps, ends, and how many rows it has up to there."""
    if per_step:
        return sequences.steps()
    rows = long_array(sequences.starts.shape, np.int64)
    np.add(sequences.starts, sequences.lengths, out=rows)
    rows -= 1
    return rows, sequences.lengths


def lagged(samples: Samples, scaler: Scaler, L: int, first_before: bool = False) -> np.ndarray:
    """Standardised lags (n, L D), lag by lag, of every sample, or step.

    Missing values are zero, and rows from before a series; or those are its first row.
    """
    rows, history = ends_of(samples.sequences, samples.per_step)
    out = np.zeros((len(rows), L * len(scaler.mean)))
    fill(out, scaled_rows(samples, scaler), rows, history, L, first_before)
    return out


def scaled_rows(samples: Samples, scaler: Scaler) -> np.ndarray:
    """All rows (N, D) standardised, zero where a value is missing."""
    scaled = scaler.transform(samples.sequences.values[:, : len(scaler.mean)], "float64")
    for block in blocks_of_rows(scaled):
        own = scaled[block]
        own[np.isnan(own)] = 0.0
    return scaled


def fill(
    out: np.ndarray, scaled: np.ndarray, rows: np.ndarray, history: np.ndarray, L: int, first_before: bool = False
) -> None:
    """Write lags of the rows of ``scaled`` (N, D) into the columns of ``out``, lag by lag, as far as there is history.

    Those from before a series stay as they are, or are its first row.
    """
    D = scaled.shape[1]
    if first_before:
        short = np.flatnonzero(history < L)
        first = scaled[rows[short] - history[short] + 1]
        out[short, : L * D] = np.tile(first, (1, L))
    for k in range(min(L, int(history.max(initial=0)))):
        seen = history > k
        out[seen, k * D : (k + 1) * D] = scaled[rows[seen] - k]
