"""Categories that a network reads as learned numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Embedding:
    """Columns of a network's rows that training reads from a table among the parameters, at the row of a category.

    In training the first of the columns holds the category's number. Afterwards the table is what it is, and whoever makes the
    rows writes its numbers there: no other part of a network knows of it.

    Parameters
    ----------
    column : int
        The first of the columns.
    width : int
        Columns.
    n_rows : int
        Rows of the table: the categories, and last what stands for one that training does not know, which it does not change.
    """

    column: int
    width: int
    n_rows: int


def weights_of(k: int) -> str:
    """The name of the parameters of the k-th embedding."""
    return f"embedding.{k}.weight"


def table_for_kernels(
    embeddings: tuple[Embedding, ...], offsets: Mapping[str, int], read_ahead: tuple[int, ...]
) -> np.ndarray | None:
    """The table (n, 5) that kernels read; None where there are no embeddings.

    Columns, int64: the first of its columns, how many, where its weights begin in the flat vector, how many numbers they are,
    and the first of its columns among those that a decoder reads ahead, or -1.
    """
    table = [
        [
            each.column,
            each.width,
            offsets[weights_of(k)],
            each.n_rows * each.width,
            read_ahead.index(each.column) if each.column in read_ahead else -1,
        ]
        for k, each in enumerate(embeddings)
    ]
    return np.array(table, dtype=np.int64) if table else None
