"""Dropout with the masks of :mod:`grukit.kernels.cpu.cells.dropout`, drawn from the same counter: a thread a number."""

from typing import Any

from grukit.kernels.cpu import Dropout
from grukit.kernels.cpu.cells.dropout import INPUT_STREAM, RECURRENT_STREAM
from grukit.kernels.cpu.storage.layout import drops
from grukit.kernels.cuda import _cuda
from grukit.kernels.cuda._cuda import Launch, compiled, cuda, pieces, uint32
from grukit.kernels.scalar import ONE, after_dropout, dropout_key, dropout_threshold

THREADS = 128


def dropout_kernel(dtype: str, of_ones: bool) -> Any:
    """Make the kernel; ``of_ones``: it draws a mask, and ``values`` is not read."""
    cast = getattr(_cuda, dtype)

    def kernel(n, stream, threshold, scale, seed, chunk, values, out):  # type: ignore[no-untyped-def]
        """Set a share of the values to zero, drawn for each sample, step and unit, and scale the others.

        seed    (1,)      in   of the epoch
        chunk   (B,)      in   numbers of the samples
        values  (T B n,)  in   vectors of n units
        out     (T B n,)  out  may be ``values``
        """
        i = cuda.grid(1)
        if i >= out.size:
            return
        row, j = i // n, i % n
        t, b = row // chunk.size, row % chunk.size
        key = dropout_key(seed[0], stream, chunk[b], t)
        value = cast(ONE) if of_ones else values[i]
        out[i] = after_dropout(value, cast(scale), key, j, uint32(threshold))

    return kernel


def times_mask_kernel(dtype: str) -> Any:
    """Make the kernel."""

    def kernel(mask, h):  # type: ignore[no-untyped-def]
        """Multiply the states of every step by the mask.

        mask  (B H,)    in
        h     (T B H,)  in, out
        """
        i = cuda.grid(1)
        if i < h.size:
            h[i] *= mask[i % mask.size]

    return kernel


NO_DROPOUT = Dropout(0.0, 0.0, 0)


def dropout_of(network: Any) -> Dropout:
    """The rates of a network's dropout."""
    return drops(network.options) or NO_DROPOUT


class Draws:
    """The launches that draw, for pieces of B sequences.

    Parameters
    ----------
    dropout : Dropout
        The rates.
    chunk : device array (B,)
        Numbers of the samples.

    Attributes
    ----------
    seed : device array (1,)
        To be filled, once an epoch.
    """

    def __init__(self, dropout: Any, chunk: Any):
        self.inputs, self.recurrent, self.chunk = dropout.inputs > 0, dropout.recurrent > 0, chunk
        self._rates = {INPUT_STREAM: dropout.inputs, RECURRENT_STREAM: dropout.recurrent}
        self.seed = cuda.device_array(1, "int64")

    def __bool__(self) -> bool:
        return self.inputs or self.recurrent

    def drop(self, layer: int, n: int, values: Any, out: Any) -> list[Any]:
        """Drop inputs of a layer, vectors of ``n``, or their gradient; the head is the last layer."""
        return [self._launch(2 * layer + INPUT_STREAM, n, False, values, out)] if self.inputs else []

    def mask(self, layer: int, n: int, out: Any) -> Launch:
        """The recurrent mask (B n,) of a layer, one for all steps of a sequence (Gal and Ghahramani 2016)."""
        return self._launch(2 * layer + RECURRENT_STREAM, n, True, out, out)

    def _launch(self, stream: int, n: int, of_ones: bool, values: Any, out: Any) -> Launch:
        rate = self._rates[stream % 2]
        kernel = compiled(dropout_kernel, THREADS, out.dtype.name, of_ones)
        drawn = (n, stream, int(dropout_threshold(rate)), 1.0 / (1.0 - rate), self.seed, self.chunk)
        return Launch(kernel, pieces(out.size, THREADS), THREADS, (*drawn, values, out))


def times_mask(mask: Any, h: Any) -> Launch:
    """The launch that multiplies h (T B H,) by the mask (B H,)."""
    return Launch(compiled(times_mask_kernel, THREADS, h.dtype.name), pieces(h.size, THREADS), THREADS, (mask, h))
