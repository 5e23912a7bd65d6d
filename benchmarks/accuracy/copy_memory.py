"""Copy memory: repeat ten symbols after 50 blanks.

    python benchmarks/accuracy/copy_memory.py [--steps 50] [--cell gru] [--seeds 3] [--peers] [--quick] [--write]

A sequence is ten symbols out of eight, the blanks, a delimiter, and ten steps to write the symbols down again. The score is
the share of those ten that is right, on 1,000 unseen sequences. The digits 0 to 9 enter as ten indicator columns. 30,000
sequences to train on, the last 1,500 of them to select the epoch by. With ``--peers``, PyTorch's GRU and an LSTM of as many
parameters by the same recipe.

From the usual initial weights a GRU keeps almost nothing for 50 steps, and training does not leave the plateau where all
symbols are guessed. ``--init chrono``, the default here, draws the biases of the gates that keep the state as the logarithm of
a number of steps from 1 to the length of a sequence (chrono initialisation, Tallec and Ollivier 2018, arXiv:1804.11188);
``--init glorot`` shows the plateau.
"""

from dataclasses import replace
from math import log
from typing import Any

from _common import Recipe, arguments, machine, over_seeds, save, table
from _timing import limit

RECIPE = Recipe(units=128, epochs=30, batch_size=64, rate=0.005, schedule="one_cycle", validation=0.05)
N_SYMBOLS, SEQUENCES = 10, 30_000


def data(n_sequences: int, n_steps: int, seed: int) -> tuple[Any, Any, Any, Any]:
    """Training and test sequences (n, n_steps + 20, 10), indicators of the digits, and labels (n, n_steps + 20)."""
    import numpy as np

    from grukit.datasets import make_copy_memory

    parts: list[Any] = []
    for n, state in ((n_sequences, seed), (1000, 1_000_000 + seed)):
        digits, labels = make_copy_memory(n, n_steps, N_SYMBOLS, random_state=state)
        parts += [np.eye(10)[digits[:, :, 0].astype(int)], labels]
    return parts[0], parts[1], parts[2], parts[3]


def recalled(labels: Any, truth: Any) -> float:
    """Share of the last ten steps that is right."""
    return float((labels[:, -N_SYMBOLS:] == truth[:, -N_SYMBOLS:]).mean())


def chrono_biases(units: int, length: int, seed: int) -> Any:
    """Biases with which a gate keeps a share of ``sigmoid(bias)`` a step, so that it forgets within 1 to ``length`` steps."""
    import numpy as np

    return np.log(np.random.default_rng(seed).uniform(1, length - 1, units))


def with_chrono_biases(model: Any, X: Any, y: Any, seed: int) -> Any:
    """The estimator with a started net, its update gates set; training goes on from there."""
    options = model.get_params()
    model.set_params(max_iter=1, learning_rate_init=1e-12, early_stopping=False).fit(
        X, y
    )  # makes the net, moves nothing
    weights, units = model.weights_, options["hidden_layer_sizes"]
    keep = chrono_biases(units, X.shape[1], seed)
    # The second block belongs to the update gate z. The GRU keeps a share z of its state, the unit with two states 1 - z.
    name, sign = ("bias_l0", -1) if options["cell"].startswith("dual") else ("bias_ih_l0", 1)
    weights[name][units : 2 * units] = sign * keep
    model.weights_ = weights
    return model.set_params(**options | {"warm_start": True})


def run_grukit(
    recipe: Recipe, n_sequences: int, n_steps: int, seed: int, init: str = "chrono", **options: Any
) -> tuple[float, int, dict]:
    """Share recalled by ``GRUClassifier``."""
    import numpy as np

    from grukit import GRUClassifier

    X, y, X_test, y_test = data(n_sequences, n_steps, seed)
    model = GRUClassifier(**recipe.for_grukit(), linear_lags=0, random_state=seed, **options)
    if init == "chrono":
        model = with_chrono_biases(model, X[:1000], y[:1000], seed)
    held_out = int(recipe.validation * len(y))  # the last ones, as those of the peers
    model.fit(X[:-held_out], y[:-held_out], X_val=X[-held_out:], y_val=y[-held_out:])
    right = np.take_along_axis(model.predict_proba(X_test), np.searchsorted(model.classes_, y_test)[..., None], axis=2)
    notes = {
        "best epoch": model.best_iter_ - model.n_iter_ + recipe.epochs,
        "test loss, nats a step": float(-np.log(right).mean()),
    }
    return recalled(model.predict(X_test), y_test), model.n_parameters_, notes


