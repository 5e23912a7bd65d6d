"""A small model a series on a Dask cluster: one task a partition, which fits whole series one by one."""

from typing import Any

import dask.dataframe
import numpy as np
import pandas as pd
from dask import delayed

from grukit.dask._collections import Keys, check_beside, check_frame, check_partitions
from grukit.estimators._each_fit import fit_members


def fit_each_partition(client: Any, model: Any, rows: dict[str, "Rows"]) -> Any:
    """What ``fit_each`` of a plain estimator gives, its series fitted by the workers.

    Series that lie in one partition each are fitted there. Otherwise they are dealt out, in the order in which they appear and
    to as many tasks as there are partitions, so that each has about as many rows.

    Parameters
    ----------
    client : distributed.Client
    model : GRURegressor, GRUClassifier or GRUForecaster
        With its parameters.
    rows : dict of str to Rows
        By the name of the argument; the first names all series.
    """
    found = client.gather(client.compute([name for each in rows.values() for name in each.names]))
    for each in rows.values():
        each.found, found = found[: len(each.names)], found[len(each.names) :]
    names, homes = _homes(next(iter(rows.values())).found)
    tasks = []
    for home in np.unique(homes):
        own = names[homes == home]
        tasks.append(delayed(_fit_some)(model, {argument: each.of(own) for argument, each in rows.items()}))
    fits, notes = dict[Any, Any](), dict[Any, str]()
    for some, warned in client.gather(client.compute(tasks)):
        fits.update(some)
        notes.update(warned)
    keys = names.tolist()
    return model._told(
        names, [fits[key] for key in keys], {s: notes[key] for s, key in enumerate(keys) if key in notes}
    )


class Rows:
    """Rows of a long frame, and what goes with them row by row.

    Parameters
    ----------
    frame : DataFrame of Dask's
    beside : dict of str to object
        Series or frames of Dask's in partitions as the frame, or None, by their names in messages.
    keys : Keys
        Columns of the frame.
    what : str
        The name of the frame in messages.
    as_series : bool, default=False
        Whether the frame has one column of values, which is wanted as a Series.

    Raises
    ------
    TypeError
        Where one of them is another collection of Dask's, or none.
    ValueError
        Where a column is not there, no column names the series, or the others have other partitions.
    """

    def __init__(self, frame: Any, beside: dict[str, Any], keys: Keys, what: str, as_series: bool = False):
        check_frame(frame, keys, what)
        if not keys.series:
            raise ValueError(
                "fit_each is for many series: the parameter series must name the column that tells them apart."
            )
        others = {name: other for name, other in beside.items() if other is not None}
        for name, other in others.items():
            if not isinstance(other, dask.dataframe.Series | dask.dataframe.DataFrame):
                raise TypeError(
                    f"{name} is a {type(other).__name__}; a Series or DataFrame of Dask's is wanted, as {what} is one."
                )
            check_partitions(other.npartitions, frame.npartitions, name, what)
        columns = [other.to_delayed() for other in others.values()]
        places = [None if other is None else list(others).index(name) for name, other in beside.items()]
        self._parts = [
            delayed(_read)(
                part, [each[number] for each in columns], list(others), places, keys, (number, what, as_series)
            )
            for number, part in enumerate(frame.to_delayed())
        ]
        self.names = [delayed(_names_in)(part, keys) for part in frame[keys.series].to_delayed()]
        self.found: list[pd.Series] = []  # what the names come to

    def of(self, names: pd.Index) -> list[Any]:
        """The rows of some series, out of each partition that has any; tuples of the frame and of what goes with it."""
        parts = zip(self._parts, self.found, strict=True)
        return [delayed(_choose)(part, names) for part, found in parts if found.index.isin(names).any()]


def _names_in(frame: pd.DataFrame, keys: Keys) -> pd.Series:
    """Rows of each series of a partition, in the order in which they appear."""
    every = keys.names(frame)
    codes, names = pd.factorize(every, use_na_sentinel=False)
    return pd.Series(np.bincount(codes, minlength=len(names)), index=_named(names, every))


def _homes(found: list[pd.Series]) -> tuple[pd.Index, np.ndarray]:
    """The name of each series, in the order in which they appear, and the number of the task that fits it."""
    every = found[0].index.append([each.index for each in found[1:]])
    codes, names = pd.factorize(every, use_na_sentinel=False)
    partition = np.repeat(np.arange(len(found)), [len(each) for each in found])
    if len(codes) == len(names):
        return _named(names, every), partition
    rows = np.bincount(codes, weights=np.concatenate(found))
    middle = np.cumsum(rows) - rows / 2
    return _named(names, every), (middle * len(found) // rows.sum()).astype(np.int64)


def _named(names: pd.Index, like: pd.Index) -> pd.Index:
    names.names = like.names
    return names


def _read(
    frame: pd.DataFrame,
    others: list[Any],
    names: list[str],
    places: list[int | None],
    keys: Keys,
    how: tuple[int, str, bool],
) -> tuple[Any, ...]:
    """The rows of a partition on an index of series and time."""
    number, what, as_series = how
    for name, other in zip(names, others, strict=True):
        check_beside(number, other, frame.index, name, what)
    indexed = keys.indexed(frame)
    beside = [None if place is None else others[place].set_axis(indexed.index, axis=0) for place in places]
    return (indexed.iloc[:, 0] if as_series else indexed, *beside)


def _choose(part: tuple[Any, ...], names: pd.Index) -> tuple[Any, ...]:
    chosen = part[0].index.droplevel(-1).isin(names)
    return part if chosen.all() else tuple(None if each is None else each[chosen] for each in part)


def _fit_some(model: Any, rows: dict[str, list[tuple[Any, ...]]]) -> tuple[dict[Any, Any], dict[Any, str]]:
    """By their names what the fits of some series gave, and their warnings."""
    given = {}
    for argument, parts in rows.items():
        frame, *beside = (None if part[0] is None else pd.concat(part) for part in zip(*parts, strict=True))
        given[argument] = frame
        given.update(zip(("y", "sample_weight"), beside, strict=False))
    members, part = model._parts_of_each(**given)
    fits, notes = fit_members(model, members, part, shared=True)
    keys = members.keys
    return dict(zip(keys, fits, strict=True)), {keys[s]: note for s, note in notes.items()}
