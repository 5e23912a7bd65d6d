"""What a step of the gated recurrent unit does to its products: the gates, the candidate, the state; and its gradient.

The loops are flat over rows and units, so that they vectorise. The forward ones take one activation each: the constants of
two are more than the 16 registers of AVX2 hold, and a chain of three activations lets a processor begin few numbers at once.
On one Zen 3 core the three loops take 0.98 ns a unit, one for all 1.35, to the same bits; with AVX-512, LLVM's models of
Zen 4 and Zen 5 count 47.5 and 48.2 cycles for 16 units. They are not inlined: in a larger function the constants leave the
registers.
"""

from typing import Any

from grukit.kernels.cpu.cells.recurrent import N, Q, R, Z
from grukit.kernels.cpu.compiler.intrinsics import noinline, view
from grukit.kernels.cpu.compiler.jit import inner
from grukit.kernels.scalar import ONE, sigmoid, tanh

# Numbers that each loop of a step of training takes before the next one does. Where the gates are written to memory, as of
# 2,000 steps, each loop waits for it with fewer of them: a whole step at once takes 1.03 times as long.
TOGETHER = 256


@inner
def step_forward(products: Any, h_previous: Any, gates: Any, t: int, h: Any) -> None:
    """One step of training.

    products    (4, B H)     in   W_i x + W_h h' + b of r and z, W_h h' + b of q, W_i x + b of n; scratch
    h_previous  (B H,)       in
    gates       (4, T, B H)  out  r, z, q, n: written only here, for tiles that write so far from the cache wait
    h           (B H,)       out
    """
    for first in range(0, h.size, TOGETHER):
        part = (min(TOGETHER, h.size - first),)
        r, z, q, n = products[R], products[Z], products[Q], view(products[N], first, part)
        new_z = view(gates[Z, t], first, part)
        _reset(
            view(r, first, part),
            view(q, first, part),
            n,
            view(gates[R, t], first, part),
            view(gates[Q, t], first, part),
        )
        _sigmoids(view(z, first, part), new_z)
        _state(n, new_z, view(h_previous, first, part), view(gates[N, t], first, part), view(h, first, part))


@inner
def _reset(r_product: Any, q_product: Any, n_product: Any, r: Any, q: Any) -> None:
    """Write r and q, and add their product to that of n."""
    noinline()
    for i in range(r.size):
        r_i = sigmoid(r_product[i])
        q_i = q_product[i]
        r[i] = r_i
        q[i] = q_i
        n_product[i] += r_i * q_i


@inner
def _sigmoids(a: Any, out: Any) -> None:
    noinline()
    for i in range(out.size):
        out[i] = sigmoid(a[i])


@inner
def _state(n_product: Any, z: Any, h_previous: Any, n: Any, h: Any) -> None:
    """Write n and h."""
    noinline()
    for i in range(h.size):
        n_i = tanh(n_product[i])
        n[i] = n_i
        h[i] = n_i + z[i] * (h_previous[i] - n_i)


@inner
def step_backward(d_states: Any, h_previous: Any, gates: Any, t: int, through: Any, d: Any) -> None:
    """Gradients of :func:`step_forward`.

    d_states    (T, B, H) or (0, B, H)  in and out  as in ``gru_backward``
    h_previous  (B H,)                  in
    gates       (4, T, B H)             in          of step t: r, z, q, n
                                        out         gradients of the pre-activations r, z, recurrent part of n, n
    through     (B H,)                  in          gradient of h that came through the products
    d           (B H,)                  in          the rest of it
                                        out         gradient of h' that does not go through the products
    """
    r, z, q, n = gates[R, t], gates[Z, t], gates[Q, t], gates[N, t]
    size = d.size
    if d_states.shape[0] > 0:
        outside = view(d_states, t * size, (size,))
        for i in range(size):
            d[i] += outside[i]
            outside[i] = d[i] + through[i]
    for i in range(size):
        d_i = d[i] + through[i]
        d_n = d_i * (ONE - z[i]) * (ONE - n[i] * n[i])
        d_z = d_i * (h_previous[i] - n[i]) * (z[i] - z[i] * z[i])
        d_r = d_n * q[i] * (r[i] - r[i] * r[i])
        d[i] = d_i * z[i]
        q[i] = d_n * r[i]
        r[i] = d_r
        z[i] = d_z
        n[i] = d_n


@inner
def step_in_lanes(gates: Any, candidates: Any, h: Any) -> None:
    """One step at inference, rows in lanes.

    gates       (3, n)  in   W_i x + b of r, z and n, and of r and z W_h h', too; scratch
    candidates  (n,)    in   W_hn h' + b_hn
    h           (n,)    in and out
    """
    _reset_in_place(gates[0], candidates, gates[2])
    _sigmoids(gates[1], gates[0])
    _state_in_place(gates[2], gates[0], h)


@inner
def _reset_in_place(r: Any, q: Any, n: Any) -> None:
    noinline()
    for i in range(n.size):
        n[i] += sigmoid(r[i]) * q[i]


@inner
def _state_in_place(n: Any, z: Any, h: Any) -> None:
    noinline()
    for i in range(h.size):
        n_i = tanh(n[i])
        h[i] = n_i + z[i] * (h[i] - n_i)


@inner
def step_of_row(gates: Any, candidates: Any, h: Any) -> None:
    """The same of one row, too short for several loops; gates (3 n,), candidates (n,), h (n,)."""
    n = h.size
    for j in range(n):
        r = sigmoid(gates[j])
        z = sigmoid(gates[n + j])
        candidate = tanh(gates[2 * n + j] + r * candidates[j])
        h[j] = candidate + z * (h[j] - candidate)