def run_torch(
    kind: str, recipe: Recipe, n_sequences: int, n_steps: int, seed: int, init: str = "chrono"
) -> tuple[float, int, dict]:
    """Share recalled by PyTorch's GRU or LSTM, on inputs standardised as the estimator does it."""
    import torch
    from _torch import TorchTask, fit_torch, n_parameters, torch_outputs

    X, y, X_test, y_test = data(n_sequences, n_steps, seed)
    mean, deviation = X.mean(axis=(0, 1)), X.std(axis=(0, 1))

    def tensor(X: Any) -> Any:
        return torch.from_numpy(((X - mean) / deviation).astype("float32"))

    def loss(outputs: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten())

    def start(network: Any) -> None:
        """Chrono biases: of the update gate, or of the forget gate with the input gate's opposite."""
        units = network.layer.hidden_size
        keep = torch.from_numpy(chrono_biases(units, X.shape[1], seed)).float()
        with torch.no_grad():
            network.layer.bias_ih_l0[units : 2 * units] = keep  # PyTorch's second block, z or f, keeps the state
            if kind == "lstm":
                network.layer.bias_ih_l0[:units] = -keep

    task = TorchTask(tensor(X), torch.from_numpy(y), loss, n_outputs=9)
    network = fit_torch(kind, recipe, task, seed, start if init == "chrono" else None)
    outputs = torch_outputs(network, tensor(X_test))
    notes = {"test loss, nats a step": float(loss(outputs, torch.from_numpy(y_test)))}
    return recalled(outputs.argmax(2).numpy(), y_test), n_parameters(network), notes


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=50, help="blanks to remember over")
    parser.add_argument("--cell", nargs="+", default=["gru"], help="one or more of grukit's cells")
    parser.add_argument("--init", choices=["chrono", "glorot"], default="chrono", help="initial biases of the gates")
    args = parser.parse_args()
    described = machine()
    limit(1)
    recipe, n_sequences = RECIPE, SEQUENCES
    if args.quick:
        recipe, n_sequences = replace(recipe, epochs=2), 2_000
    contenders = {
        f"grukit, {cell}": lambda *task, cell=cell: run_grukit(*task, init=args.init, cell=cell, device=args.device)
        for cell in args.cell
    }
    if args.peers:
        contenders["PyTorch GRU"] = lambda *task: run_torch("gru", *task, args.init)
        contenders["PyTorch LSTM"] = lambda *task: run_torch("lstm", *task, args.init)
    results = {
        name: over_seeds(name, args.seeds, lambda seed, run=run: run(recipe, n_sequences, args.steps, seed))
        for name, run in contenders.items()
    }
    rows = [["chance", "", f"{1 / 8:.2%}", "", ""]]
    rows += [[name, *result.cells(".2%")] for name, result in results.items()]
    header = [f"copy memory, T = {args.steps}", "parameters", "symbols recalled, median", "range", "seconds of a run"]
    chance = N_SYMBOLS * log(8) / (args.steps + 2 * N_SYMBOLS)
    note = f"{n_sequences:,} sequences, {recipe.epochs} epochs, {args.init} initial biases, {args.seeds} seed(s), one thread. "
    note += f"A net without memory has a loss of 10 ln 8 / (T + 20) = {chance:.3f} nats a step."
    content = {"machine": described, "recipe": recipe, "init": args.init, "sequences": n_sequences, "results": results}
    save("copy-memory", f"{table(header, rows)}\n\n{note}", content, args.write)


if __name__ == "__main__":
    main()
