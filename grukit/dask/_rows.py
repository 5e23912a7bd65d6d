"""The rows that workers keep: cut into pieces, and brought together for the windows of a group of batches."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grukit.dask._wire import Connection, connect
from grukit.data import blocks_of_rows, joined_rows
from grukit.engines import select_engine

if TYPE_CHECKING:
    from grukit.dask._part import Place
    from grukit.dask._worker import Job


class Piece(NamedTuple):
    """Consecutive rows of those that samples see, and where each has one its target and weight."""

    first: int  # the row that it begins with, see Cut
    values: np.ndarray  # (n, D)
    targets: np.ndarray | None = None  # (n, K), with a target at every step
    weights: np.ndarray | None = None  # (n,), where steps have weights

    @property
    def columns(self) -> list[np.ndarray]:
        """Values, and targets and weights where there are any."""
        return [column for column in self[1:] if column is not None]

    def rows(self, firsts: np.ndarray, lasts: np.ndarray) -> list[np.ndarray]:
        """Of each column the rows from each of ``firsts`` up to ``lasts``."""
        lengths = lasts - firsts
        rows = np.repeat(firsts - self.first - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        return [column[rows] for column in self.columns]


class Cut(NamedTuple):
    """How the rows of a table that samples see are numbered, one interval after another, and cut into pieces.

    A sample is in the piece in whose own part it starts; behind that a piece has the rows that its samples reach to.
    """

    firsts: np.ndarray  # (m,) first row of each interval, in the table
    before: np.ndarray  # (m,) rows of the intervals before
    begins: np.ndarray  # (S,) row, so numbered, at which each piece begins
    reach: np.ndarray  # (S,) and ends

    @classmethod
    def of(cls, parts: list[Any], n: int) -> "Cut":
        """Of the samples of all parts, into at most ``n`` pieces."""
        each = [covered(part.starts, part.lengths) for part in parts]
        begin, end = (np.concatenate(bounds) for bounds in zip(*each, strict=True))
        firsts, lasts = covered(begin, end - begin)
        N, before = int((lasts - firsts).sum()), np.cumsum(lasts - firsts) - (lasts - firsts)
        begins = np.unique(np.arange(n) * N // n)
        cut = cls(firsts, before, begins, np.append(begins[1:], N))
        for part in parts:
            for block in blocks_of_rows(part.starts):
                own, piece = cut.starts_of(part, block)
                np.maximum.at(cut.reach, piece, own + part.lengths[block])
        return cut

    def piece(self, k: int, samples: Any, per_step: bool) -> Piece:
        """The k-th piece; of rows that are one interval of the table nothing is copied."""
        first, last = int(self.begins[k]), int(self.reach[k])
        at, end = np.searchsorted(self.before, [first, last - 1], side="right")
        bounds = [first, *self.before[at:end].tolist(), last]
        shifts = (self.firsts - self.before)[at - 1 : end].tolist()
        own = [slice(a + shift, b + shift) for (a, b), shift in zip(pairwise(bounds), shifts, strict=True)]

        def rows(values: np.ndarray) -> np.ndarray:
            return values[own[0]] if len(own) == 1 else joined_rows([values[each] for each in own])

        weights = rows(samples.step_weights) if per_step and samples.step_weights.size else None
        return Piece(first, rows(samples.values), rows(samples.targets) if per_step else None, weights)

    def starts_of(self, samples: Any, chosen: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """The rows, so numbered, at which the chosen samples start, and which of the pieces they are in."""
        starts = samples.starts[chosen]
        interval = np.searchsorted(self.firsts, starts, side="right") - 1
        own = self.before[interval] + starts - self.firsts[interval]
        return own, np.searchsorted(self.begins, own, side="right") - 1


def covered(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last rows of the intervals that samples cover."""
    if (starts[1:] < starts[:-1]).any():
        order = np.argsort(starts, kind="stable")
        starts, lengths = starts[order], lengths[order]
    end = starts + lengths
    np.maximum.accumulate(end, out=end)
    new = np.append(0, np.flatnonzero(starts[1:] > end[:-1]) + 1)
    return starts[new], end[np.append(new[1:], len(end)) - 1]


