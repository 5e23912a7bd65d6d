"""Generators of standard sequence problems with known targets."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

RandomState = int | np.random.RandomState | None
Function = TypeVar("Function", bound=Callable[..., Any])


class Number(Interval):
    """A number in an interval; True and False, which Python counts among the integers, are none."""

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether ``val`` is one."""
        return not isinstance(val, bool | np.bool_) and bool(super().is_satisfied_by(val))


def count(least: int) -> list[Any]:
    """Return the constraint of an integer parameter of at least ``least``."""
    return [Number(Integral, least, None, closed="left")]


def validated(**constraints: list[Any]) -> Callable[[Function], Function]:
    """Check the arguments of a generator; the ValueError names the offending parameter."""
    constraints["random_state"] = ["random_state"]
    return validate_params(constraints, prefer_skip_nested_validation=True)


@validated(n_sequences=count(1), n_steps=count(2))
def make_adding_problem(
    n_sequences: int = 1000, n_steps: int = 200, *, random_state: RandomState = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make the adding problem: sum the two marked numbers of a sequence.

    Channel 0 is uniform on [0, 1). Channel 1 is 0 but for two ones, at distinct places drawn uniformly
    over the whole sequence, as in [1]_ (others draw one place from each half).

    Parameters
    ----------
    n_sequences, n_steps : int, default=1000 and 200
        Number of sequences (at least 1) and steps in each (at least 2).
    random_state : int, RandomState or None, default=None
        Seed or source of randomness.

    Returns
    -------
    X : ndarray of shape (n_sequences, n_steps, 2)
        Numbers and marks.
    y : ndarray of shape (n_sequences,)
        ``sum_t X[:, t, 0] * X[:, t, 1]``. Predicting 1 for all has an expected squared error of 1/6.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] Bai, S., Kolter, J. Z. and Koltun, V. (2018), arXiv:1803.01271.
    """
    rng = check_random_state(random_state)
    X = np.zeros((n_sequences, n_steps, 2))
    X[:, :, 0] = rng.uniform(size=(n_sequences, n_steps))
    first = rng.randint(n_steps, size=n_sequences)
    second = (first + rng.randint(1, n_steps, size=n_sequences)) % n_steps  # any place but the first
    rows = np.arange(n_sequences)
    X[rows, first, 1] = X[rows, second, 1] = 1.0
    return X, X[rows, first, 0] + X[rows, second, 0]


@validated(n_sequences=count(1), n_steps=count(1), n_symbols=count(1))
def make_copy_memory(
    n_sequences: int = 1000, n_steps: int = 50, n_symbols: int = 10, *, random_state: RandomState = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make the copy-memory problem: repeat the first symbols after a long blank.

    A sequence of ``T = n_steps + 2 * n_symbols`` steps is ``n_symbols`` symbols drawn uniformly from
    1..8, then ``n_steps - 1`` blanks 0, then ``n_symbols + 1`` nines, the first of them the delimiter
    [1]_. The target is 0 until the last ``n_symbols`` steps, which repeat the symbols.

    Parameters
    ----------
    n_sequences, n_steps, n_symbols : int, default=1000, 50 and 10
        Numbers of sequences, of steps to remember over, and of symbols; each at least 1.
    random_state : int, RandomState or None, default=None
        Seed or source of randomness.

    Returns
    -------
    X : ndarray of shape (n_sequences, T, 1)
        Inputs, as float64.
    y : ndarray of shape (n_sequences, T)
        Labels 0..8, as int64. Guessing without memory costs ``n_symbols * ln(8) / T`` nats a step.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] Bai, S., Kolter, J. Z. and Koltun, V. (2018), arXiv:1803.01271.
    """
    symbols = check_random_state(random_state).randint(1, 9, size=(n_sequences, n_symbols))
    X = np.zeros((n_sequences, n_steps + 2 * n_symbols, 1))
    X[:, :n_symbols, 0] = symbols
    X[:, -n_symbols - 1 :, 0] = 9.0
    y = np.zeros(X.shape[:2], dtype=np.int64)
    y[:, -n_symbols:] = symbols
    return X, y


