"""The unit with two states at inference, see :mod:`grukit.kernels.cpu.cells.dual_state`: nothing is kept but the states."""

from typing import Any

from grukit.kernels.cpu.cells.recurrent import project_steps
from grukit.kernels.cpu.compiler.intrinsics import rest_of, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.cpu.products.elementwise import copy
from grukit.kernels.cpu.products.vectors import OUT, ROW, multiply, pack_columns
from grukit.kernels.cpu.storage.workspace import steps_together
from grukit.kernels.scalar import ONE, sigmoid, tanh


@inner
def dual_state_pack(w_hh: Any, packed: Any) -> None:
    """Pack the recurrent weights (5H, H) for :func:`dual_state_steps`: the three gates together, the others separately."""
    H = w_hh.shape[1]
    pack_columns(w_hh[: 3 * H], 0, H, packed)
    for block in range(3, 5):
        pack_columns(w_hh[block * H : (block + 1) * H], 0, H, rest_of(packed, block * H * H))


@inner
def dual_state_steps(x: Any, lengths: Any, weights: Any, damped: bool, states: Any, outputs: Any, work: Any) -> None:
    """All steps of one layer at inference.

    x        (T, B, D)               in
    lengths  (B,)                    in            steps of each row, 0..T; a row keeps its states beyond its end
    weights  Packed                  in
    states   (3, B, H)               in and out    h, c and the output
    outputs  (T, B, H) or (0, B, H)  out           the outputs, where they are wanted
    work     (.,)                    scratch, see ``inference_work_size``
    """
    T, B, _ = x.shape
    h, c, y = states[0], states[1], states[2]
    H = h.shape[1]
    size = B * H
    together = steps_together(T, 3 * size)
    projected, rest = view(work, 0, (together, B, 3 * H)), work[together * 3 * size :]
    entered, rows = view(rest, 0, (B, H)), view(rest, size, (B, H))
    w_gates, w_c, w_h = weights.w_hh[: 3 * H * H], weights.w_hh[3 * H * H : 4 * H * H], weights.w_hh[4 * H * H :]
    for t in range(T):
        if t % together == 0:
            project_steps(x, t, min(t + together, T), weights, projected)
        gates = projected[t % together]
        multiply(h, w_gates, 3 * H, OUT, w_gates, False, gates)
        for b in range(B):
            for j in range(3 * H):
                gates[b, j] = sigmoid(gates[b, j])
            for j in range(H):
                entered[b, j] = c[b, j] * gates[b, j]
        multiply(entered, w_c, H, ROW, weights.b_ih[3 * H : 4 * H], False, rows)
        for b in range(B):
            for j in range(H):
                entered[b, j] = gates[b, j] * h[b, j] + gates[b, H + j] * tanh(rows[b, j])
        multiply(entered, w_h, H, ROW, weights.b_ih[4 * H :], False, rows)
        for b in range(B):
            if t < lengths[b]:
                for j in range(H):
                    k, z = tanh(rows[b, j]), gates[b, H + j]
                    h[b, j] = k - z * k if damped else k
                    c[b, j] = (ONE - z) * c[b, j] + gates[b, j] * h[b, j]
                    y[b, j] = gates[b, 2 * H + j] * h[b, j]
        if outputs.shape[0] > 0:
            copy(y, outputs[t])
