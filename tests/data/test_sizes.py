"""Series of a panel whose changes are of unequal size: their samples weigh alike where that forecasts no worse."""

import numpy as np
import pandas as pd

from grukit.data import ALL_ALIKE, Samples, Scaler, read_table, windows
from grukit.data.ridge import fit_linear
from grukit.data.sizes import sizes_of_series, weighed_alike

N_SERIES, N_STEPS = 20, 40


def panel_of(spread, seed=0, n_steps=N_STEPS):
    """Each series goes on by 0.7 of its last change; the series differ in size by ``exp(spread)``."""
    rng = np.random.default_rng(seed)
    changes = rng.normal(size=(N_SERIES, n_steps + 1))
    for t in range(1, n_steps + 1):
        changes[:, t] += 0.7 * changes[:, t - 1]
    levels = changes.cumsum(axis=1) * np.exp(spread * rng.normal(size=(N_SERIES, 1)))
    index = pd.MultiIndex.from_product([range(N_SERIES), range(n_steps)])
    values, targets = levels[:, :-1].reshape(-1, 1), levels[:, 1:].reshape(-1, 1)
    table = read_table(values, pd.DataFrame(values, index=index))
    return Samples(windows(table, 4), targets, np.ones(len(values)), False, ALL_ALIKE)


def test_sizes_are_mean_squares_of_changes():
    samples = panel_of(1.0)
    change = (samples.targets - samples.sequences.values)[:, 0].reshape(N_SERIES, N_STEPS)
    sizes = sizes_of_series(samples, np.array([0]))
    np.testing.assert_allclose(sizes, (change**2).mean(axis=1) / (change**2).mean(), rtol=1e-12)
    apart = samples.targets[:, 0].reshape(N_SERIES, N_STEPS)
    own = apart.var(axis=1)
    np.testing.assert_allclose(sizes_of_series(samples, np.array([-1])), own / own.mean(), rtol=1e-12)
    alike = weighed_alike(samples, sizes)
    of_series = (alike.weights.reshape(N_SERIES, N_STEPS) * change**2).sum(axis=1)
    np.testing.assert_allclose(of_series, of_series[0], rtol=1e-12)
    np.testing.assert_allclose(alike.weights.sum(), samples.weights.sum(), rtol=1e-12)


def test_a_series_that_never_changes_or_is_hardly_known_has_the_size_of_the_others():
    samples = panel_of(1.0)
    samples.sequences.values[:N_STEPS] = samples.targets[:N_STEPS] = 3.0
    samples.targets[N_STEPS : 2 * N_STEPS - 3] = np.nan
    sizes = sizes_of_series(samples, np.array([0]))
    np.testing.assert_array_equal(sizes[:2], np.median(sizes[2:]))


def test_one_series_has_no_sizes():
    values = np.arange(30.0)[:, None]
    samples = Samples(windows(read_table(values, values), 4), values + 1, np.ones(30), False, ALL_ALIKE)
    assert sizes_of_series(samples, np.array([0])) is None


def test_panels_of_unequal_series_are_forecast_better_and_none_worse(monkeypatch):
    def errors(seed):
        samples, unseen = panel_of(1.0, seed, 16), panel_of(1.0, seed + 100)
        scaler, anchors = Scaler.fit(samples.sequences.values), np.array([0])
        linear = fit_linear(samples, samples, scaler, 4, anchors).final
        left = (unseen.targets - linear.predict(unseen.sequences, False)).reshape(N_SERIES, -1)[:, 4:]
        return (left**2).mean(axis=1) @ (1 / sizes_of_series(unseen, anchors)) / N_SERIES

    own = np.array([errors(seed) for seed in range(24)])
    monkeypatch.setattr("grukit.data.ridge.sizes_of_series", lambda *_: None)
    as_they_are = np.array([errors(seed) for seed in range(24)])
    assert np.exp(np.log(own / as_they_are).mean()) < 0.9, (own, as_they_are)
    assert (own <= 1.02 * as_they_are).all(), (own, as_they_are)
