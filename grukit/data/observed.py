"""What a forecaster is shown: series with their covariates, row by row."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.covariate_form import CovariateForm
from grukit.data.covariates import calendar_fields, calendar_values, covariate_columns, read_covariates
from grukit.data.grid import Grid
from grukit.data.horizon import Rows
from grukit.data.long_arrays import long_array
from grukit.data.scaling import Scaler
from grukit.data.series import SeriesSet, read_series, where_of
from grukit.data.static import StaticColumn


@dataclass(frozen=True)
class Observed:
    """Series and their covariates.

    Attributes
    ----------
    series : SeriesSet
        N rows.
    covariates : ndarray of shape (N, C)
        In the order of the form's columns.
    form : CovariateForm
    """

    series: SeriesSet
    covariates: np.ndarray
    form: CovariateForm

    @classmethod
    def read(
        cls,
        y: Any,
        X: Any,
        past_X: Any,
        calendar: Any,
        allow_nan: bool,
        known: "tuple[Grid, CovariateForm] | None" = None,
        what: str = "y",
        last: int | None = None,
        zone: Any = None,
    ) -> "Observed":
        """Check and read series and the covariates at their rows.

        Parameters
        ----------
        y, X, past_X, calendar
            As the forecaster takes them.
        allow_nan : bool
            Whether values may be missing.
        known : (Grid, CovariateForm), default=None
            What they must agree with.
        what : str, default="y"
            Name of the series, for messages.
        last : int, default=None
            Rows of each series that are read, the last ones. None: all.
        zone : tzinfo, default=None
            Time zone that times with one are brought to.
        """
        series = read_series(y, allow_nan, None if known is None else known[0], what, zone)
        series = series if last is None else series.tail(last)[0]
        if known is None:
            fields = calendar_fields(calendar, series.grid, series.times)
            form = CovariateForm(covariate_columns(past_X, "past_X"), covariate_columns(X, "X"), fields)
        else:
            form = known[1]
        past = read_covariates(past_X, form.past, series.keys, series.times, "past_X", allow_nan)
        ahead = read_covariates(X, form.known, series.keys, series.times, "X", allow_nan)
        calendars = _calendars(series.times, form.calendar)
        return cls(series, _beside_each_other(series, list(zip(past, ahead, calendars, strict=True))), form)

    def tail(self, n: int) -> "Observed":
        """The last n rows of each series."""
        series, rows = self.series.tail(n)
        return replace(self, series=series, covariates=self.covariates[rows])

    def named_alike(self, later: "Observed") -> "Observed":
        """The later rows, under the names of the series that they are to follow.

        Raises
        ------
        ValueError
            Where a single series would be followed by another, or names have another number of levels.
        """
        return replace(later, series=_named_alike(self.series, later.series))

    def followed_by(self, later: "Observed", n: int) -> "Observed":
        """The last n rows of each series, with the later rows of those that have any; series that are new come last.

        ``later`` is :meth:`named_alike`.

        Raises
        ------
        ValueError
            Where the later rows of a series do not begin one step after its end, naming both stamps; or are of some columns
            of a frame.
        """
        series, new = self.series, later.series
        own, more = dict(zip(series.keys, series.pieces(), strict=True)), dict(zip(new.keys, new.pieces(), strict=True))
        stamps, stamps_of_later = (dict(zip(each.keys, each.times, strict=True)) for each in (series, new))
        found: dict[tuple[int, int], pd.Index] = {}
        values, covariates, times = [], [], []
        keys = [*own, *(key for key in more if key not in own)]
        for key in keys:
            parts = [(each, rows[key]) for each, rows in ((self, own), (later, more)) if key in rows]
            values.append(np.concatenate([each.series.values[rows] for each, rows in parts])[-n:])
            covariates.append(np.concatenate([each.covariates[rows] for each, rows in parts])[-n:])
            first, second = stamps.get(key), stamps_of_later.get(key)
            if (id(first), id(second)) not in found:  # most series share their stamps
                found[id(first), id(second)] = _one_after_another(series.grid, first, second, key)[-n:]
            times.append(found[id(first), id(second)])
        offsets = np.append(0, np.cumsum([len(each) for each in values]))
        kept = replace(series, values=np.concatenate(values), offsets=offsets, keys=keys, times=_shared(times))
        if series.form.kind == "frame":
            _check_ends(kept, list(more))
        return replace(self, series=kept, covariates=np.concatenate(covariates))

    @property
    def constants(self) -> np.ndarray:
        """The static columns (S, n) of each series, last the places of categories that are embedded."""
        return self.covariates[self.series.offsets[1:] - 1, self.covariates.shape[1] - self.form.n_static :]

    def with_constants(self, constants: np.ndarray, columns: tuple[StaticColumn, ...]) -> "Observed":
        """The same, read without them, with static columns (S, n)."""
        N, C = self.covariates.shape
        covariates = long_array((N, C + constants.shape[1]), np.float64)
        covariates[:, :C], covariates[:, C:] = self.covariates, np.repeat(constants, self.series.lengths, axis=0)
        return replace(self, covariates=covariates, form=replace(self.form, static=columns))

    def with_future(self, horizon: int, X: Any, allow_nan: bool) -> "Observed":
        """The same with ``horizon`` more rows a series, whose values are not known, and X there.

        Raises
        ------
        ValueError
            Where X does not cover them, or there is an X that was not there in ``fit``.
        """
        series = self.series
        later: dict[int, pd.Index] = {}
        for times in series.times:
            if id(times) not in later:
                later[id(times)] = series.grid.ahead(times[-1:].tolist()[0], horizon)
        ahead = [later[id(times)] for times in series.times]
        known = read_covariates(X, self.form.known, series.keys, ahead, "X", allow_nan)
        calendars = _calendars(ahead, self.form.calendar)
        constants = np.repeat(self.constants, horizon, axis=0)
        n_past, lengths = len(self.form.past), series.lengths
        offsets = series.offsets + horizon * np.arange(len(series.offsets))
        known_rows = np.arange(len(series.values)) + horizon * np.repeat(np.arange(len(series)), lengths)
        values = np.full(offsets[-1], np.nan)
        values[known_rows] = series.values
        covariates = np.full((offsets[-1], self.covariates.shape[1]), np.nan)
        covariates[known_rows] = self.covariates
        if covariates.shape[1] > n_past:
            later_rows = (offsets[1:, None] - horizon + np.arange(horizon)).ravel()
            future = np.concatenate([np.hstack(each) for each in zip(known, calendars, strict=True)])
            covariates[later_rows, n_past:] = np.hstack([future, constants])
        own = {id(times): times for times in series.times}
        whole = {number: times.append(later[number]) for number, times in own.items()}
        extended = replace(series, values=values, offsets=offsets, times=[whole[id(times)] for times in series.times])
        return replace(self, series=extended, covariates=covariates)

    def as_they_are(self) -> Rows:
        """Rows of series and covariates in their own units, to look at what is known where."""
        return Rows(self.series.values, self.covariates, self.series.offsets)

    def standardized(self, figures: np.ndarray, levels: Scaler) -> Rows:
        """Rows of series less their means, over their scales, both (S, 2), and of covariates by a scaler."""
        (mean, scale), lengths = figures.T, self.series.lengths
        y = (self.series.values - np.repeat(mean, lengths)) / np.repeat(scale, lengths)
        return Rows(y, levels.transform(self.covariates, "float64"), self.series.offsets)


def _one_after_another(grid: Grid, first: pd.Index | None, second: pd.Index | None, key: tuple[Any, ...]) -> pd.Index:
    """The stamps of a series, and those that follow; either may be all that there are."""
    if first is None or second is None:
        only = second if first is None else first
        assert only is not None
        return only
    last = first[-1:].tolist()[0]
    wanted = grid.ahead(last, 1)
    if second[0] != wanted[0] and not grid.equal(second[:1], wanted).all():
        raise ValueError(
            f"y goes on at {second[0]}{where_of(key)}, but the series ended at {last}; it must begin at {wanted[0]}."
        )
    return first.append(second)


def _named_alike(series: SeriesSet, later: SeriesSet) -> SeriesSet:
    own, given = series.keys, later.keys
    if series.form.kind == "series":
        unnamed = later.form.kind == "series" and () in (own[0], given[0])
        if given != own and not unnamed:
            raise ValueError(
                f"y goes on with {_names(given)}, but the model was fitted to one series, {_names(own)}. Give its later rows "
                "under its own name or without one, or fit to a DataFrame or a panel of all series."
            )
        return replace(later, keys=own)
    if {len(key) for key in given} != {len(own[0])}:
        raise ValueError(f"y goes on with {_names(given)}; the series of fit are named as {_names(own)}.")
    return later


def _check_ends(series: SeriesSet, given: list[tuple[Any, ...]]) -> None:
    """Raise where columns of a frame end at different stamps."""
    if all(end == series.ends[0] for end in series.ends):
        return
    left = [key for key in series.keys if key not in given]
    raise ValueError(
        f"y goes on with the columns {_names(given)}, but not with {_names(left)}; the columns of a DataFrame end together. "
        "Give all of them, with missing='mask' NaN where a value is not known, or fit to a panel, whose series may end apart."
    )


def _names(keys: list[tuple[Any, ...]]) -> str:
    names = ["/".join(map(str, key)) or "a series without a name" for key in keys[:5]]
    return ", ".join(names) + (", ..." if len(keys) > 5 else "")


def _calendars(times: list[pd.Index], fields: tuple[str, ...]) -> list[np.ndarray]:
    """The calendar's columns of each series; series with one index share one."""
    found: dict[int, np.ndarray] = {}
    for each in times:
        if id(each) not in found:
            found[id(each)] = calendar_values(each, fields)
    return [found[id(each)] for each in times]


def _beside_each_other(series: SeriesSet, parts: list[tuple[np.ndarray, ...]]) -> np.ndarray:
    """Columns (N, C) of all series, of the parts of each."""
    out = long_array((len(series.values), sum(part.shape[1] for part in parts[0])), np.float64)
    for rows, own in zip(series.pieces(), parts, strict=True):
        np.concatenate(own, axis=1, out=out[rows])
    return out


def _shared(times: list[pd.Index]) -> list[pd.Index]:
    """The same, but equal indexes are one."""
    found: dict[Any, pd.Index] = {}
    distinct = {id(each): each for each in times}
    one = {n: found.setdefault((each[0], each[-1], len(each)), each) for n, each in distinct.items()}
    return [one[id(each)] for each in times]
