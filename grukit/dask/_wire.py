"""Messages between processes that train together: a line of JSON and arrays, no code. Whoever connects shows a token first."""

import json
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from secrets import compare_digest
from typing import Any

import numpy as np

LENGTH = struct.Struct("!Q")
LONGEST_HEAD = 1 << 24
SMALL = 1 << 16  # bytes up to which a message is sent in one piece
# A machine that is gone without a word is noticed after half a minute: by who waits for it, and by who sent it what it
# never acknowledged, which the first three do not look at.
KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}


@dataclass
class Traffic:
    """Bytes that trainings sent over their own connections.

    Attributes
    ----------
    to_workers, from_workers : int
        Between the client and the workers.
    between_workers : int
        Sums of gradients, and rows that one worker keeps and another computes with.
    steps : int
        Training steps that were taken.
    """

    to_workers: int = 0
    from_workers: int = 0
    between_workers: int = 0
    steps: int = 0


class Lost(ConnectionError):
    """The other side is gone, or a message was cut off."""


class Connection:
    """A connected socket that sends and receives messages, and counts their bytes.

    Parameters
    ----------
    connected : socket
        Of TCP.
    """

    def __init__(self, connected: socket.socket):
        self.socket, self.sent, self.received, self.broken = connected, 0, 0, False
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEP_ALIVE.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def welcome(self, token: str) -> dict[str, Any] | None:
        """What whoever connected says; None of one who does not show the token, of whom nothing else is read."""
        shown = np.empty(len(token), np.uint8)
        try:
            self._run(lambda: self._read(shown))
            return self.receive()[0] if compare_digest(shown.tobytes(), token.encode()) else None
        except Lost:
            return None

    def send(self, kind: str, arrays: Sequence[np.ndarray] = (), **told: Any) -> None:
        """Send a message of a kind.

        Raises
        ------
        Lost
            Where the other side is gone.
        """
        arrays = [np.ascontiguousarray(array) for array in arrays]
        described = [[array.dtype.str, list(array.shape)] for array in arrays]
        head = json.dumps({"kind": kind, "arrays": described, **told}).encode()
        pieces: list[Any] = [LENGTH.pack(len(head)) + head, *(_bytes_of(array) for array in arrays)]
        total = sum(len(piece) for piece in pieces)
        self._run(partial(self._send, [b"".join(pieces)] if total <= SMALL else pieces))
        self.sent += total

    def show(self, token: str) -> None:
        """Send the token, and nothing around it."""
        self._run(lambda: self.socket.sendall(token.encode()))

    def receive(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The next message: what it tells, its kind among it, and its arrays.

        Raises
        ------
        Lost
            Where the other side is gone.
        """
        return self._run(self._receive)

    def close(self) -> None:
        """Close; the other side then finds this one gone, and a thread that waits for that one finds it gone."""
        self.broken = True
        with suppress(OSError):  # of a connection that is no more
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _send(self, pieces: list[Any]) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def _receive(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        (length,) = LENGTH.unpack(self._read(np.empty(LENGTH.size, np.uint8)).tobytes())
        if length > LONGEST_HEAD:
            raise Lost("what came is no message")
        head = json.loads(self._read(np.empty(length, np.uint8)).tobytes())
        arrays = [np.empty(shape, dtype) for dtype, shape in head.pop("arrays")]
        for array in arrays:
            self._read(array)
        return head, arrays

    def _read(self, into: np.ndarray) -> np.ndarray:
        left = _bytes_of(into)
        while len(left):
            n = self.socket.recv_into(left)
            if n == 0:
                raise Lost("the connection was closed")
            self.received += n
            left = left[n:]
        return into

    def _run(self, action: Any) -> Any:
        """What an action gives; after one that failed or was interrupted half a message may be on its way."""
        if self.broken:
            raise Lost("the connection was closed")
        try:
            return action()
        except BaseException as error:
            self.broken = True
            if isinstance(error, OSError):
                raise Lost(str(error)) from error
            raise


def _bytes_of(array: np.ndarray) -> memoryview:
    """A C-contiguous array as bytes."""
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


def connect(address: tuple[str, int], token: str, role: str, **told: Any) -> Connection:
    """Connect to a listener: as "client", as "fetcher" of rows or as the one "before", which sends sums.

    Raises
    ------
    Lost
        Where nobody listens there.
    """
    try:
        connection = Connection(socket.create_connection(address, timeout=30))
    except OSError as error:
        raise Lost(f"{address[0]}:{address[1]} cannot be reached: {error}") from error
    connection.socket.settimeout(None)
    connection.show(token)
    connection.send("hello", role=role, **told)
    return connection


def listen(host: str) -> socket.socket:
    """A listener at any free port of one of this machine's addresses."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)
