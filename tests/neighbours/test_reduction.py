"""GRURegressor in sktime's reduction of forecasting to regression, whose rows hold the oldest value first."""

import numpy as np
import pytest

pytest.importorskip("sktime", reason="sktime is not installed: pip install 'grukit[sktime]'")

from sktime.forecasting.compose import make_reduction

pytestmark = pytest.mark.filterwarnings("ignore:The default of config:FutureWarning")  # at every construction


def test_recursive(sst, row_model, lagged, one_by_one):
    forecaster = make_reduction(row_model(), window_length=6, strategy="recursive", scitype="tabular-regressor")
    known = row_model().fit(*lagged(sst, 6, False))
    found = forecaster.fit(sst, fh=[1, 2, 3, 4]).predict()
    np.testing.assert_allclose(found, one_by_one(known, sst, 6, False, 4), rtol=1e-6)


def test_direct(sst, row_model, lagged):
    forecaster = make_reduction(row_model(), window_length=6, strategy="direct", scitype="tabular-regressor")
    found = forecaster.fit(sst, fh=[1, 3]).predict()
    X, last = lagged(sst, 6, False, 3)[0], sst.to_numpy()[None, -6:]
    known = [row_model().fit(X, lagged(sst, 6, False, step)[1][: len(X)]).predict(last)[0] for step in (1, 3)]
    np.testing.assert_allclose(found, known, rtol=1e-6)
