"""Dask collections as the estimators read them: long frames on an index of series and time, sequences in row blocks."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
from dask import delayed
from dask.base import is_dask_collection

from grukit.dask._stack import NUMBERS, Stack, StackedIndex
from grukit.data.long_arrays import Growing


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

    def names(self, frame: pd.DataFrame) -> pd.Index:
        """The series of each row, on levels of the columns' names."""
        if len(self.series) == 1:
            return pd.Index(frame[self.series[0]])
        return pd.MultiIndex.from_frame(frame[self.series])

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

    Partitions, or blocks, are computed and fetched one after another, so that each worker holds as many as it has threads and
    one more, and none all rows.

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
        return _array_of(client, X), [_whole(client, other) for other in others.values()]
    check_frame(X, keys, what)
    beside = {
        name: other
        for name, other in others.items()
        if isinstance(other, dask.dataframe.DataFrame | dask.dataframe.Series)
    }
    for name, other in beside.items():
        check_partitions(other.npartitions, X.npartitions, name, what)
    rows = zip(X.to_delayed(), *(other.to_delayed() for other in beside.values()), strict=True)
    parts = [delayed(_aligned)(number, list(beside), what, *part) for number, part in enumerate(rows)]
    index, stacks = StackedIndex(keys.series, keys.time), [Stack() for _ in range(1 + len(beside))]
    for part, *others_of_part in _in_turn(client, parts):
        index.append(part)
        for stack, own in zip(stacks, [part.drop(columns=index.names), *others_of_part], strict=True):
            stack.append(own)
    rows_of = index.whole()
    frame, *columns = (stack.whole(rows_of) for stack in stacks)
    found = dict(zip(beside, columns, strict=True))
    for name, other in others.items():
        if name not in found:
            found[name] = _whole(client, other)
            if is_dask(other):
                _check_length(len(found[name]), len(frame), name, what)
    return frame, [found[name] for name in others]


def _in_turn(client: Any, parts: list[Any]) -> Iterator[Any]:
    """What delayed tasks come to, of which a few more are under way than the workers have threads."""
    n_ahead = 1 + sum(client.nthreads().values())
    under_way: deque[Any] = deque()
    for part in parts:
        under_way.append(client.compute(part))
        if len(under_way) > n_ahead:
            yield client.gather(under_way.popleft())
    while under_way:
        yield client.gather(under_way.popleft())


def _aligned(number: int, names: list[str], what: str, frame: pd.DataFrame, *beside: Any) -> tuple[Any, ...]:
    """A partition, once its rows are known to be those of what goes with it."""
    for name, rows in zip(names, beside, strict=True):
        check_beside(number, rows, frame.index, name, what)
    return frame, *beside


def _whole(client: Any, other: Any) -> Any:
    if isinstance(other, dask.array.Array):
        return _array_of(client, other)
    return client.gather(client.compute(other)) if is_dask(other) else other


def _array_of(client: Any, X: Any) -> np.ndarray:
    """An array, block by block."""
    if X.numblocks[1:] != (1,) * (X.ndim - 1):
        X = X.rechunk({axis: -1 for axis in range(1, X.ndim)})
    grown: Growing | None = None
    others: list[np.ndarray] = []
    for block in _in_turn(client, list(X.to_delayed().ravel())):
        if others or block.dtype.kind not in NUMBERS:
            others.append(block)
            continue
        grown = grown or Growing(block.shape[1:], block.dtype)
        grown.append(block)
    known = [] if grown is None else [grown.close()]
    return known[0] if known and not others else np.concatenate([*known, *others])


def check_partitions(own: int, wanted: int, name: str, what: str) -> None:
    """Raise where a collection has other partitions than the frame whose rows it goes with."""
    if own != wanted:
        raise ValueError(
            f"{name} has {own} partitions and {what} has {wanted}: their rows go together by place. Take both from one frame."
        )


def check_beside(number: int, rows: Any, its: pd.Index, name: str, what: str) -> None:
    """Raise where a partition has other rows than that of the frame, whose index is ``its``, naming the first."""
    _check_length(len(rows), len(its), f"Partition {number} of {name}", f"that of {what}")
    if not rows.index.equals(its):
        row = int(np.argmax(np.asarray(rows.index != its)))
        raise ValueError(
            f"Partition {number} of {name} and of {what} have different indexes: at row {row}, {name} has {rows.index[row]} "
            f"and {what} has {its[row]}. Take both from one frame."
        )


def _check_length(own: int, wanted: int, name: str, what: str) -> None:
    if own != wanted:
        raise ValueError(f"{name} has {own} rows and {what} has {wanted}.")
