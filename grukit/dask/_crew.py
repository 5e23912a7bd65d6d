"""The workers that train one network together, as their client sees them."""

import socket
import time
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from secrets import token_hex
from typing import Any

import numpy as np
from distributed import wait

from grukit.dask._rows import Piece
from grukit.dask._wire import Connection, Lost, Traffic, connect
from grukit.dask._worker import Job, close_listener, open_listener, serve
from grukit.version import __version__

PATIENCE = 5.0  # seconds that new workers have to come where all are lost
TRIES = 5  # in a row that a batch is begun anew before training gives up
LOOK = 1.0  # seconds after which a client that waits for a worker looks whether its task failed


class Crew:
    """Workers, the pieces of rows that each keeps, and a connection to each; a context manager.

    Parameters
    ----------
    client : distributed.Client
        Whose workers are taken, all of them.
    n_pieces : int
        Pieces of rows, dealt out to the workers in turn.
    piece : callable
        Cuts one, by its number.
    job_of : callable
        Makes a :class:`Job` of what only a crew knows.
    traffic : Traffic
        To be added to.
    """

    def __init__(
        self,
        client: Any,
        n_pieces: int,
        piece: Callable[[int], Piece],
        job_of: Callable[..., Job],
        traffic: Traffic,
    ):
        self.client, self.n_pieces, self.piece, self.job_of, self.traffic = client, n_pieces, piece, job_of, traffic
        self.addresses: list[str] = []
        self.connections: list[Connection] = []
        self._kept: dict[int, tuple[str, Any]] = {}  # a piece's worker, and its future there
        self._tasks: list[Any] = []
        self._token = ""
        self._tries = 0

    def __enter__(self) -> "Crew":
        self.addresses = sorted(self.client.nthreads())
        if not self.addresses:
            raise RuntimeError("The Dask cluster has no workers. Start some, or wait with client.wait_for_workers(1).")
        try:
            self._start()
        except BaseException as error:
            self._stop()
            if isinstance(error, OSError):  # Lost is one, and what Dask raises where rows cannot be sent
                why = str(error) or type(error).__name__
                raise RuntimeError(f"Training cannot begin on the Dask workers: {why}") from error
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._stop()
        self._kept.clear()  # which lets the workers forget their rows

    def __len__(self) -> int:
        return len(self.addresses)

    def bounds(self, n_slots: int) -> np.ndarray:
        """The first slot of each worker that computes some of as many slots, and ``n_slots``: they come one after another."""
        n = min(len(self), n_slots)
        return np.arange(n + 1) * n_slots // n

    def ask(self, worker: int, kind: str, arrays: Any = (), **told: Any) -> None:
        """Send a worker a message."""
        self.connections[worker].send(kind, arrays, **told)

    def answer(self, worker: int) -> list[Any]:
        """The arrays that a worker answers with.

        Raises
        ------
        Lost
            Where it, or another that it needs, is gone.
        RuntimeError
            Where it failed.
        """
        told, arrays = self.connections[worker].receive()
        if told["kind"] == "error":
            raise RuntimeError(f"The Dask worker {self.addresses[worker]} failed: {told['message']}")
        if told["kind"] == "lost":
            raise Lost(told["message"])
        self._tries = 0
        return arrays

    def regroup(self, error: Lost) -> None:
        """Begin anew with the workers that are left.

        Raises
        ------
        RuntimeError
            Where none is, or workers are lost again and again.
        """
        self._tries += 1
        if self._tries > TRIES:
            raise RuntimeError(f"Dask workers were lost {TRIES} times in a row, the last time: {error}") from error
        self._stop()
        before = self.addresses
        self.addresses = self._left()
        gone = sorted(set(before) - set(self.addresses))
        warnings.warn(
            f"Of {len(before)} Dask workers {', '.join(gone) or 'one'} was lost ({error}). Training goes on with "
            f"{len(self.addresses)}; the result does not depend on how many there are.",
            RuntimeWarning,
            stacklevel=2,
        )
        try:
            self._start()
        except OSError as again:  # Lost is one, and what Dask raises where another worker is lost meanwhile
            self.regroup(Lost(str(again)))

    def _left(self) -> list[str]:
        """Workers of the crew that the cluster still has, or else any."""
        end = time.monotonic() + PATIENCE
        while True:
            known = self.client.run(_here, on_error="ignore")
            left = [address for address in self.addresses if address in known]
            if left or known:
                return left or sorted(known)
            if time.monotonic() > end:
                raise RuntimeError("All Dask workers were lost, and training with them. See the workers' logs.")
            time.sleep(0.1)

    def _start(self) -> None:
        """Open listeners, see that each piece is with its worker, start the tasks, connect."""
        client, threads = self.client, self.client.nthreads()
        fewest = min(threads.get(address, 1) for address in self.addresses)  # slots are dealt out evenly
        self._token = token_hex(16)
        opened = client.run(open_listener, self._token, workers=self.addresses, on_error="return")
        for address in self.addresses:
            if isinstance(opened.get(address), BaseException):
                raise Lost(f"{address}: {opened[address]}")
            if address not in opened:
                raise Lost(address)
            if opened[address][2] != __version__:
                raise RuntimeError(
                    f"The Dask worker {address} has grukit {opened[address][2]} and the client {__version__}; all need the "
                    "same."
                )
        peers = [tuple(opened[address][:2]) for address in self.addresses]
        self._place()
        owners = {number: self.addresses.index(address) for number, (address, _) in self._kept.items()}
        for worker, address in enumerate(self.addresses):
            own = [future for kept, future in self._kept.values() if kept == address]
            told = {"token": self._token, "address": address, "n_threads": fewest, "worker": worker}
            job = self.job_of(**told, peers=peers, owners=owners)
            key = f"grukit-train-{self._token[:8]}-{worker}"
            where = {"workers": [address], "allow_other_workers": False}
            self._tasks.append(client.submit(serve, job, own, key=key, pure=False, **where))
        self.connections = [connect(peer, self._token, "client") for peer in peers]
        for connection, task in zip(self.connections, self._tasks, strict=True):
            _wait_until_ready(connection, task)

    def _place(self) -> None:
        """Send each piece whose worker is not among the crew to one that is."""
        for number in range(self.n_pieces):
            kept = self._kept.get(number)
            if kept is None or kept[0] not in self.addresses or kept[1].status != "finished":
                address = self.addresses[number % len(self.addresses)]
                # Its key is one of a kind: equal pieces must not be taken for one.
                (future,) = self.client.scatter([self.piece(number)], workers=[address], hash=False)
                self._kept[number] = address, future

    def _stop(self) -> None:
        """Hang up, upon which the workers' tasks end."""
        for connection in self.connections:
            self.traffic.to_workers += connection.sent
            self.traffic.from_workers += connection.received
            connection.close()
        self.connections = []
        if self._token:
            self.client.run(close_listener, self._token, on_error="ignore")
            left = self.client.nthreads()
            ending = [task for address, task in zip(self.addresses, self._tasks, strict=False) if address in left]
            end = time.monotonic() + PATIENCE
            # That of a worker that is lost, and not yet known to be, never ends, or the cluster forgets it.
            for task in ending:
                with suppress(TimeoutError, CancelledError):
                    wait(task, timeout=max(0.0, end - time.monotonic()))
                    if task.status == "finished":
                        self.traffic.between_workers += task.result(timeout=PATIENCE)
        self._tasks, self._token = [], ""


def _here() -> bool:
    """What a worker that lives answers."""
    return True


def _wait_until_ready(connection: Connection, task: Any) -> None:
    """Wait until a worker's task has begun, which may take until a thread of it is free."""
    connection.socket.settimeout(LOOK)
    while True:
        try:
            connection.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            if task.status == "error":
                raise task.exception() from None
            if task.status in ("lost", "cancelled"):
                raise Lost(f"its task was {task.status}") from None
            continue
        except OSError as error:
            raise Lost(str(error)) from error
        break
    connection.socket.settimeout(None)
    connection.receive()


def check_client(client: Any) -> None:
    """Raise for a client whose workers cannot train together.

    Raises
    ------
    ValueError
        For an asynchronous client, and one whose connections are encrypted.
    """
    if client.asynchronous:
        raise ValueError("An asynchronous client has nobody who waits for a fit. Give one with asynchronous=False.")
    scheme = client.scheduler.address.partition("://")[0]
    if scheme in ("tls", "wss"):
        raise ValueError(
            f"This cluster encrypts its connections ({scheme}://). Those that training opens between workers are not "
            "encrypted, so they are not opened here; train in one process, or on a cluster in a network that is trusted."
        )
