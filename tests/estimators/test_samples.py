"""Paths of the future: their spread and how their steps hang together, against what is known of a process."""

import numpy as np
import pandas as pd
import pytest

from grukit import GRUForecaster

SMALL = {
    "hidden_layer_sizes": 4,
    "window": 6,
    "random_state": 0,
    "dtype": "float64",
    "calendar": None,
    "linear_lags": 2,
}
LINEAR = {**SMALL, "max_iter": 1, "learning_rate_init": 1e-12, "normalize": None}
PHI, H = 0.8, 5


def autoregression(n, seed=0, start=0.0):
    rng, y = np.random.default_rng(seed), [start]
    for _ in range(n - 1):
        y.append(PHI * y[-1] + rng.normal())
    return pd.Series(y, index=pd.date_range("2020-01-01", periods=n, freq="h", name="time"), name="load")


@pytest.mark.parametrize("strategy", ["recursive", "direct"])
def test_paths_spread_and_hang_together_as_those_of_an_autoregression(strategy):
    """Of y = phi y' + e the steps ahead have the variances (1 - phi^2h) / (1 - phi^2), neighbours phi times the earlier."""
    y = autoregression(2400)
    model = GRUForecaster(horizon=H, strategy=strategy, calibration="folds", **LINEAR).fit(y)
    paths = model.predict_samples(4000, random_state=0)
    assert paths.shape == (H, 4000) and paths.columns.name == "sample"
    assert paths.index.equals(model.predict().index)
    variance = (1 - PHI ** (2 * np.arange(1, H + 1))) / (1 - PHI**2)
    np.testing.assert_allclose(paths.var(axis=1), variance, rtol=0.12)
    covariance = np.cov(paths.to_numpy())
    np.testing.assert_allclose(np.diag(covariance, 1), PHI * variance[:-1], rtol=0.15)
    np.testing.assert_allclose(paths.mean(axis=1), model.predict(), atol=0.12)
    lower, upper = (paths.quantile(q, axis=1) for q in (0.05, 0.95))
    interval = model.predict_interval(0.9)
    np.testing.assert_allclose(upper - lower, interval["upper"] - interval["lower"], rtol=0.12)


def test_paths_of_a_direct_strategy_are_the_forecast_and_errors_from_one_origin():
    y = autoregression(160)
    model = GRUForecaster(horizon=3, **LINEAR).fit(y)
    paths = model.predict_samples(30, random_state=1).to_numpy()
    residuals = model._fitted.scores.residuals[("load",)] * model._fitted.figures[("load",)][1]
    drawn = (np.random.RandomState(1).uniform(size=(30, 1))[:, 0] * len(residuals)).astype(int)
    np.testing.assert_allclose(paths, model.predict().to_numpy()[:, None] + residuals[drawn].T, rtol=1e-12)
    np.testing.assert_allclose(
        np.abs(residuals), model._fitted.scores.errors[("load",)][..., 0] * model._fitted.figures[("load",)][1]
    )


def test_the_same_random_state_gives_the_same_paths_from_any_origin():
    y = autoregression(160)
    model = GRUForecaster(horizon=3, strategy="recursive", **LINEAR).fit(y)
    one, other = (model.predict_samples(5, random_state=2) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    assert not one.equals(model.predict_samples(5, random_state=3))
    pd.testing.assert_frame_equal(model.predict_samples(5, context=y, random_state=2), one)
    moved = model.predict_samples(5, context=y.iloc[:100], random_state=2)
    assert moved.index[0] == y.index[100]


def test_columns_of_a_frame_share_what_they_share():
    y = autoregression(400)
    frame = pd.DataFrame({"a": y, "b": 7 - 2 * y})
    paths = GRUForecaster(horizon=2, strategy="recursive", **LINEAR).fit(frame).predict_samples(200, random_state=0)
    assert paths.columns.names == ["series", "sample"] and paths.shape == (2, 400)
    np.testing.assert_allclose(paths["b"], 7 - 2 * paths["a"], rtol=1e-6)


def test_series_of_few_errors_take_those_of_all():
    y = autoregression(160)
    panel = pd.concat({"u": y, "new": 50 + 10 * y.iloc[-12:]}, names=["unit", "time"])
    model = GRUForecaster(horizon=2, **LINEAR).fit(panel)
    paths = model.predict_samples(300, random_state=0)
    spread = paths.sub(model.predict(), axis=0).std(axis=1).groupby(level="unit").mean()
    figures = model._fitted.figures
    assert spread["new"] / spread["u"] == pytest.approx(figures[("new",)][1] / figures[("u",)][1], rel=1e-9)


def test_what_is_refused():
    y = autoregression(160)
    model = GRUForecaster(horizon=2, **LINEAR).fit(y)
    for wrong in (0, 1.5, True, "many"):
        with pytest.raises(ValueError, match="n_samples must be a positive integer"):
            model.predict_samples(wrong)
    with pytest.raises(ValueError, match="quantiles has predict_quantiles"):
        GRUForecaster(horizon=2, quantiles=[0.5], **LINEAR).fit(y).predict_samples()
    with pytest.raises(ValueError, match="No origins were kept"):
        GRUForecaster(horizon=2, calibration_fraction=None, **LINEAR).fit(y).predict_samples()
