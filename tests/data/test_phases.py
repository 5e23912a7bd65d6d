"""Series of one step whose stamps differ, and origins at which a series has a gap."""

import numpy as np
import pandas as pd
import pytest

from grukit import GRUForecaster
from grukit.data import backtest_origins, read_series, up_to
from grukit.data.grid import Grid

RNG = np.random.default_rng(0)
MODEL = GRUForecaster(
    horizon=3, window=6, hidden_layer_sizes=4, max_iter=1, random_state=0, dtype="float64", calendar=None
)


def phases(n=80):
    days = pd.date_range("2024-01-01", periods=2 * n, freq="D")
    pieces = {"u": pd.Series(RNG.normal(size=n), index=days[::2]), "v": pd.Series(RNG.normal(size=n), index=days[1::2])}
    y = pd.concat(pieces, names=["unit", "time"])
    return y


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (pd.date_range("2024-01-01", periods=9, freq="2D"), pd.date_range("2024-01-02", periods=9, freq="2D")),
        (pd.date_range("2024-01-01", periods=9, freq="6h"), pd.date_range("2024-01-01 05:00", periods=9, freq="6h")),
        (pd.date_range("2024-01-01", periods=9, freq="2MS"), pd.date_range("2024-02-01", periods=9, freq="2MS")),
        (
            pd.date_range("2024-03-25", periods=9, freq="D", tz="Europe/Berlin"),
            pd.date_range("2024-03-25 06:00", periods=9, freq="D", tz="Europe/Berlin"),
        ),
        (pd.period_range("2024-01-01", periods=9, freq="2D"), pd.period_range("2024-01-02", periods=9, freq="2D")),
        (pd.timedelta_range("1D", periods=9, freq="2D"), pd.timedelta_range("2D", periods=9, freq="2D")),
        (pd.RangeIndex(0, 27, 3), pd.RangeIndex(2, 29, 3)),
        (pd.Index(np.arange(9) * 0.1), pd.Index(0.05 + np.arange(9) * 0.1)),
    ],
    ids=["days", "hours", "months", "zone", "periods", "durations", "integers", "floats"],
)
def test_steps_are_counted_alike_whatever_their_phase(early, late):
    y = pd.concat({"u": pd.Series(1.0, index=early), "v": pd.Series(2.0, index=late[2:])})
    assert read_series(y).positions().tolist() == [*range(9), *range(2, 9)]


def test_steps_that_no_series_has_do_not_count():
    hours = pd.date_range("2024-01-01", periods=50, freq="h")
    y = pd.concat({"u": pd.Series(1.0, index=hours[:4]), "v": pd.Series(1.0, index=hours[40:44])})
    assert read_series(y).positions().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_what_calibrates_is_no_part_of_training():
    """Changed values from the first that an origin of calibration is judged by on change how much of it is taken alone."""
    y = phases()
    split = {**MODEL.get_params(), "early_stopping": False, "calibration": "split"}
    model = GRUForecaster(**split).fit(y)
    n = min(len(errors) for errors in model._fitted.scores.errors.values())
    assert n >= 19
    stamps = y.index.get_level_values("time")
    first = max(y["u"].index[80 - 3 - n], y["v"].index[80 - 3 - n])  # the first origin, at the earliest
    changed = y.where(stamps <= first, 100.0)
    again = GRUForecaster(**split).fit(changed)
    one, other = model.network_weight_, again.network_weight_
    for name, weights in model.weights_.items():
        times = (other, one) if name.startswith("head.") else (1.0, 1.0)
        np.testing.assert_allclose(weights * times[0], again.weights_[name] * times[1], rtol=1e-5)


def test_a_backtest_has_all_series_whatever_their_phase():
    y = phases()
    table = MODEL.backtest(y, n_splits=3)
    assert table.groupby("series").size().to_dict() == {"u": 9, "v": 9}
    for row in table.itertuples():
        assert row.truth == y[(row.series, row.time)]
        assert row.time == row.origin + row.step * pd.Timedelta(days=2)
    own = table[table["series"] == "u"].iloc[:3]
    at = own["origin"].iloc[0]
    past = y[y.index.get_level_values("time") <= at + pd.Timedelta(days=1)]
    np.testing.assert_array_equal(own["prediction"], GRUForecaster(**MODEL.get_params()).fit(past).predict()["u"])


def test_a_series_with_a_gap_at_an_origin_is_forecast_from_there():
    hours = pd.date_range("2024-01-01", periods=80, freq="h", name="time")
    y = pd.Series(RNG.normal(size=80).cumsum(), index=hours, name="y")
    model = GRUForecaster(**{**MODEL.get_params(), "missing": "mask"})
    gappy = y.drop(hours[73])
    table = model.backtest(gappy, n_splits=2)
    assert table["origin"].unique().tolist() == [hours[73], hours[76]]
    filled = gappy.reindex(hours)
    pd.testing.assert_frame_equal(table, model.backtest(filled, n_splits=2))
    panel = pd.concat({"u": gappy, "v": y, "w": y.iloc[:60]}, names=["unit", "time"])
    with pytest.warns(UserWarning, match="1 of 3 series end before the first origin, .* not judged: w"):
        assert model.backtest(panel, n_splits=2).groupby("series").size().to_dict() == {"u": 6, "v": 6}
    part = up_to(panel, hours[73], 4)
    assert part["u"].index.tolist() == hours[70:74].tolist() and np.isnan(part[("u", hours[73])])
    assert part["w"].index[-1] == hours[59]


def test_backtests_of_floats_have_all_origins():
    y = pd.Series(RNG.normal(size=80), index=np.arange(80) * 0.1)
    X = pd.DataFrame({"x": RNG.normal(size=100)}, index=np.arange(100) * 0.1)
    table = MODEL.backtest(y, X, n_splits=5)
    assert len(table) == 15 and set(table["time"]) <= set(y.index)
    model = GRUForecaster(**MODEL.get_params()).fit(y, X)
    np.testing.assert_allclose(model.predict(X).index, X.index[80:83])
    model.update(y.set_axis(np.arange(80, 160) * 0.1), X.set_axis(np.arange(60, 160) * 0.1))
    assert backtest_origins(read_series(y, grid=Grid.of(y.index)), 3, 1, None) == [y.index[76]]
