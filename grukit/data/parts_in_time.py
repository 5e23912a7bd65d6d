"""Blocks of samples, those of each series one after another in time."""

from dataclasses import replace

import numpy as np

from grukit.data.long_arrays import blocks_of_rows, long_array
from grukit.data.samples import Samples


def in_blocks(samples: Samples, n_blocks: int) -> list[Samples]:
    """The samples of each of so many blocks of them, those of each series one after another in time; none is empty."""
    block_of = blocks_of(replace(samples, per_step=False), n_blocks)
    chosen = (np.flatnonzero(block_of == block) for block in range(n_blocks))
    return [samples.take(rows) for rows in chosen if len(rows)]


def blocks_of(samples: Samples, n_blocks: int) -> np.ndarray:
    """The block of each sample, or of each step; samples that stand alone have no order in time and take turns."""
    sequences = samples.sequences
    if sequences.exchangeable:
        turns = np.arange(len(sequences)) % n_blocks
        return np.repeat(turns, sequences.lengths) if samples.per_step else turns
    series = sequences.series
    counts, out = np.bincount(series, minlength=len(sequences.begins)), long_array(series.shape, np.int64)
    before = np.cumsum(counts) - counts
    for block in blocks_of_rows(out):
        own = series[block]
        out[block] = (np.arange(block.start, block.stop) - before[own]) * n_blocks // counts[own]
    return out
