"""Categories of samples that the network reads as learned numbers: rows of tables among the parameters.

Where the samples' table of values has the numbers at inference, it has the category's number in the first of their columns in
training, in each row of a sample the same. A category that training does not know is the last row of a table, which it leaves
as it is.
"""

from typing import Any

from grukit.kernels.cpu.compiler.jit import anywhere, outer
from grukit.kernels.cpu.storage.layout import AHEAD, COLUMN, SIZE, WEIGHTS, WIDTH
from grukit.kernels.cpu.storage.segments import AREA_BEFORE, FIRST, ROWS, STEPS


@anywhere
def n_where_embedded(embeddings: Any, n: int) -> int:
    """The number n where inputs are embedded, so that their gradients are wanted, or 0."""
    return 0 if embeddings is None else n


@outer
def embed(
    embeddings: Any,
    rows: int,
    back: bool,
    parameters: Any,
    samples: Any,
    numbers: Any,
    lengths: Any,
    segments: Any,
    x: Any,
) -> None:
    """Read what is embedded into the inputs of a chunk; or, ``back``, add the gradients of these to those of the tables.

    embeddings  (n, 5)         in   the table of embeddings; None: there are none
    rows                       in   of the samples' table that are one step; the oldest step may lack some
    parameters  (P,)           in   or, back, their gradients, added to
    numbers     (B,)           in   of the samples
    lengths     (B,)           in   in steps
    segments    (m, COLUMNS)   in
    x           (area, D)      out  in these columns; or, back, in: its gradient
    """
    if embeddings is None:
        return
    D = samples.values.shape[1]
    for b in range(numbers.size):
        T, n = lengths[b], samples.lengths[numbers[b]]
        for e in range(embeddings.shape[0]):
            source = _row_of(embeddings, e, samples, numbers[b])
            width = _width_of(embeddings, e, back, source)
            for s in range(segments.shape[0]):
                first, row = segments[s, FIRST], segments[s, AREA_BEFORE] + b
                for t in range(first, min(T, first + segments[s, STEPS])):
                    for i in range(max(0, (T - t) * rows - n), rows):  # the oldest step may lack some
                        _move(back, parameters, source, width, x, row, i * D + embeddings[e, COLUMN])
                    row += segments[s, ROWS]


@outer
def embed_ahead(embeddings: Any, decoder: Any, back: bool, parameters: Any, samples: Any, numbers: Any, x: Any) -> None:
    """The same of the inputs x (T R, D) of a decoder, as far as it reads them, for the samples with these ``numbers`` (B,)."""
    if embeddings is None:
        return
    m, R = decoder.at_once, decoder.at_once * numbers.size
    for b in range(numbers.size):
        for e in range(embeddings.shape[0]):
            source = _row_of(embeddings, e, samples, numbers[b])
            width = _width_of(embeddings, e, back, source)
            for t in range(decoder.steps):
                for j in range(m):
                    for i in range(decoder.rows if embeddings[e, AHEAD] >= 0 else 0):
                        place = m + i * decoder.columns.size + embeddings[e, AHEAD]
                        _move(back, parameters, source, width, x, t * R + b * m + j, place)


@outer
def _row_of(embeddings: Any, e: int, samples: Any, number: int) -> int:
    """Where the numbers of a sample's category begin in the flat parameters."""
    category = int(samples.values[samples.starts[number], embeddings[e, COLUMN]])
    return embeddings[e, WEIGHTS] + category * embeddings[e, WIDTH]


@outer
def _width_of(embeddings: Any, e: int, back: bool, source: int) -> int:
    """How many these are; of gradients, none of the last row."""
    width = embeddings[e, WIDTH]
    return 0 if back and source + width == embeddings[e, WEIGHTS] + embeddings[e, SIZE] else width


@outer
def _move(back: bool, parameters: Any, source: int, width: int, x: Any, row: int, column: int) -> None:
    """Write the numbers of a category into a row of x, or add their gradients there to its own."""
    for d in range(width):
        if back:
            parameters[source + d] += x[row, column + d]
        else:
            x[row, column + d] = parameters[source + d]
