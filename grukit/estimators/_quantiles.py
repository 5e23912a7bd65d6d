"""Quantiles of forecasts: the levels, their outputs of the network, and pairs of them that intervals widen."""

from typing import Any

import numpy as np

MEDIAN = 0.5


def check_levels(quantiles: Any, loss: str, strategy: str) -> None:
    """Raise for what are no levels of quantiles, or cannot be trained with the other parameters.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    if quantiles is None:
        return
    given = list(quantiles)
    numbers = all(isinstance(each, int | float | np.number) and not isinstance(each, bool) for each in given)
    if not numbers or not all(0 < each < 1 for each in given) or sorted(set(given)) != given:
        raise ValueError(f"quantiles must be numbers between 0 and 1, each above the one before; got {quantiles!r}.")
    if MEDIAN not in levels_of(quantiles):
        raise ValueError(f"quantiles must have 0.5 among them, the median, which predict gives; got {quantiles!r}.")
    if loss != "squared_error":
        raise ValueError(f"quantiles are trained by the pinball loss; got loss={loss!r}. Leave it as it is by default.")
    if strategy == "recursive":
        raise ValueError(
            "strategy='recursive' feeds a forecast back as if it were known, of which the next step's quantiles know "
            "nothing. Use 'direct'."
        )


def levels_of(quantiles: Any) -> tuple[float, ...]:
    """The levels as numbers without what computing them left, as of ``0.1 * 3``; none where there are none."""
    return () if quantiles is None else tuple(round(float(each), 12) for each in quantiles)


def median_of(levels: tuple[float, ...]) -> int:
    """Number of the median; that of the one forecast, where there are no levels."""
    return levels.index(MEDIAN) if levels else 0


def point_of(levels: tuple[float, ...], ahead: np.ndarray) -> np.ndarray:
    """The forecast (...) among quantiles (..., M): their median; itself where there is one of each step."""
    return ahead[..., median_of(levels) if ahead.shape[-1] > 1 else 0]


def in_order(outputs: np.ndarray) -> np.ndarray:
    """Quantiles (..., M) of which none crosses another: each step's in ascending order.

    That never raises the pinball loss, and lowers it wherever two had crossed (Chernozhukov, Fernandez-Val and Galichon
    2010, Quantile and Probability Curves Without Crossing).
    """
    return np.sort(outputs, axis=-1)


def pairs_of(levels: tuple[float, ...]) -> list[tuple[int, int]]:
    """Numbers of a lower and an upper quantile that an interval is between, the widest first; at last the median twice.

    Without levels there is the forecast alone, which is both.
    """
    n, middle = len(levels), median_of(levels)
    pairs = [(i, n - 1 - i) for i in range(n // 2) if i < middle < n - 1 - i]
    return [*pairs, (middle, middle)]


def nearest_pair(levels: tuple[float, ...], coverage: float) -> int:
    """Which of the pairs covers nearest to ``coverage`` by itself; of two, the wider."""
    if not levels:
        return 0
    shares = [levels[high] - levels[low] for low, high in pairs_of(levels)]
    return int(np.argmin(np.abs(np.array(shares) - coverage).round(9)))


def chosen_levels(levels: tuple[float, ...], asked: Any) -> list[int]:
    """Numbers of the levels that are asked for.

    Raises
    ------
    ValueError
        Where none were trained, or others.
    """
    if not levels:
        raise ValueError(
            "The model was fitted without quantiles: fit with quantiles=(0.1, 0.5, 0.9) or others, or ask for "
            "predict_interval, which needs none."
        )
    wanted = list(levels) if asked is None else np.ravel(np.asarray(asked, dtype=object)).tolist()
    known = all(isinstance(each, int | float | np.number) for each in wanted) and set(levels_of(wanted)) <= set(levels)
    if not known or not wanted:
        raise ValueError(f"quantiles must be among those of fit, {list(levels)}; got {asked!r}.")
    return [levels.index(each) for each in levels_of(wanted)]
