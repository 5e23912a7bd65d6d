"""Generators of two chaotic systems, integrated by the fourth-order Runge-Kutta method."""

import math
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from grukit.datasets._generators import Number, RandomState, count, validated


def _mackey_glass_slope(y: float, delayed: float) -> float:
    return 0.2 * delayed / (1.0 + delayed**10) - 0.1 * y


def _hermite(path: list[float], rises: list[float], position: float) -> float:
    """Interpolate between grid points by cubics; lines would spoil the fourth order of the method."""
    k = int(position)
    s = position - k
    left = path[k] * (1 + 2 * s) + rises[k] * s
    right = path[k + 1] * (3 - 2 * s) - rises[k + 1] * (1 - s)
    return left * (1 - s) ** 2 + right * s**2


def mackey_glass_path(start: float, tau: float, n_steps: int, step: float) -> list[float]:
    """Integrate the Mackey-Glass equation from the constant history ``start`` up to time 0.

    Parameters
    ----------
    start : float
        Value at every time up to and including 0.
    tau : float
        Delay; at least ``2 * step``, so that every delayed value is already known.
    n_steps : int
        Number of Runge-Kutta steps.
    step : float
        Length of a step.

    Returns
    -------
    list of float, length n_steps + 1
        Values at the times ``0, step, 2 * step, ...``.
    """
    lag = tau / step
    path, rises = [start], [0.0]  # a rise is a grid point's slope times ``step``

    def delayed(position: float) -> float:
        return _hermite(path, rises, position - lag) if position > lag else start

    for i in range(n_steps):
        y, middle = path[i], delayed(i + 0.5)
        k1 = _mackey_glass_slope(y, delayed(i))
        rises[i] = step * k1
        k2 = _mackey_glass_slope(y + step / 2 * k1, middle)
        k3 = _mackey_glass_slope(y + step / 2 * k2, middle)
        k4 = _mackey_glass_slope(y + step * k3, delayed(i + 1))
        path.append(y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
        rises.append(0.0)  # filled in when the next step begins
    return path


def _lorenz_slope(state: np.ndarray) -> np.ndarray:
    x, y, z = state.tolist()
    return np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def lorenz_path(start: np.ndarray, dt: float, n_steps: int, max_step: float = 0.01) -> np.ndarray:
    """Integrate the Lorenz equations and keep a row every ``dt``.

    Parameters
    ----------
    start : ndarray of shape (3,)
        State (x, y, z) at time 0.
    dt : float
        Time between rows, in seconds.
    n_steps : int
        Number of rows after the first.
    max_step : float, default=0.01
        Longest Runge-Kutta step, in seconds; ``dt`` is divided into equal steps no longer than this.

    Returns
    -------
    ndarray of shape (n_steps + 1, 3)
        States at the times ``0, dt, 2 * dt, ...``.
    """
    n_substeps = max(1, math.ceil(dt / max_step - 1e-9))  # 1e-9: dt == max_step is one step
    step = dt / n_substeps
    path = np.empty((n_steps + 1, 3))
    path[0] = state = start
    for row in range(1, n_steps + 1):
        for _ in range(n_substeps):
            k1 = _lorenz_slope(state)
            k2 = _lorenz_slope(state + step / 2 * k1)
            k3 = _lorenz_slope(state + step / 2 * k2)
            k4 = _lorenz_slope(state + step * k3)
            state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path[row] = state
    return path


@validated(n_steps=count(1), tau=[Number(Real, 1, None, closed="left")])
def make_mackey_glass(n_steps: int = 2000, *, tau: float = 17, random_state: RandomState = None) -> pd.DataFrame:
    """Make the Mackey-Glass series, chaotic for the default delay.

    ``y'(t) = 0.2 y(t - tau) / (1 + y(t - tau)**10) - 0.1 y(t)`` [1]_, integrated by the fourth-order
    Runge-Kutta method with step 0.1 and sampled every 1 time unit, after a washout of 50 delays.

    Parameters
    ----------
    n_steps : int, default=2000
        Number of rows, at least 1.
    tau : float, default=17
        Delay in time units, at least 1.
    random_state : int, RandomState or None, default=None
        Seed or source of randomness; it sets the constant history, 1.2 plus uniform on [-0.1, 0.1).

    Returns
    -------
    DataFrame of shape (n_steps, 1)
        Column ``y``, one row per time unit.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] Mackey, M. C. and Glass, L. (1977), Science 197(4300), 287-289.
    """
    start = 1.2 + check_random_state(random_state).uniform(-0.1, 0.1)
    washout = math.ceil(50 * tau)
    path = mackey_glass_path(start, tau, 10 * (washout + n_steps - 1), 0.1)
    return pd.DataFrame({"y": path[10 * washout :: 10]})


@validated(n_steps=count(1), dt=[Number(Real, 0, None, closed="neither")])
def make_lorenz(n_steps: int = 2000, *, dt: float = 0.01, random_state: RandomState = None) -> pd.DataFrame:
    """Make a path on the Lorenz attractor.

    ``x' = 10 (y - x)``, ``y' = x (28 - z) - y``, ``z' = x y - 8/3 z`` [1]_, integrated by the fourth-order
    Runge-Kutta method with steps of at most 0.01 s, after a washout of 20 s.

    Parameters
    ----------
    n_steps : int, default=2000
        Number of rows, at least 1.
    dt : float, default=0.01
        Time between rows in seconds, above 0.
    random_state : int, RandomState or None, default=None
        Seed or source of randomness; it sets the start, (1, 1, 1) plus uniform on [-0.5, 0.5).

    Returns
    -------
    DataFrame of shape (n_steps, 3)
        Columns ``x``, ``y`` and ``z``; the float index ``time`` is in seconds and starts at 0.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] Lorenz, E. N. (1963), Journal of the Atmospheric Sciences 20(2), 130-141.
    """
    start = 1.0 + check_random_state(random_state).uniform(-0.5, 0.5, 3)
    washed = lorenz_path(start, 20.0, 1)[-1]
    index = pd.Index(np.arange(n_steps) * dt, name="time")
    return pd.DataFrame(lorenz_path(washed, dt, n_steps - 1), index=index, columns=["x", "y", "z"])
