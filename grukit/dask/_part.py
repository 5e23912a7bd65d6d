"""A worker's part among those that train together: it brings windows together and computes the gradients of its chunks."""

import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from grukit.dask._rows import Piece, Rows
from grukit.dask._wire import Connection, Lost, connect

if TYPE_CHECKING:
    from grukit.dask._worker import Job


class Place(NamedTuple):
    """Where a worker stands among those that train together, until one of them is lost."""

    generation: int  # how often the client has told them
    worker: int  # its number, among those
    peers: list[tuple[str, int]]  # that listen here
    owners: list[int]  # the worker that keeps each piece of rows

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Place":
        """Out of a message."""
        return cls(told["generation"], told["worker"], [(host, port) for host, port in told["peers"]], told["owners"])


class Part:
    """What a worker does at its place.

    Parameters
    ----------
    job : Job
    place : Place
    pieces : dict of int to Piece
        That are kept here.
    share : Share
        What computes.
    before : SimpleQueue
        Sums of the slots of workers before this one; None where that one is gone.

    Raises
    ------
    Lost
        Where the next one is gone.
    """

    def __init__(self, job: "Job", place: Place, pieces: dict[int, Piece], share: Any, before: SimpleQueue[Any]):
        self.share, self.rows = share, Rows(job, place, pieces)
        self._groups: dict[int, Future[Any]] = {}
        self._before, self._next = before, self._connect(job, place)
        self._fetching = ThreadPoolExecutor(1, "grukit-fetch")
        self._computing = threading.Lock()

    @staticmethod
    def _connect(job: "Job", place: Place) -> Connection | None:
        """To the next, before anybody needs it: a worker that waits for the sum of another must see that one go."""
        if place.worker + 1 == len(place.peers):
            return None
        return connect(place.peers[place.worker + 1], job.token, "before", generation=place.generation)

    @property
    def between(self) -> int:
        """Bytes of rows that came from other workers, and of sums that went to the next."""
        return self.rows.fetched + (0 if self._next is None else self._next.sent)

    def close(self) -> None:
        """Hang up on the others, and wait until nothing is computed any more: whoever waits here finds them gone."""
        self.rows.close()
        if self._next is not None:
            self._next.close()
        self._before.put(None)
        self._fetching.shutdown(cancel_futures=True)
        with self._computing:
            self._groups.clear()

    def answer(self, connection: Connection, told: dict[str, Any], arrays: list[np.ndarray]) -> None:
        """Do what the client asks."""
        if told["kind"] == "group":
            try:
                self._groups[told["group"]] = self._fetching.submit(self.rows.group, told, arrays)
            except RuntimeError as error:  # closed meanwhile
                raise Lost(str(error)) from error
        elif told["kind"] == "forget":
            self._groups.pop(told["group"]).cancel()
        else:
            try:
                with self._computing:
                    found = self._compute(told, *arrays)
            except (Lost, CancelledError) as error:  # another worker, whose rows were needed
                connection.send("lost", message=str(error))
            else:
                connection.send("share", found)

    def _compute(self, told: dict[str, Any], parameters: np.ndarray) -> list[np.ndarray]:
        """The losses of some slots; their partial gradients are added to the sum that the worker before sends.

        The next worker goes on with it; the last one answers with it, too.
        """
        samples, order = self._groups[told["group"]].result()
        batch, slots, wanted = order[told["first"] : told["last"]], range(*told["slots"]), told["wanted"]
        found = [self.share.compute(parameters, samples, batch, told["scale"], told["seed"], slots, wanted)]
        if wanted:
            partial = self.share.storage.slots
            total = self._before.get() if slots.start else partial[0].copy()
            if total is None:
                raise Lost("a worker that others wait for is gone")
            for slot in slots[0 if slots.start else 1 :]:
                total += partial[slot]
            if told["goes_on"]:
                assert self._next is not None
                self._next.send("sum", [total])
            else:
                found.append(total)
        return found
