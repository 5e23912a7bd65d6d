"""The launches of one recurrent layer, forward and backward.

float32 layers of up to 128 units run through all steps in one launch, with their weights in registers. The others take a
product and a launch of their gates at every step.
"""

from typing import Any, NamedTuple

from grukit.kernels.cpu import GRU, GRUResetBefore
from grukit.kernels.cuda import gru, gru_reset_before, steps
from grukit.kernels.cuda._cuda import Launch, compiled, cuda, flat, pieces
from grukit.kernels.cuda.dropout import times_mask
from grukit.kernels.cuda.inputs import FEW
from grukit.kernels.cuda.products import column_sums, product
from grukit.kernels.cuda.registers import LARGEST, ROWS, SLICES, rounded

# Units up to which a layer of few inputs takes them itself. An estimate, to be replaced by a measurement: it saves a launch
# and the 24H bytes a step and row that a product would write and the kernel read, of 44H + 4D. That counts where the steps
# wait for memory; the recurrent product, which grows with H squared, hides it in the end. 128 units would spill 24 bytes.
FEW_UNITS = 64

RESIDENT = 512  # threads whose weights the registers of a multiprocessor hold

PERSISTENT: dict[Any, tuple[Any, Any]] = {
    GRU: (gru.gru_forward, gru.gru_backward),
    GRUResetBefore: (gru_reset_before.gru_reset_before_forward, gru_reset_before.gru_reset_before_backward),
}


class Layer(NamedTuple):
    """One layer's weights, and its memory for pieces of B sequences of T steps."""

    cell: Any  # GRU or GRUResetBefore
    T: int
    B: int
    D: int
    H: int
    w_ih: Any  # (3H, D), views of the flat parameters
    w_hh: Any  # (3H, H)
    b_ih: Any  # (3H,)
    b_hh: Any  # (3H,)
    lengths: Any  # (B,) int32
    x: Any  # (T B, D)
    h: Any  # ((T+1) B H,), zero at first
    gates: Any  # (T B, 4H)
    d_outside: Any  # (1, T B H) or (1, B H): gradient that reaches all states, or the last ones
    rows: Any  # (1, B 3H), work of a step, shared by all layers
    through: Any  # (1, B H), likewise
    d_h: Any  # (B H,), likewise
    precision: str  # of large products, "full" or "tf32"
    mask: tuple[Any, ...] = ()  # of recurrent dropout, and work of a step: (B H,) each; or nothing

    @property
    def persistent(self) -> bool:
        """Whether one launch takes all steps."""
        return is_persistent(self.x.dtype, self.H)

    @property
    def few(self) -> bool:
        """Whether that launch takes the inputs as they are, and none projects them."""
        return self.persistent and self.D <= FEW and self.H <= FEW_UNITS

    @property
    def after(self) -> bool:
        """Whether the reset gate comes after the recurrent product."""
        return self.cell is GRU

    @property
    def h_before(self) -> Any:
        """The states before each step, (T B H,)."""
        return self.h[: self.T * self.B * self.H]


def is_persistent(dtype: Any, H: int) -> bool:
    """Whether a layer of H units keeps its weights in registers."""
    return dtype == "float32" and H <= LARGEST


def _product(layer: Layer, form: str, a: Any, b: Any, out: Any, at: int, ld: int) -> Any:
    return product(form, a, b, out, at, ld, None, layer.precision)


def layer_forward(layer: Layer) -> list[Any]:
    """The launches of the forward pass."""
    T, H = layer.T, layer.H
    to = layer.gates.reshape(1, layer.gates.size)
    projection = [] if layer.few else [_product(layer, "nt", layer.x, layer.w_ih, to, 0, 4 * H)]
    if not layer.persistent:
        step = gru_step_forward if layer.after else gru_reset_before_step_forward
        return [*projection, *(launch for t in range(T) for launch in step(layer, t))]
    inputs: tuple[Any, ...] = (layer.D, flat(layer.x), flat(layer.w_ih)) if layer.few else ()
    args = (flat(layer.w_hh), layer.b_ih, layer.b_hh, layer.lengths, layer.h, flat(layer.gates), inputs, layer.mask[:1])
    return [*projection, _persistent(layer, PERSISTENT[layer.cell][0], args, layer.few)]


def layer_backward(layer: Layer) -> list[Any]:
    """The launches that turn ``gates`` into the gradients of the pre-activations; a mask is then part of ``h``."""
    masked = [times_mask(layer.mask[0], layer.h_before)] if layer.mask else []
    if not layer.persistent:
        step = gru_step_backward if layer.after else gru_reset_before_step_backward
        return [*(launch for t in reversed(range(layer.T)) for launch in step(layer, t)), *masked]
    args = (flat(layer.w_hh), flat(layer.d_outside), layer.h, flat(layer.gates), layer.mask[:1])
    return [_persistent(layer, PERSISTENT[layer.cell][1], args), *masked]


