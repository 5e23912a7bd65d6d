"""The Mackey-Glass and Lorenz paths, compared with closed forms, finer steps and other solvers."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.interpolate import make_interp_spline

from grukit.datasets import make_lorenz, make_mackey_glass
from grukit.datasets._chaos import lorenz_path, mackey_glass_path


def test_mackey_glass_path_equals_the_closed_form_within_the_first_delay():
    # The delayed value is still the constant start, so y' = c - 0.1 y has an exponential solution.
    start, step = 1.15, 0.1
    path = np.array(mackey_glass_path(start, 17, 170, step))
    c = 0.2 * start / (1 + start**10)
    t = step * np.arange(171)
    np.testing.assert_allclose(path, 10 * c + (start - 10 * c) * np.exp(-0.1 * t), rtol=0, atol=1e-9)


@pytest.mark.parametrize("tau", [17, 1, 3.3])
def test_mackey_glass_path_converges_with_the_fourth_order(tau):
    finest = np.array(mackey_glass_path(1.15, tau, 80 * 60, 1 / 80))[::80]
    coarse, fine = (np.abs(np.array(mackey_glass_path(1.15, tau, n * 60, 1 / n))[::n] - finest).max() for n in (10, 20))
    assert coarse < 2e-9
    assert 14 < coarse / fine < 18  # halving the step divides the error by 2**4


def test_mackey_glass_path_interpolates_a_delay_between_grid_points():
    finest = np.array(mackey_glass_path(1.15, 17.03, 100 * 60, 1 / 100))[::100]  # 17.03 is on this grid
    path = np.array(mackey_glass_path(1.15, 17.03, 600, 0.1))[::10]
    np.testing.assert_allclose(path, finest, rtol=0, atol=5e-6)


@pytest.mark.parametrize("tau", [17, 30])
def test_mackey_glass_solves_its_equation(tau):
    frame = make_mackey_glass(1500, tau=tau, random_state=0)
    assert list(frame.columns) == ["y"] and len(frame) == 1500
    y = frame["y"].to_numpy()
    slope = make_interp_spline(np.arange(1500), y, k=7).derivative()(np.arange(1500))
    delayed = y[:-tau]
    expected = 0.2 * delayed / (1 + delayed**10) - 0.1 * y[tau:]
    inner = slice(20, -20)  # the spline is poor at its ends
    np.testing.assert_allclose(slope[tau:][inner], expected[inner], rtol=0, atol=2e-3)
    assert 0.1 < y.min() < 0.5 and 1.2 < y.max() < 1.5


def test_mackey_glass_samples_the_path_after_the_washout():
    start = 1.2 + np.random.RandomState(5).uniform(-0.1, 0.1)
    fine = mackey_glass_path(start, 17, 20 * (850 + 99), 0.05)[20 * 850 :: 20]
    np.testing.assert_allclose(make_mackey_glass(100, random_state=5)["y"], fine, rtol=0, atol=1e-6)


def lorenz_slope(_, state):
    x, y, z = state
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


@pytest.mark.parametrize("dt", [0.01, 0.004, 0.05])
def test_lorenz_solves_its_equations(dt):
    frame = make_lorenz(round(0.5 / dt) + 1, dt=dt, random_state=0)
    assert list(frame.columns) == ["x", "y", "z"] and frame.index.name == "time"
    np.testing.assert_allclose(frame.index, dt * np.arange(len(frame)), rtol=0, atol=1e-12)
    solution = solve_ivp(lorenz_slope, (0, 0.6), frame.iloc[0], "DOP853", t_eval=frame.index, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(frame, solution.y.T, rtol=0, atol=5e-4)


def test_lorenz_path_converges_with_the_fourth_order():
    start = np.array([-8.0, 7.0, 27.0])
    finest = lorenz_path(start, 0.1, 1, max_step=0.0005)[-1]
    errors = [np.abs(lorenz_path(start, 0.1, 1, max_step=h)[-1] - finest).max() for h in (0.005, 0.0025)]
    assert errors[0] < 1e-5
    assert 12 < errors[0] / errors[1] < 20


def test_lorenz_stays_on_the_attractor_and_changes_wings():
    frame = make_lorenz(1500, dt=0.05, random_state=0)
    assert frame["x"].abs().max() < 21 and frame["y"].abs().max() < 29
    assert frame["z"].between(0, 50).all()
    assert frame["z"].mean() == pytest.approx(23.5, abs=1)  # long-run mean of z on the attractor
    assert (np.diff(np.sign(frame["x"])) != 0).sum() > 20
