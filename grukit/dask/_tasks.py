"""What Dask does for those that train together: a task on each worker, which serves until training is over."""

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from distributed import KilledWorker, wait

from grukit.dask._wire import Connection, Lost
from grukit.dask._worker import Job, close_listener, open_listener, serve
from grukit.version import __version__

PATIENCE = 30.0  # seconds that new workers have to come where all are lost
LOOK = 1.0  # seconds after which a client that waits for a worker looks whether its task failed
AGAIN = 60.0  # seconds that a worker whose task has begun has to answer whoever connects
END = 10.0  # seconds that the workers' tasks have to end


@dataclass
class Member:
    """A worker of a crew."""

    address: str  # in Dask
    peer: tuple[str, int]  # where it listens
    task: Any
    connection: Connection | None = None
    begun: bool = False  # its task
    kept: Sequence[int] = ()  # numbers of pieces

    def wait(self) -> None:
        """Wait until its task has begun, which may take until a thread is free, and hear which pieces it keeps.

        Raises
        ------
        Lost
            Where it is gone, or does not answer though its task has begun.
        Exception
            That of its task.
        """
        connection, end = self.connection, time.monotonic() + AGAIN
        assert connection is not None
        connection.socket.settimeout(LOOK)
        while True:
            try:
                connection.socket.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                self._check_task()
                if self.begun and time.monotonic() > end:
                    raise Lost(f"it did not answer for {AGAIN:g} s") from None
                continue
            except OSError as error:
                raise Lost(str(error)) from error
            break
        connection.socket.settimeout(None)
        try:
            self.kept = connection.receive()[0]["kept"]
        except Lost:
            if not self.begun:  # where its task failed, that is to be told; the cluster hears of it within a moment
                with suppress(TimeoutError, CancelledError):
                    wait(self.task, timeout=LOOK)
                self._check_task()
            raise
        self.begun = True

    def _check_task(self) -> None:
        """Raise what its task raised; Lost where there is no task any more."""
        if self.task.status == "error" and not isinstance(self.task.exception(), KilledWorker):
            raise self.task.exception()
        if self.task.status != "pending":
            raise Lost(f"its task is {self.task.status}")


class Recruits:
    """The workers that a training began with.

    Parameters
    ----------
    client : distributed.Client
        Whose workers are taken, all of them.
    job_of : callable
        Makes a :class:`Job` of what is known here alone.
    """

    def __init__(self, client: Any, job_of: Callable[..., Job]):
        self.client, self.job_of = client, job_of
        self.token, self._members = "", list[Member]()

    def begin(self) -> list[Member]:
        """Start a task on each worker that the cluster has, and wait for some to come where it has none.

        Raises
        ------
        OSError
            Where all are lost meanwhile.
        RuntimeError
            Where none comes, or one cannot take part.
        """
        end = time.monotonic() + PATIENCE
        while not self.client.nthreads():
            if time.monotonic() > end:
                raise RuntimeError("All Dask workers were lost, and training with them. See the workers' logs.")
            time.sleep(0.1)
        self.token = token_hex(16)
        opened = self.client.run(open_listener, self.token, on_error="return")
        there = {address: told for address, told in opened.items() if not isinstance(told, OSError)}
        for address, told in there.items():
            if isinstance(told, BaseException):
                raise RuntimeError(f"Training cannot begin on the Dask worker {address}: {told!r}") from told
            if told[3] != __version__:
                raise RuntimeError(
                    f"The Dask worker {address} has grukit {told[3]} and the client {__version__}; all need the same."
                )
        if not there:
            raise Lost(", ".join(f"{address}: {why}" for address, why in opened.items()) or "no worker is there")
        fewest = min(told[2] for told in there.values())  # slots are dealt out evenly
        for number, (address, (host, port, *_)) in enumerate(sorted(there.items())):
            job = self.job_of(token=self.token, address=address, n_threads=fewest)
            key, where = f"grukit-train-{self.token[:8]}-{number}", {"workers": [address], "allow_other_workers": False}
            task = self.client.submit(serve, job, key=key, pure=False, **where)
            self._members.append(Member(address, (host, port), task))
        return list(self._members)

    def end(self, n_knowing: int) -> None:
        """End the tasks, of which those of ``n_knowing`` members know that training is over."""
        # Of those that do not know some tasks may not even have begun, or there may be listeners and no tasks.
        if self.token and (n_knowing < len(self._members) or not self._members):
            self.client.run(close_listener, self.token, on_error="ignore")
        end = time.monotonic() + END
        for member in self._members:
            # That of a worker that is lost never ends, or the cluster forgets it; and where there is no thread for it, it
            # ends as soon as it begins.
            while (
                member.task.status == "pending" and time.monotonic() < end and member.address in self.client.nthreads()
            ):
                with suppress(TimeoutError, CancelledError):
                    wait(member.task, timeout=LOOK)
        self.token, self._members = "", []


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
