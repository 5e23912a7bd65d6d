"""MAPIE's intervals around GRURegressor: the numbers are those made by hand."""

import numpy as np
import pytest

pytest.importorskip("mapie", reason="MAPIE is not installed: pip install 'grukit[test-neighbours]'")

from mapie.regression import SplitConformalRegressor, TimeSeriesRegressor
from mapie.subsample import BlockBootstrap


@pytest.fixture(scope="module")
def rows(sst, lagged):
    """Six lags of each row, and its value; the last 14 are not for training."""
    X, y = lagged(sst, 6, False)
    return X[:-14], y[:-14], X[-14:], y[-14:]


@pytest.mark.filterwarnings(r"ignore:\s*This function behavior has been changed")  # told at every update
def test_intervals_from_blocks_drawn_with_replacement(rows, row_model):
    """EnbPI (Xu and Xie 2021): residuals of each row by the models whose blocks left it out."""
    X, y, X_new, y_new = rows
    blocks = BlockBootstrap(n_resamplings=30, length=10, overlapping=True, random_state=0)
    model = TimeSeriesRegressor(row_model(), method="enbpi", cv=blocks, agg_function="mean").fit(X, y)
    found, interval = model.predict(X_new, ensemble=True, confidence_level=0.8)

    drawn = list(blocks.split(X))
    models = [row_model().fit(X[train], y[train]) for train, _ in drawn]
    left_out = np.ones((len(drawn), len(X)), dtype=bool)
    for own, (train, _) in zip(left_out, drawn, strict=True):
        own[train] = False
    predicted = np.ma.array([each.predict(X) for each in models], mask=~left_out)
    residuals = y - np.asarray(predicted.mean(axis=0))
    np.testing.assert_allclose(model.conformity_scores_, residuals, atol=1e-5)
    inside = (interval[:, 0, 0] <= y_new) & (y_new <= interval[:, 1, 0])
    assert inside.mean() >= 0.5
    assert (interval[:, 0, 0] < found).all() and (found < interval[:, 1, 0]).all()

    scores = np.sort(residuals)
    model.update(X_new[:7], y_new[:7], ensemble=True)
    moved = np.sort(np.append(residuals[7:], y_new[:7] - found[:7]))
    np.testing.assert_allclose(np.sort(model.conformity_scores_), moved, atol=1e-5)
    assert not np.allclose(moved, scores)


def test_intervals_from_rows_kept_aside(rows, row_model):
    """Split conformal: a fitted model, and the errors on the rows after those it was fitted to."""
    X, y, X_new, _ = rows
    model = row_model().fit(X[:60], y[:60])
    intervals = SplitConformalRegressor(model, confidence_level=0.9, prefit=True).conformalize(X[61:], y[61:])
    found, interval = intervals.predict_interval(X_new)
    assert len(y[61:]) == 39
    width = np.sort(np.abs(y[61:] - model.predict(X[61:])))[35]  # the ceil(40 * 0.9)-th
    np.testing.assert_array_equal(found, model.predict(X_new))
    np.testing.assert_allclose(interval[:, 1, 0] - found, width, rtol=1e-6)
    np.testing.assert_allclose(found - interval[:, 0, 0], width, rtol=1e-6)