def together(starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and last rows of the intervals that samples cover, and where each sample starts in these one after another."""
    firsts, lasts = covered(starts, lengths)
    before = np.cumsum(lasts - firsts) - (lasts - firsts)
    which = np.searchsorted(firsts, starts, side="right") - 1
    return firsts, lasts, (before - firsts)[which] + starts


class Rows:
    """The pieces that a worker keeps, and its connections to those that keep others."""

    def __init__(self, job: "Job", place: "Place", pieces: dict[int, Piece]):
        self.job, self.place, self.pieces = job, place, pieces
        self._peers: dict[int, Connection] = {}
        self._closed = False

    @property
    def fetched(self) -> int:
        """Bytes that came from other workers."""
        return sum(connection.received for connection in list(self._peers.values()))

    def close(self) -> None:
        """Hang up; whoever fetches meanwhile finds the others gone."""
        self._closed = True
        for connection in list(self._peers.values()):
            connection.close()

    def _fetch(self, number: int, firsts: np.ndarray, lasts: np.ndarray) -> list[np.ndarray]:
        """Rows of any piece; where who keeps it fails, its error. One thread at a time."""
        if number in self.pieces:
            return self.pieces[number].rows(firsts, lasts)
        owner = self.place.owners[number]
        if owner not in self._peers:
            self._peers[owner] = connect(self.place.peers[owner], self.job.token, "fetcher")
        if self._closed:
            self._peers[owner].close()
        self._peers[owner].send("fetch", [firsts, lasts], piece=number)
        told, rows = self._peers[owner].receive()
        if told["kind"] != "rows":
            host, port = self.place.peers[owner]
            raise RuntimeError(f"The worker at {host}:{port} failed: {told['message']}")
        return rows

    def group(self, told: dict[str, Any], arrays: list[np.ndarray]) -> tuple[Any, np.ndarray]:
        """The samples of some batches, with the rows of those that are computed here alone, and their order.

        Parameters
        ----------
        told : dict
            ``n``: numbers that samples have; ``length``: of all samples, or None.
        arrays : list of ndarray
            Numbers (m,) of the samples in order, their lengths (m,), or (0,) where they are alike; then of those here their
            position in that order, the row they start at, their piece, weight, and target, or (0, K).
        """
        order, lengths, positions, starts, pieces, weights, targets = arrays
        if told["length"] is not None:
            lengths = np.full(len(order), told["length"])
        own, where, columns, n_rows = order[positions], np.empty(len(positions), np.int64), [], 0
        for number in np.unique(pieces):
            chosen = np.flatnonzero(pieces == number)
            firsts, lasts, local = together(starts[chosen], lengths[positions[chosen]])
            columns.append(self._fetch(int(number), firsts, lasts))
            where[chosen] = n_rows + local
            n_rows += int((lasts - firsts).sum())
        return self._samples(told["n"], order, lengths, own, where, columns, weights, targets), order

    def _samples(
        self,
        n: int,
        order: np.ndarray,
        lengths: np.ndarray,
        own: np.ndarray,
        where: np.ndarray,
        columns: list[list[np.ndarray]],
        weights: np.ndarray,
        targets: np.ndarray,
    ) -> Any:
        """As the kernels take them. Arrays of n numbers of which few are written take the memory of these few."""
        all_lengths, all_starts, all_weights = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, weights.dtype)
        all_lengths[order], all_starts[own], all_weights[own] = lengths, where, weights
        values, *others = (np.concatenate(column) for column in zip(*columns, strict=True))
        if self.job.per_step:
            all_targets, step_weights = others[0], others[1] if len(others) > 1 else np.empty(0)
        else:
            all_targets, step_weights = np.zeros((n, targets.shape[1]), targets.dtype), np.empty(0)
            all_targets[own] = targets
        kernels = select_engine("cpu").kernels
        return kernels.Samples(values, all_targets, all_starts, all_lengths, all_weights, step_weights)
