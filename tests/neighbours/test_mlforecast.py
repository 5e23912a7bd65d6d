"""GRURegressor in mlforecast, whose rows hold lags in the order that is asked for: the numbers are those made by hand."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("mlforecast", reason="mlforecast is not installed: pip install 'grukit[test-neighbours]'")

from mlforecast import MLForecast
from mlforecast.target_transforms import Differences


@pytest.fixture(scope="module")
def long(sst):
    """Two series in long form."""
    series = {"a": sst, "b": 60 - sst[20:]}
    return pd.concat(pd.DataFrame({"unique_id": k, "ds": v.index, "y": v.to_numpy()}) for k, v in series.items())


def fit_by_hand(row_model, lagged, series):
    rows, targets = zip(*(lagged(each, 6, False) for each in series), strict=True)
    return row_model().fit(np.concatenate(rows), np.concatenate(targets))


@pytest.mark.parametrize("differences", [False, True])
def test_recursive(long, row_model, lagged, one_by_one, differences):
    transforms = [Differences([1])] if differences else None
    forecaster = MLForecast({"gru": row_model()}, freq="MS", lags=range(6, 0, -1), target_transforms=transforms)
    found = forecaster.fit(long).predict(4).set_index("unique_id")["gru"]
    values = {name: part["y"].to_numpy() for name, part in long.groupby("unique_id")}
    changes = {name: np.diff(each) if differences else each for name, each in values.items()}
    known = fit_by_hand(row_model, lagged, changes.values())
    for name, each in changes.items():
        ahead = np.array(one_by_one(known, each, 6, False, 4))
        np.testing.assert_allclose(found[name], values[name][-1] + ahead.cumsum() if differences else ahead, rtol=1e-5)


def test_direct(long, row_model, lagged):
    forecaster = MLForecast({"gru": row_model()}, freq="MS", lags=range(6, 0, -1)).fit(long, max_horizon=2)
    found = forecaster.predict(2).set_index("unique_id")["gru"]
    values = [part["y"].to_numpy() for _, part in long.groupby("unique_id")]
    for step in (1, 2):
        rows, targets = zip(*(lagged(each, 6, False, step) for each in values), strict=True)
        known = row_model().fit(np.concatenate(rows), np.concatenate(targets))
        for name, each in zip("ab", values, strict=True):
            np.testing.assert_allclose(found[name].iloc[step - 1], known.predict(each[None, -6:])[0], rtol=1e-5)
