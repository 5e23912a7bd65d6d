"""GRURegressor in skforecast's forecasters, whose rows hold lags, the newest first: the numbers are those made by hand."""

import numpy as np
import pytest

pytest.importorskip("skforecast", reason="skforecast is not installed: pip install 'grukit[test-neighbours]'")

from skforecast.direct import ForecasterDirect
from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster
from skforecast.recursive import ForecasterRecursive, ForecasterRecursiveMultiSeries
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def oldest_first(rows):
    """Rows of lags in the order of time."""
    return np.asarray(rows)[:, ::-1]


@pytest.mark.parametrize("newest_first", [True, False])
def test_recursive(sst, row_model, lagged, one_by_one, newest_first):
    estimator = row_model() if newest_first else make_pipeline(FunctionTransformer(oldest_first), row_model())
    forecaster = ForecasterRecursive(estimator, lags=6)
    forecaster.fit(sst)
    known = row_model().fit(*lagged(sst, 6, newest_first))
    found = forecaster.predict(4)
    assert found.index[0].strftime("%Y-%m") == "1991-01"
    np.testing.assert_allclose(found, one_by_one(known, sst, 6, newest_first, 4), rtol=1e-6)


def test_direct(sst, row_model, lagged):
    forecaster = ForecasterDirect(row_model(), steps=3, lags=6)
    forecaster.fit(sst)
    last = sst.to_numpy()[-6:][None, ::-1]
    X = lagged(sst, 6, True, 3)[0]  # all steps learn from the rows that the last of them has
    known = [row_model().fit(X, lagged(sst, 6, True, step)[1][: len(X)]).predict(last)[0] for step in (1, 2, 3)]
    np.testing.assert_allclose(forecaster.predict(), known, rtol=1e-6)


def test_many_series(sst, row_model, lagged, one_by_one):
    series = {"a": sst, "b": 60 - sst[20:]}
    forecaster = ForecasterRecursiveMultiSeries(row_model(), lags=6, encoding=None)
    forecaster.fit(series)
    rows, targets = zip(*(lagged(each, 6, True) for each in series.values()), strict=True)
    known = row_model().fit(np.concatenate(rows), np.concatenate(targets))
    found = forecaster.predict(3).pivot(columns="level", values="pred")
    for name, each in series.items():
        np.testing.assert_allclose(found[name], one_by_one(known, each, 6, True, 3), rtol=1e-6)


def test_a_backtest(sst, row_model, lagged, one_by_one):
    cv = TimeSeriesFold(steps=3, initial_train_size=114, refit=False)
    error, found = backtesting_forecaster(
        ForecasterRecursive(row_model(), lags=6), sst, cv, metric="mean_absolute_error", show_progress=False
    )
    known = row_model().fit(*lagged(sst[:114], 6, True))
    by_hand = [*one_by_one(known, sst[:114], 6, True, 3), *one_by_one(known, sst[:117], 6, True, 3)]
    np.testing.assert_allclose(found["pred"], by_hand, rtol=1e-6)
    np.testing.assert_allclose(error["mean_absolute_error"].iloc[0], np.abs(sst[114:] - by_hand).mean(), rtol=1e-6)
