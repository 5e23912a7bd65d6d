"""The step of an index, the stamps ahead of it, and what is missing on it or does not lie on it."""

import numpy as np
import pandas as pd
import pytest

from grukit.data.covariates import calendar_fields
from grukit.data.grid import Grid
from grukit.data.matching import rows_at

INDEXES = {
    "hours": pd.date_range("2024-01-01", periods=12, freq="h"),
    "quarters of an hour": pd.date_range("2024-01-01", periods=12, freq="15min"),
    "days": pd.date_range("2024-01-01", periods=12, freq="D"),
    "business days": pd.bdate_range("2024-01-01", periods=12),
    "weeks": pd.date_range("2024-01-07", periods=12, freq="W-SUN"),
    "month ends": pd.date_range("2024-01-31", periods=12, freq="ME"),
    "month starts": pd.date_range("2024-01-01", periods=12, freq="MS"),
    "quarters": pd.date_range("2024-01-01", periods=12, freq="QS"),
    "years": pd.date_range("2000-01-01", periods=12, freq="YS"),
    "hours across a clock change": pd.date_range("2024-03-30 20:00", periods=12, freq="h", tz="Europe/Berlin"),
    "days across a clock change": pd.date_range("2024-03-25", periods=12, freq="D", tz="Europe/Berlin"),
    "durations": pd.timedelta_range("1h", periods=12, freq="2h"),
    "weeks since": pd.timedelta_range("3D", periods=12, freq="7D"),
    "periods": pd.period_range("2024-01", periods=12, freq="M"),
    "rows": pd.RangeIndex(5, 29, 2),
    "integers": pd.Index([3, 6, 9, 12, 15]),
    "floats": pd.Index([0.1, 0.2, 0.3, 0.4, 0.5]),
}


@pytest.mark.parametrize("kept", [True, False], ids=["with its freq", "without one"])
@pytest.mark.parametrize("name", INDEXES)
def test_the_stamps_ahead_are_those_that_were_cut_off(name, kept):
    index = INDEXES[name]
    if not kept:
        index = pd.Index(list(index)) if name != "periods" else index
    grid = Grid.of(index[:-3])
    ahead = grid.ahead(index[:-3].tolist()[-1], 3)
    assert type(ahead) is type(INDEXES[name][-3:]) or name == "integers"
    if name == "floats":
        assert ahead.to_list() == pytest.approx(index[-3:].to_list())
    else:
        assert ahead.to_list() == index[-3:].to_list()
        assert grid.on(index, "", fill=False).equals(index)


@pytest.mark.parametrize("name", [name for name in INDEXES if name not in ("floats", "integers")])
def test_a_gap_is_named_or_filled(name):
    index = INDEXES[name]
    gappy = index[[0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]]
    grid = Grid.of(index)
    with pytest.raises(ValueError, match="has a gap: after .* is missing") as caught:
        grid.on(gappy, " of series a", fill=False)
    assert f"after {index[2]} (row 2) comes {index[4]}; {index[3]} is missing" in str(caught.value)
    assert "of series a" in str(caught.value) and "missing='mask'" in str(caught.value)
    assert grid.on(gappy, "", fill=True).equals(index)


def test_the_step_is_found_beside_gaps():
    for name in ("hours", "business days", "month ends", "weeks", "days across a clock change"):
        index = pd.DatetimeIndex(list(INDEXES[name]))
        more = pd.date_range(index[0], periods=40, freq=INDEXES[name].freq)
        gappy = pd.DatetimeIndex([stamp for i, stamp in enumerate(more) if i % 11])
        assert Grid.of(gappy).on(gappy, "", fill=True).equals(more[1:]), name


def test_a_stamp_off_the_grid_is_named():
    index = pd.DatetimeIndex([*INDEXES["hours"][:6], pd.Timestamp("2024-01-01 05:20"), *INDEXES["hours"][6:]])
    for fill in (True, False):
        with pytest.raises(ValueError, match=r"not regular: 2024-01-01 05:20:00 \(row 6\) .*resample"):
            Grid.of(INDEXES["hours"]).on(index, "", fill)


def test_a_stray_stamp_does_not_fill_memory():
    index = pd.DatetimeIndex([pd.Timestamp("1900-01-01"), *INDEXES["hours"]])
    with pytest.raises(ValueError, match="most of them are missing"):
        Grid.of(INDEXES["hours"]).on(index, "", fill=True)


