"""The generated problems, verified against their defining formulas."""

import numpy as np
import pandas as pd
import pytest

from grukit import datasets
from grukit.datasets import (
    make_adding_problem,
    make_copy_memory,
    make_lorenz,
    make_mackey_glass,
    make_narma,
    make_sines,
)

GENERATORS = [getattr(datasets, name) for name in datasets.__all__ if name.startswith("make_")]


def arrays(result):
    return [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("make", GENERATORS)
def test_same_seed_same_bits_other_seed_other_bits(make):
    state = np.random.get_state()[1].copy()
    first, again, other = (arrays(make(random_state=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # the global source is left alone
    for a, b, c in zip(first, again, other, strict=True):
        assert a.tobytes() == b.tobytes()
        assert not np.array_equal(a, c)


@pytest.mark.parametrize("make", GENERATORS)
def test_random_state_object_is_used_and_advanced(make):
    source = np.random.RandomState(3)
    from_object, next_draw = arrays(make(random_state=source)), arrays(make(random_state=source))
    for a, b, c in zip(from_object, arrays(make(random_state=3)), next_draw, strict=True):
        assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize("make", GENERATORS)
def test_random_state_none_differs_between_calls(make):
    assert not np.array_equal(arrays(make())[0], arrays(make())[0])


@pytest.mark.parametrize(
    ("make", "arguments", "words"),
    [
        (make_adding_problem, {"n_sequences": 0}, r"'n_sequences' parameter .* range \[1, inf\). Got 0"),
        (make_adding_problem, {"n_steps": 1}, r"'n_steps' parameter .* range \[2, inf\). Got 1"),
        (make_copy_memory, {"n_sequences": 2.5}, r"'n_sequences' parameter .* int .* Got 2.5"),
        (make_copy_memory, {"n_steps": 0}, r"'n_steps' parameter .* range \[1, inf\). Got 0"),
        (make_copy_memory, {"n_symbols": 0}, r"'n_symbols' parameter .* range \[1, inf\). Got 0"),
        (make_narma, {"n_steps": -1}, r"'n_steps' parameter .* range \[1, inf\). Got -1"),
        (make_mackey_glass, {"n_steps": 0}, r"'n_steps' parameter .* Got 0"),
        (make_mackey_glass, {"tau": 0.5}, r"'tau' parameter .* range \[1.0, inf\). Got 0.5"),
        (make_mackey_glass, {"tau": np.nan}, r"'tau' parameter .* Got nan"),
        (make_lorenz, {"n_steps": 0}, r"'n_steps' parameter .* Got 0"),
        (make_lorenz, {"dt": 0.0}, r"'dt' parameter .* range \(0.0, inf\). Got 0.0"),
        (make_lorenz, {"dt": np.inf}, r"'dt' parameter .* Got inf"),
        (make_sines, {"n_steps": 0}, r"'n_steps' parameter .* Got 0"),
        (make_sines, {"n_steps": True}, r"'n_steps' parameter .* Got True"),
        (make_adding_problem, {"n_sequences": np.True_}, r"'n_sequences' parameter .* Got (np.)?True"),
        (make_mackey_glass, {"tau": True}, r"'tau' parameter .* Got True"),
        (make_sines, {"noise": -0.1}, r"'noise' parameter .* range \[0.0, inf\). Got -0.1"),
        (make_sines, {"periods": 24}, r"'periods' parameter .* array-like. Got 24"),
        (make_sines, {"periods": ()}, r"periods must be one or more finite numbers above 0, got \(\)"),
        (make_sines, {"periods": (24, 0)}, r"periods must be .* above 0, got \(24, 0\)"),
        (make_sines, {"periods": (24, np.inf)}, r"periods must be .* finite"),
        (make_sines, {"periods": ["a day"]}, r"periods must be .* numbers .* got \['a day'\]"),
        (make_sines, {"periods": [[24, 12]]}, r"periods must be .* got \[\[24, 12\]\]"),
    ],
)
def test_bad_parameter_is_named(make, arguments, words):
    with pytest.raises(ValueError, match=words):
        make(**arguments)


@pytest.mark.parametrize("make", GENERATORS)
def test_bad_random_state_is_named(make):
    with pytest.raises(ValueError, match="'random_state' parameter"):
        make(random_state="today")


def test_adding_problem_sums_the_two_marked_numbers():
    X, y = make_adding_problem(500, 30, random_state=0)
    assert X.shape == (500, 30, 2) and y.shape == (500,)
    assert X[:, :, 0].min() >= 0 and X[:, :, 0].max() < 1
    for sequence, target in zip(X, y, strict=True):
        places = np.flatnonzero(sequence[:, 1])
        assert len(places) == 2 and (sequence[places, 1] == 1).all()
        assert target == pytest.approx(sequence[places, 0].sum(), abs=1e-15)


def test_adding_problem_draws_every_pair_of_places_equally_often():
    X, _ = make_adding_problem(20_000, 5, random_state=0)
    pairs, counts = np.unique(X[:, :, 1], axis=0, return_counts=True)
    assert len(pairs) == 10
    np.testing.assert_allclose(counts / 20_000, 0.1, atol=0.01)  # five standard deviations


def test_adding_problem_baseline_error_is_one_sixth():
    _, y = make_adding_problem(50_000, 2, random_state=0)
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, abs=0.005)
    X, y = make_adding_problem(3, 2, random_state=0)  # the shortest: both places are marked
    np.testing.assert_allclose(y, X[:, 0, 0] + X[:, 1, 0])


@pytest.mark.parametrize(("n_steps", "n_symbols"), [(50, 10), (1, 1), (7, 3)])
def test_copy_memory_layout(n_steps, n_symbols):
    X, y = make_copy_memory(40, n_steps, n_symbols, random_state=1)
    assert X.shape == (40, n_steps + 2 * n_symbols, 1) and X.dtype == np.float64
    assert y.shape == X.shape[:2] and y.dtype == np.int64
    for inputs, labels in zip(X[:, :, 0], y, strict=True):
        symbols = inputs[:n_symbols]
        assert set(symbols) <= set(range(1, 9))
        rest = [0] * (n_steps - 1) + [9] * (n_symbols + 1)
        assert inputs[n_symbols:].tolist() == rest
        assert labels.tolist() == [0] * (n_steps + n_symbols) + symbols.astype(int).tolist()


def test_copy_memory_symbols_are_uniform():
    _, y = make_copy_memory(2000, 1, random_state=1)
    values, counts = np.unique(y[:, -10:], return_counts=True)
    assert values.tolist() == list(range(1, 9))
    np.testing.assert_allclose(counts / 20_000, 1 / 8, atol=0.012)


def check_narma(frame):
    """Check every step that has its ten predecessors; return the largest output."""
    u, y = frame["u"].to_numpy(), frame["y"].to_numpy()
    t = np.arange(9, len(y) - 1)
    recent = np.lib.stride_tricks.sliding_window_view(y, 10)[: len(t)].sum(axis=1)
    expected = 0.3 * y[t] + 0.05 * y[t] * recent + 1.5 * u[t - 9] * u[t] + 0.1
    np.testing.assert_allclose(y[t + 1], expected, rtol=0, atol=1e-13)
    assert 0 <= u.min() and u.max() < 0.5 and y.min() > 0
    return y.max()


def test_narma_follows_its_recurrence():
    frame = make_narma(random_state=0)
    assert list(frame.columns) == ["u", "y"] and len(frame) == 2000
    assert check_narma(frame) <= 1
    assert len(make_narma(1)) == 1


@pytest.mark.parametrize(("seed", "n_redraws"), [(0, 0), (1, 1), (5, 4)])
def test_narma_redraws_the_last_hundred_inputs_where_it_diverges(seed, n_redraws):
    frame = make_narma(20_000, random_state=seed)
    first_draw = np.random.RandomState(seed).uniform(0, 0.5, 20_200)[200:]
    assert (frame["u"] != first_draw).sum() == 100 * n_redraws
    assert check_narma(frame) <= 1
    assert frame["u"].mean() == pytest.approx(0.25, abs=0.005)
    assert frame["u"].std() == pytest.approx(0.5 / np.sqrt(12), abs=0.003)


def test_narma_starts_in_its_stationary_state():
    first = [make_narma(1, random_state=seed)["y"].iloc[0] for seed in range(300)]
    later = make_narma(20_000, random_state=0)["y"]
    assert np.mean(first) == pytest.approx(later.mean(), abs=5 * later.std() / np.sqrt(300))


def fit_sines(frame, periods):
    """Fit a sine and a cosine of each period; return the amplitudes and the residuals."""
    angles = 2 * np.pi * np.arange(len(frame))[:, None] / np.array(periods)
    design = np.hstack([np.sin(angles), np.cos(angles)])
    coefficients = np.linalg.lstsq(design, frame["y"].to_numpy(), rcond=None)[0]
    return np.hypot(*coefficients.reshape(2, -1)), frame["y"].to_numpy() - design @ coefficients


def test_sines_without_noise_are_unit_sines():
    periods = (24, 37.7, 168)
    frame = make_sines(noise=0, random_state=0)
    amplitudes, residuals = fit_sines(frame, periods)
    np.testing.assert_allclose(amplitudes, 1, rtol=0, atol=1e-10)
    np.testing.assert_allclose(residuals, 0, rtol=0, atol=1e-10)
    assert frame.index.equals(pd.date_range("2000-01-01", periods=5000, freq="h"))
    assert frame.index.freqstr == "h" and list(frame.columns) == ["y"]


@pytest.mark.parametrize(("noise", "periods"), [(0.2, (24, 37.7, 168)), (1.5, [10])])
def test_sines_noise_level_is_the_least_one_step_error(noise, periods):
    amplitudes, residuals = fit_sines(make_sines(20_000, periods=periods, noise=noise, random_state=0), periods)
    np.testing.assert_allclose(amplitudes, 1, rtol=0, atol=0.05 * noise)
    assert np.mean(residuals**2) == pytest.approx(noise**2, rel=0.05)
    assert abs(np.corrcoef(residuals[1:], residuals[:-1])[0, 1]) < 0.03  # nothing left to predict


def test_sines_phases_are_uniform_over_the_circle():
    first = [make_sines(1, periods=[24], noise=0, random_state=seed)["y"].iloc[0] for seed in range(400)]
    phases = np.sort(np.arcsin(first))  # uniform on [-pi/2, pi/2] if the phase is uniform
    np.testing.assert_allclose(phases, np.linspace(-np.pi / 2, np.pi / 2, 400), rtol=0, atol=0.3)