@validated(n_steps=count(1))
def make_narma(n_steps: int = 2000, *, random_state: RandomState = None) -> pd.DataFrame:
    """Make the NARMA-10 system: a nonlinear moving average of random input.

    ``y[t+1] = 0.3 y[t] + 0.05 y[t] sum_{i=0..9} y[t-i] + 1.5 u[t-9] u[t] + 0.1`` [1]_ with ``u`` uniform
    on [0, 0.5). Some inputs make it diverge: where ``y`` passes 1 (with the input at its mean, 1.02 is an
    unstable fixed point) the inputs of the last 100 steps are rejected and redrawn.

    Parameters
    ----------
    n_steps : int, default=2000
        Number of rows, at least 1; 200 earlier steps from rest are washed out.
    random_state : int, RandomState or None, default=None
        Seed or source of randomness.

    Returns
    -------
    DataFrame of shape (n_steps, 2)
        Columns ``u`` and ``y`` (0 < y <= 1); row ``t`` holds ``u[t]`` and ``y[t]``.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] Atiya, A. F. and Parlos, A. G. (2000), IEEE Transactions on Neural Networks 11(3), 697-709.
    """
    rng, total = check_random_state(random_state), 200 + n_steps
    u, y, t = rng.uniform(0, 0.5, total).tolist(), [0.0] * total, 9
    while t < total - 1:
        y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * sum(y[t - 9 : t + 1]) + 1.5 * u[t - 9] * u[t] + 0.1
        t += 1
        if y[t] > 1:
            back = max(9, t - 100)
            u[back:t] = rng.uniform(0, 0.5, t - back).tolist()
            t = back
    return pd.DataFrame({"u": u[-n_steps:], "y": y[-n_steps:]})


def _check_periods(periods: Sequence[float]) -> np.ndarray:
    try:
        lengths = np.asarray(periods, dtype=float)
    except (TypeError, ValueError):  # words, or rows of unequal length
        lengths = np.empty(0)
    if lengths.ndim != 1 or lengths.size == 0 or not np.all(np.isfinite(lengths) & (lengths > 0)):
        raise ValueError(f"periods must be one or more finite numbers above 0, got {periods!r}")
    return lengths


@validated(n_steps=count(1), periods=["array-like"], noise=[Number(Real, 0, None, closed="left")])
def make_sines(
    n_steps: int = 5000,
    *,
    periods: Sequence[float] = (24, 37.7, 168),
    noise: float = 0.2,
    random_state: RandomState = None,
) -> pd.DataFrame:
    """Make an hourly sum of unit sines with random phases in Gaussian noise.

    ``y[t] = sum_k sin(2 pi t / periods[k] + phase[k]) + noise * e[t]`` with ``phase`` uniform on
    [0, 2 pi) and ``e`` standard normal. The noise cannot be predicted, so no one-step forecast has an
    expected squared error below ``noise**2``.

    Parameters
    ----------
    n_steps : int, default=5000
        Number of rows, at least 1.
    periods : sequence of float, default=(24, 37.7, 168)
        Periods in hours, each finite and above 0.
    noise : float, default=0.2
        Standard deviation of the noise, at least 0.
    random_state : int, RandomState or None, default=None
        Seed or source of randomness.

    Returns
    -------
    DataFrame of shape (n_steps, 1)
        Column ``y``; the hourly index ``time`` starts at 2000-01-01 00:00.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    """
    lengths, rng = _check_periods(periods), check_random_state(random_state)
    phases = rng.uniform(0, 2 * np.pi, lengths.size)
    angles = 2 * np.pi * np.arange(n_steps)[:, None] / lengths + phases
    y = np.sin(angles).sum(axis=1) + noise * rng.standard_normal(n_steps)
    return pd.DataFrame({"y": y}, index=pd.date_range("2000-01-01", periods=n_steps, freq="h", name="time"))
