"""Training that goes on as the origin moves: on which rows, to which bits, and what it leaves alone."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, NOISE, small_forecaster

HOURS, NOISE = HOURS[:120], NOISE[:120]
FRAME = pd.DataFrame({"a": NOISE, "b": 50 - NOISE})
small = partial(small_forecaster, horizon=4, window=8, calendar=None)
# As the same steps are taken by hand.
BY_HAND = {"warm_start": True, "early_stopping": False, "calibration": "auto", "calibration_fraction": None}


def by_hand(model, y, n, **given):
    return model.set_params(max_iter=n, n_iter_no_change=n + 1, **BY_HAND).fit(y, **given)


def assert_same_network(one, other):
    assert one.n_iter_ == other.n_iter_
    np.testing.assert_array_equal(one._fitted.parameters, other._fitted.parameters)
    moments = one._fitted.training.moments
    assert moments
    for name, moment in moments.items():
        np.testing.assert_array_equal(moment, other._fitted.training.moments[name], err_msg=name)


def test_a_whole_history_trains_to_the_bits_of_a_warm_start():
    model, other = small().fit(NOISE[:100]), small().fit(NOISE[:100])
    scores = model._fitted.scores
    before = model._fitted.parameters.copy()
    assert model.update(NOISE, refit=3) is model
    assert_same_network(model, by_hand(other, NOISE, 3))
    assert len(model.history_) == 5 and not np.array_equal(model._fitted.parameters, before)
    pd.testing.assert_series_equal(model.predict(), other.predict())
    assert model._fitted.scores is scores  # of the model before: truths that were no part of training then
    assert len(model.predict_interval(0.5)) == 4
    assert model.get_params() == small().get_params()


def test_later_rows_alone_train_with_the_window_before_them():
    model, other = small().fit(NOISE[:100]), small().fit(NOISE[:100])
    model.update(NOISE[100:], refit=2)
    assert_same_network(model, by_hand(other, NOISE[92:], 2))
    part = small().fit(NOISE[:100]).update(NOISE[97:], refit=2)  # rows that are known already change nothing
    assert_same_network(part, model)
    pd.testing.assert_series_equal(model.predict(), part.predict())


def test_no_new_rows_and_no_epochs():
    model = small().fit(NOISE)
    forecast = model.predict()
    with pytest.raises(ValueError, match="but the series ended at 2024-01-05 23:00:00; it must begin at 2024-01-06"):
        model.update(NOISE)
    with pytest.raises(ValueError, match="it must begin at"):
        model.update(NOISE, refit=0)
    assert model.predict().equals(forecast)
    other = small().fit(NOISE)
    assert_same_network(model.update(NOISE, refit=1), by_hand(other, NOISE, 1))
    assert model.predict().index.equals(forecast.index)


def test_frames_panels_covariates_and_series_that_are_new():
    X = pd.DataFrame({"x": np.sin(np.arange(124.0))}, index=pd.date_range(HOURS[0], periods=124, freq="h"))
    model, other = (small(channels="joint").fit(FRAME[:100], X=X) for _ in range(2))
    assert_same_network(model.update(FRAME, X=X, refit=1), by_hand(other, FRAME, 1, X=X))
    pd.testing.assert_frame_equal(model.predict(X=X), other.predict(X=X))
    panel = pd.concat({"u": NOISE, "v": 50 - NOISE[:90]}, names=["unit", "time"])
    grown = pd.concat({"u": NOISE, "w": NOISE[60:] * 3}, names=["unit", "time"])
    model = small().fit(panel.drop(panel.loc[["u"]].index[100:]))
    model.update(grown, refit=1)
    everything = pd.concat({"v": 50 - NOISE[82:90], "u": NOISE, "w": NOISE[60:] * 3}, names=["unit", "time"])
    other = small().fit(panel.drop(panel.loc[["u"]].index[100:]))
    assert_same_network(model, by_hand(other, everything, 1))
    ends = model.predict().reset_index().groupby("unit")["time"].min().to_dict()
    assert ends == {"u": HOURS[-1] + pd.Timedelta("1h"), "v": HOURS[90], "w": HOURS[-1] + pd.Timedelta("1h")}


def test_coverage_held_online_goes_by_forecasts_of_before():
    model, moved = (small(adaptation_rate=0.05).fit(NOISE[:100]) for _ in range(2))
    model.update(NOISE, refit=2)
    moved.update(NOISE[100:])
    assert list(model._fitted.online.errors) == [("load",)]
    np.testing.assert_array_equal(model._fitted.online.errors["load",], moved._fitted.online.errors["load",])
    assert len(model._fitted.recent.series.values) == 12


def test_a_backtest_knows_what_was_learned():
    model = small().fit(NOISE[:80]).update(NOISE[80:100], refit=1)
    assert model.backtest(NOISE, n_splits=4, refit=False)["origin"].min() == HOURS[103]
    with pytest.raises(ValueError, match="fitted to rows up to 2024-01-05 03:00:00"):
        model.backtest(NOISE, n_splits=6, refit=False)


def refused(model, words, *given, **options):
    state = model._fitted
    with pytest.raises(ValueError, match=words):
        model.update(*given, **options)
    assert model._fitted is state


def test_what_is_refused_leaves_the_model_as_it_was():
    model = small().fit(NOISE[:100])
    revised = NOISE.copy()
    revised.iloc[95] += 1
    refused(model, "at 2024-01-04 23:00:00, but the model knows", revised, refit=1)
    refused(model, "y ends at 2024-01-05 01:00:00 of series load, but the series at 2024-01-05 03", NOISE[:98], refit=1)
    refused(model, "goes on at 2024-01-05 05:00:00 of series load, but the series ended", NOISE[101:], refit=1)
    for epochs in (-1, 1.5, True, "all"):
        refused(model, "refit is a number of epochs, or None", NOISE, refit=epochs)
    refused(
        model.set_params(hidden_layer_sizes=5), "hidden_layer_sizes is \\(4,\\); now it is \\(5,\\)", NOISE, refit=1
    )
    short = small(window=2).fit(NOISE[:100])
    refused(short, "of at least 5 is needed", NOISE[100:102], refit=1)


def test_revised_rows_before_those_kept_are_taken_as_they_are():
    revised = NOISE.copy()
    revised.iloc[50] += 1
    model, other = small().fit(NOISE[:100]), small().fit(NOISE[:100])
    assert_same_network(model.update(revised, refit=1), by_hand(other, revised, 1))


def test_numbers_that_are_added_up_and_missing_values():
    steps = pd.Series(NOISE.to_numpy().copy(), index=np.arange(120) * 0.1)
    steps.iloc[97] = np.nan
    model, other = (small(missing="mask").fit(steps.iloc[:100]) for _ in range(2))
    assert_same_network(model.update(steps, refit=1), by_hand(other, steps, 1))
