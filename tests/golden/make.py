"""Write the golden files with PyTorch: python tests/golden/make.py (see README.md)."""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FOLDER = Path(__file__).parent


class Case(NamedTuple):
    """One network and its data: T steps, B rows, D inputs, H hidden units per layer, K outputs."""

    name: str
    T: int
    B: int
    D: int
    H: tuple
    K: int = 1
    lengths: tuple | None = None
    initial: bool = False
    per_step: bool = False
    bidirectional: bool = False


CASES = [
    Case("all_ones", T=1, B=1, D=1, H=(1,)),
    Case("one_step", T=1, B=4, D=3, H=(5,), K=2, initial=True),
    Case("one_step_per_step", T=1, B=3, D=2, H=(4,), per_step=True),
    Case("one_row", T=7, B=1, D=3, H=(4,), K=2),
    Case("one_input", T=6, B=3, D=1, H=(5,), initial=True),
    Case("one_unit", T=8, B=3, D=2, H=(1,), K=3, initial=True, per_step=True),
    Case("basic", T=5, B=4, D=3, H=(6,), K=2),
    Case("basic_initial", T=5, B=4, D=3, H=(6,), K=3, initial=True),
    Case("basic_per_step", T=5, B=4, D=3, H=(6,), K=2, per_step=True),
    Case("lengths", T=6, B=4, D=3, H=(5,), K=2, lengths=(3, 6, 1, 4)),
    Case("lengths_initial", T=6, B=4, D=3, H=(5,), lengths=(6, 2, 5, 2), initial=True),
    Case("lengths_per_step", T=6, B=4, D=3, H=(5,), K=2, lengths=(1, 6, 3, 5), initial=True, per_step=True),
    Case("two_layers", T=5, B=3, D=2, H=(4, 4), K=2),
    Case("two_layers_sizes", T=5, B=3, D=4, H=(6, 3), initial=True),
    Case("two_layers_lengths", T=7, B=5, D=2, H=(3, 8), K=2, lengths=(7, 1, 4, 4, 2), initial=True),
    Case("two_layers_per_step", T=6, B=3, D=2, H=(5, 4), K=3, lengths=(2, 6, 5), per_step=True),
    Case("three_layers", T=5, B=3, D=2, H=(5, 1, 4), K=2, initial=True),
    Case("three_layers_all", T=8, B=4, D=3, H=(4, 7, 5), lengths=(8, 3, 5, 1), initial=True, per_step=True),
    Case("odd_size", T=9, B=5, D=7, H=(17,), K=2, lengths=(9, 8, 3, 1, 6), initial=True),
    Case("odd_sizes", T=6, B=3, D=5, H=(17, 9), initial=True, per_step=True),
    Case("long", T=60, B=4, D=3, H=(8,), K=2, lengths=(60, 31, 8, 47), initial=True),
    Case("long_per_step", T=60, B=2, D=2, H=(7, 5), lengths=(60, 33), per_step=True),
    Case("bidirectional", T=5, B=3, D=2, H=(4,), K=2, lengths=(5, 2, 4), initial=True, bidirectional=True),
    Case("bidirectional_layers", T=6, B=3, D=3, H=(5, 4), lengths=(3, 6, 1), per_step=True, bidirectional=True),
    Case("wide", T=12, B=4, D=5, H=(64,), K=3, lengths=(12, 5, 9, 1), initial=True),
]

OPTIMISERS = {
    "adam": (torch.optim.Adam, {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}),
    "sgd_momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "sgd_nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}),
}


def draw_values(case):
    """Draw a case's weights, x, target and initial states: a dict of float32 arrays."""
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    values = {}
    directions = ("", "_reverse") if case.bidirectional else ("",)
    below = case.D
    for k, H in enumerate(case.H):
        for suffix in (f"l{k}{direction}" for direction in directions):
            values[f"weight_ih_{suffix}"] = rng.normal(size=(3 * H, below)) / np.sqrt(below)
            values[f"weight_hh_{suffix}"] = rng.normal(size=(3 * H, H)) / np.sqrt(H)
            values[f"bias_ih_{suffix}"] = 0.5 * rng.normal(size=3 * H)
            values[f"bias_hh_{suffix}"] = 0.5 * rng.normal(size=3 * H)
            if case.initial:
                values[f"initial_{suffix}"] = rng.uniform(-1, 1, size=(case.B, H))
        below = H * len(directions)
    H = below
    values["head.weight"] = rng.normal(size=(case.K, H)) / np.sqrt(H)
    values["head.bias"] = rng.normal(size=case.K)
    values["x"] = rng.normal(size=(case.T, case.B, case.D))
    values["target"] = rng.normal(size=(case.T, case.B, case.K) if case.per_step else (case.B, case.K))
    return {name: value.astype(np.float32) for name, value in values.items()}


