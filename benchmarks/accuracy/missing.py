"""Missing values: a chaotic series of which 40 % of all values are removed at random.

    python benchmarks/accuracy/missing.py [--seeds 5] [--quick] [--write]

The three coordinates of the Lorenz system every 0.05 s, 4,000 rows; the target is x five rows ahead, the last 1,000 rows are
unseen. The same GRU each time: on values filled with the mean of their column, or carried forward; with ``missing="mask"``,
the mean and an indicator; and with ``missing="decay"``, GRU-D (Che et al. 2018). The score is the mean squared error on the
unseen rows as a share of the target's variance there; without a value removed it says what the net could do.
"""

from typing import Any

from _common import NETWORK_ALONE, Recipe, arguments, machine, over_seeds, save, table
from _timing import limit

RECIPE = Recipe(units=32, epochs=40, batch_size=32, rate=0.005, schedule="cosine", validation=0.0)
ROWS, UNSEEN, AHEAD, WINDOW, REMOVED = 4_000, 1_000, 5, 24, 0.4


def data(seed: int) -> tuple[Any, Any, Any]:
    """The whole table, the same with values removed, and the target of each row."""
    import numpy as np

    from grukit.datasets import make_lorenz

    whole = make_lorenz(ROWS + AHEAD, dt=0.05, random_state=seed)
    target = whole["x"].shift(-AHEAD)[:ROWS].rename("x ahead")
    whole = whole[:ROWS]
    return whole, whole.mask(np.random.default_rng(seed).random(whole.shape) < REMOVED), target


def run(way: str, recipe: Recipe, seed: int) -> tuple[float, int, dict]:
    """Share of the variance that is not explained, for one way to deal with what is missing."""
    from grukit import GRURegressor

    whole, X, y = data(seed)
    train = slice(0, ROWS - UNSEEN)
    if way == "nothing removed":
        X = whole
    elif way == "mean":
        X = X.fillna(X.iloc[train].mean())
    elif way == "carried forward":
        X = X.ffill().fillna(X.iloc[train].mean())
    model = GRURegressor(
        recipe.units, window=WINDOW, max_iter=recipe.epochs, batch_size=recipe.batch_size, learning_rate=recipe.schedule,
        learning_rate_init=recipe.rate, n_iter_no_change=recipe.epochs, random_state=seed,
        missing=way if way in ("mask", "decay") else "error", **NETWORK_ALONE,
    ).fit(X.iloc[train], y.iloc[train])  # fmt: skip
    unseen = y.iloc[ROWS - UNSEEN :]
    error = model.predict(X.iloc[ROWS - UNSEEN :]) - unseen
    return float((error**2).mean() / unseen.var(ddof=0)), model.n_parameters_, {"training loss": model.loss_}


def main() -> None:
    parser = arguments(__doc__, peers=False, device=False)
    parser.set_defaults(seeds=5)
    args = parser.parse_args()
    described = machine()
    limit(1)
    recipe = Recipe(**{**RECIPE.__dict__, "epochs": 2}) if args.quick else RECIPE
    ways = ["mean", "carried forward", "mask", "decay", "nothing removed"]
    results = {way: over_seeds(way, args.seeds, lambda seed, way=way: run(way, recipe, seed)) for way in ways}
    rows = [[way, *result.cells(".4f")] for way, result in results.items()]
    better = sum(d < m for d, m in zip(results["decay"].scores, results["mean"].scores, strict=True))
    header = [f"{REMOVED:.0%} of the values removed", "parameters", "unexplained variance, median", "range", "seconds"]
    note = f"{recipe.epochs} epochs; GRU-D was better than the mean in {better} of {args.seeds} seeds. One thread."
    content = {"machine": described, "recipe": recipe, "results": results}
    save("missing", f"{table(header, rows)}\n\n{note}", content, args.write)


if __name__ == "__main__":
    main()
