"""Windows and the values ahead of them, against loops over rows; the linear part, against least squares."""

import numpy as np
import pytest

from grukit.data.calendar_gain import calendar_tells
from grukit.data.horizon import Horizons, Layout, Rows
from grukit.data.horizon_ridge import fit_horizon, most_lags
from grukit.data.linear_horizon import LagMap, LinearHorizon
from grukit.data.origins import first_held_out, origins_of

RNG = np.random.default_rng(0)


def rows_of(lengths, n_covariates=0, seed=0):
    rng, N = np.random.default_rng(seed), sum(lengths)
    return Rows(rng.normal(size=N), rng.normal(size=(N, n_covariates)), np.append(0, np.cumsum(lengths)))


def test_origins_have_the_whole_horizon_in_their_own_series():
    rows = rows_of([9, 3, 6])
    layout = Layout(window=4, horizon=3)
    assert origins_of(rows, layout).tolist() == [0, 1, 2, 3, 4, 5, 12, 13, 14]
    rows.y[[1, 2, 3]] = np.nan  # nothing ahead of the first row is known
    assert origins_of(rows, layout).tolist() == [1, 2, 3, 4, 5, 12, 13, 14]


def test_joint_origins_are_of_all_series_at_once():
    rows = rows_of([7, 7])
    layout = Layout(window=4, horizon=3, n_joint=2)
    assert origins_of(rows, layout).tolist() == [0, 1, 2, 3]
    for unknown, left in (
        ([1, 2, 3], [0, 1, 2, 3]),
        ([1, 2, 3, 8, 9, 10], [1, 2, 3]),
        ([4, 5, 6, 11, 12, 13], [0, 1, 2]),
    ):
        gappy = rows_of([7, 7])
        gappy.y[unknown] = np.nan  # an origin stays where one of its values ahead is known of any series
        assert origins_of(gappy, layout).tolist() == left
    linear = LinearHorizon(None, layout)
    taken = Horizons(rows, np.arange(4), layout, linear, 2.0, "float64").take(np.array([2, 0]))
    a, b = rows.y[:7], rows.y[7:]
    np.testing.assert_array_equal(taken, np.array([[*a[3:6], *b[3:6]], [*a[1:4], *b[1:4]]]) / 2.0)
    values = rows.network_values(layout)
    np.testing.assert_array_equal(values, np.column_stack([a, b]))


@pytest.mark.parametrize("window", [2, 3, 5, 8])
def test_windows_show_all_that_is_known_ahead_and_nothing_later(window):
    rows, horizon = rows_of([11, 8], n_covariates=3), 5
    layout = Layout(window, horizon, n_past=1, n_known=1, n_calendar=1)
    values = rows.network_values(layout)
    for end in origins_of(rows, layout):
        begin = rows.begins_of(np.array([end]))[0]
        own = values[max(begin, end - window + 1) : end + 1]
        assert not np.isnan(own).any()
        seen = set(own.ravel())
        known = set(rows.covariates[:, 1])
        if end - begin + 1 >= window:
            assert set(rows.covariates[end + 1 : end + horizon + 1, 1]) <= seen
        assert not seen & set(rows.covariates[end + horizon + 1 :, 1])  # beyond the horizon
        later = {*rows.y[end + 1 :], *rows.covariates[end + 1 :, 0], *rows.covariates[end + 1 :, 2]}
        assert not seen & (later - known)


def test_the_latest_value_and_the_mean_of_a_window():
    rows = rows_of([5, 4])
    rows.y[[1, 2, 5]] = np.nan
    a = rows.y
    np.testing.assert_array_equal(rows.last_seen, [a[0], a[0], a[0], a[3], a[4], 0.0, a[6], a[7], a[8]])
    for row in range(9):
        first = max(0 if row < 5 else 5, row - 2)
        own = a[first : row + 1]
        wanted = np.nanmean(own) if (~np.isnan(own)).any() else 0.0
        assert rows.means(np.array([row]), 3)[0] == pytest.approx(wanted)


def regressors_by_hand(rows, end, layout, L, base):
    C = rows.covariates

    def at(column, row, relative=0.0):
        return 0.0 if np.isnan(column[row]) else column[row] - relative

    found = [at(rows.y, end - k, base) for k in range(L)]
    found += [at(C[:, c], end - k) for c in range(layout.n_past) for k in range(L)]
    known = range(layout.n_past, layout.n_past + layout.n_known)
    found += [at(C[:, c], end + layout.horizon - k) for c in known for k in range(layout.horizon + L)]
    return found + [at(C[:, c], end) for c in range(layout.n_past + layout.n_known, C.shape[1])]


