"""A network's shape, and where each named parameter lies in the flat vector."""

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

# Name of a cell -> name of its network type in an engine.
CELLS = {"gru": "GRU", "gru_reset_before": "GRUResetBefore"}


@dataclass(frozen=True)
class NetworkSpec:
    """Stacked recurrent layers and a linear head.

    Parameters
    ----------
    cell : {"gru", "gru_reset_before"}
        Kind of the recurrent layers.
    n_inputs : int
        D, numbers a step.
    hidden_layer_sizes : tuple of int
        H of each layer, the first hears the inputs.
    n_outputs : int
        K, numbers of an output.
    per_step : bool, default=False
        An output at every step, or one after the last.
    """

    cell: str
    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    per_step: bool = False

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter by name, in the order of the flat vector.

        The recurrent layers have the names and layouts of ``torch.nn.GRU.state_dict()``: ``weight_ih_l{k}`` (3H, D),
        ``weight_hh_l{k}`` (3H, H), ``bias_ih_l{k}`` and ``bias_hh_l{k}`` (3H,), blocks in the order r, z, n. Then
        ``head.weight`` (K, H) and ``head.bias`` (K,).
        """
        shapes: dict[str, tuple[int, ...]] = {}
        below = self.n_inputs
        for k, H in enumerate(self.hidden_layer_sizes):
            shapes[f"weight_ih_l{k}"] = (3 * H, below)
            shapes[f"weight_hh_l{k}"] = (3 * H, H)
            shapes[f"bias_ih_l{k}"] = (3 * H,)
            shapes[f"bias_hh_l{k}"] = (3 * H,)
            below = H
        shapes["head.weight"] = (self.n_outputs, below)
        shapes["head.bias"] = (self.n_outputs,)
        return shapes

    @cached_property
    def n_parameters(self) -> int:
        """Length of the flat vector."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def views(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Named, shaped views of a flat vector of parameters or gradients, shape (n_parameters,)."""
        views, at = {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            views[name] = flat[at : at + size].reshape(shape)
            at += size
        return views

    @cached_property
    def layer_table(self) -> np.ndarray:
        """The table that kernels read: a row a layer, then the head; sizes and offsets into the flat vector.

        Columns, int64: inputs, units, and the offsets of weight_ih, weight_hh, bias_ih, bias_hh; for the head inputs,
        outputs, and the offsets of weight (third) and bias (fifth).
        """
        offsets = np.cumsum([0] + [int(np.prod(shape)) for shape in self.shapes.values()])
        rows, below = [], self.n_inputs
        for k, H in enumerate(self.hidden_layer_sizes):
            rows.append([below, H, *offsets[4 * k : 4 * k + 4]])
            below = H
        weight, bias = offsets[-3:-1]
        rows.append([below, self.n_outputs, weight, 0, bias, 0])
        return np.array(rows, dtype=np.int64)

    def for_kernels(self, kernels: ModuleType) -> Any:
        """The network as an engine's kernels take it."""
        return getattr(kernels, CELLS[self.cell])(per_step=self.per_step, layers=self.layer_table)

    def penalized(self, dtype: Any) -> np.ndarray:
        """One for each weight, zero for each bias, shape (n_parameters,): what an L2 penalty counts."""
        flat = np.zeros(self.n_parameters, dtype=dtype)
        for name, view in self.views(flat).items():
            view[...] = 0 if "bias" in name else 1
        return flat
