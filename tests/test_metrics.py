"""What forecasts are judged by: by hand, and against scikit-learn where it has the same."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error

from grukit.metrics import (
    interval_coverage,
    mean_absolute_scaled_error,
    mean_interval_score,
    root_mean_squared_scaled_error,
    score_forecasts,
    symmetric_mean_absolute_percentage_error,
)

RNG = np.random.default_rng(0)


def test_scaled_errors_by_hand():
    past = [1.0, 3.0, 2.0, 6.0]  # changes 2, -1, 4; over two steps 1, 3
    assert mean_absolute_scaled_error([7.0, 8.0], [6.0, 11.0], y_train=past) == pytest.approx(2 / (7 / 3))
    assert mean_absolute_scaled_error([7.0], [5.0], y_train=past, season=2) == pytest.approx(1.0)
    squared = root_mean_squared_scaled_error([7.0, 8.0], [6.0, 11.0], y_train=past)
    assert squared == pytest.approx(np.sqrt(5 / 7))
    assert mean_absolute_scaled_error([7.0], [6.0], y_train=[1.0, np.nan, 2.0, 5.0]) == pytest.approx(1 / 3)
    assert np.isnan(mean_absolute_scaled_error([7.0], [6.0], y_train=[2.0, 2.0]))


def test_the_naive_forecast_has_the_error_one_in_training():
    past = RNG.normal(size=50).cumsum()
    assert mean_absolute_scaled_error(past[12:], past[:-12], y_train=past, season=12) == pytest.approx(1.0)
    assert root_mean_squared_scaled_error(past[12:], past[:-12], y_train=past, season=12) == pytest.approx(1.0)


def test_percentages_by_hand():
    assert symmetric_mean_absolute_percentage_error([100.0, 0.0], [300.0, 0.0]) == pytest.approx(0.5)
    assert symmetric_mean_absolute_percentage_error([1.0], [-1.0]) == 2.0


def test_intervals_by_hand():
    true, low, high = [1.0, 5.0, 9.0, 2.0], [0.0, 6.0, 3.0, 2.0], [2.0, 8.0, 7.0, 4.0]
    assert interval_coverage(true, low, high) == 0.5
    widths, outside = (2 + 2 + 4 + 2) / 4, (1 + 2) / 4
    assert mean_interval_score(true, low, high, coverage=0.8) == pytest.approx(widths + 10 * outside)


def test_intervals_without_an_end_have_the_value_inside():
    inf = np.inf
    assert interval_coverage([1.0, 1.0, 1.0, 5.0], [-inf, 0.0, -inf, -inf], [inf, inf, 2.0, 4.0]) == 0.75


def test_the_interval_score_is_that_of_both_quantiles():
    """2 / alpha times the sum of the pinball losses of the bounds (Gneiting and Raftery 2007)."""
    true, low = RNG.normal(size=40), RNG.normal(size=40)
    high = low + RNG.uniform(0.1, 2, 40)
    pinball = mean_pinball_loss(true, low, alpha=0.05) + mean_pinball_loss(true, high, alpha=0.95)
    assert mean_interval_score(true, low, high, coverage=0.9) == pytest.approx(2 / 0.1 * pinball)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_absolute_scaled_error([1.0], [1.0, 2.0], y_train=[1.0, 2.0]), r"shapes \(1,\) and \(2,\)"),
        (lambda: mean_absolute_scaled_error([1.0], [1.0], y_train=[1.0, 2.0], season=2), "more than season=2 values"),
        (
            lambda: mean_absolute_scaled_error([1.0], [1.0], y_train=[1.0, 2.0], season=0),
            "season must be a positive integer",
        ),
        (lambda: mean_absolute_scaled_error([1.0], [1.0], y_train=[1.0, 2.0], season=1.0), "positive integer; got 1.0"),
        (lambda: mean_interval_score([1.0], [1.0], [1.0], coverage=90), "coverage must be a number between 0 and 1"),
        (lambda: interval_coverage([], [], []), "equal length"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- the table ------------------------------------------------------------------------------------------------------------

QUARTERS = pd.period_range("2000Q1", periods=12, freq="Q")
Y = pd.DataFrame({"a": RNG.normal(size=12).cumsum(), "b": 5 + RNG.normal(size=12)}, index=QUARTERS)


def long_frame(noise=0.1):
    rows = []
    for name in Y:
        for end in (6, 8):
            for step in (1, 2, 3):
                truth = Y[name].iloc[end + step]
                rows.append((name, QUARTERS[end], step, QUARTERS[end + step], truth, truth + noise * RNG.normal()))
    frame = pd.DataFrame(rows, columns=["series", "origin", "step", "time", "truth", "prediction"])
    return frame.assign(lower=frame["prediction"] - 0.1, upper=frame["prediction"] + 0.1)


def test_scores_beside_the_seasonal_naive_forecast():
    frame = long_frame()
    table = score_forecasts(frame, Y, coverage=0.5)
    assert table.index.tolist() == ["model", "seasonal naive"] and table.index.name == "forecast"
    model = table.loc["model"]
    assert model["MAE"] == pytest.approx(mean_absolute_error(frame["truth"], frame["prediction"]))
    assert model["RMSE"] == pytest.approx(root_mean_squared_error(frame["truth"], frame["prediction"]))
    assert model["width"] == pytest.approx(0.2)
    assert model["coverage"] == interval_coverage(frame["truth"], frame["lower"], frame["upper"])
    score = mean_interval_score(frame["truth"], frame["lower"], frame["upper"], coverage=0.5)
    assert model["interval score"] == pytest.approx(score)
    naive = [Y.loc[row.time - 4, row.series] for row in frame.itertuples()]
    assert table.loc["seasonal naive", "MAE"] == pytest.approx(mean_absolute_error(frame["truth"], naive))


def test_errors_are_scaled_by_what_lies_before_each_origin():
    frame = long_frame()
    scaled = []
    for row in frame.itertuples():
        past = Y[row.series].loc[: row.origin].to_numpy()
        scaled.append(mean_absolute_scaled_error([row.truth], [row.prediction], y_train=past, season=4))
    table = score_forecasts(frame, Y, by="series")
    assert table.index.tolist() == [(s, f) for s in "ab" for f in ("model", "seasonal naive")]
    for name in Y:
        assert table.loc[(name, "model"), "MASE"] == pytest.approx(np.mean(np.array(scaled)[frame["series"] == name]))
    changed = Y.copy()
    changed.iloc[9:] += 100.0  # after all origins
    pd.testing.assert_frame_equal(score_forecasts(frame, changed, by="series"), table)
    squares = [root_mean_squared_scaled_error([r.truth], [r.prediction], y_train=Y[r.series].loc[: r.origin], season=4) ** 2
               for r in frame.itertuples()]  # fmt: skip
    assert score_forecasts(frame, Y).loc["model", "RMSSE"] == pytest.approx(np.sqrt(np.mean(squares)))


def test_a_row_for_each_step_or_pair():
    frame = long_frame()
    steps = score_forecasts(frame, Y, by="step")
    for step in (1, 2, 3):
        own = frame[frame["step"] == step]
        assert steps.loc[(step, "model"), "MAE"] == pytest.approx(mean_absolute_error(own["truth"], own["prediction"]))
    pairs = score_forecasts(frame, Y, by=["series", "step"])
    assert pairs.index.names == ["series", "step", "forecast"] and len(pairs) == 12
    mean = pairs.xs("model", level="forecast")["MAE"].mean()
    assert mean == pytest.approx(mean_absolute_error(frame["truth"], frame["prediction"]))


def test_the_naive_forecast_beyond_a_season_its_interval_and_its_quantiles():
    y = pd.Series(np.arange(20.0) ** 2, index=pd.RangeIndex(20), name="y")
    rows = [("y", 11, step, 11 + step, y[11 + step], 0.0, -1.0, 1.0) for step in range(1, 6)]
    frame = pd.DataFrame(rows, columns=["series", "origin", "step", "time", "truth", "prediction", "lower", "upper"])
    table = score_forecasts(frame.assign(**{"q0.2": 0.0, "q0.7": 0.0}), y, by="step", season=2, coverage=0.75)
    for step, back in ((1, 10), (2, 11), (3, 10), (4, 11), (5, 10)):
        naive = y[back]
        lag = 2 * (-(-step // 2))
        changes = y.to_numpy()[lag:12] - y.to_numpy()[: 12 - lag]
        half = np.sort(np.abs(changes))[int(np.ceil((len(changes) + 1) * 0.75)) - 1]
        row = table.loc[(step, "seasonal naive")]
        assert row["MAE"] == y[11 + step] - naive and row["width"] == pytest.approx(2 * half)
        pinball = [mean_pinball_loss([y[11 + step]], [naive + np.quantile(changes, q)], alpha=q) for q in (0.2, 0.7)]
        assert row["pinball"] == pytest.approx(np.mean(pinball))


def test_rows_without_a_truth_are_left_out_and_short_histories_take_the_last_value():
    frame = long_frame()
    more = pd.concat([frame, frame.assign(truth=np.nan, prediction=1e9)])
    pd.testing.assert_frame_equal(score_forecasts(more, Y), score_forecasts(frame, Y))
    table = score_forecasts(frame, Y, season=9)  # more than lies before one origin
    early = frame["origin"] == QUARTERS[6]
    last = frame[early].apply(lambda row: Y.loc[row["origin"], row["series"]], axis=1)
    naive = score_forecasts(frame[early], Y, season=9).loc["seasonal naive", "MAE"]
    assert naive == pytest.approx(mean_absolute_error(frame["truth"][early], last)) and table.notna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda f: f.drop(columns="truth"), {}, r"\['truth'\] are not there"),
        (lambda f: f.drop(columns="upper"), {"coverage": 0.9}, r"\['upper'\] are not there"),
        (lambda f: f, {"by": "time"}, "by must be of 'series', 'step' and 'origin'"),
        (lambda f: f, {"season": 0}, "season must be a positive integer"),
        (lambda f: f.assign(series="c"), {}, r"of series 'c'; y has \['a', 'b'\]"),
        (lambda f: f.assign(origin=pd.Period("1990Q1")), {}, "from the origin 1990Q1, which is not"),
        (lambda f: f.assign(truth=np.nan), {}, "no row with a truth"),
        (
            lambda f: f.assign(step=f["step"] - 1),
            {},
            "step of forecasts must hold integers, from 1 .* int64, from 0 to",
        ),
        (
            lambda f: f.assign(step=f["step"] / 2),
            {},
            "step of forecasts must hold integers, from 1 .* float64, from 0.5 to",
        ),
        (
            lambda f: f.assign(prediction=f["prediction"].astype(str)),
            {},
            "column prediction of forecasts must hold numbers; it is (str|object)",
        ),
    ],
)
def test_tables_that_are_refused(change, options, words):
    with pytest.raises(ValueError, match=words):
        score_forecasts(change(long_frame()), Y, **options)


# --- values that are missing ------------------------------------------------------------------------------------------------


def test_what_is_not_known_is_no_success():
    nan = np.nan
    assert np.isnan(symmetric_mean_absolute_percentage_error([1.0, nan], [1.0, 2.0]))
    assert np.isnan(symmetric_mean_absolute_percentage_error([1.0, 2.0], [1.0, nan]))
    for true, low, high in (([nan, 1.0], [0.0, 0.0], [2.0, 2.0]), ([1.0, 1.0], [nan, 0.0], [2.0, 2.0]),
                            ([1.0, 1.0], [0.0, 0.0], [2.0, nan])):  # fmt: skip
        assert np.isnan(interval_coverage(true, low, high))
        assert np.isnan(mean_interval_score(true, low, high, coverage=0.8))


def test_the_naive_forecast_takes_the_latest_known_value_of_its_season():
    y = pd.Series(np.arange(12.0), index=QUARTERS, name="y")
    y.iloc[[5, 3]] = np.nan  # the second quarter before the origin, row 7, and one of an earlier year
    truth = y.iloc[8:12].to_numpy()
    frame = pd.DataFrame(
        {"series": "y", "origin": QUARTERS[7], "step": [1, 2, 3, 4], "truth": truth, "prediction": 0.0}
    )
    table = score_forecasts(frame, y, by="step")
    naive = table.xs("seasonal naive", level="forecast")
    np.testing.assert_array_equal(naive["MAE"], [8 - 4, 9 - 1, 10 - 6, 11 - 7])


def test_pinball_losses_are_of_the_same_rows():
    y = pd.Series(np.arange(12.0), index=QUARTERS, name="y")
    y.iloc[5] = np.nan  # the second quarters before the origin, row 7
    y.iloc[1] = np.nan
    truth = y.iloc[8:12].to_numpy()
    frame = pd.DataFrame(
        {"series": "y", "origin": QUARTERS[7], "step": [1, 2, 3, 4], "truth": truth, "prediction": 0.0}
    )
    table = score_forecasts(frame.assign(**{"q0.00005": [0.0, 1e9, 0.0, 0.0]}), y)
    assert table.loc["model", "pinball"] == pytest.approx(5e-5 * np.mean(truth[[0, 2, 3]]))
    assert table.loc["seasonal naive", "pinball"] == pytest.approx(0.0, abs=1e-12)  # it changes by 4 in each season


def test_both_forecasts_are_judged_on_the_same_rows():
    y = pd.Series(np.arange(12.0), index=QUARTERS, name="y")
    y.iloc[[1, 5]] = np.nan  # all second quarters before the origin
    truth = y.iloc[8:12].to_numpy()
    frame = pd.DataFrame({"series": "y", "origin": QUARTERS[7], "step": [1, 2, 3, 4], "truth": truth})
    table = score_forecasts(frame.assign(prediction=truth + [1.0, 100.0, 1.0, 1.0]), y)
    assert table["MAE"].to_list() == [1.0, 4.0] and table["RMSE"].to_list() == [1.0, 4.0]
    assert table.loc["seasonal naive", "sMAPE"] == pytest.approx(np.mean([2 * 4 / (t + t - 4) for t in (8, 10, 11)]))


def test_by_names_columns():
    for by in (3, ["series", 3], "time", [["series"]]):
        with pytest.raises(ValueError, match="by must be of 'series', 'step' and 'origin'; got"):
            score_forecasts(long_frame(), Y, by=by)


def test_origins_that_are_floats_are_found():
    index = np.arange(40) * 0.1
    y = pd.Series(np.arange(40.0), index=index, name="y")
    frame = pd.DataFrame(
        {"series": "y", "origin": 0.1 * 3 + 2.0, "step": [1, 2], "truth": [24.0, 25.0], "prediction": 24.0}
    )
    assert frame["origin"].iloc[0] not in index
    assert score_forecasts(frame, y)["MAE"].to_list() == [0.5, 1.5]


def test_a_series_without_a_name_is_judged_like_any_other():
    index = pd.RangeIndex(12)
    y = pd.DataFrame(np.column_stack([np.arange(12.0), 3 * np.arange(12.0)]), index=index, columns=[None, "b"])
    frame = pd.DataFrame(
        {"series": [None, "b"], "origin": 10, "step": 1, "truth": [11.0, 33.0], "prediction": [10.5, 31.0]}
    )
    assert score_forecasts(frame, y)["MAE"].to_list() == [1.25, 2.0]
    table = score_forecasts(frame, y, by="series")
    assert len(table) == 4 and table["MAE"].to_list() == [0.5, 1.0, 2.0, 3.0]
    assert table["MASE"].to_list() == pytest.approx([0.5, 1.0, 2.0 / 3.0, 1.0])


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_tables_of_pandas_own_numbers_and_of_arrows(backend):
    """As a backtest is read again from a Parquet file."""
    frame = long_frame().assign(**{"q0.5": 1.0})
    frame.loc[2, ["prediction", "lower"]] = np.nan
    expected = score_forecasts(frame, Y, coverage=0.5, by="series")
    read_again = frame.convert_dtypes(dtype_backend=backend)
    assert read_again["truth"].dtype != np.float64
    table = score_forecasts(read_again, Y, coverage=0.5, by="series")
    np.testing.assert_array_equal(table, expected)
    assert table.index.tolist() == expected.index.tolist()