@pytest.mark.parametrize("normalize", ["last", "mean", None])
def test_regressors_and_both_ways_to_predict(normalize):
    rows = rows_of([12, 9], n_covariates=4)
    rows.y[[3, 4]] = np.nan
    layout = Layout(6, 3, n_past=1, n_known=1, n_calendar=2)
    maps = tuple(LagMap(L, RNG.normal(size=(3 * L + 3 + 2, 3)), RNG.normal(size=3)) for L in (4, 2))
    linear = LinearHorizon(normalize, layout, maps)
    ends = origins_of(rows, layout)
    base = linear.base(rows, ends)
    wanted = np.repeat(base[:, None], 3, axis=1)
    for i, end in enumerate(ends):
        history = end - rows.begins_of(ends[i : i + 1])[0] + 1
        chosen = maps[0] if history >= 4 else maps[1]
        if history >= 2:  # or nothing but the base
            z = np.array(regressors_by_hand(rows, end, layout, chosen.n_lags, base[i]))
            np.testing.assert_array_equal(linear.regressors(rows, ends[i : i + 1], chosen.n_lags)[0], z)
            wanted[i] += z @ chosen.coef + chosen.intercept
    np.testing.assert_allclose(linear.predict(rows, ends), wanted, rtol=1e-12)
    np.testing.assert_allclose(linear.together(rows, ends), wanted, rtol=1e-12, atol=1e-12)
    alone = np.concatenate([linear.predict(rows, ends[i : i + 1]) for i in range(len(ends))])
    np.testing.assert_array_equal(alone, linear.predict(rows, ends))  # to the bit


def test_a_linear_rule_is_found():
    """y[t + k] of an autoregression that a known covariate drives is linear in the lags and in what is known ahead."""
    rng, n = np.random.default_rng(1), 400
    x, y = rng.normal(size=n), np.zeros(n)
    for t in range(2, n):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2] + 0.7 * x[t]
    rows = Rows(y, x[:, None], np.array([0, n]))
    layout = Layout(6, 4, n_known=1)
    training = origins_of(rows, layout)[:300]
    for normalize in ("auto", None):
        fitted = fit_horizon(rows, layout, 6, normalize, training, training[:0], training[:0])
        assert [each.n_lags for each in fitted.final.maps] == [6, 3, 1]
        later = origins_of(rows, layout)[310:]
        error = fitted.final.predict(rows, later) - rows.ahead(later, 4)
        assert np.abs(error).max() < 1e-3


def test_relative_to_the_latest_value_a_forecast_moves_with_the_series():
    rows = rows_of([60])
    layout = Layout(5, 3)
    ends = origins_of(rows, layout)
    moved = Rows(rows.y + 100.0, rows.covariates, rows.offsets)
    for normalize in ("last", "mean"):
        linear = fit_horizon(rows, layout, 5, normalize, ends[:40], ends[:0], ends[:0]).final
        np.testing.assert_allclose(linear.predict(moved, ends), linear.predict(rows, ends) + 100.0, rtol=1e-10)
    level = fit_horizon(rows, layout, 5, None, ends[:40], ends[:0], ends[:0]).final
    assert np.abs(level.predict(moved, ends) - level.predict(rows, ends) - 100.0).max() > 1.0


def test_what_a_series_is_relative_to_is_chosen_by_later_blocks():
    rng, layout = np.random.default_rng(2), Layout(8, 4)
    for y, wanted in ((rng.normal(size=300).cumsum(), "last"), (rng.normal(size=300), None)):
        rows = Rows(y, np.zeros((300, 0)), np.array([0, 300]))
        assert (
            fit_horizon(rows, layout, 0, "auto", np.arange(290), np.arange(0), np.arange(0)).final.normalize == wanted
        )


def test_what_a_series_is_relative_to_is_chosen_by_the_errors_of_the_linear_part():
    """A step ahead of an autoregression of 0.6 varies by 0.8 of the variance from the last value, which the last lag tells
    nothing more about; by 1 from the mean, of which the lag tells 0.36."""
    rng, y, layout = np.random.default_rng(3), np.zeros(3000), Layout(8, 1)
    for t in range(1, 3000):
        y[t] = 0.6 * y[t - 1] + rng.normal()
    rows = Rows(y, np.zeros((3000, 0)), np.array([0, 3000]))
    fitted = fit_horizon(rows, layout, 1, "auto", np.arange(2990), np.arange(0), np.arange(0)).final
    assert fitted.normalize is None
    assert fitted.maps[0].coef[0, 0] == pytest.approx(0.6, abs=0.05)


