"""A worker's end of a training: it keeps rows, hands them to others, and lets its part compute for whoever it trains with."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import numpy as np

from grukit.dask._part import Part, Place
from grukit.dask._rows import Piece
from grukit.dask._wire import Connection, Lost, listen
from grukit.engines import select_engine
from grukit.kernels.cpu.storage.layout import embeddings_of
from grukit.version import __version__

_listeners: dict[tuple[str, str], socket.socket] = {}  # of trainings whose tasks have not begun
_serving: dict[tuple[str, str], threading.Event] = {}  # of those whose have; set where one is over
LOOK = 0.05  # seconds after which a listener looks whether it is still wanted
PATIENCE = 60.0  # seconds that a client has to come, or to come again where it hung up without a word
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


def open_listener(token: str, dask_worker: Any = None) -> tuple[str, int, int, str]:
    """Listen on behalf of a training that is about to begin on a worker, which Dask fills in.

    Returns
    -------
    host, port, threads of the worker, version of grukit
    """
    from distributed.comm import get_address_host

    address = dask_worker.address
    host = "127.0.0.1" if address.startswith("inproc") else get_address_host(address)
    listener = listen(host)
    _listeners[token, address] = listener
    return host, listener.getsockname()[1], dask_worker.state.nthreads, __version__


def close_listener(token: str, dask_worker: Any = None) -> None:
    """Close what :func:`open_listener` opened; what serves there ends, though its client never came."""
    key = token, dask_worker.address
    listener = _listeners.pop(key, None)
    if listener is not None:
        listener.close()
    over = _serving.get(key)
    if over is not None:
        over.set()


def serve(job: Job) -> None:
    """Serve one training until its client says goodbye; a task of a Dask worker, beside which others may run.

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
        if listener is None:  # closed before a thread was free, or opened by a process that is gone
            return
        secede()
        with listener, Server(job, over) as server:
            server.run(listener)
    finally:
        del _serving[key]


def _writable(array: np.ndarray) -> np.ndarray:
    return np.require(array, requirements=["C", "W"])


class Server:
    """Answers the client's questions and those of other workers; a context manager."""

    def __init__(self, job: Job, over: threading.Event):
        kernels = select_engine("cpu").kernels
        # Numba would compile everything anew for a table that is read-only, as one out of a message may be.
        network = job.network._replace(layers=_writable(job.network.layers))
        if embeddings_of(network.options) is not None:
            table = _writable(network.options.embeddings)
            network = network._replace(options=network.options._replace(embeddings=table))
        loss = job.loss._replace(parameters=_writable(job.loss.parameters))
        self.job, self.pieces = job, dict[int, Piece]()
        self.share = kernels.Share(network, loss, job.dtype, job.n_parameters, job.longest, job.alike, job.n_threads)
        self._part: Part | None = None
        self._between = 0  # bytes of the parts before
        self._sums: dict[int, SimpleQueue[np.ndarray | None]] = {}
        self._over, self._joining = over, threading.Lock()
        self._clients: set[Connection] = set()  # connections of the client: one, or for a moment those before it, too
        self._generation = 0  # of the part that was begun last
        self._has_come, self._until = False, time.monotonic() + PATIENCE

    def __enter__(self) -> "Server":
        self.share.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._over.set()
        with self._joining:
            self._leave()
        self.share.__exit__(*error)

    def run(self, listener: socket.socket) -> None:
        """Take connections until the client says goodbye, or hangs up and does not come again.

        Raises
        ------
        RuntimeError
            Where no client comes in time.
        """
        listener.settimeout(LOOK)
        while not self._over.is_set():
            if not self._clients and time.monotonic() > self._until:
                if self._has_come:
                    return
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
        try:
            hello = connection.welcome(self.job.token)
            if hello is not None:
                connection.socket.settimeout(None)
                with suppress(Lost):  # who hangs up may come again
                    self._hear_client(connection) if hello["role"] == "client" else self._hear_peer(connection, hello)
        except Exception as error:  # whoever asked is told, if it is still there
            with suppress(Lost):
                connection.send("error", message=f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _hear_client(self, connection: Connection) -> None:
        """Do what the client asks; what one connection asked is of no concern to the part that a later one begins."""
        self._clients.add(connection)
        self._has_come = True
        part = None
        try:
            connection.send("ready", kept=sorted(self.pieces))
            while True:
                told, arrays = connection.receive()
                if told["kind"] == "keep":
                    self.pieces[told["number"]] = Piece(told["first"], *arrays)
                elif told["kind"] == "join":
                    part = self._join(connection, told)
                elif told["kind"] == "goodbye":
                    connection.send("goodbye", between=self._between + (0 if part is None else part.between))
                    self._over.set()
                    return
                elif part is None:
                    raise RuntimeError(f"there was a message {told['kind']!r} before any of who trains")
                else:
                    part.answer(connection, told, arrays)
        finally:
            self._until = time.monotonic() + PATIENCE
            self._clients.discard(connection)

    def _join(self, connection: Connection, told: dict[str, Any]) -> Part | None:
        """Leave the part before and begin another; None where its neighbour is gone.

        Raises
        ------
        Lost
            Where a later one was begun: the client hung up before this was read, and has come again.
        """
        place = Place.of(told)
        with self._joining:
            if place.generation < self._generation:
                raise Lost("the client has come again")
            self._generation = place.generation
            self._leave()
            if self._over.is_set():
                return None
            try:
                self._part = Part(self.job, place, self.pieces, self.share, self._sums_for(place.generation))
            except Lost as error:
                connection.send("lost", message=str(error))
                return None
        connection.send("joined")
        return self._part

    def _leave(self) -> None:
        if self._part is not None:
            self._part.close()
            self._between += self._part.between
            self._part = None

    def _sums_for(self, generation: int) -> "SimpleQueue[np.ndarray | None]":
        """Where the sums of the worker before go, which may come before this one knows of the part."""
        return self._sums.setdefault(generation, SimpleQueue())

    def _hear_peer(self, connection: Connection, hello: dict[str, Any]) -> None:
        """Hand out rows, or take the sums of the worker before."""
        if hello["role"] == "fetcher":
            while True:
                told, arrays = connection.receive()
                connection.send("rows", self.pieces[told["piece"]].rows(*arrays))
        sums = self._sums_for(hello["generation"])
        try:
            while True:
                sums.put(connection.receive()[1][0])
        finally:
            sums.put(None)
