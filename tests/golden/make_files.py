"""Write a file of the present format for each estimator, and what it predicts: python tests/golden/make_files.py

Run once for a format version, when it is new; the files of older versions stay, and must stay readable. A file that is there
is not written again: while a version is not released yet, delete what has changed.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from grukit import GRUClassifier, GRUForecaster, GRURegressor
from grukit.estimators._documents import FORMAT

FOLDER = Path(__file__).parent
SETTINGS = {"hidden_layer_sizes": 4, "window": 5, "max_iter": 3, "random_state": 0}
FORECASTS = {**SETTINGS, "window": 12, "horizon": 3, "dtype": "float64"}


def data(n=60):
    """Two series of hours, in a time zone whose clocks change among them."""
    values = np.random.default_rng(0).normal(size=(n, 2)).cumsum(axis=0)
    return pd.DataFrame(values, pd.date_range("2024-03-30", periods=n, freq="h", tz="Europe/Berlin"), ["a", "b"])


def driven():
    """A panel of two series of unequal end with a hole, what is known ahead of them, and what is not."""
    X = data(180).rename(columns={"a": "price", "b": "open"})
    panel = pd.concat({"north": data(160)["a"], "south": data(120)["b"]}, names=["unit", "time"]).rename("load")
    return panel.drop(panel.index[[40]]), X, data(160)["b"].rename("wind")


def regressor():
    """And what it predicts."""
    X = data()
    model = GRURegressor(**SETTINGS, difference=["b"]).fit(X[:50], X["a"][:50].rename("y"))
    return model, {"prediction": model.predict(X[50:])}


def classifier():
    """And the probabilities that it gives."""
    X = data()
    labels = pd.Series(pd.Categorical.from_codes((X["a"] > X["b"]).astype(int), ["low", "high"]), X.index, name="label")
    model = GRUClassifier(**SETTINGS, class_weight={"low": 2.0}).fit(X[:50], labels[:50])
    return model, {"prediction": model.predict_proba(X[50:])}


def forecaster():
    """Of one series, and what it forecasts."""
    model = GRUForecaster(**FORECASTS, calendar=None, calibration="split").fit(data(160)["a"])
    return model, {"prediction": model.predict(), "interval": model.predict_interval(0.9)}


def panel():
    """A forecaster of a panel: with covariates, a calendar, missing values, quantiles and coverage that is held online."""
    y, X, past = driven()
    settings = {"missing": "mask", "quantiles": (0.1, 0.5, 0.9), "adaptation_rate": 0.05, "calibration": "split"}
    model = GRUForecaster(**FORECASTS, **settings).fit(y, X, past)
    return model, {"prediction": model.predict(X), "interval": model.predict_interval(0.9, X)}


def main():
    """Fit, save, predict."""
    for make in (regressor, classifier, forecaster, panel):
        path = FOLDER / f"format_{FORMAT}_{make.__name__}.gru"
        if not path.exists():
            model, expected = make()
            model.save(path)
            np.savez(path.with_suffix(".npz"), **expected)


if __name__ == "__main__":
    main()