def test_a_level_is_taken_where_it_is_better_over_many_horizons():
    """From the mean, half a period of a sine has half the squared error that it has from the latest value; two halves of it
    are judged in 400 rows, which tells nothing, and 22 in 4000."""
    layout, rng = Layout(8, 90), np.random.default_rng(4)
    for n, wanted in ((400, "last"), (4000, None)):
        y = np.sin(2 * np.pi * np.arange(n + 90) / 180) + 0.1 * rng.normal(size=n + 90)
        rows, ends = Rows(y, np.zeros((n + 90, 0)), np.array([0, n + 90])), np.arange(n)
        errors = [np.mean((rows.ahead(ends, 90) - base) ** 2) for base in (y[:n, None], 0.0)]
        assert errors[1] < 0.55 * errors[0]
        assert fit_horizon(rows, layout, 0, "auto", ends, ends[:0], ends[:0]).final.normalize == wanted


@pytest.mark.parametrize("n_static", [0, 1])
def test_whether_the_calendar_tells_anything(n_static):
    """Of a week, two rows tell little and the day of the week much; of random numbers, neither tells anything."""
    rng, n = np.random.default_rng(5), 600
    angle = 2 * np.pi * np.arange(n) / 7
    covariates = np.column_stack([np.sin(angle), np.cos(angle), *[np.ones(n)] * n_static])
    layout, ends = Layout(2, 3, n_calendar=2 + n_static), np.arange(1, n - 3)
    for y, wanted in ((np.sin(angle) + rng.normal(size=n), True), (rng.normal(size=n), False)):
        rows = Rows(y, covariates, np.array([0, n]))
        assert calendar_tells(rows, layout, n_static, 2, ends) == wanted
    assert calendar_tells(rows, layout, n_static, 2, ends[:19])  # too few to tell


def test_without_any_known_value_ahead_the_base_is_left():
    rows = rows_of([30])
    rows.y[::3] = np.nan
    linear = fit_horizon(
        rows, Layout(5, 3), 5, "last", origins_of(rows, Layout(5, 3)), np.arange(0), np.arange(0)
    ).final
    assert linear.n_lags == 0 and linear.predict(rows, np.array([1]))[0].tolist() == [rows.y[1]] * 3


def test_most_lags():
    assert most_lags(Layout(48, 24), "auto") == 48
    assert most_lags(Layout(2000, 24), "auto") == 1024
    assert most_lags(Layout(500, 24, n_past=1, n_known=2, n_calendar=6), "auto") == (1024 - 48 - 6) // 4
    assert most_lags(Layout(5, 24), 9) == 5 and most_lags(Layout(5, 24), 0) == 0


def test_the_targets_of_a_batch_are_those_of_its_windows():
    rows, layout = rows_of([40, 30]), Layout(6, 4)
    ends = origins_of(rows, layout)
    linear = fit_horizon(rows, layout, 6, "last", ends, ends[:0], ends[:0]).linear
    horizons = Horizons(rows, ends, layout, linear, 0.5, "float64")
    numbers = np.array([5, 40, 0])
    wanted = [(rows.y[end + 1 : end + 5] - linear.predict(rows, np.array([end]))[0]) / 0.5 for end in ends[numbers]]
    np.testing.assert_allclose(horizons.take(numbers), wanted, rtol=1e-12)
    every = (rows.ahead(ends, 4) - linear.predict(rows, ends)) ** 2
    assert horizons.spread() == pytest.approx(np.sqrt(every.mean()))


def test_the_last_positions_are_held_out():
    positions = np.array([3, 4, 4, 5, 7, 9, 12])  # 3 to 12: ten
    assert first_held_out(positions, 0.2, 1) == 11 and first_held_out(positions, 0.21, 1) == 10
    assert first_held_out(positions, 0.2, 5) == 8


def test_windows_as_series_of_their_own():
    rows = rows_of([9, 6], n_covariates=2)
    own = rows.cut(np.array([1, 6, 12]), 3, 2)
    assert own.offsets.tolist() == [0, 4, 9, 14]
    np.testing.assert_array_equal(
        own.y, [*rows.y[:2], np.nan, np.nan, *rows.y[4:7], np.nan, np.nan, *rows.y[10:13], np.nan, np.nan]
    )
    np.testing.assert_array_equal(own.covariates, rows.covariates[[0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14]])
