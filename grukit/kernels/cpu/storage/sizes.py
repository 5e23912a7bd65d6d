"""How many: rows of a step, steps of a sample, outputs."""

from typing import Any

from grukit.kernels.cpu.compiler.jit import anywhere
from grukit.kernels.cpu.storage.layout import UNITS, decoder_of, segment_of_rows


@anywhere
def rows_of_step(options: Any) -> int:
    """Rows that are one step."""
    segment = segment_of_rows(options)
    return 1 if segment is None else segment


@anywhere
def _in_segments(segment: Any, rows: int) -> int:
    if segment is None:
        return rows
    return (rows + segment - 1) // segment


@anywhere
def n_steps(options: Any, rows: int) -> int:
    """Steps of a sample of so many rows."""
    return _in_segments(segment_of_rows(options), rows)


@anywhere
def last_head(decoder: Any, layers: Any) -> Any:
    """The row (8,) of the layer table of the head that gives the outputs, whose bias is the last of the flat parameters."""
    if decoder is None:
        return layers[-1]
    return decoder.network.layers[-1]


@anywhere
def n_positions(decoder: Any) -> int:
    """Times that the last head gives outputs."""
    if decoder is None:
        return 1
    return decoder.steps * decoder.at_once


@anywhere
def n_outputs(options: Any, layers: Any) -> int:
    """Outputs of a sample, or, with an output at every step, of a step."""
    decoder = decoder_of(options)
    return n_positions(decoder) * last_head(decoder, layers)[UNITS]
