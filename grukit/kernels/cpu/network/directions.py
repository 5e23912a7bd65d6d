"""The passes of a bidirectional layer: one from the last step to the first, and the output of both, joined."""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import noinline, rest_of, view
from grukit.kernels.cpu.compiler.jit import inner, outer
from grukit.kernels.scalar import ZERO


@inner
def reverse(values: Any, lengths: Any, reversed_values: Any) -> None:
    """Each row's own steps in reverse order; zero beyond its end.

    values           (T, B, D)  in
    lengths          (B,)       in
    reversed_values  (T, B, D)  out
    """
    noinline()
    T, B, D = values.shape
    for t in range(T):
        for b in range(B):
            for d in range(D):
                reversed_values[t, b, d] = values[lengths[b] - 1 - t, b, d] if t < lengths[b] else ZERO


@inner
def add_reversed(values: Any, lengths: Any, out: Any) -> None:
    """Add values (T, B, D), each row's steps in reverse order, to out (T, B, D)."""
    noinline()
    for t in range(values.shape[0]):
        for b in range(values.shape[1]):
            if t < lengths[b]:
                for d in range(values.shape[2]):
                    out[t, b, d] += values[lengths[b] - 1 - t, b, d]


@inner
def join(states: Any, lengths: Any, direction: int, joined: Any) -> None:
    """Write one direction's part of a layer's output; the states beyond a row's end are zero.

    states  (T, B, H)            in   in the order in which the direction took the steps
    joined  (T, B, H or 2H)      out  in the order of time
    """
    noinline()
    T, B, H = states.shape
    left = direction * H
    for t in range(T):
        for b in range(B):
            own = lengths[b] - 1 - t if direction else t
            for j in range(H):
                joined[t, b, left + j] = states[own, b, j] if t < lengths[b] else ZERO


@inner
def split(joined: Any, lengths: Any, direction: int, states: Any) -> None:
    """The reverse of :func:`join`: one direction's part of a gradient; zero beyond a row's end."""
    noinline()
    T, B, H = states.shape
    left = direction * H
    for t in range(T):
        for b in range(B):
            source = lengths[b] - 1 - t if direction else t
            for j in range(H):
                states[t, b, j] = joined[source, b, left + j] if t < lengths[b] else ZERO


# --- of a network that may have one direction only: ``both`` is None then --------------------------------------------------


@outer
def in_direction(both: Any, direction: int, values: Any, lengths: Any, reversed_values: Any) -> Any:
    """Values (T, B, D) in the order in which a direction takes the steps."""
    if both is None or direction == 0:
        return values
    out = view(reversed_values, 0, values.shape)
    reverse(values, lengths, out)
    return out


@outer
def in_direction_backward(both: Any, direction: int, d_values: Any, d_reversed: Any) -> Any:
    """Where the gradient of what :func:`in_direction` returned is written."""
    if both is None or direction == 0:
        return d_values
    return view(d_reversed, 0, d_values.shape)


@outer
def add_direction(both: Any, direction: int, d_reversed: Any, lengths: Any, d_values: Any) -> None:
    """Add the gradient d_reversed (T, B, D) of what :func:`in_direction` returned to d_values, unless they are one."""
    if both is None or direction == 0:
        return
    add_reversed(d_reversed, lengths, d_values)


@outer
def own_states(both: Any, out: Any, shape: Any, rest: Any) -> Any:
    """Where a direction writes its states: into the layer's output, or separately, to be joined; and the rest of ``rest``."""
    if both is None:
        return out, rest
    T, B, H = shape
    return view(rest, 0, shape), rest_of(rest, T * B * H)


@outer
def join_directions(both: Any, states: Any, lengths: Any, direction: int, out: Any) -> None:
    """Copy what a direction wrote separately, see :func:`own_states`, into the layer's output."""
    if both is None:
        return
    join(states, lengths, direction, out)
