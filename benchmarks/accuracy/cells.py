"""grukit's cells on the same tasks, each with as many parameters as a GRU of 32 units, by the same recipe.

    python benchmarks/accuracy/cells.py [--tasks adding-50 adding-200 copy-50] [--cells gru ...] [--seeds 3] [--write]

The adding problem on a fifth of the sequences of adding.py, and copy memory as in copy_memory.py on a third of them. For the
adding problem also the gradient flow, before and after training: the norm of dLoss/dh so many steps before the end, divided
by the norm at the end, on 50 test sequences of seed 0.
"""

import argparse
from dataclasses import replace
from typing import Any

import adding
import copy_memory
from _common import NETWORK_ALONE, Recipe, Result, arguments, machine, over_seeds, save, table
from _timing import limit

CELLS = ["gru", "gru_reset_before", "dual_state", "dual_state_basic"]
TASKS = ["adding-50", "adding-200", "copy-50"]
SEQUENCES = {"adding": 10_000, "copy": 10_000}
RECALLED = "symbols recalled", ".1%", ["chance", "", "12.5%"]
SIZES = {"adding": (2, 1, False), "copy": (10, 9, True)}  # inputs, outputs, an output at every step


def with_units(recipe: Recipe, cell: str, task: str) -> Recipe:
    """The recipe with the number of units that comes closest to the parameters of a GRU of ``recipe.units``."""
    from grukit.model import NetworkSpec

    n_inputs, n_outputs, per_step = SIZES[task]

    def parameters(cell: str, units: int) -> int:
        return NetworkSpec(cell, n_inputs, (units,), n_outputs, per_step).n_parameters

    wanted = parameters("gru", recipe.units)
    units = min(range(1, 2 * recipe.units), key=lambda units: abs(parameters(cell, units) - wanted))
    return replace(recipe, units=units)


def flow(model: Any, X: Any, y: Any) -> dict[str, list[float]]:
    """Gradient norms by distance from the end, as a share of the norm at the end."""
    from grukit.inspection import gradient_flow

    norms = gradient_flow(model, X[:50], y[:50])[0]
    return {"flow": (norms / norms[0]).tolist()}


def flow_at_start(recipe: Recipe, n_steps: int, cell: str) -> list[float]:
    """The same of the initial weights of seed 0, which a fit with no learning rate to speak of leaves as they are."""
    from grukit import GRURegressor

    X, y, X_test, y_test = adding.data(1000, n_steps, 0)
    model = GRURegressor(
        recipe.units, cell=cell, max_iter=1, learning_rate_init=1e-12, random_state=0, **NETWORK_ALONE
    ).fit(X, y)
    return flow(model, X_test, y_test)["flow"]


def flow_table(task: str, starts: dict[str, list[float]], results: dict[str, Result]) -> str:
    """Gradient flow of the cells at a few distances."""
    n_steps = int(task.split("-")[1])
    distances = [n_steps // 20, n_steps // 4, n_steps // 2, n_steps - 1]
    rows = []
    for name, result in results.items():
        for when, norms in (("initial", starts[name]), ("trained", result.notes[0]["flow"])):
            rows.append([name, when, *(f"{norms[distance]:.2g}" for distance in distances)])
    return table(
        [f"{task}: gradient, relative", "weights", *(f"{distance} steps back" for distance in distances)], rows
    )


def compare(task: str, cells: list[str], args: argparse.Namespace) -> tuple[dict[str, Result], dict[str, list[float]]]:
    """The result of each cell on a task such as "adding-200", and the gradient flow of its initial weights."""
    kind, steps = task.split("-")
    recipe, n_sequences = replace({"adding": adding, "copy": copy_memory}[kind].RECIPE, units=32), SEQUENCES[kind]
    if args.quick:
        recipe, n_sequences = replace(recipe, epochs=2), 2_000
    results, starts = {}, {}
    for cell in cells:
        own = with_units(recipe, cell, kind)
        name, options = f"{cell}, {own.units} units", {"cell": cell, "device": args.device}
        run: Any = copy_memory.run_grukit
        if kind == "adding":
            run, options["look"] = adding.run_grukit, flow
            starts[name] = flow_at_start(own, int(steps), cell)
        results[name] = over_seeds(
            f"{task}, {cell}",
            args.seeds,
            lambda seed, run=run, own=own, o=options: run(own, n_sequences, int(steps), seed, **o),
        )
    return results, starts


def main() -> None:
    parser = arguments(__doc__, peers=False)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--cells", nargs="+", default=CELLS)
    args = parser.parse_args()
    described = machine()
    limit(1)
    tables, content = [], {"machine": described, "results": {}, "initial gradient flow": {}}
    for task in args.tasks:
        results, starts = compare(task, args.cells, args)
        content["results"][task], content["initial gradient flow"][task] = results, starts
        adds = task.startswith("adding")
        score, form, naive = ("test MSE", ".1e", ["always 1", "", "0.17"]) if adds else RECALLED
        header = [task, "parameters", f"{score}, median", "range", "seconds of a run"]
        tables.append(table(header, [[*naive, "", ""], *([name, *r.cells(form)] for name, r in results.items())]))
        if adds:
            tables.append(flow_table(task, starts, results))
    save("cells", "\n\n".join(tables) + f"\n\n{args.seeds} seed(s), one thread.", content, args.write)


if __name__ == "__main__":
    main()
