"""PyTorch's GRU and LSTM, trained the same way as grukit's estimators."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from _common import Recipe
from torch.nn import functional

from grukit.train.schedules import rates_of_epoch

torch.set_num_threads(1)


def lstm_units(gru_units: int, n_inputs: int, n_outputs: int) -> int:
    """Units of an LSTM with as many parameters as a GRU of ``gru_units``, or the nearest number."""

    def parameters(units: int, blocks: int) -> int:
        return blocks * units * (units + n_inputs + 2) + n_outputs * (units + 1)

    wanted = parameters(gru_units, 3)
    return min(range(1, gru_units + 1), key=lambda units: abs(parameters(units, 4) - wanted))


class Network(torch.nn.Module):
    """One layer and a linear head with grukit's default initial weights; the LSTM's forget gates begin open, bias 1.

    Dropout falls on the inputs of the layer and of the head; recurrent dropout on the states that enter the recurrent
    products, one mask for all steps of a sequence. PyTorch's layers have no such option: training with it runs a step at a
    time.
    """

    def __init__(self, kind: str, units: int, n_inputs: int, n_outputs: int, recipe: Recipe):
        super().__init__()
        self.kind, self.units, self.recipe = kind, units, recipe
        self.layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind](n_inputs, units, batch_first=True)
        self.head = torch.nn.Linear(units, n_outputs)
        with torch.no_grad():
            for parameter in (*self.layer.parameters(), self.head.bias):
                parameter.zero_()
            for weights in self.layer.weight_ih_l0.split(units):
                torch.nn.init.xavier_uniform_(weights)
            for weights in self.layer.weight_hh_l0.split(units):
                torch.nn.init.orthogonal_(weights)
            torch.nn.init.xavier_uniform_(self.head.weight)
            if kind == "lstm":  # blocks i, f, g, o
                self.layer.bias_ih_l0[units : 2 * units] = 1.0

    def forward(self, x: Any) -> Any:
        """Outputs (B, T, K)."""
        x = functional.dropout(x, self.recipe.dropout, self.training)
        with_dropout = self.training and self.recipe.recurrent_dropout > 0
        states = self._with_recurrent_dropout(x) if with_dropout else self.layer(x)[0]
        return self.head(functional.dropout(states, self.recipe.dropout, self.training))

    def _with_recurrent_dropout(self, x: Any) -> Any:
        layer, h = self.layer, torch.zeros(len(x), self.units)
        mask = functional.dropout(torch.ones_like(h), self.recipe.recurrent_dropout)
        products, states, c = functional.linear(x, layer.weight_ih_l0, layer.bias_ih_l0), [], h
        for from_x in products.unbind(1):
            from_h = functional.linear(h * mask, layer.weight_hh_l0, layer.bias_hh_l0)
            if self.kind == "gru":
                (xr, xz, xn), (hr, hz, hn) = from_x.chunk(3, 1), from_h.chunk(3, 1)
                z = (xz + hz).sigmoid()
                h = (1 - z) * (xn + (xr + hr).sigmoid() * hn).tanh() + z * h
            else:
                i, f, g, o = (from_x + from_h).chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
            states.append(h)
        return torch.stack(states, 1)


@dataclass(frozen=True)
class TorchTask:
    """Tensors of a task: X (n, T, D) float32, y (n, ...), and ``loss(outputs (B, T, K), y (B, ...))`` of a batch, a mean."""

    X: Any
    y: Any
    loss: Callable[[Any, Any], Any]
    n_outputs: int


def fit_torch(kind: str, recipe: Recipe, task: TorchTask, seed: int, start: Callable[[Any], None] | None = None) -> Any:
    """Train by ``recipe``; returns the network of the best epoch, in evaluation mode. ``start`` may change initial weights."""
    torch.manual_seed(seed)
    D, K = task.X.shape[2], task.n_outputs
    units = recipe.units if kind == "gru" else lstm_units(recipe.units, D, K)
    network = Network(kind, units, D, K, recipe)
    if start is not None:
        start(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    n_training = len(task.X) - math.ceil(recipe.validation * len(task.X))
    n_batches = -(-n_training // recipe.batch_size)
    best, kept = math.inf, {}
    for epoch in range(recipe.epochs):
        network.train()
        rates = rates_of_epoch(recipe.schedule, recipe.rate, epoch, recipe.epochs, n_batches)
        for batch, rate in zip(torch.randperm(n_training).split(recipe.batch_size), rates, strict=True):
            optimizer.param_groups[0]["lr"] = float(rate)
            optimizer.zero_grad()
            task.loss(network(task.X[batch]), task.y[batch]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
        network.eval()
        validation = float(task.loss(torch_outputs(network, task.X[n_training:]), task.y[n_training:]))
        if validation < best:
            best, kept = validation, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    return network


def torch_outputs(network: Any, X: Any) -> Any:
    """Outputs (n, T, K) without gradients, 500 sequences at a time."""
    with torch.inference_mode():
        return torch.cat([network(part) for part in X.split(500)])


def n_parameters(network: Any) -> int:
    """Numbers in a PyTorch network."""
    return sum(parameter.numel() for parameter in network.parameters())
