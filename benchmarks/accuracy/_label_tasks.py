"""Classification tasks, generated sets of a few long sequences and the direction of the next change, and their ladder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from _tasks import SERIES, make_task

UNSEEN = 200  # sequences of a generated set that are not trained on
FIRST_DRAW = 100  # the classifier's settings were chosen on draws before it
# By the test blocks of the first four, too, the classifier's settings were chosen; not by those of the others.
DIRECTIONS = ("elnino", "sunspots", "co2", "sines", "macrodata, unemp", "Lorenz", "Mackey-Glass", "NARMA")


@dataclass(frozen=True)
class LabelTask:
    """Predict a label.

    Attributes
    ----------
    name : str
    X_train, y_train, X_test, y_test
        Sequences as rows, ``window`` None, or a table whose rows are time steps; of such a table ``X_test`` has ``n_before``
        earlier rows in front, which are history only.
    flat_train, flat_test : ndarray of shape (n, steps or lags)
        The same for models that know no time.
    window : int or None
    n_before : int
    """

    name: str
    X_train: Any
    y_train: np.ndarray
    X_test: Any
    y_test: np.ndarray
    flat_train: np.ndarray
    flat_test: np.ndarray
    window: int | None = None
    n_before: int = 0

    def score(self, probabilities: np.ndarray) -> tuple[float, float]:
        """Log loss, probabilities at least 1e-6, and accuracy, of probabilities in the order of the sorted labels."""
        classes, truth = np.unique(self.y_train), self.y_test
        p = np.clip(np.asarray(probabilities, dtype=float)[self.n_before :], 1e-6, 1)
        at = np.searchsorted(classes, truth)
        p /= p.sum(axis=1, keepdims=True)
        return float(-np.log(p[np.arange(len(p)), at]).mean()), float((p.argmax(axis=1) == at).mean())


def _bump(rng: np.random.Generator, label: np.ndarray, t: np.ndarray) -> np.ndarray:
    """A bump that is wide or narrow, at about the same place."""
    centre = rng.normal(0.5, 0.04, size=len(label))
    width = np.where(label, 0.09, 0.06) * rng.normal(1, 0.1, size=len(label))
    return 4 * np.exp(-(((t - centre[:, None]) / width[:, None]) ** 2) / 2) + rng.normal(0, 0.2, (len(label), len(t)))


def _spectrum(rng: np.random.Generator, label: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Smooth curves of the same peaks; one small peak differs in height."""
    places, heights = np.array([0.15, 0.3, 0.55, 0.7, 0.85]), np.array([2.0, 1.0, 3.0, 1.0, 1.5])
    all_heights = heights * rng.normal(1, 0.08, size=(len(label), 5))
    all_heights[:, 1] += 0.5 * label
    peaks = np.exp(-(((t - places[:, None]) / 0.04) ** 2) / 2)
    return all_heights @ peaks + rng.normal(0, 0.2, (len(label), 1)) + rng.normal(0, 0.02, (len(label), len(t)))


def _frequency(rng: np.random.Generator, label: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Sines of two frequencies and any phase, in noise."""
    cycles = np.where(label, 9.0, 7.0) * rng.normal(1, 0.03, size=len(label))
    phase = rng.uniform(0, 2 * np.pi, size=len(label))
    return np.sin(2 * np.pi * cycles[:, None] * t + phase[:, None]) + rng.normal(0, 0.4, (len(label), len(t)))


def _trend(rng: np.random.Generator, label: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Random walks with a drift up or down."""
    steps = rng.normal(0, 1, (len(label), len(t))) + np.where(label, 0.08, -0.08)[:, None]
    return steps.cumsum(axis=1) / np.sqrt(len(t))


# Name, how to make a set, sequences to train on, steps, classes.
SETS: list[tuple[str, Callable[..., np.ndarray], int, int]] = [
    ("bumps, wide or narrow", _bump, 50, 150),
    ("spectra, one peak differs", _spectrum, 36, 251),
    ("sines, two frequencies", _frequency, 48, 200),
    ("walks, up or down", _trend, 50, 180),
]


def sequence_tasks(seed: int) -> Iterator[LabelTask]:
    """Small sets of long univariate sequences, half of each class; ``seed`` draws them anew."""
    for number, (name, make, n, steps) in enumerate(SETS):
        rng = np.random.default_rng([FIRST_DRAW + seed, number])
        label = np.arange(n + UNSEEN) % 2
        rng.shuffle(label[:n])
        X = make(rng, label, np.linspace(0, 1, steps))
        title = f"{name}, {n} of {steps} steps"
        yield LabelTask(title, X[:n], label[:n], X[n:], label[n:], X[:n], X[n:])


def direction_tasks(window: int = 32) -> Iterator[LabelTask]:
    """Whether the next value of a bundled series is above the latest one."""
    for name, make, column, *_ in SERIES:
        if name not in DIRECTIONS:
            continue
        task = make_task(name, make(), column, 1, window)
        up = (task.target > task.X[column]).to_numpy().astype(int)
        flat = task.lags.reshape(len(up), -1)
        first = int(np.flatnonzero(task.test)[0])
        end = int(np.flatnonzero(task.test)[-1]) + 1
        yield LabelTask(
            f"{name}, up or down", task.X[task.train], up[task.train], task.X.iloc[first - window : end], up[task.test],
            flat[task.train], flat[task.test], window, window,
        )  # fmt: skip


def label_ladder(task: LabelTask, seed: int) -> dict[str, tuple[float, float]]:
    """Log loss and accuracy of the training shares, logistic regression and HistGradientBoosting."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    before = np.zeros((task.n_before, 2))
    share = np.bincount(task.y_train, minlength=2) / len(task.y_train)
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": np.logspace(-4, 3, 8)}, cv=5, scoring="neg_log_loss")
    models = {
        "logistic": make_pipeline(StandardScaler(), search),
        "HGB": HistGradientBoostingClassifier(min_samples_leaf=min(20, len(task.y_train) // 8), random_state=seed),
    }
    scores = {"share": task.score(np.vstack([before, np.tile(share, (len(task.y_test), 1))]))}
    for name, model in models.items():
        fitted = model.fit(task.flat_train, task.y_train)
        scores[name] = task.score(np.vstack([before, fitted.predict_proba(task.flat_test)]))
    return scores