def _persistent(layer: Layer, factory: Any, args: tuple[Any, ...], *variant: bool) -> Launch:
    units = rounded(layer.H)
    threads = units * SLICES[units]
    # As many blocks as the device runs at once, before a block gets a second sequence.
    at_once = cuda.get_current_device().MULTIPROCESSOR_COUNT * max(1, RESIDENT // threads)
    rows = min(ROWS, pieces(layer.B, at_once))
    kernel = compiled(factory, threads, units, bool(layer.mask), *variant)
    return Launch(kernel, pieces(layer.B, rows), threads, (layer.T, layer.B, layer.H, rows, *args))


def layer_gradients(layer: Layer, slots: Any, table: Any, targets: Any, d_below: Any) -> list[Any]:
    """The launches of the weights' and biases' gradients and, where wanted, of the gradient of x.

    slots    (S, P)      out  partial gradients
    table    (6,)        in   the layer's row of the layer table
    targets  (4H, 2)     in   where the sum of a column of ``gates`` goes
    d_below  (1, T B D)  out  gradient of x, or None
    """
    T, B, D, H, d = layer.T, layer.B, layer.D, layer.H, layer.gates
    w_ih, w_hh = int(table[2]), int(table[3])
    h_before = layer.h_before.reshape(T * B, H)
    # The candidate's product took h' and its gradient is q's, or it took r h', which is in q, and its gradient is n's. With
    # recurrent dropout both have been multiplied by the mask.
    recurrent, entered = (d[:, 3 * H :], h_before) if layer.after else (d[:, 2 * H : 3 * H], d[:, 3 * H :])
    launches = [
        _product(layer, "tn", d[:, : 3 * H], layer.x, slots, w_ih, D),
        _product(layer, "tn", d[:, : 2 * H], h_before, slots, w_hh, H),
        _product(layer, "tn", recurrent, entered, slots, w_hh + 2 * H * H, H),
        column_sums(d, targets, slots),
    ]
    if d_below is not None:
        launches.append(_product(layer, "nn", d[:, : 3 * H], layer.w_ih, d_below, 0, D))
    return launches


# --- one step at a time -----------------------------------------------------------------------------------------------


def _gates(layer: Layer, factory: Any, t: int, *args: Any) -> Launch:
    kernel = compiled(factory, steps.THREADS, layer.x.dtype.name, bool(layer.mask))
    size = layer.B * layer.H
    return Launch(kernel, pieces(size, steps.THREADS), steps.THREADS, (t, layer.B, layer.H, *args, layer.mask))


def _entering(layer: Layer, t: int) -> Any:
    """What enters the product of step t, (B, H): the states before it, times the mask where there is one."""
    size = layer.B * layer.H
    if layer.mask and t > 0:  # the initial states are zero, with and without
        return layer.mask[1].reshape(layer.B, layer.H)
    return layer.h[t * size : (t + 1) * size].reshape(layer.B, layer.H)


def _gates_of(layer: Layer, t: int) -> Any:
    """The gates of step t, (B, 4H)."""
    return layer.gates[t * layer.B : (t + 1) * layer.B]


def gru_step_forward(layer: Layer, t: int) -> list[Any]:
    """One step, reset gate after the recurrent product."""
    work = flat(layer.rows)
    args = (work, layer.b_ih, layer.b_hh, layer.lengths, layer.h, flat(layer.gates))
    return [
        _product(layer, "nt", _entering(layer, t), layer.w_hh, layer.rows, 0, 3 * layer.H),
        _gates(layer, steps.gru_step_forward, t, *args),
    ]


def gru_step_backward(layer: Layer, t: int) -> list[Any]:
    """Gradients of :func:`gru_step_forward`, its lines in reverse."""
    B, H = layer.B, layer.H
    d_outside = flat(layer.d_outside)
    work, through = flat(layer.rows), flat(layer.through)
    args = (d_outside, through, layer.h, flat(layer.gates), work, layer.d_h)
    return [
        _gates(layer, steps.gru_step_backward, t, *args),
        _product(layer, "nn", work[: B * 3 * H].reshape(B, 3 * H), layer.w_hh, layer.through, 0, H),
    ]


def gru_reset_before_step_forward(layer: Layer, t: int) -> list[Any]:
    """One step, reset gate before the recurrent product."""
    H = layer.H
    work = flat(layer.rows)
    args = (work, layer.b_ih, layer.b_hh, layer.lengths, layer.h, flat(layer.gates))
    return [
        _product(layer, "nt", _entering(layer, t), layer.w_hh[: 2 * H], layer.rows, 0, 2 * H),
        _gates(layer, steps.gru_reset_before_step_gates, t, *args),
        _product(layer, "nt", _gates_of(layer, t)[:, 3 * H :], layer.w_hh[2 * H :], layer.rows, 0, H),
        _gates(layer, steps.gru_reset_before_step_forward, t, *args),
    ]


def gru_reset_before_step_backward(layer: Layer, t: int) -> list[Any]:
    """Gradients of :func:`gru_reset_before_step_forward`, its lines in reverse."""
    H, d = layer.H, _gates_of(layer, t)
    d_outside = flat(layer.d_outside)
    work, through = flat(layer.rows), flat(layer.through)
    states = (layer.h, flat(layer.gates), layer.d_h)
    return [
        _gates(layer, steps.gru_reset_before_step_backward, t, d_outside, through, *states),
        _product(layer, "nn", d[:, 2 * H : 3 * H], layer.w_hh[2 * H :], layer.rows, 0, H),
        _gates(layer, steps.gru_reset_before_step_reset, t, work, *states),
        _product(layer, "nn", d[:, : 2 * H], layer.w_hh[: 2 * H], layer.through, 0, H),
    ]
