"""What the linear part of forecasts stacks, against least squares written out, and when what is taken."""

import numpy as np
import pytest

from grukit.data.horizon import Layout, Rows
from grukit.data.horizon_maps import MANY_ORIGINS, WIDE, _judges
from grukit.data.horizon_ridge import fit_horizon
from grukit.data.lags import Moments
from grukit.data.origins import origins_of
from grukit.data.stacking import ALPHAS, Basis, Changes, Leading, Regression, Solver, stack

NONE = np.arange(0)


def series_of(y):
    return Rows(np.asarray(y, dtype=float), np.empty((len(y), 0)), np.array([0, len(y)]))


def fitted(rows, layout, n_lags="auto", normalize="last", season=1, n=None):
    ends = origins_of(rows, layout)
    return fit_horizon(rows, layout, n_lags, normalize, ends[:n], NONE, NONE, season).final


def moments_of(z, targets):
    z = np.column_stack([z, np.ones(len(z))])
    return Moments(float(len(z)), len(z), z.T @ z / len(z), z.T @ targets / len(z), (targets**2).mean(axis=0))


@pytest.mark.parametrize(("n", "horizon"), [(60, 1), (61, 6), (120, 1), (9, 2)])
def test_by_itself_no_more_lags_are_read_than_enough_origins_have(n, horizon):
    layout, ends = Layout(48, horizon), np.arange(n - horizon)
    rows = series_of(np.random.default_rng(0).normal(size=n))
    enough = [L for L in range(1, 49) if (ends + 1 >= L).sum() >= 2 * L]
    lags = [each.n_lags for each in fitted(rows, layout).maps]
    assert all(each <= max(enough) for each in lags)
    if n > 60:
        assert lags[0] == max(enough) < 48
        assert fitted(rows, layout, n_lags=max(enough) + 1).n_lags == max(enough) + 1  # as asked for


@pytest.mark.parametrize("normalize", ["last", "mean", "window", None])
def test_a_season_is_repeated_where_little_else_is_known(normalize):
    rng, season, horizon = np.random.default_rng(1), 8, 11
    y = np.tile(rng.normal(size=season), 7) + 0.3 * rng.normal(size=7 * season)
    rows, layout, ends = series_of(y), Layout(12, horizon), np.arange(33, 44)
    truth = rows.ahead(ends, horizon)
    errors = [
        np.abs(fitted(rows, layout, normalize=normalize, season=m, n=33).predict(rows, ends) - truth).mean()
        for m in (season, 1)
    ]
    assert errors[0] < 0.9 * errors[1]


def test_of_few_origins_a_level_is_taken_where_it_is_surely_better():
    taken = {}
    for n in (MANY_ORIGINS - 10, MANY_ORIGINS + 20):
        for seed in range(6):
            noise, y = np.random.default_rng(seed).normal(size=n), np.zeros(n)
            for t in range(1, n):
                y[t] = 0.7 * y[t - 1] + noise[t]
            rows = series_of((y - y.mean()) / y.std())
            taken.setdefault(n, []).append(fitted(rows, Layout(12, 6), normalize="auto").normalize)
    few, many = taken.values()
    assert few.count("last") > many.count("last")
    rows = series_of(np.random.default_rng(0).normal(size=120))
    assert fitted(rows, Layout(4, 1), normalize="auto").normalize != "last"


def test_changes_are_ridge_regression_on_lags_less_the_latest():
    rng = np.random.default_rng(2)
    z, targets = rng.normal(size=(50, 5)), rng.normal(size=(50, 2))  # four lags and another
    form = Regression(np.zeros((6, 2)), Changes(4), False)
    coef = Solver(moments_of(z, targets), 1).path(form, np.arange(2)).coefficients(0.3)
    changes = np.column_stack([z[:, 1:4] - z[:, :1], z[:, 4]])
    centred = changes - changes.mean(axis=0)
    slopes = np.linalg.solve(centred.T @ centred / 50 + 0.3 * np.eye(4), centred.T @ targets / 50)
    np.testing.assert_allclose(coef[1:5], slopes, rtol=1e-9)
    np.testing.assert_allclose(coef[:4].sum(axis=0), 0, atol=1e-12)  # whatever the level is, the forecast moves with it
    np.testing.assert_allclose(z @ coef[:-1] + coef[-1], changes @ slopes + (targets - changes @ slopes).mean(axis=0))


def test_blocks_of_few_origins_judge_what_lies_before_and_of_many_what_lies_about():
    rng = np.random.default_rng(5)
    blocks = [moments_of(rng.normal(size=(2**j, 2)), rng.normal(size=(2**j, 1))) for j in range(4)]
    for many, fitted_to in ((False, {2: 1 + 2, 3: 1 + 2 + 4}), (True, {0: 14, 1: 13, 2: 11, 3: 7})):
        found = {blocks.index(block): solver.moments.n for solver, block in _judges(blocks, many, 0)}
        assert found == fitted_to


