"""The linear part: ridge regression on lags in closed form, without a table of lags."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV

from grukit.data import ALL_ALIKE, Samples, Scaler, read_sequences, read_table, windows
from grukit.data.lags import LinearLags, Moments, ends_of, left_by
from grukit.data.ridge import choose_anchors, fit_linear

RNG = np.random.default_rng(0)


def lag_table(sequences, L, per_step=False):
    """The lags of every sample as one row, NaN where there is none: what never exists in the package."""
    rows, history = ends_of(sequences, per_step)
    D = sequences.values.shape[1]
    out = np.full((len(rows), L, D), np.nan)
    for i, (row, h) in enumerate(zip(rows, history, strict=True)):
        for k in range(min(L, h)):
            out[i, k] = sequences.values[row - k]
    return out


def samples_of(n=200, D=2, K=1, window=5, seed=0, panel=False):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, D)).cumsum(axis=0)
    index = pd.MultiIndex.from_product([["u", "v"], range(n // 2)]) if panel else pd.RangeIndex(n)
    table = read_table(values, pd.DataFrame(values, index=index))
    targets = values[:, :1] + 0.5 * rng.normal(size=(n, K)) + 3
    return Samples(windows(table, window), targets, rng.uniform(0.5, 2, n), False, ALL_ALIKE)


@settings(max_examples=30, deadline=None)
@given(L=st.integers(1, 7), window=st.integers(1, 6), panel=st.booleans())
def test_applying_is_the_sum_over_lags_with_means_where_there_is_none(L, window, panel):
    samples = samples_of(40, window=window, panel=panel)
    linear = LinearLags(RNG.normal(size=(L, 2, 3)), RNG.normal(size=3), RNG.normal(size=2))
    lags = np.nan_to_num(lag_table(samples.sequences, L) - linear.mean)
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


def test_moments_of_blocks_add_up_to_those_of_all():
    samples = samples_of(3 * 4096 + 17)
    scaler, center = Scaler.fit(samples.sequences.values), np.array([1.0])
    whole = Moments.of(samples, scaler, center, 4)
    parts = Moments.of_blocks(samples, scaler, center, 4, 6)
    assert len(parts) == 6
    for one, other in zip(whole, Moments.sum(parts), strict=True) if isinstance(whole, tuple) else ():
        np.testing.assert_allclose(one, other, rtol=1e-9)
    together = Moments.sum(parts)
    assert (whole.n, pytest.approx(whole.weight)) == (together.n, together.weight)
    np.testing.assert_allclose(whole.lags, together.lags, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whole.cross, together.cross, rtol=1e-9, atol=1e-12)
    z = np.nan_to_num((lag_table(samples.sequences, 4) - scaler.mean) / scaler.scale).reshape(len(samples.targets), -1)
    z = np.column_stack([z, np.ones(len(z))])
    np.testing.assert_allclose(whole.lags, np.average(z[:, :, None] * z[:, None], axis=0, weights=samples.weights))
    coef = RNG.normal(size=(9, 1))
    errors = (samples.targets - center - z @ coef) ** 2
    np.testing.assert_allclose(whole.loss(coef), np.average(errors, axis=0, weights=samples.weights))


@pytest.mark.parametrize("anchored", [False, True])
def test_it_is_scikit_learns_ridge_at_the_penalty_it_tells(anchored):
    samples = samples_of(300, K=2)
    scaler = Scaler.fit(samples.sequences.values)
    anchors = np.array([0, 0]) if anchored else np.array([-1, -1])
    found = fit_linear(samples, scaler, 4, anchors)
    z = np.nan_to_num((lag_table(samples.sequences, 4) - scaler.mean) / scaler.scale)
    for k in range(2):
        target = samples.targets[:, k]
        relative = False
        if found.anchors[k] >= 0:
            target = target - samples.sequences.values[:, 0]
        predictions = []
        for design in (z, z[:, 1:] - z[:, :1]):
            design = design.reshape(len(z), -1)
            weights = samples.weights / samples.weights.mean()
            # The penalty stands beside sums over the samples.
            model = Ridge(alpha=found.alpha[k]).fit(design, target, sample_weight=weights)
            predictions.append(model.predict(design))
        wanted = found.linear.predict(samples.sequences, False)[:, k]
        if found.anchors[k] >= 0:
            wanted = wanted - samples.sequences.values[:, 0]
        relative = not np.allclose(predictions[0], wanted, atol=1e-8)
        np.testing.assert_allclose(predictions[int(relative)], wanted, atol=1e-8)
        assert not relative or anchored


def test_the_penalty_is_that_of_generalised_cross_validation():
    samples = samples_of(120, window=6)
    samples = Samples(samples.sequences, samples.targets, np.ones(120), False, ALL_ALIKE)
    scaler = Scaler.fit(samples.sequences.values)
    found = fit_linear(samples, scaler, 6, np.array([-1]))
    z = np.nan_to_num((lag_table(samples.sequences, 6) - scaler.mean) / scaler.scale).reshape(120, -1)
    centred = z - z.mean(axis=0)
    y = samples.targets[:, 0] - samples.targets[:, 0].mean()

    def criterion(alpha):
        hat = centred @ np.linalg.solve(centred.T @ centred + alpha * np.eye(12), centred.T)
        return np.mean((y - hat @ y) ** 2) / (1 - (1 + np.trace(hat)) / 120) ** 2

    alphas = 120 * np.logspace(-7, 2, 28)
    assert found.alpha[0] == pytest.approx(alphas[np.argmin([criterion(alpha) for alpha in alphas])])
    # Leave-one-out, scikit-learn's choice, is not far.
    other = RidgeCV(alphas=alphas).fit(z, samples.targets[:, 0])
    assert 0.1 < found.alpha[0] / other.alpha_ < 10


def test_anchors_are_the_columns_that_y_changes_least_from():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(300, 3)).cumsum(axis=0)
    table = read_table(values, values)
    noise = rng.normal(size=(300, 4))
    targets = np.column_stack([values[:, 1] + 0.1 * noise[:, 0], 5 + noise[:, 1], values[:, 2] - 7, -values[:, 0]])
    samples = Samples(windows(table, 4), targets, np.ones(300), False, ALL_ALIKE)
    anchors = choose_anchors(samples, Scaler.fit(values))
    assert anchors[:3].tolist() == [1, -1, 2] and anchors[3] != 0


def test_a_random_walk_is_left_to_its_last_value():
    walk = np.random.default_rng(5).normal(size=(2000, 1)).cumsum(axis=0)
    table = read_table(walk[:-1], walk[:-1])
    samples = Samples(windows(table, 16), walk[1:], np.ones(1999), False, ALL_ALIKE)
    found = fit_linear(samples, Scaler.fit(walk), 16, np.array([0]))
    assert found.anchors.tolist() == [0]
    error = left_by(found.linear, samples).targets.std()
    assert error < 1.01 * np.diff(walk[:, 0]).std()


def test_a_linear_rule_is_found_to_the_last_digits():
    values = np.random.default_rng(1).normal(size=(400, 2))
    table = read_table(values, values)
    targets = 2 + values[:, :1] + 0.5 * np.roll(values[:, 1:], 2, axis=0)
    targets[:2] = np.nan
    samples = Samples(windows(table, 4), targets, np.ones(400), False, ALL_ALIKE)
    found = fit_linear(samples, Scaler.fit(values), 4, np.array([-1]))
    expected = np.zeros((4, 2))
    expected[0, 0], expected[2, 1] = 1.0, 0.5
    np.testing.assert_allclose(found.linear.coef[:, :, 0], expected, atol=1e-5)


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
