"""A network's shape, and where each named parameter lies in the flat vector."""

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from grukit.model.decoder import Decoder
from grukit.model.embedding import Embedding, table_for_kernels, weights_of


class Cell(NamedTuple):
    """A kind of recurrent layer."""

    network: str  # name of its network type in an engine
    blocks: tuple[str, ...]  # of the recurrent weights; the input weights have the first three
    n_states: int  # states that it carries from step to step
    options: dict[str, Any]  # what else its network type is given


CELLS = {
    "gru": Cell("GRU", ("r", "z", "n"), 1, {}),
    "gru_reset_before": Cell("GRUResetBefore", ("r", "z", "n"), 1, {}),
    "dual_state": Cell("DualState", ("r", "z", "o", "c", "h"), 2, {"damped": True}),
    "dual_state_basic": Cell("DualState", ("r", "z", "o", "c", "h"), 2, {"damped": False}),
}


@dataclass(frozen=True)
class NetworkSpec:
    """Stacked recurrent layers and a linear head, which may be that of a decoder.

    Parameters
    ----------
    cell : {"gru", "gru_reset_before", "dual_state", "dual_state_basic"}
        Kind of the recurrent layers.
    n_inputs : int
        D, numbers a step.
    hidden_layer_sizes : tuple of int
        H of each layer (of each of its directions), the first receives the inputs.
    n_outputs : int
        K, numbers of an output.
    per_step : bool, default=False
        An output at every step, or one after the last.
    bidirectional : bool, default=False
        Every layer has a second pass, from each sequence's last step to its first; the states of both are joined.
    learned_state : bool, default=False
        Initial states are parameters, or zero.
    dropout : float, default=0
        Share of the inputs of each layer, the head's too, that training sets to zero.
    recurrent_dropout : float, default=0
        Share of the states that training sets to zero as they enter the recurrent products, the same at all steps.
    decay : bool, default=False
        Missing values decay (GRU-D, Che et al. 2018), in networks of GRUs in one direction. Each feature then has three
        columns, the last value seen, whether it is seen now, and the time since it last was; the first layer receives two
        of them, the decayed value and whether it is seen.
    segment : int, default=1
        Rows of a sample that are one step, whose numbers lie one after another. The last step is the last rows; the oldest
        may hold fewer, and zeros before them.
    decoder : Decoder, default=None
        What gives the outputs, ``n_outputs`` of all its positions. None: the head after the last step.
    embeddings : tuple of Embedding, default=()
        Columns of the rows of samples, and of what a decoder reads ahead, that are learned numbers of a category.
    """

    cell: str
    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    per_step: bool = False
    bidirectional: bool = False
    learned_state: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    decay: bool = False
    segment: int = 1
    decoder: Decoder | None = None
    embeddings: tuple[Embedding, ...] = ()

    def __post_init__(self) -> None:
        """Raise for what the kernels do not have."""
        if self.decay and (self.bidirectional or CELLS[self.cell].n_states > 1 or self.n_inputs % 2):
            raise ValueError("decay needs a GRU in one direction, and two inputs a feature.")
        if self.segment > 1 and (self.decay or self.per_step or self.n_inputs % self.segment):
            raise ValueError("A segment is of rows of equal size, without decay and with one output a sequence.")
        ahead = self.decoder
        if ahead is not None and (self.decay or self.per_step or CELLS[self.cell].n_states > 1):
            raise ValueError("A decoder is a GRU's, without decay and with one output a sequence.")
        if ahead is not None and (
            self.n_outputs % (ahead.n_positions * ahead.parts) or 1 not in (ahead.steps, ahead.at_once)
        ):
            raise ValueError("A decoder's steps go one after another or at once, and have as many outputs each.")

    @property
    def n_columns(self) -> int:
        """Numbers a step that the network is given: n_inputs, or, of half as many features, three each."""
        return self.n_inputs // 2 * 3 if self.decay else self.n_inputs

    @property
    def has_dropout(self) -> bool:
        """Whether training drops inputs or states."""
        return self.dropout > 0 or self.recurrent_dropout > 0

    @property
    def n_directions(self) -> int:
        """Passes of a layer."""
        return 2 if self.bidirectional else 1

    @cached_property
    def layers(self) -> tuple[tuple[str, int, int], ...]:
        """For each direction of each layer: the suffix of its parameters' names, its inputs and its units."""
        rows, below = [], self.n_inputs
        for k, H in enumerate(self.hidden_layer_sizes):
            rows += [(f"l{k}{suffix}", below, H) for suffix in ("", "_reverse")[: self.n_directions]]
            below = self.n_directions * H
        return tuple(rows)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter by name, in the order of the flat vector.

        Embeddings come first, ``embedding.{k}.weight`` (rows, width). The recurrent layers have the names and layouts of
        ``torch.nn.GRU.state_dict()``: ``weight_ih_l{k}`` (3H, D),
        ``weight_hh_l{k}`` (3H, H), ``bias_ih_l{k}`` and ``bias_hh_l{k}`` (3H,), blocks in the order r, z, n; the second
        direction's names end in ``_reverse``. The unit with two states has ``weight_ih_l{k}`` (3H, D) with the blocks
        r, z, o, and ``weight_hh_l{k}`` (5H, H) and ``bias_l{k}`` (5H,) with the blocks r, z, o, c, h. Learned initial states
        are ``initial_l{k}`` (states, H). Where missing values decay, ``decay.input_weight`` and ``decay.input_bias`` (D/2,),
        ``decay.state_weight`` (H, D/2) and ``decay.state_bias`` (H,) are those of the first layer. A decoder begins with the
        affine map ``bridge.weight`` (H, units of all directions), ``bridge.bias`` (H,) of the last states, and has
        ``weight_ih_decoder``, ``weight_hh_decoder``, ``bias_ih_decoder`` and ``bias_hh_decoder``. Then ``head.weight``
        (K, H) and ``head.bias`` (K,), H the units of all directions, or of a decoder, K the outputs of one of its positions.
        """
        cell = CELLS[self.cell]
        shapes: dict[str, tuple[int, ...]] = {}
        shapes |= {weights_of(k): (each.n_rows, each.width) for k, each in enumerate(self.embeddings)}
        blocks = len(cell.blocks)
        for suffix, D, H in self.layers:
            shapes[f"weight_ih_{suffix}"] = (3 * H, D)
            shapes[f"weight_hh_{suffix}"] = (blocks * H, H)
            if blocks == 3:
                shapes[f"bias_ih_{suffix}"] = (3 * H,)
                shapes[f"bias_hh_{suffix}"] = (3 * H,)
            else:
                shapes[f"bias_{suffix}"] = (blocks * H,)
            if self.learned_state:
                shapes[f"initial_{suffix}"] = (cell.n_states, H)
        if self.decay:
            n, H = self.n_inputs // 2, self.hidden_layer_sizes[0]
            shapes["decay.input_weight"] = (n,)
            shapes["decay.input_bias"] = (n,)
            shapes["decay.state_weight"] = (H, n)
            shapes["decay.state_bias"] = (H,)
        H, units, K = self.hidden_layer_sizes[-1], self.n_directions * self.hidden_layer_sizes[-1], self.n_outputs
        if self.decoder is not None:
            shapes |= {"bridge.weight": (H, units), "bridge.bias": (H,)}
            shapes |= {"weight_ih_decoder": (3 * H, self.decoder.n_inputs), "weight_hh_decoder": (3 * H, H)}
            shapes |= {"bias_ih_decoder": (3 * H,), "bias_hh_decoder": (3 * H,)}
            units, K = H, K // self.decoder.n_positions
        return shapes | {"head.weight": (K, units), "head.bias": (K,)}

    @cached_property
    def n_parameters(self) -> int:
        """Length of the flat vector."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    @property
    def n_multiplied(self) -> int:
        """Parameters that a step multiplies by: all but those of embeddings."""
        return self.n_parameters - sum(each.n_rows * each.width for each in self.embeddings)

    def views(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Named, shaped views of a flat vector of parameters or gradients, shape (n_parameters,)."""
        views, offset = {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            views[name] = flat[offset : offset + size].reshape(shape)
            offset += size
        return views

    @cached_property
    def layer_table(self) -> np.ndarray:
        """The table that kernels read: a row for each direction of each layer, then the head; sizes and offsets.

        Columns, int64: inputs, units, and the offsets in the flat vector of weight_ih, weight_hh, bias_ih (or bias),
        bias_hh, initial and, of the first row, decay; for the head inputs, outputs, and the offsets of weight (third) and
        bias (fifth). -1: there is no such parameter. The head is what a decoder begins with, where there is one.
        """
        table: list[list[Any]] = []
        offsets = self._offsets
        for suffix, D, H in self.layers:
            bias = offsets.get(f"bias_ih_{suffix}", offsets.get(f"bias_{suffix}"))
            others = [offsets.get(f"bias_hh_{suffix}", -1), offsets.get(f"initial_{suffix}", -1)]
            others.append(-1 if table else offsets.get("decay.input_weight", -1))
            table.append([D, H, offsets[f"weight_ih_{suffix}"], offsets[f"weight_hh_{suffix}"], bias, *others])
        table.append(self._head_row("head" if self.decoder is None else "bridge"))
        return np.array(table, dtype=np.int64)

    @cached_property
    def _offsets(self) -> dict[str, int]:
        """Where each parameter begins in the flat vector."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes.values()])
        return dict(zip(self.shapes, [0, *ends[:-1]], strict=True))

    def _head_row(self, name: str) -> list[Any]:
        (K, H), offsets = self.shapes[f"{name}.weight"], self._offsets
        return [H, K, offsets[f"{name}.weight"], -1, offsets[f"{name}.bias"], -1, -1, -1]

    def _decoder_for(self, kernels: ModuleType) -> Any:
        """The decoder as an engine's kernels take it."""
        ahead = self.decoder
        if ahead is None:
            return None
        names = [f"{kind}_decoder" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        layer = [ahead.n_inputs, self.hidden_layer_sizes[-1], *(self._offsets[name] for name in names), -1, -1]
        table = np.array([layer, self._head_row("head")], dtype=np.int64)
        network = getattr(kernels, CELLS[self.cell].network)(per_step=True, options=None, layers=table)
        return kernels.Decoder(
            network, ahead.steps, ahead.at_once, ahead.rows, np.array(ahead.columns, dtype=np.int64), ahead.parts
        )

    def for_kernels(self, kernels: ModuleType, seed: int | None = None) -> Any:
        """The network as an engine's kernels take it; with dropout and embeddings, in training, only where a seed is given."""
        cell, dropout, options = CELLS[self.cell], None, None
        if self.has_dropout and seed is not None:
            dropout = kernels.Dropout(inputs=float(self.dropout), recurrent=float(self.recurrent_dropout), seed=seed)
        segment, ahead = self.segment if self.segment > 1 else None, self._decoder_for(kernels)
        read = () if self.decoder is None else self.decoder.columns
        embeddings = None if seed is None else table_for_kernels(self.embeddings, self._offsets, read)
        more = (dropout, segment, ahead, embeddings)
        if self.bidirectional or self.decay or cell.n_states > 1 or any(each is not None for each in more):
            options = kernels.Options(self.bidirectional or None, self.decay or None, *more)
        return getattr(kernels, cell.network)(
            per_step=self.per_step,
            options=options,
            # A table that joblib maps from a file is read-only, which Numba would compile everything for anew.
            layers=np.require(self.layer_table, requirements=["C", "W"]),
            **cell.options,
        )

    def penalized(self, dtype: Any) -> np.ndarray:
        """One for each weight, zero for biases, initial states and decay, shape (n_parameters,): what an L2 penalty counts."""
        flat = np.zeros(self.n_parameters, dtype=dtype)
        for name, view in self.views(flat).items():
            view[...] = 1 if name.startswith(("weight", "bridge.weight", "head.weight")) else 0
        return flat
