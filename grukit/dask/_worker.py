"""A worker's part of training: it keeps rows, hands them to others, and computes the gradients of its chunks."""

import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np

from grukit.dask._rows import Piece, Rows
from grukit.dask._wire import Connection, Lost, connect, listen
from grukit.engines import select_engine
from grukit.version import __version__

_listeners: dict[tuple[str, str], socket.socket] = {}  # of trainings whose tasks have not begun
_serving: dict[tuple[str, str], threading.Event] = {}  # of those whose have; set where one is over
LOOK = 0.05  # seconds after which a listener looks whether it is still wanted
PATIENCE = 60.0  # seconds that a client has to come
TOKEN_PATIENCE = 30.0  # seconds that who connects may be silent before the token is shown


@dataclass(frozen=True)
class Job:
    """What a worker is told of a training."""

    token: str
    address: str  # of the worker, in Dask
    network: Any
    loss: Any  # Loss
    dtype: str
    n_parameters: int
    longest: int
    alike: bool
    n_threads: int
    per_step: bool
    worker: int  # its number, among those
    peers: list[tuple[str, int]]  # that listen here
    owners: dict[int, int]  # the number of a piece of rows: that of the worker which keeps it


def open_listener(token: str, dask_worker: Any = None) -> tuple[str, int, str]:
    """Listen on behalf of a training that is about to begin on a worker, which Dask fills in.

    Returns
    -------
    host, port, version of grukit
    """
    from distributed.comm import get_address_host

    address = dask_worker.address
    host = "127.0.0.1" if address.startswith("inproc") else get_address_host(address)
    listener = listen(host)
    _listeners[token, address] = listener
    return host, listener.getsockname()[1], __version__


def close_listener(token: str, dask_worker: Any = None) -> None:
    """Close what :func:`open_listener` opened; what serves there ends, though its client never came."""
    key = token, dask_worker.address
    listener = _listeners.pop(key, None)
    if listener is not None:
        listener.close()
    over = _serving.get(key)
    if over is not None:
        over.set()


def serve(job: Job, pieces: list[Piece]) -> int:
    """Serve one training until its client hangs up; a task of a Dask worker, beside which others may run.

    Returns
    -------
    int
        Bytes that went between workers on behalf of this one.

    Raises
    ------
    RuntimeError
        Where no client comes.
    """
    from distributed import secede

    key = job.token, job.address
    over = _serving[key] = threading.Event()
    try:
        listener = _listeners.pop(key, None)
        if listener is None:  # closed before a thread was free
            return 0
        secede()
        with listener, Server(job, pieces, over) as server:
            server.run(listener)
    finally:
        del _serving[key]
    return server.between


def _writable(array: np.ndarray) -> np.ndarray:
    return np.require(array, requirements=["C", "W"])


class Server:
    """Answers the client's questions and those of other workers; a context manager."""

    def __init__(self, job: Job, pieces: list[Piece], over: threading.Event):
        kernels = select_engine("cpu").kernels
        # Numba would compile everything anew for a table that is read-only, as one out of a message may be.
        network = job.network._replace(layers=_writable(job.network.layers))
        loss = job.loss._replace(parameters=_writable(job.loss.parameters))
        self.job, self.rows = job, Rows(job, pieces)
        self.share = kernels.Share(network, loss, job.dtype, job.n_parameters, job.longest, job.alike, job.n_threads)
        self._groups: dict[int, Future[Any]] = {}
        self._before: SimpleQueue[np.ndarray | None] = SimpleQueue()  # sums of the slots of workers before this one
        self._next: Connection | None = None
        self._over, self._has_client = over, False

    def __enter__(self) -> "Server":
        with ExitStack() as entered:
            entered.enter_context(self.share)
            # Before anybody needs it: a worker that waits for the sum of another must see that one go.
            if self.job.worker + 1 < len(self.job.peers):
                self._next = connect(self.job.peers[self.job.worker + 1], self.job.token, "peer")
            entered.pop_all()
        self._fetching = ThreadPoolExecutor(1, "grukit-fetch")
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        self._fetching.shutdown(cancel_futures=True)
        self.rows.close()
        if self._next is not None:
            self._next.close()
        self.share.__exit__(*error)

    @property
    def between(self) -> int:
        """Bytes of rows that came from other workers, and of sums that went to the next."""
        return self.rows.fetched + (0 if self._next is None else self._next.sent)

    def run(self, listener: socket.socket) -> None:
        """Take connections until the client's is closed.

        Raises
        ------
        RuntimeError
            Where no client comes in time.
        """
        listener.settimeout(LOOK)
        end = time.monotonic() + PATIENCE
        while not self._over.is_set():
            if not self._has_client and time.monotonic() > end:
                host, port = listener.getsockname()[:2]
                raise RuntimeError(
                    f"No client came to {host}:{port} within {PATIENCE:g} s: it cannot reach this worker there, or is gone."
                )
            try:
                connected, _ = listener.accept()
            except TimeoutError:
                continue
            connected.settimeout(TOKEN_PATIENCE)  # or a stranger who is silent would keep a thread
            threading.Thread(target=self._talk, args=(Connection(connected),), daemon=True).start()

    def _talk(self, connection: Connection) -> None:
        role = connection.welcome(self.job.token)
        try:
            connection.socket.settimeout(None)
            if role == "client":
                self._has_client = True
                connection.send("ready")
            while role is not None:
                self._answer(connection, *connection.receive())
        except Lost:
            return
        except Exception as error:  # whoever asked is told
            connection.send("error", message=f"{type(error).__name__}: {error}")
        finally:
            connection.close()
            if role == "client":
                self._over.set()
            elif role == "peer":
                self._before.put(None)

    def _answer(self, connection: Connection, told: dict[str, Any], arrays: list[np.ndarray]) -> None:
        if told["kind"] == "fetch":
            connection.send("rows", self.rows.own(told["piece"], *arrays))
        elif told["kind"] == "sum":
            self._before.put(arrays[0])
        elif told["kind"] == "group":
            self._groups[told["group"]] = self._fetching.submit(self.rows.group, told, arrays)
        elif told["kind"] == "forget":
            self._groups.pop(told["group"]).cancel()
        else:
            try:
                self._compute(connection, told, *arrays)
            except Lost as error:  # another worker, whose rows were needed
                connection.send("lost", message=str(error))

    def _compute(self, connection: Connection, told: dict[str, Any], parameters: np.ndarray) -> None:
        """Answer with the losses of some slots; add their partial gradients to the sum that the worker before sends.

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
        connection.send("share", found)
