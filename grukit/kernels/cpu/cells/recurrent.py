"""What the cells share: planes, what a step is multiplied by, rows that have ended."""

from typing import Any

from grukit.kernels.cpu.compiler.intrinsics import view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.vectors import ROW, multiply, pack_columns
from grukit.kernels.scalar import ONE, ZERO

# The planes of ``gates``.
R, Z, Q, N = 0, 1, 2, 3


@inner
def pack_gate(weights: Any, gate: int, packed: Any) -> None:
    """Pack W_i and W_h of a gate for rows of inputs and states side by side, see :func:`side_by_side`: (D + H, H)."""
    H, D = weights.w_ih.shape[0] // 3, weights.w_ih.shape[1]
    own = slice(gate * H, (gate + 1) * H)
    pack_columns(weights.w_ih[own], 0, D + H, packed)
    pack_columns(weights.w_hh[own], D, D + H, packed)


@inner
def side_by_side(x: Any, h: Any, out: Any) -> None:
    """Write x (B, D) and h (B, H) into out (B, D + H), so that both are multiplied at once."""
    D = x.shape[1]
    for b in range(h.shape[0]):
        for d in range(D):
            out[b, d] = x[b, d]
        for j in range(h.shape[1]):
            out[b, D + j] = h[b, j]


@inner
def split_candidate(weights: Any, H: int) -> Any:
    """Of the packed weights of inference: W_hh of r and z, of n, and the bias of n's product."""
    w_hh, b_hh = weights.w_hh, weights.b_hh
    return view(w_hh, 0, (2 * H * H,)), view(w_hh, 2 * H * H, (H * H,)), view(b_hh, 2 * H, (H,))


@inner
def project_steps(x: Any, first: int, last: int, weights: Any, projected: Any) -> None:
    """W_i x + b of the steps first..last into ``projected`` (., B, 3H), from the packed weights of inference."""
    _, B, N = projected.shape
    D, rows = x.shape[2], (last - first) * B
    inputs, out = view(x, first * B * D, (rows, D)), view(projected, 0, (rows, N))
    multiply(inputs, weights.w_ih, N, ROW, weights.b_ih, False, out)


@inner
def keep_ended(before: Any, lengths: Any, t: int, h: Any) -> None:
    """Give the lanes of rows that have no step t their state (H, LANES) before it back."""
    for b in range(lengths.size):
        if t >= lengths[b]:
            for j in range(h.shape[0]):
                h[j, b] = before[j, b]


@inner
def shortest(lengths: Any) -> int:
    """The fewest steps of a row."""
    fewest = lengths[0]
    for b in range(lengths.size):
        fewest = min(fewest, lengths[b])
    return fewest


@inner
def carry(h_previous: Any, h: Any, gates: Any, t: int, b: int) -> None:
    """A row beyond its own end keeps its state; z = 1 and n = q = r = 0 make its gradients vanish by themselves."""
    for j in range(h.shape[1]):
        gates[R, t, b, j] = ZERO
        gates[Z, t, b, j] = ONE
        gates[Q, t, b, j] = ZERO
        gates[N, t, b, j] = ZERO
        h[b, j] = h_previous[b, j]
