"""The adding problem: sum the two marked numbers of a long sequence.

    python benchmarks/accuracy/adding.py [--steps 200 600] [--seeds 3] [--peers] [--quick] [--write]

50,000 sequences to train on, the last 2,000 of them to select the epoch by, and 1,000 unseen ones to test on. One GRU layer
of 32 units, a twentieth of the 70,000 parameters that the published nets may have. Recipe: 20 epochs, batches of 64, Adam
under a one-cycle schedule up to 0.005, gradients clipped to 1, inputs and target standardised.

With ``--peers``, a second table: PyTorch's GRU and an LSTM of as many parameters, by the same recipe, and grukit, all on
fewer sequences and epochs, since PyTorch takes several times as long. They start from the same kind of initial weights.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from _common import NETWORK_ALONE, Recipe, Result, arguments, machine, over_seeds, save, table
from _timing import limit

RECIPE = Recipe(units=32, epochs=20, batch_size=64, rate=0.005, schedule="one_cycle", validation=0.04)
PEERS_EPOCHS, PEERS_SEQUENCES = 20, 10_000
# Bai, Kolter and Koltun (2018), arXiv:1803.01271, Table 1: T = 600, at most 70,000 parameters.
PUBLISHED = {600: {"GRU, published": 5.3e-5, "LSTM, published": 0.164, "TCN, published": 5.8e-5}}
Look = Callable[[Any, Any, Any], dict[str, Any]]
NAIVE = 1 / 6  # the variance of the sum of two uniform numbers


def data(n_sequences: int, n_steps: int, seed: int) -> tuple[Any, Any, Any, Any]:
    """Training and test sequences and targets."""
    from grukit.datasets import make_adding_problem

    X, y = make_adding_problem(n_sequences, n_steps, random_state=seed)
    return X, y, *make_adding_problem(1000, n_steps, random_state=1_000_000 + seed)


def run_grukit(
    recipe: Recipe, n_sequences: int, n_steps: int, seed: int, look: Look | None = None, **options: Any
) -> tuple[float, int, dict]:
    """Test error of ``GRURegressor``; ``look(model, X_test, y_test)`` may add notes."""
    from sklearn.metrics import mean_squared_error

    from grukit import GRURegressor

    X, y, X_test, y_test = data(n_sequences, n_steps, seed)
    held_out = int(recipe.validation * len(y))  # the last ones, as those of the peers
    settings = {**NETWORK_ALONE, **recipe.for_grukit(), **options}
    model = GRURegressor(**settings, random_state=seed).fit(
        X[:-held_out], y[:-held_out], X_val=X[-held_out:], y_val=y[-held_out:]
    )
    validation = min(model.validation_curve_) * float(y[:-held_out].var())
    notes = {"best epoch": model.best_iter_, "validation": validation}
    if look is not None:
        notes |= look(model, X_test, y_test)
    return float(mean_squared_error(y_test, model.predict(X_test))), model.n_parameters_, notes


def run_torch(kind: str, recipe: Recipe, n_sequences: int, n_steps: int, seed: int) -> tuple[float, int, dict]:
    """Test error of PyTorch's GRU or LSTM, on data standardised as the estimator does it."""
    import torch
    from _torch import TorchTask, fit_torch, n_parameters, torch_outputs

    X, y, X_test, y_test = data(n_sequences, n_steps, seed)
    mean, deviation = X.mean(axis=(0, 1)), X.std(axis=(0, 1))
    center, spread = y.mean(), y.std()

    def tensor(X: Any) -> Any:
        return torch.from_numpy(((X - mean) / deviation).astype("float32"))

    task = TorchTask(
        tensor(X),
        torch.from_numpy(((y - center) / spread).astype("float32")),
        lambda outputs, y: torch.nn.functional.mse_loss(outputs[:, -1, 0], y),
        n_outputs=1,
    )
    network = fit_torch(kind, recipe, task, seed)
    predictions = torch_outputs(network, tensor(X_test))[:, -1, 0].numpy() * spread + center
    return float(((predictions - y_test) ** 2).mean()), n_parameters(network), {}


def rows_of_table(results: dict[int, dict[str, Result]]) -> list[list[str]]:
    rows = []
    for n_steps, by_name in results.items():
        rows.append([str(n_steps), "always 1, the mean", "", f"{NAIVE:.3f}", "", ""])
        for name, error in PUBLISHED.get(n_steps, {}).items():
            rows.append([str(n_steps), name, "up to 70,000", f"{error:.3g}", "", ""])
        rows += [[str(n_steps), name, *result.cells(".1e")] for name, result in by_name.items()]
    return rows


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 200, 600])
    args = parser.parse_args()
    described = machine()
    limit(1)
    recipe, n_sequences = RECIPE, 50_000
    if args.peers:
        recipe, n_sequences = replace(RECIPE, epochs=PEERS_EPOCHS), PEERS_SEQUENCES
    if args.quick:
        recipe, n_sequences = replace(recipe, epochs=3), 2_000
    contenders = {"grukit": lambda *task: run_grukit(*task, device=args.device)}
    if args.peers:
        contenders["PyTorch GRU"] = lambda *task: run_torch("gru", *task)
        contenders["PyTorch LSTM"] = lambda *task: run_torch("lstm", *task)
    results = {
        n_steps: {
            name: over_seeds(
                f"T = {n_steps}, {name}", args.seeds, lambda seed, run=run, T=n_steps: run(recipe, n_sequences, T, seed)
            )
            for name, run in contenders.items()
        }
        for n_steps in args.steps
    }
    header = ["T", "adding problem", "parameters", "test MSE, median", "range", "seconds of a run"]
    note = f"{n_sequences:,} sequences, {recipe.epochs} epochs, {args.seeds} seed(s), one thread, 1,000 test sequences."
    content = {"machine": described, "recipe": recipe, "sequences": n_sequences, "results": results}
    name = "adding-peers" if args.peers else "adding"
    save(name, f"{table(header, rows_of_table(results))}\n\n{note}", content, args.write)


if __name__ == "__main__":
    main()
