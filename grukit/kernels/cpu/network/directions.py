"""The passes of a bidirectional layer: one from the last step to the first, and the output of both, joined.

What has a number for every step and row lies segment by segment (:mod:`grukit.kernels.cpu.storage.segments`). A row that is
reversed has as many steps as before, so it has its place in the same segments.
"""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view
from grukit.kernels.cpu.compiler.jit import inner, outer
from grukit.kernels.cpu.storage.segments import AREA_BEFORE, FIRST, ROWS, STEPS, area_of, row_of_step, segment_of
from grukit.kernels.scalar import ZERO


@inner
def _reversed_row(segments: Any, lengths: Any, step: int, b: int) -> int:
    """Where row b's step lies when its own steps are reversed."""
    return row_of_step(segments, lengths[b] - 1 - step) + b


@inner
def reverse(values: Any, lengths: Any, segments: Any, reversed_values: Any) -> None:
    """Each row's own steps in reverse order; zero beyond its end.

    values           (area, D)     in
    lengths          (B,)          in
    segments         (n, COLUMNS)  in
    reversed_values  (area, D)     out
    """
    noinline()
    D, row = values.shape[1], 0
    for s in range(segments.shape[0]):
        for step in range(segments[s, FIRST], segments[s, FIRST] + segments[s, STEPS]):
            for b in range(segments[s, ROWS]):
                within = step < lengths[b]
                source = _reversed_row(segments, lengths, step, b) if within else 0
                for d in range(D):
                    reversed_values[row, d] = values[source, d] if within else ZERO
                row += 1


@inner
def add_reversed(values: Any, lengths: Any, segments: Any, out: Any) -> None:
    """Add values (area, D), each row's steps in reverse order, to out (area, D)."""
    noinline()
    row = 0
    for s in range(segments.shape[0]):
        for step in range(segments[s, FIRST], segments[s, FIRST] + segments[s, STEPS]):
            for b in range(segments[s, ROWS]):
                if step < lengths[b]:
                    source = _reversed_row(segments, lengths, step, b)
                    for d in range(values.shape[1]):
                        out[row, d] += values[source, d]
                row += 1


@inner
def join(states: Any, lengths: Any, segments: Any, s: int, direction: int, joined: Any) -> None:
    """Write one direction's part of a layer's output; the states beyond a row's end are zero.

    states  (T, B, H)          in   of segment s, in the order in which the direction took the steps
    joined  (area, H or 2H)    out  in the order of time
    """
    noinline()
    T, B, H = states.shape
    left, row, first = direction * H, segments[s, AREA_BEFORE], segments[s, FIRST]
    for t in range(T):
        for b in range(B):
            within = first + t < lengths[b]
            target = _reversed_row(segments, lengths, first + t, b) if direction and within else row
            for j in range(H):
                joined[target, left + j] = states[t, b, j] if within else ZERO
            row += 1


@inner
def split(joined: Any, lengths: Any, segments: Any, s: int, direction: int, states: Any) -> None:
    """The reverse of :func:`join`: one direction's part of a gradient; zero beyond a row's end."""
    noinline()
    T, B, H = states.shape
    left, row, first = direction * H, segments[s, AREA_BEFORE], segments[s, FIRST]
    for t in range(T):
        for b in range(B):
            within = first + t < lengths[b]
            source = _reversed_row(segments, lengths, first + t, b) if direction and within else row
            for j in range(H):
                states[t, b, j] = joined[source, left + j] if within else ZERO
            row += 1


# --- of a network that may have one direction only: ``both`` is None then --------------------------------------------------


@outer
def reverse_inputs(both: Any, direction: int, values: Any, lengths: Any, segments: Any, reversed_values: Any) -> None:
    """Write values (area, D) in the order in which the second direction takes the steps, for that direction."""
    if both is None or direction == 0:
        return
    reverse(values, lengths, segments, view(reversed_values, 0, values.shape))


@outer
def in_direction(both: Any, direction: int, values: Any, reversed_values: Any, segments: Any, s: int) -> Any:
    """Segment s of the inputs, or of their gradient: of values (T, B, D), or of what the second direction has of them."""
    if both is None or direction == 0:
        return values
    area = area_of(segments) if values.shape[0] > 0 else 0
    return segment_of(view(reversed_values, 0, (area, values.shape[2])), segments, s)


@outer
def add_direction(both: Any, direction: int, d_reversed: Any, lengths: Any, segments: Any, d_values: Any) -> None:
    """Add the gradient of the reversed values to d_values (area, D), for the second direction."""
    if both is None or direction == 0 or d_values.shape[0] == 0:
        return
    add_reversed(view(d_reversed, 0, d_values.shape), lengths, segments, d_values)


@outer
def own_states(both: Any, out: Any, shape: Any, rest: Any) -> Any:
    """Where a direction writes its states: into the layer's output, or separately, to be joined; and the rest of ``rest``."""
    if both is None:
        return out, rest
    T, B, H = shape
    return view(rest, 0, shape), rest_of(rest, T * B * H)


@outer
def join_directions(both: Any, states: Any, lengths: Any, segments: Any, direction: int, out: Any) -> None:
    """Copy what a direction wrote separately, see :func:`own_states`, into the layer's output (T, B, units)."""
    if both is None:
        return
    join(states, lengths, segments, 0, direction, view(out, 0, (out.shape[0] * out.shape[1], out.shape[2])))
