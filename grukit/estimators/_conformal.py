"""Intervals of forecasts by conformal calibration, for each step ahead by itself."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

MOST_SCORES = 500  # origins of a series whose errors are kept,
MOST_NUMBERS = 4_000_000  # and numbers of all series, unless that leaves too few of each


@dataclass(frozen=True)
class Scores:
    """Errors of forecasts whose truth was no part of training: what intervals must be widened by to hold it.

    Attributes
    ----------
    errors : dict of series key -> ndarray of shape (n, H, P)
        In standard deviations of the series, of origins in the order of time; NaN, where the truth was not known. P pairs of
        quantiles, or one forecast.
    residuals : dict of series key -> ndarray of shape (n, H)
        Truths less forecasts, or medians, from the same origins.
    """

    errors: dict[tuple[Any, ...], np.ndarray]
    residuals: dict[tuple[Any, ...], np.ndarray]

    @classmethod
    def of(cls, keys: list[tuple[Any, ...]], errors: list[np.ndarray], residuals: list[np.ndarray]) -> "Scores":
        """From errors (n, H, P) and residuals (n, H) of each series; origins of which none is known are left out."""
        kept, signed = {}, {}
        for key, each, own in zip(keys, errors, residuals, strict=True):
            known = ~np.isnan(own).all(axis=1)
            if known.any():
                kept[key], signed[key] = each[known], own[known]
        return cls(kept, signed)

    @property
    def n(self) -> int:
        """Origins that were kept, of all series."""
        return sum(map(len, self.errors.values()))

    @cached_property
    def _ascending(self) -> dict[tuple[Any, ...], np.ndarray]:
        """The errors of each step in ascending order, unknown ones last."""
        return {key: np.sort(each, axis=0) for key, each in self.errors.items()}

    @cached_property
    def _together(self) -> np.ndarray:
        """Those of all series."""
        return np.sort(np.concatenate(list(self.errors.values())), axis=0)

    def margins(self, keys: list[tuple[Any, ...]], coverage: float, pair: int = 0) -> np.ndarray:
        """What intervals of series are widened by on both sides, (S, H), in standard deviations; below zero: narrowed.

        The ceil((n + 1) coverage)-th smallest of the n errors of a step (Vovk, Gammerman and Shafer 2005; Lei et al. 2018):
        those of the series itself where they are enough, otherwise those of all series.

        Raises
        ------
        ValueError
            Where there are too few errors for such a coverage.
        """
        H = next(iter(self.errors.values())).shape[1]
        nothing = np.full(H, np.nan)
        found = [_ranked(self._ascending[key][..., pair], coverage) if key in self.errors else nothing for key in keys]
        margins = np.array(found)
        if np.isnan(margins).any():
            every = self._together[..., pair]
            margins = np.where(np.isnan(margins), _ranked(every, coverage), margins)
        if np.isnan(margins).any():
            counts = (~np.isnan(every)).sum(axis=0)
            raise ValueError(
                f"coverage={coverage:g} needs the errors of {int(np.ceil(coverage / (1 - coverage) - 1e-9))} origins; there "
                f"are {counts.min()}, {int(np.argmin(counts)) + 1} steps ahead. Use a smaller coverage, a longer y or a "
                "larger calibration_fraction."
            )
        return margins


def thinned(series: np.ndarray, horizon: int, fewest: int, parts: int = 1) -> np.ndarray:
    """Numbers of the origins (n,) whose errors are kept, evenly of each series.

    Parameters
    ----------
    series : ndarray of shape (n,)
        The series of each origin, whose origins are in order.
    horizon : int
        Steps ahead.
    fewest : int
        Origins of a series that are kept, if it has them.
    parts : int, default=1
        Of how many these are one, that share the numbers which are kept, and the fewest.
    """
    counts = np.bincount(series)
    most = min(MOST_SCORES, max(-(-fewest // parts), MOST_NUMBERS // (parts * horizon * int((counts > 0).sum()))))
    order = np.argsort(series, kind="stable")
    within = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[within % np.repeat(-(-counts // most), counts).clip(1) == 0])


def rank_of(n: Any, coverage: Any) -> Any:
    """Which of n errors, in ascending order, is as wide as an interval is: the ceil((n + 1) coverage)-th."""
    return np.ceil((n + 1) * coverage - 1e-9).astype(int)  # so that 10 * 0.9 is 9


def _ranked(errors: np.ndarray, coverage: float) -> np.ndarray:
    """The ceil((n + 1) coverage)-th smallest of the n known errors of each step (H,), of (N, H) in order; NaN of too few."""
    n = (~np.isnan(errors)).sum(axis=0)
    rank = rank_of(n, coverage)
    found = errors[np.minimum(rank, len(errors)) - 1, np.arange(len(n))]
    return np.where(rank <= n, found, np.nan)


def check_coverages(coverage: Any) -> list[float]:
    """The coverages asked for, one or several.

    Raises
    ------
    ValueError
        For one that is not between 0 and 1, or there twice.
    """
    coverages = [coverage] if np.ndim(coverage) == 0 else list(coverage)
    if not coverages or not all(isinstance(each, int | float | np.number) and 0 < each < 1 for each in coverages):
        raise ValueError(f"coverage must be a number between 0 and 1, or several; got {coverage!r}.")
    if len(set(coverages)) < len(coverages):
        raise ValueError(f"coverage has the same number twice; got {coverage!r}.")
    return [float(each) for each in coverages]
