"""The series of a panel one by one, and what was made of each of them written together again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from grukit.data.aligned import check_same_index
from grukit.data.frames import series_of_rows
from grukit.data.order import check_names
from grukit.data.times import as_times


@dataclass(frozen=True)
class Members:
    """The series of a panel, or of a frame with a column a series.

    Attributes
    ----------
    names : Index of length S
        The levels of a panel's index before the time, the series in the order in which they appear; or a frame's columns.
    rows : list of slice or ndarray, or None
        Where the rows of each series are in a panel; None of a frame.
    """

    names: pd.Index
    rows: list[Any] | None

    @property
    def keys(self) -> list[Any]:
        """What each series is called: a label, or a tuple where several levels name it."""
        return self.names.tolist()

    def cut(self, data: Any) -> Callable[[int], Any]:
        """A function that gives the part of data, a row for each of the panel's, that is of a series, by its number.

        A Series or DataFrame is then on the index of the time alone.
        """
        rows = self.rows
        if rows is None:
            return lambda s: data.iloc[:, s]
        if not isinstance(data, pd.Series | pd.DataFrame):
            return lambda s: data[rows[s]]
        alone = data.set_axis(data.index.get_level_values(-1))
        return lambda s: alone.iloc[rows[s]]


def panel_members(panel: Any, what: str, kinds: Any = pd.Series | pd.DataFrame) -> Members:
    """The series of a panel, which is of one of these kinds.

    Raises
    ------
    ValueError
        Where it has no MultiIndex, no rows or a row without a name.
    """
    if not isinstance(panel, kinds) or panel.index.nlevels == 1:
        frame = "" if kinds is pd.DataFrame else ", or a DataFrame with a column a series"
        raise ValueError(
            f"{what} must be a panel with a MultiIndex (series, ..., time){frame}; got {type(panel).__name__}. One series "
            "alone is for fit."
        )
    index = panel.index
    assert isinstance(index, pd.MultiIndex)
    if len(index) == 0:
        raise ValueError(f"{what} is empty: a panel needs at least one row.")
    check_names(index, as_times(index.get_level_values(-1)))
    codes, _ = series_of_rows(index)
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    rows: list[Any]
    if len(starts) == codes.max() + 1:
        rows = [slice(*ends) for ends in zip(starts, [*starts[1:], len(codes)], strict=True)]
    else:  # rows of several series lie between one another
        rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        starts = np.array([own[0] for own in rows])
    return Members(index.droplevel(-1)[starts], rows)


def table_parts(panel: Any, *beside: Any) -> tuple[Members, Callable[[int], tuple[Any, ...]]]:
    """The series of a panel, and a function that gives the rows of one: of the panel, and of what has a row for each.

    Parameters
    ----------
    panel : DataFrame
        X.
    *beside : Series, DataFrame, array or None
        y and sample_weight.

    Raises
    ------
    ValueError
        Where X is no panel of tables, or the others are not aligned with it.
    """
    members = panel_members(panel, "X", pd.DataFrame)
    cuts: list[Callable[[int], Any]] = [members.cut(panel)]
    for name, data in zip(("y", "sample_weight"), beside, strict=True):
        if data is None:
            cuts.append(lambda s: None)
            continue
        known = data if isinstance(data, pd.Series | pd.DataFrame | np.ndarray) else np.asarray(data)
        check_same_index(panel, known, y_name=name)
        if len(known) != len(panel):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: X has {len(panel)}, {name} has {len(known)}."
            )
        cuts.append(members.cut(known))
    return members, lambda s: tuple(cut(s) for cut in cuts)


def series_parts(y: Any, what: str = "y") -> tuple[Members, Callable[[int], Any]]:
    """The series of a panel, or of a frame with a column a series, and a function that gives one of them."""
    if not (isinstance(y, pd.DataFrame) and y.index.nlevels == 1):
        members = panel_members(y, what)
    elif y.columns.is_unique and y.shape[1]:
        members = Members(y.columns, None)
    else:
        raise ValueError(
            f"{what} must have a column for each series, and each a name of its own; got {list(y.columns)}."
        )
    return members, members.cut(y)


def covariate_parts(covariates: Any, what: str) -> Callable[[Any], Any]:
    """A function that gives the covariates of a series by its key: those of a panel, or the same for all."""
    if not isinstance(covariates, pd.Series | pd.DataFrame) or covariates.index.nlevels == 1:
        return lambda key: covariates
    members = panel_members(covariates, what)
    number, cut = {key: s for s, key in enumerate(members.keys)}, members.cut(covariates)

    def of_series(key: Any) -> Any:
        if key not in number:
            raise ValueError(f"{what} has no rows of series {key!r}.")
        return cut(number[key])

    return of_series


def series_frame(columns: dict[str, list[Any]], names: pd.Index) -> pd.DataFrame:
    """A frame with a row a series."""
    return pd.DataFrame(columns, index=names)


def one_below_another(parts: list[Any], names: pd.Index) -> Any:
    """Series or DataFrames on the index of the time as a panel, whose series have the given names (S)."""
    joined = pd.concat(parts)
    of_rows = names.take(np.repeat(np.arange(len(parts)), [len(part) for part in parts]))
    levels = [of_rows.get_level_values(i) for i in range(of_rows.nlevels)]
    return joined.set_axis(
        pd.MultiIndex.from_arrays([*levels, joined.index], names=[*of_rows.names, joined.index.name])
    )


def beside_each_other(parts: list[Any], names: pd.Index) -> pd.DataFrame:
    """Series as the columns of the given names (S), or DataFrames with their own columns behind those."""
    if isinstance(parts[0], pd.Series):
        return pd.concat(parts, axis=1).set_axis(names, axis=1)
    first: list[Any] = list(names.names) if names.nlevels > 1 else [names.name or "series"]
    return pd.concat(parts, axis=1, keys=list(names), names=first)
