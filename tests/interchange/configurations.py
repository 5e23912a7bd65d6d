"""Models of random settings, for exports; python tests/interchange/configurations.py [number] compares them."""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from plain import PLAIN, for_labels
from untrained import untrained

from grukit import GRUClassifier, GRURegressor
from grukit.interchange import to_onnx


def _settings(rng):
    """Random settings of a network and of what is done to its input."""
    return {
        **PLAIN,
        "hidden_layer_sizes": tuple(int(H) for H in rng.integers(1, 7, rng.integers(1, 4))),
        "bidirectional": bool(rng.random() < 0.4),
        "cell": str(rng.choice(["gru", "gru_reset_before"])),
        "initial_state": str(rng.choice(["zeros", "learned"])),
        "dtype": str(rng.choice(["float32", "float64"])),
        "standardize": bool(rng.random() < 0.8),
        "missing": str(rng.choice(["error", "mask"])),
        "difference": bool(rng.random() < 0.4),
        "max_iter": 2,
        "random_state": 0,
    }


def configuration(seed):
    """A fitted model of random settings and sequences that it was not fitted on."""
    rng = np.random.default_rng(seed)
    D, K, n, T = rng.integers(1, 5), rng.integers(1, 4), 24, int(rng.integers(2, 9))
    X = rng.normal(size=(n, T, D)).cumsum(axis=1) * 10.0 ** rng.integers(-3, 4, D) + rng.normal(size=D) * 100
    kind = rng.choice(["regression", "counts", "two classes", "classes", "labels"])
    per_step = bool(rng.random() < 0.3)
    sums = X / X.std(axis=(0, 1))
    settings = _settings(rng)
    if not settings["standardize"]:  # at a mean of 37,000 deviations float32 itself is 3e-5 from float64
        X = sums - sums.mean(axis=(0, 1))
    if settings["missing"] == "mask":
        X = np.where(rng.random(X.shape) < 0.1, np.nan, X)
        X[:, 0] = np.nan_to_num(X[:, 0])
    y = np.nan_to_num(sums).sum(axis=2, keepdims=True) + rng.normal(size=(n, T, K))
    y = y if per_step else y[:, -1]
    with warnings.catch_warnings(), untrained():
        warnings.simplefilter("ignore")
        if kind in ("regression", "counts"):
            if kind == "counts":
                y = np.abs(y).round().clip(0, 9)
                settings["loss"] = "poisson"
            else:
                settings |= {
                    "linear_lags": int(rng.integers(0, T + 2)),
                    "anchor": None if rng.random() < 0.5 else "auto",
                }
            return GRURegressor(**settings).fit(X[4:], y[4:]), X[:4]
        if kind == "labels" and K > 1:
            return GRUClassifier(**for_labels(settings)).fit(X[4:], y[4:] > np.median(y)), X[:4]
        y = np.digitize(y[..., 0], np.quantile(y, [0.5] if kind == "two classes" else [0.3, 0.6]))
        y = [*y] if per_step else y
        return GRUClassifier(**for_labels(settings)).fit(X[4:], y[4:]), X[:4]


def difference(seed, path):
    """How far ONNX Runtime is from predict, as a share of the spread of each output; of 1 for probabilities."""
    import onnxruntime

    model, X = configuration(seed)
    to_onnx(model, path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"X": X})[0]
    expected = model.predict(X) if isinstance(model, GRURegressor) else model.predict_proba(X)
    found, expected = (np.reshape(each, (-1, found.shape[-1])) for each in (found, expected))
    spread = np.ptp(expected, axis=0) if isinstance(model, GRURegressor) else np.ones(1)
    return float((np.abs(found - expected) / np.where(spread > 0, spread, 1.0)).max())


def main():
    """Print the largest of many."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        found = [difference(seed, Path(folder) / "model.onnx") for seed in range(n)]
    close = sum(each <= 1e-5 for each in found)
    print(
        f"{n} configurations: {close} within 1e-5; largest difference {max(found):.2g} "
        f"(of seed {np.argmax(found)}), median {np.median(found):.2g}"
    )


if __name__ == "__main__":
    main()