def run_layer(gru, k, sequence, leaves):
    """Run one nn.GRU with layer k's weights and initial state -> (packed states, final states (B, H or 2H))."""
    suffixes = ("", "_reverse") if gru.bidirectional else ("",)
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    own = {f"{kind}_l0{suffix}": leaves[f"{kind}_l{k}{suffix}"] for kind in kinds for suffix in suffixes}
    initial = [leaves.get(f"initial_l{k}{suffix}") for suffix in suffixes]
    initial = None if initial[0] is None else torch.stack(initial)
    sequence, final = torch.func.functional_call(gru, own, (sequence, initial))
    return sequence, torch.cat(list(final), dim=1)


def run_network(case, leaves):
    """Run the chained nn.GRU layers and the head -> (outputs, valid), valid marking what the loss counts."""
    lengths = torch.tensor(case.lengths or [case.T] * case.B)
    sequence = pack_padded_sequence(leaves["x"], lengths, enforce_sorted=False)
    for k, H in enumerate(case.H):
        gru = torch.nn.GRU(leaves[f"weight_ih_l{k}"].shape[1], H, bidirectional=case.bidirectional).double()
        sequence, final = run_layer(gru, k, sequence, leaves)
    if not case.per_step:
        outputs = torch.nn.functional.linear(final, leaves["head.weight"], leaves["head.bias"])
        return outputs, torch.ones_like(outputs, dtype=bool)

    states, _ = pad_packed_sequence(sequence, total_length=case.T)
    step = torch.arange(case.T)[:, None]
    states = states[torch.minimum(step, lengths - 1), torch.arange(case.B)]  # the final state from the end on
    outputs = torch.nn.functional.linear(states, leaves["head.weight"], leaves["head.bias"])
    return outputs, (step < lengths)[:, :, None].expand_as(outputs)


def make_case(case):
    """Return the content of a case's file: what was drawn, then PyTorch's float64 results as float32."""
    values = draw_values(case)
    leaves = {name: torch.tensor(value.astype(np.float64)) for name, value in values.items()}
    target = leaves.pop("target")
    for leaf in leaves.values():
        leaf.requires_grad_(True)

    outputs, valid = run_network(case, leaves)
    loss = ((outputs - target) ** 2)[valid].mean()
    loss.backward()

    content = dict(values, per_step=np.array(case.per_step))
    if case.lengths is not None:
        content["lengths"] = np.array(case.lengths, dtype=np.int64)
    content["outputs"] = outputs.detach().numpy().astype(np.float32)
    content["loss"] = loss.detach().numpy().astype(np.float32)
    for name, leaf in leaves.items():
        content[f"grad.{name}"] = leaf.grad.numpy().astype(np.float32)
    return content


def make_optimiser(name):
    """Return the content of an optimiser's file: 5 steps of 12 parameters under given gradients."""
    optimiser_class, settings = OPTIMISERS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    start = rng.normal(size=12)
    gradients = rng.normal(size=(5, 12)) * np.logspace(-4, 3, 12)
    gradients[:, 0] = 0  # a parameter that never has a gradient

    vector = torch.tensor(start, requires_grad=True)
    optimiser = optimiser_class([vector], **settings)
    parameters = []
    for gradient in gradients:
        vector.grad = torch.tensor(gradient)
        optimiser.step()
        parameters.append(vector.detach().numpy().copy())
    content = {"start": start, "gradients": gradients, "parameters": np.array(parameters)}
    return content | {key: np.array(value) for key, value in settings.items()}


def main():
    """Write all files next to this script."""
    torch.set_num_threads(1)
    for case in CASES:
        np.savez_compressed(FOLDER / f"gru_{case.name}.npz", **make_case(case))
    for name in OPTIMISERS:
        np.savez_compressed(FOLDER / f"optim_{name}.npz", **make_optimiser(name))


if __name__ == "__main__":
    main()