def test_what_has_no_step():
    with pytest.raises(ValueError, match="cannot be told from 2 rows. Give it a frequency"):
        Grid.of(pd.DatetimeIndex(["2024-01-01", "2024-01-02"]))
    with pytest.raises(ValueError, match="none in common"):
        Grid.of(pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-17"]))
    with pytest.raises(ValueError, match="must hold times, periods or numbers"):
        Grid.of(pd.Index(["a", "b", "c"]))
    with pytest.raises(ValueError, match="holds times with a time zone; the model was fitted with times without"):
        Grid.of(INDEXES["hours"]).on(INDEXES["hours across a clock change"], "", fill=False)


def test_the_length_of_a_step():
    days = {"hours": 1 / 24, "business days": 1, "weeks": 7, "month ends": 28, "years": 365, "periods": 31}
    for name, n in days.items():
        assert Grid.of(INDEXES[name]).seconds == pytest.approx(n * 86400), name
    assert Grid.of(INDEXES["rows"]).seconds is None and Grid.of(INDEXES["durations"]).seconds is None


def test_the_season():
    seasons = {"hours": 24, "quarters of an hour": 96, "days": 7, "business days": 5, "weeks": 52, "month ends": 12,
               "month starts": 12, "quarters": 4, "years": 1, "periods": 12, "rows": 1, "durations": 1}  # fmt: skip
    for name, season in seasons.items():
        assert Grid.of(INDEXES[name]).season == season, name


def test_periods_are_as_long_as_to_the_next():
    """A daily index has the season and the calendar of a week, whether it holds periods or times."""
    for freq, season in {"D": 7, "h": 24, "30min": 48, "W": 52, "M": 12, "Q": 4, "Y": 1, "2M": 6}.items():
        grid = Grid.of(pd.period_range("2024-01-01", periods=20, freq=freq))
        assert grid.season == season, freq
    assert Grid("periods of freq 'B'", 1).season == 5  # pandas warns of these
    days = pd.period_range("2024-01-01", periods=30, freq="D")
    assert Grid.of(days).seconds == 86400.0
    fields = [calendar_fields("auto", Grid.of(index), [index]) for index in (days, days.to_timestamp())]
    assert fields == [("dayofweek",), ("dayofweek",)]


def test_steps_that_fit_into_no_season_have_none():
    for freq in ("36h", "5h", "2D", "5MS", "7h"):
        assert Grid.of(pd.date_range("2024-01-01", periods=20, freq=freq)).season == 1, freq
    assert Grid.of(pd.date_range("2024-01-01", periods=20, freq="2MS")).season == 6


@pytest.mark.parametrize(
    ("zone", "hour", "lost"),
    [
        ("America/Santiago", "00:00", "2024-09-08"),
        ("America/Sao_Paulo", "00:00", "2017-10-15"),
        ("Europe/Berlin", "02:30", "2024-03-31"),
    ],
)
def test_days_whose_hour_the_clock_leaves_out(zone, hour, lost):
    naive = pd.date_range(f"{lost} {hour}", periods=21, freq="D") - pd.Timedelta(days=10)
    index = naive.tz_localize(zone, nonexistent="shift_forward")
    assert index[10] > index[9] + pd.Timedelta(hours=22) and index[10].hour == int(hour[:2]) + 1
    grid = Grid.of(index[:9])
    assert grid.ahead(index[8], 12).equals(index[9:])
    assert Grid.of(index).on(index, "", fill=False).equals(index)
    if hour == "00:00":
        assert grid.ahead(index[10], 5).equals(index[11:16])  # from the shifted day on


def test_an_hour_that_comes_twice_is_the_first():
    ahead = Grid.of(pd.date_range("2024-10-20 02:30", periods=5, freq="D", tz="Europe/Berlin")).ahead(
        pd.Timestamp("2024-10-26 02:30", tz="Europe/Berlin"), 2
    )
    assert [str(stamp) for stamp in ahead] == ["2024-10-27 02:30:00+02:00", "2024-10-28 02:30:00+01:00"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_floats_stay_as_they_are(dtype):
    index = pd.Index((np.arange(200) * 0.1).astype(dtype))
    grid = Grid.of(index)
    assert grid.step == pytest.approx(0.1, rel=1e-6)
    assert grid.on(index, "", fill=False) is index
    gappy = index.delete([50, 51, 120])
    filled = grid.on(gappy, "", fill=True)
    np.testing.assert_allclose(filled, index, rtol=1e-6)
    assert set(gappy.astype("float64")) <= set(filled)
    np.testing.assert_array_equal(rows_at(index, grid.ahead(float(index[99]), 50)), np.arange(100, 150))
    assert rows_at(index, pd.Index([0.1, 0.15, 30.0])).tolist() == [1, -1, -1]


def test_what_is_no_gap_is_not_called_one():
    """Two times a month: the usual step of 15 days is not that of a grid, and filling it would help nobody."""
    index = pd.DatetimeIndex([f"2024-{month:02d}-{day}" for month in range(1, 7) for day in ("01", "16")])
    with pytest.raises(ValueError, match=r"not regular: 2024-02-01 00:00:00 \(row 2\)") as caught:
        Grid.of(index).on(index, "", fill=False)
    assert "360h').interpolate" not in str(caught.value)
