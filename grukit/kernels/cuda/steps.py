"""The gates of one step, a thread a unit: for layers of more than 128 units, and for float64.

The recurrent product of the step comes before or after, as a launch of its own. Arrays as in
:mod:`grukit.kernels.cuda.gru`: ``gates`` (T, B, 4, H), planes r, z, n, q; flat, C-contiguous.

``mask``, where ``masked``: (mask, entered), two arrays (B, H): what h' is multiplied by as it enters the products, and h'
times it, which the next step's product takes.
"""

from typing import Any

from grukit.kernels.cuda._cuda import cuda, uint32
from grukit.kernels.cuda.activations import activations
from grukit.kernels.scalar import ONE, ZERO

THREADS = 128


def gru_step_forward(dtype: str, masked: bool) -> Any:
    """Make the kernel."""
    sigmoid, tanh = activations(dtype)

    def kernel(t, B, H, rows, b_ih, b_hh, lengths, h, gates, mask):  # type: ignore[no-untyped-def]
        """Gates and states of step t.

        rows  (B, 3H)  in   W_h h' of r, z, n
        """
        i = cuda.grid(1)
        if i >= B * H:
            return
        b, j = uint32(i // H), uint32(i % H)
        at, state, row = uint32((t * B + b) * 4 * H + j), uint32(t * B * H + i), uint32(b * 3 * H + j)
        r = sigmoid(gates[at] + b_ih[j] + b_hh[j] + rows[row])
        z = sigmoid(gates[uint32(at + H)] + b_ih[uint32(H + j)] + b_hh[uint32(H + j)] + rows[uint32(row + H)])
        q = rows[uint32(row + 2 * H)] + b_hh[uint32(2 * H + j)]
        n = tanh(gates[uint32(at + 2 * H)] + b_ih[uint32(2 * H + j)] + r * q)
        if t >= lengths[b]:  # z = 1 and r = n = q = 0 make its gradients vanish
            r, z, n, q = ZERO, ONE, ZERO, ZERO
        gates[at], gates[uint32(at + H)], gates[uint32(at + 2 * H)], gates[uint32(at + 3 * H)] = r, z, n, q
        after = n + z * (h[state] - n)
        h[uint32(state + B * H)] = after
        if masked:
            mask[1][i] = mask[0][i] * after

    return kernel


def gru_step_backward(dtype: str, masked: bool) -> Any:
    """Make the kernel."""

    def kernel(t, B, H, d_outside, through, h, gates, rows, d_h, mask):  # type: ignore[no-untyped-def]
        """Gradients of the gates of step t.

        d_outside  (T, B, H), (1, B, H)  in   gradient that reaches each h[t+1], or only the last, from outside
        through    (B, H)                in   gradient that came through the products of step t + 1
        rows       (B, 3H)               out  gradients of r, z and q, for the product that follows
        d_h        (B, H)                in, out  gradient that came past the products
        """
        i = cuda.grid(1)
        if i >= B * H:
            return
        b, j = uint32(i // H), uint32(i % H)
        at, state, row = uint32((t * B + b) * 4 * H + j), uint32(t * B * H + i), uint32(b * 3 * H + j)
        skipped = uint32(h.size - B * H - d_outside.size)  # numbers before the first step with a gradient from outside
        r, z, n, q = gates[at], gates[uint32(at + H)], gates[uint32(at + 2 * H)], gates[uint32(at + 3 * H)]
        d = ZERO * r
        if state + 2 * B * H < h.size:  # not the last step
            d = d_h[i] + (mask[0][i] * through[i] if masked else through[i])
        if state >= skipped:
            d += d_outside[uint32(state - skipped)]
        d_n = d * (ONE - z) * (ONE - n * n)
        d_z = d * (h[state] - n) * (z - z * z)
        d_r = d_n * q * (r - r * r)
        d_h[i] = d * z
        rows[row], rows[uint32(row + H)], rows[uint32(row + 2 * H)] = d_r, d_z, d_n * r
        gates[at], gates[uint32(at + H)], gates[uint32(at + 2 * H)], gates[uint32(at + 3 * H)] = d_r, d_z, d_n, d_n * r

    return kernel


def gru_reset_before_step_gates(dtype: str, masked: bool) -> Any:
    """Make the kernel."""
    sigmoid, _ = activations(dtype)

    def kernel(t, B, H, rows, b_ih, b_hh, lengths, h, gates, mask):  # type: ignore[no-untyped-def]
        """Gates r and z of step t, and r h'.

        rows  (B, 2H)  in   W_h h' of r and z
        """
        i = cuda.grid(1)
        if i >= B * H:
            return
        b, j = uint32(i // H), uint32(i % H)
        at, row = uint32((t * B + b) * 4 * H + j), uint32(b * 2 * H + j)
        r = sigmoid(gates[at] + b_ih[j] + b_hh[j] + rows[row])
        z = sigmoid(gates[uint32(at + H)] + b_ih[uint32(H + j)] + b_hh[uint32(H + j)] + rows[uint32(row + H)])
        if t >= lengths[b]:
            r, z = ZERO, ONE
        gates[at], gates[uint32(at + H)] = r, z
        q = r * h[uint32(t * B * H + i)]
        gates[uint32(at + 3 * H)] = mask[0][i] * q if masked else q

    return kernel


def gru_reset_before_step_forward(dtype: str, masked: bool) -> Any:
    """Make the kernel."""
    _, tanh = activations(dtype)

    def kernel(t, B, H, rows, b_ih, b_hh, lengths, h, gates, mask):  # type: ignore[no-untyped-def]
        """Candidates and states of step t.

        rows  (B, H)  in   W_hn (r h')
        """
        i = cuda.grid(1)
        if i >= B * H:
            return
        b, j = uint32(i // H), uint32(i % H)
        at, state = uint32((t * B + b) * 4 * H + j), uint32(t * B * H + i)
        n = tanh(gates[uint32(at + 2 * H)] + b_ih[uint32(2 * H + j)] + b_hh[uint32(2 * H + j)] + rows[i])
        if t >= lengths[b]:
            n = ZERO
        gates[uint32(at + 2 * H)] = n
        after = n + gates[uint32(at + H)] * (h[state] - n)
        h[uint32(state + B * H)] = after
        if masked:
            mask[1][i] = mask[0][i] * after

    return kernel


def gru_reset_before_step_backward(dtype: str, masked: bool) -> Any:
    """Make the kernel."""

    def kernel(t, B, H, d_outside, through, h, gates, d_h, mask):  # type: ignore[no-untyped-def]
        """Gradients of z and n of step t; arrays as in :func:`gru_step_backward`."""
        i = cuda.grid(1)
        if i >= B * H:
            return
        b, j = uint32(i // H), uint32(i % H)
        at, state = uint32((t * B + b) * 4 * H + j), uint32(t * B * H + i)
        skipped = uint32(h.size - B * H - d_outside.size)
        z, n = gates[uint32(at + H)], gates[uint32(at + 2 * H)]
        d = ZERO * z
        if state + 2 * B * H < h.size:  # not the last step
            d = d_h[i] + (mask[0][i] * through[i] if masked else through[i])
        if state >= skipped:
            d += d_outside[uint32(state - skipped)]
        d_h[i] = d * z
        gates[uint32(at + H)] = d * (h[state] - n) * (z - z * z)
        gates[uint32(at + 2 * H)] = d * (ONE - z) * (ONE - n * n)

    return kernel


def gru_reset_before_step_reset(dtype: str, masked: bool) -> Any:
    """Make the kernel."""

    def kernel(t, B, H, d_reset, h, gates, d_h, mask):  # type: ignore[no-untyped-def]
        """Gradient of r of step t.

        d_reset  (B, H)  in       W_hn^T d_n, the gradient of r h', masked
        d_h      (B, H)  in, out  what came past the products of r and z
        """
        i = cuda.grid(1)
        if i >= B * H:
            return
        b, j = uint32(i // H), uint32(i % H)
        at = uint32((t * B + b) * 4 * H + j)
        r = gates[at]
        d = mask[0][i] * d_reset[i] if masked else d_reset[i]
        d_h[i] += d * r
        gates[at] = d * h[uint32(t * B * H + i)] * (r - r * r)

    return kernel
