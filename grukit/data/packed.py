"""Series as files hold them: the stamps of all in one array, and each index that several share once."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from grukit.data.grid import Grid
from grukit.data.series import SeriesForm, SeriesSet
from grukit.data.times import SECONDS, kind_of

KINDS = ("series", "frame", "panel")


class PackedSeries(NamedTuple):
    """A :class:`SeriesSet` as numbers.

    Attributes
    ----------
    values, offsets, keys, grid, form
        As there.
    stamps : ndarray of shape (M,)
        The indexes, one after another, as numbers: times and durations in units of their type, periods as ordinals.
    dtype : dtype
        Type of the indexes.
    bounds : ndarray of shape (I + 1,)
        Index i is ``stamps[bounds[i] : bounds[i + 1]]``.
    which : ndarray of shape (S,)
        The index of each series.
    """

    values: np.ndarray
    offsets: np.ndarray
    keys: list[tuple[Any, ...]]
    stamps: np.ndarray
    dtype: Any
    bounds: np.ndarray
    which: np.ndarray
    grid: Grid
    form: SeriesForm

    @classmethod
    def of(cls, series: SeriesSet) -> "PackedSeries":
        """Series, packed."""
        own = {id(times): times for times in series.times}
        number = {key: i for i, key in enumerate(own)}
        indexes = list(own.values())
        whole = indexes[0].append(indexes[1:]) if len(indexes) > 1 else indexes[0]
        return cls(
            series.values,
            series.offsets,
            series.keys,
            _numbers_of(whole),
            whole.dtype,
            np.append(0, np.cumsum([len(each) for each in indexes])),
            np.array([number[id(times)] for times in series.times]),
            series.grid,
            series.form,
        )

    def opened(self) -> SeriesSet:
        """The series.

        Raises
        ------
        ValueError
            Where these are none, saying what is wrong.
        """
        _check_bounds(self.offsets, len(self.values), "offsets")
        _check_bounds(self.bounds, len(self.stamps), "bounds")
        S, n_indexes = len(self.keys), len(self.bounds) - 1
        _demand(self.values.ndim == 1 and self.values.dtype == np.float64, "values are no series of float64.")
        _demand(not np.isinf(self.values).any(), "values hold infinity.")
        _demand(
            self.which.shape == (S,) and self.which.dtype == np.int64, "which does not tell an index of each series."
        )
        _demand(((self.which >= 0) & (self.which < n_indexes)).all(), "which tells of an index that is not there.")
        _demand(len(self.offsets) == S + 1, "offsets are not those of as many series as there are keys.")
        _demand(
            (np.diff(self.bounds)[self.which] == np.diff(self.offsets)).all(),
            "indexes are not as long as their series.",
        )
        _check_keys(self.keys, self.form)
        whole = _index_of(self.stamps, self.dtype)
        _demand(not whole.hasnans and kind_of(whole) == self.grid.kind, f"its stamps are not {self.grid.kind!r:.80}.")
        _check_rising(self.stamps, self.bounds)
        _check_step(self.grid, whole)
        indexes = [whole[first:last] for first, last in zip(self.bounds[:-1], self.bounds[1:], strict=True)]
        times = [indexes[i] for i in self.which]
        return SeriesSet(self.values, self.offsets, self.keys, times, self.grid, self.form)


def are_of_kind(kind: str, stamps: list[Any]) -> bool:
    """Whether entries of an index are all of a kind, see :func:`grukit.data.times.kind_of`, and there is one."""
    index = pd.Index(stamps, tupleize_cols=False)
    return len(index) > 0 and not index.hasnans and kind_of(index) == kind


def _demand(true: Any, message: str) -> None:
    if not true:
        raise ValueError(message)


def _numbers_of(index: pd.Index) -> np.ndarray:
    """The entries of an index of times, periods or numbers, as numbers."""
    if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
        return index.asi8
    dtype: Any = index.dtype if isinstance(index.dtype, np.dtype) else None
    if dtype is None:  # pandas' own or Arrow's
        dtype = np.float64 if pd.api.types.is_float_dtype(index.dtype) else np.int64
    return index.to_numpy(dtype=dtype)


def _index_of(numbers: np.ndarray, dtype: Any) -> pd.Index:
    """The index of such entries."""
    _demand(numbers.ndim == 1 and numbers.dtype.kind in "iuf", "stamps are no numbers.")
    _demand(isinstance(dtype, np.dtype | pd.api.extensions.ExtensionDtype), f"dtype is {dtype!r:.80}.")
    timed = isinstance(dtype, pd.DatetimeTZDtype | pd.PeriodDtype) or getattr(dtype, "kind", "O") in "mM"
    if timed:
        _demand(numbers.dtype == np.int64, "stamps of times are no whole numbers.")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(numbers.view(f"M8[{dtype.unit}]")).tz_localize("UTC").tz_convert(dtype.tz)
    if isinstance(dtype, pd.PeriodDtype):
        return pd.PeriodIndex(pd.arrays.PeriodArray(numbers, dtype=dtype))
    if timed:
        _demand(
            isinstance(dtype, np.dtype) and np.datetime_data(dtype)[0] in SECONDS, f"{dtype} is no type of an index."
        )
        return pd.Index(numbers.view(dtype))
    _demand(pd.api.types.is_any_real_numeric_dtype(dtype), f"{dtype!r:.80} is no type of times or numbers.")
    return pd.Index(numbers, dtype=dtype)


def _check_bounds(bounds: np.ndarray, n: int, what: str) -> None:
    """Raise where these do not cut n entries into pieces of one at least."""
    right = bounds.ndim == 1 and bounds.dtype == np.int64 and len(bounds) > 1
    _demand(
        right and bounds[0] == 0 and bounds[-1] == n and (np.diff(bounds) > 0).all(), f"{what} do not cut {n} entries."
    )


def _check_keys(keys: list[tuple[Any, ...]], form: SeriesForm) -> None:
    """Raise where the names of series are not of such a form."""
    _demand(form.kind in KINDS, f"form.kind is {form.kind!r:.80}.")
    _demand(len(set(keys)) == len(keys), "keys name a series twice.")
    _demand(len({len(key) for key in keys}) == 1, "keys are of unequal length.")
    hash((*form.levels, None if isinstance(form.names, pd.Index) else form.names))  # a TypeError of what is no name
    n_levels = len(form.levels)
    if form.kind == "series":
        wanted = [()] if form.names is None else [(form.names,)]
        _demand(n_levels == 1 and len(keys) == 1 and len(keys[0]) == len(wanted[0]), "form is of one series.")
    elif form.kind == "frame":
        _demand(n_levels == 1 and len(keys[0]) == 1, "keys are not those of columns.")
        _check_columns(form.names, len(keys))
        if form.names.nlevels > 1:
            pairs = all(isinstance(key[0], tuple) and len(key[0]) == form.names.nlevels for key in keys)
            _demand(pairs, "keys have other levels than the columns.")
    else:
        _demand(n_levels > 1 and len(keys[0]) == n_levels - 1, "keys have other levels than the panel.")
    _demand(not form.framed or form.kind == "panel", "form.framed is of a panel.")
    if form.framed:
        _check_columns(form.names, 1)
    elif form.kind != "frame":
        _demand(not isinstance(form.names, pd.Index), "form.names is no name.")


def _check_columns(names: Any, most: int) -> None:
    _demand(isinstance(names, pd.Index) and 0 < len(names) <= most, f"form.names are not the columns of {most} series.")


def _check_rising(stamps: np.ndarray, bounds: np.ndarray) -> None:
    """Raise where an index is not in order."""
    rises = stamps[1:] > stamps[:-1]
    rises[bounds[1:-1] - 1] = True  # from one index to the next
    _demand(rises.all(), "its stamps are not in order.")


def _check_step(grid: Grid, whole: pd.Index) -> None:
    """Raise for a step that leads nowhere, or beyond what numbers of 64 bits tell."""
    step = grid.step
    if isinstance(whole, pd.PeriodIndex):
        _demand(type(step) is int and step == 1, "grid.step of periods is 1.")
    elif isinstance(whole, pd.DatetimeIndex):
        _demand(isinstance(step, pd.offsets.BaseOffset), f"grid.step is {step!r:.80}.")
        first = pd.Timestamp("2001-01-01") + step  # an offset may also name an hour, at which it stays
        _demand(pd.Timestamp("2001-01-01") < first < first + step, f"grid.step is {step!r:.80}.")
    elif isinstance(whole, pd.TimedeltaIndex):
        steady = isinstance(step, pd.offsets.Tick | pd.offsets.Day)
        _demand(steady and pd.Timedelta(step) > pd.Timedelta(0), f"grid.step is {step!r:.80}.")
    else:
        _demand(
            type(step) in (int, float) and 0 < step < 2**62 and np.isfinite(whole).all(), f"grid.step is {step!r:.80}."
        )
