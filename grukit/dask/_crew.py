"""The workers that train one network together, as their client sees them.

Dask starts a task on each, and no more: rows, and who trains with whom, go over the crew's own connections. So a worker that
dies takes nothing along that Dask would miss, and those that are left need nothing of it to go on.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from grukit.dask._rows import Piece
from grukit.dask._tasks import AGAIN, Member, Recruits
from grukit.dask._wire import Connection, Lost, Traffic, connect

TRIES = 5  # in a row that workers may be lost before training gives up


class Crew:
    """Workers, the pieces of rows that each keeps, and a connection to each; a context manager.

    Parameters
    ----------
    recruits : Recruits
        The workers to take.
    n_pieces : int
        Pieces of rows, dealt out to the workers in turn.
    piece : callable
        Cuts one, by its number.
    traffic : Traffic
        To be added to.

    Attributes
    ----------
    tries : int
        How often in a row workers were lost; whoever gets a batch done sets it to 0.
    """

    def __init__(self, recruits: Recruits, n_pieces: int, piece: Callable[[int], Piece], traffic: Traffic):
        self.n_pieces, self.piece, self.traffic = n_pieces, piece, traffic
        self.members: list[Member] = []
        self.tries = 0
        self._recruits, self._generation = recruits, 0

    def __enter__(self) -> "Crew":
        try:
            self._form()
        except BaseException as error:
            self._dismiss()
            if isinstance(error, OSError):
                why = str(error) or type(error).__name__
                raise RuntimeError(f"Training cannot begin on the Dask workers: {why}") from error
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._dismiss()

    def __len__(self) -> int:
        return len(self.members)

    def bounds(self, n_slots: int) -> np.ndarray:
        """The first slot of each worker that computes some of as many slots, and ``n_slots``: they come one after another."""
        n = min(len(self), n_slots)
        return np.arange(n + 1) * n_slots // n

    def ask(self, worker: int, kind: str, arrays: Any = (), /, **told: Any) -> None:
        """Send a worker a message."""
        self._connection(worker).send(kind, arrays, **told)

    def _connection(self, worker: int) -> Connection:
        connection = self.members[worker].connection
        if connection is None:
            raise Lost("the connection was closed")
        return connection

    def answer(self, worker: int) -> list[Any]:
        """The arrays that a worker answers with.

        Raises
        ------
        Lost
            Where it, or another that it needs, is gone.
        RuntimeError
            Where it failed.
        """
        told, arrays = self._connection(worker).receive()
        if told["kind"] == "error":
            raise RuntimeError(f"The Dask worker {self.members[worker].address} failed: {told['message']}")
        if told["kind"] == "lost":
            raise Lost(told["message"])
        return arrays

    def hang_up(self) -> None:
        """Close the connections; :meth:`regroup` opens others."""
        for member in self.members:
            self._hang_up(member)

    def regroup(self, error: Lost) -> None:
        """Begin anew with the workers that are left.

        Raises
        ------
        RuntimeError
            Where none is, or workers are lost again and again.
        """
        try:
            self._count(error)
            self._form(error)
        except OSError as last:
            raise RuntimeError(f"Dask workers were lost {self.tries} times in a row, the last time: {last}") from last

    def _count(self, error: OSError) -> None:
        self.tries += 1
        if self.tries > TRIES:
            raise error

    def _form(self, error: OSError | None = None) -> None:
        """Bring those together that answer, or else any that the cluster has, and tell each who trains with it."""
        before = [member.address for member in self.members]
        while True:
            try:
                if not self.members:
                    self._dismiss()
                    self.members = self._recruits.begin()
                    before = before or [member.address for member in self.members]
                self._meet()
                self._join()
            except OSError as again:  # Lost is one, and what Dask raises where its scheduler cannot be reached
                error = again
                self._count(again)
            else:
                break
        gone = sorted(set(before) - {member.address for member in self.members})
        if gone:
            warnings.warn(
                f"Of {len(before)} Dask workers {', '.join(gone)} {'was' if len(gone) == 1 else 'were'} lost ({error}). "
                f"Training goes on with {len(self)}; the result does not depend on how many there are.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _meet(self) -> None:
        """Connect, again where there was a connection: who does not answer is no member any more."""
        why = Lost("no worker answers")
        for member in self.members:
            self._hang_up(member)
            try:
                member.connection = connect(member.peer, self._recruits.token, "client")
            except Lost as error:
                why = error
        reached = [member for member in self.members if member.connection is not None]
        self.members = []
        for member in reached:
            try:
                member.wait()
            except Lost as error:
                self._hang_up(member)
                why = error
            else:
                self.members.append(member)
        if not self.members:
            raise why

    def _join(self) -> None:
        """See that each piece is kept by somebody, and tell all who trains and who keeps what."""
        owners = {number: worker for worker, member in enumerate(self.members) for number in member.kept}
        for number in range(self.n_pieces):
            if number not in owners:
                owners[number] = number % len(self)
                piece, connection = self.piece(number), self._connection(owners[number])
                sent = connection.sent
                connection.send("keep", piece.columns, number=number, first=piece.first)
                connection.sent = sent  # rows that are dealt out are no traffic of steps
        self._generation += 1
        told = {
            "generation": self._generation,
            "peers": [member.peer for member in self.members],
            "owners": [owners[number] for number in range(self.n_pieces)],
        }
        for worker in range(len(self)):
            self.ask(worker, "join", worker=worker, **told)
        for worker in range(len(self)):
            self.answer(worker)

    def _hang_up(self, member: Member) -> None:
        if member.connection is not None:
            self.traffic.to_workers += member.connection.sent
            self.traffic.from_workers += member.connection.received
            member.connection.close()
            member.connection = None

    def _dismiss(self) -> None:
        """Say goodbye, upon which the workers' tasks end."""
        self._recruits.end(sum(map(self._said_goodbye, self.members)))
        self.members = []

    def _said_goodbye(self, member: Member) -> bool:
        """Whether a worker heard that training is over, and said what it sent to others."""
        connection = member.connection
        if connection is None:
            return False
        try:
            connection.socket.settimeout(AGAIN)
            connection.send("goodbye")
            told = connection.receive()[0]
            while told["kind"] != "goodbye":  # an answer that nobody waits for any more
                told = connection.receive()[0]
            self.traffic.between_workers += told["between"]
        except Lost:
            return False
        finally:
            self._hang_up(member)
        return True
