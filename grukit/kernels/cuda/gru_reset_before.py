"""The gated recurrent unit, reset gate before the recurrent product: all steps in one launch, for up to 128 units.

As :mod:`grukit.kernels.cuda.gru`, but each step has two halves, because the candidate's product takes r h'. The plane q
of ``gates`` holds r h', times the mask where there is one.
"""

from typing import Any

from grukit.kernels.cuda._cuda import cuda, float32, uint32, uint64
from grukit.kernels.cuda.activations import activations
from grukit.kernels.cuda.inputs import input_functions
from grukit.kernels.cuda.registers import ROWS, SLICES, register_functions
from grukit.kernels.scalar import ONE, ZERO


def gru_reset_before_forward(units: int, masked: bool, few: bool) -> Any:
    """Make the forward kernel for up to ``units`` units; arguments as :func:`grukit.kernels.cuda.gru.gru_forward`."""
    slices = SLICES[units]
    plane, n_biases = ROWS * units, 3 * units
    load, dot, _, gathered = register_functions(units)
    load_inputs, fetch_inputs, entered, _ = input_functions(units, few, gathered)
    sigmoid, tanh = activations("float32")

    @cuda.jit(device=True, inline="always")
    def enter(inputs: Any, gates: Any, place: Any, j: Any, s: Any, H: Any, own: Any, u: Any, held: Any) -> Any:
        fetch_inputs(inputs, gates, place, j, s, H, own, held)
        return entered(u, held)

    @cuda.jit(device=True, inline="always")
    def reset(r: Any, z: Any, before: Any, ended: Any) -> Any:
        """The gates r and z from their pre-activations, and r h'."""
        r, z = sigmoid(r), sigmoid(z)
        if ended:  # z = 1 and r = n = q = 0 make its gradients vanish
            r, z = ZERO, ONE
        return r, z, r * before

    def kernel(T, B, H, rows, w_hh, b_ih, b_hh, lengths, h, gates, inputs, mask):  # type: ignore[no-untyped-def]
        """All steps of ``rows`` sequences a block.

        w_hh     (3H, H)        in   blocks r, z, n
        b_ih     (3H,)          in;  b_hh (3H,) likewise
        lengths  (B,)           in   steps of each row, 0..T; a row keeps its state beyond its end
        h        (T+1, B, H)    in   h[0], the initial state;  out  h[1:]
        gates    (T, B, 4, H)   in   W_i x of r, z, n, unless ``few``;  out  r, z, n, q = r h'
        inputs   (), or         in   where ``few``: D, x (T, B, D), w_ih (3H, D)
        mask     (), ((B, H),)  in   where ``masked``: what h' is multiplied by as it enters a product
        """
        states = cuda.shared.array(plane, float32, alignment=16)
        resets = cuda.shared.array(plane, float32, alignment=16)  # r h'
        biases = cuda.shared.array(n_biases, float32)
        if masked:
            whole = cuda.shared.array(plane, float32)  # the states without the mask
        j, s = uint32(cuda.threadIdx.x // slices), uint32(cuda.threadIdx.x % slices)
        B, H = uint32(B), uint32(H)
        w_r, w_z, w_n = load(w_hh, H, uint32(1), j, s, H)
        u, held = load_inputs(inputs, j, s, H)
        first = uint32(cuda.blockIdx.x * rows)
        mine, own = uint32(min(uint32(rows), uint32(B - first))), j < H and s == 0  # one slice does a unit's gates
        for gate in range(3):
            if own:
                biases[uint32(gate * units + j)] = b_ih[uint32(gate * H + j)] + b_hh[uint32(gate * H + j)]
        for b in range(mine):
            if s == 0:
                before = h[uint32((first + b) * H + j)] if own else ZERO
                if masked and own:
                    whole[uint32(b * units + j)] = before
                    before *= mask[0][uint32((first + b) * H + j)]
                states[uint32(b * units + j)], resets[uint32(b * units + j)] = before, ZERO
        cuda.syncthreads()
        for t in range(T):
            for b in range(mine):
                base, place = uint64(uint32(b * units + 4 * s)), uint32(t * B + first + b)
                r, z, _ = enter(inputs, gates, place, j, s, H, own, u, held)
                r, z = gathered(dot(r, w_r, states, base, 0)), gathered(dot(z, w_z, states, base, 0))
                if own:
                    at = uint32(place * 4 * H + j)
                    r, z, before = biases[j] + r, biases[uint32(units + j)] + z, states[uint32(b * units + j)]
                    r, z, q = reset(r, z, before, t >= lengths[uint32(first + b)])
                    gates[at], gates[uint32(at + H)], gates[uint32(at + 3 * H)] = r, z, q
                    resets[uint32(b * units + j)] = q
            cuda.syncthreads()
            for b in range(mine):
                place = uint32(t * B + first + b)
                _, _, n = enter(inputs, gates, place, j, s, H, own, u, held)
                n = gathered(dot(n, w_n, resets, uint64(uint32(b * units + 4 * s)), 0))
                if own:
                    at = uint32(place * 4 * H + j)
                    before = whole[uint32(b * units + j)] if masked else states[uint32(b * units + j)]
                    n = ZERO if t >= lengths[uint32(first + b)] else tanh(biases[uint32(2 * units + j)] + n)
                    after = n + gates[uint32(at + H)] * (before - n)
                    gates[uint32(at + 2 * H)], h[uint32((place + B) * H + j)] = n, after
                    if masked:
                        whole[uint32(b * units + j)] = after
                        after *= mask[0][uint32((first + b) * H + j)]
                    states[uint32(b * units + j)] = after
            cuda.syncthreads()

    return kernel


def gru_reset_before_backward(units: int, masked: bool) -> Any:
    """Make the backward kernel for up to ``units`` units; blocks of units x SLICES[units] threads."""
    slices = SLICES[units]
    row = 3 * units  # gradients of r, z and n of one sequence
    size, carried = ROWS * row, ROWS * units
    load, dot, _, gathered = register_functions(units)

    def kernel(T, B, H, rows, w_hh, d_outside, h, gates, mask):  # type: ignore[no-untyped-def]
        """Gradients of all steps, the last first.

        w_hh       (3H, H)               in
        d_outside  (T, B, H), (1, B, H)  in   gradient that reaches each h[t+1], or only the last, from outside
        h          (T+1, B, H)           in
        gates      (T, B, 4, H)          in   r, z, n, q = r h';  out  gradients of the pre-activations r, z, n; q stays
        mask       ((B, H),), ()         in   as in the forward pass
        """
        d_gates = cuda.shared.array(size, float32, alignment=16)
        d_h = cuda.shared.array(carried, float32)
        j, s = uint32(cuda.threadIdx.x // slices), uint32(cuda.threadIdx.x % slices)
        B, H = uint32(B), uint32(H)
        w_r, w_z, w_n = load(w_hh, uint32(1), H, j, s, H)
        first = uint32(cuda.blockIdx.x * rows)
        mine = uint32(min(uint32(rows), uint32(B - first)))
        own = j < H and s == 0
        for b in range(ROWS):
            if s == 0:
                to = uint32(b * row + j)
                d_gates[to], d_gates[uint32(to + units)], d_gates[uint32(to + 2 * units)] = ZERO, ZERO, ZERO
                d_h[uint32(b * units + j)] = ZERO
        skipped = uint32(T * B * H - d_outside.size)  # numbers before the first step with a gradient from outside
        t = uint32(T)
        while t > 0:
            t = uint32(t - 1)
            for b in range(mine):
                if own:
                    to, state = uint32(b * row + j), uint32((t * B + first + b) * H + j)
                    at = uint32((t * B + first + b) * 4 * H + j)
                    z, n = gates[uint32(at + H)], gates[uint32(at + 2 * H)]
                    d = d_h[uint32(b * units + j)]
                    if state >= skipped:
                        d += d_outside[uint32(state - skipped)]
                    d_n = d * (ONE - z) * (ONE - n * n)
                    d_z = d * (h[state] - n) * (z - z * z)
                    d_h[uint32(b * units + j)] = d * z
                    gates[uint32(at + H)], gates[uint32(at + 2 * H)] = d_z, d_n
                    d_gates[uint32(to + units)], d_gates[uint32(to + 2 * units)] = d_z, d_n
            cuda.syncthreads()
            for b in range(mine):
                d_reset = gathered(dot(ZERO, w_n, d_gates, uint64(uint32(b * row + 4 * s)), 2 * units))
                if own:
                    at = uint32((t * B + first + b) * 4 * H + j)
                    r = gates[at]
                    if masked:
                        d_reset *= mask[0][uint32((first + b) * H + j)]
                    d_r = d_reset * h[uint32((t * B + first + b) * H + j)] * (r - r * r)
                    d_h[uint32(b * units + j)] += d_reset * r
                    gates[at] = d_r
                    d_gates[uint32(b * row + j)] = d_r
            cuda.syncthreads()
            for b in range(mine):
                base = uint64(uint32(b * row + 4 * s))
                d = gathered(dot(dot(ZERO, w_r, d_gates, base, 0), w_z, d_gates, base, units))
                if own:
                    if masked:
                        d *= mask[0][uint32((first + b) * H + j)]
                    d_h[uint32(b * units + j)] += d
            cuda.syncthreads()

    return kernel
