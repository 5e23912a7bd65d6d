"""Write a file of the present format for each estimator, and what it predicts: python tests/golden/make_files.py

Run once for a format version, when it is new; the files of older versions stay, and must stay readable.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from grukit import GRUClassifier, GRURegressor
from grukit.estimators._documents import FORMAT

FOLDER = Path(__file__).parent


def data():
    """Two series of 60 hours, in a time zone whose clocks change among them."""
    values = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
    return pd.DataFrame(values, pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin"), ["a", "b"])


def main():
    """Fit, save, predict."""
    X = data()
    settings = {"hidden_layer_sizes": 4, "window": 5, "max_iter": 3, "random_state": 0}
    regressor = GRURegressor(**settings, difference=["b"]).fit(X[:50], X["a"][:50].rename("y"))
    labels = pd.Series(pd.Categorical.from_codes((X["a"] > X["b"]).astype(int), ["low", "high"]), X.index, name="label")
    classifier = GRUClassifier(**settings, class_weight={"low": 2.0}).fit(X[:50], labels[:50])
    for name, model in (("regressor", regressor), ("classifier", classifier)):
        model.save(FOLDER / f"format_{FORMAT}_{name}.gru")
    np.savez(
        FOLDER / f"format_{FORMAT}.npz",
        regressor=regressor.predict(X[50:]),
        classifier=classifier.predict_proba(X[50:]),
    )


if __name__ == "__main__":
    main()
