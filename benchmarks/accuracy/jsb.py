"""JSB Chorales: the notes of the next frame, 88 keys, from the frames so far.

    python benchmarks/accuracy/jsb.py JSB_Chorales.mat [--seeds 3] [--peers] [--quick] [--write]

The file has 229 songs to train on, 76 to select the epoch by and 77 to test on. The score is the negative log-likelihood of a
frame, the sum over 88 independent Bernoulli variables, in nats: the total over all predicted frames of the test songs (all
but the first of each) divided by their number. One GRU layer of 200 units, fed with zeros and ones as they are. What makes the
difference on so few songs is recurrent dropout: without any dropout, a net of 150 units is at its best after 7 epochs, at
8.51. With ``--peers``, PyTorch's GRU and an LSTM of as many parameters by the same recipe.
"""

from dataclasses import replace
from typing import Any

from _common import Recipe, arguments, machine, over_seeds, save, table
from _timing import limit

RECIPE = Recipe(
    units=200,
    epochs=120,
    batch_size=16,
    rate=0.005,
    schedule="cosine",
    validation=0.0,
    dropout=0.1,
    recurrent_dropout=0.6,
)
PUBLISHED = {
    "GRU, Chung et al. (2014)": 8.54,
    "LSTM, Bai et al. (2018)": 8.45,
    "GRU, Bai et al. (2018)": 8.43,
    "TCN, Bai et al. (2018)": 8.10,
}


def songs(path: str) -> dict[str, list[Any]]:
    """The songs of each split, float arrays (n_frames, 88)."""
    from scipy.io import loadmat

    content = loadmat(path)
    return {split: [song.astype(float) for song in content[f"{split}data"][0]] for split in ("train", "valid", "test")}


def frames(songs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Inputs, all frames of a song but the last, and targets, all but the first."""
    return [song[:-1] for song in songs], [song[1:] for song in songs]


def nats(probabilities: list[Any], truth: list[Any]) -> float:
    """Negative log-likelihood of a frame: the total divided by the number of frames."""
    import numpy as np

    p, y = np.concatenate(probabilities), np.concatenate(truth)
    return float(-np.where(y == 1, np.log(p), np.log1p(-p)).sum() / len(y))


def marginals(split: dict[str, list[Any]]) -> float:
    """The naive figure: each key by its frequency in the training songs, plus one frame with and one without it."""
    import numpy as np

    _, train = frames(split["train"])
    _, test = frames(split["test"])
    played = np.concatenate(train)
    p = (played.sum(axis=0) + 1) / (len(played) + 2)
    return nats([np.broadcast_to(p, y.shape) for y in test], test)


def markov(split: dict[str, list[Any]]) -> float:
    """The naive figure with a memory of one frame: each key by whether it sounds now, counted in the training songs."""
    import numpy as np

    X, y = (np.concatenate(part) for part in frames(split["train"]))
    p_on = ((X * y).sum(axis=0) + 1) / (X.sum(axis=0) + 2)
    p_off = (((1 - X) * y).sum(axis=0) + 1) / ((1 - X).sum(axis=0) + 2)
    X_test, y_test = frames(split["test"])
    return nats([np.where(x == 1, p_on, p_off) for x in X_test], y_test)


def run_grukit(recipe: Recipe, split: dict[str, list[Any]], seed: int, **options: Any) -> tuple[float, int, dict]:
    """Test figure of ``GRUClassifier``, which watches the validation songs."""
    from grukit import GRUClassifier

    (X, y), (X_valid, y_valid), (X_test, y_test) = (frames(split[part]) for part in ("train", "valid", "test"))
    model = GRUClassifier(**recipe.for_grukit(), linear_lags=0, standardize=False, random_state=seed, **options)
    model.fit(X, y, X_val=X_valid, y_val=y_valid)
    notes = {"best epoch": model.best_iter_, "validation": nats(model.predict_proba(X_valid), y_valid)}
    return nats(model.predict_proba(X_test), y_test), model.n_parameters_, notes


def run_torch(kind: str, recipe: Recipe, split: dict[str, list[Any]], seed: int) -> tuple[float, int, dict]:
    """Test figure of PyTorch's GRU or LSTM."""
    import torch
    from _torch import TorchTask, fit_torch, n_parameters, torch_outputs
    from torch.nn.utils.rnn import pad_sequence

    def tensors(songs: list[Any]) -> tuple[Any, Any]:
        """Inputs, and targets with a column that is one where there is a frame."""
        X, y = (pad_sequence([torch.from_numpy(a).float() for a in part], True) for part in frames(songs))
        real = pad_sequence([torch.ones(len(song) - 1, 1) for song in songs], batch_first=True)
        return X, torch.cat([y, real], dim=2)

    def loss(outputs: Any, y: Any) -> Any:
        y, real = y[:, : outputs.shape[1], :-1], y[:, : outputs.shape[1], -1:]
        errors = torch.nn.functional.binary_cross_entropy_with_logits(outputs, y, reduction="none") * real
        return errors.sum() / real.sum() / y.shape[2]

    X, y = tensors(split["train"] + split["valid"])
    network = fit_torch(kind, recipe, TorchTask(X, y, loss, n_outputs=88), seed)
    X_test, y_test = tensors(split["test"])
    notes = {
        "validation": 88 * float(loss(torch_outputs(network, X[-len(split["valid"]) :]), y[-len(split["valid"]) :]))
    }
    return 88 * float(loss(torch_outputs(network, X_test), y_test)), n_parameters(network), notes


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("path", help="JSB_Chorales.mat")
    parser.add_argument("--cell", nargs="+", default=["gru"], help="one or more of grukit's cells")
    args = parser.parse_args()
    described = machine()
    limit(1)
    split = songs(args.path)
    # Half a song less than the share of the validation songs: rounded up, as the estimator does it, it is exactly them.
    share = (len(split["valid"]) - 0.5) / (len(split["train"]) + len(split["valid"]))
    recipe = replace(RECIPE, validation=share, epochs=3 if args.quick else RECIPE.epochs)
    contenders = {
        f"grukit, {cell}": lambda *task, cell=cell: run_grukit(*task, cell=cell, device=args.device)
        for cell in args.cell
    }
    if args.peers:
        contenders["PyTorch GRU"] = lambda *task: run_torch("gru", *task)
        contenders["PyTorch LSTM"] = lambda *task: run_torch("lstm", *task)
    results = {
        name: over_seeds(name, args.seeds, lambda seed, run=run: run(recipe, split, seed))
        for name, run in contenders.items()
    }
    naive = {"each key by its frequency": marginals(split), "each key by its last frame": markov(split)}
    rows = [[name, "", f"{figure:.2f}", "", ""] for name, figure in naive.items()]
    for name, figure in PUBLISHED.items():
        rows.append([name, "up to 300,000" if "Bai" in name else "", f"{figure:.2f}", "", ""])
    rows += [[name, *result.cells(".3f")] for name, result in results.items()]
    header = ["JSB Chorales", "parameters", "nats a frame, test, median", "range", "seconds of a run"]
    note = f"{recipe.epochs} epochs, {args.seeds} seed(s), one thread. The epoch is selected on the validation songs."
    content = {"machine": described, "recipe": recipe, "naive": naive, "results": results}
    save("jsb", f"{table(header, rows)}\n\n{note}", content, args.write)


if __name__ == "__main__":
    main()
