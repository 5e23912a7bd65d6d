"""Dask collections as the estimators read them: long frames on an index of series and time, sequences in row blocks."""

from typing import Any, NamedTuple

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
from dask.base import is_dask_collection


class Keys(NamedTuple):
    """The columns of a long frame that name a row's series and time."""

    series: list[Any]
    time: Any

    @classmethod
    def of(cls, series: Any, time: Any) -> "Keys":
        """From the parameters."""
        return cls([] if series is None else list(series) if isinstance(series, list) else [series], time)

    def check(self, columns: pd.Index, what: str) -> None:
        """Raise where a frame lacks one of these columns, naming it and those that there are."""
        named = {**{name: "series" for name in self.series}, self.time: "time"}
        for name, parameter in named.items():
            if name not in columns:
                raise ValueError(
                    f"{what} has no column {name!r}, which the parameter {parameter} names; its columns are "
                    f"{list(columns)}."
                )
        if len(named) <= len(self.series):
            raise ValueError(f"The column {self.time!r} cannot be the time and name series, too.")

    def indexed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame on an index of series and time."""
        return frame.set_index([*self.series, self.time])


def is_dask(X: Any) -> bool:
    """Whether X is a collection of Dask's."""
    return is_dask_collection(X)


def check_frame(X: Any, keys: Keys, what: str = "X") -> None:
    """Raise for what is no frame with the columns of ``keys``, naming what it is."""
    if not isinstance(X, dask.dataframe.DataFrame):
        raise TypeError(f"{what} is a {type(X).__name__}; a Dask DataFrame is wanted, in long form.")
    keys.check(X.columns, what)


def gather(client: Any, X: Any, others: dict[str, Any], keys: Keys, what: str = "X") -> tuple[Any, list[Any]]:
    """X and what goes with it row by row, as the plain estimators take them.

    Parameters
    ----------
    client : distributed.Client
        Who computes the collections.
    X : DataFrame or Array of Dask's, or anything else
        A long frame, whose partitions follow each other, or sequences; what is no collection stays as it is.
    others : dict of str to object
        By their names in messages.
    keys : Keys
        Columns of a long frame.
    what : str
        The name of X in messages.

    Raises
    ------
    ValueError
        Where a column is not there, or the partitions of both do not have the same rows.
    """
    if not is_dask(X):
        for name, other in others.items():
            if is_dask(other):
                raise TypeError(f"{name} is a Dask collection and {what} is none; give both alike.")
        return X, list(others.values())
    if isinstance(X, dask.array.Array):
        return client.gather(client.compute(X)), [
            client.gather(client.compute(other)) if is_dask(other) else other for other in others.values()
        ]
    check_frame(X, keys, what)
    parts = client.gather(client.compute(X.to_delayed()))
    indexes = [part.index for part in parts]
    frame = keys.indexed(pd.concat(parts))
    del parts  # or there are two copies of all
    return frame, [_beside(client, other, indexes, frame.index, name, what) for name, other in others.items()]


def _beside(client: Any, other: Any, indexes: list[pd.Index], index: pd.Index, name: str, what: str) -> Any:
    """What goes with the rows of a frame, on its index."""
    if not is_dask(other):
        return other
    if isinstance(other, dask.array.Array):
        values = client.gather(client.compute(other))
        _check_length(len(values), len(index), name, what)
        return values
    own = client.gather(client.compute(other.to_delayed()))
    if len(own) != len(indexes):
        raise ValueError(
            f"{name} has {len(own)} partitions and {what} has {len(indexes)}: their rows go together by place. Take both from "
            "one frame."
        )
    for number, (rows, its) in enumerate(zip(own, indexes, strict=True)):
        _check_length(len(rows), len(its), f"Partition {number} of {name}", f"that of {what}")
        if not rows.index.equals(its):
            row = int(np.argmax(np.asarray(rows.index != its)))
            raise ValueError(
                f"Partition {number} of {name} and of {what} have different indexes: at row {row}, {name} has "
                f"{rows.index[row]} and {what} has {its[row]}. Take both from one frame."
            )
    together = pd.concat(own)
    return together.set_axis(index, axis=0)


def _check_length(own: int, wanted: int, name: str, what: str) -> None:
    if own != wanted:
        raise ValueError(f"{name} has {own} rows and {what} has {wanted}.")
