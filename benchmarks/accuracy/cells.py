"""grukit's cells on the same tasks, each with as many parameters as a GRU of 32 units, by the same recipe.

    python benchmarks/accuracy/cells.py [--tasks adding-50 adding-200 copy-50] [--cells gru ...] [--seeds 3] [--write]

The adding problem on a fifth of the sequences of adding.py, and copy memory as in copy_memory.py on a quarter of them.
"""

from dataclasses import replace
from typing import Any

import adding
import copy_memory
from _common import Recipe, Result, arguments, machine, over_seeds, save, table
from _timing import limit

CELLS = ["gru", "gru_reset_before", "dual_state", "dual_state_basic"]
TASKS = ["adding-50", "adding-200", "copy-50"]
SEQUENCES = {"adding": 10_000, "copy": 5_000}
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


def compare(task: str, cells: list[str], seeds: int, quick: bool, device: str) -> dict[str, Result]:
    """The result of each cell on a task such as "adding-200"."""
    kind, steps = task.split("-")
    module: Any = {"adding": adding, "copy": copy_memory}[kind]
    recipe, n_sequences = replace(module.RECIPE, units=32), SEQUENCES[kind]
    if quick:
        recipe, n_sequences = replace(recipe, epochs=2), 2_000
    results = {}
    for cell in cells:
        own = with_units(recipe, cell, kind)
        results[f"{cell}, {own.units} units"] = over_seeds(
            f"{task}, {cell}",
            seeds,
            lambda seed, own=own, cell=cell: module.run_grukit(
                own, n_sequences, int(steps), seed, cell=cell, device=device
            ),
        )
    return results


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--cells", nargs="+", default=CELLS)
    args = parser.parse_args()
    described = machine()
    limit(1)
    tables, results = [], {}
    for task in args.tasks:
        results[task] = compare(task, args.cells, args.seeds, args.quick, args.device)
        score, form = ("test MSE", ".2g") if task.startswith("adding") else ("symbols recalled", ".1%")
        header = [task, "parameters", f"{score}, median", "range", "seconds of a run"]
        naive = ["always 1", "", "0.17", "", ""] if task.startswith("adding") else ["chance", "", "12.5%", "", ""]
        tables.append(table(header, [naive, *([name, *r.cells(form)] for name, r in results[task].items())]))
    content = {"machine": described, "results": results}
    save("cells", "\n\n".join(tables) + f"\n\n{args.seeds} seed(s), one thread.", content, args.write)


if __name__ == "__main__":
    main()
