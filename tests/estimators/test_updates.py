"""Later rows that follow a series, under its name and in its time zone, and rows that are refused."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, NOISE, small_forecaster

HOURS, NOISE = HOURS[:120], NOISE[:120]
FRAME = pd.DataFrame({"a": NOISE, "b": 50 - NOISE})
small = partial(small_forecaster, horizon=4, window=8, calendar=None, max_iter=1)


def refused(model, y, words):
    before = model.predict()
    with pytest.raises(ValueError, match=words):
        model.update(y)
    assert model.predict().equals(before)


def test_columns_of_a_frame_go_on_together():
    model = small().fit(FRAME.iloc[:100])
    refused(
        model, FRAME[["a"]].iloc[100:], "with the columns a, but not with b; the columns of a DataFrame end together"
    )
    refused(model, FRAME["b"].iloc[100:], "with the columns b, but not with a;")
    pd.testing.assert_frame_equal(model.update(FRAME.iloc[100:]).predict(), model.predict(context=FRAME))


def test_a_series_goes_on_under_its_name_or_without_one():
    model = small().fit(NOISE.iloc[:100])
    panel = pd.concat({"u": NOISE.iloc[100:], "load": NOISE.iloc[100:]}, names=["unit", "time"])
    refused(model, NOISE.rename("other").iloc[100:], "goes on with other, but the model was fitted to one series, load")
    refused(model, panel, "goes on with u, load, but")
    refused(model, panel[["u"]], "goes on with u, but")
    wanted = model.predict(context=NOISE)
    pd.testing.assert_series_equal(model.update(NOISE.rename(None).iloc[100:]).predict(), wanted)
    unnamed = small().fit(NOISE.rename(None).iloc[:100])
    forecast = unnamed.update(NOISE.iloc[100:]).predict()
    assert forecast.name is None and list(unnamed._fitted.figures) == [()]
    np.testing.assert_array_equal(forecast, wanted)


def test_names_have_as_many_levels_as_those_of_fit():
    model = small().fit(pd.concat({"u": NOISE.iloc[:100], "v": NOISE.iloc[:100]}, names=["unit", "time"]))
    deep = pd.concat({("k", "u"): NOISE.iloc[100:]}, names=["kind", "unit", "time"])
    refused(model, deep, "goes on with k/u; the series of fit are named as u, v")


def test_the_time_zone_is_that_of_fit():
    y = NOISE.tz_localize("Europe/Berlin")
    model = small(calendar=["hour"]).fit(y.iloc[:100])
    wanted = model.predict(context=y)
    assert str(wanted.index.tz) == "Europe/Berlin"
    for zone in ("UTC", "Asia/Kolkata"):
        pd.testing.assert_series_equal(model.predict(context=y.tz_convert(zone)), wanted)
    pd.testing.assert_series_equal(model.update(y.iloc[100:].tz_convert("UTC")).predict(), wanted)
