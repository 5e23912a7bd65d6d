"""The gated recurrent unit, reset gate after the recurrent product: all steps in one launch, for up to 128 units.

A block takes its sequences through all steps; the recurrent weights stay in registers, the states in shared memory.
Equations and legend: :mod:`grukit.kernels`. ``gates`` is (T, B, 4, H) here, the planes of a row in the order r, z, n, q,
so that what enters with the inputs (r, z, n) is one product.

An option comes as a tuple of arrays, empty where it is not taken: then it is no argument and leaves no code.
"""

from typing import Any

from grukit.kernels.cuda._cuda import cuda, float32, uint32, uint64
from grukit.kernels.cuda.activations import activations
from grukit.kernels.cuda.inputs import input_functions
from grukit.kernels.cuda.registers import LARGEST, ROWS, SLICES, register_functions
from grukit.kernels.scalar import ONE, ZERO


def gru_forward(units: int, masked: bool, few: bool) -> Any:
    """Make the forward kernel for up to ``units`` units; blocks of units x SLICES[units] threads.

    ``masked``: with recurrent dropout; ``few``: it takes few inputs itself (:mod:`grukit.kernels.cuda.inputs`).
    """
    slices = SLICES[units]
    plane = ROWS * units
    size, n_biases = 2 * plane, 4 * units
    load, _, dot_3, gathered = register_functions(units)
    load_inputs, fetch_inputs, entered, whole_of = input_functions(units, few, gathered)
    sigmoid, tanh = activations("float32")

    @cuda.jit(device=True, inline="always")
    def unit(x_n: Any, r: Any, z: Any, q: Any, before: Any, ended: Any) -> Any:
        """The gates and the state after a step, from the pre-activations of r and z and the recurrent part q."""
        r, z = sigmoid(r), sigmoid(z)
        n = tanh(x_n + r * q)
        if ended:  # z = 1 and r = n = q = 0 make its gradients vanish
            r, z, n, q = ZERO, ONE, ZERO, ZERO
        return r, z, n, q, n + z * (before - n)

    def kernel(T, B, H, rows, w_hh, b_ih, b_hh, lengths, h, gates, inputs, mask):  # type: ignore[no-untyped-def]
        """All steps of ``rows`` sequences a block.

        w_hh     (3H, H)        in   blocks r, z, n
        b_ih     (3H,)          in;  b_hh (3H,) likewise
        lengths  (B,)           in   steps of each row, 0..T; a row keeps its state beyond its end
        h        (T+1, B, H)    in   h[0], the initial state;  out  h[1:]
        gates    (T, B, 4, H)   in   W_i x of r, z, n, unless ``few``;  out  r, z, n, q = W_hn h' + b_hn
        inputs   (), or         in   where ``few``: D, x (T, B, D), w_ih (3H, D)
        mask     (), ((B, H),)  in   where ``masked``: what h' is multiplied by as it enters the product
        """
        states = cuda.shared.array(size, float32, alignment=16)  # two planes, what enters before and after a step
        if masked:
            whole = cuda.shared.array(plane, float32)  # the states without the mask
        biases = cuda.shared.array(n_biases, float32)  # not in registers: with 128 units there are none left
        j, s = uint32(cuda.threadIdx.x // slices), uint32(cuda.threadIdx.x % slices)
        w_r, w_z, w_n = load(w_hh, H, uint32(1), j, s, H)
        u, held = load_inputs(inputs, j, s, H)
        first = uint32(cuda.blockIdx.x * rows)
        mine = uint32(min(rows, B - first))
        own = j < H and s == 0  # one slice of each unit does its gates
        if own:  # with the inputs enter those of r, z and n; with the candidate's recurrent part another
            biases[j], biases[uint32(units + j)] = b_ih[j] + b_hh[j], b_ih[uint32(H + j)] + b_hh[uint32(H + j)]
            biases[uint32(2 * units + j)] = b_ih[uint32(2 * H + j)]
            biases[uint32(3 * units + j)] = b_hh[uint32(2 * H + j)]
        for b in range(mine):
            if s == 0:
                before = h[uint32((first + b) * H + j)] if own else ZERO
                if masked and own:
                    whole[uint32(b * units + j)] = before
                    before *= mask[0][uint32((first + b) * H + j)]
                states[uint32(b * units + j)] = before
                states[uint32(plane + b * units + j)] = ZERO
        fetch_inputs(inputs, gates, first, j, s, H, own, held)
        cuda.syncthreads()
        for t in range(T):
            now = uint32((t & 1) * plane)
            then = uint32(plane - now)
            for b in range(mine):
                x_r, x_z, x_n = entered(u, held)
                place = uint32(t * B + first + b)
                if b + 1 < mine or t + 1 < T:  # what comes next is fetched before the product, which hides the wait
                    ahead = uint32(place + 1) if b + 1 < mine else uint32((t + 1) * B + first)
                    fetch_inputs(inputs, gates, ahead, j, s, H, own, held)
                r, z, q = dot_3(w_r, w_z, w_n, states, uint64(uint32(now + b * units + 4 * s)))
                r, z, q, x_n = gathered(x_r + r), gathered(x_z + z), gathered(q), whole_of(x_n)
                if own:
                    before = whole[uint32(b * units + j)] if masked else states[uint32(now + b * units + j)]
                    r, z = biases[j] + r, biases[uint32(units + j)] + z
                    x_n, q = biases[uint32(2 * units + j)] + x_n, biases[uint32(3 * units + j)] + q
                    r, z, n, q, after = unit(x_n, r, z, q, before, t >= lengths[uint32(first + b)])
                    at = uint32(place * 4 * H + j)
                    gates[at], gates[uint32(at + H)] = r, z
                    gates[uint32(at + 2 * H)], gates[uint32(at + 3 * H)] = n, q
                    h[uint32((place + B) * H + j)] = after
                    if masked:
                        whole[uint32(b * units + j)] = after
                        after *= mask[0][uint32((first + b) * H + j)]
                    states[uint32(then + b * units + j)] = after
            cuda.syncthreads()

    return kernel


@cuda.jit(device=True, inline="always")
def fetch(place: Any, j: Any, H: Any, own: Any, skipped: Any, gates: Any, h: Any, d_outside: Any) -> Any:
    """What the backward step of unit j needs of one row and step: r, z, n, q, the state before, the gradient from outside."""
    r, z, n, q, before, d = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    if own:
        at, state = uint32(place * 4 * H + j), uint32(place * H + j)
        r, z, n, q = gates[at], gates[uint32(at + H)], gates[uint32(at + 2 * H)], gates[uint32(at + 3 * H)]
        before = h[state]
        if state >= skipped:
            d = d_outside[uint32(state - skipped)]
    return r, z, n, q, before, d


def gru_backward(units: int, masked: bool) -> Any:
    """Make the backward kernel for up to ``units`` units; blocks of units x SLICES[units] threads."""
    slices = SLICES[units]
    row = 3 * units  # gradients of r, z and q of one sequence
    plane = ROWS * row
    size, carried = 2 * plane, ROWS * units
    ahead = units < LARGEST  # there, no registers are left to fetch ahead into
    load, dot, _, gathered = register_functions(units)

    def kernel(T, B, H, rows, w_hh, d_outside, h, gates, mask):  # type: ignore[no-untyped-def]
        """Gradients of all steps, the last first.

        w_hh       (3H, H)               in
        d_outside  (T, B, H), (1, B, H)  in   gradient that reaches each h[t+1], or only the last, from outside
        h          (T+1, B, H)           in
        gates      (T, B, 4, H)          in   r, z, n, q;  out  gradients of the pre-activations of r, z, n, and of q
        mask       ((B, H),), ()         in   as in the forward pass
        """
        d_gates = cuda.shared.array(size, float32, alignment=16)  # two planes, so that one barrier a step will do
        d_h = cuda.shared.array(carried, float32)
        j, s = uint32(cuda.threadIdx.x // slices), uint32(cuda.threadIdx.x % slices)
        w_r, w_z, w_n = load(w_hh, uint32(1), H, j, s, H)
        B, H = uint32(B), uint32(H)
        first = uint32(cuda.blockIdx.x * rows)
        mine = uint32(min(uint32(rows), uint32(B - first)))
        own = j < H and s == 0
        for i in range(cuda.threadIdx.x, size, units * slices):
            d_gates[uint32(i)] = ZERO
        for i in range(cuda.threadIdx.x, carried, units * slices):
            d_h[uint32(i)] = ZERO
        cuda.syncthreads()
        skipped = uint32(T * B * H - d_outside.size)  # numbers before the first step with a gradient from outside
        t = uint32(T)
        place = uint32((t - 1) * B + first)
        coming = fetch(place, j, H, own, skipped, gates, h, d_outside)
        while t > 0:
            t = uint32(t - 1)
            now = uint32((t & 1) * plane)
            for b in range(mine):
                place = uint32(t * B + first + b)
                if not ahead:
                    coming = fetch(place, j, H, own, skipped, gates, h, d_outside)
                r, z, n, q, before, d = coming
                if ahead and (b + 1 < mine or t > 0):  # the wait is hidden by what is done until then
                    then = uint32(place + 1) if b + 1 < mine else uint32((t - 1) * B + first)
                    coming = fetch(then, j, H, own, skipped, gates, h, d_outside)
                if own:
                    to, at = uint32(now + b * row + j), uint32(place * 4 * H + j)
                    d += d_h[uint32(b * units + j)]
                    d_n = d * (ONE - z) * (ONE - n * n)
                    d_z = d * (before - n) * (z - z * z)
                    d_r = d_n * q * (r - r * r)
                    d_q = d_n * r
                    d_h[uint32(b * units + j)] = d * z
                    gates[at], gates[uint32(at + H)] = d_r, d_z
                    gates[uint32(at + 2 * H)], gates[uint32(at + 3 * H)] = d_n, d_q
                    d_gates[to], d_gates[uint32(to + units)], d_gates[uint32(to + 2 * units)] = d_r, d_z, d_q
            cuda.syncthreads()
            for b in range(mine):
                base = uint64(uint32(now + b * row + 4 * s))
                d = dot(ZERO, w_r, d_gates, base, 0)
                d = dot(d, w_z, d_gates, base, units)
                d = gathered(dot(d, w_n, d_gates, base, 2 * units))
                if own:
                    if masked:
                        d *= mask[0][uint32((first + b) * H + j)]
                    d_h[uint32(b * units + j)] += d

    return kernel