def test_beside_many_regressors_every_other_block_judges():
    rng = np.random.default_rng(5)
    blocks = [moments_of(rng.normal(size=(5 + j, 2)), rng.normal(size=(5 + j, 1))) for j in range(6)]
    judging = [[block.n - 5 for _, block in _judges(blocks, True, n)] for n in (WIDE, WIDE + 1)]
    assert judging == [[0, 1, 2, 3, 4, 5], [1, 3, 5]]
    assert [solver.moments.n for solver, _ in _judges(blocks, True, WIDE + 1)] == [45 - 6, 45 - 8, 45 - 10]


def test_beside_many_regressors_fewer_counts_of_lags_have_a_map(monkeypatch):
    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=300), rng.normal(size=(300, 1)), np.array([0, 300]))
    layout = Layout(12, 6, n_known=1)
    monkeypatch.setattr("grukit.data.horizon_ridge.WIDE", 12 + 6)
    assert [each.n_lags for each in fitted(rows, layout).maps] == [12, 6, 3, 1]
    monkeypatch.setattr("grukit.data.horizon_ridge.WIDE", 12 + 5)
    assert [each.n_lags for each in fitted(rows, layout).maps] == [12, 3]


@pytest.mark.parametrize("basis", [Leading(3, 8), Leading(2, 3), Basis(-1, False), Basis(-1, False, 2), Changes(4)])
@pytest.mark.parametrize(("fixed", "season"), [(False, None), (False, 6), (True, None), (True, 6)])
def test_losses_are_those_of_all_lags_whichever_have_a_part_in_them(basis, fixed, season):
    rng = np.random.default_rng(4)
    given = np.zeros((9, 2))
    if season is not None:
        given[season] = 0.7
    fit, judge = (moments_of(rng.normal(size=(n, 8)) + 1, rng.normal(size=(n, 2)) + 3) for n in (40, 20))
    path = Solver(fit, 1).path(Regression(given, basis, False, fixed=fixed), np.arange(2))
    exact = [judge.loss(path.coefficients(alpha)) for alpha in ALPHAS]
    np.testing.assert_allclose(path.losses(judge), exact, rtol=1e-11)


def test_what_is_fixed_stays_as_it_is():
    rng = np.random.default_rng(3)
    given = rng.normal(size=(4, 2))
    path = Solver(moments_of(rng.normal(size=(30, 3)), rng.normal(size=(30, 2)) + 5), 1).path(
        Regression(given, Basis(-1, False), False, fixed=True), np.arange(2)
    )
    for alpha in (0.0, 1.0, np.inf):
        np.testing.assert_array_equal(path.coefficients(alpha), given)


def test_shared_penalties_and_weights_are_those_of_all_outputs_whatever_their_units():
    rng = np.random.default_rng(4)
    z = rng.normal(size=(60, 3))
    targets = z @ rng.normal(size=(3, 4)) + rng.normal(size=(60, 4))
    nothing = np.zeros((4, 4))
    forms = [Regression(nothing, Basis(-1, False), False), Regression(nothing, Basis(-1, False), False, fixed=True)]

    def stacked(units, shared):
        blocks = [moments_of(z[part], targets[part] * units) for part in np.split(np.arange(60), 3)]
        judges = [(Solver(Moments.sum(blocks[:j]), 1), blocks[j]) for j in (1, 2)]
        return stack(judges, forms, np.arange(4), together=shared)

    alphas, weights, _ = stacked(np.ones(4), True)
    assert (alphas == alphas[:, :1]).all() and (weights == weights[:, :1]).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert np.ptp(stacked(np.ones(4), False)[1], axis=1).max() > 0.01
    others = stacked(np.array([1.0, 1000.0, 1e-3, 5.0]), True)
    np.testing.assert_array_equal(others[0], alphas)
    np.testing.assert_allclose(others[1], weights, rtol=1e-8)


def test_in_the_end_all_origins_are_fitted_to_as_those_that_train_chose():
    rng, layout = np.random.default_rng(7), Layout(8, 2)
    rows = series_of(np.sin(np.arange(160) / 5) + 0.1 * rng.normal(size=160).cumsum())
    ends = origins_of(rows, layout)
    training, watched, judged = ends[:90], ends[92:110], ends[112:]
    found = fit_horizon(rows, layout, 8, "last", training, watched, judged)
    alike = fit_horizon(rows, layout, 8, "last", training, np.concatenate([watched, judged]), NONE)
    less = fit_horizon(rows, layout, 8, "last", training, watched, NONE)
    for mine, other in ((found.whole, alike.final), (found.final, less.final), (found.linear, less.linear)):
        for own, its in zip(mine.maps, other.maps, strict=True):
            np.testing.assert_array_equal(own.coef, its.coef)
            np.testing.assert_array_equal(own.intercept, its.intercept)
    assert not np.array_equal(found.whole.maps[0].coef, found.final.maps[0].coef)
    np.testing.assert_array_equal(less.whole.maps[0].coef, less.final.maps[0].coef)  # nothing is judged
