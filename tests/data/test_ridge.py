"""The linear part: ridge regression on lags in closed form, without a table of lags."""

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV

from grukit.data import ALL_ALIKE, Samples, Scaler, read_sequences, read_table, windows
from grukit.data.lag_table import ends_of
from grukit.data.lags import LinearLags, Moments, left_by
from grukit.data.ridge import N_BLOCKS, choose_anchors, fit_linear, nearest_lags
from grukit.data.simplex import simplex
from grukit.data.stacking import (
    ALPHAS,
    Basis,
    Leading,
    Regression,
    Solver,
    add_up,
    stack,
)
from grukit.data.sure import SURE, choose_forms, where_sure
from grukit.data.table_forms import fewer_lags, forms_of

RNG = np.random.default_rng(0)


def lag_table(sequences, L, per_step=False, first_before=False):
    """The lags of every sample as one row, NaN where there is none, or the first row: what never exists in the package."""
    rows, history = ends_of(sequences, per_step)
    D = sequences.values.shape[1]
    out = np.full((len(rows), L, D), np.nan)
    for i, (row, h) in enumerate(zip(rows, history, strict=True)):
        for k in range(L if first_before else min(L, h)):
            out[i, k] = sequences.values[row - min(k, h - 1)]
    return out


def samples_of(n=200, D=2, K=1, window=5, seed=0, panel=False):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, D)).cumsum(axis=0)
    index = pd.MultiIndex.from_product([["u", "v"], range(n // 2)]) if panel else pd.RangeIndex(n)
    table = read_table(values, pd.DataFrame(values, index=index))
    targets = values[:, :1] + 0.5 * rng.normal(size=(n, K)) + 3
    return Samples(windows(table, window), targets, rng.uniform(0.5, 2, n), False, ALL_ALIKE)


@settings(max_examples=30, deadline=None)
@given(L=st.integers(1, 7), window=st.integers(1, 6), panel=st.booleans(), first_before=st.booleans())
def test_applying_is_the_sum_over_lags_with_means_or_the_first_row_where_there_is_none(L, window, panel, first_before):
    samples = samples_of(40, window=window, panel=panel)
    linear = LinearLags(RNG.normal(size=(L, 2, 3)), RNG.normal(size=3), RNG.normal(size=2), first_before)
    lags = np.nan_to_num(lag_table(samples.sequences, L, first_before=first_before) - linear.mean)
    expected = linear.intercept + np.einsum("nld,ldk->nk", lags, linear.coef)
    np.testing.assert_allclose(linear.predict(samples.sequences, False), expected, atol=1e-12)


def test_applying_at_every_step_and_over_missing_values():
    arrays = [RNG.normal(size=(n, 2)) for n in (1, 4, 3)]
    arrays[1][2, 0] = np.nan
    sequences = read_sequences(arrays, allow_nan=True)
    linear = LinearLags(RNG.normal(size=(3, 2, 1)), RNG.normal(size=1), RNG.normal(size=2))
    lags = np.nan_to_num(lag_table(sequences, 3, per_step=True) - linear.mean)
    expected = linear.intercept + np.einsum("nld,ldk->nk", lags, linear.coef)
    np.testing.assert_allclose(linear.predict(sequences, True), expected, atol=1e-12)


@pytest.mark.parametrize("first_before", [False, True])
def test_moments_of_blocks_add_up_to_those_of_all(first_before):
    samples = samples_of(3 * 4096 + 17)
    scaler, center = Scaler.fit(samples.sequences.values), np.array([1.0])
    whole = Moments.of(samples, scaler, center, 4, first_before)
    parts = Moments.of_blocks(samples, scaler, center, 4, 6, first_before)
    assert len(parts) == 6
    together = Moments.sum(parts)
    assert (whole.n, pytest.approx(whole.weight)) == (together.n, together.weight)
    np.testing.assert_allclose(whole.lags, together.lags, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole.cross, together.cross, rtol=1e-9, atol=1e-12)
    lags = lag_table(samples.sequences, 4, first_before=first_before)
    z = np.nan_to_num((lags - scaler.mean) / scaler.scale).reshape(len(samples.targets), -1)
    z = np.column_stack([z, np.ones(len(z))])
    np.testing.assert_allclose(whole.lags, np.average(z[:, :, None] * z[:, None], axis=0, weights=samples.weights))
    coef = RNG.normal(size=(9, 1))
    errors = (samples.targets - center - z @ coef) ** 2
    np.testing.assert_allclose(whole.loss(coef), np.average(errors, axis=0, weights=samples.weights))


def folds_of(n):
    """The blocks of one series: those that judge, each with the samples before it."""
    block = np.arange(n) * N_BLOCKS // n
    return [(block < j, block == j) for j in range(N_BLOCKS // 2, N_BLOCKS)]


def weighted_ridge(z, y, weights, alpha):
    """scikit-learn's, whose penalty stands beside the sum over the samples."""
    share = weights / weights.mean()
    return Ridge(alpha=alpha * len(z)).fit(z, y, sample_weight=share)


def test_the_penalty_is_the_one_that_forecasts_the_blocks_best():
    samples = samples_of(200, K=2, window=6)
    scaler = Scaler.fit(samples.sequences.values)
    z = ((lag_table(samples.sequences, 6, first_before=True) - scaler.mean) / scaler.scale).reshape(200, -1)
    weights = samples.weights
    for k in range(2):
        y = samples.targets[:, k]
        alone = replace(samples, targets=y[:, None])
        found = fit_linear(alone, alone, scaler, 6, np.array([-1]))

        def error(alpha, y=y):
            return sum(
                weights[own] @ (y[own] - weighted_ridge(z[old], y[old], weights[old], alpha).predict(z[own])) ** 2
                for old, own in folds_of(200)
            )

        best = ALPHAS[:-1][np.argmin([error(alpha) for alpha in ALPHAS[:-1]])]
        assert found.alpha[0] == pytest.approx(best * 200)
        expected = weighted_ridge(z, y, weights, best).predict(z)
        np.testing.assert_allclose(found.final.predict(samples.sequences, False)[:, 0], expected, atol=1e-8)
        assert found.anchors.tolist() == [-1]


def test_the_stack_forecasts_the_blocks_no_worse_than_any_of_its_forms():
    samples = samples_of(400, K=1, window=6)
    scaler = Scaler.fit(samples.sequences.values)
    center = samples.targets.mean(axis=0)
    blocks = Moments.of_blocks(samples, scaler, center, 6, N_BLOCKS)
    forms, outputs = forms_of(0, scaler, center, 6), np.array([0])
    assert len(forms) == 6
    judges = [(Solver(Moments.sum(blocks[:j]), 2), blocks[j]) for j in range(N_BLOCKS // 2, N_BLOCKS)]
    alphas, weights, errors = stack(judges, forms, outputs)
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1)
    stacked, single = 0.0, np.zeros(len(forms))
    for solver, block in judges:
        coefs = [solver.path(form, outputs).coefficients(alpha) for form, alpha in zip(forms, alphas, strict=True)]
        single += [block.weight * block.loss(coef)[0] for coef in coefs]
        together = sum(w * coef for w, coef in zip(weights[:, 0], coefs, strict=True))
        stacked += block.weight * block.loss(together)[0]
    assert stacked <= single.min() * (1 + 1e-9)
    assert errors[0] == pytest.approx(stacked / sum(block.weight for block in blocks[N_BLOCKS // 2 :]))


BASES = {
    "all lags": (Basis(-1, False), lambda z: z.reshape(len(z), -1)),
    "of one column": (Basis(1, False), lambda z: z[:, :, 1]),
    "relative": (Basis(-1, True), lambda z: (z[:, 1:] - z[:, :1]).reshape(len(z), -1)),
    "of all columns, the first": (Basis(-1, False, 3), lambda z: z[:, :3].reshape(len(z), -1)),
    "of one column, the first": (Basis(1, False, 2), lambda z: z[:, :2, 1]),
    "of one column, the first, relative": (Basis(1, True, 3), lambda z: z[:, 1:3, 1] - z[:, :1, 1]),
    "of one column, relative": (Basis(1, True), lambda z: z[:, 1:, 1] - z[:, :1, 1]),
    "the first": (Leading(3, 8), lambda z: z.reshape(len(z), -1)[:, :3]),
    "the first and the last": (
        Leading(3, 6),
        lambda z: np.hstack([z.reshape(len(z), -1)[:, each] for each in ([0, 1, 2], [6, 7])]),
    ),
}


@pytest.mark.parametrize("name", BASES)
def test_a_regression_in_a_basis_is_one_on_what_the_basis_makes_of_the_lags(name):
    basis, made = BASES[name]
    samples = samples_of(150, D=2, K=2, window=4)
    scaler, center = Scaler.fit(samples.sequences.values), np.zeros(2)
    z = np.nan_to_num((lag_table(samples.sequences, 4) - scaler.mean) / scaler.scale)
    towards = np.random.default_rng(5).normal(size=(9, 2))
    shrunk = np.hstack([z.reshape(150, -1), np.ones((150, 1))]) @ towards
    path = Solver(Moments.of(samples, scaler, center, 4), 2).path(Regression(towards, basis, False), np.arange(2))
    for alpha in (1e-3, 0.1):
        ridge = weighted_ridge(made(z), samples.targets - shrunk, samples.weights, alpha)
        coef = path.coefficients(alpha)
        found = np.hstack([z.reshape(150, -1), np.ones((150, 1))]) @ coef
        np.testing.assert_allclose(found, shrunk + ridge.predict(made(z)), rtol=1e-9, atol=1e-9)


FORMS = {  # anchor, columns, lags: basis, and whether what is forecast without it is the anchor's last value, or the mean
    "no anchor": (-1, 2, 3, [(-1, False, False)]),
    "one lag of one column": (0, 1, 1, [(-1, False, False), (-1, False, True)]),
    "two lags": (0, 1, 2, [(-1, False, False), (-1, False, True), (-1, True, True)]),
    "two columns": (1, 2, 2, [
        (-1, False, False), (1, False, False), (-1, False, True), (-1, True, True), (1, False, True), (1, True, True),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_of_all_columns_and_of_the_anchor(name):
    anchor, D, L, wanted = FORMS[name]
    scaler = Scaler(np.arange(1.0, 1 + D), np.arange(2.0, 2 + D))
    forms = forms_of(anchor, scaler, np.array([5.0]), L)
    assert [(*form.basis, form.anchored) for form in forms] == [
        (column, relative, None, each) for column, relative, each in wanted
    ]
    last = np.zeros((D * L + 1, 1))
    last[anchor], last[-1] = scaler.scale[anchor], scaler.mean[anchor] - 5.0
    for form in forms:
        np.testing.assert_array_equal(form.towards, last if form.anchored else np.zeros_like(last))


@pytest.mark.parametrize(("anchor", "D", "column"), [(0, 1, -1), (1, 2, 1), (-1, 2, -1)])
def test_regressions_on_fewer_lags_are_of_the_anchor_alone(anchor, D, column):
    scaler, center = Scaler(np.arange(1.0, 1 + D), np.arange(2.0, 2 + D)), np.array([5.0])
    forms = fewer_lags(anchor, scaler, center, 24, (4, 12, 13))  # of one lag there is none
    wanted = [
        ((column, relative, n), relative) for n in (6, 2) for relative in ((False, True) if anchor >= 0 else (False,))
    ]
    assert [(form.basis, form.anchored) for form in forms] == wanted
    towards = forms_of(anchor, scaler, center, 24)
    for form in forms:
        same = next(each for each in towards if each.anchored == form.anchored)
        np.testing.assert_array_equal(form.towards, same.towards)


def test_without_samples_to_judge_by_the_mean_alone_is_left():
    samples = samples_of(60, D=1, window=3)
    scaler, center, outputs = Scaler.fit(samples.sequences.values), np.zeros(1), np.array([0])
    forms = forms_of(0, scaler, center, 3)
    alphas, weights, errors = stack([], forms, outputs)
    coef = add_up(Solver(Moments.of(samples, scaler, center, 3), 1), forms, outputs, alphas, weights)
    mean = np.average(samples.targets[:, 0], weights=samples.weights)
    np.testing.assert_allclose(coef[:, 0], [0, 0, 0, mean], rtol=1e-12)
    assert np.isnan(errors).all()


def test_penalties_do_not_depend_on_the_unit_of_the_targets():
    found = []
    for unit in (1.0, 1e-12):
        samples = samples_of(200, D=1, window=6, seed=4)
        samples = replace(samples, targets=unit * np.random.default_rng(2).normal(size=(200, 1)))
        scaler, center = Scaler.fit(samples.sequences.values), samples.targets.mean(axis=0)
        blocks = Moments.of_blocks(samples, scaler, center, 6, N_BLOCKS)
        judges = [(Solver(Moments.sum(blocks[:j]), 1), blocks[j]) for j in range(N_BLOCKS // 2, N_BLOCKS)]
        found.append(stack(judges, forms_of(-1, scaler, center, 6), np.array([0])))
    assert found[0][0][0, 0] > ALPHAS[0]  # of noise the lags tell nothing
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][2], found[1][2] * 1e24, rtol=1e-6)


@pytest.mark.parametrize("chance", [False, True])
def test_regressions_that_may_have_gained_by_chance_leave_the_last_value(chance):
    """Of noise they gain in some blocks and lose in others; of what follows from the lags, in all."""
    samples = samples_of(200, D=1, window=6, seed=4)
    rows = samples.sequences.values[:, 0]
    signal = np.random.default_rng(2).normal(size=200) if chance else 3 * np.r_[0, np.diff(rows)]
    samples = replace(samples, targets=(rows + signal)[:, None], weights=np.ones(200))
    scaler, center = Scaler.fit(samples.sequences.values), samples.targets.mean(axis=0)
    blocks = Moments.of_blocks(samples, scaler, center, 6, N_BLOCKS)
    forms, outputs = forms_of(0, scaler, center, 6), np.array([0])
    judges = [(Solver(Moments.sum(blocks[:j]), 1), blocks[j]) for j in range(N_BLOCKS // 2, N_BLOCKS)]
    alphas, weights, _ = stack(judges, forms, outputs)
    gains = []
    for (solver, block), j in zip(judges, range(N_BLOCKS // 2, N_BLOCKS), strict=True):
        together = sum(
            w * solver.path(form, outputs).coefficients(alpha)
            for w, form, alpha in zip(weights[:, 0], forms, alphas, strict=True)
        )
        number = np.arange(200) // 20
        before, own = number < j, number == j
        change = samples.targets[:, 0] - rows
        gains.append(20 * (np.mean((change[own] - change[before].mean()) ** 2) - block.loss(together)[0]))
    t = np.mean(gains) / (np.std(gains, ddof=1) / np.sqrt(5))
    sure = where_sure(judges, forms, outputs, alphas, weights)
    assert (t < SURE) == chance
    if not chance:
        np.testing.assert_array_equal(sure, (alphas, weights))
    else:
        plain = [form.anchored for form in forms].index(True)
        assert sure[1][:, 0].tolist() == [float(f == plain) for f in range(len(forms))] and np.isinf(sure[0][plain, 0])
        # Two blocks are enough to tell that a regression on noise, hardly shrunk, gains nothing, and one tells nothing.
        loose, other = np.full_like(alphas, np.min(ALPHAS)), np.zeros_like(weights)
        other[plain - 1] = 1.0
        np.testing.assert_array_equal(where_sure(judges[:2], forms, outputs, loose, other)[1], sure[1])
        np.testing.assert_array_equal(where_sure(judges[:1], forms, outputs, loose, other)[1], other)


def judges_of(samples, forms_anchor, L, D=1):
    """Blocks that judge, regressions towards an anchor."""
    scaler, center = Scaler.fit(samples.sequences.values), samples.targets.mean(axis=0)
    blocks = Moments.of_blocks(samples, scaler, center, L, N_BLOCKS)
    judges = [(Solver(Moments.sum(blocks[:j]), D), blocks[j]) for j in range(N_BLOCKS // 2, N_BLOCKS)]
    return judges, forms_of(forms_anchor, scaler, center, L)


def with_targets(samples, *targets):
    return replace(samples, targets=np.column_stack(targets), weights=np.ones(len(samples.targets)))


def test_outputs_together_have_the_penalties_and_weights_of_the_least_mean_of_their_shares():
    samples = samples_of(200, D=1, window=6, seed=4)
    rows, noise = samples.sequences.values[:, 0], np.random.default_rng(2).normal(size=(200, 3))
    samples = with_targets(samples, *(unit * (rows + noise[:, k]) for k, unit in enumerate((1.0, 10.0, 0.1))))
    judges, forms = judges_of(samples, 0, 6)
    outputs = np.arange(3)
    alphas, weights, errors = stack(judges, forms, outputs, together=True)

    def of_blocks(chosen, shares):
        coefs = [
            sum(w * s.path(f, outputs).coefficients(a) for w, f, a in zip(shares, forms, chosen, strict=True))
            for s, _ in judges
        ]
        return np.mean([block.loss(coef) for (_, block), coef in zip(judges, coefs, strict=True)], axis=0)

    single = np.array([[of_blocks([alpha] * 3, np.eye(3)[f]) for alpha in ALPHAS] for f in range(3)])
    least = single.min(axis=(0, 1))
    best = ALPHAS[np.argmin((single / least).mean(axis=2), axis=1)]
    np.testing.assert_array_equal(alphas, best[:, None] * np.ones(3))
    assert (weights == weights[:, :1]).all()
    found = (of_blocks(best, weights[:, 0]) / least).mean()
    for shares in np.random.default_rng(0).dirichlet(np.ones(3), 300):
        assert found <= (of_blocks(best, shares) / least).mean() + 1e-9
    np.testing.assert_allclose(errors, of_blocks(best, weights[:, 0]), rtol=1e-9)


@pytest.mark.parametrize("alike", [True, False])
def test_outputs_share_penalties_and_weights_unless_their_own_are_surely_better(alike):
    """Of a walk's next values in noise all need the same; what is a line of lags and what is noise do not."""
    samples = samples_of(400, D=1, window=6, seed=4)
    rows, noise = samples.sequences.values[:, 0], np.random.default_rng(2).normal(size=(400, 2))
    if alike:
        targets = [rows + 0.8 * np.r_[0, np.diff(rows)] + noise[:, k] for k in range(2)]
    else:
        targets = [3 * rows - 2 * np.roll(rows, 1) + 1e-3 * noise[:, 0], rows + 5 * noise[:, 1]]
    samples = with_targets(samples, *targets)
    judges, forms = judges_of(samples, 0, 6)
    outputs = np.arange(2)
    _, alphas, weights = choose_forms([judges], forms, outputs, together=True)
    shared, own = stack(judges, forms, outputs, together=True), stack(judges, forms, outputs)
    if alike:
        np.testing.assert_array_equal(alphas, shared[0])
        np.testing.assert_array_equal(weights, shared[1])
    else:
        assert (shared[0] == shared[0][:, :1]).all() and not (own[0] == own[0][:, :1]).all()
        coefs = [add_up(judges[-1][0], forms, outputs, *each) for each in ((alphas, weights), own[:2], shared[:2])]
        found, best, of_all = (judges[-1][1].loss(coef) for coef in coefs)
        np.testing.assert_allclose(found[1], min(of_all[1], best[1]), rtol=0.02)
        assert found[0] < 1.01 * best[0]


def test_what_is_sure_of_all_outputs_on_average_is_sure_of_each():
    """The weights of noisy outputs are kept where together they gain, though one by one some may have by chance."""
    samples = samples_of(200, D=1, window=6, seed=4)
    rows, rng = samples.sequences.values[:, 0], np.random.default_rng(3)
    samples = with_targets(
        samples, *(rows + 0.5 * np.r_[0, np.diff(rows)] + 1.5 * rng.normal(size=200) for _ in range(12))
    )
    judges, forms = judges_of(samples, 0, 6)
    alphas, weights, _ = stack(judges, forms, np.arange(12), together=True)
    each = [
        where_sure(judges, forms, np.array([k]), alphas[:, k : k + 1], weights[:, k : k + 1])[1][:, 0]
        for k in range(12)
    ]
    left = [(shares != weights[:, k]).any() for k, shares in enumerate(each)]
    assert 0 < sum(left) < 12
    np.testing.assert_array_equal(where_sure(judges, forms, np.arange(12), alphas, weights)[1], weights)


@pytest.mark.parametrize("drifts", [True, False])
def test_of_mean_and_last_value_the_one_that_is_better_in_the_blocks_is_left(drifts):
    samples = samples_of(300, D=1, window=6, seed=4)
    rows, noise = samples.sequences.values[:, 0], np.random.default_rng(2).normal(size=300)
    samples = with_targets(samples, rows + noise if drifts else noise)
    judges, forms = judges_of(samples, 0, 6)
    loose = np.full((3, 1), ALPHAS[0]), np.array([[0.0], [0.0], [1.0]])
    alphas, weights = where_sure(judges, forms, np.array([0]), *loose)
    assert weights[:, 0].tolist() == ([0.0, 1.0, 0.0] if drifts else [1.0, 0.0, 0.0])
    assert np.isinf(alphas[np.argmax(weights), 0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 12), spread=st.sampled_from([1.0, 1e-3, 1e-6]))
def test_weights_on_the_simplex_are_the_best_there_are(seed, size, spread):
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(7, 1)) + spread * (rng.normal(size=(7, size)) + rng.normal(size=size))
    matrix = errors.T @ errors
    weights = simplex(np.array([matrix, 1e6 * matrix, 1e-9 * matrix]))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    np.testing.assert_allclose(weights[:, 1:], weights[:, [0, 0]], atol=1e-3)  # in any unit
    others = np.concatenate([rng.dirichlet(np.ones(size), 300), np.eye(size)])
    least = np.einsum("si,ij,sj->s", others, matrix, others).min()
    # Products of errors are differences, so their rounding is a part of the largest, which the weights may take for an error.
    assert weights[:, 0] @ matrix @ weights[:, 0] <= least + 1e-9 * np.trace(matrix)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.sampled_from([-300, -150, 0, 150, 290]))
def test_weights_on_the_simplex_are_those_of_the_best_subset_also_of_forms_that_are_alike(seed, power):
    rng = np.random.default_rng(seed)
    size, n = rng.integers(2, 8), rng.integers(1, 10)
    errors = rng.normal(size=(n, 2)) @ rng.normal(size=(2, size)) + 10.0 ** rng.integers(-9, 1) * rng.normal(
        size=(n, size)
    )
    errors[:, rng.integers(size)] = errors[:, 0]
    matrix = errors.T @ errors
    weights = simplex(10.0**power * matrix[None])[:, 0]
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1)
    least = np.inf
    for chosen in chain.from_iterable(combinations(range(size), r) for r in range(1, size + 1)):
        part = matrix[np.ix_(chosen, chosen)] + 1e-12 * np.trace(matrix) * np.eye(len(chosen))
        found = np.linalg.solve(part, np.ones(len(chosen)))
        if (found >= 0).all():
            least = min(least, 1 / found.sum())
    assert weights @ matrix @ weights <= least + 1e-9 * np.trace(matrix)


@pytest.mark.parametrize("largest", [np.inf, np.nan])
def test_errors_too_large_for_float64_tell_no_form_from_another(largest):
    np.testing.assert_array_equal(simplex(np.diag([1.0, largest])[None]), [[0.5], [0.5]])


def test_forms_without_an_error_have_all_the_weight_and_none_is_right_where_all_have_none():
    matrix = np.diag([1.0, 0.0, 2.0])
    np.testing.assert_allclose(simplex(np.array([matrix, np.zeros((3, 3))])).T, [[0, 1, 0], [1 / 3] * 3], atol=1e-5)


def test_forms_with_errors_of_another_size_change_no_weights_of_the_others():
    rng = np.random.default_rng(5)
    errors = rng.normal(size=(9, 1)) + rng.normal(size=(9, 6))
    matrix = errors.T @ errors
    alone = simplex(matrix[None, :3, :3])[:, 0]
    assert (alone > 0.1).sum() >= 2
    for large in (1e5, 1e8, 1e12):
        units = np.array([1, 1, 1, large, large, large**1.2])
        np.testing.assert_allclose(simplex((matrix * np.outer(units, units))[None])[:3, 0], alone, atol=3 / large)


@pytest.mark.parametrize("K", [1, 2])
def test_the_linear_part_has_the_unit_of_y_however_large_the_numbers_of_x(K):
    """X in Pascals, y in metres a second: regressions towards an anchor, a column of X, are of no use then, nor any harm."""
    samples = samples_of(300, K=K)
    scaler = Scaler.fit(samples.sequences.values)

    def fitted(unit):
        own = replace(samples, targets=samples.targets * np.append(unit, np.ones(K - 1)))
        found = fit_linear(own, own, scaler, 5, np.zeros(K, dtype=np.int64)).final
        return found.predict(samples.sequences, False)[:, 0] / unit

    expected = fitted(1e-6)
    variance = np.var(samples.targets[:, 0])
    assert np.mean((expected - samples.targets[:, 0]) ** 2) < 0.1 * variance
    # Beside errors 1e13 times as large, rounding of the products of both changes weights in the third digit.
    for unit, most in ((1e-7, 1e-5), (1e-9, 1e-5), (1e-13, 2e-3)):
        np.testing.assert_allclose(fitted(unit), expected, atol=most * np.sqrt(variance))


def test_the_final_map_is_fitted_to_what_was_held_out_too():
    samples = samples_of(300, window=5)
    scaler = Scaler.fit(samples.sequences.values)
    training = samples.take(np.arange(250), samples.weights[:250])
    found = fit_linear(training, samples, scaler, 3, np.array([0]))
    same = fit_linear(training, training, scaler, 3, np.array([0]))
    np.testing.assert_allclose(found.linear.coef, same.linear.coef, rtol=1e-6)
    assert not np.allclose(found.final.intercept, found.linear.intercept, rtol=1e-6)
    np.testing.assert_allclose(same.final.coef, same.linear.coef, rtol=1e-6)


def test_anchors_are_the_columns_that_y_changes_least_from():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(300, 3)).cumsum(axis=0)
    table = read_table(values, values)
    noise = rng.normal(size=(300, 4))
    targets = np.column_stack([values[:, 1] + 0.1 * noise[:, 0], 5 + noise[:, 1], values[:, 2] - 7, -values[:, 0]])
    samples = Samples(windows(table, 4), targets, np.ones(300), False, ALL_ALIKE)
    anchors = choose_anchors(samples, Scaler.fit(values))
    assert anchors[:3].tolist() == [1, -1, 2] and anchors[3] != 0
    always = choose_anchors(samples, Scaler.fit(values), or_mean=False)
    changes = [np.var(targets[:, 1] - values[:, d]) for d in range(3)]
    assert always[:3].tolist() == [1, np.argmin(changes), 2] and always[3] != -1


@pytest.mark.parametrize("or_mean", [True, False])
def test_a_column_that_hardly_varies_beside_y_is_no_anchor(or_mean):
    """y's change from it varies as y does: that it jitters is no more than that it never varies."""
    rng = np.random.default_rng(3)
    walk = rng.normal(size=300).cumsum()
    values = np.column_stack([walk, 5 + 1e-9 * rng.normal(size=300), rng.normal(size=300)])
    table = read_table(values, values)
    targets = np.column_stack([0.01 * walk, values[:, 1] + 1e-10 * walk])  # the second is of its own size
    samples = Samples(windows(table, 4), targets, np.ones(300), False, ALL_ALIKE)
    anchors = choose_anchors(samples, Scaler.fit(values), or_mean=or_mean)
    assert anchors.tolist() == [-1 if or_mean else 2, 1]


def seasonal(n=96, D=1, steps=(1,), noise=0.1, seed=0, window=24):
    """Samples of a pattern of 12 rows whose level moves from one pattern to the next, of one column or beside another."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(size=n // 12 + 1).cumsum(), 12)[:n]
    y = np.resize(3 * rng.normal(size=12), n) + 0.5 * level + noise * rng.normal(size=n)
    values = np.column_stack([*rng.normal(size=(D - 1, n)), y])
    table = read_table(values, pd.DataFrame(values))
    targets = np.column_stack([np.append(y[k:], np.full(k, np.nan)) for k in steps])
    samples = Samples(windows(table, window), targets, np.ones(n), False, ALL_ALIKE)
    return samples.take(np.arange(n - max(steps)), np.ones(n - max(steps)))


@pytest.mark.parametrize("D", [1, 2])
def test_the_nearest_lag_is_the_one_from_which_y_changes_least(D):
    samples, anchor = seasonal(D=D, steps=(1, 3, 12)), D - 1
    scaler, center = Scaler.fit(samples.sequences.values), np.array([0.3, 0.0, -2.0])
    moments = Moments.of(samples, scaler, center, 24, True)
    lags = lag_table(samples.sequences, 24, first_before=True)[:, :, anchor]
    changes = (samples.targets[:, None] - lags[:, :, None]).var(axis=0)  # (24, K)
    assert nearest_lags(moments, anchor, scaler).tolist() == changes.argmin(axis=0).tolist() == [11, 9, 0]


def test_where_no_lag_is_much_nearer_than_the_last_row_or_the_mean_there_is_none():
    rng = np.random.default_rng(1)
    for values in (rng.normal(size=(400, 1)), rng.normal(size=(400, 1)).cumsum(axis=0)):
        table = read_table(values, values)
        samples = Samples(windows(table, 16), np.roll(values, -1, axis=0), np.ones(400), False, ALL_ALIKE)
        scaler = Scaler.fit(values)
        assert nearest_lags(Moments.of(samples, scaler, np.zeros(1), 16, True), 0, scaler).tolist() == [0]


@pytest.mark.parametrize("D", [1, 2])
def test_a_season_that_moves_is_forecast_about_as_by_the_seasonal_naive_forecast(monkeypatch, D):
    def shares():
        """Squared errors of ten series as shares of those of the seasonal naive forecast, their geometric mean."""
        found = []
        for seed in range(10):
            samples = seasonal(216, D=D, steps=(1, 6), seed=seed)
            training, later = samples.take(np.arange(60), np.ones(60)), samples.take(np.arange(60, 204), np.ones(144))
            scaler = Scaler.fit(training.sequences.values[:61])
            linear = fit_linear(training, training, scaler, 24, np.array([D - 1, D - 1])).final
            errors = ((linear.predict(later.sequences, False) - later.targets) ** 2).mean(axis=0)
            lags = lag_table(later.sequences, 24)[:, [11, 6], D - 1]
            found.append(errors / ((lags - later.targets) ** 2).mean(axis=0))
        return np.exp(np.log(found).mean(axis=0))

    assert (shares() < 1.15).all()  # 1.05 and 1.09
    monkeypatch.setattr("grukit.data.ridge.NEARER", 0.0)
    assert (shares() > 2).all()  # regressions alone


def test_the_earlier_value_alone_has_no_penalty_and_is_what_it_was():
    samples = seasonal(72, noise=0.0)
    scaler = Scaler.fit(samples.sequences.values)
    found = fit_linear(samples, samples, scaler, 24, np.array([0]))
    assert found.earlier.tolist() == [11] and found.alpha.tolist() == [np.inf]
    expected = np.zeros((24, 1, 1))
    expected[11] = 1.0
    np.testing.assert_allclose(found.final.coef, expected, atol=1e-9)


def test_an_output_that_never_varies_is_itself_and_leaves_the_others_what_they_are():
    samples = seasonal(72, steps=(1, 2))
    more = replace(samples, targets=np.column_stack([samples.targets, np.full(len(samples.targets), 0.1)]))
    scaler = Scaler.fit(samples.sequences.values)
    own, found = (fit_linear(each, each, scaler, 24, np.zeros(each.targets.shape[1], int)) for each in (samples, more))
    assert own.earlier.tolist() == [11, 10] and found.earlier.tolist() == [11, 10, 0]
    assert found.anchors.tolist() == [0, 0, -1]
    np.testing.assert_array_equal(found.final.coef[:, :, :2], own.final.coef)
    predicted = found.final.predict(more.sequences, False)
    np.testing.assert_array_equal(predicted[:, 2], 0.1)


@pytest.mark.parametrize("kind", ["panel", "sequences"])
def test_panels_and_sequences_have_no_earlier_value(kind):
    rng = np.random.default_rng(0)
    values = np.resize(3 * rng.normal(size=12), 192) + 0.1 * rng.normal(size=192)
    if kind == "panel":
        index = pd.MultiIndex.from_product([["u", "v"], range(96)])
        sequences = windows(read_table(values[:, None], pd.DataFrame(values, index=index)), 24)
    else:
        sequences = read_sequences(np.resize(values, (192, 24, 1)))
    samples = Samples(sequences, np.roll(values, -1)[:, None], np.ones(192), False, ALL_ALIKE)
    found = fit_linear(samples, samples, Scaler.fit(sequences.values), 24, np.array([0]))
    assert found.earlier.tolist() == [0]


def test_a_random_walk_is_left_to_its_last_value():
    walk = np.random.default_rng(5).normal(size=(2000, 1)).cumsum(axis=0)
    table = read_table(walk[:-1], walk[:-1])
    samples = Samples(windows(table, 16), walk[1:], np.ones(1999), False, ALL_ALIKE)
    found = fit_linear(samples, samples, Scaler.fit(walk), 16, np.array([0]))
    assert found.anchors.tolist() == [0]
    error = left_by(found.final, samples, "identity").targets.std()
    assert error < 1.01 * np.diff(walk[:, 0]).std()


def samples_ahead(series, horizon, window, rows):
    """The next values of a series, one output a step, of its rows from the first on."""
    table = read_table(series, series)
    ahead = np.column_stack([np.roll(series[:, 0], -step) for step in range(1, horizon + 1)])
    samples = Samples(windows(table, window), ahead, np.ones(len(series)), False, ALL_ALIKE)
    return samples.take(np.asarray(rows))


def test_the_first_rows_of_a_series_that_drifts_are_forecast_as_the_others_are():
    """Rows from before the series count as its first; the mean, which lies far off, would be a step up or down."""
    walk = (1 + 0.1 * np.random.default_rng(5).normal(size=(200, 1))).cumsum(axis=0)
    samples = samples_ahead(walk, 1, 24, range(199))
    found = fit_linear(samples, samples, Scaler.fit(walk), 24, np.array([0]))
    assert found.final.first_before
    errors = (samples.targets - found.final.predict(samples.sequences, False))[:, 0]
    assert np.abs(errors[:24]).max() < 1.0
    assert np.sqrt(np.mean(errors[24:] ** 2)) < 0.12
    with_mean = replace(found.final, first_before=False).predict(samples.sequences, False)
    assert np.abs((samples.targets - with_mean)[:24]).max() > 3


@pytest.mark.parametrize(("kind", "before"), [("series", True), ("panel", False), ("sequences", False)])
def test_the_first_row_stands_for_those_before_it_in_a_table_of_one_series(kind, before):
    samples = samples_of(80, D=1, window=4, panel=kind == "panel")
    if kind == "sequences":
        samples = replace(samples, sequences=replace(samples.sequences, exchangeable=True))
    found = fit_linear(samples, samples, Scaler.fit(samples.sequences.values), 4, np.array([0]))
    assert found.linear.first_before == found.final.first_before == before


def test_short_series_are_forecast_no_worse_than_by_ridge_regression_or_the_last_value():
    """Six steps ahead of 60 rows that drift, with a season or none, of which the last fifth is the test."""
    shares = []
    for seed in range(12):
        rng, t = np.random.default_rng(seed), np.arange(60)
        drift = 0.2 * t if seed % 2 else (0.3 + rng.normal(size=60)).cumsum()
        series = (drift + 3 * np.sin(2 * np.pi * t / 12) * (seed % 3 > 0) + 0.5 * rng.normal(size=60))[:, None]
        train, test = samples_ahead(series, 6, 32, range(42)), samples_ahead(series, 6, 32, range(48, 54))
        scaler = Scaler.fit(series[:42])
        found = fit_linear(train, train, scaler, 32, np.zeros(6, int)).final.predict(test.sequences, False)
        lags = np.nan_to_num((lag_table(train.sequences, 32) - scaler.mean) / scaler.scale).reshape(42, -1)
        seen = ((lag_table(test.sequences, 32) - scaler.mean) / scaler.scale).reshape(6, -1)
        ridge = RidgeCV(np.logspace(-3, 4, 15)).fit(lags, train.targets).predict(seen)
        others = ridge, np.repeat(series[48:54], 6, axis=1)
        errors = [np.sqrt(np.mean((each - test.targets) ** 2)) for each in (found, *others)]
        shares.append(errors[0] / min(errors[1:]))
    assert np.exp(np.mean(np.log(shares))) < 0.95
    assert max(shares) < 1.6


def test_a_linear_rule_is_found_to_the_last_digits():
    values = np.random.default_rng(1).normal(size=(400, 2))
    table = read_table(values, values)
    targets = 2 + values[:, :1] + 0.5 * np.roll(values[:, 1:], 2, axis=0)
    targets[:2] = np.nan
    samples = Samples(windows(table, 4), targets, np.ones(400), False, ALL_ALIKE)
    found = fit_linear(samples, samples, Scaler.fit(values), 4, np.array([-1]))
    expected = np.zeros((4, 2))
    expected[0, 0], expected[2, 1] = 1.0, 0.5
    np.testing.assert_allclose(found.final.coef[:, :, 0], expected, atol=1e-5)


def test_a_weight_is_as_many_copies():
    samples = samples_of(60)
    counts = np.random.default_rng(2).integers(1, 4, 60)
    scaler = Scaler.fit(samples.sequences.values)
    chosen = np.repeat(np.arange(60), counts)
    copied = samples.take(chosen, np.ones(len(chosen)))
    weighted = Samples(samples.sequences, samples.targets, counts.astype(float), False, ALL_ALIKE)
    one, other = (Moments.of(each, scaler, np.zeros(1), 3) for each in (copied, weighted))
    np.testing.assert_allclose(one.lags, other.lags, rtol=1e-12)
    assert one.weight == other.weight


def with_gaps(samples, gone):
    return replace(samples, targets=np.where(gone, np.nan, samples.targets))


@pytest.mark.parametrize("share", [0.0, 0.45], ids=["never known together", "known together in some rows"])
def test_outputs_with_gaps_at_different_rows_are_fitted_on_rows_of_their_own(share):
    samples = samples_of(240, K=3, window=6, seed=4)
    scaler, anchors = Scaler.fit(samples.sequences.values), np.array([0, -1, 1])
    gone = np.random.default_rng(0).random((240, 1)) > 0.5 + np.array([-share, share, -share]) / 2
    gone[:, 1] ^= share == 0
    together = fit_linear(*[with_gaps(samples, gone)] * 2, scaler, 4, anchors)
    assert (choose_anchors(with_gaps(samples, gone), scaler) == choose_anchors(samples, scaler)).all()
    for k in range(3):
        alone = with_gaps(replace(samples, targets=samples.targets[:, k : k + 1]), gone[:, k : k + 1])
        expected = fit_linear(alone, alone, scaler, 4, anchors[k : k + 1])
        np.testing.assert_allclose(together.final.coef[:, :, k], expected.final.coef[:, :, 0], atol=1e-9)
        np.testing.assert_allclose(together.final.intercept[k], expected.final.intercept[0], atol=1e-9)
        assert (together.anchors[k], together.alpha[k]) == (expected.anchors[0], pytest.approx(expected.alpha[0]))


def test_outputs_that_are_nearly_always_known_together_are_fitted_on_the_rows_where_all_are():
    samples = samples_of(240, K=3, window=6)
    gone = np.arange(240)[:, None] >= 240 - np.arange(3)  # as of targets 1, 2 and 3 steps ahead
    scaler, anchors = Scaler.fit(samples.sequences.values), np.array([0, -1, 0])
    found = fit_linear(*[with_gaps(samples, gone)] * 2, scaler, 4, anchors)
    complete = replace(samples, weights=np.where(gone.any(axis=1), 0.0, samples.weights))  # so the blocks are the same
    expected = fit_linear(complete, complete, scaler, 4, anchors)
    np.testing.assert_allclose(found.final.coef, expected.final.coef, atol=1e-9)


def test_all_anchors_share_the_solutions_in_all_lags(monkeypatch):
    solved, solve = [], np.linalg.eigh

    def counted(matrix):
        solved.append(len(matrix))
        return solve(matrix)

    monkeypatch.setattr(np.linalg, "eigh", counted)
    samples = samples_of(300, D=3, K=4, window=6)
    scaler = Scaler.fit(samples.sequences.values)
    fit_linear(samples, samples, scaler, 5, np.array([0, 1, 2, -1]))
    sums = N_BLOCKS // 2 + 2  # those before each judge, the training samples, all samples
    assert [solved.count(size) for size in (15, 12, 5, 4)] == [sums, sums, 3 * sums, 3 * sums]
